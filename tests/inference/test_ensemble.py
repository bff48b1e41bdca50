"""--ensemble: the self-ensemble inside windows, as the network itself."""

import numpy as np
import pytest
import torch

from fake_networks import Nearest, make_frames
from tcnet.errors import UsageError
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.ensemble import SelfEnsemble

SMALL = {
    "channels": 8,
    "propagation_blocks": 1,
    "refinement_blocks": 1,
    "fusion_width": 8,
    "motion": "tiny",
}
OPTIONS = {"device": "cpu", "precision": "fp32", "scene_cuts": False}


def upscaled(network, frames, **options):
    given = UpscaleOptions(**OPTIONS, **options)
    return np.stack([frame.pixels for frame in Upscaler(network, given).stream(frames)])


@pytest.mark.parametrize("kind", ["time", "full"])
def test_it_gives_the_mean_over_the_transforms_of_the_clip(kind):
    torch.manual_seed(0)
    network = TCNet(TCNetConfig(**SMALL)).eval()
    frames = list(make_frames(5, height=16, width=20))
    clip = torch.from_numpy(np.stack([frame.pixels for frame in frames])).permute(0, 3, 1, 2) / 255
    with torch.inference_mode():
        expected = SelfEnsemble(network, kind)(clip[None])[0].clamp(0, 1).permute(0, 2, 3, 1)
    pixels = upscaled(network, frames, ensemble=kind)
    assert np.abs(pixels - expected.numpy() * 255).max() <= 0.51
    assert not np.array_equal(pixels, upscaled(network, frames))


def test_windows_and_resuming_are_as_without():
    torch.manual_seed(0)
    network = TCNet(TCNetConfig(**SMALL)).eval()
    frames = list(make_frames(14, height=16, width=16))
    options = UpscaleOptions(**OPTIONS, ensemble="time", window=8, overlap=2)
    whole = list(Upscaler(network, options).stream(frames))
    assert len(whole) == 14
    rest = list(Upscaler(network, options).stream(frames, skip=6))
    for ours, theirs in zip(rest, whole[6:], strict=True):
        np.testing.assert_array_equal(ours.pixels, theirs.pixels)


def test_networks_that_cannot_be_ensembled_are_refused():
    for network in (TCNet(TCNetConfig(propagation="forward", **SMALL)), Nearest("forward")):
        with pytest.raises(UsageError, match="ensemble full needs a bidirectional model"):
            Upscaler(network, UpscaleOptions(ensemble="full"))


def test_an_unknown_ensemble_is_refused():
    with pytest.raises(UsageError, match="unknown ensemble 'space': choose one of none, time, full"):
        UpscaleOptions(ensemble="space")
