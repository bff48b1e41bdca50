"""The network of a run with its initial weights, and which of its parameters are new to them."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tcnet.errors import UsageError
from tcnet.evaluation.peers import BASICVSR_FILES, find_basicvsr, load_basicvsr
from tcnet.models import load_model
from tcnet.network import TCNet
from tcnet.network.propagation import Motion
from tcnet.training.config import TrainingConfig, network_config
from tcnet.training.initialise import embed_basicvsr, prepare_from_scratch

SCRATCH = "scratch"
# Their first convolutions read [h_{i-1}, x_i, h_{i+1}, (features), state], of which BasicVSR has x_i and the
# state.
_ENTRIES = ("propagation.trunk.entry.conv.weight", "refinement.trunk.entry.conv.weight")
_FRAME = slice(3, 6)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parameters of a network by name, in groups that learn at rates of their own.

    imported_inputs: of weights in `new`, a mask over their input channels that is True where they were
    imported all the same: the first convolutions of the trunks are partly new, partly imported.
    """

    new: Mapping[str, nn.Parameter]
    imported: Mapping[str, nn.Parameter]
    flow: Mapping[str, nn.Parameter]
    imported_inputs: Mapping[str, Tensor]


def starting_network(config: TrainingConfig) -> TCNet:
    """The network in float32 with its initial weights.

    Raises UsageError where the start does not fit the network, MediaError for unreadable weights.
    """
    shape = network_config(config.network)
    start = config.start.model
    torch.manual_seed(config.seed)
    if start == SCRATCH:
        network = TCNet(shape)
        prepare_from_scratch(network)
        if config.start.flow:
            _take_flow(network, config.start.flow)
        return network
    if start in BASICVSR_FILES:
        network = TCNet(shape)
        try:
            embed_basicvsr(network, load_basicvsr(find_basicvsr(start)))
        except ValueError as error:
            raise UsageError(f"start.from = {start!r} does not fit [network]: {error}") from error
        return network
    network = load_model(start)
    if network.config != shape:
        raise UsageError(
            f"start.from = {start!r} holds another network than [network] describes: {network.config}"
        )
    return network.train().requires_grad_(True)


def load_motion(name: str) -> Motion:
    """The motion network of a model. name: as `start.from`. Raises like `starting_network`."""
    if name not in BASICVSR_FILES:
        return load_model(name).motion
    motion = Motion("spynet")
    assert motion.spynet is not None
    motion.spynet.load_state_dict(load_basicvsr(find_basicvsr(name)).spynet.state_dict())
    return motion


def _take_flow(network: TCNet, name: str) -> None:
    motion = load_motion(name)
    if (motion.spynet is None) != (network.motion.spynet is None):
        kinds = ["SPyNet" if m.spynet is not None else "SmallFlow" for m in (motion, network.motion)]
        raise UsageError(
            f"start.flow = {name!r}: its motion network is a {kinds[0]}, network.motion a {kinds[1]}"
        )
    network.motion.load_state_dict(motion.state_dict())


def divide(network: TCNet, start: str, *, motion_alone: bool = False) -> Parts:
    """Parts by what BasicVSR has; a network from scratch is all new, but for its motion network.

    motion_alone: its motion network is all there is, and new.
    """
    named = dict(network.named_parameters())
    if motion_alone:
        return Parts({name: value for name, value in named.items() if name.startswith("motion.")}, {}, {}, {})
    # A motion network of our own has no published weights to be kept close to.
    flow = {name: parameter for name, parameter in named.items() if name.startswith("motion.spynet.")}
    if start == SCRATCH:
        return Parts({name: named[name] for name in named if name not in flow}, {}, flow, {})
    new = {
        name: parameter
        for name, parameter in named.items()
        if name.startswith(("stability.", "fusion.")) or name in _ENTRIES
    }
    imported = {name: parameter for name, parameter in named.items() if name not in new and name not in flow}
    masks = {name: _imported_inputs(named[name], network.config.channels) for name in _ENTRIES}
    return Parts(new, imported, flow, masks)


def _imported_inputs(weight: Tensor, channels: int) -> Tensor:
    mask = torch.zeros(weight.shape[1], dtype=torch.bool)
    mask[_FRAME] = True
    mask[-channels:] = True  # the warped state
    return mask
