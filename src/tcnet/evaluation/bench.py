"""The bench: degrade each clip, let every upscaler restore it, compare frame by frame with the original."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tcnet.data.degradation import SCALE, find_degradation, imresize, to_8bit
from tcnet.errors import TcnetError, UsageError
from tcnet.evaluation.clip_upscaler import ClipUpscaler
from tcnet.evaluation.metrics import METRICS, Channel, rgb_to_y
from tcnet.evaluation.protocol import evaluation_set, find_clips, protocol_id, read_clip
from tcnet.evaluation.result import ClipCrops, ClipScores, CropBox, EvaluationResult, ModelScores
from tcnet.version import __version__

CROP_HEIGHT, CROP_WIDTH = 96, 128


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
    progress: ProgressCallback | None = None,
) -> EvaluationResult:
    """Measure upscalers on a set of clips, in one pass over the clips.

    set_name: a set of EVALUATION_SETS ("vid4", "folder"); data_dir: where its ground truth lies.
    degradation: what makes the LR clips, "BI" or "BD".
    limit_frames: only the first so many frames of each clip; such figures are not the published protocol's.
    crops: by clip name, what the report shows enlarged; for other clips, the place in the middle frame that
        bicubic interpolation restores worst.
    Memory: the ground truth of one clip as uint8, its LR version, and what the upscaler itself holds; SR
    frames are measured and dropped one by one. Seconds include moving them to the CPU, not measuring them.
    Raises UsageError for unknown names and impossible options, MediaError for missing or unreadable clips,
    TcnetError if a model gives NaN or infinity, ValueError if an upscaler breaks its contract.
    """
    chosen = evaluation_set(set_name)
    degrade = find_degradation(degradation)
    _check_options(upscalers, metrics, limit_frames)
    clips = find_clips(chosen, data_dir)
    boxes = crops or {}
    if unknown := boxes.keys() - {clip.name for clip in clips}:
        raise UsageError(f"a crop is given for {min(unknown)!r}, which is no clip of {chosen.name}")

    bench = _Bench(upscalers, metrics, chosen.channel, progress)
    scores: list[list[ClipScores]] = []
    shown: list[ClipCrops] = []
    notices: list[str] = []
    for index, clip in enumerate(clips):
        truth = read_clip(clip, limit_frames=limit_frames)
        hr_clip = truth.frames  # (T, 3, H, W) uint8
        notices += [f"{clip.name}: {notice}" for notice in truth.notices]
        lr_clip = torch.stack([degrade(hr_frame / 255) for hr_frame in hr_clip])  # (T, 3, H/4, W/4)
        start = EvaluationProgress(clip.name, index, len(clips), "", 0, len(upscalers), 0, len(hr_clip))
        measured, crop = bench.measure(lr_clip, hr_clip, boxes.get(clip.name), start)
        scores.append(measured)
        shown.append(crop)
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
        crops=tuple(shown),
        environment=_environment(),
        notices=tuple(notices),
    )


@dataclass(frozen=True, slots=True)
class _Bench:
    upscalers: Sequence[ClipUpscaler]
    metrics: Sequence[str]
    channel: Channel
    progress: ProgressCallback | None

    def measure(
        self, lr_clip: Tensor, hr_clip: Tensor, box: CropBox | None, start: EvaluationProgress
    ) -> tuple[list[ClipScores], ClipCrops]:
        """Every upscaler on one clip: its scores, and what it makes of the crop."""
        if box is None:
            box = _worst_box(lr_clip, hr_clip, frame=len(hr_clip) // 2)
        _check_box(box, start.clip, hr_clip)
        versions = [("bicubic of the input", _cut(_bicubic(lr_clip[box.frame]), box))]
        scores = []
        for index, upscaler in enumerate(self.upscalers):
            at = replace(start, model=upscaler.name, model_index=index)
            measured, cut = self._measure_one(upscaler, lr_clip, hr_clip, box, at)
            scores.append(measured)
            versions.append((upscaler.name, cut))
        versions.append(("ground truth", _cut(hr_clip[box.frame], box)))
        return scores, ClipCrops(start.clip, box, tuple(versions))

    def _measure_one(
        self, upscaler: ClipUpscaler, lr_clip: Tensor, hr_clip: Tensor, box: CropBox, at: EvaluationProgress
    ) -> tuple[ClipScores, npt.NDArray[np.uint8]]:
        figures: dict[str, list[float]] = {metric: [] for metric in self.metrics}
        seconds = 0.0
        cut = np.empty((0, 0, 3), dtype=np.uint8)
        for index, (sr_frame, spent) in enumerate(_upscaled(upscaler, lr_clip, hr_clip.shape, at.clip)):
            seconds += spent
            for metric in self.metrics:
                figures[metric].append(METRICS[metric](sr_frame, hr_clip[index], self.channel).item())
            if index == box.frame:
                cut = _cut(sr_frame, box)
            if self.progress is not None:
                self.progress(replace(at, frames_done=index + 1))
        return ClipScores(at.clip, {metric: tuple(found) for metric, found in figures.items()}, seconds), cut


def _upscaled(
    upscaler: ClipUpscaler, lr_clip: Tensor, shape: torch.Size, clip: str
) -> Iterator[tuple[Tensor, float]]:
    """The SR frames as 8-bit codes (3, 4H, 4W) on the CPU, each with the seconds it took."""
    frame_count = shape[0]
    began = time.perf_counter()
    frames = upscaler(lr_clip)
    for index in range(frame_count):
        with torch.no_grad():
            sr_frame = next(frames, None)
            if sr_frame is None:
                raise ValueError(f"{upscaler.name} gave {index} of the {frame_count} frames of {clip}")
            sr_frame = sr_frame.cpu()  # waits for the device, so it belongs to the time
        spent = time.perf_counter() - began
        if sr_frame.shape != shape[1:]:
            raise ValueError(
                f"{upscaler.name} gave shape {tuple(sr_frame.shape)} for frame {index} of {clip}, "
                f"not {tuple(shape[1:])}"
            )
        if not sr_frame.isfinite().all():
            raise TcnetError(
                f"{upscaler.name} gave NaN or infinity in frame {index} of {clip}; try fp32 precision"
            )
        yield to_8bit(sr_frame), spent
        began = time.perf_counter()
    if next(frames, None) is not None:
        raise ValueError(f"{upscaler.name} gave more than the {frame_count} frames of {clip}")


def _bicubic(lr_frame: Tensor) -> Tensor:
    return to_8bit(imresize(lr_frame, SCALE))


def _worst_box(lr_clip: Tensor, hr_clip: Tensor, frame: int) -> CropBox:
    """Where the squared error of bicubic interpolation on luma is largest, on a grid of 4 pixels."""
    error = (rgb_to_y(_bicubic(lr_clip[frame])) - rgb_to_y(hr_clip[frame])).square()  # (1, H, W)
    height, width = min(CROP_HEIGHT, error.shape[1]), min(CROP_WIDTH, error.shape[2])
    means = torch.nn.functional.avg_pool2d(error, (height, width), stride=SCALE)[0]
    row, column = divmod(int(means.argmax()), means.shape[1])
    return CropBox(frame, SCALE * row, SCALE * column, height, width)


def _cut(codes: Tensor, box: CropBox) -> npt.NDArray[np.uint8]:
    """(3, H, W) uint8 -> the box as an (h, w, 3) array of its own."""
    cut = codes[:, box.top : box.top + box.height, box.left : box.left + box.width]
    return cut.permute(1, 2, 0).contiguous().numpy()


def _check_box(box: CropBox, clip: str, hr_clip: Tensor) -> None:
    frames, _, height, width = hr_clip.shape
    inside = 0 <= box.top < box.top + box.height <= height and 0 <= box.left < box.left + box.width <= width
    if not inside or not 0 <= box.frame < frames:
        raise UsageError(f"{box} does not lie in {clip}, which has {frames} frames of {width}x{height}")


def _check_options(
    upscalers: Sequence[ClipUpscaler], metrics: Sequence[str], limit_frames: int | None
) -> None:
    names = [upscaler.name for upscaler in upscalers]
    if not names:
        raise UsageError("there is nothing to evaluate; give at least one model")
    if repeated := {name for name in names if names.count(name) > 1}:
        raise UsageError(f"model {min(repeated)!r} is given twice; names in one evaluation must differ")
    if not metrics:
        raise UsageError(f"there is nothing to measure; give at least one metric of {', '.join(METRICS)}")
    for metric in metrics:
        if metric not in METRICS:
            raise UsageError(f"metric {metric!r} is unknown; choose from {', '.join(METRICS)}")
    if limit_frames is not None and limit_frames < 1:
        raise UsageError(f"a limit of {limit_frames} frames leaves nothing to measure; give 1 or more")


def _environment() -> dict[str, str]:
    return {
        "tcnet": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "threads": str(torch.get_num_threads()),
    }
