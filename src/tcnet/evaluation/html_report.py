"""An evaluation as one HTML page that needs nothing else: tables, curves (inline SVG), crops (inline PNG)."""

import base64
from html import escape

from tcnet.evaluation.curves import draw_curves
from tcnet.evaluation.measures import metric_label
from tcnet.evaluation.result import ClipPictures, EvaluationResult
from tcnet.evaluation.tables import Table, consistency_table, published_table, summary_table
from tcnet.video.images import encode_png

ZOOM = 2

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff; max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .8rem; border-bottom: 1px solid #dfe3e8; text-align: right; white-space: nowrap }
th:first-child, td:first-child { text-align: left }
thead th { border-bottom: 2px solid #8a939d }
code { background: #f3f5f7; padding: .1rem .3rem }
figure { display: inline-block; margin: 0 .6rem .8rem 0 }
figure img { image-rendering: pixelated; display: block }
figcaption, .note { color: #57606a; font-size: .85rem }
svg { max-width: 100%; height: auto } .scroll { overflow-x: auto }
svg text { font: 12px system-ui, sans-serif }
"""


def render_html(result: EvaluationResult) -> str:
    """The page. Names from files and models are escaped; no script, nothing loaded from elsewhere."""
    title = f"tcnet evaluation: {result.set_name}, {result.degradation}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>Protocol <code>{escape(result.protocol)}</code></p>",
        _html_table(summary_table(result)),
    ]
    if len(result.models) > 1:
        parts.append(f'<p class="note">In brackets: against {escape(result.models[0].name)}.</p>')
    consistency = consistency_table(result)
    if consistency is not None:
        parts += ["<h2>Temporal consistency</h2>", _html_table(consistency)]
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
        parts += [f"<h2>{escape(shown.clip)}</h2>", _curves(result, index), _pictures(shown)]
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
    """The first metric over the frames of a clip, one line per model."""
    metric = result.metrics[0]
    curves = [(model.name, model.clips[clip_index].frames[metric]) for model in result.models]
    return draw_curves(metric_label(metric, result.channel), curves)


def _pictures(shown: ClipPictures) -> str:
    box = shown.box
    figures = []
    for label, pixels in shown.crops:
        data = base64.b64encode(encode_png(pixels)).decode("ascii")
        figures.append(
            f'<figure><img src="data:image/png;base64,{data}" width="{ZOOM * box.width}" '
            f'height="{ZOOM * box.height}" alt="{escape(label)}">'
            f"<figcaption>{escape(label)}</figcaption></figure>"
        )
    place = f"Frame {box.frame}, {box.width}x{box.height} pixels from ({box.left}, {box.top}), shown x{ZOOM}."
    return "".join(figures) + f'<p class="note">{place}</p>'
