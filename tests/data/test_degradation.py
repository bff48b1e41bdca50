"""Degradations against hand-computed weights, a naive 2-D loop, and torch's own antialiased resize."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tcnet.data.degradation import (
    crop_to_multiple,
    degrade_bd,
    degrade_bi,
    find_degradation,
    imresize,
    to_8bit,
)
from tcnet.errors import UsageError


def random_codes(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


@settings(deadline=None, max_examples=40)
@given(
    height=st.integers(1, 23),
    width=st.integers(1, 23),
    new=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    kernel=st.sampled_from(["bicubic", "bilinear"]),
    antialias=st.booleans(),
)
def test_imresize_keeps_a_constant_at_every_size(height, width, new, kernel, antialias):
    images = torch.full((2, height, width), 0.375, dtype=torch.float64)
    result = imresize(images, size=new, kernel=kernel, antialias=antialias)
    assert result.shape == (2, *new)
    torch.testing.assert_close(result, torch.full_like(result, 0.375), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("scale", "inside"), [(Fraction(1, 4), 2), (4, 8), (Fraction(1, 3), 2), (2, 4)])
def test_imresize_keeps_a_ramp_inside(scale, inside):
    ramp = torch.arange(48, dtype=torch.float64).expand(6, 48)
    result = imresize(ramp, scale)[:, inside:-inside]
    new = torch.arange(int(48 * scale), dtype=torch.float64)[inside:-inside]
    expected = (new + 0.5) / float(scale) - 0.5  # pixel centres keep their place
    torch.testing.assert_close(result, expected.expand_as(result), rtol=0, atol=1e-12)


def test_imresize_doubling_has_the_cubic_weights_of_a_quarter_pixel():
    # Keys, a = -1/2, at distances 1.75, 0.75, 0.25, 1.25: the sample lies 0.25 before the impulse's pixel.
    impulse = torch.zeros(1, 9, dtype=torch.float64)
    impulse[0, 4] = 1
    expected = torch.tensor([-3, -9, 29, 111, 111, 29, -9, -3], dtype=torch.float64) / 128
    torch.testing.assert_close(imresize(impulse, 2)[0, 5:13], expected, rtol=0, atol=1e-15)


def test_imresize_mirrors_the_border_with_the_edge_pixel_repeated():
    row = torch.tensor([[1.0, 0, 0, 0, 0, 0, 0, 0]], dtype=torch.float64)
    # Output pixel 0 sits at -0.25: pixel 0 at weight 111/128, its mirror image at 29/128; pixel 1 at +0.25.
    expected = torch.tensor([111 + 29, 111 - 9, 29 - 3, -9, -3], dtype=torch.float64) / 128
    torch.testing.assert_close(imresize(row, 2)[0, :5], expected, rtol=0, atol=1e-15)


def test_imresize_by_a_quarter_widens_the_kernel_to_sixteen_taps():
    impulse = torch.zeros(1, 33 * 4, dtype=torch.float64)
    impulse[0, 64] = 1  # the first pixel of block 16, 1.5 pixels left of the block's centre
    result = imresize(impulse, Fraction(1, 4))[0]
    distance = np.abs(64 - (4 * np.arange(33) + 1.5)) / 4
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    expected = np.where(distance <= 1, near, np.where(distance <= 2, far, 0)) / 4
    np.testing.assert_allclose(result.numpy(), expected, rtol=0, atol=1e-15)
    assert np.count_nonzero(expected) == 4


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(12, 10), (17, 29), (13, 60)])
def test_imresize_agrees_inside_with_the_antialiased_resize_of_torch(kernel, size):
    images = random_codes(2, 3, 48, 40).double() / 255
    ours = imresize(images, size=size, kernel=kernel)
    theirs = torch.nn.functional.interpolate(images, size=size, mode=kernel, antialias=True)
    # Borders differ by design: torch drops the taps outside, MATLAB mirrors.
    rows, columns = (2 + 2 * -(-new // old) for new, old in zip(size, (48, 40), strict=True))
    inside = (..., slice(rows, -rows), slice(columns, -columns))
    torch.testing.assert_close(ours[inside], theirs[inside], rtol=0, atol=1e-9)


def test_imresize_without_antialias_reads_the_plain_kernel():
    row = random_codes(1, 32).double()
    result = imresize(row, Fraction(1, 4), antialias=False)[0, 3]  # at 13.5: distances 1.5, 0.5, 0.5, 1.5
    expected = (-row[0, 12] + 9 * row[0, 13] + 9 * row[0, 14] - row[0, 15]) / 16
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


def test_imresize_by_scale_rounds_the_size_up_and_keeps_the_grid_of_the_scale():
    ramp = torch.arange(30, dtype=torch.float64).expand(5, 30)
    result = imresize(ramp, Fraction(1, 4))
    assert result.shape == (2, 8)
    torch.testing.assert_close(result[0, 3], torch.tensor(13.5, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 2, "kernel": "mitchell"}, "'mitchell'"),
        ({"scale": 0}, "scale 0 "),
        ({"scale": float("nan")}, "scale nan"),
        ({"size": (0, 4)}, r"\(0, 4\)"),
        ({}, "either scale or size"),
        ({"scale": 2, "size": (4, 4)}, "either scale or size"),
    ],
)
def test_imresize_refuses_what_cannot_be(arguments, message):
    with pytest.raises(ValueError, match=message):
        imresize(torch.zeros(3, 8, 8), **arguments)


def test_imresize_refuses_integers():
    with pytest.raises(TypeError, match="uint8"):
        imresize(torch.zeros(3, 8, 8, dtype=torch.uint8), 2)


@pytest.mark.parametrize("last_bit", [0.0, 0.5, 1.0])
def test_bi_is_exact_down_to_the_ties(last_bit):
    # The 16 weights times 4096 are integers, so that integer arithmetic knows the true sums. The last bit of a
    # float32 depends on how k/255 was computed; it must not decide the ties, of which these rows hold some.
    eighths = np.abs(2 * np.arange(16) - 15)  # distance in eighths of an LR pixel
    near = 3 * eighths**3 - 40 * eighths**2 + 1024
    far = -(eighths**3) + 40 * eighths**2 - 512 * eighths + 2048
    weight = np.where(eighths <= 8, near, far)
    assert weight.sum() == 4096
    codes = random_codes(30000, 1, 1, 28).expand(-1, -1, 4, -1)
    sums = codes[:, 0, 0, 6:22].long().numpy() @ weight  # LR column 3 reads the HR columns 6..21
    assert np.count_nonzero(sums % 4096 == 2048) > 5
    expected = np.clip((sums + 2048) // 4096, 0, 255)
    lr = degrade_bi(torch.nextafter((codes / 255).float(), torch.tensor(last_bit)))
    np.testing.assert_array_equal(to_8bit(lr[:, 0, 0, 3]).numpy(), expected)


@pytest.mark.parametrize("kind", ["BI", "BD"])
def test_degraded_frames_are_eight_bit_values_of_the_same_dtype(kind):
    hr = random_codes(2, 3, 16, 24).float() / 255
    lr = find_degradation(kind)(hr)
    assert lr.shape == (2, 3, 4, 6)
    assert lr.dtype == torch.float32
    assert torch.equal(lr, to_8bit(lr).float() / 255)
    assert lr.min() >= 0
    assert lr.max() <= 1


@pytest.mark.parametrize("kind", ["BI", "BD"])
def test_no_phase_shift_a_ramp_reads_its_value_at_the_centre_of_each_block(kind):
    ramp = (2 * torch.arange(64, dtype=torch.float64) / 255).expand(3, 64, 64)
    expected = 8 * torch.arange(16) + 3  # twice the source index 4i + 1.5
    for images in (ramp, ramp.mT):
        lr = find_degradation(kind)(images)
        codes = to_8bit(lr if images is ramp else lr.mT)
        assert torch.equal(codes[:, 2:-2, 2:-2].long(), expected[2:-2].expand(3, 12, 12))


@pytest.mark.parametrize("kind", ["BI", "BD"])
def test_no_phase_shift_mirrored_pictures_degrade_to_mirrored_pictures(kind):
    hr = random_codes(3, 32, 40).double() / 255
    turned = find_degradation(kind)(hr.flip(-1, -2)).flip(-1, -2)
    assert (to_8bit(turned).int() - to_8bit(find_degradation(kind)(hr)).int()).abs().max() == 0


def test_bd_is_the_two_dimensional_blur_written_out():
    hr = random_codes(20, 28, seed=3).numpy().astype(np.float64)
    offsets = np.arange(12) - 5.5
    kernel = np.exp(-(offsets[:, None] ** 2 + offsets[None, :] ** 2) / (2 * 1.6**2))
    kernel /= kernel.sum()
    expected = np.empty((5, 7))
    for i in range(5):
        for j in range(7):
            rows = np.clip(np.arange(1 + 4 * i - 5, 1 + 4 * i + 7), 0, 19)
            columns = np.clip(np.arange(1 + 4 * j - 5, 1 + 4 * j + 7), 0, 27)
            expected[i, j] = (kernel * hr[np.ix_(rows, columns)]).sum()
    lr = degrade_bd(torch.from_numpy(hr / 255)[None])
    np.testing.assert_array_equal(to_8bit(lr)[0].numpy(), np.floor(expected + 0.5).astype(np.uint8))


@pytest.mark.parametrize("function", [degrade_bi, degrade_bd])
def test_degradations_refuse_sizes_that_do_not_divide_and_integers(function):
    with pytest.raises(ValueError, match=r"\(3, 16, 18\)"):
        function(torch.zeros(3, 16, 18))
    with pytest.raises(TypeError, match="uint8"):
        function(torch.zeros(3, 16, 16, dtype=torch.uint8))


def test_bd_is_defined_for_scale_four_only():
    with pytest.raises(ValueError, match="not 2"):
        degrade_bd(torch.zeros(3, 16, 16), 2)


@pytest.mark.parametrize("kind", ["video", "bi", ""])
def test_an_unknown_degradation_names_those_that_exist(kind):
    with pytest.raises(UsageError, match="BI, BD"):
        find_degradation(kind)


def test_crop_keeps_the_upper_left():
    images = torch.arange(7 * 9).reshape(1, 7, 9)
    assert torch.equal(crop_to_multiple(images), images[:, :4, :8])
    assert torch.equal(crop_to_multiple(images, 3), images[:, :6, :9])
    with pytest.raises(ValueError, match=r"\(1, 7, 9\)"):
        crop_to_multiple(images, 8)


def test_to_8bit_clamps_rounds_halves_up_and_refuses_nan():
    values = torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, float("inf")])
    assert to_8bit(values).tolist() == [0, 0, 128, 255, 255, 255]
    with pytest.raises(ValueError, match="1 of 2"):
        to_8bit(torch.tensor([0.0, float("nan")]))
