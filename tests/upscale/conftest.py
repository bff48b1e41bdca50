"""Makes cut_runs importable: with import-mode=importlib no folder of tests is on the path."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from cut_runs import LOSSLESS

from fake_networks import make_frames, make_info
from tcnet.video import open_sink


@pytest.fixture
def source(tmp_path):
    """Noise, so that no two frames are alike; 30 of them."""
    path = tmp_path / "in.mkv"
    sink = open_sink(path, info=make_info(None), options=LOSSLESS)
    for frame in make_frames(30):
        sink.write(frame)
    sink.finish()
    return path
