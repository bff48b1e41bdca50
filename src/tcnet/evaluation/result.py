"""The result of an evaluation: metrics per model, clip and frame, and the crops that a report shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from tcnet.evaluation.metrics.fidelity import Channel


def mean_of_known(figures: Sequence[float]) -> float:
    """The mean of the values that are not NaN; NaN where all are.

    Temporal metrics have no value in a clip's first frames, nor where the ground truth has no static region.
    That depends on the ground truth alone, so all models are averaged over the same frames.
    """
    known = [figure for figure in figures if not math.isnan(figure)]
    return fmean(known) if known else math.nan


@dataclass(frozen=True, slots=True)
class ClipScores:
    """One model on one clip.

    frames: for each metric, one figure per measured frame, NaN where it has none.
    seconds: to upscale all frames; `upscaled` is their number where it is not that of the measured ones.
    """

    clip: str
    frames: Mapping[str, tuple[float, ...]]
    seconds: float
    upscaled: int | None = None

    @property
    def frame_count(self) -> int:
        return len(next(iter(self.frames.values())))

    @property
    def timed_count(self) -> int:
        return self.frame_count if self.upscaled is None else self.upscaled

    def mean(self, metric: str) -> float:
        return mean_of_known(self.frames[metric])


@dataclass(frozen=True, slots=True)
class ModelScores:
    """One model on all clips. description: as its ClipUpscaler gave it (weights, precision, device)."""

    name: str
    description: Mapping[str, str]
    clips: tuple[ClipScores, ...]

    def mean(self, metric: str) -> float:
        """The mean of the published tables: over the frames of each clip, then over the clips."""
        return mean_of_known([scores.mean(metric) for scores in self.clips])

    def mean_of_frames(self, metric: str) -> float:
        """The mean over all frames of all clips, so that long clips weigh more."""
        return mean_of_known([value for scores in self.clips for value in scores.frames[metric]])

    @property
    def seconds_per_frame(self) -> float:
        return sum(scores.seconds for scores in self.clips) / sum(scores.timed_count for scores in self.clips)


@dataclass(frozen=True, slots=True)
class CropBox:
    """A rectangle of HR pixels in one frame (counted from 0)."""

    frame: int
    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class ClipPictures:
    """What a report shows of a clip, for each version in display order: uint8 (h, w, 3) RGB.

    crops: the rectangle `box`; profiles: its middle column over time, (height, T, 3). overview: the whole
    frame of the ground truth.
    """

    clip: str
    box: CropBox
    crops: tuple[tuple[str, npt.NDArray[np.uint8]], ...]
    profiles: tuple[tuple[str, npt.NDArray[np.uint8]], ...] = ()
    overview: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationResult:
    """All that one evaluation measured, and on what.

    protocol: see `tcnet.evaluation.protocol.protocol_id`. environment: versions, for repeating it.
    notices: oddities of the ground truth. pictures: of the first clips at least.
    truth: the ground truth's own values, of metrics in which it has some.
    """

    protocol: str
    set_name: str
    degradation: str
    channel: Channel
    metrics: tuple[str, ...]
    limit_frames: int | None
    models: tuple[ModelScores, ...]
    pictures: tuple[ClipPictures, ...]
    environment: Mapping[str, str]
    notices: tuple[str, ...] = ()
    truth: ModelScores | None = None

    @property
    def clip_names(self) -> tuple[str, ...]:
        """In the order in which they were evaluated."""
        return tuple(scores.clip for scores in self.models[0].clips)
