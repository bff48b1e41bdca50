import pytest
import torch
from upscale_fakes import Nearest

from tcnet.errors import UsageError
from tcnet.upscale import choose_device, choose_precision
from tcnet.upscale.precision import cpu_has_fast_bf16, precision_name, working_copy

CPU = torch.device("cpu")


@pytest.fixture
def cpu_info(tmp_path):
    def write(flags):
        path = tmp_path / "cpuinfo"
        path.write_text(f"processor\t: 0\nflags\t\t: fpu {flags} sse2\n\n")
        return path

    return write


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("avx512_bf16", torch.bfloat16),
        ("avx512f amx_bf16", torch.bfloat16),
        ("avx512f", torch.float32),
        ("not_amx_bf16", torch.float32),
    ],
)
def test_auto_on_a_cpu_is_bf16_where_the_hardware_has_it(cpu_info, flags, expected):
    assert choose_precision("auto", CPU, cpu_info(flags)) == expected


def test_without_cpuinfo_or_flags_nothing_is_assumed(tmp_path):
    assert not cpu_has_fast_bf16(tmp_path / "missing")
    (tmp_path / "arm").write_text("processor : 0\nFeatures : fp asimd bf16\n")
    assert not cpu_has_fast_bf16(tmp_path / "arm")


def test_given_precisions_are_obeyed(cpu_info):
    assert choose_precision("bf16", CPU, cpu_info("")) == torch.bfloat16
    assert choose_precision("fp32", CPU, cpu_info("amx_bf16")) == torch.float32
    assert choose_precision("fp16", torch.device("cuda")) == torch.float16
    assert choose_precision("auto", torch.device("mps")) == torch.float32
    assert precision_name(torch.bfloat16) == "bf16"


def test_fp16_on_a_cpu_and_unknown_names_are_refused():
    with pytest.raises(UsageError, match="50 times slower"):
        choose_precision("fp16", CPU)
    with pytest.raises(UsageError, match="unknown precision 'int8': choose one of auto, fp32, bf16, fp16"):
        choose_precision("int8", CPU)
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
    assert working_copy(network, CPU, torch.float32) is network
    copy = working_copy(network.train(), CPU, torch.bfloat16)
    assert copy.weight.dtype == torch.bfloat16
    assert not copy.training
    assert network.weight.dtype == torch.float32
    assert network.training
