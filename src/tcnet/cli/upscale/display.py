"""How `tcnet upscale` shows itself: a bar, notices, or lines for programs (docs/video.md)."""

import json
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column

from tcnet.cli.console import err, format_bytes, one_line, out, print_error, print_notices
from tcnet.cli.upscale.plan_text import ShownPlan, show_plan
from tcnet.durations import describe_duration
from tcnet.errors import UsageError
from tcnet.upscale import Progress, UpscaleResult

PROGRESS = ("auto", "bar", "json", "none")
PROTOCOL_VERSION = 1
BESIDE_NAME = 62
"""Columns that the bar and its figures may take, at most."""
_STDOUT = threading.Lock()  # lines of inputs that are upscaled at the same time stay whole


class Display(Protocol):
    """Told what happens to one input after the other: begin, plan, progress..., result, kept or error.

    heading: a line for the user. stopped: an error that is said elsewhere. beside: another display, for an
    input that is upscaled at the same time, in another thread.
    """

    def begin(self, input: str, heading: str | None) -> None: ...
    def plan(self, shown: ShownPlan) -> None: ...
    def progress(self, progress: Progress) -> None: ...
    def result(self, result: UpscaleResult) -> None: ...
    def kept(self, output: Path) -> None: ...
    def notice(self, text: str) -> None: ...
    def error(self, text: str, exit_code: int) -> None: ...
    def stopped(self, text: str, exit_code: int) -> None: ...
    def end(self) -> None: ...
    def beside(self) -> "Display": ...


def make_display(kind: str) -> Display:
    """Raises UsageError for a kind that is not one of PROGRESS."""
    if kind not in PROGRESS:
        raise UsageError(f"unknown --progress {kind!r}: choose one of {', '.join(PROGRESS)}")
    if kind == "json":
        return JsonDisplay()
    return TextDisplay(bar=kind == "bar" or (kind == "auto" and err.is_terminal))


class _Bars:
    """A row for each input that is being upscaled. Shown while there is any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bar: Bar | None = None

    def add(self, name: str) -> TaskID:
        with self._lock:
            if self._bar is None:
                title, frames = _column("description", 12), _column("fields[frames]", 13)
                self._bar = Bar(title, BarColumn(12), frames, _column("fields[rate]"), console=err)
                self._bar.start()
            shown = _shortened(name, err.width - BESIDE_NAME)
            return self._bar.add_task(shown, frames="", rate="", total=None)

    def update(self, row: TaskID, *, fraction: float | None, frames: str, rate: str) -> None:
        with self._lock:
            assert self._bar is not None
            total = None if fraction is None else 1.0
            self._bar.update(row, completed=fraction or 0.0, total=total, frames=frames, rate=rate)

    def remove(self, row: TaskID) -> None:
        """The last one stays to be seen."""
        with self._lock:
            assert self._bar is not None
            if len(self._bar.task_ids) > 1:
                self._bar.remove_task(row)
            else:
                self._bar.stop()
                self._bar = None


class TextDisplay:
    """For people: outputs on stdout, all else on stderr."""

    def __init__(self, *, bar: bool) -> None:
        self._wanted = bar
        self._bars = _Bars()
        self._row: TaskID | None = None
        self._name = "upscaling"
        self._said: tuple[str, ...] = ()

    def beside(self) -> "TextDisplay":
        other = TextDisplay(bar=self._wanted)
        other._bars, other._name = self._bars, ""
        return other

    def begin(self, input: str, heading: str | None) -> None:
        self._said = ()
        self._name = self._name or one_line(Path(input).name)
        if heading is not None:
            err.print(one_line(heading), markup=False, style="bold")

    def plan(self, shown: ShownPlan) -> None:
        show_plan(shown)
        print_notices(shown.plan.notices)
        self._said = shown.plan.notices

    def progress(self, progress: Progress) -> None:
        if not self._wanted:
            return
        if self._row is None:
            self._row = self._bars.add(self._name)
        rate = "" if progress.fps is None else f"{progress.fps:.2f} fps"
        if progress.eta_seconds is not None:
            rate += f"  {describe_duration(progress.eta_seconds)} left"
        if progress.activity is not None:
            rate += f"  {describe_activity(progress)}"
        self._bars.update(
            self._row, fraction=progress.fraction, frames=describe_progress(progress), rate=rate
        )

    def result(self, result: UpscaleResult) -> None:
        self.end()
        print_notices([notice for notice in result.notices if notice not in self._said])
        rate = f"{result.frames / result.seconds:.2f} fps"
        peak = "" if result.peak_memory is None else f", peak memory {format_bytes(result.peak_memory)}"
        redone = f", {result.recomputed_frames} recomputed in fp32" if result.recomputed_frames else ""
        copied = f", {result.repeated_frames} repeated" if result.repeated_frames else ""
        took = f"{result.frames} frames in {describe_duration(result.seconds)} ({rate})"
        err.print(f"{took}{copied}{redone}{peak}", markup=False)
        out.print(str(result.output), markup=False)

    def kept(self, output: Path) -> None:
        print_notices([f"{output}: is there already and is kept (--overwrite does it again)"])

    def notice(self, text: str) -> None:
        print_notices([text])

    def error(self, text: str, exit_code: int) -> None:
        self.end()
        print_error(text)

    def stopped(self, text: str, exit_code: int) -> None:
        self.end()

    def end(self) -> None:
        if self._row is not None:
            self._bars.remove(self._row)
            self._row = None


class JsonDisplay:
    """For programs: on stdout one JSON object a line, all else on stderr as for people."""

    def __init__(self) -> None:
        self._input: str | None = None
        self._text = TextDisplay(bar=False)
        self._said: set[str] = set()

    def beside(self) -> "JsonDisplay":
        return JsonDisplay()

    def begin(self, input: str, heading: str | None) -> None:
        self._text.begin(input, heading)
        self._input = input
        self._said = set()

    def plan(self, shown: ShownPlan) -> None:
        show_plan(shown)
        plan, trial = shown.plan, shown.advice.trial
        self._write(
            "plan", output=str(shown.output), model=plan.model, detail=plan.options.detail,
            denoise=plan.options.denoise, device=plan.device, precision=plan.precision, window=plan.window,
            overlap=plan.overlap, tile=plan.tile, tiles=plan.tiles,
            width=plan.output_width, height=plan.output_height, memory_bytes=plan.memory,
            memory_limit_bytes=plan.memory_limit, seconds_per_frame=plan.seconds_per_frame,
            seconds=plan.seconds, frames=plan.source.frame_count, frames_kept=plan.frames_kept,
            input_width=plan.source.width, input_height=plan.source.height, input_codec=plan.source.codec,
            held_height=plan.source.held_height, shrink_first=plan.options.shrink_first,
            codec=plan.codec,
            alternatives=[asdict(each) for each in shown.advice.alternatives],
            trial=None if trial is None else asdict(trial),
        )  # fmt: skip
        for notice in plan.notices:
            self.notice(notice)

    def progress(self, progress: Progress) -> None:
        self._write(
            "progress", frames_done=progress.frames_done, frames_total=progress.frames_total,
            fraction=progress.fraction, fps=progress.fps, eta_seconds=progress.eta_seconds,
            workers=None if progress.activity is None else progress.activity.workers,
            windows_in_flight=None if progress.activity is None else progress.activity.windows,
            fps_per_worker=progress.fps_per_worker,
        )  # fmt: skip

    def result(self, result: UpscaleResult) -> None:
        for notice in result.notices:
            self.notice(notice)
        self._write(
            "result", outcome="done", output=str(result.output), frames=result.frames, seconds=result.seconds,
            recomputed_frames=result.recomputed_frames, repeated_frames=result.repeated_frames,
            peak_memory_bytes=result.peak_memory,
        )  # fmt: skip

    def kept(self, output: Path) -> None:
        self._text.kept(output)
        self._write(
            "result", outcome="kept", output=str(output), frames=None, seconds=None, recomputed_frames=None,
            repeated_frames=None, peak_memory_bytes=None,
        )  # fmt: skip

    def notice(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._text.notice(text)
            self._write("notice", text=text)

    def error(self, text: str, exit_code: int) -> None:
        self._text.error(text, exit_code)
        self.stopped(text, exit_code)

    def stopped(self, text: str, exit_code: int) -> None:
        self._write("error", message=" ".join(text.split()), exit_code=exit_code)

    def end(self) -> None:
        self._input = None

    def _write(self, event: str, **fields: object) -> None:
        head = {"version": PROTOCOL_VERSION, "event": event, "time": time.time(), "input": self._input}
        with _STDOUT:
            sys.stdout.write(json.dumps(head | fields) + "\n")
            sys.stdout.flush()


def describe_progress(progress: Progress) -> str:
    """Frames, and the share of the work: that moves before the first frame is there."""
    if progress.frames_total is None or progress.fraction is None:
        return f"{progress.frames_done} frames"
    return f"{progress.fraction:.1%} {progress.frames_done}/{progress.frames_total}"


def _column(what: str, least: int | None = None) -> TextColumn:
    """least: signs that it keeps on a narrow terminal, where the others give way."""
    column = Column(no_wrap=True, min_width=least)
    return TextColumn(f"{{task.{what}}}", markup=False, table_column=column)


def _shortened(name: str, width: int) -> str:
    """A name in at most `width` signs, without its middle if need be."""
    width = max(width, 12)
    if len(name) <= width:
        return name
    return f"{name[: width // 2]}…{name[len(name) - (width - width // 2 - 1) :]}"


def describe_activity(progress: Progress) -> str:
    """What a cluster does, in a few words."""
    if progress.activity is None:
        return ""
    workers, windows = progress.activity.workers, progress.activity.windows
    each = "" if progress.fps_per_worker is None else f" × {progress.fps_per_worker:.2f} fps"
    return f"{workers} worker{'' if workers == 1 else 's'}{each}, {windows} windows in flight"
