"""tcnet train."""

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import tomli_w
import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from tcnet.cli.console import err, print_notices
from tcnet.cli.stopped import Stopped
from tcnet.durations import describe_duration
from tcnet.training.config import load_config
from tcnet.training.loop import Progress as TrainingProgress
from tcnet.training.new_config import write_new_config
from tcnet.training.run import Outcome, Watcher
from tcnet.training.run import train as run_training


def train(
    config: Annotated[Path, typer.Argument(help="The run's TOML file; see configs/.", metavar="CONFIG")],
    new: Annotated[
        bool,
        typer.Option("--new", help="Write a commented file to begin with, for clips of your own, and end."),
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value, such as optimisation.steps=100."),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show the whole configuration, checked, and end.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the checkpoint, if there is one.")
    ] = False,
) -> None:
    """Train a network. Ctrl-C saves and stops; --resume goes on exactly where it stopped.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.
    """
    if new:
        write_new_config(config)
        err.print(f"{config}: edit it, then: tcnet train {shlex.quote(str(config))}", markup=False)
        return
    checked = load_config(config, set_ or ())
    if print_config:
        sys.stdout.write(tomli_w.dumps(checked.model_dump(by_alias=True)))
        return
    with _Display(checked.name) as display:
        outcome = run_training(checked, resume=resume, watcher=display.watcher())
    summary = _summary(outcome, checked.validation.choose)
    if outcome.stopped_by is not None:
        stopped = Stopped(outcome.stopped_by)
        stopped.kept = f"all is kept: the same command with --resume continues ({summary})"
        raise stopped
    err.print(summary, markup=False)


def _summary(outcome: Outcome, chosen_by: str) -> str:
    counters = outcome.counters
    parts = [f"{counters.step} steps in {describe_duration(counters.seconds)}"]
    if counters.skipped:
        parts.append(f"{counters.skipped} skipped (not finite)")
    if counters.best is not None and chosen_by != "last":
        best = (
            f"feature distance {counters.best:.4f}"
            if chosen_by == "features"
            else f"PSNR-Y {counters.best:.3f} dB"
        )
        parts.append(f"best {best} at step {counters.best_step}")
    if counters.step and counters.best_step == 0:
        parts.append("no better than the start")
    if outcome.weights is not None:
        parts.append(str(outcome.weights))
    return ", ".join(parts)


class _Display:
    """A bar on a terminal; in a file, a line a minute would say less than log.jsonl does."""

    def __init__(self, name: str) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[text]}"),
            console=err,
            disable=not err.is_terminal,
        )
        self._name = name
        self._speed = 0.0
        self._decoding = self._bar.add_task("decoding", total=None, text="", visible=False)
        self._teaching = self._bar.add_task("the teacher's clips", total=None, text="", visible=False)
        self._training = self._bar.add_task(name, total=None, text="", visible=False)

    def __enter__(self) -> "_Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def watcher(self) -> Watcher:
        return Watcher(
            decoding=partial(self._show_clips, self._decoding),
            teaching=partial(self._show_clips, self._teaching),
            shrinking=lambda text: err.print(text, markup=False),
            notice=lambda text: print_notices([text]),
            progress=self._show,
        )

    def _show_clips(self, task: TaskID, done: int, total: int) -> None:
        self._bar.update(task, completed=done, total=total, visible=done < total)

    def _show(self, progress: TrainingProgress) -> None:
        parts = [f"loss {progress.loss:.5f}"]
        # At a validation and at the end there are no steps to take a speed from: the last one stays.
        self._speed = progress.lr_pixels_per_second or self._speed
        if self._speed:
            parts.append(f"{self._speed:,.0f} LR px/s")
        if progress.psnr is not None:
            parts.append(f"{progress.psnr:.3f} dB")
        if progress.skipped:
            parts.append(f"{progress.skipped} skipped")
        parts.append(f"{describe_duration(progress.eta_seconds)} left")
        self._bar.update(
            self._training,
            completed=progress.step,
            total=progress.steps,
            visible=True,
            text=", ".join(parts),
        )
