"""The demo as a user runs it. It takes half a minute and more, most of it the default network's work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tcnet.video import open_source

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.skipif(
    "CI" not in os.environ, reason="takes half a minute; set CI=1 (`make demo` runs the same)"
)
def test_the_demo(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "demo.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("demo/sample.x4.mkv: PSNR-Y ")
    words = done.stdout.replace("(", " ").split()
    tcnet_psnr, bicubic_psnr = [float(word) for word in words if word.replace(".", "").isdigit()][:2]
    assert tcnet_psnr > bicubic_psnr + 0.5
    assert (tmp_path / "demo" / "side-by-side.png").is_file()
    with (
        open_source(EXAMPLES / "sample-lr.mkv") as lr,
        open_source(tmp_path / "demo" / "sample.x4.mkv") as sr,
    ):
        assert (sr.info.width, sr.info.height) == (4 * lr.info.width, 4 * lr.info.height)
        assert [frame.seconds for frame in sr] == [frame.seconds for frame in lr]


def test_the_sample_clips_belong_together():
    with open_source(EXAMPLES / "sample-lr.mkv") as lr, open_source(EXAMPLES / "sample.mkv") as hr:
        assert (hr.info.width, hr.info.height) == (4 * lr.info.width, 4 * lr.info.height)
        assert [frame.seconds for frame in hr] == [frame.seconds for frame in lr]
