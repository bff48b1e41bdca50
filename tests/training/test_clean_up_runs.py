"""Runs whose network is a clean-up: the same trainer, the undamaged LR clips as truth."""

import pytest
import torch

from tcnet.errors import MediaError, UsageError
from tcnet.models import load_clean_up, load_model
from tcnet.training.run import train

CLEAN_UP = (
    'network={preset = "clean-up", channels = 16, blocks = 1}',
    "data.degradation=video",
    "data.frames=5",
    "optimisation.method=muon",
    "loss.epsilon=0.02",
    "loss.temporal=0.5",
    "loss.static=1.0",
)


def test_a_clean_up_learns_what_it_is_trained_on(tiny):
    changes = (
        "data.distinct=2",
        "data.video.clean=0.0",
        "data.video.noise=1.0",
        "data.video.noise_sigma=30.0",
    )
    train(
        tiny.config(
            "run",
            *CLEAN_UP,
            *changes,
            "data.video.blur=0.0",
            "data.video.crf=[16, 16]",
            "optimisation.steps=25",
            "optimisation.rate_new=1e-2",
        )
    )
    losses = [entry["terms"]["pixels"] for entry in tiny.log("run")]
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])
    clean_up = load_clean_up(tiny.folder / "run" / "tiny.safetensors")
    assert clean_up.config.channels == 16
    assert clean_up(torch.rand(1, 3, 3, 18, 21)).shape == (1, 3, 3, 18, 21)
    with pytest.raises(MediaError, match="holds no TCNet configuration"):
        load_model(tiny.folder / "run" / "tiny.safetensors")


def test_a_clean_up_run_continues_and_begins_with_another_ones_weights(tiny):
    train(tiny.config("run", *CLEAN_UP, "optimisation.steps=2"))
    outcome = train(tiny.config("run", *CLEAN_UP, "optimisation.steps=3"), resume=True)
    assert outcome.counters.step == 3
    assert [entry["step"] for entry in tiny.log("run")] == [1, 2, 3]
    first = tiny.folder / "run" / "tiny.safetensors"
    train(
        tiny.config(
            "next", *CLEAN_UP, f"start.from={first}", "optimisation.steps=1", "optimisation.rate_new=1e-9"
        )
    )
    next_one = load_clean_up(tiny.folder / "next" / "tiny.safetensors")
    torch.testing.assert_close(next_one.trunk.entry.conv.weight, load_clean_up(first).trunk.entry.conv.weight)
    with pytest.raises(UsageError, match=r"holds another clean-up than \[network\] describes"):
        train(tiny.config("wider", 'network={preset = "clean-up"}', *CLEAN_UP[1:], f"start.from={first}"))
    with pytest.raises(MediaError, match="is of another network: its blocks is 1"):
        train(tiny.config("run", 'network={preset = "clean-up", channels = 16}', *CLEAN_UP[1:]), resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("data.degradation=BI", 'learns from degradation = "video"'),
        ('teacher.models=["tcnet-lite"]', "teacher is for TCNets"),
        ("adversarial.weight=0.1", "adversarial is for TCNets"),
        ("start.flow=tcnet-lite", r"start\.flow is for TCNets"),
        ("compile=true", "compile is for TCNets"),
        ('network={preset = "clean-up", motion = "tiny"}', "unknown key 'motion'"),
        ('network={preset = "clean-up", channels = 12}', "multiple of 8"),
    ],
)
def test_what_is_no_matter_of_clean_ups_is_refused(tiny, change, message):
    with pytest.raises(UsageError, match=message):
        tiny.config("run", *CLEAN_UP, change)
