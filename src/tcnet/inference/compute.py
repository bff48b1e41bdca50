"""What windows and streams share: the network in its precision, its float32 twin, and the statistics."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from tcnet.errors import MediaError
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.precision import FP32, Precision, compiled_copy, working_copy
from tcnet.inference.state import all_finite
from tcnet.system.process import on_computing


@dataclass(slots=True)
class Statistics:
    """Statistics of a run so far. A window of a stream is one call that returned frames."""

    frames: int = 0
    """Frames yielded."""
    windows: int = 0
    """Windows whose last frame was yielded."""
    recomputed_windows: int = 0
    """Windows of a tile that gave NaN or infinity and were computed again in float32."""
    recomputed_frames: int = 0
    """Frames of which at least one tile was computed again."""
    repeated_frames: int = 0
    """Frames that repeat the one before and were copied, not computed."""
    cuts: int = 0
    """Scene cuts among the frames read, at which windows and recurrence ended."""
    computed: float | None = None
    """Frames of the stream that are computed, those of the current window by the share of its work that is
    done; None until a step of a window was told."""
    notices: list[str] = field(default_factory=list)
    """What the user should know, one line each."""


class Compute:
    """A network ready to run on one device in one precision; the network given is never changed."""

    def __init__(
        self,
        network: VideoNetwork,
        device: torch.device,
        precision: Precision,
        *,
        compiled: bool = False,
        near_repeats: bool = False,
    ) -> None:
        """near_repeats: as for `shown_pictures`. Raises UsageError for an impossible placement."""
        if device.type == "cpu":
            on_computing()
        self.device = device
        self.precision = precision
        self.near_repeats = near_repeats
        self.uncompiled = working_copy(network, device, precision)
        self.network = compiled_copy(self.uncompiled) if compiled else self.uncompiled
        self.statistics = Statistics()
        self.on_step: Callable[[], None] | None = None
        """Called after each step inside a window: `statistics.computed` has grown."""
        self._given = network
        self._float32: VideoNetwork | None = None

    @property
    def reduced(self) -> bool:
        """Whether the computation is less precise than float32."""
        return self.precision != FP32

    def advance(self, first: int, count: int, part: float) -> None:
        """Of `count` frames from number `first` on a part is done, from 0 to 1."""
        self.statistics.computed = max(self.statistics.computed or 0.0, first + part * count)
        if self.on_step is not None:
            self.on_step()

    def float32(self) -> VideoNetwork:
        """The network in float32, copied when first asked for."""
        if self._float32 is None:
            self._float32 = working_copy(self._given, self.device, FP32)
        return self._float32


def without_gradients(pictures: Iterable[Tensor]) -> Iterator[Tensor]:
    """`pictures`, each computed in inference mode, which is left while the consumer has its turn."""
    iterator = iter(pictures)
    while True:
        with torch.inference_mode():
            picture = next(iterator, None)
        if picture is None:
            return
        yield picture


def check_finite(picture: Tensor, number: int) -> None:
    """Raise MediaError when float32 gave NaN or infinity for frame `number` (counted from 0)."""
    if not all_finite(picture):
        raise MediaError(
            f"frame {number} (counted from 0): the model gives NaN or infinity even in float32; "
            f"its weights are damaged or do not suit this input, try another model"
        )
