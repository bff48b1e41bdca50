"""Cuts in synthetic clips; real clips are measured by benchmarks/video/scene_cuts.py."""

from fractions import Fraction

import numpy as np
import pytest

from fake_networks import Nearest, RunningMean, TemporalBox, make_scenes
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.scene_detection import LOOK_AHEAD, Step, iter_scenes, mark_cuts, thumbnail
from tcnet.video.frame import Frame

SIZE = {"height": 72, "width": 128}
OPTIONS = {"window": 12, "overlap": 4, "precision": "fp32", "device": "cpu"}


def clip(*lengths, seed=0):
    """(T, 72, 128, 3) float in [0, 255]."""
    return np.stack([frame.pixels for frame in make_scenes(*lengths, **SIZE, seed=seed)]).astype(float)


def framed(pictures):
    codes = np.clip(np.round(pictures), 0, 255).astype(np.uint8)
    return [Frame(picture, i, 1, Fraction(1, 25)) for i, picture in enumerate(codes)]


def cuts(pictures):
    marked = list(mark_cuts(framed(pictures)))
    assert [frame.pts for _, frame in marked] == list(range(len(pictures)))
    return [frame.pts for cut, frame in marked if cut]


@pytest.mark.parametrize("lengths", [(1, 9), (5, 4, 7), (10, 1, 10), (12, 3, 12), (9, 9, 9), (8, 1)])
def test_hard_cuts_are_found(lengths):
    expected = [sum(lengths[:i]) for i in range(1, len(lengths)) if lengths[i] > 3 or i == len(lengths) - 1]
    if lengths in ((10, 1, 10), (12, 3, 12)):  # what is too short for a scene goes with the next one
        expected = [lengths[0]]
    assert cuts(clip(*lengths)) == expected


@pytest.mark.parametrize("brightness", [0.2, 1.0])
def test_cuts_are_found_in_noise_in_the_dark_between_repeated_frames_and_in_16_bits(brightness):
    noise = np.random.default_rng(1).normal(0, 4, (20, 72, 128, 3))
    pictures = brightness * clip(9, 11)
    assert cuts(pictures + noise) == [9]
    assert cuts(pictures.repeat(2, axis=0)) == [18]
    deep = [Frame(f.pixels.astype(np.uint16) * 257, f.pts, f.duration, f.time_base) for f in framed(pictures)]
    assert [frame.pts for cut, frame in mark_cuts(deep) if cut] == [9]


def with_flash(length, gain, offset):
    pictures = clip(20)
    pictures[8 : 8 + length] = pictures[8 : 8 + length] * gain + offset
    return pictures


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize(("gain", "offset"), [(3, 40), (0, 255), (0, 16)])
def test_flashes_and_black_frames_are_no_cuts(length, gain, offset):
    assert cuts(with_flash(length, gain, offset)) == []


def test_fades_and_dissolves_are_no_cuts():
    one, two = clip(24), clip(24, seed=5)
    for length in (6, 12, 20):
        weight = np.clip((np.arange(24) - 2) / length, 0, 1)[:, None, None, None]
        assert cuts(one * (1 - weight) + two * weight) == []
        assert cuts(one * (1 - weight) + 16 * weight) == []
        # Black apart from the picture that comes out of it is as good as together.
        assert set(cuts(16 * (1 - weight) + one * weight)) <= {3}


@pytest.mark.parametrize("speed", [2, 8, 16, 40])
def test_pans_that_start_and_stop_are_no_cuts(speed):
    wide = next(make_scenes(1, height=72, width=128 + 40 * 20)).pixels.astype(float)
    starts = speed * np.clip(np.arange(24) - 4, 0, 14)
    assert cuts(np.stack([wide[:, start : start + 128] for start in starts])) == []


def test_noise_stills_and_flicker_are_no_cuts():
    random = np.random.default_rng(2)
    assert cuts(random.integers(0, 255, (20, 72, 128, 3))) == []
    assert cuts(np.full((10, 72, 128, 3), 90)) == []
    assert cuts(clip(20) * random.uniform(0.4, 1.6, (20, 1, 1, 1))) == []
    assert cuts(clip(24)[::4].repeat(4, axis=0)) == []
    assert cuts(clip(1)) == []


def test_thumbnails_of_any_size_are_alike():
    large = next(make_scenes(1, height=360, width=640)).pixels
    for small in (large[::2, ::2], large[::10, ::10]):
        step = Step(thumbnail(large), thumbnail(small))
        assert step.novelty < 250
    assert Step(thumbnail(large), thumbnail(large)).novelty == 0
    assert Step(thumbnail(large), thumbnail(large[:, ::-1])).novelty > 900


def test_frames_come_a_fixed_time_later_and_are_not_kept():
    read = 0

    def counted():
        nonlocal read
        for frame in make_scenes(6, 6):
            read += 1
            yield frame

    late = [read - number for number, _ in enumerate(mark_cuts(counted()))]
    assert late[: 12 - LOOK_AHEAD] == [LOOK_AHEAD + 1] * (12 - LOOK_AHEAD)


def test_scenes_partition_the_frames():
    lr = list(make_scenes(7, 5, 9, **SIZE))
    scenes = [list(scene) for scene in iter_scenes(mark_cuts(lr))]
    assert [len(scene) for scene in scenes] == [7, 5, 9]
    assert [frame for scene in scenes for frame in scene] == lr
    assert list(iter_scenes(mark_cuts([]))) == []


def upscaled(network, frames, **options):
    upscaler = Upscaler(network, UpscaleOptions(**{**OPTIONS, **options}))
    return list(upscaler.stream(frames)), upscaler.statistics


def assert_same_pixels(frames, others):
    assert len(frames) == len(others)
    for a, b in zip(frames, others, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize("tile", [None, 32])
@pytest.mark.parametrize("network", [TemporalBox(3), RunningMean()], ids=["bidirectional", "forward"])
def test_nothing_of_one_scene_gets_into_another(network, tile):
    lengths = (30, 5, 13, 4)
    lr = list(make_scenes(*lengths, height=40, width=48))
    sr, statistics = upscaled(network, lr, tile=tile, tile_overlap=4)
    assert statistics.cuts == 3
    assert [frame.pts for frame in sr] == [frame.pts for frame in lr]
    begin = 0
    for length in lengths:
        alone = slice(begin, begin + length)
        assert_same_pixels(sr[alone], upscaled(network, lr[alone], tile=tile, tile_overlap=4)[0])
        begin += length


@pytest.mark.parametrize("network", [TemporalBox(3), RunningMean()], ids=["bidirectional", "forward"])
def test_without_scene_cuts_all_is_one(network):
    lr = list(make_scenes(9, 9))
    sr, statistics = upscaled(network, lr, scene_cuts=False, window=32)
    assert statistics.cuts == 0
    separate, _ = upscaled(network, lr, window=32)
    assert_same_pixels(sr[:6], separate[:6])
    assert any((a.pixels != b.pixels).any() for a, b in zip(sr, separate, strict=True))


def test_windows_and_groups_begin_with_the_scene():
    network = Nearest()
    upscaled(network, make_scenes(21, 6))
    assert [frames for frames, _, _ in network.clips][-1] == 6
    assert all(frames <= 12 for frames, _, _ in network.clips)
