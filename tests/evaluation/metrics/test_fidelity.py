"""Metrics against constants computed by hand and against scikit-image, whose definitions coincide."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tcnet.evaluation.metrics.fidelity import FIDELITY, psnr, rgb_to_y, ssim


def noisy_pair(height: int = 24, width: int = 31) -> tuple[torch.Tensor, torch.Tensor]:
    generator = np.random.default_rng(1)
    smooth = np.cumsum(generator.integers(-9, 10, (3, height, width)), axis=2) + 128
    noisy = smooth + generator.integers(-20, 21, smooth.shape)
    first, second = (np.clip(image, 0, 255).astype(np.uint8) for image in (smooth, noisy))
    return torch.from_numpy(first), torch.from_numpy(second)


@pytest.mark.parametrize(
    ("rgb", "luma"),
    [
        ((0, 0, 0), 16),
        ((255, 255, 255), 235),
        ((255, 0, 0), 81.481),
        ((0, 255, 0), 144.553),
        ((0, 0, 255), 40.966),
    ],
)
def test_luma_of_the_primaries(rgb, luma):
    image = torch.tensor(rgb, dtype=torch.uint8).reshape(3, 1, 1)
    assert rgb_to_y(image).item() == pytest.approx(luma, abs=1e-12)


def test_luma_is_that_of_scikit_image():
    image, _ = noisy_pair()
    expected = rgb2ycbcr(image.permute(1, 2, 0).numpy())[..., 0]
    np.testing.assert_allclose(rgb_to_y(image)[0].numpy(), expected, rtol=0, atol=1e-10)


def test_psnr_of_a_difference_of_one_code():
    black = torch.zeros(3, 12, 12, dtype=torch.uint8)
    assert psnr(black + 1, black, "rgb").item() == pytest.approx(20 * math.log10(255), abs=1e-12)
    # One grey level is 219/255 of a luma step.
    assert psnr(black + 1, black, "y").item() == pytest.approx(20 * math.log10(255 * 255 / 219), abs=1e-10)


def test_identical_images_give_infinite_psnr_and_ssim_one():
    image, _ = noisy_pair()
    assert psnr(image, image, "y").item() == math.inf
    assert ssim(image, image, "y").item() == pytest.approx(1, abs=1e-12)


def test_psnr_is_that_of_scikit_image():
    first, second = noisy_pair()
    expected_rgb = peak_signal_noise_ratio(second.numpy(), first.numpy())
    assert psnr(first, second, "rgb").item() == pytest.approx(expected_rgb, abs=1e-10)
    luma_first, luma_second = (rgb2ycbcr(image.permute(1, 2, 0).numpy())[..., 0] for image in (first, second))
    expected_y = peak_signal_noise_ratio(luma_second, luma_first, data_range=255)
    assert psnr(first, second, "y").item() == pytest.approx(expected_y, abs=1e-10)


def test_ssim_is_that_of_scikit_image_with_the_settings_of_the_original_paper():
    first, second = noisy_pair()
    settings = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 255,
    }
    luma_first, luma_second = (rgb2ycbcr(image.permute(1, 2, 0).numpy())[..., 0] for image in (first, second))
    expected_y = structural_similarity(luma_first, luma_second, **settings)
    assert ssim(first, second, "y").item() == pytest.approx(expected_y, abs=1e-10)
    expected_rgb = structural_similarity(
        first.numpy().astype(np.float64), second.numpy().astype(np.float64), channel_axis=0, **settings
    )
    assert ssim(first, second, "rgb").item() == pytest.approx(expected_rgb, abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(11, 40), st.integers(11, 40)),
    seed=st.integers(0, 10_000),
    strength=st.sampled_from([0, 1, 7, 60, 255]),
)
def test_random_images_measure_as_in_scikit_image(size, seed, strength):
    generator = np.random.default_rng(seed)
    first = generator.integers(0, 256, (3, *size), np.uint8)
    noise = generator.integers(-strength, strength + 1, first.shape)
    second = np.clip(first + noise, 0, 255).astype(np.uint8)
    ours = torch.from_numpy(first), torch.from_numpy(second)
    lumas = [rgb2ycbcr(image.transpose(1, 2, 0))[..., 0] for image in (first, second)]
    settings_ = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 255,
    }
    expected = structural_similarity(*lumas, **settings_)
    assert ssim(*ours, "y").item() == pytest.approx(expected, abs=1e-9)
    rgb = [image.astype(np.float64) for image in (first, second)]
    expected = structural_similarity(*rgb, channel_axis=0, **settings_)
    assert ssim(*ours, "rgb").item() == pytest.approx(expected, abs=1e-9)
    if strength == 0:
        assert psnr(*ours, "y").item() == psnr(*ours, "rgb").item() == math.inf
    elif (first != second).any():
        expected = peak_signal_noise_ratio(*lumas, data_range=255)
        assert psnr(*ours, "y").item() == pytest.approx(expected, abs=1e-9)
        assert psnr(*ours, "rgb").item() == pytest.approx(peak_signal_noise_ratio(first, second), abs=1e-9)


def test_ssim_of_two_constants_is_the_luminance_term():
    dark = torch.full((3, 11, 11), 50, dtype=torch.uint8)
    bright = torch.full((3, 11, 11), 100, dtype=torch.uint8)
    constant = (0.01 * 255) ** 2
    expected = (2 * 50 * 100 + constant) / (50**2 + 100**2 + constant)
    assert ssim(dark, bright, "rgb").item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", sorted(FIDELITY))
@pytest.mark.parametrize("channel", ["y", "rgb"])
def test_a_batch_gives_one_figure_per_image(name, channel):
    first, second = noisy_pair()
    batch = FIDELITY[name](torch.stack([first, second]), torch.stack([second, second]), channel)
    assert batch.shape == (2,)
    assert batch.dtype == torch.float64
    assert batch[0].item() == pytest.approx(FIDELITY[name](first, second, channel).item(), abs=1e-12)


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_metrics_refuse_what_they_cannot_compare(metric):
    image, _ = noisy_pair()
    with pytest.raises(ValueError, match=r"\(3, 24, 31\) and \(3, 24, 30\)"):
        metric(image, image[..., :-1], "y")
    with pytest.raises(TypeError, match="float32"):
        metric(image.float(), image.float(), "rgb")
    with pytest.raises(ValueError, match=r"\(1, 24, 31\)"):
        metric(image[:1], image[:1], "y")
    with pytest.raises(ValueError, match="'luma'"):
        metric(image, image, "luma")


def test_ssim_needs_a_whole_window():
    image = torch.zeros(3, 10, 40, dtype=torch.uint8)
    with pytest.raises(ValueError, match="40x10"):
        ssim(image, image, "y")
