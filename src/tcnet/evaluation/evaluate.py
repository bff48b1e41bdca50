"""Evaluation: degrade each clip, let every method restore it, compare frame by frame with the original."""

import platform
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import torch

from tcnet.errors import UsageError
from tcnet.evaluation.crops import (
    PictureTaker,
    bicubic_frames,
    check_box,
    choose_box,
    take_pictures,
)
from tcnet.evaluation.datasets import Clip, PreparedClip, find_clips, prepare_clip
from tcnet.evaluation.evaluation_journal import ClipRecord, EvaluationJournal, ModelRecord, clip_source
from tcnet.evaluation.methods.method import BicubicUpscaler, ClipUpscaler
from tcnet.evaluation.metrics.definitions import METRICS, check_metrics
from tcnet.evaluation.metrics.estimators import Estimators, load_estimators
from tcnet.evaluation.metrics.fidelity import Channel
from tcnet.evaluation.metrics.temporal import TrueMotion
from tcnet.evaluation.protocol import EvaluationSet, check_degradation, evaluation_set, protocol_id
from tcnet.evaluation.result import ClipPictures, ClipScores, CropBox, EvaluationResult, ModelScores
from tcnet.evaluation.scoring import ClipMeter, RestoredClip
from tcnet.version import __version__

INPUT, TRUTH = "bicubic of the input", "ground truth"
PICTURED_CLIPS = 12  # a page can show no more of sets with thousands, like Vimeo-90K


@dataclass(frozen=True, slots=True)
class EvaluationProgress:
    """How far a run is. Indices count from 0; frames_done: the measured frames of this clip by this model."""

    clip: str
    clip_index: int
    clip_count: int
    model: str
    model_index: int
    model_count: int
    frames_done: int
    frame_count: int


ProgressCallback = Callable[[EvaluationProgress], None]


def evaluate(
    set_name: str,
    data_dir: Path,
    degradation: str,
    upscalers: Sequence[ClipUpscaler],
    *,
    metrics: Sequence[str] = ("psnr", "ssim"),
    limit_frames: int | None = None,
    crops: Mapping[str, CropBox] | None = None,
    estimators: Estimators | None = None,
    journal: Path | None = None,
    progress: ProgressCallback | None = None,
) -> EvaluationResult:
    """Measure methods on a set of clips, in one pass over the clips.

    In memory are the ground truth of one clip as uint8, its LR version, and what the method itself holds; SR
    frames are measured and dropped one by one. Seconds include moving them to the CPU, not measuring them.

    Args:
        set_name: a set of EVALUATION_SETS ("vid4", "folder").
        data_dir: where its ground truth is.
        degradation: what makes the LR clips, "BI" or "BD"; "none" for sets that contain them ("pairs").
        upscalers: the methods.
        metrics: of METRICS.
        limit_frames: only the first so many frames of each clip, which is not the published protocol.
        crops: by clip name, what the report enlarges; for other clips, the place in the middle frame that
            bicubic interpolation restores worst. Beyond PICTURED_CLIPS clips only those named here are shown.
        estimators: for metrics that need some; if None, they are loaded, on the CPU.
        journal: a file for finished measurements; with the same options a later call continues, with others
            it starts over and says so in the notices.
        progress: called as the evaluation proceeds.

    Returns:
        The figures of each method, as means and by clip; `write_report` makes a report of them.

    Raises:
        UsageError: for unknown names, impossible options, missing packages of metrics, and a method that
            breaks its contract.
        ValueError: for missing estimators.
        MediaError: for missing or unreadable clips.
        TcnetError: if a model returns NaN or infinity.
    """
    chosen = evaluation_set(set_name)
    check_degradation(chosen, degradation)
    _check_options(chosen, upscalers, metrics, limit_frames)
    clips = find_clips(chosen, data_dir)
    boxes = crops or {}
    if unknown := boxes.keys() - {clip.name for clip in clips}:
        raise UsageError(f"a crop is given for {min(unknown)!r}, which is not a clip of {chosen.name}")

    if estimators is None:
        estimators = load_estimators(metrics, torch.device("cpu"))
    estimators = estimators.only(metrics)
    environment = _environment() | estimators.names
    protocol = protocol_id(chosen, degradation, metrics, limit_frames)
    options = {
        "protocol": protocol,
        "data": str(data_dir.resolve()),
        "environment": environment,
        "crops": {clip: asdict(box) for clip, box in boxes.items()},
    }
    known = EvaluationJournal(journal, options)
    bench = _Bench(upscalers, metrics, chosen.channel, estimators, known, progress)
    measured = []
    for index, found in enumerate(clips):
        shown = boxes.get(found.name, index < PICTURED_CLIPS)
        at = EvaluationProgress(found.name, index, len(clips), "", 0, len(upscalers), 0, 0)
        prepare = partial(prepare_clip, chosen, found, degradation, limit_frames=limit_frames)
        measured.append(bench.measure(found, prepare, shown, at))
    return EvaluationResult(
        protocol=protocol,
        set_name=chosen.name,
        degradation=degradation,
        channel=chosen.channel,
        metrics=tuple(metrics),
        limit_frames=limit_frames,
        models=tuple(map(_model_scores, zip(*(records for _, records in measured), strict=True))),
        pictures=tuple(_pictures(clip, records) for clip, records in measured if clip.box is not None),
        environment=environment,
        truth=_true_scores([clip for clip, _ in measured]),
        notices=(
            *known.notices,
            *(f"{clip.clip}: {notice}" for clip, _ in measured for notice in clip.notices),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    upscalers: Sequence[ClipUpscaler]
    metrics: Sequence[str]
    channel: Channel
    estimators: Estimators
    journal: EvaluationJournal
    progress: ProgressCallback | None

    def measure(
        self, found: Clip, prepare: Callable[[], PreparedClip], shown: CropBox | bool, at: EvaluationProgress
    ) -> tuple[ClipRecord, list[ModelRecord]]:
        """Every method on one clip, which is read only if the journal lacks one of them.

        shown: the place of the pictures, or whether to take some.
        """
        source = clip_source(found)
        record = self.journal.clip(found.name, source)
        known = [None if record is None else self.journal.model(found.name, u) for u in self.upscalers]
        finished = [model for model in known if model is not None]
        if record is not None and len(finished) == len(known):
            return record, finished

        clip = prepare()
        records = []
        with ExitStack() as stack:
            motion = None
            if self.estimators.flow is not None:
                motion = stack.enter_context(closing(TrueMotion(clip.hr_clip, self.estimators.flow)))
            if record is None:
                record = replace(_describe(clip, source, shown), truth=self._true_figures(clip, motion))
                self.journal.add_clip(record)
            for index, (upscaler, model) in enumerate(zip(self.upscalers, known, strict=True)):
                if model is None:
                    here = replace(at, model=upscaler.name, model_index=index, frame_count=len(clip.hr_clip))
                    model = self._measure_one(upscaler, clip, motion, record.box, here)
                    self.journal.add_model(model)
                records.append(model)
        return record, records

    def _true_figures(self, clip: PreparedClip, motion: TrueMotion | None) -> dict[str, tuple[float, ...]]:
        """The ground truth's own values, of metrics in which it is not trivially perfect."""
        metrics = [metric for metric in self.metrics if METRICS[metric].of_truth]
        if not metrics:
            return {}
        meter = ClipMeter(clip, metrics, self.channel, self.estimators, motion)
        for index, frame in enumerate(clip.hr_clip):
            meter.add(index, frame)
        return dict(meter.scores(seconds=0.0).frames)

    def _measure_one(
        self,
        upscaler: ClipUpscaler,
        clip: PreparedClip,
        motion: TrueMotion | None,
        box: CropBox | None,
        at: EvaluationProgress,
    ) -> ModelRecord:
        meter = ClipMeter(clip, self.metrics, self.channel, self.estimators, motion)
        taker = None if box is None else PictureTaker(box)
        restored = RestoredClip(upscaler, clip)
        for index, codes in restored:
            meter.add(index, codes)
            if taker is not None:
                taker.add(index, codes)
            if self.progress is not None:
                self.progress(replace(at, frames_done=index + 1))
        pictures = None if taker is None else (taker.crop(), taker.profile())
        return ModelRecord(
            upscaler.name, dict(upscaler.description), meter.scores(restored.seconds), pictures
        )


def _describe(clip: PreparedClip, source: str, shown: CropBox | bool) -> ClipRecord:
    """The clip with the pictures of its ground truth and of bicubic interpolation."""
    if shown is False:
        return ClipRecord(clip.name, source, clip.notices, None, {})
    if shown is True:
        box = choose_box(clip)
    else:
        box = shown
        check_box(box, clip)
    references = {
        INPUT: take_pictures(box, bicubic_frames(clip)),
        TRUTH: take_pictures(box, clip.hr_clip),
    }
    overview = clip.hr_clip[box.frame].permute(1, 2, 0).contiguous().numpy()
    return ClipRecord(clip.name, source, clip.notices, box, references, overview)


def _model_scores(records: Sequence[ModelRecord]) -> ModelScores:
    """One model's records of all clips, merged."""
    return ModelScores(records[0].model, records[0].description, tuple(record.scores for record in records))


def _true_scores(clips: Sequence[ClipRecord]) -> ModelScores | None:
    if not any(clip.truth for clip in clips):
        return None
    scores = (ClipScores(clip.clip, clip.truth, seconds=0.0) for clip in clips)
    return ModelScores(TRUTH, {}, tuple(scores))


def _pictures(clip: ClipRecord, models: Sequence[ModelRecord]) -> ClipPictures:
    """In display order: the input, the models, the truth; the input once, if bicubic is among the models."""
    assert clip.box is not None
    versions = [(model.model, model.pictures) for model in models if model.pictures is not None]
    if all(name != BicubicUpscaler.name for name, _ in versions):
        versions.insert(0, (INPUT, clip.references[INPUT]))
    versions.append((TRUTH, clip.references[TRUTH]))
    return ClipPictures(
        clip.clip,
        clip.box,
        crops=tuple((name, crop) for name, (crop, _) in versions),
        profiles=tuple((name, profile) for name, (_, profile) in versions),
        overview=clip.overview,
    )


def _check_options(
    chosen: EvaluationSet,
    upscalers: Sequence[ClipUpscaler],
    metrics: Sequence[str],
    limit_frames: int | None,
) -> None:
    names = [upscaler.name for upscaler in upscalers]
    if not names:
        raise UsageError("there is nothing to evaluate; give at least one model")
    if repeated := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"model {min(repeated)!r} is given twice; names in one evaluation must differ")
    check_metrics(metrics)
    of_clips = [m for m in metrics if METRICS[m].temporal or METRICS[m].whole_clips]
    if chosen.centre_of_mirrored and of_clips:
        raise UsageError(f"{chosen.name} measures one frame of each clip, which has no {of_clips[0]!r}")
    if limit_frames is not None and limit_frames < 1:
        raise UsageError(f"a limit of {limit_frames} frames leaves nothing to measure; give 1 or more")
    if limit_frames is not None and chosen.centre_of_mirrored:
        raise UsageError(f"{chosen.name} measures one frame of each clip; leave the limit of frames out")


def _environment() -> dict[str, str]:
    return {
        "tcnet": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
    }
