"""An evaluation's figures as tables of text, for the terminal and for the HTML report."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tcnet.evaluation.protocol import metric_label
from tcnet.evaluation.published import MEAN, published_scores
from tcnet.evaluation.result import EvaluationResult

DECIMALS = {"psnr": 2, "ssim": 4}


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of as many cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summary_table(result: EvaluationResult) -> Table:
    """One row per clip, then the averages and the time; one column per model.

    A cell holds the metrics in the order measured ("27.23 / 0.8249"); from the second model on, it ends with
    the differences to the first model in brackets.
    """
    rows = []
    for index, clip in enumerate(result.clip_names):
        figures = [[model.clips[index].mean(metric) for metric in result.metrics] for model in result.models]
        rows.append(_row(clip, result.metrics, figures))
    means = [[model.mean(metric) for metric in result.metrics] for model in result.models]
    rows.append(_row("mean of clips", result.metrics, means))
    over_frames = [[model.mean_of_frames(metric) for metric in result.metrics] for model in result.models]
    rows.append(_row("mean of all frames", result.metrics, over_frames))
    rows.append(("seconds per frame", *(f"{model.seconds_per_frame:.3f}" for model in result.models)))
    measured = " / ".join(metric_label(metric, result.channel) for metric in result.metrics)
    return Table((measured, *(model.name for model in result.models)), tuple(rows))


def published_table(result: EvaluationResult) -> Table | None:
    """What others published for this set and degradation, PSNR / SSIM; None where nothing is known.

    None as well when only some frames were measured: such figures stand beside no published one.
    """
    published = published_scores(result.set_name, result.degradation)
    if not published or result.limit_frames is not None:
        return None
    columns = [name for name in (*result.clip_names, MEAN) if any(name in line.figures for line in published)]
    rows = []
    for line in published:
        figures = [line.figures.get(name) for name in columns]
        cells = ["" if pair is None else f"{pair[0]:.2f} / {pair[1]:.4f}" for pair in figures]
        rows.append((line.method, *cells))
    return Table(("published (PSNR / SSIM)", *columns), tuple(rows))


def _row(title: str, metrics: Sequence[str], figures: Sequence[Sequence[float]]) -> tuple[str, ...]:
    """figures: one sequence per model, each with one figure per metric."""
    cells = []
    for index, of_model in enumerate(figures):
        cell = " / ".join(_number(value, metric) for value, metric in zip(of_model, metrics, strict=True))
        if index > 0:
            gains = [value - base for value, base in zip(of_model, figures[0], strict=True)]
            cell += (
                f" ({' / '.join(_gain(gain, metric) for gain, metric in zip(gains, metrics, strict=True))})"
            )
        cells.append(cell)
    return (title, *cells)


def _number(value: float, metric: str) -> str:
    return f"{value:.{DECIMALS.get(metric, 4)}f}"


def _gain(value: float, metric: str) -> str:
    # Two models without any error are both at infinity; their difference is no number.
    return "–" if math.isnan(value) else f"{value:+.{DECIMALS.get(metric, 4)}f}"
