"""All models on torch's meta device: what would fail on an accelerator because a tensor was made elsewhere, or
because something reads values, fails here. No numbers are computed."""

from dataclasses import replace

import pytest
import torch

from tcnet.catalogue import NAMES
from tcnet.models import load_model
from tcnet.network.tcnet import CONFIGS, TCNet

META = torch.device("meta")
SIZE = (19, 24)  # the height is a multiple of nothing


def short(name):
    """A configuration with few blocks: more of them are more of the same."""
    return replace(CONFIGS[name], propagation_blocks=2, refinement_blocks=2)


def clip(frames, dtype=torch.float32):
    return torch.empty(1, frames, 3, *SIZE, device=META, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", CONFIGS)
def test_configurations_compute_where_their_weights_are(name, dtype):
    network = TCNet(short(name)).eval().to(device=META, dtype=dtype)
    with torch.inference_mode():
        pictures = [*network.frames(clip(2))]
    assert [(picture.device, picture.dtype) for picture in pictures] == [(META, torch.float32)] * 2
    assert {tuple(picture.shape) for picture in pictures} == {(1, 3, 4 * SIZE[0], 4 * SIZE[1])}


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_reach_every_parameter_where_the_weights_are(name):
    network = TCNet(short(name)).train().to(META)
    network(clip(2)).sum().backward()
    assert not [key for key, value in network.named_parameters() if value.grad is None]
    assert {value.grad.device for value in network.parameters()} == {META}


@pytest.mark.parametrize("name", NAMES)
def test_models_of_the_package_load_to_a_device(name):
    network = load_model(name, device=META)
    with torch.inference_mode():
        pictures = [*network.frames(clip(2))]
    assert {picture.device for picture in pictures} == {META}


@pytest.mark.parametrize("name", [name for name in CONFIGS if CONFIGS[name].propagation == "forward"])
def test_streams_keep_their_state_where_the_weights_are(name):
    network = TCNet(short(name)).eval().to(META)
    state, ready = None, 0
    with torch.inference_mode():
        for number in range(6):
            pictures, state = network.stream(clip(1), state, last=number == 5)
            assert pictures.device == META
            ready += pictures.shape[1]
    assert ready == 6
