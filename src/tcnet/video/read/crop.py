"""The crop that a Matroska or WebM file asks for (RFC 9559, PixelCrop*), which PyAV does not tell of."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tcnet.video.frame import Pixels

_HEAD_BYTES = 1 << 20  # the tracks are described at the front
_SEGMENT, _TRACKS, _TRACK, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0xE0
_BOTTOM, _TOP, _LEFT, _RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD


@dataclass(frozen=True, slots=True)
class Crop:
    """Pixels to leave out at each side."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    def of(self, samples: Pixels) -> Pixels:
        """What is left of (H, W) or (H, W, 3)."""
        height, width = samples.shape[:2]
        return samples[self.top : height - self.bottom, self.left : width - self.right].copy()


def matroska_crop(path: Path, width: int, height: int) -> Crop:
    """The crop of the first video track; none where it would leave nothing of width x height, or where the
    head of the file cannot be read as Matroska."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    places = [(0, len(head))]
    for kind in (_SEGMENT, _TRACKS, _TRACK, _VIDEO):
        places = [part[1:] for place in places for part in _elements(head, *place) if part[0] == kind]
    if not places:
        return Crop()
    found = {kind: int.from_bytes(head[start:end], "big") for kind, start, end in _elements(head, *places[0])}
    crop = Crop(*(found.get(kind, 0) for kind in (_LEFT, _TOP, _RIGHT, _BOTTOM)))
    if crop.left + crop.right >= width or crop.top + crop.bottom >= height:
        return Crop()
    return crop


def _elements(data: bytes, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(id, start, end) of the contents of the elements between two offsets, up to the first that is none."""
    while start < end:
        at = start + 9 - data[start].bit_length()
        if at > start + 4 or at >= end:
            return
        content = at + 9 - data[at].bit_length()
        if content > at + 8 or content > end:
            return
        most = (1 << 7 * (content - at)) - 1
        size = int.from_bytes(data[at:content], "big") & most
        stop = end if size == most else min(content + size, end)  # all ones: up to the end
        yield int.from_bytes(data[start:at], "big"), content, stop
        start = stop
