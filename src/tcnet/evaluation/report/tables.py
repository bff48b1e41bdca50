"""An evaluation as text tables, for the terminal and for the HTML report."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tcnet.evaluation.metrics.definitions import METRICS, Metric, metric_label
from tcnet.evaluation.report.published import MEAN, published_scores
from tcnet.evaluation.result import EvaluationResult, ModelScores

SHOWN_CLIPS = 40  # longer tables are unreadable; the files hold all


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of as many cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summary_table(result: EvaluationResult) -> Table:
    """One row per clip, then the averages and the time; one column per model.

    A cell holds the metrics of single frames in the order measured ("27.23 / 0.8249"); from the second model
    on, it ends with the differences to the first model in brackets. For more than SHOWN_CLIPS clips there are
    only averages. Temporal metrics: see consistency_table.
    """
    metrics = [metric for metric in result.metrics if not METRICS[metric].temporal]
    rows = []
    if metrics:
        for clip, figures in _by_clip(result, metrics):
            rows.append(_row(clip, metrics, figures))
        means = [[model.mean(metric) for metric in metrics] for model in result.models]
        rows.append(_row("mean of clips", metrics, means))
        over_frames = [[model.mean_of_frames(metric) for metric in metrics] for model in result.models]
        rows.append(_row("mean of all frames", metrics, over_frames))
    rows.append(("seconds per frame", *(f"{model.seconds_per_frame:.3f}" for model in result.models)))
    measured = " / ".join(metric_label(metric, result.channel) for metric in metrics)
    return Table((measured, *(model.name for model in result.models)), tuple(rows))


def consistency_table(result: EvaluationResult, *, by_clip: bool = True) -> Table | None:
    """The temporal metrics, the mean of clips and a row per clip each; None where none was measured.

    All are better when lower. From the second model on a cell says how it compares with the first model:
    "1.204 (12.0 % better)". A clip without a value (no static region) has a dash. The ground truth's own
    values come last, where they were measured.
    """
    rows: list[tuple[str, ...]] = []
    truth = result.truth
    by_clip = by_clip and len(result.clip_names) > 1
    for metric in result.metrics:
        definition = METRICS[metric]
        if not definition.temporal:
            continue
        means = [model.mean(metric) for model in result.models]
        label = metric_label(metric, result.channel)
        rows.append((label, *_compared(means, definition), *_of_truth(truth, metric, None)))
        for index, (clip, figures) in enumerate(_by_clip(result, [metric]) if by_clip else ()):
            cells = _compared([of_model[0] for of_model in figures], definition)
            rows.append((f"\N{EM SPACE}{clip}", *cells, *_of_truth(truth, metric, index)))
    if not rows:
        return None
    names = (model.name for model in (*result.models, *([] if truth is None else [truth])))
    return Table(("lower is better", *names), tuple(rows))


def consistency_legend(result: EvaluationResult) -> str:
    """What the rows of the consistency table are: "warp-rgb: warping error, 1e-3; ..."."""
    measures = [(metric, METRICS[metric]) for metric in result.metrics if METRICS[metric].temporal]
    return "; ".join(
        f"{metric_label(metric, result.channel)}: {definition.title}" for metric, definition in measures
    )


def published_table(result: EvaluationResult) -> Table | None:
    """What others published for this set and degradation, PSNR / SSIM; None where nothing is known.

    None as well when only some frames were measured: those are not comparable with published ones.
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


def _by_clip(result: EvaluationResult, metrics: Sequence[str]) -> Iterator[tuple[str, list[list[float]]]]:
    """Each clip's name and, for each model, its figures; nothing where there are too many clips to show."""
    if len(result.clip_names) <= SHOWN_CLIPS:
        for index, clip in enumerate(result.clip_names):
            yield clip, [[model.clips[index].mean(metric) for metric in metrics] for model in result.models]


def _row(title: str, metrics: Sequence[str], figures: Sequence[Sequence[float]]) -> tuple[str, ...]:
    """figures: one sequence per model, each with one figure per metric."""
    cells = []
    for index, of_model in enumerate(figures):
        pairs = [(value, METRICS[metric]) for value, metric in zip(of_model, metrics, strict=True)]
        cell = " / ".join(_number(value, definition) for value, definition in pairs)
        if index > 0:
            gains = (_gain(value - base, m) for (value, m), base in zip(pairs, figures[0], strict=True))
            cell += f" ({' / '.join(gains)})"
        cells.append(cell)
    return (title, *cells)


def _compared(figures: Sequence[float], definition: Metric) -> Iterator[str]:
    """Each model's figure, from the second on with the change against the first and what it means."""
    base = figures[0]
    for index, value in enumerate(figures):
        text = _number(value, definition)
        if index > 0 and math.isfinite(value) and base > 0:
            change = 100 * (value / base - 1)
            better = (change < 0) == definition.lower_is_better
            text += f" ({abs(change):.1f} % {'better' if better else 'worse'})" if change else " (the same)"
        yield text


def _of_truth(truth: ModelScores | None, metric: str, clip: int | None) -> tuple[str, ...]:
    """The cell of the ground truth for one clip or (None) for all; none where there is no such column."""
    if truth is None:
        return ()
    if metric not in truth.clips[0].frames:
        return ("",)
    value = truth.mean(metric) if clip is None else truth.clips[clip].mean(metric)
    return (_number(value, METRICS[metric]),)


def _number(value: float, definition: Metric) -> str:
    return "–" if math.isnan(value) else f"{value:.{definition.decimals}f}"


def _gain(value: float, definition: Metric) -> str:
    # Two models without any error are both at infinity; their difference is no number.
    return "–" if math.isnan(value) else f"{value:+.{definition.decimals}f}"
