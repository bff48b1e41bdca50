"""What the README tells people to type works as written."""

import re
import shlex
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tcnet.cli import run
from tcnet.video import EncodeOptions, open_sink
from tcnet.video.frame import ColorSpec, Frame, VideoInfo

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (tcnet (?:upscale|compare) [^#\n]+)", README, re.MULTILINE)
PYTHON = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)


@pytest.fixture
def _holiday(tmp_path, monkeypatch):
    """A folder with holiday.mp4, frames/ and archive/, small enough for the real model; in holiday.mp4 more
    than a minute passes from the first frame to the second."""
    monkeypatch.chdir(tmp_path)
    Path("archive").mkdir()
    info = VideoInfo(
        32, 24, Fraction(1, 25), Fraction(25), 2, None, 8, "yuv420p", ColorSpec(6, False), Fraction(1), "h264"
    )
    for path in (Path("holiday.mp4"), Path("frames"), Path("archive/old.mp4")):
        sink = open_sink(path, info=info, options=EncodeOptions())
        for pts in (0, 1650):
            sink.write(Frame(np.full((24, 32, 3), 90, np.uint8), pts, 25, Fraction(1, 25)))
        sink.finish()


def test_the_readme_has_commands():
    assert len(COMMANDS) >= 4


@pytest.mark.usefixtures("_holiday")
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_run_as_written(command):
    if "holiday.x4.mp4" in command:
        assert run(["upscale", "holiday.mp4"]) == 0
    before = set(Path().rglob("*"))
    assert run(shlex.split(command)[1:]) == 0
    assert (set(Path().rglob("*")) == before) is ("--dry-run" in command)


@pytest.mark.usefixtures("_holiday")
def test_the_python_example_runs_as_written():
    names = {}
    exec(PYTHON, names)
    assert names["sr"].shape == (1, 2, 3, 64, 64)
    assert names["large"].shape == (72, 128, 3)
    assert Path("holiday.x2.mp4").is_file()
