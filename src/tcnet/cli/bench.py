"""tcnet bench."""

from pathlib import Path
from typing import Annotated

import typer

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.cli.console import err, out, print_table
from tcnet.errors import UsageError
from tcnet.profiling.benchmark import run_benchmark
from tcnet.profiling.benchmark_result import STAGE_HEADER, stage_rows, write_json


def bench(
    model: Annotated[list[str], typer.Option(help="Names or files, separated by commas.")] = [DEFAULT_MODEL],  # noqa: B006
    size: Annotated[list[str], typer.Option(help="LR sizes, HEIGHTxWIDTH, with commas.")] = ["180x320"],  # noqa: B006
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16 or int8.")] = "auto",
    compile: Annotated[
        bool, typer.Option("--compile", help="Compile the models first; BasicVSR stays eager.")
    ] = False,
    frames: Annotated[int, typer.Option(help="Frames in a clip.", min=1)] = 8,
    rounds: Annotated[int, typer.Option(help="Interleaved repetitions; medians are shown.", min=1)] = 3,
    json: Annotated[Path | None, typer.Option(help="Write all measurements to this file.")] = None,
) -> None:
    """Time models and their stages against BasicVSR, alternately, and against the machine's limits."""
    models = ",".join(model).split(",")
    sizes = [_parse_size(text) for text in ",".join(size).split(",")]
    results = []
    for height, width in sizes:
        with err.status(f"measuring at {height}x{width}"):
            result = run_benchmark(models, height, width, frames, rounds, device, precision, compiled=compile)
        results.append(result)
        print_table(result.header, result.rows, title=result.title)
        for timing in result.timings:
            if timing.stages:
                print_table(STAGE_HEADER, stage_rows(timing), title=timing.name)
        for line in result.remarks:
            out.print(line, markup=False)
    if json is not None:
        write_json(results, json)


def _parse_size(size: str) -> tuple[int, int]:
    height, _, width = size.lower().partition("x")
    if not (height.isdecimal() and width.isdecimal()):
        raise UsageError(f"--size {size!r}: write HEIGHTxWIDTH, such as 180x320")
    return int(height), int(width)
