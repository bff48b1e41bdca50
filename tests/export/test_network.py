"""An exported network does what the network does: in any size, clips of any length, and as a stream."""

import pytest
import torch

from tcnet.export import open_export
from tcnet.export.parity import TOLERANCE, measure_parity, moving_clip

KINDS = ("bidirectional", "forward", "narrow", "lite")


@pytest.fixture(scope="module", params=KINDS)
def both(request, networks, exports):
    """(network, its export in onnxruntime)."""
    return networks[request.param], open_export(exports[request.param], "onnxruntime")


def largest_difference(found, expected):
    assert found.shape == expected.shape
    return (found - expected).abs().max().item()


@pytest.mark.parametrize(
    ("height", "width", "length"),
    [(16, 16, 3), (17, 31, 1), (25, 40, 2), (33, 19, 5), (32, 16, 9)],
)
def test_pictures_are_those_of_the_network(both, height, width, length):
    network, exported = both
    clip = moving_clip(length, height, width)
    with torch.inference_mode():
        expected = network(clip)
    found = exported(clip)
    assert found.dtype == torch.float32
    assert largest_difference(found, expected) < TOLERANCE / 5
    base = torch.nn.functional.interpolate(clip[0], scale_factor=4, mode="bilinear")
    assert (expected[0] - base).abs().mean() > 0.01  # the graphs do the work, not the base


def test_frames_before_the_start_are_context(both):
    network, exported = both
    clip = moving_clip(6, 18, 21)
    with torch.inference_mode():
        expected = torch.stack(list(network.frames(clip, 4)))
    assert len(expected) == 2
    assert largest_difference(torch.stack(list(exported.frames(clip, 4))), expected) < TOLERANCE


def test_what_the_pipeline_asks_of_a_network_is_there(both):
    network, exported = both
    for name in ("scale", "minimum_size", "spatial_multiple"):
        assert getattr(exported, name) == getattr(network, name)
    for name in ("propagation", "group_size", "channels"):
        assert getattr(exported.config, name) == getattr(network.config, name)
    weights = sum(value.numel() * 4 for value in network.parameters())
    assert weights < exported.weight_bytes < weights + 2**20


@pytest.mark.parametrize("name", ["forward", "lite"])
@pytest.mark.parametrize("pieces", [(1,) * 8, (3, 0, 5), (8,)])
def test_a_stream_gives_the_frames_of_the_clip(networks, exports, name, pieces):
    exported = open_export(exports[name], "onnxruntime")
    clip = moving_clip(8, 19, 22)
    state, given, taken = None, [], 0
    for size in pieces:
        pictures, state = exported.stream(clip[:, taken : taken + size], state)
        given.append(pictures)
        taken += size
        assert taken - sum(part.shape[1] for part in given) <= networks[name].delay
    pictures, state = exported.stream(clip[:, :0], state, last=True)
    found = torch.cat([*given, pictures], dim=1)
    assert torch.equal(found, exported(clip))
    with torch.inference_mode():
        assert largest_difference(found, networks[name](clip)) < TOLERANCE


def test_a_large_frame_is_reconstructed_in_strips(networks, exports, monkeypatch):
    exported = open_export(exports["bidirectional"], "onnxruntime")
    clip = moving_clip(1, 53, 20)
    whole = exported(clip)
    monkeypatch.setattr("tcnet.export.network.STRIP_PIXELS", 20 * 9)
    assert largest_difference(exported(clip), whole) < 1e-6


@pytest.mark.parametrize(
    ("shape", "error", "message"),
    [
        ((1, 2, 3, 15, 20), ValueError, "at least 16 pixels a side, got 20x15"),
        ((2, 2, 3, 20, 20), ValueError, r"shape \(1, T >= 1, 3, H, W\), got \(2, 2, 3, 20, 20\)"),
        ((1, 0, 3, 20, 20), ValueError, "T >= 1"),
        ((1, 2, 4, 20, 20), ValueError, "got"),
    ],
)
def test_other_clips_are_refused(exports, shape, error, message):
    exported = open_export(exports["bidirectional"], "onnxruntime")
    with pytest.raises(error, match=message):
        exported(torch.rand(shape))
    with pytest.raises(TypeError, match=r"uint8"):
        exported(torch.zeros(1, 2, 3, 20, 20, dtype=torch.uint8))
    with pytest.raises(ValueError, match="'bidirectional'"):
        exported.stream(torch.rand(1, 1, 3, 20, 20))


def test_parity_sees_a_change_of_one_weight(networks, exports):
    network = networks["bidirectional"]
    exported = open_export(exports["bidirectional"], "onnxruntime")
    options = {"sizes": ((20, 24),), "clip_lengths": (3,)}
    assert measure_parity(network, exported, **options).max_abs_error < TOLERANCE / 5
    weight, bias = network.refinement.trunk.blocks[0].conv1.weight, network.reconstruction.last.bias
    before = weight.clone(), bias.clone()
    weight[3, :, 1, 1] += 0.1
    changed = measure_parity(network, exported, **options)
    bias[1] = torch.nan
    broken = measure_parity(network, exported, **options)
    weight.copy_(before[0])
    bias.copy_(before[1])
    assert changed.max_abs_error > TOLERANCE
    assert broken.max_abs_error == float("inf")
    assert broken.runtime.startswith("onnxruntime ")
