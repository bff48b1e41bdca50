"""The samples of FFmpeg's pictures as arrays."""

import av
import numpy as np
import numpy.typing as npt

from tcnet.video.color.h273 import bit_depth
from tcnet.video.frame import Pixels


def plane_samples(frame: av.VideoFrame, index: int) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """The samples of a plane in the machine's byte order, without its padding; a view into the frame."""
    plane = frame.planes[index]
    samples: Pixels
    if bit_depth(frame.format.name) <= 8:
        samples = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    else:
        samples = np.frombuffer(memoryview(plane), np.uint16).reshape(-1, plane.line_size // 2)
    return samples[: plane.height, : plane.width]


def fill_plane(frame: av.VideoFrame, index: int, values: npt.NDArray[np.generic], row: int = 0) -> None:
    """Writes rows of samples from `row` on."""
    target = plane_samples(frame, index)
    target[row : row + values.shape[0]] = values
