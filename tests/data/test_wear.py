import numpy as np
import pytest
import torch

from tcnet.data.data_options import DataOptions, SourceOptions, VideoOptions
from tcnet.data.samples import SampleMaker, open_sources
from tcnet.data.wear import add_noise_of_kind, blur_at_an_angle, leave_fields, ring


def noise_on(level, kind):
    """What a flat clip of that level gets, (T, H, W, 3)."""
    flat = np.full((3, 48, 48, 3), level, np.uint8)
    return add_noise_of_kind(flat, np.random.default_rng(0), kind, 12.0).astype(float) - level


def test_sensor_noise_grows_with_light_and_grain_is_most_in_middle_tones():
    assert noise_on(200, "sensor").std() > 1.5 * noise_on(30, "sensor").std()
    assert noise_on(128, "grain").std() > 1.5 * max(noise_on(25, "grain").std(), noise_on(230, "grain").std())


def test_grain_is_in_luma_and_chroma_noise_leaves_it_and_both_are_over_more_than_a_pixel():
    grain, chroma = noise_on(128, "grain"), noise_on(128, "chroma")
    assert np.array_equal(grain[..., 0], grain[..., 2])
    assert chroma.std() > 3 * chroma.mean(axis=-1).std()
    for noise, least in ((grain, 0.03), (chroma, 0.4)):
        plane = noise[..., 0]
        assert np.corrcoef(plane[:, :, 1:].ravel(), plane[:, :, :-1].ravel())[0, 1] > least


@pytest.mark.parametrize("kind", ["grain", "sensor", "chroma"])
def test_noise_keeps_the_mean_and_differs_from_frame_to_frame(kind):
    noise = noise_on(128, kind)
    assert abs(noise.mean()) < 0.8
    assert np.abs(noise[0] - noise[1]).mean() > 2


def test_ringing_leaves_waves_beside_an_edge_and_nothing_on_flat_ground():
    step = np.full((1, 32, 32, 3), 80, np.uint8)
    assert np.array_equal(ring(step, np.random.default_rng(0)), step)
    step[:, :, 16:] = 160
    row = ring(step, np.random.default_rng(0))[0, 16, :, 0].astype(int)
    assert row.max() > 163
    assert row.min() < 77


def each_way_of_leaving_fields(clip):
    for seed in range(30):
        left = leave_fields(clip, np.random.default_rng(seed))
        assert left.shape == clip.shape
        assert left.dtype == np.uint8
        yield left


@pytest.mark.parametrize("height", [7, 8])
def test_fields_come_from_the_next_frame_or_from_between_their_neighbours(height):
    clip = np.empty((3, height, 4, 3), np.uint8)
    clip[:] = np.array([10, 50, 90])[:, None, None, None]  # ever brighter
    seen = {tuple(left[0, :4, 0, 0].tolist()) for left in each_way_of_leaving_fields(clip)}
    assert seen == {(10, 50, 10, 50), (50, 10, 50, 10), (30, 30, 30, 30), (10, 10, 10, 10)}
    for left in each_way_of_leaving_fields(clip):
        assert (left[2] == 90).all()  # none comes after the last


def test_a_clip_that_stands_still_loses_lines_at_most():
    picture = np.random.default_rng(0).integers(0, 256, (1, 9, 6, 3), dtype=np.uint8)
    clip = np.repeat(picture, 3, axis=0)
    for left in each_way_of_leaving_fields(clip):
        kept = [(left[:, first::2] == clip[:, first::2]).all() for first in (0, 1)]
        assert any(kept)
        if not all(kept):
            first = kept.index(True)
            between = left[:, 3 - first].astype(float)  # a line of the other field, between two of the kept
            assert np.abs(between - (clip[:, 2 - first] / 2 + clip[:, 4 - first] / 2)).max() <= 0.5


def test_blur_at_an_angle_keeps_light_and_differs_along_and_across():
    dot = torch.zeros(1, 3, 33, 33)
    dot[..., 16, 16] = 1.0
    spread = blur_at_an_angle(dot, np.random.default_rng(1), 3.0)[0, 0].double()
    assert spread.sum().item() == pytest.approx(1, abs=1e-4)
    places = torch.arange(33, dtype=torch.float64) - 16
    y, x = torch.meshgrid(places, places, indexing="ij")
    moments = torch.stack(((x * x * spread).sum(), (x * y * spread).sum(), (y * y * spread).sum()))
    extents = torch.linalg.eigvalsh(moments[[0, 1, 1, 2]].view(2, 2))
    assert extents[1] > 1.5 * extents[0]


def test_dark_samples_are_dark_in_truth_too():
    def sample(dark):
        video = VideoOptions(clean=1.0, blur=0.0, dark=dark)
        sources = [SourceOptions(kind="generated")]
        options = DataOptions(sources=sources, degradation="video", frames=1, size=16, video=video)
        return SampleMaker(open_sources(options), options, 1)[0]

    dark, light = sample(1.0), sample(0.0)
    share = dark["hr"].float().mean() / light["hr"].float().mean()
    assert 0.2 < share < 0.8
    for name in ("lr", "clean"):
        assert dark[name].float().mean().item() == pytest.approx(dark["hr"].float().mean().item(), abs=2)


def test_still_samples_change_by_their_degradation_alone():
    def sample(still):
        sources = [SourceOptions(kind="generated")]
        video = VideoOptions(clean=0.0, noise=1.0, noise_sigma=20.0, crf=[5, 5])
        options = DataOptions(
            sources=sources, degradation="video", frames=3, size=16, still=still, video=video
        )
        return SampleMaker(open_sources(options), options, 1)[0]

    still, moving = sample(1.0), sample(0.0)
    assert (still["hr"] == still["hr"][:1]).all()
    assert torch.equal(still["hr"][0], moving["hr"][0])
    assert not torch.equal(still["lr"][0], still["lr"][1])
    assert not torch.equal(moving["hr"][0], moving["hr"][1])
