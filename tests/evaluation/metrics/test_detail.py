"""Ratios of detail and change on frames made by hand: equal, blurred, sharpened, flickering."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tcnet.evaluation.metrics.detail import ChangeMeter, detail_ratio
from tcnet.evaluation.metrics.temporal import FLICKER_FRAMES
from tcnet.evaluation.result import mean_of_known

FRAMES = 8


def texture(seed=3, height=32, width=40):
    """Grey, uint8 (3, H, W)."""
    grey = np.random.default_rng(seed).integers(60, 190, (1, height, width), dtype=np.uint8)
    return torch.from_numpy(grey).repeat(3, 1, 1)


def blurred(codes, by=3):
    return F.avg_pool2d(codes.float()[None], by, 1, by // 2)[0].round().to(torch.uint8)


def half_static():
    """A clip of which the left half is static and the right half moves by a pixel a frame: (T, 3, H, W)."""
    wide = texture(width=40 + FRAMES)
    return torch.stack([
        torch.cat([wide[..., :20], wide[..., 20 + index : 40 + index]], dim=-1) for index in range(FRAMES)
    ])  # fmt: skip


def ratios(clip, truth):
    meter = ChangeMeter()
    for frame, true_frame in zip(clip, truth, strict=True):
        meter.add(frame, true_frame)
    return {name: meter.ratios(name) for name in ("change", "static-change")}


def test_detail_is_one_for_the_truth_less_for_blur_more_for_contrast():
    true = texture()
    grey = true.float().mean()
    found = [detail_ratio(blurred(true, by), true) for by in (7, 5, 3)]
    assert 0 < found[0] < found[1] < found[2] < 0.5
    assert detail_ratio(true, true) == 1
    halved = ((true.float() - grey) / 2 + grey).round().to(torch.uint8)
    assert detail_ratio(halved, true) == pytest.approx(0.25, rel=0.02)
    assert detail_ratio(true, halved) == pytest.approx(4, rel=0.02)


def test_one_edge_has_the_energy_that_is_counted_by_hand():
    step = torch.full((3, 4, 6), 50, dtype=torch.uint8)
    step[..., 3:] = 90  # four rows with one step of 40, two of them at half the height
    low = torch.full((3, 4, 6), 50, dtype=torch.uint8)
    low[..., 3:] = 70
    assert detail_ratio(low, step) == pytest.approx((4 * 20**2) / (4 * 40**2))
    low[:, 2:] = 50  # two rows with a step of 20 across; three columns with one of 20 down
    assert detail_ratio(low, step) == pytest.approx((2 + 3) * 20**2 / (4 * 40**2))
    assert math.isnan(detail_ratio(step, torch.full_like(step, 9)))


def test_the_truth_changes_as_the_truth_and_a_frozen_clip_not_at_all():
    truth = half_static()
    same = ratios(truth, truth)
    assert mean_of_known(same["change"]) == pytest.approx(1)
    assert math.isnan(same["change"][0])
    frozen = ratios(truth[:1].expand_as(truth), truth)
    assert mean_of_known(frozen["change"]) == 0
    smooth = ratios(torch.stack([blurred(frame) for frame in truth]), truth)
    assert 0.1 < mean_of_known(smooth["change"]) < 0.6


def test_flicker_is_found_in_static_regions_however_much_the_rest_moves():
    truth = half_static()
    truth[1::2, :, :, :20] += 1  # a truth without any change there has nothing to compare with
    flickering = truth.clone()
    flickering[1::2, :, :, :20] += 4  # five steps to and fro, against one
    found = ratios(flickering, truth)
    assert mean_of_known(found["static-change"]) == pytest.approx(5)
    first = FLICKER_FRAMES - 1
    assert all(math.isnan(ratio) for ratio in found["static-change"][:first])
    assert not any(math.isnan(ratio) for ratio in found["static-change"][first:])
    assert mean_of_known(found["change"]) == pytest.approx(1, abs=0.12)  # hidden by what moves


def test_a_frame_in_which_the_truth_rests_does_not_decide():
    truth = half_static()
    truth[4] = truth[3]  # a repeated picture
    noisy = truth.clone()
    noisy[4] += 1
    found = ratios(noisy, truth)["change"]
    assert all(math.isfinite(ratio) for ratio in found[1:])
    assert mean_of_known(found) == pytest.approx(1, abs=0.05)


def test_where_the_truth_never_changes_there_is_no_ratio():
    still = texture().expand(FRAMES, -1, -1, -1)
    found = ratios(still, still)
    assert all(math.isnan(ratio) for name in found for ratio in found[name])
