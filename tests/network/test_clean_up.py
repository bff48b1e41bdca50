"""The clean-up by itself, and before a network: over whole clips, as a stream, in windows and ensembles."""

import copy

import pytest
import torch

from detail_models import make_clean_up, with_clean_up
from tcnet.network.clean_up import REACH, WINDOW, CleanUp, CleanUpConfig
from tcnet.network.counted_steps import counted_frames
from tcnet.network.ensemble import ENSEMBLES, SelfEnsemble


@torch.inference_mode()
def test_it_begins_by_taking_out_nothing():
    clip = torch.rand(2, 3, 3, 17, 22)
    assert torch.equal(CleanUp(CleanUpConfig(channels=8, blocks=2))(clip), clip)
    assert not torch.equal(make_clean_up()(clip), clip)


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 22), (18, 23), (19, 21), (1, 2)])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_frames_of_any_size_keep_it(height, width, count):
    clean_up, clip = make_clean_up(), torch.rand(2, count, 3, height, width)
    cleaned = clean_up(clip)
    assert cleaned.shape == clip.shape
    assert cleaned.dtype == torch.float32
    # Frame by frame, with the ends repeated.
    for i in range(count):
        places = [min(max(0, i + step), count - 1) for step in range(-REACH, REACH + 1)]
        torch.testing.assert_close(clean_up.middle(clip[:, places]), cleaned[:, i], atol=1e-6, rtol=0)


@torch.inference_mode()
def test_a_frame_depends_on_its_neighbours_up_to_its_reach_and_on_no_other():
    clean_up, clip = make_clean_up(), torch.rand(1, 9, 3, 16, 18)
    before = clean_up(clip)
    changed = clip.clone()
    changed[:, 4] = torch.rand(1, 3, 16, 18)
    difference = (clean_up(changed) - before).abs().amax((0, 2, 3, 4))
    assert [i for i in range(9) if difference[i] > 0] == list(range(4 - REACH, 4 + REACH + 1))


@torch.inference_mode()
def test_bf16_is_close_to_float32_and_keeps_the_frame_in_float32():
    clean_up, clip = make_clean_up(), torch.rand(1, WINDOW, 3, 17, 19)
    halves = copy.deepcopy(clean_up).bfloat16()
    cleaned = halves(clip)
    assert cleaned.dtype == torch.float32
    taken_out = (clean_up(clip) - clip).abs().max()
    assert (cleaned - clean_up(clip)).abs().max() < 0.05 * taken_out
    halves.last.weight.zero_()
    halves.last.bias.zero_()
    assert torch.equal(halves(clip), clip)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"channels": 12}, "multiple of 8, got 12"), ({"channels": 0}, "got 0"), ({"blocks": -1}, "got -1")],
)
def test_shapes_that_cannot_be_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        CleanUpConfig(**values)


@torch.inference_mode()
@pytest.mark.parametrize(("name", "denoise"), [("light", 0.25), ("bidirectional", 1.0)])
def test_a_network_sees_its_frames_cleaned_as_far_as_it_says(request, name, denoise):
    network = request.getfixturevalue(f"{name}_tcnet")
    clip = torch.rand(2, 5, 3, 17, 22)
    expected = network(torch.lerp(clip, make_clean_up()(clip).clamp(0, 1), denoise))
    plain = network(clip)
    found = with_clean_up(network, denoise)(clip)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found - plain).abs().max() > 1e-3


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_a_stream_gives_exactly_the_frames_of_the_clip(light_tcnet, count, dtype):
    network = with_clean_up(light_tcnet.to(dtype))
    clip = torch.rand(1, count, 3, 17, 22)
    expected = torch.stack(list(network.frames(clip)), dim=1)
    for pieces in ([1] * count, [count], [0, 3, 0, 1, 2, 9]):
        found, state, taken = [], None, 0
        for size in pieces:
            pictures, state = network.stream(clip[:, taken : taken + size], state)
            found.append(pictures)
            taken = min(count, taken + size)
            assert taken - sum(part.shape[1] for part in found) <= network.delay
        pictures, _ = network.stream(clip[:, :0], state, last=True)
        assert torch.equal(torch.cat([*found, pictures], dim=1), expected)
        pictures, _ = network.stream(clip, None, last=True)  # and all at once
        assert torch.equal(pictures, expected)


@torch.inference_mode()
def test_a_stream_waits_for_the_frames_that_the_clean_up_looks_at(light_tcnet):
    assert light_tcnet.delay == light_tcnet.config.group_size
    network = with_clean_up(light_tcnet)
    assert network.delay == network.config.group_size + REACH
    clip = torch.rand(1, network.delay + 1, 3, 16, 16)
    pictures, state = network.stream(clip[:, :-1])
    assert pictures.shape[1] == 0
    pictures, _ = network.stream(clip[:, -1:], state)
    assert pictures.shape[1] == network.config.group_size


@torch.inference_mode()
@pytest.mark.parametrize(("kept", "kind"), [(range(9), None), (range(2, 7), None), (range(1, 4), "time")])
def test_windows_with_counted_steps_give_the_frames_of_the_clip(bidirectional_tcnet, kept, kind):
    network = with_clean_up(bidirectional_tcnet)
    computed = network if kind is None else SelfEnsemble(network, kind)
    clip, told = torch.rand(1, 9 if kind is None else 5, 3, 17, 22), []
    found = [frame for _, frame in zip(kept, counted_frames(computed, clip, kept, told.append), strict=False)]
    expected = list(computed.frames(clip))
    assert all(torch.equal(frame, expected[i]) for i, frame in zip(kept, found, strict=True))
    assert told == sorted(told)
    assert told[-1] > 0.9


@torch.inference_mode()
def test_an_ensemble_cleans_each_of_its_clips(bidirectional_tcnet):
    network = with_clean_up(bidirectional_tcnet, 0.75)
    ensemble, clip = SelfEnsemble(network, "time"), torch.rand(1, 4, 3, 17, 18)
    assert ensemble.denoise == 0.75
    each = torch.stack([t.undo(network(t.apply(clip))) for t in ENSEMBLES["time"]])
    torch.testing.assert_close(ensemble(clip), each.mean(0), atol=1e-5, rtol=0)


def test_the_identity_follows_how_far_and_by_what_is_cleaned(light_tcnet):
    made = [light_tcnet.identity()]
    made += [with_clean_up(light_tcnet, *values).identity() for values in ((0.5, 0), (1.0, 0), (0.5, 1))]
    assert len(set(made)) == 4
