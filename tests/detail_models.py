"""Two tiny networks of one architecture, and a card beside the second by which its detail can be chosen."""

import torch

from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.quantisation import measure_ranges

TINY = TCNetConfig(channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny")
CARD = """
# A card of one's own needs no more.
[detail]
base = "plain.safetensors"
default = {default}
"""


def make_pair(config=TINY):
    """A network, and what another training made of it."""
    torch.manual_seed(0)
    first, second = TCNet(config), TCNet(config)
    second.load_state_dict({name: value + 0.2 * value.std(correction=0) * torch.randn_like(value) for name, value in first.state_dict().items()})  # fmt: skip
    for network in (first, second):
        network.eval().requires_grad_(False)
        network.ranges = measure_ranges(network, [torch.rand(1, 4, 3, 24, 24)])
    return first, second


def write_detail_models(folder, default=0.75, config=TINY):
    """plain.safetensors, vivid.safetensors and vivid.toml; returns the path of the second."""
    for name, network in zip(("plain", "vivid"), make_pair(config), strict=True):
        save_model(network, folder / f"{name}.safetensors", dtype=torch.float32)
    (folder / "vivid.toml").write_text(CARD.format(default=default))
    return folder / "vivid.safetensors"
