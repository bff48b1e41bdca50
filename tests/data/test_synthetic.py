import numpy as np

from tcnet.data.synthetic import draw_path, generated_still, moving_clip


def clip(seed):
    rng = np.random.default_rng(seed)
    return moving_clip(rng, [generated_still(rng, 160), generated_still(rng, 96)], 5, 64, 48)


def test_the_same_draw_gives_the_same_clip():
    assert clip(3).shape == (5, 64, 48, 3)
    assert clip(3).dtype == np.uint8
    assert np.array_equal(clip(3), clip(3))
    assert not np.array_equal(clip(3), clip(4))


def test_frames_move_but_stay_alike():
    for seed in range(6):
        frames = clip(seed).astype(float)
        steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
        ends = np.abs(frames[0] - np.roll(frames[0], 24, axis=1)).mean()
        assert (steps > 0).all()
        assert steps.mean() < 1.5 * ends


def test_paths_are_smooth():
    for seed in range(20):
        path = draw_path(np.random.default_rng(seed), 20)
        bend = np.abs(np.diff(path.shift, n=2, axis=0)).max()
        assert bend < 24  # tremor and swing; the steady part has none
        assert (np.abs(path.zoom - 1) < 0.5).all()


def test_a_still_smaller_than_the_clip_is_continued_by_mirroring():
    rng = np.random.default_rng(0)
    assert moving_clip(rng, [generated_still(rng, 24)], 3, 64, 64).std() > 1
