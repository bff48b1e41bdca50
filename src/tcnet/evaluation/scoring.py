"""One method on one clip: its frames, timed and checked, and their metrics."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tcnet.data.degradation import to_8bit
from tcnet.errors import TcnetError, UsageError
from tcnet.evaluation.datasets import PreparedClip
from tcnet.evaluation.methods.method import ClipUpscaler
from tcnet.evaluation.metrics.definitions import METRICS
from tcnet.evaluation.metrics.detail import CHANGES, ChangeMeter, detail_ratio
from tcnet.evaluation.metrics.estimators import Estimators
from tcnet.evaluation.metrics.fidelity import FIDELITY, Channel, rgb_to_y
from tcnet.evaluation.metrics.temporal import TemporalMeter, TrueMotion
from tcnet.evaluation.result import ClipScores


@dataclass(slots=True)
class RestoredClip:
    """A method's output for a clip, computed frame by frame while it is iterated.

    Yields the index of each measured frame and its 8-bit codes (3, 4H, 4W). seconds: spent so far, moving the
    frames to the CPU included.
    """

    upscaler: ClipUpscaler
    clip: PreparedClip
    seconds: float = 0.0

    def __iter__(self) -> Iterator[tuple[int, Tensor]]:
        restorations = self.clip.restorations
        partial: dict[int, Tensor] = {}  # by measured frame, where several restorations are averaged
        for index, sr_frame in enumerate(self._frames()):
            for measured, sources in enumerate(restorations):
                if index in sources:
                    share = sr_frame / len(sources)
                    partial[measured] = partial[measured] + share if measured in partial else share
                    if index == max(sources):
                        yield measured, to_8bit(partial.pop(measured))

    def _frames(self) -> Iterator[Tensor]:
        """All SR frames in order, float32 on the CPU."""
        count, _, height, width = self.clip.lr_clip.shape
        expected = (3, 4 * height, 4 * width)
        began = time.perf_counter()
        frames = iter(self.upscaler(self.clip.lr_clip))
        for index in range(count):
            with torch.no_grad():
                sr_frame = next(frames, None)
                if sr_frame is None:
                    raise UsageError(
                        f"{self.upscaler.name} gave {index} of the {count} frames of {self.clip.name}"
                    )
                sr_frame = sr_frame.cpu()  # waits for the device, so it belongs to the time
            self.seconds += time.perf_counter() - began
            self._check(sr_frame, index, expected)
            yield sr_frame
            began = time.perf_counter()
        if next(frames, None) is not None:
            raise UsageError(f"{self.upscaler.name} gave more than the {count} frames of {self.clip.name}")

    def _check(self, sr_frame: Tensor, index: int, expected: tuple[int, ...]) -> None:
        name, clip = self.upscaler.name, self.clip.name
        if tuple(sr_frame.shape) != expected:
            raise UsageError(
                f"{name} gave shape {tuple(sr_frame.shape)} for frame {index} of {clip}, not {expected}"
            )
        if not sr_frame.isfinite().all():
            raise TcnetError(f"{name} gave NaN or infinity in frame {index} of {clip}; try fp32 precision")


class ClipMeter:
    """Collects the metrics of one version of a clip, frame by frame.

    Memory: one earlier frame and a few lumas, where temporal metrics are among `metrics`; for VMAF the 8-bit
    luma of the clip.
    """

    def __init__(
        self,
        clip: PreparedClip,
        metrics: Sequence[str],
        channel: Channel,
        estimators: Estimators | None = None,
        motion: TrueMotion | None = None,
    ) -> None:
        """metrics: of METRICS. motion: of the clip's ground truth, for metrics that need flow."""
        self._clip = clip
        self._channel = channel
        self._estimators = estimators or Estimators()
        self._figures: dict[str, list[float]] = {metric: [] for metric in metrics}
        self._lumas: list[Tensor] = []
        temporal = [metric for metric in metrics if METRICS[metric].temporal and metric not in CHANGES]
        self._temporal = TemporalMeter(temporal, clip.hr_clip, channel, motion)
        self._changes = [metric for metric in metrics if metric in CHANGES]
        self._change = ChangeMeter()

    def add(self, index: int, codes: Tensor) -> None:
        """The frame `index` as uint8 (3, H, W); frames come in order."""
        hr_frame = self._clip.hr_clip[index]
        found = self._temporal.measure(index, codes)
        if self._changes:
            self._change.add(codes, hr_frame)
        if "vmaf" in self._figures:
            self._lumas.append(_luma_codes(codes))
        for metric, figures in self._figures.items():
            if metric in found:
                figures.append(found[metric])
            elif metric not in self._changes and metric != "vmaf":
                figures.append(self._of_frame(metric, codes, hr_frame))

    def scores(self, seconds: float) -> ClipScores:
        if "vmaf" in self._figures:
            assert self._estimators.vmaf is not None
            true_lumas = torch.stack([_luma_codes(frame) for frame in self._clip.hr_clip])
            self._figures["vmaf"] = list(self._estimators.vmaf(torch.stack(self._lumas), true_lumas))
        frames = {metric: tuple(figures) for metric, figures in self._figures.items()}
        frames |= {metric: self._change.ratios(metric) for metric in self._changes}
        return ClipScores(self._clip.name, frames, seconds, upscaled=len(self._clip.lr_clip))

    def _of_frame(self, metric: str, codes: Tensor, hr_frame: Tensor) -> float:
        """A metric that compares single frames, or looks at one."""
        if metric in FIDELITY:
            return FIDELITY[metric](codes, hr_frame, self._channel).item()
        if metric == "detail":
            return detail_ratio(codes, hr_frame)
        if metric == "niqe":
            assert self._estimators.niqe is not None
            return self._estimators.niqe(codes)
        distance = self._estimators.lpips if metric == "lpips" else self._estimators.features
        assert distance is not None
        return distance(codes, hr_frame)


def _luma_codes(codes: Tensor) -> Tensor:
    """uint8 RGB (3, H, W) -> luma rounded to uint8 (H, W)."""
    return rgb_to_y(codes)[0].round().to(torch.uint8)
