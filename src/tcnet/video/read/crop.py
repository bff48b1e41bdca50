"""The crop that a Matroska or WebM file asks for (RFC 9559, PixelCrop*), which PyAV does not report."""

from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from tcnet.video.ebml import TRACK, TRACKS, VIDEO, read_first

Samples = TypeVar("Samples", bound=npt.NDArray[np.generic])
_BOTTOM, _TOP, _LEFT, _RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels to leave out at each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def of(self, samples: Samples) -> Samples:
        """What is left of (H, W) or (H, W, 3)."""
        height, width = samples.shape[:2]
        kept = samples[self.top : height - self.bottom, self.left : width - self.right].copy()
        return cast(Samples, kept)


def matroska_crop(head: bytes, width: int, height: int) -> Crop:
    """The crop of the first video track, as the head of its file states it; none where it would leave nothing
    of width x height, or where the head cannot be read as Matroska."""
    stated = read_first(head, TRACKS, TRACK, VIDEO)
    found = {kind: int.from_bytes(content, "big") for kind, content in stated.items()}
    crop = Crop(*(found.get(kind, 0) for kind in (_LEFT, _TOP, _RIGHT, _BOTTOM)))
    if crop.left + crop.right >= width or crop.top + crop.bottom >= height:
        return Crop()
    return crop
