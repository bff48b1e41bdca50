import pytest
import torch

from tcnet.network import stability
from tcnet.network.stability import (
    ChannelAttention,
    PositionAttention,
    SpatialCorrelativeMatching,
    TemporalSelfAlignment,
    from_windows,
    pad_to_windows,
    to_windows,
)


def window_slices(height, width, window):
    for top in range(0, height, window):
        for left in range(0, width, window):
            yield slice(top, top + window), slice(left, left + window)


@torch.inference_mode()
def test_temporal_self_alignment_equals_attention_written_out():
    c, p, window, n = 16, 2, 8, 3
    layer = TemporalSelfAlignment(c, blocks=1, patch=p, window=window, group_size=4, shift=0).eval()
    group = torch.randn(n, 2, c, 16, 8)
    x = layer.blocks(group.flatten(0, 1)).view_as(group).transpose(0, 1)
    gathered = torch.zeros(2, n, c, 16, 8)
    side = window // p
    for b in range(2):
        for rows, columns in window_slices(16, 8, window):
            area = x[b, :, :, rows, columns]  # (n, C, window, window)
            tokens, places = [], []
            for t in range(n):
                for i in range(side):
                    for j in range(side):
                        patch = area[t, :, i * p : (i + 1) * p, j * p : (j + 1) * p].permute(1, 2, 0)
                        tokens.append(layer.norm(patch).reshape(p * p, c))
                        places.append((t, i, j))
            tokens = torch.stack(tokens)
            q, k, v = (f(tokens).flatten(1) for f in (layer.query, layer.key, layer.value))
            scores = q @ k.T / q.shape[1] ** 0.5
            for a, (t, i, j) in enumerate(places):
                for d, (s, y, z) in enumerate(places):
                    scores[a, d] += layer.relative_bias[t - s + 3, i - y + side - 1, j - z + side - 1]
            out = scores.softmax(-1) @ v
            for a, (t, i, j) in enumerate(places):
                patch = out[a].view(p, p, c).permute(2, 0, 1)
                top, left = rows.start + i * p, columns.start + j * p
                gathered[b, t, :, top : top + p, left : left + p] = patch
    expected = layer.last(gathered.flatten(0, 1)).view_as(gathered) + x
    aligned = layer(group.flatten(0, 1), n).view_as(group).transpose(0, 1)
    torch.testing.assert_close(aligned, expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_shifted_windows_see_across_the_border_of_the_unshifted():
    group = torch.randn(2, 16, 16, 16)
    changed = group.clone()
    changed[..., 8] = torch.randn(2, 16, 16)  # the first column of the second window
    for shift, reaches in ((0, False), (4, True)):
        layer = TemporalSelfAlignment(16, blocks=0, patch=4, window=8, group_size=4, shift=shift).eval()
        layer.last.weight.zero_()
        layer.last.weight[:, :, 1, 1] = torch.eye(16)  # no convolution: only attention moves anything
        difference = (layer(group, 2) - layer(changed, 2)).abs()[..., :8].max()
        assert bool(difference > 1e-6) is reaches


@torch.inference_mode()
@pytest.mark.parametrize("shift", [0, 4])
def test_bands_of_large_frames_are_bit_identical_to_the_whole(shift, monkeypatch):
    layer = TemporalSelfAlignment(16, blocks=0, patch=4, window=8, group_size=4, shift=shift).eval()
    group = torch.randn(4, 16, 37, 21).contiguous(memory_format=torch.channels_last)
    whole = layer(group, 2)
    seen = []
    layer.norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[0]))
    monkeypatch.setattr(stability, "ALIGNED_VALUES", 2 * group.numel() // 5)
    assert torch.equal(layer(group, 2), whole)
    assert len(seen) > 1


@torch.inference_mode()
@pytest.mark.parametrize("pool", [1, 2])
def test_position_attention_equals_attention_written_out(pool):
    c, window = 16, 4
    layer = PositionAttention(c, window, pool).eval()
    x = torch.randn(2, c, 8, 12)
    expected = x.clone()
    for n in range(2):
        for rows, columns in window_slices(8, 12, window):
            area = x[n : n + 1, :, rows, columns]
            pooled = torch.nn.functional.avg_pool2d(area, pool)
            q = layer.query(area).flatten(2)[0].T
            k = layer.key(pooled).flatten(2)[0].T
            v = layer.value(pooled).flatten(2)[0].T
            out = (q @ k.T / q.shape[1] ** 0.5).softmax(-1) @ v
            expected[n, :, rows, columns] += layer.gain * out.T.view(c, window, window)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_channel_attention_equals_attention_written_out():
    c, window = 16, 4
    layer = ChannelAttention(window).eval()
    x = torch.randn(2, c, 8, 12)
    expected = x.clone()
    for n in range(2):
        for rows, columns in window_slices(8, 12, window):
            channels = x[n, :, rows, columns].reshape(c, -1)
            cosines = torch.nn.functional.cosine_similarity(channels[:, None], channels[None], dim=-1)
            out = (cosines * layer.temperature).softmax(-1) @ channels
            expected[n, :, rows, columns] += layer.gain * out.view(c, window, window)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_matching_of_a_cut_at_window_borders_equals_that_of_the_whole_inside():
    layer = SpatialCorrelativeMatching(16, window=8, pool=2).eval()
    x = torch.randn(1, 16, 40, 40)
    whole, cut = layer(x), layer(x[..., 8:32, 8:32])
    inside = slice(1, -1)  # the 3x3 convolutions see one pixel beyond the cut
    torch.testing.assert_close(cut[..., inside, inside], whole[..., 8:32, 8:32][..., inside, inside])


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (5, 16)])
@pytest.mark.parametrize("shift", [0, 4])
def test_padding_covers_the_frame_with_windows(size, shift):
    x = torch.randn(1, 2, *size)
    padded = pad_to_windows(x, 8, shift)
    assert padded.shape[-2] % 8 == padded.shape[-1] % 8 == 0
    assert torch.equal(padded[..., shift : shift + size[0], shift : shift + size[1]], x)


def test_windows_and_back():
    x = torch.randn(2, 3, 8, 12)
    assert torch.equal(from_windows(to_windows(x, 4), (8, 12), 4), x)
