"""A few of the runs of benchmarks/reliability/kill_runs.py: killed, continued, and equal to one that was not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "reliability" / "kill_runs.py"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the script needs fork and SIGKILL")
@pytest.mark.parametrize("runs", [1, pytest.param(12, marks=pytest.mark.slow)])
def test_runs_that_are_killed_and_continued_end_like_one_that_was_not(tmp_path, runs):
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, SCRIPT, "--runs", str(runs), "--seed", "7", "--report", report],
        capture_output=True, text=True, check=False, timeout=600, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    figures = json.loads(report.read_text())
    assert (figures["runs"], figures["different"]) == (runs, [])
    assert figures["kills"] >= runs
