"""What tests of the cluster share: a source, a network slow enough to be killed in, and a comparison."""

import time
from pathlib import Path

import numpy as np

from fake_networks import TemporalBox, make_info, make_scenes
from tcnet.inference import UpscaleOptions
from tcnet.video import EncodeOptions, open_sink, open_source

FRAMES = 200
SETTINGS = {
    "options": UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=4),
    "encode": EncodeOptions(crf=20),
    "segment_frames": 10,
}


class Slow(TemporalBox):
    """Takes its time for each window."""

    def __init__(self, seconds: float = 0.1) -> None:
        super().__init__(radius=4)
        self.seconds = seconds

    def frames(self, lr_clip, start=0):
        time.sleep(self.seconds)
        yield from super().frames(lr_clip, start)


def write_source(path: Path, frames: int = FRAMES) -> Path:
    """Scenes with cuts that fall into segments and on their ends."""
    sink = open_sink(path, info=make_info(None), options=EncodeOptions(codec="ffv1", pixel_format="bgr0"))
    for number, frame in enumerate(make_scenes(70, 33, 17, 80)):
        if number < frames:
            sink.write(frame)
    sink.finish()
    return path


def assert_same(path: Path, expected: Path) -> None:
    """Decoded frames and their times."""
    with open_source(path) as one, open_source(expected) as two:
        count = 0
        for got, wanted in zip(one, two, strict=True):
            assert (got.seconds, got.duration) == (wanted.seconds, wanted.duration)
            np.testing.assert_array_equal(got.pixels, wanted.pixels)
            count += 1
    assert count > 0
