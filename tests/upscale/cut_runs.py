"""Runs that are cut off, and what they leave."""

import numpy as np
import pytest

from fake_networks import TemporalBox
from tcnet.inference import UpscaleOptions
from tcnet.upscale import upscale_video
from tcnet.upscale.output.checkpoint import Checkpoint
from tcnet.video import EncodeOptions, open_source

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=4)
LOSSLESS = EncodeOptions(codec="ffv1", pixel_format="bgr0")


class CutError(Exception):
    """Stops a run."""


def run(source, output, *, stop_at=None, model=None, **changes):
    """Upscale in segments of 5 frames; raise CutError when `stop_at` frames are computed."""

    def progress(now):
        if now.frames_done == stop_at:
            raise CutError

    arguments = {"options": OPTIONS, "encode": EncodeOptions(crf=20), "segment_frames": 5} | changes
    return upscale_video(source, output, model=model or TemporalBox(4), progress=progress, **arguments)


def cut(source, output, at, **changes):
    with pytest.raises(CutError):
        run(source, output, stop_at=at, **changes)
    assert not output.exists()


def pictures(path):
    with open_source(path) as reader:
        return [(frame.seconds, frame.duration, frame.pixels) for frame in reader]


def assert_same(path, expected):
    got, wanted = pictures(path), pictures(expected)
    assert len(got) == len(wanted)
    for (time, duration, pixels), (time2, duration2, pixels2) in zip(got, wanted, strict=True):
        assert (time, duration) == (time2, duration2)
        np.testing.assert_array_equal(pixels, pixels2)


def folder(output):
    return Checkpoint(output).path


def names(path):
    return sorted(entry.name for entry in path.iterdir())
