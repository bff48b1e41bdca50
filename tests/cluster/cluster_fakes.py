"""What tests of the cluster share: a source, a network slow enough to be killed in, a cluster without Ray, and
a comparison."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from fake_networks import TemporalBox, make_info, make_scenes
from tcnet.cluster.messages import read_done, segment_message
from tcnet.cluster.worker import Worker
from tcnet.inference import UpscaleOptions
from tcnet.upscale.progress import Activity
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


class OneWorker:
    """A cluster of one worker in this process, which measures `seconds` for a frame. sizes: frames of the
    segments that it computed."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.worker = Worker()
        self.sizes = []

    def plan(self, info, network, options, *, model):
        plan = self.worker.plan(info, network, options, model)
        return replace(plan, seconds_per_pixel=self.seconds / (info.height * info.width))

    def compute(self, work, segments, waiting):
        self.worker.take_on("run", work, work.network.identity())
        for segment in segments:
            done = read_done(self.worker.compute("run", segment_message(segment)))
            self.sizes.append(done.encoded.frames)
            yield done

    def activity(self):
        return Activity(1, 0)

    def notices(self):
        return []


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
