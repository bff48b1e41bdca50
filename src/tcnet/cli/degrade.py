"""tcnet degrade."""

from pathlib import Path
from typing import Annotated

import typer

from tcnet.cli.console import err
from tcnet.data.degrade_job import degrade_video


def degrade(
    hr: Annotated[
        Path, typer.Argument(help="High-resolution video, folder or pattern of images.", metavar="HR")
    ],
    out: Annotated[
        Path, typer.Argument(help="Low-resolution video (.mkv: lossless) or folder of PNGs.", metavar="OUT")
    ],
    kind: Annotated[str, typer.Option(help="BI (bicubic) or BD (Gaussian blur), as benchmarks do.")] = "BI",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")] = False,
) -> None:
    """Make the low-resolution version (1/4) of a video, exactly as the benchmarks do."""
    frames = degrade_video(hr, out, kind, overwrite=overwrite)
    err.print(f"{out}: {frames} frames, {kind}", markup=False)
