from dataclasses import replace
from fractions import Fraction

import pytest

from fake_networks import Nearest, make_info
from tcnet.catalogue import DEFAULT_MODEL, list_models, weights_hash
from tcnet.inference import plan_upscale
from tcnet.speeds import Speed, keep_speeds, kept_speeds
from tcnet.upscale import advice
from tcnet.upscale.advice import advise

OTHERS = [card.name for card in list_models() if card.use == "files" and not card.default]


@pytest.fixture(autouse=True)
def _own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.fixture
def plan():
    """Of the default model: a minute and a half of video, at a second a frame."""
    info = replace(make_info(2250, 48, 64), duration=Fraction(90))
    made = plan_upscale(info, Nearest(), model=DEFAULT_MODEL, measure=False)
    return replace(made, seconds_per_frame=1.0, seconds=2250.0, seconds_per_pixel=4e-4)


def speed(model, seconds_per_pixel, **fields):
    return Speed(
        **{
            "model": model, "weights": weights_hash(model), "device": "cpu", "precision": "auto", "threads": 1,
            "seconds_per_pixel": seconds_per_pixel,
        } | fields
    )  # fmt: skip


def test_nothing_is_said_of_short_runs_and_of_runs_of_unknown_length(plan):
    assert advise(replace(plan, seconds=59)) == advise(replace(plan, seconds=None)) == advice.Advice()


def test_times_of_others_follow_the_speeds_kept_and_what_the_machine_does_today(plan, monkeypatch):
    monkeypatch.setattr(
        advice, "measure_models", lambda cards, *rest: [] if not cards else pytest.fail("measured")
    )
    # When all were measured the default took 2e-4, today it takes twice as long: so do the others.
    keep_speeds([speed(DEFAULT_MODEL, 2e-4), *(speed(name, 1e-5) for name in OTHERS)])
    assert [each.model for each in advise(plan).alternatives] == OTHERS
    assert all(each.seconds == pytest.approx(2250 * 2e-5 / 4e-4) for each in advise(plan).alternatives)


def test_speeds_of_a_busy_machine_are_measured_anew_once_it_is_faster(plan, monkeypatch):
    calls = []

    def measure(cards, device, precision):
        calls.append([card.name for card in cards])
        return [speed(card.name, 2e-5) for card in cards]

    monkeypatch.setattr(advice, "measure_models", measure)
    keep_speeds([speed(DEFAULT_MODEL, 16e-4), *(speed(name, 7e-5) for name in OTHERS)])
    first, second = advise(plan), advise(plan)
    assert calls == [OTHERS, []]
    assert first == second
    assert all(each.seconds == pytest.approx(2250 * 2e-5 / 4e-4) for each in first.alternatives)
    assert {each.model: each.seconds_per_pixel for each in kept_speeds()} == pytest.approx(
        {DEFAULT_MODEL: 4e-4, **dict.fromkeys(OTHERS, 2e-5)}
    )


def test_what_was_not_measured_is_measured_once(plan, monkeypatch):
    calls = []

    def measure(cards, device, precision):
        calls.append([card.name for card in cards])
        return [speed(card.name, 1e-4) for card in cards]

    monkeypatch.setattr(advice, "measure_models", measure)
    keep_speeds([speed(name, 1e-6, threads=7) for name in OTHERS])  # another number of threads does not count
    first, second = advise(plan), advise(plan)
    assert calls == [OTHERS, []]
    assert first == second
    assert all(each.seconds == pytest.approx(2250 / 4) for each in first.alternatives)
    assert {each.model for each in kept_speeds()} == {DEFAULT_MODEL, *OTHERS}


def test_speeds_are_measured_of_real_models():
    (card,) = [card for card in list_models() if card.name == "tcnet-lite"]
    (found,) = advice.measure_models([card], "cpu", "auto")
    assert (found.model, found.weights, found.device) == ("tcnet-lite", weights_hash("tcnet-lite"), "cpu")
    assert 0 < found.seconds_per_pixel < 1e-2


@pytest.mark.parametrize("change", [{"ensemble": "time"}, {"engine": "onnxruntime"}, {"denoise": 0.5}])
def test_others_are_compared_only_with_what_computes_alike(plan, change):
    assert advise(replace(plan, options=replace(plan.options, **change))).alternatives == ()


def test_a_trial_is_from_the_middle_and_shorter_where_even_three_seconds_are_long(plan, monkeypatch):
    monkeypatch.setattr(advice, "_alternatives", lambda *_: ())
    assert advise(plan).trial == advice.TrialRun(45, 48, 75.0)
    slow = replace(plan, seconds_per_frame=100.0)
    assert advise(slow).trial == advice.TrialRun(45, 46, 2500.0)
    for source in (
        replace(plan.source, duration=Fraction(11)),
        replace(plan.source, duration=None),
        replace(plan.source, trim=object()),
    ):
        assert advise(replace(plan, source=source)).trial is None


def test_smaller_outputs_are_spoken_of_where_the_output_is_the_largest(plan, monkeypatch):
    monkeypatch.setattr(advice, "_alternatives", lambda *_: ())
    assert advise(plan).same_time_if_smaller
    assert not advise(replace(plan, output_height=96)).same_time_if_smaller
