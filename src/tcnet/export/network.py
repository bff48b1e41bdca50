"""An exported model with the interface of TCNet: where that calls a module, this runs a graph."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from torch import Tensor

from tcnet.errors import UsageError
from tcnet.export.graphs import GraphName
from tcnet.export.manifest import read_manifest
from tcnet.export.places import CPU
from tcnet.export.runtimes import StepRuntime, open_runtime
from tcnet.network.clean_up import REACH
from tcnet.network.flow import Flow
from tcnet.network.recurrence import Neighbourhood, Pair, Recurrence, Refined

STRIP_PIXELS = 6400
"""LR pixels reconstructed at once, as in `tcnet.network.reconstruction`: x4 features of more are slow."""
LEAST_ROWS = 8

_PRECISIONS = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


@dataclass(frozen=True, slots=True)
class ExportedConfig:
    """The part of TCNetConfig that matters outside the graphs."""

    propagation: str
    group_size: int
    channels: int


class ExportedNetwork(Recurrence):
    """x4 video super-resolution of one clip at a time by the graphs of an export.

    Tensors in and out are float32, as are the states, whatever precision the graphs compute in.
    """

    config: ExportedConfig
    one_clip = True
    sums_pictures = False
    dtype = torch.float32

    def __init__(self, runtime: StepRuntime) -> None:
        manifest = runtime.manifest
        self.runtime = runtime
        self.manifest = manifest
        self.config = ExportedConfig(manifest.propagation, manifest.group_size, manifest.channels)
        self.scale = manifest.scale
        self.minimum_size = manifest.minimum_size
        self.spatial_multiple = manifest.spatial_multiple

    @property
    def engine(self) -> str:
        """One of `tcnet.export.ENGINES`."""
        return self.runtime.engine

    @property
    def inner(self) -> Self:
        """Itself; of an ensemble the network inside."""
        return self

    @property
    def detail(self) -> float | None:
        """Of the network that was exported."""
        return self.manifest.detail

    @property
    def denoise(self) -> float:
        """Of the network that was exported."""
        return self.manifest.denoise

    @property
    def clean_reach(self) -> int:
        """Frames on either side that `clean` looks at."""
        return REACH if self.denoise else 0

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its engine computes in here, the fastest last."""
        return self.runtime.precisions

    @property
    def weight_bytes(self) -> int:
        """Of the weights in float32, about."""
        return self.runtime.file_bytes * (2 if self.manifest.weight_type == "float16" else 1)

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """None: the weights are the runtime's."""
        return iter(())

    def identity(self) -> str:
        """The hash of the weights it was exported from, and what runs them."""
        place = "" if self.runtime.place == CPU else f" on {self.runtime.place}"
        return f"{self.manifest.weights} in {self.manifest.weight_type}, run by {self.engine}{place}"

    def placed(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Itself, or one that computes in `dtype`.

        Raises UsageError where the runtime cannot, and for a `device` other than the CPU, where tensors lie.
        """
        if device.type != "cpu":
            raise UsageError(f"tensors go to {self.engine} from the cpu, not from {device.type}")
        runtime = self.runtime.in_precision(_PRECISIONS.get(dtype, str(dtype)))
        return self if runtime is self.runtime else type(self)(runtime)

    def __call__(self, lr_clip: Tensor) -> Tensor:
        """(1, T, 3, H, W) in [0, 1] -> (1, T, 3, 4H, 4W) float32, not clamped. Raises like `frames`."""
        return torch.stack(list(self.frames(lr_clip)), dim=1)

    def clean(self, around: Sequence[Tensor]) -> Tensor:
        """The middle one of neighbouring frames `around`, each (1, 3, H, W), cleaned."""
        (frame,) = self._run("clean", torch.stack(tuple(around), dim=1))
        return frame

    def observe(self, first: Tensor, second: Tensor) -> Pair:
        """The motion between `first` and `second`, neighbouring frames (1, 3, H, W), in both directions."""
        second_on_first, first_on_second, *flows = self._run("motion", first, second)
        return Pair(second_on_first, first_on_second, *map(Flow, flows))

    def propagate(self, around: Neighbourhood, state: Tensor | None, flow: Flow | None) -> Tensor:
        """Features (1, C, H, W) of the frame in the middle of `around`.

        state: those of the frame before in the order of computation; flow: the motion to it; None at an end.
        """
        (propagated,) = self._run("propagate", around.frames, self._aligned(around, state, flow))
        return propagated

    def stabilise(self, features: Sequence[Tensor]) -> list[Tensor]:
        """The features (1, C, H, W) of a group of frames, made consistent among them, in the same order."""
        (fused,) = self._run("stabilise", torch.cat(list(features)))
        return list(fused.chunk(len(features)))

    def refine(self, around: Neighbourhood, fused: Tensor, state: Tensor | None) -> Tensor:
        """Features (1, C, H, W) of the frame in the middle of `around`, in the second recurrence.

        fused: what `stabilise` gave for it; state: refined features of the previous frame, None at the start.
        """
        aligned = self._aligned(around, state, around.flow_to_previous)
        (refined,) = self._run("refine", around.frames, fused, aligned)
        return refined

    def reconstruct(self, ready: Refined) -> Tensor:
        """The HR frame (1, 3, 4H, 4W) of a frame that is `ready`: its LR frame and refined features.

        In strips of rows with a halo that is computed and dropped: the same as the whole frame at once.
        """
        height, width = ready.frame.shape[-2:]
        count = -(-height // max(LEAST_ROWS, STRIP_PIXELS // width))
        strips = []
        for i in range(count):
            top, bottom = i * height // count, (i + 1) * height // count
            begin = max(0, top - self.manifest.halo)
            rows = slice(begin, min(height, bottom + self.manifest.halo))
            (strip,) = self._run(
                "reconstruct",
                ready.fused[..., rows, :],
                ready.refined[..., rows, :],
                ready.frame[..., rows, :],
            )
            strips.append(strip[..., self.scale * (top - begin) : self.scale * (bottom - begin), :])
        return torch.cat(strips, dim=-2)

    def _aligned(self, around: Neighbourhood, state: Tensor | None, flow: Flow | None) -> Tensor:
        """The state of another frame on this one; zeros at an end of the clip."""
        if state is None or flow is None:
            return torch.zeros(1, self.config.channels, *around.frame.shape[-2:])
        (aligned,) = self._run("warp", state, flow.vectors)
        return aligned

    def _run(self, graph: GraphName, *inputs: Tensor) -> list[Tensor]:
        arrays = (np.ascontiguousarray(value.numpy()) for value in inputs)
        return [torch.from_numpy(value) for value in self.runtime.run(graph, *arrays)]


def open_export(folder: Path, engine: str, place: str = CPU) -> ExportedNetwork:
    """Open an exported model, in float32.

    Args:
        folder: what `export_model` wrote.
        engine: what runs it, "onnxruntime" or "openvino".
        place: where: of onnxruntime an execution provider ("cpu", "cuda", "tensorrt", "directml", "coreml",
            "openvino"), of OpenVINO a device ("cpu", "gpu", "npu").

    Returns:
        A network that `tcnet.Upscaler` and `tcnet.upscale_video` take as a model.

    Raises:
        UsageError: for an unknown engine or place, one that is not there, and one that does not read the
            files.
        MediaError: for a folder that is not an export or is damaged.
    """
    return ExportedNetwork(open_runtime(folder, read_manifest(folder), engine, place))
