import sys
from pathlib import Path

import pytest
import torch

from tcnet.system import cpu_features
from tcnet.system.cpu_features import FAST_BF16, FAST_INT8, cpu_has, fast_dtype


@pytest.fixture(autouse=True)
def _ask_anew():
    cpu_features.cpu_features.cache_clear()
    yield
    cpu_features.cpu_features.cache_clear()


def test_torch_is_asked_on_every_system(monkeypatch, tmp_path):
    monkeypatch.setattr(cpu_features, "_CPU_INFO", tmp_path / "none")
    there = {"avx_vnni": True, "amx_bf16": False, "num_sockets": 1, "cpu_name": "Some CPU"}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: there, raising=False)
    assert cpu_features.cpu_features() == {"avx_vnni"}
    assert cpu_has(FAST_INT8)
    assert fast_dtype(torch.device("cpu")) == torch.float32


@pytest.mark.parametrize(
    ("text", "bf16"),
    [
        ("processor : 0\nflags : fpu avx512_bf16 sse2\n\nflags : fpu\n", True),
        ("processor : 0\nflags : fpu not_amx_bf16\n", False),
        ("processor : 0\nFeatures : fp asimd bf16\n", False),
        (None, False),
    ],
)
def test_where_torch_is_older_linux_is_asked_and_nothing_else_assumed(monkeypatch, tmp_path, text, bf16):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(cpu_features, "_CPU_INFO", tmp_path / "cpuinfo")
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert cpu_has(FAST_BF16) is bf16
    assert (fast_dtype(torch.device("cpu")) == torch.bfloat16) is bf16


@pytest.mark.skipif(sys.platform != "linux", reason="compares with what Linux tells")
@pytest.mark.skipif(not hasattr(torch.cpu, "get_capabilities"), reason="this torch does not tell")
def test_torch_and_linux_agree_on_this_machine():
    used = FAST_BF16 | FAST_INT8
    assert cpu_features.cpu_features() & used == cpu_features._told_by_linux(Path("/proc/cpuinfo")) & used
