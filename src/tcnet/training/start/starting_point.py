"""The network of a run with its initial weights, and which of its parameters are new to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tcnet.catalogue import weights_path
from tcnet.errors import UsageError
from tcnet.evaluation.methods.basicvsr import BASICVSR_FILES, find_basicvsr, load_basicvsr
from tcnet.models import load_clean_up, load_own_weights
from tcnet.network import TCNet
from tcnet.network.clean_up import CleanUp, CleanUpConfig
from tcnet.training.config import StartOptions, TrainingConfig, network_config
from tcnet.training.start.initialise import embed_basicvsr, prepare_from_scratch
from tcnet.training.start.shrinking import check_smaller, shrink

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


def starting_network(
    config: TrainingConfig,
    clips: Callable[[], Tensor] | None = None,
    report: Callable[[str], None] | None = None,
) -> TCNet | CleanUp:
    """The network in float32 with its initial weights.

    clips: gives LR clips of training samples (B, T, 3, H, W) in [0, 1], which a start that shrinks needs;
    report: told how near to the larger network it came. Raises UsageError where the start does not fit the
    network, MediaError for unreadable weights.
    """
    shape = network_config(config.network)
    start = config.start.model
    torch.manual_seed(config.seed)
    if isinstance(shape, CleanUpConfig):
        return _starting_clean_up(shape, start)
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
    network = load_own_weights(start)
    if config.start.shrink:
        if clips is None:
            raise UsageError("a start that shrinks needs the run's clips; train instead")
        return _shrunk(config.start, network, TCNet(shape), clips(), report)
    if network.config != shape:
        raise UsageError(
            f"start.from = {start!r} holds another network than [network] describes: {network.config}"
        )
    return network.train().requires_grad_(True)


def _starting_clean_up(shape: CleanUpConfig, start: str) -> CleanUp:
    if start == SCRATCH:
        return CleanUp(shape)
    clean_up = load_clean_up(weights_path(Path(start)))
    if clean_up.config != shape:
        raise UsageError(
            f"start.from = {start!r} holds another clean-up than [network] describes: {clean_up.config}"
        )
    return clean_up.train().requires_grad_(True)


def _shrunk(
    start: StartOptions, large: TCNet, small: TCNet, clips: Tensor, report: Callable[[str], None] | None
) -> TCNet:
    try:
        check_smaller(large.config, small.config)
    except ValueError as error:
        raise UsageError(f"start.from = {start.model!r}: {error}") from error
    if small.config.motion != large.config.motion:
        if not start.flow and small.config.motion == "tiny":
            raise UsageError("start.shrink: tiny motion is taken from another model; name it as start.flow")
        _take_flow(small, start.flow or start.model)
    device = clips.device
    for network in (large, small):
        network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    shrink(large, small, clips, start.shrink_steps, report)
    return small.train().requires_grad_(True)


def _take_flow(network: TCNet, name: str) -> None:
    """The small form of SPyNet takes the finest level of a whole one."""
    if name in BASICVSR_FILES:
        spynet, kind = load_basicvsr(find_basicvsr(name)).spynet, "spynet"
    else:
        source = load_own_weights(name)
        spynet, kind = source.motion.spynet, source.config.motion
    taken = network.motion.spynet
    if "tiny" in (kind, network.config.motion) and kind != network.config.motion:
        raise UsageError(
            f"start.flow = {name!r}: its motion is {kind!r}, network.motion {network.config.motion!r}; "
            "scripts/shrink_motion.py makes 'tiny' of 'small'"
        )
    if len(spynet.levels) < len(taken.levels):
        raise UsageError(
            f"start.flow = {name!r}: its motion is of the small form, network.motion is 'spynet'"
        )
    if len(taken.levels) == 1:
        taken.levels[0].load_state_dict(spynet.levels[-1].state_dict())
    else:
        taken.load_state_dict(spynet.state_dict())


def divide(network: TCNet | CleanUp, start: str) -> Parts:
    """Parts by what BasicVSR has; a network from scratch is all new, but for its motion network, and so is
    any clean-up."""
    named = dict(network.named_parameters())
    flow = {name: parameter for name, parameter in named.items() if name.startswith("motion.spynet.")}
    if start == SCRATCH or isinstance(network, CleanUp):
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
