import signal
import sys
import threading
import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from fake_networks import BreaksInReducedPrecision, FakeSink, FakeSource, Nearest, make_frames, make_info
from tcnet.errors import MediaError, TcnetError, UsageError
from tcnet.inference import UpscaleOptions
from tcnet.inference.memory import peak_memory
from tcnet.network import TCNet, TCNetConfig
from tcnet.upscale import plan_video, upscale_video
from tcnet.upscale.executor import LocalExecutor, Observers
from tcnet.upscale.run import execute
from tcnet.upscale.segment_length import SEGMENT_FRAMES
from tcnet.video import EncodeOptions, ReadOptions, open_sink, open_source

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=4)
LOSSLESS = EncodeOptions(codec="ffv1", pixel_format="bgr0")


def write_video(path, frames, options=LOSSLESS, **info):
    """A file, lossless by default; irregular times."""
    frames = list(frames)
    height, width, _ = frames[0].pixels.shape
    sink = open_sink(path, info=make_info(None, height, width, **info), options=options)
    for frame in frames:
        sink.write(frame)
    sink.finish()
    return frames


def read_video(path):
    with open_source(path) as source:
        return source.info, list(source)


def enlarged(pixels):
    return pixels.repeat(4, 0).repeat(4, 1)


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_a_file_comes_out_four_times_the_size_with_all_frames_and_times(tmp_path, propagation):
    lr = write_video(tmp_path / "in.mkv", make_frames(13, 25, 33))
    result = upscale_video(
        tmp_path / "in.mkv",
        tmp_path / "out.mkv",
        model=Nearest(propagation),
        options=OPTIONS,
        encode=LOSSLESS,
    )
    info, sr = read_video(result.output)
    assert result.frames == len(sr) == 13
    assert (info.width, info.height) == (132, 100)
    for before, after in zip(lr, sr, strict=True):
        assert after.seconds == before.seconds
        np.testing.assert_array_equal(after.pixels, enlarged(before.pixels))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]
    assert result.recomputed_frames == 0
    assert result.seconds > 0
    assert result.plan.model == "Nearest"


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_captions_stay_with_their_frames_even_where_pictures_repeat(tmp_path, propagation):
    frames = list(make_frames(13, 24, 32))
    frames[5] = replace(frames[5], pixels=frames[4].pixels)
    frames = [replace(frame, captions=bytes((0xFC, 0x80, i))) for i, frame in enumerate(frames)]
    write_video(tmp_path / "in.mkv", frames, options=EncodeOptions(codec="h264"))
    result = upscale_video(
        tmp_path / "in.mkv", tmp_path / "out.mp4", model=Nearest(propagation), options=OPTIONS
    )
    assert [frame.captions for frame in read_video(result.output)[1]] == [f.captions for f in frames]


def test_a_real_network_runs_in_the_best_precision(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames(5))
    torch.manual_seed(0)
    network = TCNet(TCNetConfig(channels=8, propagation_blocks=1, refinement_blocks=1))
    result = upscale_video(tmp_path / "in.mkv", model=network, options=UpscaleOptions(device="cpu", scale=2))
    assert result.output == tmp_path / "in.x2.mkv"
    info, sr = read_video(result.output)
    assert (len(sr), info.width, info.height) == (5, 64, 48)


def test_images_in_images_out(tmp_path):
    (tmp_path / "in").mkdir()
    sink = open_sink(tmp_path / "in/%04d.png", info=make_info(None))
    lr = list(make_frames(3))
    for frame in lr:
        sink.write(frame)
    sink.finish()
    read = ReadOptions(frame_rate=Fraction(30000, 1001))
    result = upscale_video(tmp_path / "in", model=Nearest(), options=OPTIONS, read=read)
    assert result.output == tmp_path / "in.x4"
    _, sr = read_video(result.output)
    for before, after in zip(lr, sr, strict=True):
        np.testing.assert_array_equal(after.pixels, enlarged(before.pixels))


@pytest.mark.parametrize(
    ("options", "name"), [({}, "in.x4.mkv"), ({"scale": 3}, "in.x3.mkv"), ({"height": 60}, "in.60p.mkv"), ({"width": 64}, "in.64w.mkv")]
)  # fmt: skip
def test_the_default_name_says_what_was_done(tmp_path, options, name):
    write_video(tmp_path / "in.mkv", make_frames(1))
    result = upscale_video(tmp_path / "in.mkv", model=Nearest(), options=replace(OPTIONS, **options))
    assert result.output.name == name


def test_options_by_name_choose_size_and_part(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames(13, 24, 32))
    given = {"model": Nearest(), "options": OPTIONS, "encode": LOSSLESS, "scale": 2, "end": 0.3}
    plan = plan_video(tmp_path / "in.mkv", **given)
    result = upscale_video(tmp_path / "in.mkv", **given)
    assert result.output == tmp_path / "in.x2.mkv"
    info, frames = read_video(result.output)
    assert (info.width, info.height) == (plan.output_width, plan.output_height) == (64, 48)
    assert 0 < len(frames) == result.frames < 13


def test_progress_is_told_from_start_to_end(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames(30))
    told = []
    upscale_video(tmp_path / "in.mkv", model=Nearest(), options=OPTIONS, progress=told.append)
    assert [progress.frames_done for progress in told] == list(range(31))
    assert told[0].fps is not None  # from the probe
    assert all(progress.fps > 0 for progress in told)


def test_the_plan_is_told_before_anything_is_written_and_is_the_one_of_a_dry_run(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames(5))
    told = []

    def on_plan(plan):
        told.append((plan, [path.name for path in tmp_path.iterdir()]))

    dry = plan_video(tmp_path / "in.mkv", model=Nearest(), options=OPTIONS)
    result = upscale_video(tmp_path / "in.mkv", model=Nearest(), options=OPTIONS, on_plan=on_plan)
    assert told == [(result.plan, ["in.mkv"])]
    assert dry.options == result.plan.options
    assert (dry.memory, dry.output_width) == (result.plan.memory, result.plan.output_width)
    assert dry.seconds > 0


class Slow(Nearest):
    """Takes longer than what a busy machine does besides."""

    def frames(self, lr_clip, start=0):
        for picture in super().frames(lr_clip, start):
            time.sleep(0.01)
            yield picture


def run(source, sink, progress=None, model=None):
    executor = LocalExecutor(source.info, model or Nearest(), OPTIONS)
    return execute(executor, source, sink, SEGMENT_FRAMES, Observers(progress=progress))


def test_an_eta_is_told_from_the_start_and_ends_at_nothing():
    """How good it is, tests/upscale/test_progress.py shows with a clock of its own."""
    told = []
    source = FakeSource(list(make_frames(60, 64, 64)), make_info(60, 64, 64))
    run(source, FakeSink(), progress=told.append, model=Slow())
    assert [now.frames_done for now in told] == list(range(61))
    assert told[0].eta_seconds > 0
    assert told[-1].eta_seconds == 0


def test_nothing_is_left_when_the_input_fails_before_a_segment_is_finished():
    def frames():
        yield from make_frames(20)
        raise MediaError("damaged")

    sink = FakeSink()
    with pytest.raises(MediaError, match="damaged"):
        run(FakeSource(frames(), make_info(30)), sink)
    assert (sink.finished, sink.aborted) == (0, 1)


def test_nothing_is_left_when_the_model_fails(tmp_path):
    lr = list(make_frames(20))
    lr[15].pixels[0, 0] = 255
    write_video(tmp_path / "in.mkv", lr)
    with pytest.raises(MediaError, match=r"frame 15 .*NaN"):
        upscale_video(tmp_path / "in.mkv", model=BreaksInReducedPrecision(hopeless=True), options=OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_nothing_is_left_after_ctrl_c(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames(100))
    timer = threading.Timer(0.01, signal.raise_signal, [signal.SIGINT])

    def progress(now):
        if now.frames_done == 15:
            timer.start()

    with pytest.raises(KeyboardInterrupt):
        upscale_video(tmp_path / "in.mkv", model=Slow(), options=OPTIONS, progress=progress)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]


def test_recomputed_frames_and_notices_are_reported(tmp_path):
    lr = list(make_frames(20))
    lr[19].pixels[0, 0] = 255
    write_video(tmp_path / "in.mkv", lr)
    options = replace(OPTIONS, precision="bf16")
    result = upscale_video(tmp_path / "in.mkv", model=BreaksInReducedPrecision(), options=options)
    assert result.recomputed_frames == 1
    assert result.plan.precision == "bf16"


def test_an_input_without_frames_is_an_error_and_leaves_nothing():
    sink = FakeSink()
    with pytest.raises(MediaError, match="no frame that can be decoded"):
        run(FakeSource([], make_info(0)), sink)
    assert (sink.finished, sink.aborted) == (0, 1)


def test_an_executor_plans_for_the_source_and_counts_what_it_computes():
    source = FakeSource(list(make_frames(3, dtype=np.uint16)), make_info(3, bit_depth=10))
    executor = LocalExecutor(source.info, Nearest(), OPTIONS)
    assert (executor.plan.output_width, executor.plan.output_height) == (128, 96)
    assert execute(executor, source, FakeSink(), 48) == executor.statistics.frames == 3


def test_frames_that_are_there_are_not_computed_again():
    told = []
    sink = FakeSink(done=13)
    source = FakeSource(list(make_frames(20)), make_info(20))
    assert run(source, sink, progress=told.append) == 20
    assert source.given == 20
    assert [frame.pts for frame in sink.frames] == [frame.pts for frame in make_frames(20)][13:]
    assert [now.frames_done for now in told] == list(range(13, 21))


def test_where_all_frames_are_there_the_sink_is_only_finished():
    sink = FakeSink(done=20, complete=True)
    source = FakeSource(list(make_frames(20)), make_info(20))
    assert run(source, sink) == 20
    assert (source.given, sink.finished, sink.aborted) == (0, 1, 0)


def test_an_existing_output_stays_unless_overwritten(tmp_path):
    write_video(tmp_path / "in.mkv", make_frames(2))
    out = tmp_path / "out.mkv"
    out.write_bytes(b"precious")
    with pytest.raises(MediaError, match=r"out\.mkv"):
        upscale_video(tmp_path / "in.mkv", out, model=Nearest(), options=OPTIONS)
    assert out.read_bytes() == b"precious"
    upscale_video(tmp_path / "in.mkv", out, model=Nearest(), options=OPTIONS, overwrite=True)
    assert len(read_video(out)[1]) == 2


@pytest.mark.parametrize("name", ["out.mkv", "folder", "missing/out.mkv", "in.mkv", "out.avi", "x.png"])
def test_a_place_that_will_not_do_is_refused_before_the_model_is_used(tmp_path, name):
    write_video(tmp_path / "in.mkv", make_frames(2))
    (tmp_path / "out.mkv").write_bytes(b"precious")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "00000001.png").write_bytes(b"precious")
    network = Nearest()
    with pytest.raises(TcnetError, match=name.split("/")[0]):
        upscale_video(tmp_path / "in.mkv", tmp_path / name, model=network, options=OPTIONS)
    assert network.clips == []


def test_unknown_models_and_missing_files_are_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown model 'esrgan'"):
        upscale_video(tmp_path / "in.mkv", model="esrgan")
    with pytest.raises(MediaError, match=r"in\.mkv"):
        upscale_video(tmp_path / "in.mkv", model=Nearest())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_peak_memory_is_in_bytes():
    assert 50 * 2**20 < peak_memory(torch.device("cpu")) < 2**40
