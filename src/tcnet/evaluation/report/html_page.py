"""An evaluation as one self-contained HTML page: tables, curves (inline SVG), crops (inline PNG).

report.html has the page, this module what is filled in.
"""

import base64
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

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
from tcnet.evaluation.result import ClipPictures, CropBox, EvaluationResult
from tcnet.video.images import encode_png

ZOOM = 2
OVERVIEW_HEIGHT = 192
CAPTION_WIDTH = 88  # CSS pixels at least, whatever the width of the picture above
PROFILE_WIDTH = 200  # about as many CSS pixels wide is a temporal profile


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture with its caption. png: base64. width, height, room: CSS pixels; room: the caption's width."""

    label: str
    png: str
    width: int
    height: int
    room: int


@dataclass(frozen=True, slots=True)
class ShownClip:
    """A clip with pictures. curves: SVG, empty for a single frame. profiles: empty for a single frame."""

    name: str
    box: CropBox
    curves: Markup
    crops: tuple[Figure, ...]
    profiles: tuple[Figure, ...]
    profile_frames: int


def render_html(result: EvaluationResult) -> str:
    """The page. Names from files and models are escaped; no script, nothing loaded from elsewhere."""
    environment = Environment(
        loader=PackageLoader("tcnet.evaluation.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(
        title=f"tcnet evaluation: {result.set_name}, {result.degradation}",
        result=result,
        summary=summary_table(result),
        consistency=consistency_table(result),
        consistency_legend=consistency_legend(result),
        speed_plot=_speed_plot(result),
        published=published_table(result),
        clips=[_shown(result, pictures) for pictures in result.pictures],
        descriptions=_descriptions(result),
        zoom=ZOOM,
    )


def _descriptions(result: EvaluationResult) -> Table:
    keys = sorted({key for model in result.models for key in model.description})
    rows = tuple((model.name, *(model.description.get(key, "") for key in keys)) for model in result.models)
    return Table(("model", *keys), rows)


def _speed_plot(result: EvaluationResult) -> Markup:
    """The first metric of single frames against the time for a frame; empty for fewer than two models."""
    metric = next((metric for metric in result.metrics if not METRICS[metric].temporal), None)
    if metric is None:
        return Markup()
    points = []
    for model in result.models:
        count = model.description.get("parameters", "")
        parameters = int(count) if count.isdecimal() else None
        points.append(SpeedPoint(model.name, model.seconds_per_frame, model.mean(metric), parameters))
    return Markup(draw_speed_plot(metric_label(metric, result.channel), points))


def _shown(result: EvaluationResult, pictures: ClipPictures) -> ShownClip:
    box = pictures.box
    crops = [_figure(label, pixels, ZOOM, ZOOM) for label, pixels in pictures.crops]
    if pictures.overview is not None:
        whole = mark_place(pictures.overview, box, OVERVIEW_HEIGHT)
        crops.insert(0, _figure("the place in the frame", whole, 1, 1))
    frames = pictures.profiles[0][1].shape[1] if pictures.profiles else 0
    across = min(max(PROFILE_WIDTH // max(frames, 1), 1), 8)
    profiles = [_figure(label, pixels, across, ZOOM) for label, pixels in pictures.profiles]
    return ShownClip(
        name=pictures.clip,
        box=box,
        curves=_curves(result, result.clip_names.index(pictures.clip)),
        crops=tuple(crops),
        profiles=tuple(profiles) if frames > 1 else (),
        profile_frames=frames,
    )


def _curves(result: EvaluationResult, clip_index: int) -> Markup:
    """The first metric over the frames of a clip, one line per model; empty for a single frame."""
    metric = result.metrics[0]
    curves = [(model.name, model.clips[clip_index].frames[metric]) for model in result.models]
    if len(curves[0][1]) < 2:
        return Markup()
    return Markup(draw_curves(metric_label(metric, result.channel), curves))


def _figure(label: str, pixels: npt.NDArray[np.uint8], across: int, down: int) -> Figure:
    height, width = down * pixels.shape[0], across * pixels.shape[1]
    png = base64.b64encode(encode_png(pixels)).decode("ascii")
    return Figure(label, png, width, height, max(width, CAPTION_WIDTH))
