"""Finished measurements of an evaluation on disk, so that an interrupted run continues.

A journal (`tcnet.journal`): a line for the options, then one for each clip (what a report shows of its ground
truth) and one for each model on a clip.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tcnet.errors import MediaError
from tcnet.evaluation.crops import Picture
from tcnet.evaluation.datasets import Clip
from tcnet.evaluation.methods.method import ClipUpscaler
from tcnet.evaluation.result import ClipScores, CropBox
from tcnet.journal import Journal, Line

FORMAT = 2


@dataclass(frozen=True, slots=True, eq=False)
class ClipRecord:
    """A clip itself. source: tells its files from changed ones. references: crop and profile by version;
    overview: the ground truth's whole frame, where the clip is shown. truth: the ground truth's
    own values, by metric.
    """

    clip: str
    source: str
    notices: tuple[str, ...]
    box: CropBox | None
    references: Mapping[str, tuple[Picture, Picture]]
    overview: Picture | None = None
    truth: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class ModelRecord:
    """One model on one clip. pictures: crop and profile, where the clip is shown."""

    model: str
    description: Mapping[str, str]
    scores: ClipScores
    pictures: tuple[Picture, Picture] | None


class EvaluationJournal:
    """Finished measurements by clip and model; without a path, for one run only.

    notices: what was reused and what was not.
    """

    def __init__(self, path: Path | None, options: Mapping[str, Any]) -> None:
        """options: what the measurements depend on besides clip and model; JSON values.

        An existing file is reused if its options are equal, else it is replaced. Raises MediaError if the
        file cannot be read or written.
        """
        self._path = path
        self._file: Journal | None = None
        self._clips: dict[str, ClipRecord] = {}
        self._models: dict[tuple[str, str], ModelRecord] = {}
        self._reused = 0
        self._notice: str | None = None
        if path is None:
            return
        header = {"tcnet_evaluation": FORMAT, "options": json.loads(json.dumps(options))}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = Journal(path)
            self._file.start(header, self._taken_over(self._file, path.name, header))
        except OSError as error:
            raise MediaError(f"{path}: the journal cannot be used ({error.strerror or error})") from error

    @property
    def notices(self) -> tuple[str, ...]:
        found = [] if self._notice is None else [self._notice]
        if self._reused:
            found.append(f"{self._reused} finished measurements were taken over from an earlier run")
        return tuple(found)

    def clip(self, name: str, source: str) -> ClipRecord | None:
        """The record of a clip, if its files are unchanged; else it is dropped, with its models."""
        record = self._clips.get(name)
        if record is not None and record.source != source:
            self._forget(name)
            return None
        return record

    def model(self, clip: str, upscaler: ClipUpscaler) -> ModelRecord | None:
        """The record of this method (name, weights, precision, device) on a clip returned by `clip`."""
        record = self._models.get((clip, _model_key(upscaler.name, upscaler.description)))
        self._reused += record is not None
        return record

    def add_clip(self, record: ClipRecord) -> None:
        """Replaces the record of the clip. Raises MediaError if it cannot be written."""
        self._forget(record.clip)
        self._clips[record.clip] = record
        box = None if record.box is None else asdict(record.box)
        references = {label: [_packed(p) for p in pair] for label, pair in record.references.items()}
        line = {"clip": record.clip, "source": record.source, "notices": list(record.notices), "box": box}
        overview = None if record.overview is None else _packed(record.overview)
        truth = {metric: list(figures) for metric, figures in record.truth.items()}
        pictures = {"references": references, "overview": overview}
        self._append({"kind": "clip", **line, "truth": truth, **pictures})

    def add_model(self, record: ModelRecord) -> None:
        """Raises MediaError if it cannot be written."""
        self._models[record.scores.clip, _model_key(record.model, record.description)] = record
        pictures = None if record.pictures is None else [_packed(picture) for picture in record.pictures]
        line = {"model": record.model, "description": dict(record.description), "pictures": pictures}
        self._append({"kind": "model", **line, "scores": asdict(record.scores)})

    def _forget(self, clip: str) -> None:
        self._clips.pop(clip, None)
        self._models = {key: record for key, record in self._models.items() if key[0] != clip}

    def _append(self, line: Line) -> None:
        if self._file is None:
            return
        try:
            self._file.append(line)
        except OSError as error:
            raise MediaError(
                f"{self._path}: the journal cannot be written ({error.strerror or error})"
            ) from error

    def _taken_over(self, file: Journal, name: str, header: Line) -> list[Line]:
        """The lines of an earlier run that hold; what speaks against them becomes a notice."""
        try:
            before, lines = file.read()
            if before is None:
                return []
            if different := _differences(before, header):
                self._notice = f"measured anew, because the earlier run in {name} had another {different}"
                return []
            for line in lines:
                self._read(line)
        except (MediaError, ValueError, KeyError, TypeError, AttributeError, zlib.error):
            self._clips, self._models = {}, {}
            self._notice = f"measured anew, because {name} is damaged"
            return []
        return lines

    def _read(self, line: Line) -> None:
        if line["kind"] == "clip":
            references = {
                label: (_unpacked(crop), _unpacked(profile))
                for label, (crop, profile) in line["references"].items()
            }
            box = None if line["box"] is None else CropBox(**line["box"])
            overview = None if line["overview"] is None else _unpacked(line["overview"])
            truth = {metric: tuple(figures) for metric, figures in line["truth"].items()}
            self._forget(line["clip"])
            self._clips[line["clip"]] = ClipRecord(
                line["clip"], line["source"], tuple(line["notices"]), box, references, overview, truth
            )
        else:
            given = line["scores"]
            frames = {metric: tuple(figures) for metric, figures in given["frames"].items()}
            scores = ClipScores(given["clip"], frames, given["seconds"], given["upscaled"])
            pictures = None
            if line["pictures"] is not None:
                crop, profile = line["pictures"]
                pictures = (_unpacked(crop), _unpacked(profile))
            record = ModelRecord(line["model"], line["description"], scores, pictures)
            self._models[scores.clip, _model_key(record.model, record.description)] = record


def clip_source(clip: Clip) -> str:
    """Identifies the files of a clip as they are now: paths, sizes, modification times."""
    found = []
    for path in (clip.path, clip.lr_path):
        if path is not None:
            stats = [entry.stat() for entry in (path.iterdir() if path.is_dir() else (path,))]
            newest = max((stat.st_mtime_ns for stat in stats), default=0)
            found.append(f"{path} {len(stats)} {sum(stat.st_size for stat in stats)} {newest}")
    return "; ".join(found)


def _differences(first: Line, header: Line) -> str:
    if first.get("tcnet_evaluation") != FORMAT:
        return "format"
    old, new = first["options"], header["options"]
    return ", ".join(sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key)))


def _model_key(name: str, description: Mapping[str, str]) -> str:
    return json.dumps([name, dict(description)], sort_keys=True)


def _packed(picture: Picture) -> dict[str, Any]:
    data = zlib.compress(np.ascontiguousarray(picture).tobytes())
    return {"shape": list(picture.shape), "zlib": base64.b64encode(data).decode("ascii")}


def _unpacked(packed: dict[str, Any]) -> Picture:
    data = zlib.decompress(base64.b64decode(packed["zlib"]))
    # A copy, because torch warns of arrays that cannot be written.
    return np.frombuffer(data, dtype=np.uint8).reshape(packed["shape"]).copy()
