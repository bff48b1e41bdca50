"""scripts/shrink_motion.py: tiny motion learns from small motion, and the rest of the network is kept."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tcnet.models import load_model, save_model
from tcnet.network import CONFIGS, TCNet
from tcnet.profiling.benchmark import moving_texture
from tcnet.video import write_png

ROOT = Path(__file__).parents[2]
CONFIG = """
name = "tiny"
out = "run"

[network]
preset = "lite"
channels = 16
propagation_blocks = 1
refinement_blocks = 1

[data]
root = "."
cache = "cache"

[[data.sources]]
kind = "clips"
path = "train"

[optimisation]
steps = 1
"""


@pytest.fixture
def shrink(tmp_path, monkeypatch):
    """Runs the script in a folder that has lite.toml and a training clip."""
    monkeypatch.chdir(tmp_path)
    Path("lite.toml").write_text(CONFIG)
    Path("train/clip").mkdir(parents=True)
    for number, frame in enumerate(moving_texture(4, 336, 336)[0].mul(255).round().to(torch.uint8)):
        write_png(Path(f"train/clip/{number}.png"), frame.permute(1, 2, 0).numpy())
    spec = importlib.util.spec_from_file_location("shrink_motion", ROOT / "scripts" / "shrink_motion.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "BATCH", 4)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["shrink_motion.py", *arguments])
        module.main()

    return run


def test_tiny_motion_comes_near_to_what_it_is_made_of(shrink):
    changes = {"channels": 16, "propagation_blocks": 1, "refinement_blocks": 1}
    source = TCNet(replace(CONFIGS["lite"], motion="small", coarse_fusion=False, **changes))
    published = load_model("tcnet-bi").motion.spynet.levels[-1]
    source.motion.spynet.levels[0].load_state_dict(published.state_dict())
    save_model(source, Path("small.safetensors"), dtype=torch.float32)
    shrink("small.safetensors", "lite.toml", "out.safetensors", "--minutes", "0.02")
    made = load_model("out.safetensors")
    assert made.config == replace(CONFIGS["lite"], **changes)
    kept = source.state_dict()
    for name, value in made.state_dict().items():
        if not name.startswith("motion."):
            torch.testing.assert_close(value, kept[name], atol=1e-3, rtol=1e-3)  # in half precision
    clip = moving_texture(2, 64, 80)
    with torch.inference_mode():
        wanted = source.motion((clip[:, 0], clip[:, 1]))
        distance = (made.motion((clip[:, 0], clip[:, 1])) - wanted).norm(dim=1).mean()
    assert distance < 0.5 * wanted.norm(dim=1).mean()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("tcnet-lite", "lite.toml"), "its motion is tiny already"),
        (("tcnet-bi", "lite.toml", "--set", "network.motion=small"), "network.motion is 'small', not 'tiny'"),
        (("tcnet-bi", "lite.toml", "--set", "data.sources=[{kind='generated'}]"), "no clip of 3 frames"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(shrink, arguments, words):
    model, config, *changes = arguments
    with pytest.raises(SystemExit, match=words):
        shrink(model, config, "out.safetensors", *changes)
