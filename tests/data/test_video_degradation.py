import numpy as np
import pytest
import torch
from pydantic import ValidationError

from tcnet.data.data_options import VideoOptions
from tcnet.data.degradation import degrade_bi, imresize, to_8bit
from tcnet.data.synthetic import generated_still, moving_clip
from tcnet.data.video_degradation import _add_noise, _blur, degrade_video_clip, draw_compression
from tcnet.video.write.recompress import Compression, recompress


@pytest.fixture(scope="module")
def hr():
    rng = np.random.default_rng(5)
    return moving_clip(rng, [generated_still(rng, 400)], 4, 256, 256)


def bicubic(hr):
    frames = torch.from_numpy(hr).permute(0, 3, 1, 2).float() / 255
    return to_8bit(degrade_bi(frames)).permute(0, 2, 3, 1).numpy()


def test_every_draw_stays_aligned_with_the_bicubic_clip(hr):
    expected = bicubic(hr).astype(float)
    for seed in range(12):
        lr = degrade_video_clip(hr, np.random.default_rng(seed), VideoOptions())
        assert lr.shape == expected.shape
        assert lr.dtype == np.uint8
        error = np.abs(lr - expected).mean()
        shifted = np.abs(lr - np.roll(expected, 1, axis=2)).mean()
        assert error < shifted


def test_the_same_draw_gives_the_same_clip(hr):
    for seed in range(6):
        first, second = (degrade_video_clip(hr, np.random.default_rng(seed), VideoOptions()) for _ in "ab")
        assert np.array_equal(first, second)


def test_clean_and_sharp_is_bicubic(hr):
    options = VideoOptions(clean=1.0, blur=0.0)
    assert np.array_equal(degrade_video_clip(hr, np.random.default_rng(0), options), bicubic(hr))


def test_all_codecs_come_up_within_their_ranges():
    options = VideoOptions(crf=[20, 22], mpeg2_quantiser=[3, 4])
    rng = np.random.default_rng(0)
    drawn = [draw_compression(rng, options) for _ in range(200)]
    assert {c.codec for c in drawn} == {"h264", "hevc", "mpeg2"}
    assert {c.pixel_format for c in drawn} == {"yuv420p", "yuv422p", "yuv444p"}
    assert {c.quality for c in drawn if c.codec == "mpeg2"} == {3, 4}
    assert {c.quality for c in drawn if c.codec != "mpeg2"} == {20, 21, 22}


WORN = VideoOptions(
    clean=0.0,
    blur=1.0,
    noise=1.0,
    two_rounds=0.5,
    anisotropic=0.5,
    ringing=0.5,
    fields=0.5,
    kernels=["bicubic", "bilinear", "lanczos3"],
    noise_kinds=["gaussian", "grain", "sensor", "chroma"],
    codecs=["h264", "hevc", "mpeg2", "vp9"],
)


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(5)
    return moving_clip(rng, [generated_still(rng, 160)], 3, 96, 96)


def test_worn_clips_stay_aligned_and_repeat_themselves(small):
    expected = bicubic(small).astype(float)
    for seed in range(5):
        first, second = (degrade_video_clip(small, np.random.default_rng(seed), WORN) for _ in "ab")
        assert np.array_equal(first, second)
        assert first.shape == expected.shape
        error = np.abs(first - expected).mean()
        assert 0 < error < np.abs(first - np.roll(expected, 1, axis=2)).mean()


def test_options_that_are_off_draw_nothing(small):
    """So that configurations from before them give the clips that they gave."""
    options = VideoOptions(clean=0.0, blur=1.0)
    rng = np.random.default_rng(3)
    pictures = torch.from_numpy(small).permute(0, 3, 1, 2).float() / 255
    rng.random()  # blurred
    horizontal = rng.uniform(0.2, 1.8)
    vertical = horizontal if rng.random() < 0.7 else rng.uniform(0.2, 1.8)
    blurred = _blur(_blur(pictures, horizontal, -1), vertical, -2)
    by_hand = to_8bit(imresize(blurred, size=(24, 24), antialias=bool(rng.random() < 0.7)))
    by_hand = by_hand.permute(0, 2, 3, 1).contiguous().numpy()
    rng.random()  # not clean
    if rng.random() < 0.4:
        by_hand = _add_noise(by_hand, rng, rng.uniform(0, 3.0))
    by_hand = recompress(by_hand, draw_compression(rng, options))
    assert np.array_equal(by_hand, degrade_video_clip(small, np.random.default_rng(3), options))


def test_vp9_comes_up_within_its_range_where_it_is_named():
    options = VideoOptions(codecs=["vp9"], vp9_crf=[30, 31])
    drawn = {draw_compression(np.random.default_rng(seed), options) for seed in range(20)}
    assert drawn == {Compression("vp9", 30), Compression("vp9", 31)}


def test_bounds_the_wrong_way_round_are_refused():
    with pytest.raises(ValidationError, match=r"\[30, 20\] runs from more to less"):
        VideoOptions(crf=[30, 20])
