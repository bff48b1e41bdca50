import numpy as np
import pytest
import torch

from tcnet.data.data_options import VideoOptions
from tcnet.data.degradation import degrade_bi, to_8bit
from tcnet.data.synthetic import generated_still, moving_clip
from tcnet.data.video_degradation import degrade_video_clip, draw_compression


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
