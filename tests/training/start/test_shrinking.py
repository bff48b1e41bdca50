"""A smaller network of a larger one: `start.shrink`."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tcnet.errors import UsageError
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.training.run import Watcher, train
from tcnet.training.start.refit import most_useful, refit, relative_error
from tcnet.training.start.shrinking import check_smaller, shrink

LARGE = TCNetConfig(
    channels=16,
    propagation_blocks=3,
    refinement_blocks=3,
    alignment_window=16,
    matching_window=8,
    fusion_width=16,
    motion="tiny",
)
SMALL = replace(
    LARGE,
    propagation_blocks=2,
    refinement_blocks=1,
    block_width=8,
    alignment_depth=1,
    alignment_window=8,
    matching_depth=1,
    stability_stride=2,
    coarse_fusion=True,
    fusion_width=8,
    fusion_levels=2,
    doubled_width=8,
    fourfold_width=8,
)


@pytest.fixture(params=["bidirectional", "forward"])
def large(request):
    """Every part of it matters: zero is only what a trained network would not have."""
    torch.manual_seed(0)
    network = TCNet(replace(LARGE, propagation=request.param)).eval()
    for name, weight in network.named_parameters():
        if name.endswith("weight") and weight.dim() == 4:
            nn.init.normal_(weight, std=0.7 / weight[0].numel() ** 0.5)
    return network.requires_grad_(False)


@pytest.fixture
def clips():
    noise = torch.rand(2, 5, 3, 19, 23, generator=torch.Generator().manual_seed(1))
    return F.avg_pool2d(noise.flatten(0, 1), 3, 1).unflatten(0, (2, 5))


def shrunk(large, clips, steps, **changes):
    torch.manual_seed(2)
    network = TCNet(replace(large.config, **changes)).eval()
    shrink(large, network, clips, steps)
    return network


def detail_error(found, wanted, clips):
    """Of what both add to the bilinearly enlarged frames."""
    base = F.interpolate(clips.flatten(0, 1), scale_factor=4, mode="bilinear").view_as(wanted)
    return relative_error(found - base, wanted - base)


def small_fields():
    return {
        name: getattr(SMALL, name)
        for name in SMALL.__dataclass_fields__
        if getattr(SMALL, name) != getattr(LARGE, name)
    }


@torch.no_grad()
def test_nothing_cut_is_the_same_network(large, clips):
    assert torch.equal(shrunk(large, clips, 3)(clips), large(clips))


@torch.no_grad()
def test_what_is_not_cut_is_copied(large, clips):
    network = shrunk(large, clips, 2, propagation_blocks=2)
    ours, theirs = network.state_dict(), large.state_dict()
    different = {name for name in ours if not torch.equal(ours[name], theirs[name])}
    assert different
    assert all(name.startswith("propagation.trunk.blocks.") for name in different)


@torch.no_grad()
def test_the_fit_comes_near_and_training_the_parts_nearer(large, clips):
    """Against the same shape with the large network's tensors cut, as a start without a fit has them."""
    wanted = large(clips)
    fitted, trained = (shrunk(large, clips, steps, **small_fields()) for steps in (0, 8))
    errors = [detail_error(network(clips), wanted, clips) for network in (fitted, trained)]
    assert errors[0] < 0.6
    assert errors[1] < errors[0]


@torch.no_grad()
def test_two_blocks_whose_channels_fit_into_one_become_one_nearly_exactly(clips):
    """The second half of each block's channels is silent."""
    torch.manual_seed(0)
    large = TCNet(replace(LARGE, propagation_blocks=2)).eval().requires_grad_(False)
    for block in large.propagation.trunk.blocks:
        block.conv1.weight[8:] = 0
        block.conv1.bias[8:] = -1
        block.conv2.weight *= 0.1  # so little that the second sees nearly what the first does
    network = shrunk(large, clips, 0, propagation_blocks=1)
    last = large.neighbourhoods(clips.unbind(1))[-1]
    given = large.propagation.joined(last.frames, None, None)
    found, wanted = network.propagation.trunk(given), large.propagation.trunk(given)
    entry = large.propagation.trunk.entry(given)
    assert relative_error(found - entry, wanted - entry) < 0.1


@torch.no_grad()
def test_least_squares_finds_a_convolution_again_and_its_best_fit_elsewhere():
    torch.manual_seed(0)
    inputs = torch.randn(6, 5, 20, 21)
    wanted = nn.Conv2d(5, 3, 3, padding=1)
    found = nn.Conv2d(5, 3, 3, padding=1)
    refit(found, inputs, wanted(inputs).detach())
    assert relative_error(found.weight, wanted.weight) < 1e-3
    less = nn.Conv2d(4, 3, 3, padding=1)
    less.load_state_dict({"weight": wanted.weight[:, :4], "bias": wanted.bias})
    mixed = inputs[:, :4].clone()
    mixed[:, 0] += inputs[:, 4]  # the channel that is lost can be seen through another
    before = relative_error(less(mixed), wanted(inputs))
    refit(less, mixed, wanted(inputs).detach())
    assert relative_error(less(mixed), wanted(inputs)) < 0.8 * before


def test_channels_are_chosen_by_what_is_made_of_them():
    maps = torch.ones(1, 4, 2, 2) * torch.tensor([3.0, 1.0, 2.0, 4.0]).view(1, 4, 1, 1)
    following = torch.ones(2, 4, 3, 3) * torch.tensor([1.0, 9.0, 1.0, 0.0]).view(1, 4, 1, 1)
    assert most_useful((maps,), following, 2).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": 8}, "channels cannot be shrunk: it is 16"),
        ({"propagation": "forward"}, "propagation cannot be shrunk"),
        ({"propagation_blocks": 5}, "propagation_blocks can only shrink: it is 3, .network. says 5"),
        ({"fusion_width": 24}, "fusion_width can only shrink"),
    ],
)
def test_what_is_not_smaller_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        check_smaller(LARGE, replace(LARGE, **changes))
    check_smaller(LARGE, SMALL)


SHRINKING = ("network.motion=small", "start.shrink=true", "start.shrink_steps=3", "start.shrink_samples=2")


def save_larger(tiny):
    """A model of one block more than the run's network has; returns the key that names it."""
    torch.manual_seed(0)
    fields = tiny.config().network | {"propagation_blocks": 2, "motion": "small"}
    save_model(TCNet(TCNetConfig(**fields)), tiny.folder / "large.safetensors")
    return f"start.from={tiny.folder / 'large.safetensors'}"


def test_a_run_starts_from_a_larger_model(tiny):
    said = []
    config = tiny.config("run", save_larger(tiny), *SHRINKING)
    assert train(config, watcher=Watcher(shrinking=said.append)).stopped_by is None
    stages = [line.split(":")[0] for line in said]
    assert stages == ["propagation", "stability and fusion", "refinement", "reconstruction"]
    assert tiny.log()[0]["rates"]["new"] > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("network.propagation_blocks=3", "propagation_blocks can only shrink: it is 2"),
        ("network.motion=tiny", "tiny motion is taken from another model"),
    ],
)
def test_a_start_that_does_not_fit_gets_one_line(tiny, change, words):
    with pytest.raises(UsageError, match=words) as caught:
        train(tiny.config("run", save_larger(tiny), *SHRINKING, change))
    assert "\n" not in str(caught.value)


def test_shrinking_needs_something_to_shrink(tiny):
    with pytest.raises(UsageError, match="start: shrink needs a trained network"):
        tiny.config("run", *SHRINKING)
