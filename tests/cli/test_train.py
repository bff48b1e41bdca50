import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

from tcnet.cli import run
from tcnet.cli.train import _Display, _summary
from tcnet.training.checkpoint import Counters
from tcnet.training.config import load_config
from tcnet.training.loop import Progress
from tcnet.training.run import Outcome

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.toml"


def test_the_configuration_is_printed_whole_and_nothing_is_trained(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["train", str(SMOKE), "--print-config", "--set", "optimisation.steps=7"]) == 0
    printed = tomllib.loads(capsys.readouterr().out)
    assert printed == load_config(SMOKE, ["optimisation.steps=7"]).model_dump(by_alias=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none.toml"], 2, "none.toml: cannot be read"),
        ([str(SMOKE), "--set", "optimisation.pace=1"], 2, "unknown key 'optimisation.pace'"),
        (
            [str(SMOKE), "--set", "data.sources.0.kind=clips", "--set", "data.sources.0.path=gone"],
            1,
            "no such folder",
        ),
    ],
)
def test_errors_are_one_line_with_their_exit_code(arguments, code, message, capsys, tmp_path):
    assert run(["train", *arguments, "--set", f"out={tmp_path}"]) == code
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.startswith("error: ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_a_run_that_is_stopped_is_saved_and_continues(tmp_path, number, code):
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "tcnet",
        "train",
        str(SMOKE),
        "--set",
        f"out={out}",
        "--set",
        "log.every=1",
    ]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    deadline = time.monotonic() + 60
    while not (out / "log.jsonl").exists() or not (out / "log.jsonl").read_text():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(number)
    _, shown = process.communicate(timeout=60)
    assert process.returncode == code
    assert shown.startswith("interrupted; all is kept: the same command with --resume continues (")
    assert shown.count("\n") == 1
    assert run([*command[3:], "--resume", "--set", "optimisation.steps=3"]) == 0


def test_a_new_configuration_is_that_of_the_walk_through_and_replaces_nothing(tmp_path, capsys):
    path = tmp_path / "my own.toml"
    assert run(["train", "--new", str(path)]) == 0
    assert f"tcnet train '{path}'" in capsys.readouterr().err.replace("\n", " ")
    assert path.read_bytes() == (SMOKE.parent / "own-clips.toml").read_bytes()
    assert load_config(path, []).name == "own"
    path.write_text("mine")
    assert run(["train", "--new", str(path)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"


@pytest.mark.parametrize(("best_step", "said"), [(0, True), (40, False)])
def test_a_run_that_gained_nothing_says_so(best_step, said):
    counters = Counters(step=100, best=30.0, best_step=best_step)
    assert ("no better than the start" in _summary(Outcome(None, counters, None), "psnr")) == said


@pytest.mark.parametrize(
    ("chosen_by", "said"),
    [
        ("psnr", "best PSNR-Y 0.250 dB at"),
        ("features", "best feature distance 0.2500 at"),
        ("last", "100 steps"),
    ],
)
def test_a_run_says_by_what_its_weights_were_chosen(chosen_by, said):
    summary = _summary(Outcome(None, Counters(step=100, best=0.25, best_step=40), None), chosen_by)
    assert said in summary
    assert ("best" in summary) == (chosen_by != "last")


def test_the_bar_keeps_its_last_speed(monkeypatch):
    display = _Display("own")
    shown = []
    monkeypatch.setattr(display._bar, "update", lambda task, *, text, **_: shown.append(text))
    for speed in (0.0, 12_000.0, 0.0):  # no step was timed at the start, and after a validation
        display._show(Progress(1, 2, 0.1, speed, 60.0, None, 0))
    assert ["LR px/s" in text for text in shown] == [False, True, True]
    assert shown[2] == shown[1]
