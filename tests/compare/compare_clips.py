"""Tiny lossless videos of known pixels, and sources of frames without a file."""

from fractions import Fraction

import numpy as np

from tcnet.video import ColorSpec, EncodeOptions, Frame, VideoInfo, open_sink

LOSSLESS = EncodeOptions(codec="ffv1", pixel_format="bgr0")


def info(height=24, width=32, bit_depth=8, count=None, rate=25):
    return VideoInfo(
        width=width, height=height, time_base=Fraction(1, 1000), frame_rate=Fraction(rate), frame_count=count,
        duration=None if count is None else Fraction(count, rate), bit_depth=bit_depth, pixel_format="bgr0",
        color=ColorSpec(matrix=0, full_range=True), sample_aspect_ratio=Fraction(1), codec="ffv1",
    )  # fmt: skip


def frames(levels, *, height=24, width=32, step=40, begin=0, dtype=np.uint8):
    """Flat frames of the given grey levels, `step` milliseconds each."""
    return [
        Frame(np.full((height, width, 3), level, dtype), begin + step * index, step, Fraction(1, 1000))
        for index, level in enumerate(levels)
    ]


def write(path, clip):
    height, width, _ = clip[0].pixels.shape
    sink = open_sink(path, info=info(height, width), options=LOSSLESS)
    for frame in clip:
        sink.write(frame)
    sink.finish()
    return path


def boxes(picture, level, height, width):
    """(top, left) of all boxes of height x width in that grey; one larger box counts more than once."""
    is_level = np.pad((picture == level).all(axis=2).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    count = is_level[height:, width:] - is_level[:-height, width:] - is_level[height:, :-width]
    return list(zip(*np.nonzero(count + is_level[:-height, :-width] == height * width), strict=True))


class Source:
    """Frames in memory as a FrameSource; `taken` counts how many were asked for."""

    def __init__(self, clip):
        self.clip = clip
        self.info = info(count=len(clip))
        self.taken = 0

    def __iter__(self):
        for frame in self.clip:
            self.taken += 1
            yield frame

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass
