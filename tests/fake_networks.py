"""Networks, sources and sinks of exactly known behaviour."""

import threading
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import nn

from tcnet.network.torch_network import TorchNetwork
from tcnet.video.frame import ColorSpec, Frame, VideoInfo


@dataclass(frozen=True)
class FakeConfig:
    propagation: str = "bidirectional"
    group_size: int = 4
    channels: int = 8


def enlarge(pictures):
    """(..., H, W) -> (..., 4H, 4W), nearest neighbour: exact."""
    return pictures.repeat_interleave(4, -1).repeat_interleave(4, -2)


class Nearest(TorchNetwork):
    """Each output frame is its input frame enlarged. Records the (T, H, W) of each clip it is given."""

    scale = 4
    minimum_size = 16

    def __init__(self, propagation="bidirectional", spatial_multiple=8, group_size=4):
        super().__init__()
        self.config = FakeConfig(propagation, group_size)
        self.spatial_multiple = spatial_multiple
        self.weight = nn.Parameter(torch.ones(1))
        self.clips = []
        self.eval()

    @property
    def delay(self):
        return self.config.group_size

    def frames(self, lr_clip, start=0):
        self.clips.append((lr_clip.shape[1], *lr_clip.shape[3:]))
        for frame in lr_clip.unbind(1)[start:]:
            yield enlarge(frame)

    def stream(self, lr_frames, state=None, *, last=False):
        """Waits for whole groups, as TCNet does. state: the frames that wait."""
        waiting = lr_frames if state is None else torch.cat([state, lr_frames], 1)
        ready = waiting.shape[1]
        if not last:
            ready = (ready - 1) // self.config.group_size * self.config.group_size if ready else 0
        return enlarge(waiting[:, :ready]), waiting[:, ready:]


class TemporalBox(Nearest):
    """Frame i is the mean of the frames i-r..i+r that the clip has: exact in windows with an overlap of r."""

    def __init__(self, radius, **options):
        super().__init__(**options)
        self.radius = radius

    def frames(self, lr_clip, start=0):
        self.clips.append((lr_clip.shape[1], *lr_clip.shape[3:]))
        # Integer sums, so that no rounding depends on where a window begins.
        codes = (lr_clip.double() * 255).round()
        for i in range(start, lr_clip.shape[1]):
            box = codes[:, max(0, i - self.radius) : i + self.radius + 1]
            yield enlarge(box.sum(1) / box.shape[1] / 255).float()


class SpatialBox(Nearest):
    """Each pixel is the mean over (2r+1) x (2r+1) of what the tile has: exact in tiles with an overlap of r."""

    def __init__(self, radius, **options):
        super().__init__(**options)
        self.radius = radius

    def frames(self, lr_clip, start=0):
        for frame in (lr_clip.double() * 255).round().unbind(1)[start:]:
            size = 2 * self.radius + 1
            mean = torch.nn.functional.avg_pool2d(
                frame, size, stride=1, padding=self.radius, count_include_pad=False
            )
            yield enlarge(mean / 255).float()


@dataclass(frozen=True)
class Sums:
    """The state of RunningMean: sum and number of the frames seen."""

    total: torch.Tensor
    count: int


class RunningMean(Nearest):
    """Frame i is the mean of frames 0..i: it needs all of the past. Ready at once."""

    def __init__(self, **options):
        super().__init__(propagation="forward", **options)

    def stream(self, lr_frames, state=None, *, last=False):
        state = state or Sums(torch.zeros_like(lr_frames[:, :0].sum(1), dtype=torch.float64), 0)
        ready = []
        for frame in (lr_frames.double() * 255).round().unbind(1):
            state = Sums(state.total + frame, state.count + 1)
            ready.append(enlarge(state.total / state.count / 255).float())
        if ready:
            return torch.stack(ready, 1), state
        return enlarge(lr_frames.new_zeros(1, 0, *lr_frames.shape[2:])), state


class BreaksInReducedPrecision(Nearest):
    """NaN wherever a frame's first pixel is white, unless in float32 (or always, with hopeless=True)."""

    def __init__(self, hopeless=False, **options):
        super().__init__(**options)
        self.hopeless = hopeless

    def spoil(self, pictures, frames):
        if self.hopeless or self.weight.dtype != torch.float32:
            pictures[frames[..., 0, 0, 0] == 1] = float("nan")
        return pictures

    def frames(self, lr_clip, start=0):
        for frame, picture in zip(lr_clip.unbind(1)[start:], super().frames(lr_clip, start), strict=True):
            yield self.spoil(picture, frame)

    def stream(self, lr_frames, state=None, *, last=False):
        pictures, state = super().stream(lr_frames, state, last=last)
        return self.spoil(pictures, pictures[..., ::4, ::4]), state


TIME_BASE = Fraction(1, 1000)


def make_frames(count, height=24, width=32, dtype=np.uint8, seed=0):
    """Frames of noise, black in the first corner, with irregular times."""
    random = np.random.default_rng(seed)
    most = np.iinfo(dtype).max
    for i in range(count):
        pixels = random.integers(0, most, (height, width, 3), dtype=dtype, endpoint=True)
        pixels[0, 0] = 0
        yield Frame(pixels, pts=100 + 40 * i + i % 3, duration=40 - i % 3, time_base=TIME_BASE)


def make_scenes(*lengths, height=24, width=32, seed=0):
    """Scenes of a pattern each, which moves by a pixel a frame, with hard cuts between them."""
    random = np.random.default_rng(seed)
    number = 0
    for length in lengths:
        side = max(4, height // 6)
        shape = (1 + height // side, 1 + (width + length) // side, 3)
        pattern = random.integers(0, 255, shape, dtype=np.uint8).repeat(side, 0).repeat(side, 1)
        for i in range(length):
            yield Frame(pattern[:height, i : i + width].copy(), 40 * number, 40, TIME_BASE)
            number += 1


def make_info(count=None, height=24, width=32, bit_depth=8):
    return VideoInfo(
        width=width,
        height=height,
        time_base=TIME_BASE,
        frame_rate=Fraction(25),
        frame_count=count,
        duration=None,
        bit_depth=bit_depth,
        pixel_format="yuv420p",
        color=ColorSpec(matrix=1, full_range=False),
        sample_aspect_ratio=Fraction(16, 15),
        codec="h264",
    )


class FakeSource:
    """`frames` with an info; counts how many it has given and notes its closing."""

    def __init__(self, frames, info):
        self.info = info
        self.frames = frames
        self.given = 0
        self.closed = False

    def __iter__(self):
        for frame in self.frames:
            self.given += 1
            yield frame

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.closed = True


class FakeSink:
    """Keeps what it gets. `before` is called with the number of frames written so far, before each frame.

    done, complete: what it says it holds already.
    """

    notices = ()

    def __init__(self, before=lambda count: None, keep=True, done=0, complete=False):
        self.done = done
        self.complete = complete
        self.frames = []
        self.count = 0
        self.finished = 0
        self.aborted = 0
        self.before = before
        self.keep = keep

    def write(self, frame):
        assert not self.finished
        assert not self.aborted
        self.before(self.count)
        self.count += 1
        if self.keep:
            self.frames.append(frame)

    def finish(self):
        self.finished += 1

    def abort(self):
        assert "encode" not in [thread.name for thread in threading.enumerate()]
        self.aborted += 1


def natural(height, width, seed=0):
    """(H, W) whose power falls with the square of the frequency, as that of photographs: uint8."""
    random = np.random.default_rng(seed)
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)
    frequency = np.hypot(across[None, :], down[:, None])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) / frequency
    picture = np.fft.irfft2(spectrum, (height, width))
    return np.clip(128 + 40 * picture / picture.std(), 16, 235).round().astype(np.uint8)
