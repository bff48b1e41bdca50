"""Temporal metrics on clips whose motion and flicker are known exactly."""

import math

import numpy as np
import pytest
import torch

from tcnet.evaluation import evaluate
from tcnet.evaluation.metrics.estimators import Estimators
from tcnet.evaluation.metrics.flow_estimator import SpynetEstimator, load_flow_estimator
from tcnet.evaluation.metrics.temporal import (
    FLICKER_FRAMES,
    TemporalMeter,
    TrueMotion,
    flicker_index,
    flow_difference,
    temporal_gradient_error,
    visible_pixels,
    warping_error,
)
from tcnet.evaluation.result import mean_of_known
from tcnet.network.flow import SPyNet
from tcnet.video import write_png

ALL = ("warp", "tof", "tgrad", "flicker")
SHIFT = (3, 2)  # pixels to the right and down, each frame


class KnownFlow:
    """The flow of a picture that moves by SHIFT a frame, and a little more where the frames are brighter."""

    name = "known"

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, reference: torch.Tensor, neighbour: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        # Forward in time red grows by 1/255 in the clips here: from the sign of its change comes the direction.
        change = (neighbour - reference)[0, 0].mean()
        flow = torch.tensor(SHIFT, dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, *reference.shape[-2:])
        return flow * change.sign() + 10 * (change - change.sign() / 255)


def moving_clip(frames: int = 7, height: int = 40, width: int = 48) -> torch.Tensor:
    """A textured picture moving by whole pixels, uint8; its red grows by one step a frame, on its own."""
    generator = np.random.default_rng(5)
    size = (3, height + SHIFT[1] * frames, width + SHIFT[0] * frames)
    picture = torch.from_numpy(generator.integers(60, 180, size, dtype=np.uint8))
    picture[0] = 90
    views = []
    for index in range(frames):
        top, left = (step * (frames - index) for step in (SHIFT[1], SHIFT[0]))
        view = picture[:, top : top + height, left : left + width].clone()
        view[0] += index
        views.append(view)
    return torch.stack(views)


def still_clip(frames: int = 7) -> torch.Tensor:
    picture = moving_clip(1)[0]
    return torch.stack([picture] * frames)


class StillFlow:
    """Brightness is taken for motion: zero between equal frames."""

    name = "still"

    def __call__(self, reference: torch.Tensor, neighbour: torch.Tensor) -> torch.Tensor:
        change = (neighbour - reference).abs().mean()
        return torch.ones(1, 2, *reference.shape[-2:]) * change


def measure(sr_clip: torch.Tensor, hr_clip: torch.Tensor, flow) -> dict[str, float]:
    motion = TrueMotion(hr_clip, flow)
    meter = TemporalMeter(ALL, hr_clip, "y", motion)
    found = [meter.measure(index, frame) for index, frame in enumerate(sr_clip)]
    motion.close()
    return {metric: mean_of_known([figures[metric] for figures in found]) for metric in ALL}


def test_each_metric_grows_with_the_flicker():
    hr_clip = still_clip()
    noise = torch.from_numpy(np.random.default_rng(2).choice([-1, 1], hr_clip.shape))
    found = []
    for strength in (0, 1, 3, 8, 20):
        flickering = (hr_clip + strength * noise).clamp(0, 255).to(torch.uint8)
        found.append(measure(flickering, hr_clip, StillFlow()))
    for metric in ALL:
        figures = [one[metric] for one in found]
        assert figures[0] == pytest.approx(0, abs=1e-8), metric
        assert figures == sorted(set(figures)), metric


def test_each_metric_grows_with_the_flicker_of_a_moving_clip_as_seen_by_a_flow_network():
    generator = torch.Generator().manual_seed(3)
    network = SPyNet()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.02, generator=generator)
    hr_clip = moving_clip(frames=3, height=32, width=32)
    noise = torch.from_numpy(np.random.default_rng(2).choice([-1, 1], hr_clip.shape))
    found = []
    for strength in (0, 4, 16):
        flickering = (hr_clip + strength * noise).clamp(0, 255).to(torch.uint8)
        motion = TrueMotion(hr_clip, SpynetEstimator(network, torch.device("cpu")))
        meter = TemporalMeter(("tof", "tgrad"), hr_clip, "rgb", motion)
        figures = [meter.measure(index, frame) for index, frame in enumerate(flickering)]
        motion.close()
        found.append(figures[1])
    assert found[0] == {"tof": 0, "tgrad": 0}
    assert 0 < found[1]["tof"] < found[2]["tof"]
    assert 0 < found[1]["tgrad"] < found[2]["tgrad"]


@pytest.fixture(scope="module")
def package_flow():
    return load_flow_estimator(torch.device("cpu"))


def test_each_metric_grows_with_the_flicker_as_the_package_measures_it(package_flow):
    """A picture that stands still on the left and moves by a pixel a frame on the right."""
    generator = np.random.default_rng(5)
    coarse = torch.from_numpy(generator.integers(60, 180, (1, 3, 20, 30)).astype(np.float32))
    picture = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bicubic")[0]  # (3, 80, 120)
    views = [torch.cat((picture[:, :64, :48], picture[:, :64, 64 - i : 112 - i]), dim=2) for i in range(6)]
    hr_clip = torch.stack(views).clamp(0, 255).to(torch.uint8)
    noise = torch.from_numpy(np.random.default_rng(2).choice([-1, 1], hr_clip.shape))
    found = []
    for strength in (0, 3, 9, 27):
        flickering = (hr_clip + strength * noise).clamp(0, 255).to(torch.uint8)
        found.append(measure(flickering, hr_clip, package_flow))
    assert found[0]["tof"] == found[0]["tgrad"] == 0
    # The estimated flow is not exact; and of the moving part some pixels change too little to be told.
    assert found[0]["warp"] < 0.1 * found[1]["warp"]
    assert found[0]["flicker"] < 0.01
    for metric in ALL:
        figures = [one[metric] for one in found]
        assert figures == sorted(set(figures)), metric


class ShiftFlow:
    """The exact flow of clips that move by SHIFT a frame; which frame is the earlier is looked up."""

    name = "shift"

    def __init__(self, *clips: torch.Tensor) -> None:
        self.frames = [(index, frame / 255) for clip in clips for index, frame in enumerate(clip)]

    def __call__(self, reference: torch.Tensor, neighbour: torch.Tensor) -> torch.Tensor:
        steps = self._index(neighbour[0]) - self._index(reference[0])
        flow = torch.tensor(SHIFT, dtype=torch.float32).view(1, 2, 1, 1)
        return steps * flow.expand(1, 2, *reference.shape[-2:])

    def _index(self, frame: torch.Tensor) -> int:
        return next(index for index, known in self.frames if torch.equal(known, frame))


def test_errors_that_move_along_with_the_truth_score_zero_through_the_meter():
    hr_clip = moving_clip()
    hr_clip[:, 0] = 90  # nothing changes but by motion
    restored = hr_clip // 2 + 20
    motion = TrueMotion(hr_clip, ShiftFlow(hr_clip, restored))
    meter = TemporalMeter(("warp", "tof"), hr_clip, "y", motion)
    found = [meter.measure(index, frame) for index, frame in enumerate(restored)]
    motion.close()
    for figures in found[1:]:
        assert figures["warp"] == pytest.approx(0, abs=1e-6)
        assert figures["tof"] == 0
    # Still where the truth is still, and changing as it does, however far from it: the other two as well.
    still = still_clip()
    meter = TemporalMeter(("tgrad", "flicker"), still, "y", None)
    found = [meter.measure(index, frame) for index, frame in enumerate(still // 2)]
    assert [figures["tgrad"] for figures in found[1:]] == [0] * (len(still) - 1)
    assert [figures["flicker"] for figures in found[FLICKER_FRAMES - 1 :]] == [0] * 3


def test_a_perfectly_warped_clip_scores_zero_to_rounding():
    hr_clip = moving_clip()
    hr_clip[:, 0] = 90  # nothing changes but by motion
    earlier, later = hr_clip[0], hr_clip[1]
    flow = torch.tensor(SHIFT, dtype=torch.float32).view(1, 2, 1, 1).expand(1, 2, 40, 48)
    visible = visible_pixels(flow, -flow)
    assert warping_error(hr_clip[0], hr_clip[0], flow, visible) > 0
    assert warping_error(earlier, later, flow, visible) == pytest.approx(0, abs=1e-8)
    assert flow_difference(flow, flow) == 0
    assert temporal_gradient_error(earlier, later, earlier, later, "y") == 0


def test_the_true_clip_scores_zero_through_the_meter_and_the_first_frames_have_no_figures():
    hr_clip = moving_clip()
    found = measure(hr_clip, hr_clip, KnownFlow())
    assert found["tof"] == 0
    assert found["tgrad"] == 0
    assert found["warp"] == pytest.approx(1000 / 255**2 / 3, rel=1e-3)  # red grows by one step
    assert math.isnan(found["flicker"])  # nothing stands still

    motion = TrueMotion(hr_clip, KnownFlow())
    meter = TemporalMeter(ALL, hr_clip, "y", motion)
    first = meter.measure(0, hr_clip[0])
    assert all(math.isnan(figure) for figure in first.values())
    assert not math.isnan(meter.measure(1, hr_clip[1])["warp"])
    motion.close()


def test_pixels_that_leave_the_frame_and_those_without_a_way_back_are_not_visible():
    flow = torch.tensor(SHIFT, dtype=torch.float32).view(1, 2, 1, 1).repeat(1, 1, 20, 30)
    visible = visible_pixels(flow, -flow)[0, 0]
    assert visible[:-2, :-3].all()
    assert not visible[-2:].any()
    assert not visible[:, -3:].any()
    backward = -flow
    backward[..., 10:14, 12:18] = 9.0  # something else comes to lie there
    occluded = ~visible_pixels(flow, backward)[0, 0]
    assert occluded[8:12, 9:15].all()
    assert not occluded[:7, :8].any()


def test_a_step_in_the_flow_is_a_motion_boundary():
    flow = torch.zeros(1, 2, 20, 30)
    flow[..., 15:] = 5.0
    backward = torch.zeros(1, 2, 20, 30)
    backward[..., 20:] = -5.0
    visible = visible_pixels(flow, backward)[0, 0]
    assert not visible[:, 14].any()
    assert visible[:, :14].all()


def test_warping_error_is_in_thousandths_of_the_squared_unit_range():
    dark = torch.full((3, 12, 12), 100, dtype=torch.uint8)
    still = torch.zeros(1, 2, 12, 12)
    visible = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    assert warping_error(dark, dark + 51, still, visible) == pytest.approx(1000 * 0.2**2, rel=1e-5)
    assert math.isnan(warping_error(dark, dark, still, ~visible))


def test_flow_difference_is_the_mean_distance():
    flow = torch.zeros(1, 2, 2, 2)
    other = flow.clone()
    other[0, :, 0, 0] = torch.tensor((3.0, 4.0))
    assert flow_difference(flow, other) == pytest.approx(5 / 4)


def test_flicker_counts_only_where_the_truth_stands_still():
    true = torch.zeros(FLICKER_FRAMES, 2, 2, dtype=torch.float64)
    true[2, 0, 0] = 2.5
    lumas = torch.zeros_like(true)
    lumas[:, 0, 0] = torch.arange(FLICKER_FRAMES)
    assert flicker_index(lumas, true) == 0
    lumas[::2, 1, 1] = 10.0
    assert flicker_index(lumas, true) == pytest.approx(np.std([10, 0, 10, 0, 10]) / 3)


def test_the_flow_of_the_truth_is_computed_once_for_all_models(tmp_path):
    class Known:
        def __init__(self, name: str, frames: torch.Tensor) -> None:
            self.name, self.frames = name, frames
            self.description: dict[str, str] = {}

        def __call__(self, lr_clip):
            yield from self.frames

    hr_clip = moving_clip(frames=4)
    (tmp_path / "clip").mkdir()
    for index, frame in enumerate(hr_clip):
        write_png(tmp_path / "clip" / f"{index}.png", frame.permute(1, 2, 0).numpy())
    flow = KnownFlow()
    models = [Known(name, hr_clip / 255) for name in ("a", "b", "c")]
    result = evaluate(
        "folder", tmp_path, "BI", models, metrics=["warp", "psnr"], estimators=Estimators(flow=flow)
    )
    assert flow.calls == 2 * 3
    for model in result.models:
        assert model.mean("warp") == pytest.approx(1000 / 255**2 / 3, rel=1e-3)
    assert result.truth is not None
    assert result.truth.mean("warp") == pytest.approx(1000 / 255**2 / 3, rel=1e-3)
    assert result.environment["flow"] == "known"
    assert result.protocol.startswith("folder/BI/warp-rgb,psnr-y/")


def test_spynet_is_named_by_its_weights():
    first, second = SPyNet(), SPyNet()
    cpu = torch.device("cpu")
    names = {SpynetEstimator(network, cpu).name for network in (first, second, first)}
    assert len(names) == 2
    frame = torch.rand(1, 3, 20, 24)
    assert SpynetEstimator(first, cpu)(frame, frame).shape == (1, 2, 20, 24)
