import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tcnet.data.augmentation import Margins, Orientation, draw_frames, draw_region
from tcnet.data.degradation import DEGRADATIONS

ORIENTATIONS = [Orientation(*bits) for bits in itertools.product((False, True), repeat=3)]


def degraded(hr, kind):
    frames = torch.from_numpy(np.ascontiguousarray(hr)).permute(0, 3, 1, 2).float() / 255
    return (DEGRADATIONS[kind](frames) * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)


@pytest.mark.parametrize("kind", ["BI", "BD"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_lr_stays_aligned_with_hr_whichever_way_it_is_turned(kind, orientation):
    hr = np.random.default_rng(0).integers(0, 256, (2, 64, 80, 3)).astype(np.uint8)
    turned_after = orientation.apply(degraded(hr, kind))
    turned_before = degraded(orientation.apply(hr), kind)
    # Both kernels are symmetric; BD's sums may round a tie the other way.
    assert np.abs(turned_after.astype(int) - turned_before).max() <= (0 if kind == "BI" else 1)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_margins_turn_with_the_picture(orientation):
    margins = Margins(top=1, bottom=2, left=3, right=0)
    frames = np.zeros((1, 4 + 3, 5 + 3, 3), np.uint8)
    frames[:, 1:5, 3:8] = 255
    cut = orientation.turn(margins).crop(orientation.apply(frames), 1)
    assert cut.shape[1:3] == ((5, 4) if orientation.transpose else (4, 5))
    assert cut.min() == 255


@pytest.mark.parametrize("kind", ["BI", "BD"])
def test_a_sample_is_degraded_as_the_whole_picture_is(kind):
    rng = np.random.default_rng(3)
    hr = rng.integers(0, 256, (1, 120, 132, 3)).astype(np.uint8)
    whole = degraded(hr, kind)
    for _ in range(20):
        region = draw_region(rng, 120, 132, 16, 4)
        part = region.margins.crop(degraded(hr[:, region.rows, region.columns], kind), 1)
        top = region.rows.start // 4 + region.margins.top
        left = region.columns.start // 4 + region.margins.left
        expected = whole[:, top : top + 16, left : left + 16]
        assert np.abs(part.astype(int) - expected).max() <= (0 if kind == "BI" else 1)


def test_a_picture_smaller_than_the_sample_is_refused():
    with pytest.raises(ValueError, match="64"):
        draw_region(np.random.default_rng(0), 60, 200, 16, 4)


@given(st.integers(1, 40), st.integers(1, 16), st.integers(0, 999))
def test_frames_exist_and_neighbours_stay_neighbours(available, wanted, seed):
    numbers = draw_frames(np.random.default_rng(seed), available, wanted, (1, 2, 3))
    assert len(numbers) == wanted
    assert numbers.min() >= 0
    assert numbers.max() < available
    jumps = np.abs(np.diff(numbers))
    if wanted <= available:
        assert len(set(jumps)) <= 1
    else:
        assert jumps.max() <= 1


def test_seven_frames_become_fourteen_by_mirroring():
    for seed in range(4):
        numbers = draw_frames(np.random.default_rng(seed), 7, 14, (1,))
        assert numbers.tolist() == [*range(7), *range(6, -1, -1)]
