"""What else could be done, beside a plan: other models by their time here, a few seconds first.

Times of other models come from speeds that were measured once on this machine. What the machine does besides
slows all of them alike, so they are scaled by how fast the plan's own model is today.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tcnet.catalogue import NAMES, ModelCard, default_denoise, list_models, weights_hash
from tcnet.inference.plan import Plan, measure_speed
from tcnet.inference.tiling import make_layout
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.inference.upscaler import Upscaler
from tcnet.models import load_model
from tcnet.speeds import Speed, keep_speeds, kept_speeds, speeds_notice

WORTH_ADVICE = 60.0
"""Seconds: of shorter runs nobody wants to know what else could be done."""
ASK_SECONDS = 3600.0
"""Longer runs are asked about before they begin, where there is somebody to ask."""
TRIAL_SECONDS = 3
MOST_TRIAL_SECONDS = 1800.0
"""Where a trial would take longer, a single second of the video is shown."""
_PROBE_SIZE = (360, 640)
"""LR pixels; the probe takes as much of it as it needs."""
_CLEARLY_FASTER = 0.9
"""Of the time that was kept: no chance."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another model for the same video. seconds: for the frames that the plan's are for."""

    model: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TrialRun:
    """A few seconds from the middle of the video. start, end: as for ReadOptions; seconds: it takes."""

    start: int
    end: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Advice:
    """alternatives: the fastest first. trial: None for short videos and for what is trimmed already.
    same_time_if_smaller: the output is larger than it has to be, which costs no time but room. notice: on
    speeds that cannot be read."""

    alternatives: tuple[Alternative, ...] = ()
    trial: TrialRun | None = None
    same_time_if_smaller: bool = False
    notice: str | None = None


def advise(plan: Plan, precision: str = "auto") -> Advice:
    """What to tell beside a plan that takes over a minute; nothing of others.

    precision: as it was asked for. Models that were not measured on this machine are measured now, in about
    two seconds each, and that is kept. Raises MediaError where it cannot be kept.
    """
    if plan.seconds is None or plan.seconds < WORTH_ADVICE:
        return Advice()
    full = plan.output_height == 4 * plan.source.height
    notice = speeds_notice()  # before it is written anew
    return Advice(_alternatives(plan, precision), _trial(plan), same_time_if_smaller=full, notice=notice)


def measure_models(cards: Sequence[ModelCard], device: str, precision: str) -> list[Speed]:
    """The speed of each, with as many threads as torch now has. Takes about two seconds for one."""
    return [_measure(card, device, precision) for card in cards]


def _alternatives(plan: Plan, precision: str) -> tuple[Alternative, ...]:
    assert plan.seconds is not None
    assert plan.seconds_per_pixel is not None
    cleans = (
        plan.model in NAMES and default_denoise(plan.model) > 0
    )  # how far makes no difference to the time
    if (
        plan.options.engine != "torch"
        or plan.options.ensemble != "none"
        or bool(plan.options.denoise) != cleans
    ):
        return ()  # other engines, ensembles and cleaning have times of their own
    device = plan.options.device
    kept = {
        (each.model, each.weights): each
        for each in kept_speeds()
        if (each.device, each.precision, each.threads) == (device, precision, torch.get_num_threads())
    }
    own = None
    if plan.model in NAMES:
        own = kept.get((plan.model, weights_hash(plan.model)))
    today = 1.0 if own is None else plan.seconds_per_pixel / own.seconds_per_pixel
    if today < _CLEARLY_FASTER:  # the machine was busy when they were measured: all anew
        kept, own, today = {}, None, 1.0
    cards = [card for card in list_models() if card.use == "files" and card.name != plan.model]
    missing = [card for card in cards if (card.name, weights_hash(card.name)) not in kept]
    measured = [_scaled(each, 1 / today) for each in measure_models(missing, device, precision)]
    if own is None and plan.model in NAMES:
        measured.append(_speed(plan.model, device, precision, plan.seconds_per_pixel))
    if measured:
        keep_speeds(measured)
        kept |= {(each.model, each.weights): each for each in measured}
    found = (kept[card.name, weights_hash(card.name)] for card in cards)
    per_pixel = plan.seconds_per_pixel
    times = [
        Alternative(each.model, plan.seconds * today * each.seconds_per_pixel / per_pixel) for each in found
    ]
    return tuple(sorted(times, key=lambda each: each.seconds))


def _trial(plan: Plan) -> TrialRun | None:
    duration, rate = plan.source.duration, plan.source.frame_rate
    if plan.source.trim is not None or duration is None or rate is None or plan.seconds_per_frame is None:
        return None
    if duration < 4 * TRIAL_SECONDS:
        return None
    per_second = float(rate) * plan.seconds_per_frame
    length = TRIAL_SECONDS if TRIAL_SECONDS * per_second <= MOST_TRIAL_SECONDS else 1
    start = int(duration / 2)
    return TrialRun(start, start + length, length * per_second)


def _measure(card: ModelCard, device: str, precision: str) -> Speed:
    network = load_model(card.name)
    options = UpscaleOptions(device=device, precision=precision)
    layout = make_layout(network, options, *_PROBE_SIZE, None, None)
    speed = measure_speed(Upscaler(network, options).compute, layout)
    return _speed(card.name, device, precision, speed.per_frame)


def _speed(model: str, device: str, precision: str, seconds_per_pixel: float) -> Speed:
    return Speed(model, weights_hash(model), device, precision, torch.get_num_threads(), seconds_per_pixel)


def _scaled(speed: Speed, factor: float) -> Speed:
    return Speed(
        speed.model, speed.weights, speed.device, speed.precision, speed.threads,
        speed.seconds_per_pixel * factor,
    )  # fmt: skip
