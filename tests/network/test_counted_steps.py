from itertools import pairwise

import pytest
import torch

from fake_networks import Nearest
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.counted_steps import counted_frames
from tcnet.network.ensemble import SelfEnsemble

TINY = TCNetConfig(channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return TCNet(TINY).eval().requires_grad_(False)


@pytest.mark.parametrize("kept", [range(9), range(2, 7)])
@pytest.mark.parametrize("kind", [None, "time"])
def test_the_same_frames_and_steady_progress_to_the_end(network, kept, kind):
    clip = torch.rand(1, 9, 3, 32, 32)
    computed = network if kind is None else SelfEnsemble(network, kind)
    told = []
    frames = counted_frames(computed, clip, kept, told.append)
    for expected, _ in zip(computed.frames(clip, kept.start), kept, strict=False):
        if not told:
            first = next(frames)
            before_first = len(told)
            assert torch.equal(first, expected)
        else:
            assert torch.equal(next(frames), expected)
    assert before_first > 9
    assert told == sorted(told)
    assert told[0] < 0.15
    if kind is None:
        assert told[-1] == pytest.approx(1)
    assert max(b - a for a, b in pairwise(told)) < 0.15


def test_networks_of_unknown_steps_are_computed_all_the_same():
    told = []
    assert len(list(counted_frames(Nearest(), torch.rand(1, 5, 3, 16, 16), range(1, 5), told.append))) == 4
    assert told == []
