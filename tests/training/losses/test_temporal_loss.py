import pytest
import torch

from tcnet.training.losses.temporal_loss import TemporalLoss


@pytest.fixture(scope="module")
def loss():
    return TemporalLoss()


@pytest.fixture(scope="module")
def still():
    """(3, 64, 96), smooth."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(1, 3, 10, 14, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(64, 96), mode="bicubic")[0].clamp(0, 1)


def clip(frames):
    return torch.stack(frames).unsqueeze(0)


def moving(still):
    """Three frames, each 2 pixels further."""
    return clip([still.roll(2 * step, -1)[..., 8:-8] for step in range(3)])


def test_what_changes_no_more_than_the_truth_loses_nothing(loss, still):
    for truth in (clip([still] * 3), moving(still)):
        assert loss(truth, truth).item() == 0
        assert loss(0.5 * truth, truth).item() == pytest.approx(0, abs=1e-6)


def test_flicker_counts_by_its_size_in_static_regions(loss, still):
    truth = clip([still] * 4)
    flicker = torch.tensor([0.0, 0.1, 0.0, 0.1]).view(1, 4, 1, 1, 1)
    assert loss(truth + flicker, truth).item() == pytest.approx(0.1, rel=1e-3)


def test_texture_has_to_move_with_the_truth(loss, still):
    truth = moving(still)
    texture = 0.1 * torch.rand(still.shape, generator=torch.Generator().manual_seed(4))
    along = moving(still + texture)
    fixed = truth + texture[..., 8:-8]  # as dirt on a lens
    assert loss(along, truth) < 0.6 * loss(fixed, truth)


def test_a_single_frame_loses_nothing_and_gradients_flow(loss, still):
    truth = clip([still] * 2)
    restored = (truth + torch.tensor([0.0, 0.1]).view(1, 2, 1, 1, 1)).requires_grad_(True)
    loss(restored, truth).backward()
    assert restored.grad.abs().sum() > 0
    assert loss(truth[:, :1], truth[:, :1]).item() == 0


def test_static_pixels_are_counted_by_themselves(loss, still):
    moved = still.clone()
    moved[:, :32] = still[:, :32].roll(2, -1)  # the upper half
    truth = clip([still, moved])
    for rows, share in ((slice(40, 48), 1.0), (slice(8, 16), 0.0)):
        flicker = torch.zeros_like(truth)
        flicker[:, 1, :, rows] = 0.1
        everywhere, static = loss.with_static(truth + flicker, truth)
        assert everywhere > 0.005
        assert static.item() == pytest.approx(share * everywhere.item(), abs=0.002)
