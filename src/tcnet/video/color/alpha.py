"""The alpha channel of decoded pictures."""

import av
import numpy as np

from tcnet.video.color.h273 import bit_depth
from tcnet.video.color.planes import plane_samples
from tcnet.video.frame import Pixels

# Grey and alpha in turn, and the type of their samples.
_PAIRS = {"ya8": "u1", "ya16le": "<u2", "ya16be": ">u2"}


def read_alpha(picture: av.VideoFrame) -> Pixels:
    """(H, W), 0 transparent to 255 or 65535 opaque, in the type that the picture's colours get.

    The picture's format must have alpha. Alpha is full range whatever the range of the colours.
    """
    name = picture.format.name
    deep = bit_depth(name) > 8
    if name.startswith(("yuva", "gbrap")) and name.endswith(("p", "le")) and "f" not in name:
        codes = plane_samples(picture, 3)
        if not deep:
            return np.ascontiguousarray(codes, np.uint8)
        top = (1 << bit_depth(name)) - 1
        return ((codes.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)
    if name in _PAIRS:  # which FFmpeg's conversion would round
        pairs = np.frombuffer(memoryview(picture.planes[0]), _PAIRS[name]).reshape(picture.height, -1)
        opacity = pairs[:, 1 : 2 * picture.width : 2]
        return opacity.astype(np.uint16) if deep else opacity.astype(np.uint8)
    packed = picture.reformat(format="rgba64le" if deep else "rgba").to_ndarray()  # (H, W, 4)
    return packed[:, :, 3].astype(np.uint16) if deep else packed[:, :, 3].astype(np.uint8)


def is_opaque(alpha: Pixels) -> bool:
    return bool(alpha.min() == np.iinfo(alpha.dtype).max)
