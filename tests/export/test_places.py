"""Where other engines compute: those that are there are used, others refused. The CPU stands in for them."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tcnet.errors import UsageError
from tcnet.export import open_export
from tcnet.export.openvino_files import openvino_core
from tcnet.export.parity import moving_clip
from tcnet.export.places import PROVIDERS, choose_openvino_device, choose_provider, describe_engines
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.backends import load_network
from tcnet.upscale.output.fingerprint import run_identity
from tcnet.video import ReadOptions

CPU = torch.device("cpu")


@pytest.fixture
def providers(monkeypatch):
    """onnxruntime as a build with CUDA and DirectML, both of which the CPU computes; what sessions are given."""
    onnxruntime = pytest.importorskip("onnxruntime")
    given = []

    class Session:
        def __init__(self, path, options, providers, enable_fallback):
            assert enable_fallback == 0
            self.names = [each[0] if isinstance(each, tuple) else each for each in providers]
            given.append((options, providers))
            self.session = made(path, options, providers=["CPUExecutionProvider"])
            self.run, self.get_inputs = self.session.run, self.session.get_inputs

        def get_providers(self):
            return [name for name in self.names if name != PROVIDERS["directml"].name]  # which does not start

    made = onnxruntime.InferenceSession
    names = [PROVIDERS[key].name for key in ("cuda", "directml", "cpu")]
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: names)
    return given


def test_a_provider_computes_and_the_cpu_what_it_cannot(exports, providers):
    exported = open_export(exports["lite"], "onnxruntime", "cuda")
    for _, given in providers:
        assert given == [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]
    plain = open_export(exports["lite"], "onnxruntime")
    clip = moving_clip(3, 20, 24)
    assert torch.equal(exported(clip), plain(clip))
    assert exported.identity() != plain.identity()
    assert exported.identity().endswith("run by onnxruntime on cuda")


def test_a_provider_that_does_not_start_is_refused(exports, providers):
    with pytest.raises(UsageError, match="provider directml of onnxruntime does not start here") as caught:
        open_export(exports["lite"], "onnxruntime", "directml")
    assert "\n" not in str(caught.value)
    assert providers[0][0].enable_mem_pattern is False


def test_a_provider_that_is_not_there_is_refused_by_a_line_that_names_those_that_are():
    build = SimpleNamespace(get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert choose_provider("cuda", build).options == {"use_tf32": "0"}
    with pytest.raises(
        UsageError, match=r"no provider coreml: it has cpu, cuda; .*\(onnxruntime, on macOS\)"
    ):
        choose_provider("coreml", build)
    with pytest.raises(UsageError, match="unknown provider 'rocm': choose one of cpu, cuda"):
        choose_provider("rocm", build)


def test_this_build_has_the_cpu(exports):
    _, network = load_network(exports["lite"], "onnxruntime", place="cpu")
    assert network.runtime.place == "cpu"
    with pytest.raises(UsageError, match=r"this onnxruntime has no provider tensorrt: it has cpu"):
        load_network(exports["lite"], "onnxruntime", place="tensorrt")


class FakeCore:
    """OpenVINO with a GPU and an NPU, which the CPU computes; what was compiled."""

    available_devices = ("CPU", "GPU.0", "GPU.1", "NPU")

    def __init__(self, core):
        self.core = core
        self.compiled = []

    def __getattr__(self, name):
        return getattr(self.core, name)

    def get_property(self, device, name):
        return ["FP32", "FP16"] if device != "CPU" else self.core.get_property(device, name)

    def compile_model(self, model, device, settings):
        self.compiled.append((device, settings, model.inputs[0].partial_shape.is_static))
        return self.core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


@pytest.fixture
def core(monkeypatch):
    pytest.importorskip("openvino")
    fake = FakeCore(openvino_core())
    for module in ("places", "runtimes"):
        monkeypatch.setattr(f"tcnet.export.{module}.openvino_core", lambda: fake)
    return fake


@pytest.mark.parametrize("device", ["gpu", "npu"])
def test_devices_of_openvino(exports, core, device):
    exported = open_export(exports["lite"], "openvino", device)
    assert exported.precisions == ("fp32", "fp16")
    clip = moving_clip(3, 20, 24)
    found = exported.placed(CPU, torch.float16)(clip)
    expected = open_export(exports["lite"], "openvino")(clip)
    assert (found - expected).abs().max() < 1e-5
    there = [each for each in core.compiled if each[0] == device.upper()]
    hints = {settings["INFERENCE_PRECISION_HINT"] for _, settings, _ in there}
    assert hints == {"f16", "f32"}  # motion and warp stay in float32
    assert not any("INFERENCE_NUM_THREADS" in settings for _, settings, _ in there)
    assert {static for _, _, static in there} == {device == "npu"}
    assert exported.identity().endswith(f"run by openvino on {device}")


def test_a_device_that_is_not_there_is_refused_by_a_line_that_names_those_that_are(exports):
    pytest.importorskip("openvino")
    core = SimpleNamespace(available_devices=["CPU", "GPU"])
    assert choose_openvino_device("gpu", core) == "GPU"
    with pytest.raises(UsageError, match="OpenVINO finds no npu here: it has cpu, gpu; choose one of them"):
        choose_openvino_device("npu", core)
    if "NPU" not in openvino_core().available_devices:
        with pytest.raises(UsageError, match="finds no npu here: it has cpu"):
            open_export(exports["lite"], "openvino", "npu")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({}, "cpu"), ({"engine": "openvino"}, "cpu"), ({"engine": "openvino", "device": "npu"}, "npu"),
        ({"engine": "onnxruntime", "provider": "cuda"}, "cuda"),
    ],
)  # fmt: skip
def test_places_of_options(options, place):
    assert UpscaleOptions(**options).place == place


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"provider": "cuda"}, "provider cuda is for the engine onnxruntime: add --engine onnxruntime"),
        ({"provider": "rocm", "engine": "onnxruntime"}, "unknown provider 'rocm': choose one of cpu, cuda"),
        ({"device": "npu"}, "unknown device 'npu': choose one of auto, cpu, cuda, mps, or add --engine openvino"),
        ({"device": "cuda", "engine": "openvino"}, "unknown device 'cuda': choose one of auto, cpu, gpu, npu"),
    ],
)  # fmt: skip
def test_places_that_cannot_be_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        UpscaleOptions(**options)


def test_a_run_belongs_to_its_provider(exports, providers):
    found = []
    for provider in ("cpu", "cuda"):
        options = UpscaleOptions(engine="onnxruntime", provider=provider)
        upscaler = Upscaler(exports["lite"], options)
        assert upscaler.compute.device == CPU
        frames = list(upscaler.stream(np.zeros((2, 20, 24, 3), np.uint8)))
        assert frames[1].shape == (80, 96, 3)
        found.append(run_identity({}, ReadOptions(), upscaler.compute.network, options, 48))
    assert found[0]["options"] != found[1]["options"]
    assert found[0]["model weights"] != found[1]["model weights"]


def test_engines_are_described():
    rows = dict(describe_engines())
    assert "cpu" in rows["onnxruntime"]
    assert set(rows) == {"onnxruntime", "openvino"}
