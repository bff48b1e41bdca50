from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from tcnet.errors import UsageError
from tcnet.network import TCNet, TCNetConfig
from tcnet.training.config import OptimisationOptions
from tcnet.training.muon import orthogonalised
from tcnet.training.optimisation import MovingAverage, Optimiser, schedule
from tcnet.training.start.starting_point import divide

CONFIG = TCNetConfig(channels=8, propagation_blocks=1, refinement_blocks=1, fusion_width=8, fusion_levels=2)
CONFIG_OF_16 = replace(CONFIG, channels=16, fusion_width=16)
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


def test_muon_takes_kernels_and_evens_out_their_directions():
    torch.manual_seed(0)
    network = TCNet(CONFIG_OF_16)
    options = OptimisationOptions(method="muon", steps=10, rate_new=1e-3, rate_imported=1e-4)
    moves = moved(network, options)
    # 16 directions of the same length would move each number by 0.2 of the rate. Ones are a single direction.
    kernel = moves["fusion.stage_one.last.weight"]
    assert 0.65 < kernel.square().mean().sqrt() / (1e-3 * 0.2 / 16**0.5) < 1.25
    # All else moves as by Adam.
    torch.testing.assert_close(
        moves["fusion.stage_one.last.bias"], torch.full((16,), 1e-3), rtol=1e-3, atol=0
    )
    assert moves["motion.spynet.levels.0.0.bias"].max() == pytest.approx(1.25e-5, rel=1e-2)


def test_orthogonalised_keeps_directions_and_evens_out_lengths():
    torch.manual_seed(0)
    for shape in ((16, 48), (48, 16)):
        matrix = torch.randn(shape) @ torch.diag(torch.logspace(0, -1.5, shape[1]))
        left, _, right = torch.linalg.svd(matrix, full_matrices=False)
        result = orthogonalised(matrix)
        middle = left.T @ result @ right.T
        lengths = middle.diagonal()
        assert 0.6 < lengths.min() < lengths.max() < 1.3
        assert (middle - torch.diag(lengths)).abs().max() < 1e-4
    assert not orthogonalised(torch.zeros(16, 16)).any()


def test_the_state_of_another_method_is_refused():
    network = TCNet(CONFIG_OF_16)
    adam, muon = (
        Optimiser(divide(network, "scratch"), OptimisationOptions(method=method, steps=10))
        for method in ("adam", "muon")
    )
    for one, other in ((adam, muon), (muon, adam)):
        one.begin(0)
        for parameter in one.trained():
            parameter.grad = torch.ones_like(parameter)
        one.step(0)
        with pytest.raises(UsageError, match=r"another optimisation\.method"):
            other.load(one.tensors())


def test_the_state_of_both_methods_comes_back():
    torch.manual_seed(0)
    options = OptimisationOptions(method="muon", steps=10, rate_new=1e-3)
    networks = [TCNet(CONFIG_OF_16), TCNet(CONFIG_OF_16)]
    networks[1].load_state_dict(networks[0].state_dict())
    first, second = (Optimiser(divide(network, "scratch"), options) for network in networks)

    def step(optimiser, number):
        optimiser.begin(number)
        torch.manual_seed(number)
        for parameter in optimiser.trained():
            parameter.grad = torch.randn(parameter.shape)
        optimiser.step(number)

    for optimiser in (first, second):
        step(optimiser, 0)
    second = Optimiser(divide(networks[1], "scratch"), options)
    second.load({name: value.clone() for name, value in first.tensors().items()})
    for optimiser in (first, second):
        step(optimiser, 1)
    assert {key.partition("/")[0] for key in first.tensors()} == {"step", "exp_avg", "exp_avg_sq", "momentum"}
    for one, other in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.equal(one, other)
