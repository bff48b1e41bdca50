"""Where training starts: random weights that learn at once, or a bidirectional TCNet that computes exactly
what a trained BasicVSR computes.

The bidirectional TCNet contains BasicVSR: the same motion network, a backward and a forward recurrence over
[x_i, warped state], the same fusion and upsampler. Every part that BasicVSR lacks ends in a layer that is
zero at first, so the network begins at BasicVSR's accuracy and training can only add to it.
"""

import torch
from torch import Tensor, nn

from tcnet.evaluation.methods.basicvsr import BasicVSR
from tcnet.network import TCNet
from tcnet.network.layers import NEGATIVE_SLOPE, ResidualTrunk, zero_last
from tcnet.network.reconstruction import Reconstruction

_FRAME = slice(3, 6)  # of the first 9 channels: h_{i-1}, x_i, h_{i+1}


def embed_basicvsr(model: TCNet, source: BasicVSR) -> None:
    """Set all of `model`'s weights so that it equals `source` on every clip.

    Raises ValueError where the topology or the widths differ.
    """
    config = model.config
    blocks = len(source.backward_trunk.blocks)
    if config.propagation != "bidirectional":
        raise ValueError(f"only a bidirectional TCNet contains BasicVSR, this is {config.propagation!r}")
    if (config.channels, config.propagation_blocks, config.refinement_blocks) != (
        source.channels,
        blocks,
        blocks,
    ):
        raise ValueError(
            f"TCNet has {config.channels} channels, {config.propagation_blocks} + {config.refinement_blocks} "
            f"blocks, BasicVSR {source.channels} and {blocks} + {blocks}"
        )
    if config.motion != "spynet":
        raise ValueError(f"BasicVSR's motion is by the whole SPyNet, this is {config.motion!r}")
    if not isinstance(model.reconstruction, Reconstruction):
        raise ValueError(f"BasicVSR's reconstruction is 'full', this is {config.reconstruction!r}")
    model.motion.spynet.load_state_dict(source.spynet.state_dict())
    _embed_trunk(model.propagation.trunk, source.backward_trunk)
    _embed_trunk(model.refinement.trunk, source.forward_trunk)
    tail = model.reconstruction
    tail.fuse.load_state_dict(source.fusion.state_dict())
    tail.conv.load_state_dict(source.conv_hr.state_dict())
    tail.last.load_state_dict(source.conv_last.state_dict())
    _embed_upsampler(tail.up1, source.upconv1)
    _embed_upsampler(tail.up2, source.upconv2)
    for layer in (*model.stability.alignment, *model.stability.matching):
        zero_last(layer.last)
    for pyramid in model.fusion.stages:
        zero_last(pyramid.last)


def prepare_from_scratch(model: TCNet) -> None:
    """Initial weights that learn at once: features keep their size up to the last layer, and that adds
    nothing to the bilinear base at first. (torch's default shrinks them with each convolution, so that the
    tail learns a constant colour for hundreds of steps.)
    """
    tail = model.reconstruction
    entries = (model.propagation.trunk.entry.conv, model.refinement.trunk.entry.conv)
    inner = (tail.up1, tail.up2, tail.conv) if isinstance(tail, Reconstruction) else ()
    for conv in (*entries, tail.fuse, *inner):
        nn.init.kaiming_normal_(conv.weight, a=NEGATIVE_SLOPE)
        assert conv.bias is not None
        nn.init.zeros_(conv.bias)
    zero_last(tail.last)


def _embed_upsampler(conv: nn.Conv2d, source: nn.Conv2d) -> None:
    """Reorder the outputs from torch's pixel shuffle (C, row, column) to ours (row, column, C)."""
    conv.load_state_dict(
        {
            key: value.unflatten(0, (-1, 4)).transpose(0, 1).flatten(0, 1)
            for key, value in source.state_dict().items()
        }
    )


@torch.no_grad()
def _embed_trunk(trunk: ResidualTrunk, source: ResidualTrunk) -> None:
    """The published entry reads [x_i, state]; ours [h_{i-1}, x_i, h_{i+1}, features of the frame, state]."""
    trunk.blocks.load_state_dict(source.blocks.state_dict())
    published: Tensor = source.entry.conv.weight
    weight = trunk.entry.conv.weight
    channels = published.shape[1] - 3
    weight.zero_()
    weight[:, _FRAME] = published[:, :3]
    weight[:, -channels:] = published[:, 3:]
    assert trunk.entry.conv.bias is not None
    assert source.entry.conv.bias is not None
    trunk.entry.conv.bias.copy_(source.entry.conv.bias)
