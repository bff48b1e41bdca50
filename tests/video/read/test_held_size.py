"""Pictures that were blown up are told from those that hold their size."""

from fractions import Fraction

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from fake_networks import natural
from tcnet.video.read.held_size import HeldSizeMeter, held_height

HEIGHT, WIDTH = 540, 640


def resized(picture, height, width, kernel="BICUBIC"):
    frame = av.VideoFrame.from_ndarray(picture, "gray")
    return frame.reformat(width, height, interpolation=Interpolation[kernel]).to_ndarray()


def blown_up(factor, kernel="BICUBIC", seed=0):
    height, width = (round(side / factor / 2) * 2 for side in (HEIGHT, WIDTH))
    small = resized(natural(2 * height, 2 * width, seed), height, width, "AREA")  # as a camera has it
    return resized(small, HEIGHT, WIDTH, kernel)


def blurred(picture, sigma):
    reach = np.arange(-9, 10)
    kernel = np.exp(-0.5 * (reach / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        picture = np.apply_along_axis(
            lambda v: np.convolve(np.pad(v, 9, "edge"), kernel, "valid"), axis, picture
        )
    return picture.round()


def measured(*pictures):
    meter = HeldSizeMeter()
    for picture in pictures:
        meter.feed(picture.astype(np.float32))
    return meter.factor()


@pytest.mark.parametrize(
    ("factor", "kernel"),
    [
        ("15/8", "BICUBIC"), ("15/8", "BILINEAR"), ("15/8", "LANCZOS"), ("9/4", "BICUBIC"),
        ("9/4", "BILINEAR"), ("9/4", "LANCZOS"), ("3", "LANCZOS"),
    ],
)  # fmt: skip
def test_the_factor_is_found(factor, kernel):
    found = measured(*(blown_up(Fraction(factor), kernel, seed) for seed in range(3)))
    assert found == Fraction(factor)


@pytest.mark.parametrize("seed", range(3))
def test_pictures_that_hold_their_size_are_left_alone(seed):
    picture = natural(HEIGHT, WIDTH, seed)
    assert measured(picture) == 1
    assert measured(blurred(picture.astype(float), 1.2)) == 1
    assert measured(resized(natural(HEIGHT * 4 // 3, WIDTH * 4 // 3, seed), HEIGHT, WIDTH, "BILINEAR")) == 1


def test_bars_at_the_edges_do_not_hide_it():
    picture = blown_up(Fraction(9, 4))
    picture[:70] = picture[-70:] = 16
    assert measured(picture) == Fraction(9, 4)


def test_writing_over_it_in_full_size_hides_it():
    """Shrinking would blur it."""
    picture = blown_up(Fraction(9, 4))
    picture[450:500, 100:500] = (
        np.kron(np.random.default_rng(0).integers(0, 2, (25, 200)), np.ones((2, 2))) * 200
    )
    assert measured(picture) == 1


def test_nothing_is_told_of_empty_and_small_pictures():
    assert measured() is None
    assert measured(np.full((HEIGHT, WIDTH), 20)) is None
    assert measured(natural(200, 300)) is None


def test_lines_that_are_held():
    assert held_height(1080, Fraction(9, 4)) == 480
    assert held_height(800, Fraction(9, 4)) == 356
    assert held_height(1080, Fraction(1)) is None
    assert held_height(1080, None) is None
