"""A smaller network of a trained one, before it is trained: `start.shrink`.

Stage by stage in the order of computation, each on what the stages before it, already small, make of real
clips, and towards what the large network makes of them: blocks and channels that contribute most are kept,
the convolutions after a cut are fitted by least squares, and each part is trained alone for a moment. What is
not cut is copied. Choosing channels without a fit loses more than half an hour of training brings back.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.network import TCNet, TCNetConfig
from tcnet.network.layers import NEGATIVE_SLOPE, ResidualBlock, ResidualTrunk
from tcnet.network.propagation import RecurrentUnit
from tcnet.network.reconstruction import DirectReconstruction, Reconstruction, shuffle2
from tcnet.network.recurrence import Neighbourhood
from tcnet.training.start.refit import most_useful, refit, relative_error

RATE = 5e-4  # of a block alone
STAGE_RATE = 3e-4
BLOCK_FRAMES = 8  # seen in a step of a block
TAIL_FRAMES = 4  # the same of the reconstruction, whose maps are sixteen times as large
FITTED_TAIL_FRAMES = 16

SHRINKABLE = frozenset(
    {
        "propagation_blocks",
        "refinement_blocks",
        "block_width",
        "alignment_depth",
        "alignment_window",
        "matching_depth",
        "matching_window",
        "matching_pool",
        "stability_stride",
        "coarse_fusion",
        "fusion_width",
        "fusion_levels",
        "motion",
        "doubled_width",
        "fourfold_width",
    }
)
"""What may differ between both networks."""
_COUNTS = (
    "propagation_blocks",
    "refinement_blocks",
    "block_width",
    "alignment_depth",
    "matching_depth",
    "fusion_width",
    "fusion_levels",
    "doubled_width",
    "fourfold_width",
)

Report = Callable[[str], None]


def check_smaller(large: TCNetConfig, small: TCNetConfig) -> None:
    """ValueError where a network cannot be shrunk to the other."""
    for field in dataclasses.fields(TCNetConfig):
        ours, theirs = getattr(small, field.name), getattr(large, field.name)
        if field.name not in SHRINKABLE and ours != theirs:
            raise ValueError(f"{field.name} cannot be shrunk: it is {theirs!r}, [network] says {ours!r}")
        if field.name in _COUNTS and _count(small, field.name) > _count(large, field.name):
            raise ValueError(f"{field.name} can only shrink: it is {theirs!r}, [network] says {ours!r}")


def _count(config: TCNetConfig, name: str) -> int:
    value: int = getattr(config, name)
    # Of widths 0 stands for all channels; blocks that are merged may grow wider than each of them was.
    return value or (config.channels if name.endswith("_width") else 0)


@torch.no_grad()
def shrink(large: TCNet, small: TCNet, clips: Tensor, steps: int, report: Report | None = None) -> None:
    """Set all of `small` but its motion, if that is of another kind, so that it computes nearly what `large`
    does.

    clips: (B, T, 3, H, W) in [0, 1], LR; steps: for which each block is trained alone, stages twice as many.
    Both networks in float32 on the clips' device. report: told what each stage came to. Raises ValueError
    where `check_smaller` does.
    """
    check_smaller(large.config, small.config)
    say = report or (lambda _: None)
    if small.config.motion == large.config.motion:
        small.motion.load_state_dict(large.motion.state_dict())
    frames = clips.unbind(1)
    theirs, ours = large.neighbourhoods(frames), small.neighbourhoods(frames)
    backward = large.config.propagation == "bidirectional"

    seen = _Passes(large.propagation, theirs, ours, backward=backward)
    error = _shrink_trunk(large.propagation.trunk, small.propagation.trunk, *seen.inputs(), steps)
    say(f"propagation: error {error:.3f} of its features' size")
    wanted_g, g = seen.states, _states(small.propagation, ours, backward=backward)

    size = large.config.group_size
    wanted_fused = [f for group in _groups(wanted_g, size) for f in large.stabilise(group)]
    _take_matching(small.stability, large.stability)
    _take_matching(small.fusion, large.fusion)
    if small.stability.state_dict().keys() != large.stability.state_dict().keys() or _differs(large, small):
        _train_stability(small, g, wanted_fused, 2 * steps)
    fused = [f for group in _groups(g, size) for f in small.stabilise(group)]
    say(f"stability and fusion: error {relative_error(fused, wanted_fused):.3f}")

    seen = _Passes(large.refinement, theirs, ours, wanted_fused, fused)
    error = _shrink_trunk(large.refinement.trunk, small.refinement.trunk, *seen.inputs(), steps)
    say(f"refinement: error {error:.3f}")
    refined = _states(small.refinement, ours, fused)
    error = _shrink_tail(
        large.reconstruction,
        small.reconstruction,
        [torch.cat(each) for each in (wanted_fused, seen.states, fused, refined)],
        2 * steps,
    )
    say(f"reconstruction: error {error:.3f}")


class _Passes:
    """What a trunk of the large network saw and gave at each frame, and what the small one sees instead: its
    own neighbourhoods and features, and the large one's state."""

    def __init__(
        self,
        unit: RecurrentUnit,
        theirs: Sequence[Neighbourhood],
        ours: Sequence[Neighbourhood],
        their_extra: Sequence[Tensor] = (),
        our_extra: Sequence[Tensor] = (),
        *,
        backward: bool = False,
    ) -> None:
        self.states = _states(unit, theirs, their_extra, backward=backward)
        self._large = _inputs(unit, theirs, their_extra, self.states, backward=backward)
        self._small = _inputs(unit, ours, our_extra, self.states, backward=backward)

    def inputs(self) -> tuple[Tensor, Tensor]:
        """Of the large trunk and of the small one, all frames in one batch."""
        return torch.cat(self._large), torch.cat(self._small)


def _states(
    unit: RecurrentUnit,
    around: Sequence[Neighbourhood],
    extra: Sequence[Tensor] = (),
    *,
    backward: bool = False,
) -> list[Tensor]:
    """Of all frames, in the order of time."""
    states: list[Tensor] = []
    order = list(enumerate(around))
    for i, each in reversed(order) if backward else order:
        flow = each.flow_to_next if backward else each.flow_to_previous
        before = states[-1] if states else None
        states.append(unit(each.frames, before, flow, extra[i : i + 1]))
    return states[::-1] if backward else states


def _inputs(
    unit: RecurrentUnit,
    around: Sequence[Neighbourhood],
    extra: Sequence[Tensor],
    states: Sequence[Tensor],
    *,
    backward: bool,
) -> list[Tensor]:
    """What the trunk reads at each frame beside the given states."""
    found = []
    for i, each in enumerate(around):
        flow = each.flow_to_next if backward else each.flow_to_previous
        place = i + 1 if backward else i - 1
        state = states[place] if 0 <= place < len(states) else None
        found.append(unit.joined(each.frames, state, flow, extra[i : i + 1]))
    return found


def _groups(features: Sequence[Tensor], size: int) -> Iterator[Sequence[Tensor]]:
    for first in range(0, len(features), size):
        yield features[first : first + size]


def _shrink_trunk(
    large: ResidualTrunk, small: ResidualTrunk, their_inputs: Tensor, our_inputs: Tensor, steps: int
) -> float:
    """Returns the error of the features."""
    small.entry.load_state_dict(large.entry.state_dict())
    wanted, x = large.entry(their_inputs), small.entry(our_inputs)
    for group, block in zip(_shared_out(list(large.blocks), len(small.blocks)), small.blocks, strict=True):
        assert isinstance(block, ResidualBlock)
        for each in group:
            wanted = each(wanted)
        if len(group) == 1 and group[0].conv1.weight.shape == block.conv1.weight.shape:
            block.load_state_dict(group[0].state_dict())
        else:
            _merge(group, block, x, wanted)
            _train(block, (x,), wanted, steps, RATE, BLOCK_FRAMES)
        x = block(x)
    return relative_error(x, wanted)


def _shared_out(blocks: Sequence[nn.Module], count: int) -> Iterator[list[ResidualBlock]]:
    """Neighbours in `count` groups as equal as can be."""
    for i in range(count):
        group = blocks[i * len(blocks) // count : (i + 1) * len(blocks) // count]
        yield [block for block in group if isinstance(block, ResidualBlock)]


def _merge(group: Sequence[ResidualBlock], block: ResidualBlock, x: Tensor, wanted: Tensor) -> None:
    """One block that does what several did: of their inner channels those that contribute most; both
    convolutions fitted, the second to all that is missing from `wanted`."""
    inner, outer, y = [], [], x
    for each in group:
        inner.append(each.conv1(y))
        outer.append(each.conv2.weight)
        y = y + each.conv2(F.relu(inner[-1]))
    before, following = torch.cat(inner, dim=1), torch.cat(outer, dim=1)
    kept = most_useful((F.relu(before),), following, block.conv1.out_channels)
    refit(block.conv1, x, before[:, kept])
    refit(block.conv2, F.relu(block.conv1(x)), wanted - x)


def _differs(large: TCNet, small: TCNet) -> bool:
    names = SHRINKABLE - {"motion", "propagation_blocks", "refinement_blocks", "block_width"}
    names -= {"doubled_width", "fourfold_width"}
    return any(getattr(large.config, name) != getattr(small.config, name) for name in names)


def _take_matching(small: nn.Module, large: nn.Module) -> None:
    """All tensors of the same name, cut to the smaller shape: their centre along axes of relative places,
    else the first channels."""
    theirs = large.state_dict()
    for name, ours in small.state_dict().items():
        given = theirs[name]
        for axis, length in enumerate(ours.shape):
            spare = given.shape[axis] - length
            centred = name.endswith("relative_bias")
            given = given.narrow(axis, spare // 2 if centred else 0, length)
        ours.copy_(given)


def _train_stability(small: TCNet, g: Sequence[Tensor], wanted: Sequence[Tensor], steps: int) -> None:
    """Stability and fusion alone, on groups of two clips."""
    parts = nn.ModuleList((small.stability, small.fusion)).requires_grad_(True)
    groups = list(zip(*(_groups(each, small.config.group_size) for each in (g, wanted)), strict=True))
    generator = torch.Generator().manual_seed(1)

    def loss() -> Tensor:
        seen, targets = groups[int(torch.randint(len(groups), (), generator=generator))]
        chosen = torch.randperm(len(seen[0]), generator=generator)[:2]
        found = small.stabilise([x[chosen] for x in seen])
        return F.mse_loss(torch.stack(found), torch.stack([x[chosen] for x in targets]))

    _descend(parts, loss, steps, STAGE_RATE)


def _train(
    module: nn.Module,
    inputs: Sequence[Tensor],
    wanted: Tensor,
    steps: int,
    rate: float,
    frames: int,
) -> None:
    """A module alone, from inputs (N, ...) to `wanted` (N, ...), by its mean square error."""
    generator = torch.Generator().manual_seed(1)

    def loss() -> Tensor:
        chosen = torch.randperm(len(wanted), generator=generator)[:frames]
        return F.mse_loss(module(*(x[chosen] for x in inputs)), wanted[chosen])

    _descend(module, loss, steps, rate)


def _descend(module: nn.Module, loss: Callable[[], Tensor], steps: int, rate: float) -> None:
    """Adam with a cosine down to zero."""
    optimiser = torch.optim.Adam(module.parameters(), lr=rate, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(1, steps))
    with torch.enable_grad():
        for _ in range(steps):
            optimiser.zero_grad()
            loss().backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimiser.step()
            schedule.step()


def _shrink_tail(
    large: Reconstruction | DirectReconstruction,
    small: Reconstruction | DirectReconstruction,
    features: Sequence[Tensor],
    steps: int,
) -> float:
    """features: fused and refined ones of the large network, then of the small one. Returns the error of what
    is added to the enlarged frame."""
    spread = torch.linspace(0, len(features[0]) - 1, min(FITTED_TAIL_FRAMES, len(features[0]))).long()
    their_fused, their_refined, fused, refined = (each[spread] for each in features)
    frame = fused.new_zeros((len(fused), 3, *fused.shape[-2:]))  # of which the enlarged picture is zero
    wanted = large(their_fused, their_refined, frame)
    if all(a.shape == b.shape for a, b in zip(large.parameters(), small.parameters(), strict=True)):
        small.load_state_dict(large.state_dict())
    else:
        assert isinstance(large, Reconstruction)
        assert isinstance(small, Reconstruction)
        _fit_tail(large, small, torch.cat((their_fused, their_refined), 1), torch.cat((fused, refined), 1))
        _train(small, (fused, refined, frame), wanted, steps, STAGE_RATE, TAIL_FRAMES)
    return relative_error(small(fused, refined, frame), wanted)


def _fit_tail(large: Reconstruction, small: Reconstruction, theirs: Tensor, ours: Tensor) -> None:
    """Layer after layer, each to what the large network's gives in the channels that are kept."""
    small.fuse.load_state_dict(large.fuse.state_dict())
    wanted, x = (_activated(small.fuse(each)) for each in (theirs, ours))
    layers = ("up1", "up2", "conv", "last")
    for name, following in zip(layers, (*layers[1:], ""), strict=True):
        conv, ours_conv = getattr(large, name), getattr(small, name)
        result = conv(wanted)
        shuffled = name.startswith("up")
        by = 4 if shuffled else 1
        wanted = shuffle2(_activated(result)) if shuffled else _activated(result)
        kept = torch.arange(result.shape[1])
        if ours_conv.out_channels < conv.out_channels:
            count = ours_conv.out_channels // by
            channels = most_useful((wanted,), getattr(large, following).weight, count)
            # The four pixels of a channel stay together: outputs are ordered (row, column, channel).
            kept = torch.cat([channels + i * (conv.out_channels // by) for i in range(by)])
        refit(ours_conv, x, result[:, kept])
        x = _activated(ours_conv(x))
        x = shuffle2(x) if shuffled else x


def _activated(x: Tensor) -> Tensor:
    return F.leaky_relu(x, NEGATIVE_SLOPE)
