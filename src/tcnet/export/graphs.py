"""The step graphs: what a TCNet computes between two steps of its recurrences, as modules to trace.

The loops over frames stay outside, in `tcnet.network.recurrence` and in whatever program runs an export. So
the same graphs serve both directions of propagation, clips of any length and streams. Warping is a graph
of its own because sampling positions need float32 even where a runtime computes the rest in less.

Modules here must not branch on the sizes of the traced example: they always resize and pad, by nothing where
nothing is needed.
"""

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network import TCNet
from tcnet.network.clean_up import REACH, WINDOW
from tcnet.network.flow import SPyNet, warp
from tcnet.network.layers import convolve
from tcnet.network.propagation import RecurrentUnit
from tcnet.network.reconstruction import SCALE, DirectReconstruction, Reconstruction, shuffle2

GraphName = Literal["clean", "motion", "warp", "propagate", "stabilise", "refine", "reconstruct"]

HALO = 2
"""Rows of features that `reconstruct` needs beyond those of its result: the halo of a strip."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A float32 input or output. Named sides are dynamic: n (1 to group_size), h and w of the frame and those
    derived from them."""

    name: str
    shape: tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """One step. float32: whether it has to be computed in float32 whatever the rest is."""

    name: GraphName
    does: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    float32: bool = False


def step_graphs(network: TCNet) -> tuple[Graph, ...]:
    """The graphs of a network, with its own submodules in them, in the order of their use: six, or seven of
    one that cleans its frames first."""
    frame, flow, feature = ((1, channels, "h", "w") for channels in (3, 2, network.config.channels))
    neighbourhood = TensorSpec("neighbourhood", (1, 9, "h", "w"))
    aligned = TensorSpec("aligned", feature)
    cleaning = Graph(
        "clean",
        f"The middle one of {WINDOW} frames that follow each other, cleaned; beyond an end of the clip its "
        "frame repeats.",
        _Clean(network),
        (TensorSpec("around", (1, WINDOW, 3, "h", "w")),),
        (TensorSpec("frame", frame),),
    )
    return (
        *((cleaning,) if network.denoise else ()),
        Graph(
            "motion",
            "Two frames that follow each other, each warped onto the other, and the flow between them: x "
            "before y, in pixels.",
            _Motion(network.motion.spynet),
            (TensorSpec("first", frame), TensorSpec("second", frame)),
            (
                TensorSpec("second_on_first", frame),
                TensorSpec("first_on_second", frame),
                TensorSpec("flow_to_second", flow),
                TensorSpec("flow_to_first", flow),
            ),
            float32=True,
        ),
        Graph(
            "warp",
            "A state sampled at each position plus flow, bilinearly, zero outside.",
            _Warp(),
            (TensorSpec("state", feature), TensorSpec("flow", flow)),
            (TensorSpec("aligned", feature),),
            float32=True,
        ),
        Graph(
            "propagate",
            "One step of pre-propagation: the state of the frame before, warped, to this frame's.",
            _Step(network.propagation),
            (neighbourhood, aligned),
            (TensorSpec("propagated", feature),),
        ),
        Graph(
            "stabilise",
            "Stability module and progressive fusion of the propagated states of a group of frames.",
            _Stabilise(network),
            (TensorSpec("features", ("n", *feature[1:])),),
            (TensorSpec("fused", ("n", *feature[1:])),),
        ),
        Graph(
            "refine",
            "One step of refinement: the state of the frame before, warped, to this frame's.",
            _RefineStep(network.refinement),
            (neighbourhood, TensorSpec("fused", feature), aligned),
            (TensorSpec("refined", feature),),
        ),
        Graph(
            "reconstruct",
            f"The x{SCALE} picture, not clamped; a strip needs {HALO} rows of features more at each cut.",
            _reconstruct(network.reconstruction),
            (TensorSpec("fused", feature), TensorSpec("refined", feature), TensorSpec("frame", frame)),
            (TensorSpec("picture", (1, 3, f"{SCALE}h", f"{SCALE}w")),),
        ),
    )


class _Clean(nn.Module):
    """`TCNet.clean` of frames in one tensor, (N, 5, 3, H, W)."""

    def __init__(self, network: TCNet) -> None:
        super().__init__()
        self.clean_up = network.clean_up
        self.denoise = network.denoise

    def forward(self, around: Tensor) -> Tensor:
        assert self.clean_up is not None
        frame = around[:, REACH]
        return torch.lerp(frame, self.clean_up.middle(around).clamp(0, 1), self.denoise)


class _Motion(nn.Module):
    """SPyNet for two frames in both directions; frames are resized to multiples of its stride even if they
    already are."""

    def __init__(self, spynet: SPyNet) -> None:
        super().__init__()
        self.spynet = spynet

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        to_second, to_first = self._flows(torch.cat((first, second))).chunk(2)
        return warp(second, to_second), warp(first, to_first), to_second, to_first

    def _flows(self, frames: Tensor) -> Tensor:
        height, width = frames.shape[-2:]
        stride, finest = self.spynet.stride, self.spynet.finest
        rows, columns = (height + stride - 1) // stride, (width + stride - 1) // stride
        frames = F.interpolate(frames, size=(rows * stride, columns * stride), mode="bilinear")
        pyramid = self.spynet.pyramid(frames)

        flow = torch.zeros_like(pyramid[0][:, :2])
        for index, references in enumerate(pyramid):
            if index > 0:
                flow = 2.0 * F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=True)
            neighbours = references.flip(0)  # (second, first)
            warped = warp(neighbours, flow, padding_mode="border")
            flow = flow + self.spynet.level(index)(torch.cat((references, warped, flow), dim=1))

        resized = F.interpolate(flow, size=(height, width), mode="bilinear")
        # Sizes as tensors: they stay dynamic in a traced graph.
        x = _as_float(width) / _as_float(columns * (stride // finest))
        y = _as_float(height) / _as_float(rows * (stride // finest))
        return resized * torch.stack((x, y)).view(1, 2, 1, 1)


class _Warp(nn.Module):
    def forward(self, state: Tensor, flow: Tensor) -> Tensor:
        return warp(state, flow)


class _Step(nn.Module):
    """A RecurrentUnit whose state is aligned already; zeros at the start."""

    def __init__(self, unit: RecurrentUnit) -> None:
        super().__init__()
        self.trunk = unit.trunk

    def forward(self, neighbourhood: Tensor, aligned: Tensor) -> Tensor:
        return self._run(neighbourhood, aligned)

    def _run(self, *features: Tensor) -> Tensor:
        new_state: Tensor = self.trunk(torch.cat(features, dim=1))
        return new_state


class _RefineStep(_Step):
    def forward(self, neighbourhood: Tensor, fused: Tensor, aligned: Tensor) -> Tensor:  # type: ignore[override]
        return self._run(neighbourhood, fused, aligned)


class _Stabilise(nn.Module):
    """Frames are the batch; only temporal self-alignment looks from one to another."""

    def __init__(self, network: TCNet) -> None:
        super().__init__()
        self.stability = network.stability
        self.fusion = network.fusion

    def forward(self, features: Tensor) -> Tensor:
        frames, size = features.shape[0], features.shape[-2:]
        coarse = self.stability.coarser(features)
        aligned = coarse
        for layer in self.stability.alignment:
            aligned = layer(aligned, frames)
        matched = self.stability.matching(coarse)
        fused: Tensor = self.fusion(
            features, self.stability.handed_on(aligned, size), self.stability.handed_on(matched, size)
        )
        return fused


class _Reconstruct(nn.Module):
    """`Reconstruction` of the whole frame; the last convolution is the plain one."""

    def __init__(self, reconstruction: Reconstruction) -> None:
        super().__init__()
        self.reconstruction = reconstruction

    def forward(self, fused: Tensor, refined: Tensor, frame: Tensor) -> Tensor:
        tail = self.reconstruction
        x = convolve(tail.fuse, torch.cat((fused, refined), dim=1), "leaky_relu")
        for up in (tail.up1, tail.up2):
            x = shuffle2(convolve(up, x, "leaky_relu"))
        x = convolve(tail.conv, x, "leaky_relu")
        base = F.interpolate(frame, scale_factor=float(SCALE), mode="bilinear")
        return base + convolve(tail.last, x)


def _reconstruct(reconstruction: Reconstruction | DirectReconstruction) -> nn.Module:
    return _Reconstruct(reconstruction) if isinstance(reconstruction, Reconstruction) else reconstruction


def _as_float(size: int) -> Tensor:
    """size: a number, or while tracing a tensor that stands for one."""
    return torch.as_tensor(size).float()
