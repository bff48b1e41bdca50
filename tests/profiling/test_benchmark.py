import json

import pytest
import torch

from tcnet.errors import MediaError, UsageError
from tcnet.inference.precision import FP32, choose_precision
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.profiling.benchmark import moving_texture, run_benchmark
from tcnet.profiling.benchmark_result import STAGE_HEADER, stage_rows, write_json
from tcnet.profiling.roofline import convolution_limit, memory_bandwidth
from tcnet.profiling.stages import REST, STAGES
from tcnet.system.cpu_features import FAST_INT8, cpu_has


@pytest.fixture(autouse=True)
def _little_to_copy(monkeypatch):
    monkeypatch.setattr("tcnet.profiling.roofline.COPY_BYTES", 2**22)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_model(
        TCNet(TCNetConfig(channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8)), path
    )
    return str(path)


def test_every_row_is_measured(tiny, tmp_path):
    result = run_benchmark([tiny], 16, 24, frames=2, rounds=2, device="cpu", precision="fp32")
    assert [len(row) for row in result.rows] == [len(result.header)] * 3
    ours, plain, channels_last = result.timings
    assert ours.name == "tiny.safetensors (TCNet bidirectional)"
    assert plain.ratio == 1
    # The same network: as many operations. Ours is far smaller.
    assert channels_last.gflop_per_frame == pytest.approx(plain.gflop_per_frame)
    assert 0 < ours.gflop_per_frame < plain.gflop_per_frame
    for row in result.timings:
        assert 0 < row.milliseconds_per_frame <= row.slowest_round
        assert row.limit_fraction > 0
        assert row.peak_memory is None or row.peak_memory > 2**20
    assert ours.ratio == pytest.approx(ours.milliseconds_per_frame / plain.milliseconds_per_frame)
    assert "16x24 to 64x96, fp32 on cpu" in result.title

    write_json([result], tmp_path / "figures.json")
    (stored,) = json.loads((tmp_path / "figures.json").read_text())["runs"]
    assert [row["name"] for row in stored["timings"]] == [c.name for c in result.timings]
    with pytest.raises(MediaError, match="cannot be written"):
        write_json([result], tmp_path / "missing" / "figures.json")


def test_without_the_weights_of_basicvsr_it_is_timed_with_random_ones(tiny, monkeypatch):
    monkeypatch.setattr("importlib.metadata.MetadataPathFinder.find_distributions", lambda *_: iter(()))
    result = run_benchmark([tiny], 16, 16, frames=1, rounds=1, device="cpu", precision="fp32")
    assert result.timings[1].milliseconds_per_frame > 0
    assert any("random weights" in remark for remark in result.remarks)


def test_compiled_models_have_the_operations_of_what_was_compiled(tiny, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    shape = {"height": 16, "width": 24, "frames": 2, "rounds": 1, "device": "cpu", "precision": "fp32"}
    ours, *_ = run_benchmark([tiny], **shape).timings
    compiled, *baselines = run_benchmark([tiny], **shape, compiled=True).timings
    assert compiled.name == f"{ours.name}, compiled"
    assert compiled.gflop_per_frame == ours.gflop_per_frame
    assert [stage.multiply_adds for stage in compiled.stages] == [
        stage.multiply_adds for stage in ours.stages
    ]
    assert all(stage.milliseconds_per_frame > 0 for stage in compiled.stages)
    assert all("compiled" not in baseline.name for baseline in baselines)


def test_the_stages_make_up_the_whole(tiny):
    result = run_benchmark([tiny], 16, 24, frames=2, rounds=1, device="cpu", precision="fp32")
    ours, plain, _ = result.timings
    assert [stage.name for stage in ours.stages] == [*STAGES, REST]
    assert sum(stage.share for stage in ours.stages) == pytest.approx(1)
    operations = sum(stage.multiply_adds for stage in ours.stages)
    assert operations == pytest.approx(ours.gflop_per_frame * 1e9 / 2 / (16 * 24 * 16))
    assert all(stage.limit_fraction > 0 for stage in ours.stages[:-1])
    assert ours.stages[-1].limit_fraction is None
    assert [len(row) for row in stage_rows(ours)] == [len(STAGE_HEADER)] * len(ours.stages)
    assert plain.stages == ()


def test_the_operations_of_a_trunk_are_those_of_its_layers(tiny):
    """16 channels: an entry from 9 + 16 and one block of two, 3x3, at LR size; per SR pixel a sixteenth."""
    result = run_benchmark([tiny], 16, 16, frames=2, rounds=1, device="cpu", precision="fp32")
    stages = {stage.name: stage for stage in result.timings[0].stages}
    assert stages["propagation"].multiply_adds == 9 * 16 * (25 + 2 * 16) / 16


def test_a_model_against_itself_is_refused(tiny):
    with pytest.raises(UsageError, match="twice"):
        run_benchmark([tiny, tiny], 16, 16, frames=1, rounds=1, device="cpu", precision="fp32")


def test_basicvsr_has_the_operations_that_its_layers_say(tiny):
    """At 16x16: 60 blocks of two 3x3 convolutions over 64 channels make up nearly all; two per multiply-add."""
    result = run_benchmark([tiny], 16, 16, frames=1, rounds=1, device="cpu", precision="fp32")
    blocks = 60 * 2 * 2 * 9 * 64 * 64 * 16 * 16 / 1e9
    assert blocks < result.timings[1].gflop_per_frame < 2 * blocks


@pytest.mark.parametrize(("size", "words"), [((15, 64), "too small"), ((16, 4321), "too large")])
def test_impossible_sizes(tiny, size, words):
    with pytest.raises(UsageError, match=words):
        run_benchmark([tiny], *size, frames=1, rounds=1, device="cpu", precision="fp32")


@pytest.mark.parametrize("wrong", [{"model": "nosuch"}, {"device": "tpu"}, {"precision": "fp8"}])
def test_unknown_names(tiny, wrong):
    options = {"model": tiny, "device": "cpu", "precision": "fp32"} | wrong
    models = [options.pop("model")]
    with pytest.raises(UsageError, match=next(iter(wrong.values()))):
        run_benchmark(models, height=16, width=16, frames=1, rounds=1, **options)


def test_the_texture_moves_by_one_row_and_two_columns_a_frame():
    clip = moving_texture(3, 20, 30)
    assert clip.shape == (1, 3, 3, 20, 30)
    assert clip.min() >= 0
    assert clip.max() <= 1
    assert torch.equal(clip[:, 1, :, :-1, :-2], clip[:, 0, :, 1:, 2:])
    assert torch.equal(clip, moving_texture(3, 20, 30))


def test_the_limit_is_a_speed():
    assert 1e7 < convolution_limit(torch.device("cpu"), FP32, 32, 32) < 1e16


@pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")
def test_int8_has_a_limit_of_its_own():
    int8 = choose_precision("int8", torch.device("cpu"))
    assert 1e7 < convolution_limit(torch.device("cpu"), int8, 32, 32) < 1e16


def test_memory_is_copied_at_a_speed():
    assert 1e7 < memory_bandwidth(torch.device("cpu")) < 1e14


@pytest.fixture
def streaming(tmp_path):
    path = tmp_path / "streaming.safetensors"
    save_model(
        TCNet(
            TCNetConfig(
                propagation="forward", channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8
            )
        ),
        path,
    )
    return str(path)


def test_a_stream_is_timed_in_its_middle(streaming):
    """Its recurrences take one step a frame there; where a scene begins they warm up, which is more."""
    result = run_benchmark([streaming], 16, 16, frames=4, rounds=1, device="cpu", precision="fp32")
    stages = {stage.name: stage for stage in result.timings[0].stages}
    assert stages["propagation"].multiply_adds == 9 * 16 * (25 + 2 * 16) / 16
    assert stages["refinement"].multiply_adds == 9 * 16 * (41 + 2 * 16) / 16


def test_a_stream_is_timed_in_whole_groups(streaming):
    with pytest.raises(UsageError, match=r"6 frames are not whole groups .* give a multiple of 4"):
        run_benchmark([streaming], 16, 16, frames=6, rounds=1, device="cpu", precision="fp32")
