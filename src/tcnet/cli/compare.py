"""tcnet compare."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from tcnet.cli.console import err, out, print_notices
from tcnet.cli.values import parse_time
from tcnet.compare import VIEWS, CompareOptions, Crop, compare_videos
from tcnet.errors import UsageError
from tcnet.video import EncodeOptions, ReadOptions


def compare(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Two or more videos (or images) of the same picture, such as input and output; the first "
            "is the reference.",
            metavar="INPUT",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Video file, .png (one moment), or folder of PNGs; by default NAME.VIEW.mp4, .mkv or .png "
            "beside the first input.",
        ),
    ] = None,
    view: Annotated[
        str,
        typer.Option(
            help="side (by side), wipe (strips of one picture), difference, or profile (a line of pixels "
            "over time, where flicker shows)."
        ),
    ] = VIEWS[0],
    crop: Annotated[
        list[str] | None,
        typer.Option(help="X,Y,WIDTH,HEIGHT in pixels of the largest input; repeatable."),
    ] = None,
    zoom: Annotated[int | None, typer.Option(help="Enlargement: by default 4 in crops, else 1.")] = None,
    divider: Annotated[
        str | None, typer.Option(help="Wipe: moving, or a fraction of the width, such as 0.5.")
    ] = None,
    amplify: Annotated[float, typer.Option(help="Difference: factor.")] = 4.0,
    column: Annotated[int | None, typer.Option(help="Profile: by default the middle one.")] = None,
    row: Annotated[int | None, typer.Option(help="Profile: a row instead of a column.")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Label of an input; once for each, in order.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(help="Picture: its time, seconds or H:MM:SS.mmm; by default the middle."),
    ] = None,
    start: Annotated[str | None, typer.Option(help="First moment, seconds or H:MM:SS.mmm.")] = None,
    end: Annotated[str | None, typer.Option(help="End, seconds or H:MM:SS.mmm.")] = None,
    codec: Annotated[str | None, typer.Option(help="h264, hevc, av1, ffv1 or prores.")] = None,
    crf: Annotated[int | None, typer.Option(help="Constant quality; lower is better.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")] = False,
    allow_network: Annotated[
        bool, typer.Option("--allow-network", help="Follow playlists to other files and addresses.")
    ] = False,
) -> None:
    """Show versions of a video together: side by side, wiped, their difference, or a line of pixels in time.

    Smaller inputs are enlarged to the size of the largest (bicubic). Sound is dropped. Prints the output.
    """
    options = CompareOptions(
        view=view, crops=tuple(_crop(text) for text in crop or ()), zoom=zoom, divider=_divider(divider),
        amplify=amplify, column=column, row=row, labels=tuple(label or ()), at=parse_time("--at", at),
        start=parse_time("--start", start), end=parse_time("--end", end),
    )  # fmt: skip
    if divider is not None and view != "wipe":
        raise UsageError(
            f"--divider {divider} is for --view wipe, not for --view {view}: add --view wipe, or leave it out"
        )
    bar = Progress(
        TextColumn("comparing"), BarColumn(20), MofNCompleteColumn(), console=err, disable=not err.is_terminal
    )
    with bar:
        task = bar.add_task("", total=None)
        result = compare_videos(
            inputs,
            output,
            options=options,
            encode=EncodeOptions(codec=codec, crf=crf),
            read=ReadOptions(allow_network=allow_network),
            overwrite=overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    print_notices(result.notices)
    out.print(str(result.output), markup=False)


def _crop(text: str) -> Crop:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() and len(part) < 7 for part in parts):
        raise UsageError(f"--crop {text!r}: write it as X,Y,WIDTH,HEIGHT in pixels, such as 100,60,64,48")
    return Crop(*(int(part) for part in parts))


def _divider(text: str | None) -> float | None:
    if text is None or text == "moving":
        return None
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--divider {text!r}: write moving, or a fraction such as 0.5") from None
