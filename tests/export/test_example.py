"""examples/onnxruntime_only.py, where neither torch nor tcnet can be imported."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tcnet.export.parity import moving_clip
from tcnet.video import open_source, write_png

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnxruntime_only.py"
ALONE = """
import runpy, sys
sys.modules["torch"] = sys.modules["tcnet"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_example(*arguments):
    done = subprocess.run(
        [sys.executable, "-c", ALONE, EXAMPLE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["bidirectional", "lite"])
def test_a_folder_of_pngs(networks, exports, tmp_path, name):
    check_pngs(networks[name], exports[name], tmp_path)
    run_example(exports[name], tmp_path / "in", tmp_path / "out.mp4")
    with open_source(tmp_path / "out.mp4") as source:
        assert (source.info.width, source.info.height, len(list(source))) == (88, 68, 6)


@pytest.mark.parametrize("name", ["bidirectional", "lite"])
def test_frames_are_cleaned_first_where_the_export_does(cleaning_networks, cleaning_exports, tmp_path, name):
    check_pngs(cleaning_networks[name], cleaning_exports[name], tmp_path)


def check_pngs(network, export, tmp_path):
    """The example gives what the network gives."""
    clip = (moving_clip(6, 17, 22) * 255).round() / 255
    (tmp_path / "in").mkdir()
    for i, frame in enumerate(clip[0]):
        write_png(tmp_path / "in" / f"{i}.png", (frame * 255).round().byte().permute(1, 2, 0).numpy())
    run_example(export, tmp_path / "in", tmp_path / "out")
    with torch.inference_mode():
        expected = network(clip)[0].clamp(0, 1).mul(255).permute(0, 2, 3, 1).numpy()
    with open_source(tmp_path / "out") as source:
        found = np.stack([frame.pixels for frame in source])
    assert found.shape == (6, 68, 88, 3)
    assert np.abs(found - expected).max() < 0.51
