"""Luma beyond the nominal range of Y'CbCr: whiter than white, blacker than black.

R'G'B' ends where the nominal range does (16 and 235 of 8 bits, ITU-R BT.709), while cameras record up to 254.
What lies beyond is carried beside the pixels and added again to luma of the same range; elsewhere it is
clipped. Chroma is what the clipped colours have.
"""

import av
import numpy as np
from av.video.reformatter import Interpolation

from tcnet.video.color.h273 import RANGE_FULL, bit_depth, code_scale, is_rgb_like, rgb_to_ycc_matrix
from tcnet.video.color.planes import plane_samples
from tcnet.video.frame import ColorSpec, Overshoot, Pixels

UNIT = 256
"""Steps of an `Overshoot` to a code of 8 bits."""
_ZERO = 1 << 15  # in the 16 bits of a picture that is resized
_MEANT = (12, 239)  # codes of 8 bits: ringing at the edges of black and white rarely goes beyond
_MEANT_PART = 1e-3
_PLANAR = ("yuv4", "yuva4", "nv12", "nv21", "nv16", "nv24")  # with luma alone in the first plane
_PACKED = {  # what captures are stored in, and the same samples in planes
    "yuyv422": "yuv422p", "uyvy422": "yuv422p", "yvyu422": "yuv422p", "uyyvyy411": "yuv411p",
    "y210le": "yuv422p10le",
}  # fmt: skip


def read_overshoot(picture: av.VideoFrame, pixels: Pixels, color: ColorSpec) -> Overshoot | None:
    """What `pixels`, converted from the picture by `color`, lack of its luma; None where that is nothing."""
    picture = _in_planes(picture)
    name = picture.format.name
    if color.full_range or is_rgb_like(name) or not has_luma_plane(name):
        return None
    luma = plane_samples(picture, 0)
    depth = bit_depth(name)
    gain, offset = code_scale(depth, full_range=False)
    low, high = int(offset[0]), int(offset[0] + gain[0])
    if luma.min() >= low and luma.max() <= high:
        return None
    beyond = (luma < low) | (luma > high)
    weights = rgb_to_ycc_matrix(color.matrix)[0] * 219 / np.iinfo(pixels.dtype).max
    kept = pixels[beyond] @ weights + 16  # (n,), codes of 8 bits
    missing = luma[beyond] / (1 << (depth - 8)) - kept
    overshoot = np.zeros(luma.shape, np.int16)
    overshoot[beyond] = np.rint(missing * UNIT)
    return overshoot


def exceeds_range(picture: av.VideoFrame) -> bool:
    """Whether so much of a picture lies so far beyond limited range that it was meant, and is no ringing."""
    picture = _in_planes(picture)
    name = picture.format.name
    if picture.color_range == RANGE_FULL or is_rgb_like(name) or not has_luma_plane(name):
        return False
    luma, unit = plane_samples(picture, 0), 1 << (bit_depth(name) - 8)
    return bool(((luma < _MEANT[0] * unit) | (luma > _MEANT[1] * unit)).mean() > _MEANT_PART)


def add_overshoot(picture: av.VideoFrame, overshoot: Overshoot) -> None:
    """Adds it, interpolated to the picture's size, to the luma of a limited-range planar picture."""
    if overshoot.shape != (picture.height, picture.width):
        overshoot = _resized(overshoot, picture.width, picture.height)
    luma = plane_samples(picture, 0)
    depth = bit_depth(picture.format.name)
    beyond = overshoot != 0
    codes = luma[beyond] + overshoot[beyond] * ((1 << (depth - 8)) / UNIT)
    luma[beyond] = np.clip(np.rint(codes), 0, (1 << depth) - 1)


def has_luma_plane(pixel_format: str) -> bool:
    return pixel_format.startswith(_PLANAR) and not pixel_format.endswith("be")


def _in_planes(picture: av.VideoFrame) -> av.VideoFrame:
    planar = _PACKED.get(picture.format.name)
    return picture if planar is None else picture.reformat(format=planar)


def _resized(overshoot: Overshoot, width: int, height: int) -> Overshoot:
    shifted = (overshoot.astype(np.int32) + _ZERO).astype(np.uint16)
    gray = av.VideoFrame.from_ndarray(shifted, "gray16le")
    resized = gray.reformat(width, height, interpolation=Interpolation.BILINEAR).to_ndarray()
    return (resized.astype(np.int32) - _ZERO).astype(np.int16)
