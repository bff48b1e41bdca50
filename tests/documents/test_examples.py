"""The demo and the notebook as a user runs them."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tcnet.video import open_source

NOTEBOOK = "tcnet.ipynb"
EXAMPLES = Path(__file__).parents[2] / "examples"


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


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    """Its code cells in order in one namespace, as Jupyter runs them; what would be shown is kept."""
    shutil.copy(EXAMPLES / "sample-lr.mkv", tmp_path)
    monkeypatch.chdir(tmp_path)
    cells = json.loads((EXAMPLES / NOTEBOOK).read_text(encoding="utf-8"))["cells"]
    shown, names = [], {"__name__": "__main__"}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        assert cell["outputs"] == []  # nothing that grows old
        *before, last = ast.parse("".join(cell["source"])).body
        value = isinstance(last, ast.Expr)
        exec(compile(ast.Module(before if value else [*before, last], []), NOTEBOOK, "exec"), names)
        if value:
            shown.append(eval(compile(ast.Expression(last.value), NOTEBOOK, "eval"), names))
    small, large, picture, tensor = (each for each in shown if each is not None)
    assert small[0] == (90, 159, 3)
    assert large[0] == (360, 636, 3)
    assert picture.size == (1272, 360)
    assert tensor == (1, 2, 3, 360, 636)
    out = capsys.readouterr().out
    assert "takes no 'scael'; did you mean 'scale'?" in out
    assert "frames of 318x180, about " in out
    with open_source("sample.x2.mkv") as source:
        assert len(list(source)) == 6
