"""What workers do, in this process: segments as messages, errors as messages."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from cluster_fakes import OneWorker

from fake_networks import BreaksInReducedPrecision, TemporalBox, make_frames, make_info, make_scenes
from tcnet.cluster.messages import read_done, read_segment, segment_message
from tcnet.cluster.worker import KEPT_RUNS, Worker, versions
from tcnet.errors import MediaError, UsageError
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.compute import Statistics
from tcnet.inference.upscaler import split_scenes
from tcnet.models import load_model
from tcnet.system.cpu_features import FAST_INT8, cpu_has
from tcnet.upscale import upscale_video
from tcnet.upscale.executor import Work
from tcnet.upscale.output.run_output import frames_kept
from tcnet.upscale.segment_input import iter_segment_inputs
from tcnet.version import __version__
from tcnet.video import EncodeOptions, open_source
from tcnet.video.images import encode_png

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=4)
INFO = make_info(None, height=96, width=128)


def work_for(network, options=OPTIONS, *, wants_frames=False):
    return Work(network, options, 24, 32, None, INFO, wants_frames=wants_frames)


def cut(frames, align=10, skip=0):
    return list(iter_segment_inputs(split_scenes(iter(frames), OPTIONS, Statistics()), 12, 4, 4, align, skip))


@pytest.mark.parametrize("skip", [0, 3, 10, 29, 40])
def test_units_give_what_a_stream_gives(skip):
    lr = list(make_scenes(14, 3, 23))
    network = TemporalBox(4)
    worker = Worker()
    worker.take_on("run", work_for(network), network.identity())
    done = [read_done(worker.compute("run", segment_message(segment))) for segment in cut(lr, skip=skip)]
    pngs = [png for each in done for png in each.encoded.files]
    upscaler = Upscaler(network, OPTIONS)
    whole = list(upscaler.stream(lr, skip=skip, align=10))
    assert pngs == [encode_png(frame.pixels, None) for frame in whole]
    assert sum(each.windows for each in done) == upscaler.statistics.windows


def test_near_repeats_are_copied_by_workers_as_by_a_stream():
    options = replace(OPTIONS, repeated="near", scene_cuts=False)
    lr = [
        replace(frame, pixels=np.full_like(frame.pixels, 90 + i // 8))
        for i, frame in enumerate(make_frames(30))
    ]
    for i in range(1, 30, 2):
        lr[i].pixels[4:12, 4:12] += np.tile(np.array([[2], [0]], np.uint8), (4, 8))[..., None]
    worker, network = Worker(), TemporalBox(4)
    worker.take_on("run", work_for(network, options), network.identity())
    done = [read_done(worker.compute("run", segment_message(segment))) for segment in cut(lr)]
    upscaler = Upscaler(network, options)
    whole = list(upscaler.stream(lr, align=10))
    assert [png for each in done for png in each.encoded.files] == [encode_png(f.pixels, None) for f in whole]
    assert sum(each.repeated_frames for each in done) == upscaler.statistics.repeated_frames > 20


def test_a_unit_survives_the_journey():
    lr = list(make_frames(12, dtype=np.uint16))
    alpha = np.full((24, 32), 7, np.uint16)
    lr[3] = replace(lr[3], alpha=alpha, captions=b"\xfc\x94\x20")
    (segment, last) = cut(lr)
    for sent in (segment, last):
        got = read_segment(segment_message(sent))
        assert (got.number, got.first, got.windows, got.skip) == (
            sent.number,
            sent.first,
            sent.windows,
            sent.skip,
        )
        for before, after in zip(sent.frames, got.frames, strict=True):
            assert (before.pts, before.duration, before.time_base) == (
                after.pts,
                after.duration,
                after.time_base,
            )
            np.testing.assert_array_equal(before.pixels, after.pixels)
            assert (before.alpha is None) == (after.alpha is None)
            assert before.captions == after.captions
    assert segment.size == sum(frame.pixels.nbytes for frame in segment.frames) + alpha.nbytes


def test_other_weights_are_refused_and_both_named():
    network = TemporalBox(4)
    with pytest.raises(MediaError, match=rf"weights {network.identity()}, this machine has 0123"):
        Worker().take_on("run", work_for(network), "0123")


def test_runs_with_the_same_model_share_it():
    network = TemporalBox(4)
    worker = Worker()
    for number in range(KEPT_RUNS + 1):
        worker.take_on(f"run {number}", work_for(network), network.identity())
    assert not worker.knows("run 0")
    assert worker.knows(f"run {KEPT_RUNS}")
    assert len({id(run.compute) for run in worker._runs.values()}) == 1


def test_a_recomputed_frame_is_counted_and_the_newest_sent_where_wanted():
    lr = list(make_frames(10))
    lr[4].pixels[0, 0] = 255
    options = UpscaleOptions(device="cpu", precision="bf16", window=12, overlap=4)
    network = BreaksInReducedPrecision()
    worker = Worker()
    worker.take_on("run", work_for(network, options, wants_frames=True), network.identity())
    (segment,) = cut(lr)
    done = read_done(worker.compute("run", segment_message(segment)))
    assert done.recomputed_frames > 0
    assert done.recomputed_windows == 1
    assert done.newest.pts == lr[-1].pts
    assert done.newest.pixels.shape == (96, 128, 3)


def test_damaged_weights_are_an_error_of_the_run():
    network = BreaksInReducedPrecision(hopeless=True)
    lr = list(make_frames(10))
    lr[4].pixels[0, 0] = 255
    worker = Worker()
    worker.take_on("run", work_for(network), network.identity())
    message = worker.compute("run", segment_message(cut(lr)[0]))
    with pytest.raises(MediaError, match=r"frame 4 .*NaN or infinity even in float32"):
        read_done(message)


def test_want_of_memory_is_said_with_what_is_to_be_done():
    class TooLarge(TemporalBox):
        def frames(self, lr_clip, start=0):
            raise torch.OutOfMemoryError("CUDA out of memory")
            yield

    network = TooLarge(4)
    worker = Worker()
    worker.take_on("run", work_for(network), network.identity())
    message = worker.compute("run", segment_message(cut(list(make_frames(10)))[0]))
    with pytest.raises(MediaError, match=r"ran out of memory on cpu .*windows of 12 frames.*smaller --tile"):
        read_done(message)


def test_other_failures_are_not_taken_for_want_of_memory():
    class Broken(TemporalBox):
        def frames(self, lr_clip, start=0):
            raise RuntimeError("shape mismatch")
            yield

    network = Broken(4)
    worker = Worker()
    worker.take_on("run", work_for(network), network.identity())
    with pytest.raises(RuntimeError, match="shape mismatch"):
        worker.compute("run", segment_message(cut(list(make_frames(10)))[0]))


def test_a_plan_that_cannot_be_comes_back_as_words():
    message = Worker().plan(make_info(100), TemporalBox(4), UpscaleOptions(window=3, overlap=4), None)
    with pytest.raises(UsageError, match="window of 3 frames is too short"):
        read_done(message)


@pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")
@pytest.mark.parametrize(("asked", "precision"), [("auto", "fp32"), ("int8", "int8")])
def test_a_plan_for_all_workers_is_in_integers_only_if_wanted(monkeypatch, asked, precision):
    monkeypatch.setattr("tcnet.system.cpu_features.cpu_features", lambda: FAST_INT8)
    options = UpscaleOptions(device="cpu", precision=asked)
    plan = Worker().plan(make_info(20, 24, 32), load_model("tcnet-bi"), options, None)
    assert plan.precision == plan.options.precision == precision


def test_versions_name_what_pictures_depend_on():
    assert versions()["tcnet"] == __version__
    assert set(versions()) == {"tcnet", "torch", "av"}
    assert "+" not in versions()["torch"]


def test_segments_are_short_where_workers_are_slow_and_stay_so_when_continued(tmp_path):
    (source := tmp_path / "in").mkdir()
    for number, frame in enumerate(make_frames(20)):
        (source / f"{number:03d}.png").write_bytes(encode_png(frame.pixels, None))
    slow, fast = OneWorker(200), OneWorker(0.01)
    given = {"model": TemporalBox(4), "options": OPTIONS}
    encode = EncodeOptions(codec="ffv1")
    upscale_video(source, tmp_path / "whole.mkv", cluster=slow, encode=encode, **given)
    assert slow.sizes == [8, 8, 4]

    def stop(progress):
        if progress.frames_done == 16:
            while not frames_kept(tmp_path / "out.mkv"):
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upscale_video(source, tmp_path / "out.mkv", cluster=slow, encode=encode, progress=stop, **given)
    upscale_video(source, tmp_path / "out.mkv", cluster=fast, encode=encode, **given)
    assert fast.sizes in ([8, 4], [4])  # as many as had not been written
    with open_source(tmp_path / "out.mkv") as one, open_source(tmp_path / "whole.mkv") as two:
        for got, wanted in zip(one, two, strict=True):
            np.testing.assert_array_equal(got.pixels, wanted.pixels)
