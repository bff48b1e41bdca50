"""What is said of a plan, and asked before a long run; in a pseudo-terminal as a user sees it."""

import io
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import typer
from rich.console import Console

from fake_networks import Nearest, make_info
from tcnet.cli.upscale import plan_text
from tcnet.cli.upscale.consent import Consent
from tcnet.cli.upscale.plan_text import ShownPlan, show_plan, trial_command
from tcnet.inference import plan_upscale
from tcnet.upscale.advice import Advice, Alternative, TrialRun

COMMAND = """
import sys
from dataclasses import replace
from tcnet.cli import main
from tcnet.cli.upscale import batch
from tcnet.upscale.advice import Advice, TrialRun

upscale = batch.upscale_video

def slow(*given, on_plan, **named):
    return upscale(*given, on_plan=lambda plan: on_plan(replace(plan, seconds=5.2e5)), **named)

batch.upscale_video = slow
batch.advise = lambda plan, precision: Advice(trial=TrialRun(3, 6, 900.0))
main(sys.argv[1:])
"""


@pytest.fixture
def shown():
    info = replace(make_info(7500, 480, 854), duration=Fraction(300))
    plan = plan_upscale(info, Nearest(), model="tcnet-video", measure=False)
    plan = replace(plan, seconds=446_000.0, seconds_per_frame=60.0, codec="h264")
    advice = Advice(
        (Alternative("tcnet-lite", 11_000.0),), TrialRun(150, 153, 4500.0), same_time_if_smaller=True
    )
    source, output = "our holiday.mp4", Path("our holiday.x4.mp4")
    command = trial_command(Path(source), output, advice, ["--crf", "18"])
    return ShownPlan(plan, source, output, advice, command)


def printed(shown, monkeypatch, width):
    """Lines on a terminal of that width; None: in a file."""
    there = width is not None
    console = Console(
        file=io.StringIO(), width=width, force_terminal=there, soft_wrap=True, highlight=False, no_color=True
    )
    monkeypatch.setattr(plan_text, "err", console)
    show_plan(shown)
    return console.file.getvalue().splitlines()


def test_a_plan_says_all_that_one_decides_by(shown, monkeypatch):
    lines = printed(shown, monkeypatch, None)
    assert lines[0] == (
        "plan: our holiday.mp4, 7500 frames of 854x480 (h264, 25 fps, 5 min), to our holiday.x4.mp4, "
        "3416x1920 (h264)"
    )
    assert lines[1].startswith("  tcnet-video, cpu ")
    assert lines[1].endswith("of memory, about 5 days 4 h")
    assert lines[2].startswith("  --model tcnet-lite would take about 3 h")
    assert "x4 is computed anyway" in lines[3]
    assert lines[4] == "  try 3 seconds first, about 1 h 15 min:"
    assert shlex.split(lines[5]) == [
        *("tcnet", "upscale", "our holiday.mp4", "--crf", "18", "--start", "150", "--end", "153"),
        *("-o", "our holiday.x4.trial.mp4"),
    ]


@pytest.mark.parametrize("width", [40, 80, 120])
def test_lines_break_between_words_only_and_commands_not_at_all(shown, monkeypatch, width):
    lines = printed(shown, monkeypatch, width)
    words = {word for line in lines for word in line.split()}
    assert words == {word for line in printed(shown, monkeypatch, None) for word in line.split()}
    assert all(len(line) <= width for line in lines[:-1])
    assert lines[-1].strip() == shown.trial_command


def in_terminal(folder, *arguments, answer):
    """The command where stdin and stderr are a terminal; its outcome, all that was shown as stdout."""
    import pty  # not there on Windows

    parent, child = pty.openpty()
    os.write(parent, f"{answer}\n".encode())
    try:
        return subprocess.run(
            [sys.executable, "-c", COMMAND, "upscale", *arguments], cwd=folder, stdin=child, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=120,
            env=os.environ | {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "200"},
        )  # fmt: skip
    finally:
        os.close(parent)
        os.close(child)


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_a_long_run_is_asked_about_and_a_trial_keeps_the_options_that_were_given(media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv")
    arguments = [
        "a.mkv",
        "-o",
        "b.mkv",
        "--model",
        str(tiny),
        "--crf",
        "20",
        "--no-scene-cuts",
        "--scale",
        "2",
    ]
    done = in_terminal(tmp_path, *arguments, "--encoder-option", "preset=fast", answer="n")
    assert done.returncode == 1
    assert "go on? [y/N]" in done.stdout
    assert "nothing was written" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("    tcnet upscale")]
    assert shlex.split(line)[2:] == [
        *("a.mkv", "--model", str(tiny), "--scale", "2", "--no-scene-cuts", "--crf", "20"),
        *("--encoder-option", "preset=fast"),
        *("--start", "3", "--end", "6", "-o", "b.trial.mkv"),
    ]


@pytest.mark.parametrize(
    ("answer", "given", "may_ask", "seconds", "goes_on"),
    [
        ("y\n", False, True, 1e5, True),
        ("Yes\n", False, True, 1e5, True),
        ("\n", False, True, 1e5, False),
        ("", False, True, 1e5, False),  # the end of input
        ("n\n", False, True, 3599, True),
        ("n\n", True, True, 1e5, True),
        ("n\n", False, False, 1e5, True),
        ("n\n", False, True, None, True),
    ],
)
def test_consent(shown, monkeypatch, capsys, answer, given, may_ask, seconds, goes_on):
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    plan = replace(shown.plan, seconds=seconds)
    consent = Consent(given=given, may_ask=may_ask)
    if goes_on:
        consent.ask(plan)
        consent.ask(plan)  # once is enough
    else:
        with pytest.raises(typer.Exit):
            consent.ask(plan)


def test_nobody_is_asked_where_nobody_is(tcnet, media, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("tcnet.cli.upscale.consent.ASK_SECONDS", 0.0)
    media.clip(tmp_path / "a.mkv", frames=2)
    done = tcnet("upscale", "a.mkv", "--model", tiny)
    assert done.code == 0
    assert not any("go on?" in line for line in done.err)
