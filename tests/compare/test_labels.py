import numpy as np
import pytest

from tcnet.compare.labels import LETTERS, darken, draw_text, put_text


def test_every_letter_has_ink_of_its_own():
    masks = {letter: draw_text(letter, 40) for letter in LETTERS}
    assert len(LETTERS) == len(set(LETTERS)) > 400
    for letter, mask in masks.items():
        assert mask.max() > 0.5, letter
    assert not np.array_equal(masks["O"], masks["Q"])


@pytest.mark.parametrize("height", [12, 16, 40])
def test_text_has_the_height_asked_for_and_grows_with_its_length(height):
    short, long = draw_text("ab", height), draw_text("abab", height)
    assert short.shape[0] == long.shape[0] == height
    assert 1.7 < long.shape[1] / short.shape[1] < 2.3
    assert short.min() >= 0
    assert short.max() <= 1


def test_a_text_too_long_loses_its_middle():
    whole = draw_text("holiday on the island.x4.mkv", 20)
    cut = draw_text("holiday on the island.x4.mkv", 20, 120)
    assert cut.shape[1] <= 120 < whole.shape[1]
    assert np.allclose(cut[:, :20], whole[:, :20], atol=0.3)  # scaled a little differently
    assert np.allclose(cut[:, -20:], whole[:, -20:], atol=0.3)
    assert np.array_equal(draw_text("short", 20, 120), draw_text("short", 20))
    assert draw_text("W", 20, 5).shape == (20, 5)


def test_letters_that_are_not_drawn_are_boxes_and_composed_ones_are_found():
    assert np.array_equal(draw_text("中", 20), draw_text("□", 20))
    assert np.array_equal(draw_text("e\u0301", 20), draw_text("é", 20))
    assert draw_text("", 20).max() == 0
    assert draw_text("a b", 20).shape[1] > draw_text("ab", 20).shape[1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_text_is_drawn_in_its_grey_and_cut_at_the_edge(dtype):
    most = np.iinfo(dtype).max
    picture = np.zeros((30, 40, 3), dtype)
    put_text(picture, draw_text("█▉HHH", 20), 5, 10, level=0.5)
    assert picture.max() == pytest.approx(most / 2, abs=most / 20)
    assert picture[:5].max() == picture[25:].max() == picture[:, :10].max() == 0
    put_text(picture, draw_text("x", 20), 25, 35)


def test_darken():
    picture = np.full((4, 4, 3), 90, np.uint8)
    darken(picture, 1, 1, 2, 9)
    assert picture[1, 1, 0] == 30
    assert picture[0, 0, 0] == picture[3, 3, 0] == 90
