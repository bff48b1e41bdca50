import numpy as np
import pytest
import torch

from fake_networks import Nearest, make_info, make_scenes
from tcnet.errors import UsageError
from tcnet.inference import UpscaleOptions, Upscaler, choose_device, choose_precision
from tcnet.inference.plan import plan_upscale
from tcnet.inference.precision import (
    BF16,
    FP16,
    FP32,
    choose_placement,
    compiled_copy,
    working_copy,
)
from tcnet.models import load_model
from tcnet.network import CONFIGS, TCNet
from tcnet.network.ensemble import SelfEnsemble
from tcnet.system.cpu_features import FAST_INT8, cpu_has

CPU = torch.device("cpu")


@pytest.fixture
def processor(monkeypatch):
    def has(features):
        monkeypatch.setattr("tcnet.system.cpu_features.cpu_features", lambda: frozenset(features.split()))

    return has


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx512_bf16", BF16),
        ("avx512f amx_bf16", BF16),
        ("avx512f", FP32),
        ("not_amx_bf16", FP32),
    ],
)
def test_auto_on_a_cpu_is_bf16_where_the_hardware_has_it(processor, flags, expected):
    processor(flags)
    assert choose_precision("auto", CPU) == expected


def test_given_precisions_are_obeyed(processor):
    processor("")
    assert choose_precision("bf16", CPU) == BF16
    processor("amx_bf16")
    assert choose_precision("fp32", CPU) == FP32
    assert choose_precision("fp16", torch.device("cuda")) == FP16
    assert choose_precision("auto", torch.device("mps")) == FP32


def test_int8_is_for_cpus_that_have_it(processor):
    processor("avx_vnni")
    assert choose_precision("int8", CPU).dtype == torch.float32
    processor("avx2")
    with pytest.raises(UsageError, match="int8 needs a processor with amx_int8 or avx512_vnni or avx_vnni"):
        choose_precision("int8", CPU)
    with pytest.raises(UsageError, match="int8 is for CPUs, not for cuda"):
        choose_precision("int8", torch.device("cuda"))
    processor("avx512_vnni avx512_bf16")
    chosen = choose_precision("int8", CPU)
    assert chosen.quantised
    assert (chosen.name, chosen.dtype) == ("int8", torch.bfloat16)
    with pytest.raises(UsageError, match="int8 is for TCNets, not for a Nearest"):
        working_copy(Nearest(), CPU, chosen)
    with pytest.raises(UsageError, match="int8: the network has no ranges"):
        working_copy(TCNet(CONFIGS["lite"]), CPU, chosen)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("avx512_vnni", "int8"), ("avx_vnni", "int8"), ("avx512_vnni avx512_bf16", "bf16"), ("avx2", "fp32")],
)
def test_upscaling_takes_integers_where_it_would_take_float32(processor, flags, expected):
    processor(flags)
    network = load_model("tcnet-lite")
    assert choose_placement(network, "cpu", "auto")[1].name == expected
    ensemble = SelfEnsemble(load_model("tcnet-bi"), "time")
    assert choose_placement(ensemble, "cpu", "auto")[1].name == expected
    floating = "fp32" if expected == "int8" else expected
    assert choose_placement(network, "cpu", "auto", compiled=True)[1].name == floating
    assert choose_placement(TCNet(CONFIGS["lite"]), "cpu", "auto")[1].name == floating
    assert choose_placement(Nearest(), "cpu", "auto")[1].name == floating
    assert choose_placement(network, "cpu", "fp32")[1] == FP32


@pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")
@pytest.mark.parametrize("compile", [False, True])
def test_a_plan_for_a_cpu_without_bf16(monkeypatch, compile):
    monkeypatch.setattr("tcnet.system.cpu_features.cpu_features", lambda: FAST_INT8)
    options = UpscaleOptions(device="cpu", compile=compile)
    plan = plan_upscale(make_info(8, 24, 32), load_model("tcnet-lite"), options, measure=False)
    assert (plan.precision, plan.options.precision) == (("fp32", "fp32") if compile else ("int8", "int8"))
    assert plan.options.compile == compile


def test_fp16_on_a_cpu_and_unknown_names_are_refused():
    with pytest.raises(UsageError, match="50 times slower"):
        choose_precision("fp16", CPU)
    with pytest.raises(
        UsageError, match="unknown precision 'int4': choose one of auto, fp32, bf16, fp16, int8"
    ):
        choose_precision("int4", CPU)
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        choose_device("tpu")


def test_devices():
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    missing = [
        name
        for name, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if not there
    ]
    for name in missing:
        with pytest.raises(UsageError, match=f"device {name} is not available here: choose one of cpu"):
            choose_device(name)


def test_working_copy_leaves_the_network_as_it_is():
    network = Nearest()
    assert working_copy(network, CPU, FP32) is network
    copy = working_copy(network.train(), CPU, BF16)
    assert copy.weight.dtype == torch.bfloat16
    assert not copy.training
    assert network.weight.dtype == torch.float32
    assert network.training


@pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")
@pytest.mark.parametrize(("model", "ensemble"), [("tcnet-lite", "none"), ("tcnet-bi", "time")])
def test_frames_in_int8_are_those_in_float32_to_a_code(model, ensemble):
    network = load_model(model)
    frames = list(make_scenes(3, height=16, width=20))  # noise has no motion that one could find twice
    options = {"device": "cpu", "ensemble": ensemble, "scene_cuts": False}
    exact, found = (
        np.stack([f.pixels for f in Upscaler(network, UpscaleOptions(precision=p, **options)).stream(frames)])
        for p in ("fp32", "int8")
    )
    difference = np.abs(exact.astype(int) - found)
    assert 0 < difference.mean() < 1


def test_a_compiled_copy_leaves_the_network_as_it_is(monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "compile", lambda function, **how: asked.append(how) or function)
    network = TCNet(CONFIGS["lite"]).eval()
    upscaler = Upscaler(network, UpscaleOptions(compile=True, precision="fp32"))
    assert len(asked) == 5  # stages of a small network
    assert all(how == {"dynamic": False, "options": {"cpp_wrapper": True}} for how in asked)
    assert "forward" in vars(upscaler.compute.network.fusion)
    assert "forward" not in vars(network.fusion)


def test_what_cannot_be_compiled_is_refused(monkeypatch):
    with pytest.raises(UsageError, match="compile is for TCNets, not for a Nearest"):
        Upscaler(Nearest(), UpscaleOptions(compile=True))
    with pytest.raises(UsageError, match="compile is for torch"):
        UpscaleOptions(compile=True, engine="onnxruntime")
    with pytest.raises(UsageError, match="not for precision int8"):
        UpscaleOptions(compile=True, precision="int8")
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(
        UsageError, match=r"compile: there is no C\+\+ compiler \(no-such-compiler\).*leave it out"
    ):
        compiled_copy(TCNet(CONFIGS["lite"]))
