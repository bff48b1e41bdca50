"""Targa, which FFmpeg decodes but does not recognise: it begins with no signature."""

from pathlib import Path

import av
import numpy as np

from tcnet.errors import MediaError
from tcnet.video.frame import Pixels

_HEADER = 18  # bytes
_PALETTE, _COLOR, _GRAY = 1, 2, 3  # image types, with 8 added where run lengths are coded
_BITS = {_PALETTE: (8,), _COLOR: (15, 16, 24, 32), _GRAY: (8, 16)}


def is_targa(start: bytes, path: Path) -> bool:
    """By its name, and a header that can be one."""
    if path.suffix.lower() != ".tga" or len(start) < _HEADER:
        return False
    return start[1] in (0, 1) and start[2] & 7 in _BITS and not start[2] & ~0x0F


def targa_header(data: bytes, path: Path) -> tuple[int, int, bool]:
    """(width, height, whether there is alpha). Raises MediaError for bits a pixel that are not supported."""
    kind, bits = data[2] & 7, data[16]
    if bits not in _BITS[kind] or (kind == _PALETTE and data[7] not in (15, 16, 24, 32)):
        raise MediaError(
            f"{path}: Targa of type {data[2]} with {bits} bits a pixel is not supported; convert it to PNG"
        )
    width, height = int.from_bytes(data[12:14], "little"), int.from_bytes(data[14:16], "little")
    return width, height, _stated_alpha(data)


def gray_with_alpha(data: bytes, picture: av.VideoFrame) -> tuple[Pixels, Pixels] | None:
    """(grey as R'G'B', alpha) of a file with both, which FFmpeg takes for colours of 5 bits; else None."""
    if data[2] & 7 != _GRAY or data[16] != 16:
        return None
    plane = picture.planes[0]
    pairs = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    pairs = pairs[: picture.height, : 2 * picture.width]
    gray = np.ascontiguousarray(np.repeat(pairs[:, 0::2, None], 3, axis=2))
    return gray, np.ascontiguousarray(pairs[:, 1::2])


def _stated_alpha(data: bytes) -> bool:
    """Whether bits of a pixel are said to be alpha; where none are, what is there is often zero."""
    return bool(data[17] & 0x0F) and (data[16] == 32 or (data[2] & 7, data[16]) == (_GRAY, 16))
