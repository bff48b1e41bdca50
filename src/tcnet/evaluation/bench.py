"""The bench: degrade each clip, let every upscaler restore it, compare frame by frame with the original."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tcnet.errors import UsageError
from tcnet.evaluation.clip_upscaler import ClipUpscaler
from tcnet.evaluation.clips import PreparedClip, find_clips, prepare_clip
from tcnet.evaluation.flow_estimator import load_flow_estimator
from tcnet.evaluation.measures import MEASURES, check_metrics
from tcnet.evaluation.measuring import ClipMeter, RestoredClip
from tcnet.evaluation.metrics import Channel
from tcnet.evaluation.pictures import (
    Picture,
    PictureTaker,
    bicubic_frames,
    check_box,
    choose_box,
    take_pictures,
)
from tcnet.evaluation.protocol import EvaluationSet, check_degradation, evaluation_set, protocol_id
from tcnet.evaluation.result import ClipPictures, ClipScores, CropBox, EvaluationResult, ModelScores
from tcnet.evaluation.temporal import FlowEstimator, TrueMotion
from tcnet.version import __version__

PICTURED_CLIPS = 12  # of sets like Vimeo-90K with its thousands a page can show no more


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
    flow: FlowEstimator | None = None,
    progress: ProgressCallback | None = None,
) -> EvaluationResult:
    """Measure upscalers on a set of clips, in one pass over the clips.

    set_name: a set of EVALUATION_SETS ("vid4", "folder"); data_dir: where its ground truth lies.
    degradation: what makes the LR clips, "BI" or "BD"; "none" for sets that bring them ("pairs").
    limit_frames: only the first so many frames of each clip; such figures are not the published protocol's.
    crops: by clip name, what the report shows enlarged; for other clips, the place in the middle frame that
        bicubic interpolation restores worst. Beyond PICTURED_CLIPS clips only those named here are shown.
    metrics: of MEASURES. flow: for those that need it; the package's own on the CPU, if None.
    Memory: the ground truth of one clip as uint8, its LR version, and what the upscaler itself holds; SR
    frames are measured and dropped one by one. Seconds include moving them to the CPU, not measuring them.
    Raises UsageError for unknown names and impossible options, MediaError for missing or unreadable clips,
    TcnetError if a model gives NaN or infinity, ValueError if an upscaler breaks its contract.
    """
    chosen = evaluation_set(set_name)
    check_degradation(chosen, degradation)
    _check_options(chosen, upscalers, metrics, limit_frames)
    clips = find_clips(chosen, data_dir)
    boxes = crops or {}
    if unknown := boxes.keys() - {clip.name for clip in clips}:
        raise UsageError(f"a crop is given for {min(unknown)!r}, which is no clip of {chosen.name}")

    needs_flow = any(MEASURES[metric].needs_flow for metric in metrics)
    if needs_flow and flow is None:
        flow = load_flow_estimator(torch.device("cpu"))
    bench = _Bench(upscalers, metrics, chosen.channel, flow if needs_flow else None, progress)
    scores: list[list[ClipScores]] = []
    shown: list[ClipPictures] = []
    notices: list[str] = []
    for index, found in enumerate(clips):
        clip = prepare_clip(chosen, found, degradation, limit_frames=limit_frames)
        notices += [f"{clip.name}: {notice}" for notice in clip.notices]
        box = boxes.get(clip.name)
        if box is not None:
            check_box(box, clip)
        elif index < PICTURED_CLIPS:
            box = choose_box(clip)
        start = EvaluationProgress(clip.name, index, len(clips), "", 0, len(upscalers), 0, len(clip.hr_clip))
        measured, pictures = bench.measure(clip, box, start)
        scores.append(measured)
        if pictures is not None:
            shown.append(pictures)
    return EvaluationResult(
        protocol=protocol_id(chosen, degradation, metrics, limit_frames),
        set_name=chosen.name,
        degradation=degradation,
        channel=chosen.channel,
        metrics=tuple(metrics),
        limit_frames=limit_frames,
        models=tuple(
            ModelScores(upscaler.name, dict(upscaler.description), of_model)
            for upscaler, of_model in zip(upscalers, zip(*scores, strict=True), strict=True)
        ),
        pictures=tuple(shown),
        environment=_environment(flow if needs_flow else None),
        notices=tuple(notices),
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    upscalers: Sequence[ClipUpscaler]
    metrics: Sequence[str]
    channel: Channel
    flow: FlowEstimator | None
    progress: ProgressCallback | None

    def measure(
        self, clip: PreparedClip, box: CropBox | None, start: EvaluationProgress
    ) -> tuple[list[ClipScores], ClipPictures | None]:
        """Every upscaler on one clip: its scores, and its pictures where a box is given."""
        versions: list[tuple[str, Picture, Picture]] = []
        if box is not None and all(upscaler.name != "bicubic" for upscaler in self.upscalers):
            versions.append(("bicubic of the input", *take_pictures(box, bicubic_frames(clip))))
        motion = None if self.flow is None else TrueMotion(clip.hr_clip, self.flow)
        scores = []
        try:
            for index, upscaler in enumerate(self.upscalers):
                at = replace(start, model=upscaler.name, model_index=index)
                taker = None if box is None else PictureTaker(box)
                scores.append(self._measure_one(upscaler, clip, motion, taker, at))
                if taker is not None:
                    versions.append((upscaler.name, taker.crop(), taker.profile()))
        finally:
            if motion is not None:
                motion.close()
        if box is None:
            return scores, None
        versions.append(("ground truth", *take_pictures(box, clip.hr_clip)))
        crops, profiles = zip(*(((name, c), (name, p)) for name, c, p in versions), strict=True)
        return scores, ClipPictures(clip.name, box, crops, profiles)

    def _measure_one(
        self,
        upscaler: ClipUpscaler,
        clip: PreparedClip,
        motion: TrueMotion | None,
        taker: PictureTaker | None,
        at: EvaluationProgress,
    ) -> ClipScores:
        meter = ClipMeter(clip, self.metrics, self.channel, motion)
        restored = RestoredClip(upscaler, clip)
        for index, codes in restored:
            meter.add(index, codes)
            if taker is not None:
                taker.add(index, codes)
            if self.progress is not None:
                self.progress(replace(at, frames_done=index + 1))
        return meter.scores(restored.seconds)


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
    if chosen.centre_of_mirrored and (temporal := [m for m in metrics if MEASURES[m].temporal]):
        raise UsageError(f"{chosen.name} measures one frame of each clip, which has no {temporal[0]!r}")
    if limit_frames is not None and limit_frames < 1:
        raise UsageError(f"a limit of {limit_frames} frames leaves nothing to measure; give 1 or more")
    if limit_frames is not None and chosen.centre_of_mirrored:
        raise UsageError(f"{chosen.name} measures one frame of each clip; leave the limit of frames out")


def _environment(flow: FlowEstimator | None) -> dict[str, str]:
    found = {
        "tcnet": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
    }
    return found if flow is None else {**found, "flow": flow.name}
