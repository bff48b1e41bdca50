"""What counts as a repeated frame: a codec's noise does not make another picture, and everything else does."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from fake_networks import Nearest, make_frames, make_info
from tcnet.errors import UsageError
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.video import EncodeOptions, open_sink, open_source
from tcnet.video.repetition import differs_by_noise, shown_pictures

WINDOWED = {"window": 12, "overlap": 4, "precision": "fp32", "device": "cpu"}
HEIGHT, WIDTH = 90, 120


def painted(seed=0):
    """Soft colours, (HEIGHT, WIDTH, 3)."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] / 30
    phases = np.random.default_rng(seed).uniform(0, 6, 3)
    waves = [np.sin(rows + phase) * np.cos(columns - phase) for phase in phases]
    return (128 + 60 * np.stack(waves, -1)).round().astype(np.uint8)


def noisy(picture, seed):
    """What a codec leaves at another place of its group of pictures: waves of up to 8 in blocks of 8x8."""
    random = np.random.default_rng(seed)
    wave = np.cos(np.pi * (2 * np.arange(8) + 1) * 3 / 16)
    noise = np.zeros((HEIGHT // 8 * 8, WIDTH // 8 * 8))
    for row, column in product(range(HEIGHT // 8), range(WIDTH // 8)):
        block = random.choice([0, 0, 3, 5]) * (np.outer(wave, wave) if random.random() < 0.5 else wave[None])
        noise[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = block
    found = picture.astype(float)
    found[: noise.shape[0], : noise.shape[1]] += noise[..., None]
    return found.clip(0, 255).round().astype(np.uint8)


def test_exactly_repeated_frames_are_found_in_both_ways_and_noise_in_one():
    first, second = painted(0), painted(1)
    window = [first, first.copy(), noisy(first, 1), noisy(first, 2), second, noisy(second, 3), first]
    assert shown_pictures(window, near=False) == [0, 0, 1, 2, 3, 4, 5]
    assert shown_pictures(window, near=True) == [0, 0, 0, 0, 1, 1, 2]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("side", "contrast"), [(1, 60), (2, 50), (3, 30), (6, 12), (16, 6), (64, 2)])
def test_nothing_small_is_swallowed_wherever_it_appears(side, contrast, dtype):
    factor = 1 if dtype == np.uint8 else 257
    first = painted().astype(dtype) * factor
    for top, left in product((0, 1, 13, HEIGHT - side), (0, 3, 50, WIDTH - side)):
        second = first.copy()
        second[top : top + side, left : left + side] += np.array(contrast * factor, dtype)
        assert not differs_by_noise(first, second), (top, left)
    assert differs_by_noise(first, first + np.array(factor // 2, dtype))


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_colour_alone_counts(channel):
    second = painted()
    second[40:44, 60:66, channel] += 40
    assert not differs_by_noise(painted(), second)


def test_a_letter_that_changes_is_seen():
    first, second = painted(), painted()
    first[40:47, 60] = 20  # an I
    second[40:47, 60] = 20
    second[46, 60:64] = 20  # an L
    assert not differs_by_noise(first, second)


def test_slow_changes_add_up():
    """A fade of a quarter of a code a frame, and a pan by a tenth of a pixel."""
    fade = [(painted() - 0.25 * i).round().astype(np.uint8) for i in range(24)]
    shown = shown_pictures(fade, near=True)
    first = [shown.index(picture) for picture in shown]
    errors = [np.abs(fade[i].astype(float) - fade[j]).mean() for i, j in enumerate(first)]
    assert max(errors) <= 1
    assert shown[-1] >= 4
    wide = painted().astype(float)
    pan = [((1 - i / 10) * wide[:, :-1] + i / 10 * wide[:, 1:]).round().astype(np.uint8) for i in range(11)]
    assert shown_pictures(pan, near=True)[-1] >= 1


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (17, 23)])
def test_pictures_of_any_size_are_compared(size):
    first = np.full((*size, 3), 100, np.uint8)
    assert differs_by_noise(first, first + 0)
    assert not differs_by_noise(first, first + np.uint8(60))


def test_a_run_copies_them_with_their_own_times():
    pictures = [painted(i // 3) for i in range(18)]
    lr = [
        replace(time, pixels=noisy(picture, i))
        for i, (time, picture) in enumerate(zip(make_frames(18), pictures, strict=True))
    ]
    upscaler = Upscaler(Nearest(), UpscaleOptions(**WINDOWED, repeated="near", scene_cuts=False))
    sr = list(upscaler.stream(lr))
    assert [frame.pts for frame in sr] == [frame.pts for frame in lr]
    assert upscaler.statistics.repeated_frames >= 10
    for before, after in zip(lr, sr, strict=True):
        small = after.pixels[::4, ::4].astype(int)
        assert np.abs(small - before.pixels).max() <= 20
    exact = Upscaler(Nearest(), UpscaleOptions(**WINDOWED, scene_cuts=False))
    assert len(list(exact.stream(lr))) == 18
    assert exact.statistics.repeated_frames == 0


def test_a_drawing_on_twos_is_computed_once_a_drawing(tmp_path):
    """Through x264: its noise, not ours."""
    sink = open_sink(
        tmp_path / "twos.mp4",
        info=make_info(None, HEIGHT, WIDTH),
        options=EncodeOptions(codec="h264", crf=20),
    )
    for i, time in enumerate(make_frames(16)):
        picture = painted()
        picture[20:50, 4 + 5 * (i // 2) : 34 + 5 * (i // 2)] = (200, 120, 40)
        sink.write(replace(time, pixels=picture))
    sink.finish()
    with open_source(tmp_path / "twos.mp4") as source:
        decoded = [frame.pixels for frame in source]
    assert len(set(shown_pictures(decoded, near=False))) > 12
    shown = shown_pictures(decoded, near=True)
    assert len(set(shown)) <= 10
    assert all(shown[i] != shown[i - 1] for i in range(2, 16, 2))


def test_streams_and_unknown_words_are_refused():
    with pytest.raises(UsageError, match="repeated near needs a bidirectional model, this one streams"):
        Upscaler(Nearest("forward"), UpscaleOptions(repeated="near"))
    with pytest.raises(UsageError, match="unknown repeated 'similar': choose one of exact, near"):
        UpscaleOptions(repeated="similar")
