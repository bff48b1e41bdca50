import pytest
import torch

from tcnet.evaluation.methods.basicvsr import BasicVSR
from tcnet.network import TCNet, TCNetConfig
from tcnet.training.start.initialise import embed_basicvsr

CONFIG = TCNetConfig(channels=16, propagation_blocks=2, refinement_blocks=2, fusion_width=8)


@pytest.fixture
def baseline():
    torch.manual_seed(1)
    return BasicVSR(channels=16, blocks=2).eval()


@torch.inference_mode()
@pytest.mark.parametrize(("frames", "size"), [(1, (16, 16)), (2, (19, 33)), (6, (32, 24))])
def test_the_embedded_network_equals_basicvsr(baseline, frames, size):
    model = TCNet(CONFIG).eval()
    embed_basicvsr(model, baseline)
    clip = torch.rand(1, frames, 3, *size)
    assert (model(clip) - baseline(clip)).abs().max() < 1e-5


def test_training_can_move_every_part_away_from_basicvsr(baseline):
    model = TCNet(CONFIG)
    embed_basicvsr(model, baseline)
    optimiser = torch.optim.Adam(model.parameters(), lr=4e-3)
    clip, target = torch.rand(1, 5, 3, 20, 20), torch.rand(1, 5, 3, 80, 80)
    for _ in range(7):  # zeros let the gradient through one layer a step
        optimiser.zero_grad()
        (model(clip) - target).square().mean().backward()
        optimiser.step()
    assert not [name for name, parameter in model.named_parameters() if not parameter.grad.abs().max() > 0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (TCNetConfig(propagation="forward", channels=16), "forward"),
        (TCNetConfig(channels=24, propagation_blocks=2, refinement_blocks=2), "24"),
        (TCNetConfig(channels=16, propagation_blocks=3, refinement_blocks=2), "3"),
    ],
)
def test_other_networks_are_refused(baseline, config, message):
    with pytest.raises(ValueError, match=message):
        embed_basicvsr(TCNet(config), baseline)
