"""An evaluation as one self-contained HTML page: tables, curves (inline SVG), crops (inline PNG)."""

import base64
from html import escape

import numpy as np
import numpy.typing as npt

from tcnet.evaluation.metrics.definitions import METRICS, metric_label
from tcnet.evaluation.report.crop_figure import mark_place
from tcnet.evaluation.report.curves import draw_curves
from tcnet.evaluation.report.speed_plot import SpeedPoint, draw_speed_plot
from tcnet.evaluation.report.tables import (
    Table,
    consistency_legend,
    consistency_table,
    published_table,
    summary_table,
)
from tcnet.evaluation.result import ClipPictures, EvaluationResult
from tcnet.video.images import encode_png

ZOOM = 2
OVERVIEW_HEIGHT = 192
CAPTION_WIDTH = 88  # CSS pixels at least, whatever the width of the picture above
PROFILE_WIDTH = 200  # about as many CSS pixels wide is a temporal profile

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; max-width: 76rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #dfe3e8; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
thead th { border-bottom: 2px solid #8a939d }
.warning { background: #fff3d6; border-left: 4px solid #e69f00; padding: .4rem .8rem }
code { background: #f3f5f7; padding: .1rem .3rem }
.row { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1rem 0 .2rem }
figure { margin: 0 }
figure img { image-rendering: pixelated; display: block }
figcaption, .note { color: #57606a; font-size: .85rem }
figcaption { overflow-wrap: anywhere; line-height: 1.3; margin-top: .2rem }
svg { max-width: 100%; height: auto } .scroll { overflow-x: auto }
svg text { font: 12px system-ui, sans-serif; paint-order: stroke; stroke: #fff; stroke-width: 3px }
"""


def render_html(result: EvaluationResult) -> str:
    """The page. Names from files and models are escaped; no script, nothing loaded from elsewhere."""
    title = f"tcnet evaluation: {result.set_name}, {result.degradation}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Protocol <code>{escape(result.protocol)}</code></p>",
    ]
    if result.limit_frames is not None:
        parts.append(
            f'<p class="warning">A quick look at the first {result.limit_frames} frames of each clip: these '
            "figures do not follow the published protocol.</p>"
        )
    parts.append(_html_table(summary_table(result)))
    if len(result.models) > 1:
        parts.append(f'<p class="note">In brackets: against {escape(result.models[0].name)}.</p>')
    consistency = consistency_table(result)
    if consistency is not None:
        parts += ["<h2>Temporal consistency</h2>", _html_table(consistency)]
        parts.append(
            f'<p class="note">{escape(consistency_legend(result))}. A blurred video is a steady one, '
            "steadier even than the ground truth: read these beside the quality above.</p>"
        )
    parts.append(_speed_plot(result))
    published = published_table(result)
    if published is not None:
        parts += [
            "<h2>Published figures</h2>",
            _html_table(published),
            '<p class="note">Quoted from the TCNet paper (IEEE TCSVT 33(4), 2023), not measured here.</p>',
        ]
    parts += [f'<p class="note">{escape(notice)}</p>' for notice in result.notices]
    for shown in result.pictures:
        index = result.clip_names.index(shown.clip)
        parts += [f"<h2>{escape(shown.clip)}</h2>", _curves(result, index), _crops(shown), _profiles(shown)]
    parts += ["<h2>Models and environment</h2>", _html_table(_descriptions(result)), _environment(result)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def _descriptions(result: EvaluationResult) -> Table:
    keys = sorted({key for model in result.models for key in model.description})
    rows = tuple((model.name, *(model.description.get(key, "") for key in keys)) for model in result.models)
    return Table(("model", *keys), rows)


def _environment(result: EvaluationResult) -> str:
    return f"<p>{escape(', '.join(f'{key} {value}' for key, value in result.environment.items()))}</p>"


def _curves(result: EvaluationResult, clip_index: int) -> str:
    """The first metric over the frames of a clip, one line per model; nothing for a single frame."""
    metric = result.metrics[0]
    curves = [(model.name, model.clips[clip_index].frames[metric]) for model in result.models]
    if len(curves[0][1]) < 2:
        return ""
    return draw_curves(metric_label(metric, result.channel), curves)


def _speed_plot(result: EvaluationResult) -> str:
    """The first metric of single frames against the time for a frame; nothing for fewer than two models."""
    metric = next((metric for metric in result.metrics if not METRICS[metric].temporal), None)
    if metric is None:
        return ""
    points = []
    for model in result.models:
        count = model.description.get("parameters", "")
        parameters = int(count) if count.isdecimal() else None
        points.append(SpeedPoint(model.name, model.seconds_per_frame, model.mean(metric), parameters))
    drawing = draw_speed_plot(metric_label(metric, result.channel), points)
    return drawing and f"<h2>Speed against quality</h2>\n{drawing}"


def _crops(shown: ClipPictures) -> str:
    box = shown.box
    figures = [_figure(label, pixels, ZOOM, ZOOM) for label, pixels in shown.crops]
    if shown.overview is not None:
        whole = mark_place(shown.overview, box, OVERVIEW_HEIGHT)
        figures.insert(0, _figure("the place in the frame", whole, 1, 1))
    place = f"Frame {box.frame}, {box.width}x{box.height} pixels from ({box.left}, {box.top}), shown x{ZOOM}."
    return f'<div class="row">{"".join(figures)}</div><p class="note">{place}</p>'


def _profiles(shown: ClipPictures) -> str:
    """The temporal profiles; nothing for a single frame."""
    if not shown.profiles or shown.profiles[0][1].shape[1] < 2:
        return ""
    box, frames = shown.box, shown.profiles[0][1].shape[1]
    stretch = min(max(PROFILE_WIDTH // frames, 1), 8)
    figures = [_figure(label, pixels, stretch, ZOOM) for label, pixels in shown.profiles]
    note = (
        f"Temporal profile: the column of pixels at x = {box.left + box.width // 2}, rows {box.top} to "
        f"{box.top + box.height - 1}, over {frames} frames from left to right. Steady detail gives clean "
        "lines, flicker vertical stripes."
    )
    return f'<div class="row">{"".join(figures)}</div><p class="note">{note}</p>'


def _figure(label: str, pixels: npt.NDArray[np.uint8], across: int, down: int) -> str:
    data = base64.b64encode(encode_png(pixels)).decode("ascii")
    height, width = down * pixels.shape[0], across * pixels.shape[1]
    room = max(width, CAPTION_WIDTH)
    return (
        f'<figure style="width:{room}px"><img src="data:image/png;base64,{data}" width="{width}" '
        f'height="{height}" alt="{escape(label)}"><figcaption>{escape(label)}</figcaption></figure>'
    )
