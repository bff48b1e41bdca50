"""The ablation: its configurations differ in one thing each, and one command trains, measures and resumes."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tcnet.errors import UsageError
from tcnet.network import TCNet
from tcnet.training.config import load_config, network_config
from tcnet.video import write_png

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "configs" / "ablation"
CHANGES = {
    "full": {},
    "without-alignment": {"alignment_depth": 0},
    "without-matching": {"matching_depth": 0},
    "without-stability": {"alignment_depth": 0, "matching_depth": 0},
    "single-stage-fusion": {"fusion_stages": 1},
    "sliding-window-only": {"long_term": False},
    "recurrence-only": {"short_term": False},
    "forward": {"propagation": "forward"},
}
TINY = [
    "start.flow=", "optimisation.steps=3", "data.size=16", "data.frames=2", "data.sources=[{kind='generated'}]",
    "network.channels=8", "network.propagation_blocks=1", "network.refinement_blocks=1",
    "network.motion=tiny", "device=cpu",
]  # fmt: skip


@pytest.fixture(scope="module")
def ablation():
    spec = importlib.util.spec_from_file_location("ablation", ROOT / "benchmarks" / "quality" / "ablation.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def data(tmp_path):
    """Held-out look-alikes: two clips of three frames."""
    generator = np.random.default_rng(4)
    for name in ("a", "b"):
        (tmp_path / "data" / "heldout" / name).mkdir(parents=True)
        for index in range(3):
            pixels = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            write_png(tmp_path / "data" / "heldout" / name / f"{index}.png", pixels)
    return tmp_path / "data"


def test_every_variant_has_its_configuration():
    assert {path.stem for path in CONFIGS.glob("*.toml")} == set(CHANGES)


@pytest.mark.parametrize("variant", CHANGES)
def test_a_variant_differs_from_the_whole_network_in_its_own_part_alone(variant):
    full, other = (load_config(CONFIGS / f"{name}.toml") for name in ("full", variant))
    assert other.name == variant
    assert other.out == f"runs/ablation/{variant}"
    assert other.network == {**full.network, **CHANGES[variant]}
    different = {"name", "out", "network", "card"}
    assert other.model_dump(exclude=different) == full.model_dump(exclude=different)
    network = TCNet(network_config(other.network)).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 3, 16, 16)).shape == (1, 3, 3, 64, 64)


def test_one_command_trains_measures_and_goes_on(ablation, data, tmp_path, capsys):
    changes = [*TINY, f"data.cache={tmp_path / 'cache'}"]
    arguments = [
        "--configs", str(CONFIGS), "--data", str(data), "--out", str(tmp_path / "out"), "--seeds", "1,2",
        "--variants", "full,single-stage-fusion", "--frames", "2", *(f"--set={change}" for change in changes),
    ]  # fmt: skip
    ablation.main(arguments)
    said = capsys.readouterr().out
    assert "4/4 single-stage-fusion-2" in said
    document = json.loads((tmp_path / "out" / "ablation.json").read_text())
    assert document["steps"] == 3
    assert document["protocols"]["held-out"].startswith("folder/BI/psnr-y,warp-rgb/no-crop/first-2-frames/")
    assert list(document["variants"]) == ["full", "single-stage-fusion"]
    for variant in document["variants"].values():
        figures = variant["sets"]["held-out"]
        assert list(figures) == ["1", "2"]
        assert figures["1"] != figures["2"]
        assert all(5 < seed["psnr"] < 60 for seed in figures.values())
    table = (tmp_path / "out" / "ablation.md").read_text()
    assert [line.split(" | ")[0] for line in table.splitlines()[2:]] == [
        "| bicubic", "| ground truth", "| full", "| single-stage-fusion"
    ]  # fmt: skip
    full = document["variants"]["full"]["sets"]["held-out"]
    mean = (full["1"]["psnr"] + full["2"]["psnr"]) / 2
    assert f"| {mean:.3f} ({full['1']['psnr']:.3f}, {full['2']['psnr']:.3f}) |" in table

    ablation.main(arguments)
    again = capsys.readouterr().out
    assert "4/4" not in again
    assert "held-out" in again
    assert json.loads((tmp_path / "out" / "ablation.json").read_text()) == document

    with pytest.raises(UsageError, match="full-1 was trained with other options; remove it"):
        ablation.main([*arguments, "--set=optimisation.rate_new=1e-4"])


def test_an_unknown_variant_is_named(ablation, tmp_path):
    with pytest.raises(UsageError, match=r"no half\.toml; there are full, forward, recurrence-only"):
        ablation.plan_runs(CONFIGS, ["half"], [1], tmp_path, [])
