"""An evaluation as text tables, for the terminal and for the HTML report."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tcnet.evaluation.metrics.definitions import METRICS, Metric, metric_label
from tcnet.evaluation.report.published import MEAN, published_scores
from tcnet.evaluation.result import EvaluationResult, ModelScores

SHOWN_CLIPS = 40  # longer tables are unreadable; the files hold all
_MEANING = {
    "highest": "higher is better",
    "lowest": "lower is better",
    "nearest": "best near the truth's (in brackets: the difference)",
}


@dataclass(frozen=True, slots=True)
class Table:
    """A header and rows of as many cells."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summary_table(result: EvaluationResult) -> Table:
    """One row per clip, then the averages and the time; one column per model, and one of the ground truth
    where a metric has a value of it.

    A cell holds the metrics of single frames in the order measured ("27.23 / 0.8249"); from the second model
    on, it ends with the differences to the first model in brackets. For more than SHOWN_CLIPS clips there are
    only averages. Temporal metrics: see consistency_table.
    """
    metrics = [metric for metric in result.metrics if not METRICS[metric].temporal]
    truth = result.truth if any(_has_truth(result.truth, metric) for metric in metrics) else None
    rows = []
    if metrics:
        for index, (clip, figures) in enumerate(_by_clip(result, metrics)):
            rows.append(_row(clip, metrics, figures, _true_cell(truth, metrics, index)))
        means = [[model.mean(metric) for metric in metrics] for model in result.models]
        rows.append(_row("mean of clips", metrics, means, _true_cell(truth, metrics, None)))
        over_frames = [[model.mean_of_frames(metric) for metric in metrics] for model in result.models]
        rows.append(_row("mean of all frames", metrics, over_frames, ("",) if truth else ()))
    seconds = (f"{model.seconds_per_frame:.3f}" for model in result.models)
    rows.append(("seconds per frame", *seconds, *(("",) if truth else ())))
    measured = " / ".join(metric_label(metric, result.channel) for metric in metrics)
    names = (model.name for model in (*result.models, *([truth] if truth else [])))
    return Table((measured, *names), tuple(rows))


def means_table(result: EvaluationResult) -> Table:
    """As `summary_table`, the means of clips alone: a row per metric, where many are too wide for a cell."""
    metrics = [metric for metric in result.metrics if not METRICS[metric].temporal]
    truth = result.truth if any(_has_truth(result.truth, metric) for metric in metrics) else None
    rows = [
        _row(
            metric_label(metric, result.channel),
            [metric],
            [[model.mean(metric)] for model in result.models],
            _true_cell(truth, [metric], None),
        )
        for metric in metrics
    ]
    seconds = (f"{model.seconds_per_frame:.3f}" for model in result.models)
    rows.append(("seconds per frame", *seconds, *(("",) if truth else ())))
    names = (model.name for model in (*result.models, *([truth] if truth else [])))
    return Table(("mean of clips", *names), tuple(rows))


def consistency_table(result: EvaluationResult, *, by_clip: bool = True) -> Table | None:
    """The temporal metrics, the mean of clips and a row per clip each; None where none was measured.

    What each row means: `consistency_legend`. Of metrics that are better when lower a cell says from the
    second model on how it compares with the first: "1.204 (12.0 % better)"; of those that are best near the
    ground truth's, how far from that it is: "0.240 (-0.825)". A clip without a value (no static region) has a
    dash. The ground truth's own values come last, where they were measured.
    """
    rows: list[tuple[str, ...]] = []
    truth = result.truth
    by_clip = by_clip and len(result.clip_names) > 1
    for metric in result.metrics:
        definition = METRICS[metric]
        if not definition.temporal:
            continue
        means = [model.mean(metric) for model in result.models]
        cells = _cells(means, definition, _true_value(truth, metric, None))
        rows.append((metric_label(metric, result.channel), *cells))
        for index, (clip, figures) in enumerate(_by_clip(result, [metric]) if by_clip else ()):
            values = [of_model[0] for of_model in figures]
            rows.append(
                (f"\N{EM SPACE}{clip}", *_cells(values, definition, _true_value(truth, metric, index)))
            )
    if not rows:
        return None
    if truth is None:
        rows = [row[:-1] for row in rows]
    names = (model.name for model in (*result.models, *([] if truth is None else [truth])))
    return Table(("metric", *names), tuple(rows))


def consistency_legend(result: EvaluationResult) -> str:
    """What the rows of the consistency table are: "tof: tOF, pixels, lower is better; ..."."""
    measures = [(metric, METRICS[metric]) for metric in result.metrics if METRICS[metric].temporal]
    return "; ".join(
        f"{metric_label(metric, result.channel)}: {definition.title}, {_MEANING[definition.best]}"
        for metric, definition in measures
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


def _row(
    title: str, metrics: Sequence[str], figures: Sequence[Sequence[float]], truth: Sequence[str]
) -> tuple[str, ...]:
    """figures: one sequence per model, each with one figure per metric. truth: its cell, or none."""
    cells = []
    for index, of_model in enumerate(figures):
        pairs = [(value, METRICS[metric]) for value, metric in zip(of_model, metrics, strict=True)]
        cell = " / ".join(_number(value, definition) for value, definition in pairs)
        if index > 0:
            gains = (_gain(value - base, m) for (value, m), base in zip(pairs, figures[0], strict=True))
            cell += f" ({' / '.join(gains)})"
        cells.append(cell)
    return (title, *cells, *truth)


def _cells(figures: Sequence[float], definition: Metric, true_value: float | None) -> Iterator[str]:
    """Each model's figure with what it means, and the ground truth's cell."""
    if definition.best == "nearest":
        yield from (_beside_truth(value, definition, true_value) for value in figures)
    else:
        yield from _compared(figures, definition)
    yield "" if true_value is None else _number(true_value, definition)


def _beside_truth(value: float, definition: Metric, true_value: float | None) -> str:
    text = _number(value, definition)
    if true_value is None or not math.isfinite(value - true_value):
        return text
    return f"{text} ({_gain(value - true_value, definition)})"


def _compared(figures: Sequence[float], definition: Metric) -> Iterator[str]:
    """Each model's figure, from the second on with the change against the first and what it means."""
    base = figures[0]
    for index, value in enumerate(figures):
        text = _number(value, definition)
        if index > 0 and math.isfinite(value) and base > 0:
            change = 100 * (value / base - 1)
            better = (change < 0) == (definition.best == "lowest")
            text += f" ({abs(change):.1f} % {'better' if better else 'worse'})" if change else " (the same)"
        yield text


def _true_value(truth: ModelScores | None, metric: str, clip: int | None) -> float | None:
    """The ground truth's for one clip or (None) for all; None where it is not known."""
    if METRICS[metric].ratio:
        return 1.0
    if truth is None or not _has_truth(truth, metric):
        return None
    return truth.mean(metric) if clip is None else truth.clips[clip].mean(metric)


def _true_cell(truth: ModelScores | None, metrics: Sequence[str], clip: int | None) -> tuple[str, ...]:
    """The ground truth's cell in the table of single frames; none where it has no column."""
    if truth is None:
        return ()
    values = ((_true_value(truth, metric, clip), METRICS[metric]) for metric in metrics)
    return (" / ".join("–" if value is None else _number(value, m) for value, m in values),)


def _has_truth(truth: ModelScores | None, metric: str) -> bool:
    return truth is not None and metric in truth.clips[0].frames


def _number(value: float, definition: Metric) -> str:
    return "–" if math.isnan(value) else f"{value:.{definition.decimals}f}"


def _gain(value: float, definition: Metric) -> str:
    # Two models without any error are both at infinity; their difference is no number.
    return "–" if math.isnan(value) else f"{value:+.{definition.decimals}f}"
