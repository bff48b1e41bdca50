"""Detail and denoise belong to a run: to its plan, its checkpoint, and to all machines that compute it."""

import json
from dataclasses import replace

import pytest
from cut_runs import OPTIONS, assert_same, cut, folder, run

from detail_models import STREAMING, write_denoise_models, write_detail_models
from fake_networks import make_frames, make_info, make_scenes
from tcnet.cluster.messages import read_done, segment_message
from tcnet.cluster.worker import Worker
from tcnet.errors import UsageError
from tcnet.inference import Upscaler
from tcnet.inference.compute import Statistics
from tcnet.inference.upscaler import split_scenes
from tcnet.models import load_model
from tcnet.upscale import plan_video
from tcnet.upscale.executor import Work
from tcnet.upscale.segment_input import iter_segment_inputs
from tcnet.video import EncodeOptions, open_sink
from tcnet.video.images import encode_png


@pytest.fixture
def vivid(tmp_path):
    (tmp_path / "models").mkdir()
    return str(write_detail_models(tmp_path / "models"))


@pytest.fixture
def noisy(tmp_path):
    (tmp_path / "models").mkdir()
    return str(write_denoise_models(tmp_path / "models"))


@pytest.fixture
def short(tmp_path):
    path = tmp_path / "short.mkv"
    sink = open_sink(path, info=make_info(None), options=EncodeOptions(codec="ffv1", pixel_format="bgr0"))
    for frame in make_frames(11):
        sink.write(frame)
    sink.finish()
    return path


def test_a_run_is_continued_with_its_detail_given_or_not_and_refused_with_another(short, tmp_path, vivid):
    out = tmp_path / "out.mkv"
    cut(short, out, 7, model=vivid)
    header = json.loads((folder(out) / "journal.jsonl").read_text().splitlines()[0])
    assert header["detail"] == header["plan"]["detail"] == 0.75
    for detail in (0.5, 1):
        with pytest.raises(UsageError, match=rf"detail \(then 0\.75, now {detail}\), model weights"):
            run(short, out, model=vivid, options=replace(OPTIONS, detail=detail))
    told = []
    given = replace(OPTIONS, detail=0.75)  # the same as the card says
    run(short, out, model=vivid, options=given, on_plan=told.append)
    assert "continues an unfinished run" in told[0].notices[0]
    assert told[0].options.detail == 0.75
    run(short, tmp_path / "whole.mkv", model=vivid)
    assert_same(out, tmp_path / "whole.mkv")


def test_a_plan_says_the_detail_and_a_model_without_is_refused_at_once(short, tmp_path, vivid):
    assert plan_video(short, model=vivid, options=OPTIONS).options.detail == 0.75
    assert plan_video(short, model=vivid, options=OPTIONS, detail=0).options.detail == 0
    assert plan_video(short, model=vivid.replace("vivid", "plain"), options=OPTIONS).options.detail is None
    with pytest.raises(UsageError, match="has no detail to choose"):
        plan_video(short, model="tcnet-lite", detail=0.5)


def test_workers_compute_the_detail_that_was_sent(vivid):
    network = load_model(vivid, detail=0.25)
    options = replace(OPTIONS, detail=0.25)
    lr = list(make_scenes(10))
    worker = Worker()
    plan = worker.plan(make_info(10), network, options, None)
    assert plan.options.detail == 0.25
    worker.take_on(
        "run",
        Work(network, options, 24, 32, None, make_info(None, 96, 128), wants_frames=False),
        network.identity(),
    )
    scenes = split_scenes(iter(lr), options, Statistics())
    segments = list(iter_segment_inputs(scenes, 12, 4, network.config.group_size, 10, 0))
    done = [read_done(worker.compute("run", segment_message(segment))) for segment in segments]
    expected = Upscaler(vivid, options).stream(lr, align=10)
    assert [png for each in done for png in each.encoded.files] == [
        encode_png(frame.pixels, None) for frame in expected
    ]


def test_a_run_is_continued_with_its_denoise_given_or_not_and_refused_with_another(short, tmp_path, noisy):
    out = tmp_path / "out.mkv"
    cut(short, out, 7, model=noisy)
    header = json.loads((folder(out) / "journal.jsonl").read_text().splitlines()[0])
    assert header["denoise"] == header["plan"]["denoise"] == 0.75
    for denoise in (0, 0.5):
        with pytest.raises(UsageError, match=rf"denoise \(then 0\.75, now {denoise}[.0]*\), model weights"):
            run(short, out, model=noisy, options=replace(OPTIONS, denoise=denoise))
    told = []
    given = replace(OPTIONS, denoise=0.75)  # the same as the card says
    run(short, out, model=noisy, options=given, on_plan=told.append)
    assert "continues an unfinished run" in told[0].notices[0]
    assert told[0].options.denoise == 0.75
    run(short, tmp_path / "whole.mkv", model=noisy)
    assert_same(out, tmp_path / "whole.mkv")


def test_a_run_from_before_there_was_a_denoise_goes_on_without_and_is_refused_with_one(
    short, tmp_path, noisy
):
    out, without = tmp_path / "out.mkv", replace(OPTIONS, denoise=0)
    cut(short, out, 7, model=noisy, options=without)
    journal = folder(out) / "journal.jsonl"
    first, *lines = journal.read_text().splitlines()
    header = json.loads(first)
    assert header.pop("denoise") == header["plan"].pop("denoise") == 0
    assert header["options"].pop("denoise", None) is None
    journal.write_text("\n".join((json.dumps(header), *lines, "")))
    with pytest.raises(UsageError, match=r"denoise \(then 0\.0, now 0\.75\), model weights"):
        run(short, out, model=noisy)
    told = []
    run(short, out, model=noisy, options=without, on_plan=told.append)
    assert "continues an unfinished run" in told[0].notices[0]
    run(short, tmp_path / "whole.mkv", model=noisy, options=without)
    assert_same(out, tmp_path / "whole.mkv")


def test_a_stream_that_is_continued_gives_the_frames_of_one_that_was_not(short, tmp_path):
    models = tmp_path / "streaming"
    models.mkdir()
    model = str(write_denoise_models(models, config=STREAMING))
    out, options = tmp_path / "out.mkv", replace(OPTIONS, window=None, overlap=None, denoise=1)
    cut(short, out, 7, model=model, options=options)
    run(short, out, model=model, options=options)
    run(short, tmp_path / "whole.mkv", model=model, options=options)
    assert_same(out, tmp_path / "whole.mkv")


def test_a_plan_says_the_denoise(short, noisy):
    assert plan_video(short, model=noisy, options=OPTIONS).options.denoise == 0.75
    assert plan_video(short, model=noisy, options=OPTIONS, denoise=0).options.denoise == 0
    with pytest.raises(UsageError, match="denoise is 3, it must be from 0 to 1"):
        plan_video(short, model=noisy, denoise=3)
