import dataclasses
from itertools import pairwise

import pytest
import torch

from tcnet.network import CONFIGS, TCNet, TCNetConfig
from tcnet.network.flow import warp


@torch.inference_mode()
@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 47), (40, 18)])
@pytest.mark.parametrize("frames", [1, 2, 5])
def test_any_length_and_size_with_the_same_weights(tcnet, size, frames):
    sr = tcnet(torch.rand(2, frames, 3, *size))
    assert sr.shape == (2, frames, 3, 4 * size[0], 4 * size[1])
    assert sr.dtype == torch.float32
    assert torch.isfinite(sr).all()


@torch.inference_mode()
def test_clips_of_a_batch_do_not_touch_each_other(tcnet):
    clips = torch.rand(2, 5, 3, 20, 24)
    both = tcnet(clips)
    for i in (0, 1):
        torch.testing.assert_close(tcnet(clips[i : i + 1])[0], both[i], atol=1e-5, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("frames", [1, 2, 5, 13])
@pytest.mark.parametrize("piece", [1, 3])
def test_streaming_equals_the_whole_clip(forward_tcnet, frames, piece):
    clip = torch.rand(1, frames, 3, 18, 35)
    whole = forward_tcnet(clip)
    state, parts, received, emitted = None, [], 0, 0
    for start in range(0, frames, piece):
        lr_frames = clip[:, start : start + piece]
        received += lr_frames.shape[1]
        sr, state = forward_tcnet.stream(lr_frames, state, last=received == frames)
        parts.append(sr)
        emitted += sr.shape[1]
        assert received - emitted <= forward_tcnet.delay
    assert emitted == frames
    assert (torch.cat(parts, dim=1) - whole).abs().max() <= 1e-5


@torch.inference_mode()
@pytest.mark.parametrize("frames", [6, 5, 3, 2, 1])
def test_the_forward_network_computes_the_papers_stages_one_after_the_other(forward_tcnet, frames):
    """Whole clip by whole clip, written without the loops that streams and clips share. The first group is
    run in: its frames after the first come before it, too, backward in time."""
    network, clip = forward_tcnet, torch.rand(1, frames, 3, 18, 35)
    run_in = min(frames, 4) - 1
    numbers = [*range(run_in, 0, -1), *range(frames)]

    def on_it(number, neighbour):
        """A frame's neighbour warped onto it, and the flow to it."""
        if not 0 <= neighbour < frames:
            return clip[:, number], None
        flow, _ = network.motion((clip[:, number], clip[:, neighbour])).chunk(2)
        return warp(clip[:, neighbour], flow), flow

    around, to_previous = [], []
    for position, number in enumerate(numbers):
        frame = clip[:, number]
        # Time runs backward up to the first frame, which has its successor on either side.
        before = number + 1 if position <= run_in > 0 else number - 1
        after = number - 1 if position < run_in else number + 1
        (h_before, flow), (h_after, _) = (on_it(number, neighbour) for neighbour in (before, after))
        around.append(torch.cat((h_before, frame, h_after), dim=1))
        to_previous.append(flow)
    g = []
    for frames_around, flow in zip(around, to_previous, strict=True):
        g.append(network.propagation(frames_around, g[-1] if g else None, flow))
    g = g[run_in:]
    fused = []
    for group in filter(None, (g[:4], g[4:])):
        g_sa, g_cm = network.stability(group)
        fused += [network.fusion(*branches) for branches in zip(group, g_sa, g_cm, strict=True)]
    refined, pictures = None, []
    for position, number in enumerate(numbers):
        extra = (fused[number],)
        refined = network.refinement(around[position], refined, to_previous[position], extra=extra)
        if position >= run_in:
            pictures.append(network.reconstruction(fused[number], refined, clip[:, number]))
    assert (torch.stack(pictures, dim=1) - network(clip)).abs().max() <= 1e-5


@torch.inference_mode()
def test_a_stream_may_end_with_no_further_frame(forward_tcnet):
    clip = torch.rand(1, 6, 3, 16, 16)
    first, state = forward_tcnet.stream(clip)
    rest, _ = forward_tcnet.stream(clip[:, :0], state, last=True)
    assert (torch.cat((first, rest), dim=1) - forward_tcnet(clip)).abs().max() <= 1e-5


@torch.inference_mode()
def test_the_stream_holds_a_bounded_number_of_frames(forward_tcnet):
    state = None
    for _ in range(23):
        _, state = forward_tcnet.stream(torch.rand(1, 1, 3, 16, 16), state)
        assert len(state.frames) <= forward_tcnet.config.group_size


def dependencies(network, frames, output):
    """The input frames that output frame `output` depends on, found by gradients."""
    clip = torch.rand(1, frames, 3, 16, 16, requires_grad=True)
    sr = network(clip)[:, output]
    (sr - sr.detach().mean()).square().sum().backward()
    touched = clip.grad.abs().sum(dim=(0, 2, 3, 4)) > 0
    return [i for i in range(frames) if touched[i]]


def test_each_output_of_the_forward_network_sees_its_past_and_little_of_the_future(forward_tcnet):
    frames = 10
    for output, newest in ((0, 4), (3, 4), (4, 8), (7, 8), (9, 9)):
        # The group that the frame is in, and the frame after it; everything before.
        assert dependencies(forward_tcnet, frames, output) == list(range(newest + 1))


def test_each_output_of_the_bidirectional_network_sees_the_whole_clip(bidirectional_tcnet):
    for output in (0, 4, 6):
        assert dependencies(bidirectional_tcnet, 7, output) == list(range(7))


@torch.inference_mode()
def test_outputs_lie_on_their_own_frames_in_time(tcnet):
    # A frame unlike all others: without training its output is, above all, that frame upsampled.
    clip = torch.zeros(1, 7, 3, 16, 16)
    clip[:, 2] = 1.0
    assert tcnet(clip).mean(dim=(0, 2, 3, 4)).argmax() == 2


@torch.inference_mode()
def test_the_bidirectional_recurrences_run_in_opposite_directions(bidirectional_tcnet):
    network = bidirectional_tcnet
    clip = torch.rand(1, 6, 3, 16, 16)
    changed = clip.clone()
    changed[:, 3] = 1 - changed[:, 3]
    propagated = []
    network.propagation.register_forward_hook(lambda _, __, state: propagated.append(state))
    network(clip)
    network(changed)
    moved = [bool((a - b).abs().max() > 0) for a, b in zip(propagated[:6], propagated[6:], strict=True)]
    assert moved == [False] + [True] * 5  # backward: not frame 5; frame 4, its neighbour, and all before


def test_gradient_reaches_every_parameter(tcnet):
    tcnet.train()
    tcnet(torch.rand(1, 5, 3, 40, 40)).square().mean().backward()
    without = [
        name
        for name, parameter in tcnet.named_parameters()
        if parameter.grad is None or not parameter.grad.abs().max() > 0
    ]
    assert not without


@torch.inference_mode()
def test_frames_yields_what_forward_stacks(tcnet):
    clip = torch.rand(1, 3, 3, 16, 20)
    assert torch.equal(torch.stack(list(tcnet.frames(clip)), dim=1), tcnet(clip))


@torch.inference_mode()
def test_bfloat16_stays_close_to_float32(tcnet):
    clip = torch.rand(1, 5, 3, 24, 24)
    exact = tcnet(clip)
    assert (tcnet.to(torch.bfloat16)(clip) - exact).abs().max() < 0.03


def test_the_papers_configuration_builds_and_runs():
    network = TCNet(CONFIGS["paper"]).eval()
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert 6.5 < millions < 6.7  # docs/architecture.md explains the difference to the published 9.6
    with torch.inference_mode():
        assert network(torch.rand(1, 2, 3, 16, 16)).shape == (1, 2, 3, 64, 64)


@pytest.mark.parametrize(
    ("clip", "error", "message"),
    [
        (torch.zeros(1, 2, 3, 16, 16, dtype=torch.uint8), TypeError, "uint8"),
        (torch.zeros(2, 3, 16, 16), ValueError, r"\(2, 3, 16, 16\)"),
        (torch.zeros(1, 0, 3, 16, 16), ValueError, r"\(1, 0, 3, 16, 16\)"),
        (torch.zeros(1, 2, 4, 16, 16), ValueError, r"\(1, 2, 4, 16, 16\)"),
        (torch.zeros(1, 2, 3, 15, 40), ValueError, "40x15"),
    ],
)
def test_wrong_clips_are_refused_with_their_value(tcnet, clip, error, message):
    with pytest.raises(error, match=message):
        tcnet(clip)


def test_only_the_forward_network_streams(bidirectional_tcnet):
    with pytest.raises(ValueError, match="bidirectional"):
        bidirectional_tcnet.stream(torch.rand(1, 1, 3, 16, 16))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("propagation", "sideways"),
        ("channels", 20),
        ("alignment_window", 30),
        ("matching_window", 15),
        ("stability_stride", 0),
        ("block_width", -1),
        ("doubled_width", 65),
        ("fourfold_width", 80),
    ],
)
def test_impossible_configurations_are_refused_with_their_value(field, value):
    with pytest.raises(ValueError, match=str(value)):
        TCNet(dataclasses.replace(TCNetConfig(), **{field: value}))


@torch.inference_mode()
def test_frames_before_the_start_are_context_only(tcnet):
    clip = torch.rand(1, 5, 3, 16, 20)
    assert torch.equal(torch.stack(list(tcnet.frames(clip, start=3)), dim=1), tcnet(clip)[:, 3:])


@torch.inference_mode()
def test_motion_of_several_pairs_at_once_is_that_of_each(tcnet, monkeypatch):
    torch.manual_seed(0)
    frames = torch.rand(5, 1, 3, 20, 37).unbind()
    monkeypatch.setattr("tcnet.network.tcnet.OBSERVED_PIXELS", 2 * 20 * 37)
    pairs = tcnet.observe_all(frames)
    assert len(pairs) == 4
    for pair, (first, second) in zip(pairs, pairwise(frames), strict=True):
        alone = tcnet.observe(first, second)
        for found, wanted in zip(pair[:2], alone[:2], strict=True):
            torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
        for found, wanted in zip(pair[2:], alone[2:], strict=True):
            torch.testing.assert_close(found.vectors, wanted.vectors, atol=1e-4, rtol=0)


@torch.inference_mode()
def test_coarse_fusion_fuses_the_branches_on_their_own_grid():
    config = dataclasses.replace(CONFIGS["lite"], channels=16, propagation_blocks=1, refinement_blocks=1)
    network = TCNet(config).eval()
    shapes = []
    network.fusion.stage_one.register_forward_hook(lambda _, inputs, output: shapes.append(output.shape))
    assert network(torch.rand(1, 2, 3, 17, 20)).shape == (1, 2, 3, 68, 80)
    assert shapes == [(1, 16, 9, 10)] * 2
    g = torch.rand(1, 16, 17, 20)
    g_sa, g_cm = torch.rand(2, 1, 16, 9, 10)
    branches = network.fusion.stage_one(g_cm, g_sa, residual=g_sa)
    repeated = branches.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)[..., :17, :]
    expected = network.fusion.stage_two(g, repeated, residual=g)
    torch.testing.assert_close(network.fusion(g, g_sa, g_cm), expected)
