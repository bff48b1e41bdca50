"""NIQE: its parts against distributions that are known, the whole on photographs that get worse."""

import math

import pytest
import torch
import torch.nn.functional as F
from skimage import data as photographs

from tcnet.errors import UsageError
from tcnet.evaluation.metrics import niqe
from tcnet.evaluation.metrics.fidelity import rgb_to_y
from tcnet.evaluation.metrics.niqe import BLOCK, FEATURES, Niqe, block_features, load_niqe


def crop(pixels, side=4 * BLOCK):
    """uint8 (3, side, side) of a photograph."""
    return torch.from_numpy(pixels[:side, :side].copy()).permute(2, 0, 1).contiguous()


@pytest.fixture(scope="module")
def picture():
    return crop(photographs.astronaut())


@pytest.fixture(scope="module")
def metric():
    return load_niqe()


def blurred(codes, by):
    return F.avg_pool2d(codes.float()[None], by, 1, by // 2)[0].round().to(torch.uint8)


def test_the_shape_of_known_distributions_is_found():
    draw = torch.Generator().manual_seed(0)
    normal = torch.randn(3, 300, 300, generator=draw, dtype=torch.float64)
    uniform = torch.rand(1, 90_000, generator=draw, dtype=torch.float64) - 0.5
    laplace = uniform.sign() * torch.log1p(-2 * uniform.abs())
    shape, left, right = niqe._asymmetric_gaussian(normal)
    torch.testing.assert_close(shape, torch.full((3,), 2.0, dtype=torch.float64), rtol=0.03, atol=0)
    # A Gaussian of deviation 1 is exp(-(x / sqrt 2)^2): its width is sqrt 2.
    torch.testing.assert_close(left, torch.full((3,), math.sqrt(2), dtype=torch.float64), rtol=0.03, atol=0)
    torch.testing.assert_close(left, right, rtol=0.02, atol=0)
    shape, *_ = niqe._asymmetric_gaussian(laplace.view(1, 300, 300))
    assert shape.item() == pytest.approx(1, rel=0.04)
    skewed = torch.where(normal < 0, 3 * normal, normal)
    _, left, right = niqe._asymmetric_gaussian(skewed)
    torch.testing.assert_close(left / right, torch.full((3,), 3.0, dtype=torch.float64), rtol=0.03, atol=0)


def test_each_whole_block_has_its_features_and_flat_ones_have_none(picture):
    luma = rgb_to_y(picture)[0]
    luma[: BLOCK + 20, : BLOCK + 20] = 100
    features, sharpness = block_features(luma[: 2 * BLOCK + 50, : 3 * BLOCK + 1])
    assert features.shape == (6, FEATURES)
    assert features[0].isnan().any()
    assert features[1:].isfinite().all()
    assert sharpness[0] == pytest.approx(0, abs=1e-3)
    elsewhere, _ = block_features(luma[BLOCK : 2 * BLOCK, BLOCK : 3 * BLOCK])
    # The window sees beyond a block's edge, so that only nearly the same is found.
    torch.testing.assert_close(features[5], elsewhere[1], rtol=0.1, atol=0.05)


def test_it_grows_with_blur_noise_and_blocks_and_needs_no_truth(metric, picture):
    own = metric(picture)
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    noisy = [(picture + sigma * noise).clamp(0, 255).to(torch.uint8) for sigma in (12, 30)]
    soft = [blurred(picture, by) for by in (5, 11)]
    small = F.avg_pool2d(picture.float()[None], 4)
    enlarged = F.interpolate(small, scale_factor=4, mode="bicubic")[0].clamp(0, 255).to(torch.uint8)
    assert own < metric(noisy[0]) < metric(noisy[1])
    assert own < metric(soft[0]) < metric(soft[1])
    assert metric(enlarged) > 1.3 * own
    assert 0 < own < 8


def test_the_model_is_of_photographs_and_a_photograph_is_nearer_than_noise(metric):
    assert metric.name.startswith("own model ")
    noise = torch.randint(0, 256, (3, 2 * BLOCK, 2 * BLOCK), generator=torch.Generator().manual_seed(2))
    cat = metric(crop(photographs.chelsea(), 3 * BLOCK))
    assert metric(noise.to(torch.uint8)) > 3 * cat


def test_a_fitted_model_has_what_its_pictures_have(picture):
    lumas = [rgb_to_y(crop(pixels))[0] for pixels in (photographs.astronaut(), photographs.coffee())]
    model = niqe.fit(lumas)
    assert model.photographs == 2
    own = Niqe(model, "two")
    assert own(picture) < load_niqe()(picture)


def test_what_it_cannot_judge(metric):
    with pytest.raises(UsageError, match="at least 192x96 pixels, not 100x190"):
        metric(torch.zeros(3, 190, 100, dtype=torch.uint8))
    assert math.isnan(metric(torch.full((3, BLOCK, 2 * BLOCK), 80, dtype=torch.uint8)))
