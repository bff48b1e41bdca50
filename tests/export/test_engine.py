"""`tcnet upscale --engine`: the same pipeline over another engine, and what it cannot do."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from tcnet.cli import run
from tcnet.errors import MediaError, UsageError
from tcnet.export import ExportedNetwork, open_export
from tcnet.export.parity import moving_clip
from tcnet.inference import Plan, UpscaleOptions, Upscaler, plan_upscale
from tcnet.inference.backends import check_model, load_network
from tcnet.inference.state import all_finite, in_float32
from tcnet.models import save_model
from tcnet.upscale import upscale_video
from tcnet.video import Frame, open_source, write_png

FP32 = UpscaleOptions(precision="fp32", device="cpu")


@pytest.fixture(scope="module")
def pngs(tmp_path_factory):
    """Nine frames of an odd size."""
    folder = tmp_path_factory.mktemp("pngs")
    for i, frame in enumerate(moving_clip(9, 21, 35)[0]):
        write_png(folder / f"{i}.png", (frame * 255).round().byte().permute(1, 2, 0).numpy())
    return folder


def read(folder):
    with open_source(folder) as source:
        return np.stack([frame.pixels for frame in source]).astype(int)


class Clip:
    """A clip as frames with their times."""

    def __init__(self, clip):
        self.frames = [
            Frame(
                np.ascontiguousarray((frame * 255).round().byte().permute(1, 2, 0).numpy()),
                40 * i,
                40,
                Fraction(1, 1000),
            )
            for i, frame in enumerate(clip[0])
        ]

    def __iter__(self):
        return iter(self.frames)


@pytest.mark.parametrize(("kind", "engine"), [("bidirectional", "onnxruntime"), ("lite", "openvino")])
def test_a_run_gives_the_frames_of_torch(networks, exports, pngs, tmp_path, kind, engine):
    pytest.importorskip(engine)
    options = FP32 if kind == "lite" else replace(FP32, window=8, overlap=2)
    upscale_video(pngs, tmp_path / "torch", model=networks[kind], options=options)
    result = upscale_video(
        pngs, tmp_path / engine, model=exports[kind], options=replace(options, engine=engine)
    )
    expected = read(tmp_path / "torch")
    assert expected.shape == (9, 84, 140, 3)
    assert np.abs(read(tmp_path / engine) - expected).max() <= 1
    assert result.plan.options.engine == engine
    assert (result.plan.precision, result.recomputed_frames) == ("fp32", 0)


def test_tiles_are_computed_too(networks, exports):
    options = replace(FP32, tile=64, tile_overlap=16, window=8, overlap=2)
    exported = open_export(exports["bidirectional"], "onnxruntime")
    found, expected = (
        np.stack([frame.pixels for frame in Upscaler(network, options).stream(Clip(moving_clip(3, 40, 90)))])
        for network in (exported, networks["bidirectional"])
    )
    assert expected.shape == (3, 160, 360, 3)
    assert np.abs(found.astype(int) - expected).max() <= 1


class BreaksInBf16:
    """A runtime with a twin whose pictures are NaN."""

    precisions = ("fp32", "bf16")

    def __init__(self, runtime, precision="fp32"):
        self.runtime, self.precision = runtime, precision
        self.engine, self.manifest, self.file_bytes = runtime.engine, runtime.manifest, runtime.file_bytes

    def run(self, graph, *inputs):
        found = self.runtime.run(graph, *inputs)
        broken = self.precision == "bf16" and graph == "reconstruct"
        return [value * np.float32("nan") for value in found] if broken else found

    def in_precision(self, precision):
        return BreaksInBf16(self.runtime, precision)


@pytest.mark.parametrize("kind", ["bidirectional", "forward"])
def test_what_fails_in_bf16_is_computed_again(exports, kind):
    exported = open_export(exports[kind], "onnxruntime")
    clip = Clip(moving_clip(5, 18, 20))
    options = replace(FP32, scene_cuts=False)
    upscaler = Upscaler(ExportedNetwork(BreaksInBf16(exported.runtime)), replace(options, precision="bf16"))
    found = [frame.pixels for frame in upscaler.stream(clip)]
    expected = [frame.pixels for frame in Upscaler(exported, options).stream(clip)]
    assert np.array_equal(found, expected)
    assert upscaler.statistics.recomputed_frames == 5
    assert upscaler.statistics.recomputed_windows == 1


def test_a_network_becomes_an_export_for_the_run(networks, pngs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_model(networks["lite"], tmp_path / "lite.safetensors", dtype=torch.float32)
    plans: list[Plan] = []
    upscale_video(
        pngs, tmp_path / "out", model="lite.safetensors", options=replace(FP32, engine="onnxruntime"),
        on_plan=plans.append,
    )  # fmt: skip
    upscale_video(pngs, tmp_path / "torch", model=networks["lite"], options=FP32)
    assert np.abs(read(tmp_path / "out") - read(tmp_path / "torch")).max() <= 1
    assert (plans[0].model, plans[0].window) == ("lite.safetensors", None)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lite.safetensors", "out", "torch"]
    name, same = load_network(networks["lite"], "torch")
    assert (name, same.engine) == ("TCNet", "torch")
    assert same is networks["lite"]


def test_the_identity_of_a_run_names_the_engine(networks, exports):
    found = {open_export(exports["lite"], engine).identity() for engine in ("onnxruntime", "openvino")}
    found |= {
        networks["lite"].identity(),
        open_export(exports["forward"], "onnxruntime").identity(),
    }
    assert len(found) == 4


def test_a_run_is_not_continued_by_another_engine(networks, exports, pngs, tmp_path):
    def stop(progress):
        if progress.frames_done == 8:
            raise KeyboardInterrupt

    options = replace(FP32, engine="onnxruntime")
    with pytest.raises(KeyboardInterrupt):
        upscale_video(pngs, tmp_path / "out", model=exports["lite"], options=options, progress=stop)
    with pytest.raises(UsageError, match=r"had another .*engine \(then onnxruntime, now torch\)"):
        upscale_video(pngs, tmp_path / "out", model=networks["lite"], options=FP32)
    upscale_video(pngs, tmp_path / "out", model=exports["lite"], options=options)
    assert len(read(tmp_path / "out")) == 9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "tensorrt"}, "unknown engine 'tensorrt': choose one of torch, onnxruntime, openvino"),
        ({"engine": "openvino", "ensemble": "time"}, "ensemble time is computed by torch alone: .* openvino"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(options, message):
    with pytest.raises(UsageError, match=message):
        UpscaleOptions(**options)


def test_what_an_engine_cannot_do_is_refused(networks, exports, tmp_path):
    exported = open_export(exports["bidirectional"], "onnxruntime")
    for options, message in (
        ({"precision": "bf16"}, "engine onnxruntime computes in fp32 here, not in bf16"),
        ({"precision": "fp16"}, "computes in fp32 here, not in fp16"),
        ({"device": "cuda"}, "engine onnxruntime does not compute on cuda: leave out device cuda"),
        ({"ensemble": "full"}, "ensemble full is computed by torch alone"),
        ({"engine": "openvino"}, "engine openvino is requested, but this network runs on onnxruntime"),
    ):
        with pytest.raises(UsageError, match=message):
            Upscaler(exported, UpscaleOptions(**options))
    with pytest.raises(UsageError, match="engine onnxruntime is requested, but this network runs on torch"):
        Upscaler(networks["lite"], UpscaleOptions(engine="onnxruntime"))
    with pytest.raises(UsageError, match=r"is an exported model, which torch does not run; add --engine"):
        check_model(exports["lite"], "torch")
    with pytest.raises(MediaError, match=r"is not an exported model"):
        check_model(tmp_path, "torch")
    with pytest.raises(UsageError, match="openvino runs TCNets, not a ExportedNetwork"):
        load_network(exported, "openvino")


def test_a_plan_counts_the_weights_of_an_export(networks, exports, pngs):
    exported = open_export(exports["forward"], "onnxruntime")
    with open_source(pngs) as source:
        info = source.info
    plans = [plan_upscale(info, network, FP32, measure=False) for network in (networks["forward"], exported)]
    assert plans[0].memory < plans[1].memory < plans[0].memory + 200 * 2**20


def test_states_are_seen_from_outside(exports):
    exported = open_export(exports["lite"], "onnxruntime")
    _, state = exported.stream(moving_clip(5, 17, 18))
    assert all_finite(state)
    assert type(in_float32(state)) is type(state)
    broken = replace(state, propagated=state.propagated * float("nan"))
    assert not all_finite(broken)


def test_the_commands(networks, pngs, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_model(networks["lite"], tmp_path / "live.safetensors")
    assert run(["export", "--model", "live.safetensors"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "live-onnx\n"
    assert "differs from PyTorch by at most" in shown.err
    assert run(["upscale", str(pngs), "-o", "out", "--model", "live-onnx", "--engine", "onnxruntime"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "out\n"
    assert "  live-onnx, cpu onnxruntime fp32, streaming" in shown.err
    assert run(["upscale", str(pngs), "-o", "new", "--model", "live-onnx"]) == 2
    assert "add --engine onnxruntime" in capsys.readouterr().err
    assert run(["export", "--model", "live.safetensors"]) == 1
    assert "live-onnx: exists already" in capsys.readouterr().err
    assert run(["export", "--format", "tflite"]) == 2
