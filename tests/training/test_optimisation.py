from itertools import pairwise

import pytest
import torch

from tcnet.network import TCNet, TCNetConfig
from tcnet.training.config import OptimisationOptions
from tcnet.training.optimisation import MovingAverage, Optimiser, schedule
from tcnet.training.starting_point import divide

CONFIG = TCNetConfig(channels=8, propagation_blocks=1, refinement_blocks=1, fusion_width=8, fusion_levels=2)
WEIGHT = "refinement.trunk.entry.conv.weight"


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TCNet(CONFIG)


def test_the_schedule_warms_up_and_falls_along_a_cosine():
    options = OptimisationOptions(steps=110, warmup_steps=10, rate_end=1e-6)
    rates = [schedule(options, 1e-3, step) for step in range(110)]
    assert rates[0] == pytest.approx(1e-3 / 11)
    assert rates[10] == max(rates) == 1e-3
    assert rates[60] == pytest.approx((1e-3 + 1e-6) / 2)
    assert rates[109] == pytest.approx(1e-6, rel=0.5)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert schedule(options, 0.0, 50) == 0.0


def test_every_parameter_is_in_one_part(network):
    for start in ("scratch", "basicvsr-bi"):
        parts = divide(network, start)
        names = [*parts.new, *parts.imported, *parts.flow]
        assert sorted(names) == sorted(dict(network.named_parameters()))
    assert not divide(network, "scratch").imported
    assert "propagation.trunk.blocks.0.conv1.weight" in parts.imported
    assert "fusion.stage_one.last.weight" in parts.new
    assert parts.imported_inputs[WEIGHT].nonzero().flatten().tolist() == [3, 4, 5, *range(17, 25)]


def moved(network, options, steps=1):
    """How far each parameter moves, in units of its own rate: Adam's first step is the rate itself."""
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    optimiser = Optimiser(divide(network, "basicvsr-bi"), options)
    for step in range(steps):
        optimiser.begin(step)
        for parameter in optimiser.trained():
            parameter.grad = torch.ones_like(parameter)
        optimiser.step(step)
    return {name: (before[name] - value.detach()) for name, value in network.named_parameters()}


def test_parts_move_at_rates_of_their_own(network):
    options = OptimisationOptions(steps=1000, rate_new=1e-3, rate_imported=1e-4, flow_fraction=0.5)
    moves = moved(network, options)
    torch.testing.assert_close(moves["fusion.stage_one.last.bias"], torch.full((8,), 1e-3), rtol=1e-3, atol=0)
    assert moves["reconstruction.last.bias"].max() == pytest.approx(1e-4, rel=1e-3)
    assert moves["motion.spynet.levels.0.0.bias"].max() == pytest.approx(5e-5, rel=1e-2)
    inputs = moves[WEIGHT].mean(dim=(0, 2, 3))  # h, x, h, features, state
    assert inputs[:3].tolist() == pytest.approx([1e-3] * 3, rel=1e-2)
    assert inputs[3:6].tolist() == pytest.approx([1e-4] * 3, rel=1e-2)
    assert inputs[-8:].tolist() == pytest.approx([1e-4] * 8, rel=1e-2)


def test_frozen_parts_get_no_gradient_and_do_not_move(network):
    options = OptimisationOptions(steps=10, rate_imported=0.0, flow_fraction=0.0)
    moves = moved(network, options, steps=2)
    assert not moves["reconstruction.last.bias"].any()
    assert not moves["motion.spynet.levels.0.0.bias"].any()
    assert not moves[WEIGHT][:, 3:6].any()
    assert moves[WEIGHT][:, :3].all()
    assert not network.reconstruction.last.bias.requires_grad


def test_motion_is_frozen_for_the_first_steps_only(network):
    options = OptimisationOptions(steps=10, flow_frozen_steps=2)
    assert not moved(network, options, steps=2)["motion.spynet.levels.0.0.bias"].any()
    assert moved(network, options, steps=3)["motion.spynet.levels.0.0.bias"].all()


def test_the_average_follows(network):
    average = MovingAverage(network, 0.9)
    with torch.no_grad():
        network.reconstruction.last.bias += 1.0
    before = average.network.reconstruction.last.bias.clone()
    average.update(network, 0)  # the first step counts for more: decay 1/10
    torch.testing.assert_close(average.network.reconstruction.last.bias, before + 0.9)
    average.update(network, 1000)
    torch.testing.assert_close(average.network.reconstruction.last.bias, before + 0.91)
    assert not average.network.reconstruction.last.bias.requires_grad
