import numpy as np
import pytest
import torch

from fake_networks import Nearest, RunningMean, TemporalBox, enlarge, make_frames
from tcnet.errors import MediaError
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.memory import is_out_of_memory

WINDOWED = {"window": 12, "overlap": 4, "tile_overlap": 4, "precision": "fp32", "device": "cpu"}


class OutOfMemory(TemporalBox):
    """Fails beyond a number of pixels of all frames together, after having given some frames."""

    def __init__(self, limit):
        super().__init__(radius=1)
        self.limit = limit

    def frames(self, lr_clip, start=0):
        for i, picture in enumerate(super().frames(lr_clip, start), start):
            if i == 6 and lr_clip[0, :, 0].numel() > self.limit:
                raise torch.OutOfMemoryError("tried to allocate 3 GiB")
            yield picture


class OutOfMemoryStream(RunningMean):
    """A stream that fails on areas over a limit at its frame 6, in numpy's way."""

    def __init__(self, limit):
        super().__init__()
        self.limit = limit

    def stream(self, lr_frames, state=None, *, last=False):
        pictures, state = super().stream(lr_frames, state, last=last)
        if (state.count == 7 or not self.limit) and state.total.shape[-2] * state.total.shape[
            -1
        ] > self.limit:
            raise MemoryError("Unable to allocate 3 GiB")
        return pictures, state


def upscaled(network, frames, **options):
    upscaler = Upscaler(network, UpscaleOptions(**{**WINDOWED, **options}))
    return list(upscaler.stream(frames)), upscaler.statistics


def assert_equal(frames, others):
    assert len(frames) == len(others)
    for a, b in zip(frames, others, strict=True):
        assert (a.pts, a.duration) == (b.pts, b.duration)
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize(
    ("size", "limit", "window", "notices"),
    [
        ((60, 80), 12 * 40 * 40, 12, ["tiles of 40 pixels and windows of 12 frames"]),
        ((24, 32), 20 * 24 * 32, 32, ["whole frames and windows of 20 frames"]),
        (
            (40, 200),
            12 * 40 * 128,
            32,
            [f"tiles of 128 pixels and windows of {length} frames" for length in (32, 20, 16, 12)],
        ),
    ],
)
def test_tiles_and_windows_shrink_and_no_frame_is_lost_doubled_or_changed(size, limit, window, notices):
    lr = list(make_frames(45, *size))
    expected, _ = upscaled(TemporalBox(1), lr, window=window)
    sr, statistics = upscaled(OutOfMemory(limit), lr, window=window)
    assert_equal(sr, expected)
    assert statistics.notices == [f"memory ran out: {notice} from there on" for notice in notices]
    assert statistics.frames == 45


def test_a_stream_begins_anew_in_smaller_tiles():
    lr = list(make_frames(14, 60, 80))
    sr, statistics = upscaled(OutOfMemoryStream(40 * 40), lr)
    assert_equal(sr[:6], upscaled(RunningMean(), lr[:6])[0])
    assert_equal(sr[6:], upscaled(RunningMean(), lr[6:])[0])
    assert statistics.notices == ["memory ran out: tiles of 40 pixels from there on"]


def test_frames_that_wait_in_a_stream_are_not_lost():
    class Waits(Nearest):
        def stream(self, lr_frames, state=None, *, last=False):
            if lr_frames.shape[1] == 1 and state is not None and state.shape[1:4] == (3, 3, 60):
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 GiB")
            return super().stream(lr_frames, state, last=last)

    lr = list(make_frames(11, 60, 80))
    sr, statistics = upscaled(Waits("forward"), lr)
    for before, after in zip(lr, sr, strict=True):
        assert before.pts == after.pts
        picture = enlarge(torch.from_numpy(before.pixels).permute(2, 0, 1)).permute(1, 2, 0)
        np.testing.assert_array_equal(after.pixels, picture.numpy())
    assert len(statistics.notices) == 1


@pytest.mark.parametrize(
    ("network", "what"),
    [(OutOfMemory(0), "tiles and the shortest windows"), (OutOfMemoryStream(0), "tiles")],
)
def test_when_nothing_smaller_is_left_it_is_an_error(network, what):
    with pytest.raises(MediaError, match=f"out of memory on cpu even in the smallest {what}: close other"):
        upscaled(network, make_frames(14, 60, 80))


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_other_errors_are_not_taken_for_want_of_memory(propagation):
    class Broken(Nearest):
        def frames(self, lr_clip, start=0):
            raise RuntimeError("shape mismatch")
            yield

        def stream(self, lr_frames, state=None, *, last=False):
            raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape mismatch"):
        upscaled(Broken(propagation), make_frames(2))


def test_errors_of_all_allocators_are_known():
    for error in (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        MemoryError("Unable to allocate 2 GiB for an array"),
    ):
        assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
