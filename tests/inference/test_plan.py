import time

import pytest

from fake_networks import Nearest, TemporalBox, make_info
from tcnet.errors import MediaError, UsageError
from tcnet.inference import UpscaleOptions, Upscaler, plan_upscale
from tcnet.inference.plan import computed_area_per_frame
from tcnet.inference.tiling import CONTEXT_WORK, make_layout

CPU = {"device": "cpu", "precision": "fp32"}


class Slow(Nearest):
    """Takes 1 microsecond a pixel and frame, which is long against all else here."""

    def frames(self, lr_clip, start=0):
        for picture in super().frames(lr_clip, start):
            time.sleep(1e-6 * lr_clip.shape[3] * lr_clip.shape[4])
            yield picture


def test_a_plan_says_what_will_be():
    plan = plan_upscale(make_info(100, 180, 320), Nearest(), UpscaleOptions(**CPU), model="tcnet-bi")
    assert (plan.model, plan.device, plan.precision) == ("tcnet-bi", "cpu", "fp32")
    assert (plan.window, plan.overlap, plan.tile, plan.tiles) == (56, 4, None, 1)
    assert (plan.output_width, plan.output_height) == (1280, 720)
    assert 0 < plan.memory < plan.memory_limit
    assert plan.seconds == pytest.approx(100 * plan.seconds_per_frame)
    assert plan.notices == ()


def test_its_options_leave_nothing_open():
    plan = plan_upscale(make_info(100, 180, 320), Nearest(), UpscaleOptions(**CPU, tile=100, height=500))
    assert plan.options == UpscaleOptions(**CPU, window=56, overlap=4, tile=100, height=500, denoise=0)
    again = plan_upscale(make_info(100, 180, 320), Nearest(), plan.options, measure=False)
    assert (again.window, again.overlap, again.tile) == (plan.window, plan.overlap, plan.tile)
    whole = plan_upscale(make_info(100, 180, 320), Nearest(), UpscaleOptions(**CPU), measure=False)
    assert not Upscaler(Nearest(), whole.options).layout(180, 320, 1).tiled


def test_the_time_is_measured_and_scaled():
    plan = plan_upscale(make_info(320, 128, 128), Slow(), UpscaleOptions(**CPU, window=320, overlap=0))
    # a sleep takes no less than it should, and more on a busy machine
    assert 1 <= plan.seconds / (320 * 128 * 128 * 1e-6) < 30


class WarmsUp(Nearest):
    """A stream that takes 1 microsecond a pixel and frame, and 200 microseconds a pixel before its first."""

    def stream(self, lr_frames, state=None, *, last=False):
        _, frames, _, height, width = lr_frames.shape
        time.sleep(1e-6 * height * width * (frames + 200 * (state is None)))
        return super().stream(lr_frames, state, last=last)


def test_the_warm_up_of_a_stream_is_counted_once():
    pixels = 32 * 32
    plan = plan_upscale(make_info(10_000, 32, 32), WarmsUp("forward"), UpscaleOptions(**CPU))
    # were it counted with the frames of the probe, a frame would take 50 microseconds a pixel
    assert 1 <= plan.seconds_per_frame / (1e-6 * pixels) < 25
    warm_up = plan.seconds - 10_000 * plan.seconds_per_frame
    assert 100 < warm_up / (1e-6 * pixels) < 1000


def test_the_overlaps_of_windows_and_tiles_are_counted():
    network = Nearest()
    options = UpscaleOptions(window=12, overlap=4, tile=48, tile_overlap=8)
    layout = make_layout(network, options, 112, 112, 12, 48)
    # rows 0..48, 32..80, 64..112; frames 0..12, 4..16, 8..20, of which 20 are wanted
    assert layout.computed_area == 144 * 144
    per_frame = computed_area_per_frame(layout, network, 20) / (144 * 144)
    assert per_frame == pytest.approx(1 + CONTEXT_WORK * 16 / 20)
    # without a length, as for a long video: 12 frames are computed for each 4
    per_frame = computed_area_per_frame(layout, network, None) / (144 * 144)
    assert per_frame == pytest.approx(1 + CONTEXT_WORK * 2, rel=0.02)


def test_the_probe_is_short():
    network = Slow()
    plan_upscale(make_info(10, 1080, 1920), network, UpscaleOptions(**CPU))
    # each size once, up to the first that takes 0.25 s, which is measured twice; 512x512 takes a second at least
    sides = [height for _, height, _ in network.clips]
    assert sides == [*sorted(set(sides)), sides[-1]]
    assert 32 <= sides[-1] <= 512
    assert all(frames == 4 for frames, _, _ in network.clips)


def test_without_a_length_there_is_a_rate_only():
    plan = plan_upscale(make_info(None), Nearest(), UpscaleOptions(**CPU))
    assert plan.seconds is None
    assert plan.seconds_per_frame > 0
    unmeasured = plan_upscale(make_info(10), Nearest(), UpscaleOptions(**CPU), measure=False)
    assert (unmeasured.seconds, unmeasured.seconds_per_frame) == (None, None)


def test_a_stream_has_no_window():
    plan = plan_upscale(make_info(50), Nearest("forward"), UpscaleOptions(**CPU), measure=False)
    assert (plan.window, plan.overlap) == (None, 0)
    assert plan.options.window is None


def test_tiles_and_windows_obey_the_memory_limit():
    info = make_info(100, 720, 1280)
    free = plan_upscale(info, Nearest(), UpscaleOptions(**CPU, memory_limit=2**40), measure=False)
    assert free.tile is None
    limit = 4 * 2**30
    tight = plan_upscale(info, Nearest(), UpscaleOptions(**CPU, memory_limit=limit), measure=False)
    assert tight.memory <= tight.memory_limit == limit < free.memory
    assert tight.tile is not None


def test_what_cannot_fit_is_refused_if_a_limit_was_given():
    with pytest.raises(UsageError, match=r"1280x720 needs about \d.\d GiB .* limit of 0\.5 GiB"):
        plan_upscale(make_info(100, 720, 1280), Nearest(), UpscaleOptions(**CPU, memory_limit=2**29))


def test_deeper_frames_need_more():
    shallow = plan_upscale(make_info(9), TemporalBox(1), UpscaleOptions(**CPU), measure=False)
    deep = plan_upscale(make_info(9, bit_depth=10), TemporalBox(1), UpscaleOptions(**CPU), measure=False)
    assert deep.memory > shallow.memory


def test_small_frames_are_refused_before_anything_is_measured():
    with pytest.raises(MediaError, match="frames are 8x8"):
        plan_upscale(make_info(9, 8, 8), Nearest(), UpscaleOptions(**CPU))
