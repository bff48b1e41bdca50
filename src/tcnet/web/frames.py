"""Single frames of the input and the result of a job, as PNG. Runs in a media process."""

from pathlib import Path

from tcnet.errors import MediaError
from tcnet.upscale.pixels import resize_pixels
from tcnet.video import VideoReader
from tcnet.video.images import encode_png


def frame_png(path: Path, result: Path, number: int, size: tuple[int, int]) -> bytes:
    """Frame `number` of `path`, counted from 0, in `size` (height, width); by bicubic where it has another.

    Raises MediaError where there is no such frame.
    """
    with VideoReader(path) as reader:
        for index, frame in enumerate(reader):
            if index == number:
                pixels = frame.pixels
                if pixels.shape[:2] != size:
                    pixels = resize_pixels(pixels, size, pixels.dtype)
                return encode_png(pixels)
    raise MediaError("it has fewer frames")
