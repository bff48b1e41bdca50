"""tcnet evaluate."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tcnet.cli.console import err, out, print_notices, print_table
from tcnet.cli.stopped import Stopped
from tcnet.errors import UsageError
from tcnet.evaluation import (
    EvaluationProgress,
    EvaluationResult,
    consistency_legend,
    consistency_table,
    means_table,
    published_table,
    summary_table,
    write_report,
)
from tcnet.evaluation import evaluate as run_evaluation
from tcnet.evaluation.crops import parse_crop
from tcnet.evaluation.methods.choice import load_method
from tcnet.evaluation.metrics.definitions import METRICS
from tcnet.evaluation.metrics.estimators import load_estimators
from tcnet.evaluation.protocol import GIVEN, default_metrics, evaluation_set
from tcnet.inference import choose_device

JOURNAL_NAME = "journal.jsonl"
MOST_IN_A_CELL = 3
"""Metrics of single frames; the terminal is too narrow for more."""


def evaluate(
    model: Annotated[
        list[str],
        typer.Option(
            help="One or more, separated by commas: names of `tcnet models` and weight files, with +time "
            "or +full for its self-ensemble, @0.25 for its detail, ~0.5 for its denoise; bicubic, lanczos, "
            "basicvsr-bi, basicvsr-bd, basicvsr-reds, animesr; ONNX files (whole clips or single frames); "
            "your own functions as module:function or file.py:function."
        ),
    ],
    set_name: Annotated[
        str,
        typer.Option(
            "--set",
            help="vid4, reds4, vimeo90k, udm10, spmcs, spmcs11; folder: any folder of HR clips; "
            "pairs: HR and LR clips below HR/ and LR/.",
        ),
    ] = "vid4",
    data: Annotated[Path | None, typer.Option(help="Folder of the set; by default $TCNET_DATA/SET.")] = None,
    degradation: Annotated[
        str | None,
        typer.Option(
            help="BI (the default) or BD, BI+crf23 compressed by H.264 after that; none for pairs.",
            show_default=False,
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help=f"Some of {', '.join(METRICS)}. By default psnr and ssim, and for a report (--out) also "
            "detail and the temporal ones; lpips, features and vmaf need additional packages.",
            show_default=False,
        ),
    ] = None,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for report.html, pictures, results.json and .csv; interrupted runs continue.",
        ),
    ] = None,
    crop: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLIP=FRAME,LEFT,TOP,WIDTH,HEIGHT",
            help="The crop that the report enlarges; by default where bicubic interpolation is worst.",
        ),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Measure everything again instead of continuing.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16 or int8.")] = "auto",
    limit_frames: Annotated[
        int | None, typer.Option(help="Only the first frames of each clip: a quick look, not the protocol.")
    ] = None,
) -> None:
    """Measure models on a benchmark by its published protocol; methods side by side on the same frames."""
    if degradation is None:
        degradation = GIVEN if evaluation_set(set_name).lr_layouts else "BI"
    folder = data if data is not None else _data_folder(set_name)
    methods = [load_method(name, device, precision) for name in _split("--model", ",".join(model))]
    chosen_metrics = (
        default_metrics(set_name, out_dir is not None) if metrics is None else _split("--metrics", metrics)
    )
    crops = dict(map(parse_crop, crop or ()))
    estimators = load_estimators(chosen_metrics, choose_device(device))
    journal = None if out_dir is None else out_dir / JOURNAL_NAME
    if journal is not None and fresh:
        journal.unlink(missing_ok=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task("reading")

        def show(progress: EvaluationProgress) -> None:
            title = f"{progress.clip} ({progress.clip_index + 1}/{progress.clip_count})  {progress.model}"
            bar.update(task, description=title, completed=progress.frames_done, total=progress.frame_count)

        try:
            result = run_evaluation(
                set_name, folder, degradation, methods,
                metrics=chosen_metrics, limit_frames=limit_frames, crops=crops, estimators=estimators,
                journal=journal, progress=show,
            )  # fmt: skip
        except Stopped as stopped:
            if journal is not None:
                stopped.kept = "what is measured is kept: the same command continues"
            raise
    _print_result(result)
    if out_dir is not None:
        for path in write_report(result, out_dir):
            out.print(str(path), markup=False)


def _print_result(result: EvaluationResult) -> None:
    print_notices(result.notices)
    if result.limit_frames is not None:
        print_notices(
            [f"the first {result.limit_frames} frames of each clip alone: not the published protocol"]
        )
    single = [metric for metric in result.metrics if not METRICS[metric].temporal]
    table = summary_table(result) if len(single) <= MOST_IN_A_CELL else means_table(result)
    print_table(table.header, table.rows, title=result.protocol)
    if consistency := consistency_table(result, by_clip=False):
        print_table(consistency.header, consistency.rows, title=consistency_legend(result))
    if published := published_table(result):
        print_table(published.header, published.rows, title="published, not measured here")


def _split(option: str, names: str) -> list[str]:
    found = [name.strip() for name in names.split(",") if name.strip()]
    if not found:
        raise UsageError(f"{option} {names!r} names nothing: give names separated by commas")
    return found


def _data_folder(set_name: str) -> Path:
    if set_name in ("folder", "pairs"):
        raise UsageError(f"--set {set_name} needs --data DIR, the folder of the clips")
    return Path(os.environ.get("TCNET_DATA", "../shared/data")) / set_name
