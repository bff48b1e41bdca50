"""The check of a machine with a GPU, rehearsed on the CPU with networks that compute nothing."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from fake_networks import Nearest
from tcnet.network import TCNet, TCNetConfig

CPU = torch.device("cpu")
TINY = TCNetConfig(
    channels=8, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="small", propagation="forward",
    reconstruction="direct",
)  # fmt: skip


@pytest.fixture(scope="module")
def script():
    path = Path(__file__).parents[2] / "benchmarks" / "speed" / "gpu_check.py"
    spec = importlib.util.spec_from_file_location("gpu_check", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_check"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    yield module
    del sys.modules["gpu_check"]


@pytest.fixture
def tf32():
    """What the check sets for its process."""
    before = torch.backends.cudnn.allow_tf32
    yield
    torch.backends.cudnn.allow_tf32 = before


class Brighter(Nearest):
    """In bf16 it is off by more than rounding."""

    def frames(self, lr_clip, start=0):
        for picture in super().frames(lr_clip, start):
            yield picture + 0.1 * (self.weight.dtype == torch.bfloat16)


class Breaks(Nearest):
    def frames(self, lr_clip, start=0):
        raise RuntimeError("no kernel image is available\nmore of it")


def small(script):
    return script.Sizes((16, 24, 4), (16, 160, 4), (16, 24, 4), ((16, 24, 2),), (16, 24, 8), 1)


def test_a_rehearsal_runs_to_its_end(script, tf32):
    torch.manual_seed(0)
    networks = {"nearest": Nearest(), "tiny": TCNet(TINY).eval().requires_grad_(False)}
    check = script.run(CPU, networks, small(script), 600)
    assert check.failures == []
    assert check.left_out == []
    assert {section: len(rows) for section, rows in check.sections.items()} == {
        "parity": 4, "streams": 2, "tiles": 2, "memory": 2, "throughput": 6, "pipeline": 2,
    }  # fmt: skip
    exact = check.sections["parity"][0]
    assert (exact["precision"], exact["largest difference"], exact["finite"]) == ("fp32", 0, True)
    assert all(row["ms a frame"] > 0 for row in check.sections["throughput"])
    page = script.markdown(check)
    assert "A rehearsal: there is no GPU here" in page
    assert "| model | precision | psnr | finite | largest difference |" in page
    document = json.loads(json.dumps(script.document(check)))
    assert document["rehearsal"] is True
    assert torch.backends.cudnn.allow_tf32 is False


def test_what_differs_and_what_fails_is_listed(script, tf32):
    check = script.Check(CPU, small(script), {"brighter": Brighter()}, float("inf"))
    script.parity(check)
    check.networks = {"breaks": Breaks()}
    script.tiles(check)
    assert len(check.failures) == 2
    assert check.failures[0].startswith("parity: brighter, bf16: 20.0 dB to the CPU, at least 40 are due")
    assert check.failures[1] == "tiles: breaks: no kernel image is available"
    assert "### Failed" in script.markdown(check)


def test_what_there_is_no_time_for_is_left_out_by_name(script, tf32):
    check = script.run(CPU, {"nearest": Nearest()}, small(script), -1)
    assert check.sections == {}
    assert "pipeline: nearest" in check.left_out
    assert "### Left out" in script.markdown(check)
