from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from tcnet.network.flow import SPyNet, halved, shared_flow, warp
from tcnet.network.propagation import Motion


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (1, 0), (0, 2), (-2, 1)])
def test_warping_by_whole_pixels_moves_the_picture(dx, dy):
    source = torch.rand(1, 3, 12, 15)
    flow = torch.tensor([dx, dy], dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, 12, 15)
    warped = warp(source, flow)
    inside = slice(3, -3)
    expected = torch.roll(source, (-dy, -dx), dims=(2, 3))
    torch.testing.assert_close(warped[..., inside, inside], expected[..., inside, inside], atol=1e-5, rtol=0)


def test_half_a_pixel_is_the_mean_of_two():
    source = torch.rand(1, 1, 8, 8)
    flow = torch.zeros(1, 2, 8, 8)
    flow[:, 0] = 0.5
    torch.testing.assert_close(warp(source, flow)[..., :-1], (source[..., :-1] + source[..., 1:]) / 2)


@pytest.mark.parametrize(("mode", "outside"), [("zeros", 0.0), ("border", 1.0)])
def test_what_lies_outside(mode, outside):
    warped = warp(torch.ones(1, 1, 8, 8), torch.full((1, 2, 8, 8), 100.0), padding_mode=mode)
    assert torch.equal(warped, torch.full_like(warped, outside))


@torch.inference_mode()
@pytest.mark.parametrize("channels", [3, 16])
def test_where_the_motion_is_not_a_number_the_result_is_none(channels):
    flow = torch.zeros(1, 2, 8, 8)
    flow[0, 0, 2, 3], flow[0, 1, 5, 6] = float("nan"), float("inf")
    warped = warp(torch.ones(1, channels, 8, 8), shared_flow(flow))
    assert not torch.isfinite(warped[0, :, 2, 3]).any()
    assert torch.isfinite(warped).sum() >= channels * 62
    assert (warped[0, :, 7, 7] == 1).all()


def test_half_precision_features_are_sampled_at_exact_positions():
    source = torch.arange(400.0).expand(1, 1, 16, 400).to(torch.bfloat16)
    flow = torch.zeros(1, 2, 16, 400)
    flow[:, 0] = 1.0  # in bfloat16, position 300 + 1 could not be told from 300
    warped = warp(source, flow)
    assert warped.dtype == torch.bfloat16
    assert torch.equal(warped[..., :-1], source[..., 1:])


def test_untrained_flow_is_defined_at_every_size_and_in_pixels():
    network = SPyNet().eval()
    for level in network.levels[:-1]:
        torch.nn.init.zeros_(level[-1].weight)
        torch.nn.init.zeros_(level[-1].bias)
    # Only the last level gives anything: a constant of (3, -2) pixels at the padded size.
    torch.nn.init.zeros_(network.levels[-1][-1].weight)
    network.levels[-1][-1].bias.data = torch.tensor([3.0, -2.0])
    with torch.inference_mode():
        for height, width in ((32, 64), (33, 47), (16, 16)):
            flow = network(torch.rand(1, 3, height, width), torch.rand(1, 3, height, width))
            padded = (-(-height // 32) * 32, -(-width // 32) * 32)
            expected = torch.tensor([3.0 * width / padded[1], -2.0 * height / padded[0]])
            torch.testing.assert_close(flow.mean(dim=(0, 2, 3)), expected, atol=1e-4, rtol=0)


def test_half_the_size_weighs_four_by_four_pixels():
    frames = torch.rand(2, 3, 8, 12)
    weights = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    around = F.pad(frames, (1, 1, 1, 1), mode="replicate").unfold(2, 4, 2).unfold(3, 4, 2)
    torch.testing.assert_close(halved(frames), torch.einsum("nchwij,i,j->nchw", around, weights, weights))


def test_a_shared_level_adds_its_correction_at_every_size():
    network = SPyNet(3, shared=True, finest=2).eval()
    (level,) = network.levels
    torch.nn.init.zeros_(level[-1].weight)
    level[-1].bias.data = torch.tensor([1.0, -0.5])
    assert network.stride == 8
    with torch.inference_mode():
        for height, width in ((32, 64), (33, 47)):
            flow = network(torch.rand(2, 3, height, width), torch.rand(2, 3, height, width))
            # 8, 4 and 2 pixels for each of the three sizes' steps, less what the frame was enlarged by.
            scale = torch.tensor([width / (-(-width // 8) * 8), height / (-(-height // 8) * 8)])
            expected = 14 * torch.tensor([1.0, -0.5]) * scale
            assert flow.shape == (2, 2, height, width)
            torch.testing.assert_close(flow.mean(dim=(0, 2, 3)), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("small", "closer"), [(False, 0.2), (True, 0.35)])
def test_the_flow_of_a_trained_network_brings_the_neighbour_onto_the_reference(small, closer):
    from tcnet.models import load_model

    spynet = load_model("tcnet-bi").motion.spynet
    if small:
        published, spynet = spynet, SPyNet(4, shared=True, finest=2).eval()
        spynet.levels[0].load_state_dict(published.levels[-1].state_dict())
    generator = torch.Generator().manual_seed(1)
    picture = F.interpolate(torch.rand(1, 3, 12, 16, generator=generator), size=(72, 104), mode="bicubic")
    picture = picture.clamp(0, 1)
    reference, neighbour = picture[..., 4:68, 4:100], picture[..., 2:66, 1:97]
    with torch.inference_mode():
        flow = spynet(reference, neighbour)
    # The neighbour's window lies 3 pixels further left and 2 further up: its content 3 right and 2 down.
    inside = flow[..., 16:-16, 16:-16].mean(dim=(0, 2, 3))
    torch.testing.assert_close(inside, torch.tensor([3.0, 2.0]), atol=0.2, rtol=0)
    error = (warp(neighbour, flow) - reference)[..., 8:-8, 8:-8].abs().mean()
    assert error < closer * (neighbour - reference)[..., 8:-8, 8:-8].abs().mean()


@pytest.mark.parametrize("mode", ["zeros", "border"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fast_gather_equals_grid_sample(mode, dtype):
    torch.manual_seed(0)
    source = torch.randn(2, 16, 13, 17).to(dtype).contiguous(memory_format=torch.channels_last)
    flow = 6 * torch.randn(2, 2, 13, 17)
    flow[0, :, 0, 0] = torch.tensor([1e9, -1e9])
    with torch.no_grad():
        fast = warp(source, flow, mode)
    slow = warp(source, flow, mode)  # with gradients
    assert fast.dtype == slow.dtype == dtype
    assert fast.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(fast, slow, atol=2e-5 if dtype == torch.float32 else 2e-2, rtol=1e-2)


@pytest.mark.parametrize("channels", [3, 16])
def test_a_shared_flow_warps_as_its_vectors_do(channels):
    torch.manual_seed(0)
    source, vectors = torch.rand(2, channels, 13, 17), 3 * torch.randn(2, 2, 13, 17)
    with torch.inference_mode():
        flow = shared_flow(vectors)
        assert flow.indices is not None
        assert torch.equal(warp(source, flow), warp(source, vectors))
    without_taps = shared_flow(vectors.requires_grad_())
    assert without_taps.indices is None
    warp(source, without_taps).sum().backward()
    assert vectors.grad is not None


def test_gradients_reach_the_source_and_the_flow():
    source = torch.rand(1, 3, 8, 8, requires_grad=True)
    flow = torch.full((1, 2, 8, 8), 0.3, requires_grad=True)
    warp(source, flow).square().sum().backward()
    assert source.grad.abs().max() > 0
    assert flow.grad.abs().max() > 0


@torch.inference_mode()
def test_both_ways_at_once_are_each_way_by_itself():
    torch.manual_seed(0)
    network = SPyNet(4, shared=True, finest=2)
    frames = torch.rand(3, 2, 3, 20, 37)  # three times of two clips
    to_later, to_earlier = network.both_ways(tuple(frames)).chunk(2)
    for i, (first, second) in enumerate(pairwise(frames)):
        there, back = (flows[2 * i : 2 * i + 2] for flows in (to_later, to_earlier))
        torch.testing.assert_close(there, network(first, second), atol=1e-4, rtol=0)
        torch.testing.assert_close(back, network(second, first), atol=1e-4, rtol=0)


def test_tiny_motion_has_a_third_of_the_operations_of_small():
    small, tiny = (
        sum(p.numel() for p in Motion(kind).parameters() if p.dim() == 4) for kind in ("small", "tiny")
    )
    assert 0.25 < tiny / small < 0.33
