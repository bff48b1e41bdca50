import pytest
import torch

from tcnet.data.degradation import to_8bit
from tcnet.evaluation.metrics.fidelity import ssim
from tcnet.training.losses.pixel import charbonnier, dissimilarity


@pytest.fixture
def clips():
    """Two clips (2, 3, 3, 40, 56) of 8-bit values: smooth ones, and the same with noise."""
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(torch.rand(6, 3, 5, 7, generator=generator), scale_factor=8)
    noisy = smooth + 0.05 * torch.randn(smooth.shape, generator=generator)
    return tuple(to_8bit(clip).float().div(255).unflatten(0, (2, 3)) for clip in (smooth, noisy))


def test_charbonnier_is_the_mean_absolute_difference_but_for_its_epsilon(clips):
    smooth, noisy = clips
    assert charbonnier(smooth, noisy).item() == pytest.approx((smooth - noisy).abs().mean().item(), rel=1e-2)
    assert charbonnier(smooth, smooth).item() == pytest.approx(1e-4, rel=1e-3)


def test_dissimilarity_is_what_ssim_lacks(clips):
    smooth, noisy = clips
    measured = ssim(to_8bit(noisy), to_8bit(smooth), "y").mean().item()
    assert 0.3 < measured < 0.95
    assert dissimilarity(noisy, smooth).item() == pytest.approx(1 - measured, abs=1e-5)


def test_the_gradient_of_dissimilarity_leads_to_the_target_and_is_finite_where_nothing_differs(clips):
    smooth, noisy = clips
    moved = noisy.clone().requires_grad_(True)
    before = dissimilarity(moved, smooth)
    before.backward()
    assert dissimilarity(noisy - 20 * moved.grad, smooth) < before - 0.01

    black = torch.zeros_like(smooth, requires_grad=True)
    same = dissimilarity(black, torch.zeros_like(smooth))
    same.backward()
    assert same.item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(black.grad).all()
