"""An evaluation as files: results.json, results.csv, report.html and pictures."""

import csv
import io
import json
import math
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tcnet.errors import MediaError
from tcnet.evaluation.metrics.definitions import METRICS, metric_label
from tcnet.evaluation.report.crop_figure import draw_figure
from tcnet.evaluation.report.html_page import render_html
from tcnet.evaluation.result import ClipPictures, EvaluationResult
from tcnet.video.images import encode_png

JSON_NAME, CSV_NAME, HTML_NAME = "results.json", "results.csv", "report.html"
IMAGES_NAME = "images"
PICTURE_KINDS = ("crop", "profile")
OURS = ("*.crop.*.png", "*.profile.*.png", "*.figure.png")  # what an earlier report may have left


def write_report(result: EvaluationResult, out_dir: Path) -> tuple[Path, ...]:
    """Write the three files into `out_dir`, created if missing, and the pictures as PNGs into its `images`.

    Files of an earlier report are replaced, its other pictures removed. All are written under temporary names
    before the first is moved into place.

    Args:
        result: what `evaluate` returned.
        out_dir: the folder.

    Returns:
        The paths of the three.

    Raises:
        MediaError: if the folder cannot be created or written.
    """
    texts = {JSON_NAME: to_json(result), CSV_NAME: to_csv(result), HTML_NAME: render_html(result)}
    contents = {name: text.encode("utf-8") for name, text in texts.items()}
    contents |= {f"{IMAGES_NAME}/{name}": encode_png(pixels) for name, pixels in image_files(result).items()}
    images = out_dir / IMAGES_NAME
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        images.mkdir(exist_ok=True)
        work_dir = Path(tempfile.mkdtemp(prefix=".report-", dir=out_dir))
        try:
            (work_dir / IMAGES_NAME).mkdir()
            for name, data in contents.items():
                (work_dir / name).write_bytes(data)
            for pattern in OURS:
                for old in images.glob(pattern):
                    old.unlink()
            for name in contents:
                os.replace(work_dir / name, out_dir / name)
        finally:
            shutil.rmtree(work_dir)
    except OSError as error:
        raise MediaError(f"the report cannot be written to {out_dir}: {error.strerror or error}") from error
    return tuple(out_dir / name for name in texts)


def image_files(result: EvaluationResult) -> dict[str, npt.NDArray[np.uint8]]:
    """The pictures by file name: "calendar.figure.png", which shows all but the profiles;
    "calendar.crop.2-tcnet-bi.png", "calendar.profile.2-tcnet-bi.png".
    """
    files = {}
    for shown in result.pictures:
        if shown.crops:
            captions, overview = figure_captions(result, shown)
            files[f"{_file_name(shown.clip)}.figure.png"] = draw_figure(shown, captions, overview)
        for kind, versions in zip(PICTURE_KINDS, (shown.crops, shown.profiles), strict=True):
            for index, (label, pixels) in enumerate(versions):
                files[f"{_file_name(shown.clip)}.{kind}.{index}-{_file_name(label)}.png"] = pixels
    return files


def figure_captions(result: EvaluationResult, shown: ClipPictures) -> tuple[list[str], str]:
    """Of the crops, with the first metric of single frames of the whole frame where it was measured, and of
    the overview: ["tcnet-bi, 23.87 dB", ...], "calendar, frame 20".
    """
    index = result.clip_names.index(shown.clip)
    metric = next((metric for metric in result.metrics if not METRICS[metric].temporal), None)
    figures = {}
    if metric is not None:
        definition = METRICS[metric]
        unit = " dB" if metric == "psnr" else f" {metric.upper()}"
        for model in result.models:
            value = model.clips[index].frames[metric][shown.box.frame]
            figures[model.name] = f", {value:.{definition.decimals}f}{unit}"
    captions = [f"{label}{figures.get(label, '')}" for label, _ in shown.crops]
    return captions, f"{shown.clip}, frame {shown.box.frame}"


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text)[-80:]


def to_json(result: EvaluationResult) -> str:
    """Everything but the pictures. Infinite figures (identical frames) are "inf", missing ones null."""
    document = {
        "protocol": result.protocol,
        "set": result.set_name,
        "degradation": result.degradation,
        "channel": result.channel,
        "metrics": list(result.metrics),
        "limit_frames": result.limit_frames,
        "environment": dict(result.environment),
        "notices": list(result.notices),
        "ground_truth": _true_means(result),
        "models": [
            {
                "name": model.name,
                "description": dict(model.description),
                "mean": {metric: model.mean(metric) for metric in result.metrics},
                "mean_of_frames": {metric: model.mean_of_frames(metric) for metric in result.metrics},
                "seconds_per_frame": model.seconds_per_frame,
                "clips": [
                    {
                        "clip": scores.clip,
                        "frame_count": scores.frame_count,
                        "seconds": scores.seconds,
                        "mean": {metric: scores.mean(metric) for metric in result.metrics},
                        "frames": {metric: list(scores.frames[metric]) for metric in result.metrics},
                    }
                    for scores in model.clips
                ],
            }
            for model in result.models
        ],
    }
    return json.dumps(_finite(document), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _true_means(result: EvaluationResult) -> dict[str, float]:
    if result.truth is None:
        return {}
    return {metric: result.truth.mean(metric) for metric in result.truth.clips[0].frames}


def to_csv(result: EvaluationResult) -> str:
    """One line per model, clip and frame (from 0), one column per metric."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    labels = [metric_label(metric, result.channel) for metric in result.metrics]
    writer.writerow(["model", "clip", "frame", *labels])
    for model in result.models:
        for scores in model.clips:
            columns = (scores.frames[metric] for metric in result.metrics)
            for index, figures in enumerate(zip(*columns, strict=True)):
                writer.writerow([model.name, scores.clip, index, *map(_cell, figures)])
    return text.getvalue()


def _cell(figure: float) -> str:
    return "" if math.isnan(figure) else repr(figure)


def _finite(value: Any) -> Any:  # noqa: ANN401 - a JSON document
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return value
