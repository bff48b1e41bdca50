"""The network without one of its parts, as the ablation compares it."""

import pytest
import torch

from tcnet.network import TCNet, TCNetConfig

SMALL = {
    "channels": 16,
    "propagation_blocks": 2,
    "refinement_blocks": 2,
    "fusion_width": 8,
    "motion": "tiny",
}
WITHOUT = {
    "alignment": {"alignment_depth": 0},
    "matching": {"matching_depth": 0},
    "stability": {"alignment_depth": 0, "matching_depth": 0},
    "second fusion": {"fusion_stages": 1},
    "recurrence": {"long_term": False},
    "sliding window": {"short_term": False},
}


def build(propagation="bidirectional", **changes):
    return TCNet(TCNetConfig(propagation=propagation, **SMALL, **changes))


@pytest.mark.parametrize("changes", WITHOUT.values(), ids=WITHOUT)
def test_gradient_reaches_all_that_is_left(changes):
    network = build(**changes)
    network(torch.rand(1, 5, 3, 40, 40)).square().mean().backward()
    without = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not without


@torch.inference_mode()
@pytest.mark.parametrize("changes", WITHOUT.values(), ids=WITHOUT)
def test_it_streams_as_the_whole_network_does(changes):
    network = build("forward", **changes).eval()
    clip = torch.rand(1, 6, 3, 16, 20)
    first, state = network.stream(clip[:, :3])
    rest, _ = network.stream(clip[:, 3:], state, last=True)
    assert (torch.cat((first, rest), dim=1) - network(clip)).abs().max() <= 1e-5


def dependencies(network, frames, output):
    clip = torch.rand(1, frames, 3, 16, 16, requires_grad=True)
    sr = network(clip)[:, output]
    (sr - sr.detach().mean()).square().sum().backward()
    touched = clip.grad.abs().sum(dim=(0, 2, 3, 4)) > 0
    return [i for i in range(frames) if touched[i]]


@pytest.mark.parametrize("propagation", ["forward", "bidirectional"])
def test_without_recurrence_a_frame_sees_its_neighbours_alone(propagation):
    network = build(propagation, long_term=False, alignment_depth=0)
    assert dependencies(network, 9, 4) == [3, 4, 5]
    # Temporal self-alignment looks at groups of four frames, whose neighbours they bring along.
    assert dependencies(build(propagation, long_term=False), 10, 5) == [3, 4, 5, 6, 7, 8]


def test_without_the_sliding_window_a_forward_frame_sees_its_past_alone():
    network = build("forward", short_term=False, alignment_depth=0)
    assert dependencies(network, 7, 4) == [0, 1, 2, 3, 4]
    assert dependencies(build("bidirectional", short_term=False, alignment_depth=0), 6, 2) == list(range(6))


def test_a_single_stage_of_fusion_has_one_pyramid_less():
    whole, single = build(), build(fusion_stages=1)
    assert whole.state_dict().keys() - single.state_dict().keys() == {
        key for key in whole.state_dict() if key.startswith("fusion.stage_two.")
    }
    assert not single.state_dict().keys() - whole.state_dict().keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion_stages": 3}, "1 or 2, got 3"),
        ({"fusion_stages": 1, "coarse_fusion": True}, "needs two fusion_stages"),
        ({"short_term": False, "long_term": False}, "both False"),
    ],
)
def test_what_leaves_nothing_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)
