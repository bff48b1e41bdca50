"""What networks say of themselves, by which a run is planned and known again."""

from dataclasses import replace

import torch

from tcnet.network import TCNet, TCNetConfig
from tcnet.network.ensemble import SelfEnsemble

CPU = torch.device("cpu")
TINY = TCNetConfig(channels=8, propagation_blocks=1, refinement_blocks=1, fusion_width=8)


def test_an_ensemble_says_what_its_network_does_but_is_another():
    network = TCNet(TINY)
    ensemble = SelfEnsemble(network, "time")
    for measured in (False, True):
        network.ranges = {"reconstruction.fuse": torch.ones(8)} if measured else {}
        assert ("int8" in network.precisions) == measured
        assert ensemble.precisions == network.precisions
    assert ensemble.inner is network
    assert network.inner is network
    assert ensemble.weight_bytes == network.weight_bytes == 4 * sum(p.numel() for p in network.parameters())
    assert ensemble.sums_pictures
    assert not network.sums_pictures
    assert ensemble.identity() != network.identity()


def test_the_identity_is_that_of_weights_and_configuration():
    network = TCNet(TINY)
    same = TCNet(TINY)
    same.load_state_dict(network.state_dict())
    assert same.identity() == network.identity()
    with torch.no_grad():
        same.reconstruction.fuse.weight[0] += 1
    assert same.identity() != network.identity()
    forward = TCNet(replace(TINY, propagation="forward"))
    forward.load_state_dict(network.state_dict())
    assert forward.identity() != network.identity()


def test_a_placed_network_is_itself_where_nothing_changes():
    network = TCNet(TINY).eval()
    assert network.placed(CPU, torch.float32) is network
    reduced = network.placed(CPU, torch.bfloat16)
    assert (reduced.dtype, network.dtype) == (torch.bfloat16, torch.float32)
    evaluated = network.train().placed(CPU, torch.float32)
    assert network.training
    assert not evaluated.training
