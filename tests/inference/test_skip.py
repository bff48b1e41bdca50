"""What `Upscaler.stream(skip=n)` gives equals, bit for bit, what a run without skip gives from frame n on."""

import numpy as np
import pytest
import torch

from fake_networks import BreaksInReducedPrecision, Nearest, make_frames, make_scenes
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.compute import Compute
from tcnet.inference.precision import FP32
from tcnet.inference.streaming import upscale_recurrent
from tcnet.inference.tiling import make_layout
from tcnet.network import TCNet, TCNetConfig

SMALL = {
    "channels": 8,
    "propagation_blocks": 1,
    "refinement_blocks": 1,
    "fusion_width": 8,
    "alignment_window": 16,
    "alignment_depth": 1,
    "matching_depth": 1,
    "fusion_levels": 2,
    "motion": "tiny",  # SPyNet would take most of the time, and looks at two frames like this
}
COUNT = 22
OPTIONS = {"window": 10, "overlap": 2, "device": "cpu", "precision": "fp32"}


def upscaled(network, frames, skip=0, **options):
    return list(Upscaler(network, UpscaleOptions(**options)).stream(frames, skip=skip))


def assert_equal(frames, others):
    assert [frame.pts for frame in frames] == [frame.pts for frame in others]
    for a, b in zip(frames, others, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
@pytest.mark.parametrize(
    "options",
    [{"window": 8, "precision": "fp32"}, {"window": 8, "precision": "bf16", "tile": 32, "tile_overlap": 8}],
    ids=["whole", "tiled"],
)
def test_every_skip_gives_the_same_frames(propagation, options):
    torch.manual_seed(0)
    network = TCNet(TCNetConfig(propagation=propagation, **SMALL)).eval()
    lr = list(make_scenes(5, 9, height=16, width=40))
    upscaler = Upscaler(network, UpscaleOptions(device="cpu", **options))
    whole = list(upscaler.stream(lr))
    assert len(whole) == 14
    assert upscaler.statistics.cuts == 1
    for skip in range(1, 16):
        assert_equal(upscaled(network, lr, skip, device="cpu", **options), whole[skip:])


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
@pytest.mark.parametrize("broken", [3, 11])
def test_a_skipped_frame_still_decides_on_float32(propagation, broken):
    lr = list(make_frames(COUNT))
    lr[broken].pixels[0, 0] = 255

    class Coarse(BreaksInReducedPrecision):
        """Another result in bfloat16, so that it shows which precision a frame was computed in."""

        def spoil(self, pictures, frames):
            darker = pictures * (1 if self.weight.dtype == torch.float32 else 0.5)
            return super().spoil(darker, frames)

    options = {**OPTIONS, "precision": "bf16"}
    whole = upscaled(Coarse(propagation=propagation), lr, **options)
    for skip in range(1, COUNT):
        assert_equal(upscaled(Coarse(propagation=propagation), lr, skip, **options), whole[skip:])


def test_windows_of_which_nothing_is_wanted_are_not_computed():
    network = Nearest()
    upscaler = Upscaler(network, UpscaleOptions(**OPTIONS))
    sr = list(upscaler.stream(make_frames(COUNT), skip=13))
    without = Nearest()
    upscaled(without, make_frames(COUNT), **OPTIONS)
    assert len(sr) == upscaler.statistics.frames == COUNT - 13
    assert len(network.clips) < len(without.clips)
    assert upscaler.statistics.windows == len(network.clips)


@pytest.mark.parametrize("hold", [0, 20])
def test_a_stream_begins_with_the_scene_that_is_wanted(hold):
    class Counting(Nearest):
        given = 0

        def stream(self, lr_frames, state=None, *, last=False):
            self.given += lr_frames.shape[1]
            return super().stream(lr_frames, state, last=last)

    network = Counting("forward")
    compute = Compute(network, torch.device("cpu"), FP32)
    lr = list(make_scenes(6, 8, 5))
    layout = make_layout(network, UpscaleOptions(), 24, 32, None, None)
    for skip, needed in ((0, 19), (5, 19), (6, 13), (13, 13), (14, 5), (18, 5), (19, 0)):
        network.given = 0
        split = iter([iter(lr[:6]), iter(lr[6:14]), iter(lr[14:])])
        sr = list(upscale_recurrent(compute, UpscaleOptions(), layout, split, skip, hold))
        assert [frame.pts for frame in sr] == [frame.pts for frame in lr[skip:]]
        assert network.given == (needed if hold == 20 else 19)


def test_a_negative_skip_is_refused():
    with pytest.raises(ValueError, match="skip and begin must be at least 0, got -1 and 0"):
        upscaled(Nearest(), make_frames(3), -1, **OPTIONS)
