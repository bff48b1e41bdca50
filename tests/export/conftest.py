"""Tiny networks and their exports, made once."""

from dataclasses import replace

import pytest
import torch

from detail_models import with_clean_up
from tcnet.export import export_model
from tcnet.network import CONFIGS, TCNet, TCNetConfig

pytest.importorskip("onnx", reason="onnx is not installed: pip install '.[export]' in a checkout of tcnet")
pytest.importorskip(
    "onnxruntime", reason="onnxruntime is not installed: pip install '.[export]' in a checkout of tcnet"
)

TINY = TCNetConfig(
    channels=16,
    propagation_blocks=1,
    refinement_blocks=1,
    group_size=4,
    alignment_depth=2,
    alignment_window=16,
    matching_depth=1,
    matching_window=8,
    fusion_width=8,
    fusion_levels=2,
)
TINY_CONFIGS = {
    "bidirectional": TINY,
    "forward": replace(TINY, propagation="forward", motion="small", reconstruction="direct", group_size=3),
    "narrow": replace(TINY, block_width=8, doubled_width=8, fourfold_width=12, motion="tiny"),
    "lite": replace(CONFIGS["lite"], channels=16, propagation_blocks=1, refinement_blocks=1),
}


def make_network(config):
    """A network in which everything matters: what starts as zero is random too."""
    torch.manual_seed(0)
    network = TCNet(config).eval().requires_grad_(False)
    for value in network.parameters():
        if value.count_nonzero() == 0 or value.dim() == 4:
            value.normal_(std=0.5 / max(1, value[0].numel()) ** 0.5)
    for level in network.motion.modules():  # flows of a few pixels
        if isinstance(level, torch.nn.Conv2d) and level.out_channels == 2:
            level.weight.mul_(8)
    return network


@pytest.fixture(scope="session")
def networks():
    return {name: make_network(config) for name, config in TINY_CONFIGS.items()}


@pytest.fixture(scope="session")
def cleaning_networks():
    """Two of them that clean their frames first."""
    return {name: with_clean_up(make_network(TINY_CONFIGS[name])) for name in ("bidirectional", "lite")}


def export_all(networks, folder):
    quick = {"sizes": ((33, 47),), "clip_lengths": (2,)}  # test_network.py looks closely
    return {
        name: export_model(network, "onnx", folder / name, **quick).output
        for name, network in networks.items()
    }


@pytest.fixture(scope="session")
def exports(networks, tmp_path_factory):
    """Folders by the name of the network."""
    return export_all(networks, tmp_path_factory.mktemp("exports"))


@pytest.fixture(scope="session")
def cleaning_exports(cleaning_networks, tmp_path_factory):
    return export_all(cleaning_networks, tmp_path_factory.mktemp("cleaning"))


@pytest.fixture(scope="session")
def openvino_export(networks, tmp_path_factory):
    pytest.importorskip(
        "openvino", reason="openvino is not installed: pip install '.[export]' in a checkout of tcnet"
    )
    folder = tmp_path_factory.mktemp("openvino") / "forward"
    return export_model(networks["forward"], "openvino", folder, sizes=((33, 47),), clip_lengths=(2,)).output
