"""Temporal consistency: does the output move as the ground truth moves, and stay static where it does?

All compare a frame with the frames before it, so a clip of one frame has no value. All are better when lower,
but the warping error, which is best near the ground truth's own: a blurred video has less of it. They say
nothing about detail; read them beside PSNR, and beside the ratios of `tcnet.evaluation.metrics.detail`.
Images are uint8 RGB (3, H, W); flows are float32 (1, 2, H, W) in pixels, x before y, from the earlier frame
to the later one: `warp(later, flow)` resembles the earlier.
"""

import math
import tempfile
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tcnet.evaluation.metrics.fidelity import Channel, rgb_to_y
from tcnet.network.flow import warp

FLICKER_FRAMES = 5
FLICKER_STILL = 2.0  # luma steps that the ground truth may move by in FLICKER_FRAMES frames: coding noise


class FlowEstimator(Protocol):
    """Optical flow between two frames. name: which one, for the record."""

    @property
    def name(self) -> str: ...
    def __call__(self, reference: Tensor, neighbour: Tensor) -> Tensor:
        """Both (1, 3, H, W) float32 RGB in [0, 1], on the CPU -> flow (1, 2, H, W) float32 on the CPU."""
        ...


def visible_pixels(forward: Tensor, backward: Tensor) -> Tensor:
    """Where flow can be trusted: bool (1, 1, H, W) of the earlier frame.

    forward: from the earlier to the later frame; backward: from the later to the earlier. With w the forward
    flow and b the backward flow at the place that w points to, a pixel is excluded where it is occluded,
    |w + b|^2 > 0.01 (|w|^2 + |b|^2) + 0.5, and at motion boundaries, |grad w|^2 > 0.01 |w|^2 + 0.002: Ruder,
    Dosovitskiy, Brox, "Artistic style transfer for videos", GCPR 2016 (after Sundaram et al.), and so the
    published code of Lai et al. (fast_blind_video_consistency). Beyond them, where w leaves the frame: no
    later pixel is there to compare with.
    """
    height, width = forward.shape[-2:]
    x = torch.arange(width) + forward[:, 0]
    y = torch.arange(height)[:, None] + forward[:, 1]
    inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)  # (1, H, W)
    back = warp(backward, forward, padding_mode="border")
    lengths = forward.square().sum(1) + back.square().sum(1)
    consistent = (forward + back).square().sum(1) <= 0.01 * lengths + 0.5
    gradient = sum(_gradient(forward, dim).square().sum(1) for dim in (-2, -1))
    smooth = gradient <= 0.01 * forward.square().sum(1) + 0.002
    return (inside & consistent & smooth).unsqueeze(1)


def warping_error(earlier: Tensor, later: Tensor, flow: Tensor, visible: Tensor) -> float:
    """How far the later frame, warped back along the true motion, is from the earlier: in thousandths.

    The mean over visible pixels and RGB of the squared difference of values in [0, 1], times 1000: Lai et
    al., "Learning Blind Video Temporal Consistency", ECCV 2018, section 4, and their evaluate_WarpError.py,
    which means over RGB where the paper's formula sums. Theirs has FlowNet2's flow of the unprocessed video,
    ours another estimator's of the ground truth, so that figures are not theirs. NaN where nothing is visible
    (theirs: 0); the figure of a clip is the mean over its pairs of frames, as there.
    """
    if not visible.any():
        return math.nan
    warped = warp(later.unsqueeze(0) / 255, flow, padding_mode="border")
    squared = (earlier.unsqueeze(0) / 255 - warped).square().mean(dim=1, keepdim=True)
    return 1000 * squared[visible].double().mean().item()


def flow_difference(flow: Tensor, true_flow: Tensor) -> float:
    """tOF: the mean distance in pixels between the flow of the restored frames and that of the true ones.

    Chu et al., "Learning Temporal Coherence via Self-Supervision for GAN-based Video Generation" (TecoGAN),
    ACM TOG 39(4), 2020: the mean Euclidean distance of their metrics.py. That takes Farneback's flow of grey
    pictures and leaves out a border and two frames at each end; here all pixels and frames count and the
    estimator is another, so that figures are not theirs.
    """
    return (flow - true_flow).square().sum(1).sqrt().double().mean().item()


def temporal_gradient_error(
    earlier: Tensor, later: Tensor, true_earlier: Tensor, true_later: Tensor, channel: Channel
) -> float:
    """Mean absolute difference between the restored and the true change from frame to frame, in 8-bit steps.

    Needs no flow. channel: "y" or "rgb", as of PSNR.
    """
    planes = [rgb_to_y(image) if channel == "y" else image.double() for image in (
        earlier, later, true_earlier, true_later
    )]  # fmt: skip
    return ((planes[1] - planes[0]) - (planes[3] - planes[2])).abs().mean().item()


def flicker_index(lumas: Tensor, true_lumas: Tensor) -> float:
    """Static-region flicker: standard deviation of luma over time where the truth is static, in 8-bit steps.

    lumas, true_lumas: (T, H, W), the same frames restored and true. The mean over `static_pixels` of the
    (population) standard deviation of the restored values. NaN where no pixel is static.
    """
    still = static_pixels(true_lumas)
    if not still.any():
        return math.nan
    return lumas.std(dim=0, correction=0)[still].mean().item()


def static_pixels(true_lumas: Tensor) -> Tensor:
    """Static regions of the truth, bool (H, W): where values (T, H, W) move by at most FLICKER_STILL."""
    return true_lumas.amax(0) - true_lumas.amin(0) <= FLICKER_STILL


class TrueMotion:
    """Flow and visibility between neighbouring frames of the ground truth, computed once for all models.

    They are kept in an unnamed temporary file, 9 bytes a pixel and frame: 150 MB for a clip of Vid4, 0.8 GB
    for one of REDS, gone with this object.
    """

    def __init__(self, hr_clip: Tensor, flow: FlowEstimator) -> None:
        """hr_clip: uint8 (T, 3, H, W)."""
        self._hr_clip = hr_clip
        self.flow = flow
        count, _, height, width = hr_clip.shape
        self._known = [False] * count
        self._file = tempfile.TemporaryFile(prefix="tcnet-flow-")  # noqa: SIM115 - lives as long as this
        pixels = max(count - 1, 1) * height * width
        shape = (max(count - 1, 1), height, width)
        self._file.truncate(9 * pixels)
        self._flows: npt.NDArray[np.float32] = np.memmap(
            self._file, np.float32, "r+", shape=(shape[0], 2, *shape[1:])
        )
        self._visible: npt.NDArray[np.bool_] = np.memmap(
            self._file, np.bool_, "r+", offset=8 * pixels, shape=shape
        )

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """From frame `index` to the next: flow (1, 2, H, W) and visible pixels (1, 1, H, W)."""
        if not self._known[index]:
            earlier, later = (frame.unsqueeze(0) / 255 for frame in self._hr_clip[index : index + 2])
            forward = self.flow(earlier, later)
            self._flows[index] = forward[0].numpy()
            self._visible[index] = visible_pixels(forward, self.flow(later, earlier))[0, 0].numpy()
            self._known[index] = True
        flow = torch.from_numpy(np.array(self._flows[index])).unsqueeze(0)
        return flow, torch.from_numpy(np.array(self._visible[index])).view(1, 1, *flow.shape[-2:])

    def close(self) -> None:
        """Free the disk space."""
        del self._flows, self._visible
        self._file.close()


class TemporalMeter:
    """The temporal metrics of one version of a clip, frame by frame; holds the last FLICKER_FRAMES lumas."""

    def __init__(
        self, metrics: Sequence[str], hr_clip: Tensor, channel: Channel, motion: TrueMotion | None
    ) -> None:
        """metrics: of "warp", "tof" (both need `motion`), "tgrad", "flicker". hr_clip: uint8 (T, 3, H, W)."""
        self._metrics = metrics
        self._hr_clip = hr_clip
        self._channel = channel
        self._motion = motion
        self._earlier: Tensor | None = None
        self._lumas: deque[tuple[Tensor, Tensor]] = deque(maxlen=FLICKER_FRAMES)

    def measure(self, index: int, codes: Tensor) -> dict[str, float]:
        """Figures of frame `index` (3, H, W) uint8; frames come in order. NaN where too few came before."""
        found = dict.fromkeys(self._metrics, math.nan)
        if "flicker" in found:
            self._lumas.append((rgb_to_y(codes)[0], rgb_to_y(self._hr_clip[index])[0]))
            if len(self._lumas) == FLICKER_FRAMES:
                restored, true = (torch.stack(planes) for planes in zip(*self._lumas, strict=True))
                found["flicker"] = flicker_index(restored, true)
        earlier, self._earlier = self._earlier, codes
        if earlier is None:
            return found
        if "tgrad" in found:
            true_frames = self._hr_clip[index - 1], self._hr_clip[index]
            found["tgrad"] = temporal_gradient_error(earlier, codes, *true_frames, self._channel)
        if self._motion is not None:
            true_flow, visible = self._motion[index - 1]
            if "warp" in found:
                found["warp"] = warping_error(earlier, codes, true_flow, visible)
            if "tof" in found:
                flow = self._motion.flow(earlier.unsqueeze(0) / 255, codes.unsqueeze(0) / 255)
                found["tof"] = flow_difference(flow, true_flow)
        return found


def _gradient(flow: Tensor, dim: int) -> Tensor:
    """Differences to the next row or column, zero in the last."""
    size = flow.shape[dim]
    gradient = torch.zeros_like(flow)
    gradient.narrow(dim, 0, size - 1).copy_(flow.narrow(dim, 1, size - 1) - flow.narrow(dim, 0, size - 1))
    return gradient
