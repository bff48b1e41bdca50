"""tcnet upscale."""

import json
import re
import sys
import time
import traceback
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from tcnet.cli.console import err, format_bytes, format_seconds, out, print_error, print_notices
from tcnet.errors import TcnetError, UsageError
from tcnet.models import DEFAULT_MODEL
from tcnet.upscale import Plan, Progress, UpscaleOptions, UpscaleResult, plan_video, upscale_video
from tcnet.video import EncodeOptions, ReadOptions

PROGRESS = ("auto", "bar", "json", "none")
_MOST_GIBIBYTES = 2**20
_RATE = re.compile(r"\d{1,6}(\.\d{1,6})?|\d{1,9}/\d{1,9}")  # Fraction would also take 1e999999999, for hours


def upscale(
    context: typer.Context,
    inputs: Annotated[
        list[str], typer.Argument(help="Video file, folder or pattern of images.", metavar="INPUT")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File, folder or pattern (out/%05d.png) of PNGs; by default NAME.x4.mp4 or NAME.x4.mkv "
            "beside the input, for images the folder NAME.x4.",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Name from `tcnet models`, or a weight file.")] = DEFAULT_MODEL,
    scale: Annotated[int | None, typer.Option(help="4 (default), 3 or 2.")] = None,
    height: Annotated[int | None, typer.Option(help="Output height; the width follows.")] = None,
    width: Annotated[int | None, typer.Option(help="Output width; the height follows.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    window: Annotated[int | None, typer.Option(help="Frames computed together.")] = None,
    overlap: Annotated[
        int | None, typer.Option(help="Frames computed and dropped on each side of a window.")
    ] = None,
    tile: Annotated[int | None, typer.Option(help="Largest tile side in input pixels.")] = None,
    memory_limit: Annotated[
        float | None, typer.Option(help="GiB to stay under; by default 70 % of what is free.")
    ] = None,
    codec: Annotated[str | None, typer.Option(help="h264, hevc, av1, ffv1 or prores.")] = None,
    crf: Annotated[int | None, typer.Option(help="Constant quality; lower is better.")] = None,
    pixel_format: Annotated[str | None, typer.Option(help="FFmpeg's name, such as yuv444p10le.")] = None,
    encoder_option: Annotated[list[str] | None, typer.Option(help="K=V, passed to the encoder.")] = None,
    frame_rate: Annotated[
        str, typer.Option(help="For images: frames a second, such as 25 or 30000/1001.")
    ] = "25",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    progress: Annotated[
        str,
        typer.Option(
            help="auto, bar, none, or json: on stdout one JSON object a line, for each frame with input, "
            "frames_done, frames_total, fps, eta_seconds and time, at the end of each input with input, "
            "output, frames, seconds and notices."
        ),
    ] = "auto",
) -> None:
    """Upscale videos by 4, with sound, times and colours kept.

    Prints where the output is. Of several inputs, one that fails does not stop the others.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated.
    """
    if progress not in PROGRESS:
        raise UsageError(f"unknown --progress {progress!r}: choose one of {', '.join(PROGRESS)}")
    if "-" in inputs:
        raise UsageError("standard input cannot be read; save it to a file first")
    if output is not None and len(inputs) > 1:
        raise UsageError(f"-o takes one input, got {len(inputs)}; without it outputs lie beside their inputs")
    options = UpscaleOptions(
        window=window, overlap=overlap, tile=tile, precision=precision, device=device, scale=scale,
        height=height, width=width, memory_limit=_gibibytes(memory_limit),
    )  # fmt: skip
    encode = EncodeOptions(
        codec=codec, crf=crf, pixel_format=pixel_format, encoder_options=_pairs(encoder_option or [])
    )
    read = ReadOptions(frame_rate=_rate(frame_rate))

    def one(path: str) -> None:
        if dry_run:
            _print_plan(plan_video(path, model=model, options=options, read=read))
            return
        shown = _progress_display(progress, path)
        with shown:
            result = upscale_video(
                path, output, model=model, options=options, encode=encode, read=read,
                overwrite=overwrite, on_plan=_print_plan, progress=shown.update,
            )  # fmt: skip
        shown.finish(result)

    if len(inputs) == 1:
        one(inputs[0])
        return
    raise typer.Exit(_each(inputs, one, debug=bool(context.obj)))


def _each(inputs: list[str], one: Callable[[str], None], *, debug: bool) -> int:
    """Go through several inputs; one that fails does not stop the rest. Returns the exit code."""
    worst = 0
    for path in inputs:
        try:
            one(path)
        except TcnetError as error:
            if debug:
                traceback.print_exc()
            # Not every message names the file, which matters where there are several.
            print_error(str(error) if path in str(error) else f"{path}: {error}")
            worst = max(worst, error.exit_code)
    return worst


class _Display:
    """Progress on the terminal, as JSON lines, or not at all."""

    def __init__(self, kind: str, path: str) -> None:
        self._json = kind == "json"
        self._path = path
        columns = (TextColumn("{task.description}"), BarColumn(20), MofNCompleteColumn())
        self._bar = Bar(*columns, TextColumn("{task.fields[rate]}"), console=err, disable=kind != "bar")
        self._task = self._bar.add_task("upscaling", rate="", total=None)

    def __enter__(self) -> "_Display":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def update(self, progress: Progress) -> None:
        if self._json:
            self._write({
                "frames_done": progress.frames_done, "frames_total": progress.frames_total,
                "fps": progress.fps, "eta_seconds": progress.eta_seconds, "time": time.time(),
            })  # fmt: skip
        rate = "" if progress.fps is None else f"{progress.fps:.2f} fps"
        if progress.eta_seconds is not None:
            rate += f"  {format_seconds(progress.eta_seconds)} left"
        total = progress.frames_total
        if total is not None and progress.frames_done > total:
            total = None  # the container's count was an estimate, and too low
        self._bar.update(self._task, completed=progress.frames_done, total=total, rate=rate)

    def finish(self, result: UpscaleResult) -> None:
        """Say what came out: in words, and on stdout the path or the last JSON record."""
        _print_result(result)
        if self._json:
            self._write({
                "output": str(result.output), "frames": result.frames, "seconds": result.seconds,
                "notices": result.notices,
            })  # fmt: skip
        else:
            out.print(str(result.output), markup=False)

    def _write(self, record: dict[str, object]) -> None:
        sys.stdout.write(json.dumps({"input": self._path, **record}) + "\n")
        sys.stdout.flush()


def _progress_display(kind: str, path: str) -> _Display:
    return _Display(("bar" if err.is_terminal else "none") if kind == "auto" else kind, path)


def _print_plan(plan: Plan) -> None:
    window = "streaming" if plan.window is None else f"window {plan.window} (overlap {plan.overlap})"
    tile = "whole frames" if plan.tile is None else f"{plan.tiles} tiles of {plan.tile}"
    line = (
        f"plan: {plan.model}, {plan.device} {plan.precision}, {window}, {tile}, to "
        f"{plan.output_width}x{plan.output_height}, about {format_bytes(plan.memory)}"
    )
    if plan.seconds is not None:
        line += f" and {format_seconds(plan.seconds)}"
    elif plan.seconds_per_frame is not None:
        line += f" and {format_seconds(plan.seconds_per_frame)} a frame"
    err.print(line, markup=False)


def _print_result(result: UpscaleResult) -> None:
    print_notices(result.notices)
    rate = f"{result.frames / result.seconds:.2f} fps"
    peak = "" if result.peak_memory is None else f", peak memory {format_bytes(result.peak_memory)}"
    redone = f", {result.recomputed_frames} recomputed in fp32" if result.recomputed_frames else ""
    err.print(
        f"{result.frames} frames in {format_seconds(result.seconds)} ({rate}){redone}{peak}", markup=False
    )


def _gibibytes(count: float | None) -> int | None:
    if count is None:
        return None
    if not 0 < count < _MOST_GIBIBYTES:
        raise UsageError(f"--memory-limit {count:g}: give the GiB to stay under, such as 4 or 0.5")
    return int(count * 2**30)


def _pairs(options: list[str]) -> dict[str, str]:
    pairs = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise UsageError(f"--encoder-option {option!r}: write it as K=V, such as preset=slow")
        pairs[key] = value
    return pairs


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text) if _RATE.fullmatch(text) else Fraction(0)
    except ZeroDivisionError:
        rate = Fraction(0)
    if rate <= 0:
        raise UsageError(f"--frame-rate {text!r}: write frames a second, such as 25, 23.976 or 30000/1001")
    return rate
