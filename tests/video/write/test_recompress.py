import numpy as np
import pytest

from tcnet.video.write.recompress import Compression, recompress


@pytest.fixture(scope="module")
def frames():
    y, x = np.mgrid[0:40, 0:54]
    ramps = [np.stack([4 * x + t, 5 * y, 3 * (x + y) - t], axis=-1) for t in range(5)]
    return np.stack(ramps).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("codec", ["h264", "hevc", "mpeg2", "vp9"])
def test_a_round_trip_keeps_the_picture_and_repeats_itself(frames, codec):
    compression = Compression(codec, 4)
    once, again = recompress(frames, compression), recompress(frames, compression)
    assert once.shape == frames.shape
    assert np.array_equal(once, again)
    assert 0 < np.abs(once.astype(int) - frames).mean() < 6


@pytest.mark.parametrize(
    ("codec", "low", "high"), [("h264", 10, 45), ("hevc", 10, 45), ("mpeg2", 2, 31), ("vp9", 10, 60)]
)
def test_lower_quality_is_worse(frames, codec, low, high):
    noisy = np.random.default_rng(0).integers(-20, 20, frames.shape) + frames.clip(20, 235)
    noisy = noisy.astype(np.uint8)
    good, bad = (
        np.abs(recompress(noisy, Compression(codec, q)).astype(int) - noisy).mean() for q in (low, high)
    )
    assert good < bad


def test_full_chroma_resolution_keeps_colour_edges():
    frames = np.zeros((2, 64, 64, 3), np.uint8)
    frames[:, :, 1::2, 0] = 200
    full, half = (
        np.abs(recompress(frames, Compression("h264", 1, form)).astype(int) - frames).mean()
        for form in ("yuv444p", "yuv420p")
    )
    assert full < half / 4


def test_other_shapes_are_refused(frames):
    with pytest.raises(ValueError, match=r"\(40, 54, 3\)"):
        recompress(frames[0], Compression("h264", 20))
