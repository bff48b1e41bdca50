"""Tiny networks with cards beside them: two of one architecture, between which a detail can be chosen, and one with
a clean-up of its own, a tiny one that changes frames visibly."""

import torch

from tcnet.models import save_clean_up, save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.clean_up import CleanUp, CleanUpConfig
from tcnet.network.quantisation import measure_ranges

TINY = TCNetConfig(channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny")
CARD = """
# A card of one's own needs no more.
[detail]
base = "plain.safetensors"
default = {default}
"""
STREAMING = TCNetConfig(
    propagation="forward", channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8,
    fusion_levels=2, group_size=3, motion="tiny", reconstruction="direct",
)  # fmt: skip
TINY_CLEAN_UP = CleanUpConfig(channels=8, blocks=1)
DENOISE_CARD = """
[denoise]
default = {default}
clean_up = "own.safetensors"
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


def make_clean_up(seed=0):
    """All of it is random, what starts as zero too."""
    torch.manual_seed(seed)
    clean_up = CleanUp(TINY_CLEAN_UP).eval().requires_grad_(False)
    clean_up.last.weight.normal_(std=0.2)
    return clean_up


def with_clean_up(network, denoise=0.5, seed=0):
    """`network` itself, which cleans its frames from now on."""
    network.clean_up, network.denoise = make_clean_up(seed).to(network.dtype), denoise
    return network


def write_denoise_models(folder, default=0.75, config=TINY):
    """noisy.safetensors, its card, and own.safetensors, its clean-up; returns the path of the first."""
    save_model(make_pair(config)[0], folder / "noisy.safetensors", dtype=torch.float32)
    save_clean_up(make_clean_up(), folder / "own.safetensors")
    (folder / "noisy.toml").write_text(DENOISE_CARD.format(default=default))
    return folder / "noisy.safetensors"
