from dataclasses import fields, replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import torch

from fake_networks import (
    BreaksInReducedPrecision,
    Nearest,
    RunningMean,
    SpatialBox,
    TemporalBox,
    make_frames,
)
from tcnet.errors import MediaError, UsageError
from tcnet.inference import UpscaleOptions, Upscaler, upscale_frames
from tcnet.inference.upscale_options import NamedUpscaleOptions
from tcnet.video.frame import Frame

WINDOWED = {"window": 12, "overlap": 4, "precision": "fp32", "device": "cpu"}
TILED = {**WINDOWED, "tile": 32, "tile_overlap": 4}
# 32x24 frames are whole; 75x53 ones make 3x2 tiles of at most 32x32


def run(network, frames, **options):
    return list(Upscaler(network, UpscaleOptions(**options)).stream(frames))


def enlarged(pixels):
    return pixels.repeat(4, 0).repeat(4, 1)


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("height", "width"), [(24, 32), (53, 75)])
@pytest.mark.parametrize("count", [1, 3, 13, 21])
def test_frames_times_and_types_are_kept(propagation, dtype, height, width, count):
    lr = list(make_frames(count, height, width, dtype))
    sr = run(Nearest(propagation), lr, **TILED)
    assert len(sr) == count
    for before, after in zip(lr, sr, strict=True):
        assert (after.pts, after.duration, after.time_base) == (before.pts, before.duration, before.time_base)
        assert after.pixels.dtype == dtype
        np.testing.assert_array_equal(after.pixels, enlarged(before.pixels))


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_odd_widths_are_computed_a_column_wider(propagation):
    seen = []

    class Wide(Nearest):
        def frames(self, lr_clip, start=0):
            seen.append(lr_clip)
            return super().frames(lr_clip, start)

        def stream(self, lr_frames, state=None, *, last=False):
            seen.append(lr_frames)
            return super().stream(lr_frames, state, last=last)

    lr = list(make_frames(5, 24, 33))
    for before, after in zip(lr, run(Wide(propagation), lr, **WINDOWED), strict=True):
        np.testing.assert_array_equal(after.pixels, enlarged(before.pixels))
    assert {clip.shape[3:] for clip in seen} == {(24, 34)}
    assert all(torch.equal(clip[..., -1], clip[..., -2]) for clip in seen)


@pytest.mark.parametrize("count", [5, 12, 13, 31])
@pytest.mark.parametrize("radius", [1, 4])
def test_windows_equal_the_whole_clip_when_overlap_covers_the_radius(count, radius):
    lr = list(make_frames(count))
    windowed = run(TemporalBox(radius), lr, **WINDOWED)
    whole = run(TemporalBox(radius), lr, **{**WINDOWED, "window": 64})
    for a, b in zip(windowed, whole, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_too_little_overlap_does_show():
    lr = list(make_frames(31))
    windowed = run(TemporalBox(5), lr, **WINDOWED)
    whole = run(TemporalBox(5), lr, **{**WINDOWED, "window": 64})
    assert any((a.pixels != b.pixels).any() for a, b in zip(windowed, whole, strict=True))


def test_tiles_equal_the_whole_frame_when_overlap_covers_the_radius():
    lr = list(make_frames(3, 53, 75))
    tiled = run(SpatialBox(4), lr, **TILED)
    whole = run(SpatialBox(4), lr, **WINDOWED)
    for a, b in zip(tiled, whole, strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


def test_windows_and_tiles_start_on_the_networks_grid():
    network = Nearest()
    run(network, make_frames(30, 53, 75), **TILED)
    assert len(network.clips) > 6
    assert all(frames <= 12 and height <= 32 and width <= 32 for frames, height, width in network.clips)
    layout = Upscaler(network, UpscaleOptions(**TILED)).layout(53, 75, 1)
    assert all(rows.start % 8 == 0 and columns.start % 8 == 0 for rows, columns in layout.tiles)


@pytest.mark.parametrize("options", [WINDOWED, TILED])
def test_forward_state_spans_the_whole_clip(options):
    lr = list(make_frames(30, 53, 75))
    sr = run(RunningMean(), lr, **options)
    total = np.zeros(lr[0].pixels.shape, np.int64)
    for i, (before, after) in enumerate(zip(lr, sr, strict=True)):
        total += before.pixels
        expected = np.round((total / (i + 1) / 255).astype(np.float32) * np.float32(255))
        np.testing.assert_array_equal(after.pixels, enlarged(expected.astype(np.uint8)))


def test_forward_frames_come_as_soon_as_their_group_is_known():
    read = 0

    def counted():
        nonlocal read
        for frame in make_frames(20):
            read += 1
            yield frame

    def at_output(**options):
        nonlocal read
        read = 0
        for _ in Upscaler(Nearest("forward"), UpscaleOptions(**WINDOWED, **options)).stream(counted()):
            yield read

    assert [*at_output(scene_cuts=False)][:8] == [5, 5, 5, 5, 9, 9, 9, 9]
    assert [*at_output()][:8] == [9, 9, 9, 9, 13, 13, 13, 13]  # and LOOK_AHEAD


@pytest.mark.parametrize("size", [{"scale": 2}, {"scale": 3}, {"height": 60}, {"width": 100}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resized_tiles_equal_resized_frames(size, dtype):
    lr = list(make_frames(2, 53, 75, dtype))
    tiled = run(SpatialBox(4), lr, **TILED, **size)
    whole = run(SpatialBox(4), lr, **WINDOWED, **size)
    for a, b in zip(tiled, whole, strict=True):
        assert a.pixels.dtype == dtype
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize(("size", "shape"), [({"scale": 2}, (48, 64)), ({"height": 72}, (72, 96))])
def test_resizing_keeps_flat_areas_and_the_mean(size, shape):
    flat = Frame(np.full((24, 32, 3), 77, np.uint8), 0, 0, next(make_frames(1)).time_base)
    ramp = flat.pixels + np.arange(32, dtype=np.uint8)[None, :, None]
    sr = run(Nearest(), [flat, Frame(ramp, 1, 0, flat.time_base)], **WINDOWED, **size)
    assert sr[0].pixels.shape == (*shape, 3)
    assert (sr[0].pixels == 77).all()
    assert abs(sr[1].pixels.mean() - ramp.mean()) < 0.2


def matte(dtype, height=24, width=32):
    """Opaque right of the middle, transparent left of it."""
    alpha = np.zeros((height, width), dtype)
    alpha[:, width // 2 :] = np.iinfo(dtype).max
    return alpha


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("size", "height"), [({}, 96), ({"scale": 2}, 48), ({"height": 72}, 72)])
@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_alpha_lies_where_the_picture_does(dtype, size, height, propagation):
    alpha = matte(dtype)
    pixels = alpha[..., None].repeat(3, -1)
    lr = [Frame(pixels, i, 1, Fraction(1, 25), alpha if i != 3 else None) for i in range(5)]
    sr = run(Nearest(propagation), lr, **WINDOWED, **size)
    for frame in (*sr[:3], sr[4]):
        assert frame.alpha.shape == frame.pixels.shape[:2] == (height, height * 4 // 3)
        assert frame.alpha.dtype == dtype
        half = frame.alpha.shape[1] // 2
        assert (frame.alpha[:, : half - 8] == 0).all()
        assert (frame.alpha[:, half + 8 :] == np.iinfo(dtype).max).all()
        # the edge is at the same place: half-way between the two sides, mirrored
        assert abs(frame.alpha.astype(float).mean() - frame.pixels.astype(float).mean()) < 0.004 * alpha.max()
    assert sr[3].alpha is None


def test_alpha_of_another_size_or_type_is_refused():
    pixels = np.zeros((24, 32, 3), np.uint8)
    for alpha in (matte(np.uint8, 32, 24), matte(np.uint16)):
        with pytest.raises(ValueError, match=r"alpha must be \(24, 32\) uint8, got"):
            run(Nearest(), [Frame(pixels, 0, 1, Fraction(1, 25), alpha)], **WINDOWED)


@pytest.mark.parametrize(("height", "width"), [(24, 32), (53, 75)])
def test_frames_that_repeat_the_one_before_are_copied(height, width):
    """Three pictures for two frames, as when 24 frames a second are shown as 36; a still end; alpha of its own."""
    pictures = [frame.pixels for frame in make_frames(12, height, width)]
    order = [0, 1, 1, 2, 3, 3, 4, 5, 5, 6, 7, 7, 8, 9, 9, 10, 11, 11, 11, 11]
    times = list(make_frames(len(order), height, width))
    lr = [replace(time, pixels=pictures[i].copy()) for time, i in zip(times, order, strict=True)]
    lr[5] = replace(lr[5], alpha=np.full((height, width), 7, np.uint8))
    upscaler = Upscaler(Nearest(), UpscaleOptions(**{**TILED, "overlap": 0, "scene_cuts": False}))
    sr = list(upscaler.stream(lr))
    assert len(sr) == len(lr)
    for before, after in zip(lr, sr, strict=True):
        np.testing.assert_array_equal(after.pixels, enlarged(before.pixels))
        assert (after.pts, after.duration) == (before.pts, before.duration)
        assert (before.alpha is None) == (after.alpha is None)
    assert (sr[5].alpha == 7).all()
    assert upscaler.statistics.frames == 20
    assert upscaler.statistics.repeated_frames == 8
    tiles = 1 if height == 24 else 6
    assert [length for length, *_ in upscaler.compute.network.clips] == [8] * tiles + [4] * tiles


def test_reduced_precision_that_fails_is_computed_again_in_float32_and_counted():
    lr = list(make_frames(30))
    for i in (6, 25):
        lr[i].pixels[0, 0] = 255
    upscaler = Upscaler(
        BreaksInReducedPrecision(), UpscaleOptions(**{**WINDOWED, "precision": "bf16", "overlap": 0})
    )
    sr = list(upscaler.stream(lr))
    for before, after in zip(lr, sr, strict=True):
        np.testing.assert_array_equal(after.pixels, enlarged(before.pixels))
    assert upscaler.statistics.recomputed_windows == 2
    # windows of 12: from frame 6 to 11 and from 25 to 29
    assert upscaler.statistics.recomputed_frames == 11
    assert upscaler.statistics.frames == 30
    assert upscaler.statistics.windows == 3


@pytest.mark.parametrize(("height", "width"), [(24, 32), (53, 75)])
def test_a_stream_that_fails_goes_on_in_float32(height, width):
    lr = list(make_frames(13, height, width))
    lr[5].pixels[0, 0] = 255
    upscaler = Upscaler(
        BreaksInReducedPrecision(propagation="forward"), UpscaleOptions(**{**TILED, "precision": "bf16"})
    )
    sr = list(upscaler.stream(lr))
    for before, after in zip(lr, sr, strict=True):
        np.testing.assert_array_equal(after.pixels, enlarged(before.pixels))
    assert upscaler.statistics.recomputed_windows == 1
    assert upscaler.statistics.recomputed_frames == 9  # the group 4..7 and what follows


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_float32_cannot_compute_is_an_error(propagation, precision):
    lr = list(make_frames(9))
    lr[6].pixels[0, 0] = 255
    network = BreaksInReducedPrecision(hopeless=True, propagation=propagation)
    with pytest.raises(MediaError, match=r"frame 6 .*NaN or infinity even in float32"):
        run(network, lr, **{**WINDOWED, "precision": precision})


def test_the_given_network_is_not_changed():
    network = Nearest().train()
    upscaler = Upscaler(network, UpscaleOptions(**{**WINDOWED, "precision": "bf16"}))
    assert len(list(upscaler.stream(make_frames(3)))) == 3
    assert network.training
    assert network.weight.dtype == torch.float32


def test_size_changes_in_mid_stream_are_refused():
    frames = [*make_frames(14), *make_frames(1, 32, 48)]
    with pytest.raises(MediaError, match=r"frame 14 .* is 48x32 uint8, the frames before it are 32x24 uint8"):
        run(Nearest(), frames, **WINDOWED)
    with pytest.raises(MediaError, match=r"frame 2 .* uint16"):
        run(Nearest(), [*make_frames(2), *make_frames(1, dtype=np.uint16)], **WINDOWED)


def test_frames_under_the_minimum_are_refused():
    with pytest.raises(MediaError, match="frames are 40x15, the model needs at least 16x16"):
        run(Nearest(), make_frames(1, 15, 40))


def test_arrays_that_are_no_pictures_are_refused():
    frame = Frame(np.zeros((24, 32), np.uint8), 0, 0, next(make_frames(1)).time_base)
    with pytest.raises(ValueError, match=r"\(24, 32\)"):
        run(Nearest(), [frame])
    wrong = Frame(np.zeros((24, 32, 3), np.float32), 0, 0, frame.time_base)
    with pytest.raises(TypeError, match="float32"):
        run(Nearest(), [wrong], **WINDOWED)


def test_no_frames_give_no_frames():
    assert run(Nearest(), []) == []
    assert run(Nearest("forward"), []) == []


def test_other_runtime_errors_are_not_taken_for_want_of_memory():
    class Broken(Nearest):
        def frames(self, lr_clip, start=0):
            raise RuntimeError("shape mismatch")
            yield

    with pytest.raises(RuntimeError, match="shape mismatch"):
        run(Broken(), make_frames(2), **WINDOWED)


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_gradients_and_inference_mode_do_not_leak(propagation):
    stream = Upscaler(Nearest(propagation), UpscaleOptions(**WINDOWED)).stream(make_frames(20))
    assert len(list(islice(stream, 2))) == 2
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()
    stream.close()


def test_arrays_in_and_out():
    clip = np.random.default_rng(0).integers(0, 256, (5, 24, 32, 3), dtype=np.uint8)
    done = []
    given = upscale_frames(clip, model=Nearest(), progress=done.append)
    assert done == []  # as they are asked for
    pictures = list(given)
    assert done == [1, 2, 3, 4, 5]
    assert np.array_equal(np.stack(pictures), clip.repeat(4, 1).repeat(4, 2))
    halves = list(upscale_frames(iter(clip), model=Nearest(), scale=2))
    assert [picture.shape for picture in halves] == [(48, 64, 3)] * 5


def test_a_stream_takes_arrays_or_frames_and_gives_the_same_kind():
    frames = list(make_frames(5))
    options = UpscaleOptions(**WINDOWED)
    upscaled = list(Upscaler(Nearest(), options).stream(frames))
    pictures = list(Upscaler(Nearest(), options).stream(frame.pixels for frame in frames))
    assert [frame.pts for frame in upscaled] == [frame.pts for frame in frames]
    for frame, picture in zip(upscaled, pictures, strict=True):
        assert np.array_equal(frame.pixels, picture)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([torch.zeros(24, 32, 3)], "frame 0 .* is a Tensor: give an array .H, W, 3. of uint8 or uint16, or a tcnet"),
        ([np.zeros((24, 32, 3), np.uint8), None], "frame 1 .* is a NoneType"),
        ([np.zeros((24, 32, 3))], "pixels must be uint8 or uint16, got float64"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(items, words):
    with pytest.raises(TypeError, match=words):
        list(Upscaler(Nearest()).stream(items))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None,), "a model must be a name, a weight file or a network, got NoneType"),
        ((4,), "a model must be .*, got int"),
        ((Nearest(), {"scale": 2}), "options must be tcnet.UpscaleOptions, got dict"),
    ],
)
def test_what_is_no_network_and_no_options_is_refused(arguments, words):
    with pytest.raises(TypeError, match=words):
        Upscaler(*arguments)


def test_options_by_name():
    frames = make_frames(2, 24, 32)
    given = UpscaleOptions(scale=3, precision="fp32")
    assert next(iter(Upscaler(Nearest(), scale=2).stream(frames))).pixels.shape == (48, 64, 3)
    assert Upscaler(Nearest(), given, scale=2).options == UpscaleOptions(scale=2, precision="fp32")
    with pytest.raises(UsageError, match="Upscaler takes no 'scael'; did you mean 'scale'"):
        Upscaler(Nearest(), scael=2)
    with pytest.raises(UsageError, match="upscale_frames takes no 'progres'; did you mean 'progress'"):
        next(upscale_frames([], progres=print))


def test_named_options_are_all_there_are():
    names = {field.name for field in fields(UpscaleOptions)}
    assert NamedUpscaleOptions.__annotations__.keys() == names


def test_upscalers_by_name():
    assert Upscaler("tcnet-lite").compute.network.config.propagation == "forward"
    with pytest.raises(UsageError, match="unknown model 'tcnet-life'"):
        Upscaler("tcnet-life")
