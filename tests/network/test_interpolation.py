"""Between two networks: exact at both ends, the mean in the middle, and 8-bit integers go along."""

import copy
from dataclasses import replace

import pytest
import torch

from detail_models import TINY, make_pair
from tcnet.network import TCNet
from tcnet.network.interpolation import interpolate
from tcnet.network.quantisation import measure_ranges, quantise
from tcnet.system.cpu_features import FAST_INT8, cpu_has


@pytest.fixture(scope="module")
def pair():
    return make_pair()


def between(pair, share):
    network = copy.deepcopy(pair[1])
    interpolate(pair[0], network, share)
    return network


@pytest.mark.parametrize("share", [0, 0.25, 0.5, 1, 1.25])
def test_weights_and_ranges_are_weighted_means_exact_at_the_ends(pair, share):
    network = between(pair, share)
    first, second = (each.state_dict() for each in pair)
    for name, weights in network.state_dict().items():
        expected = (
            first[name]
            if share == 0
            else second[name]
            if share == 1
            else torch.lerp(first[name], second[name], share)
        )
        assert torch.equal(weights, expected), name
    assert network.ranges.keys() == pair[0].ranges.keys()
    for name, largest in network.ranges.items():
        mean = torch.lerp(pair[0].ranges[name], pair[1].ranges[name], share)
        torch.testing.assert_close(largest, mean.clamp(min=0))


def test_pictures_change_steadily_from_one_end_to_the_other(pair):
    clip = torch.rand(1, 3, 3, 16, 20, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        shown = [between(pair, share)(clip) for share in (0, 0.25, 0.5, 0.75, 1)]
    from_first = [(picture - shown[0]).abs().mean().item() for picture in shown]
    assert from_first == sorted(set(from_first))
    for picture, network in ((shown[0], pair[0]), (shown[-1], pair[1])):
        torch.testing.assert_close(picture, network(clip), rtol=0, atol=1e-5)


def test_ranges_that_one_of_them_lacks_are_left_out(pair):
    second = copy.deepcopy(pair[1])
    second.ranges = {}
    interpolate(pair[0], second, 0.5)
    assert second.ranges == {}
    assert "int8" not in second.precisions


@pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")
def test_interpolated_ranges_are_as_good_as_measured_ones(pair):
    """Between the ends 8-bit integers lose no more than with ranges measured for just that network."""
    network = between(pair, 0.5)
    measured = copy.deepcopy(network)
    clip = torch.rand(1, 4, 3, 24, 24, generator=torch.Generator().manual_seed(4))
    measured.ranges = measure_ranges(measured, [clip])
    errors = []
    with torch.inference_mode():
        exact = network(clip)
        for ranged in (network, measured):
            integers = copy.deepcopy(ranged)
            quantise(integers)
            errors.append((integers(clip) - exact).square().mean().sqrt().item())
    assert 0 < errors[0] < 1.25 * errors[1]
    assert errors[0] < 0.01


def test_another_architecture_is_named_and_a_share_outside_refused(pair):
    other = TCNet(replace(TINY, channels=24, fusion_width=16))
    with pytest.raises(ValueError, match="channels is 24, not 16; fusion_width is 16, not 8"):
        interpolate(pair[0], other, 0.5)
    with pytest.raises(ValueError, match=r"the share is -0\.5, it must be at least 0"):
        interpolate(*pair, -0.5)
