"""A video that holds less than its size: what `shrink_first` is for."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from fake_networks import make_frames, make_info, natural
from tcnet.inference.pixels import resize_pixels
from tcnet.video import EncodeOptions, open_sink

HELD = 160
"""Lines that it holds."""


def write_blown_up(path: Path, frames: int = 9) -> Path:
    """Pictures of 160 lines in 360."""
    lossless = EncodeOptions(codec="ffv1", pixel_format="bgr0")
    sink = open_sink(path, info=make_info(frames, 360, 480), options=lossless)
    for frame in make_frames(frames, 16, 16):
        small = np.repeat(natural(HELD, 214, frame.pts)[..., None], 3, 2)
        sink.write(replace(frame, pixels=resize_pixels(small, (360, 480), np.dtype(np.uint8))))
    sink.finish()
    return path
