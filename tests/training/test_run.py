import contextlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tcnet.data.synthetic import generated_still
from tcnet.errors import MediaError, TcnetError, UsageError
from tcnet.models import load_model, save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.quantisation import expected_ranges
from tcnet.training.config import load_config
from tcnet.training.run import Watcher, train
from tcnet.video import write_png

SMOKE = Path(__file__).parents[2] / "configs" / "smoke.toml"


class KilledError(BaseException):
    """Stands for a power cut: nothing is saved after it."""


def at_step(number, act):
    def progress(state):
        if state.step == number:
            act()

    return Watcher(progress=progress)


def kill():
    raise KilledError


def tensors(folder):
    with safe_open(folder / "checkpoint.safetensors", framework="pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict


def assert_same_run(first, second):
    ours, theirs = tensors(first), tensors(second)
    assert ours.keys() == theirs.keys()
    assert not [key for key in ours if not torch.equal(ours[key], theirs[key])]


def held_out(tiny):
    rng = np.random.default_rng(0)
    folder = tiny.folder / "heldout" / "clip"
    folder.mkdir(parents=True)
    still = generated_still(rng, 64)
    for frame in range(2):
        write_png(folder / f"{frame}.png", np.roll(still, frame, axis=0))
    return (f"data.root={tiny.folder}", "validation.path=heldout", "validation.every=2")


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tiny):
    train(tiny.config("whole"))
    with pytest.raises(KilledError):
        train(tiny.config("broken", "log.checkpoint_minutes=0"), watcher=at_step(4, kill))
    assert len(tiny.log("broken")) == 4
    outcome = train(tiny.config("broken"), resume=True)
    assert outcome.stopped_by is None
    assert_same_run(tiny.folder / "whole", tiny.folder / "broken")
    assert [entry["loss"] for entry in tiny.log("broken")] == [entry["loss"] for entry in tiny.log("whole")]
    # The files' headers list their metadata in any order.
    ours, theirs = (load_model(tiny.folder / name / "tiny.safetensors") for name in ("whole", "broken"))
    assert ours.ranges.keys() == theirs.ranges.keys() == expected_ranges(ours).keys()
    for first, second in ((ours.state_dict(), theirs.state_dict()), (ours.ranges, theirs.ranges)):
        assert all(torch.equal(first[key], second[key]) for key in first)


def test_termination_saves_at_once_and_loses_nothing(tiny):
    before = signal.getsignal(signal.SIGTERM)
    terminate = at_step(2, lambda: os.kill(os.getpid(), signal.SIGTERM))
    outcome = train(tiny.config("run"), watcher=terminate)
    assert outcome.stopped_by == signal.SIGTERM
    assert outcome.counters.step == 3
    assert signal.getsignal(signal.SIGTERM) is before
    assert train(tiny.config("run"), resume=True).counters.step == 6
    train(tiny.config("whole"))
    assert_same_run(tiny.folder / "whole", tiny.folder / "run")


def test_a_file_that_became_unreadable_loses_no_step(tiny):
    """Not the command's first batches, which are made before: the steps until then are saved, bit for bit."""
    folder = tiny.folder / "clips" / "one"
    folder.mkdir(parents=True)
    for frame in range(2):
        write_png(folder / f"{frame}.png", generated_still(np.random.default_rng(frame), 64))
    sound = (folder / "1.png").read_bytes()
    given = (
        f"data.root={tiny.folder}",
        'data.sources=[{kind="clips", path="clips", cached=false}]',
        "optimisation.steps=8",
    )
    spoil = at_step(1, lambda: (folder / "1.png").write_bytes(sound[:99]))
    with pytest.raises(MediaError, match=r"1\.png.* \(step \d is saved: .* --resume\)$") as caught:
        train(tiny.config("run", *given, "data.workers=1"), watcher=spoil)
    assert "\n" not in str(caught.value)
    assert "Caught" not in str(caught.value)
    end = time.monotonic() + 60
    while multiprocessing.active_children():  # told to end, though the error is kept
        assert time.monotonic() < end
        time.sleep(0.05)
    (folder / "1.png").write_bytes(sound)
    steps = []
    train(tiny.config("run", *given), resume=True, watcher=Watcher(progress=lambda s: steps.append(s.step)))
    assert f"(step {steps[0] - 1} is saved" in str(caught.value)
    train(tiny.config("whole", *given))
    assert_same_run(tiny.folder / "whole", tiny.folder / "run")


def test_accumulated_batches_equal_one_large_batch(tiny):
    train(tiny.config("one", "optimisation.batch=4", "optimisation.steps=3"))
    train(tiny.config("parts", "optimisation.batch=2", "optimisation.accumulate=2", "optimisation.steps=3"))
    ours, theirs = tensors(tiny.folder / "one"), tensors(tiny.folder / "parts")
    for key, tensor in ours.items():
        if key.startswith("optimiser:exp_avg/"):
            torch.testing.assert_close(tensor, theirs[key], rtol=1e-3, atol=1e-6)


def run_together(ranks):
    """Commands, each with its variables. Each waits for the others: none outlives one that failed or hangs."""
    with contextlib.ExitStack() as started:
        processes = []
        for command, variables in ranks:
            process = subprocess.Popen(
                command,
                env=os.environ | variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            started.enter_context(process)
            started.callback(process.kill)
            processes.append(process)
        ends = [(process.communicate(timeout=300)[0], process.returncode) for process in processes]
    assert all(code == 0 for _, code in ends), ends


@pytest.mark.parametrize(
    "kind",
    [
        "all at once",
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("from scratch", "shrunk", "looks")),
    ],
)
def test_two_processes_equal_one_with_twice_the_batch(tiny, kind):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    changes = ["optimisation.steps=3", *held_out(tiny)]
    if kind in ("looks", "all at once"):
        changes += ["adversarial.weight=0.02", "adversarial.width=4", "loss.temporal=0.5"]
    if kind in ("shrunk", "all at once"):
        fields = tiny.config().network | {"propagation_blocks": 2}
        save_model(TCNet(TCNetConfig(**fields)), tiny.folder / "large.safetensors")
        changes += [f"start.from={tiny.folder / 'large.safetensors'}", "start.shrink=true"]
        changes += ["start.shrink_steps=2", "start.shrink_samples=2"]
    command = [sys.executable, "-m", "tcnet", "train", str(tiny.file), "--set", f"out={tiny.folder / 'two'}"]
    for change in ("optimisation.batch=1", *changes):
        command += ["--set", change]
    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    run_together([(command, place | {"RANK": str(rank)}) for rank in (0, 1)])
    train(tiny.config("one", *changes))
    ours, theirs = tensors(tiny.folder / "one"), tensors(tiny.folder / "two")
    assert ours.keys() == theirs.keys()
    for key, tensor in ours.items():
        # Adam divides by the gradients' size, so that rounding shows most where there is no gradient.
        close = {"rtol": 1e-3, "atol": 1e-6} if "exp_avg/" in key else {"rtol": 0.05, "atol": 2e-4}
        torch.testing.assert_close(tensor, theirs[key], **close)
    one, two = (tiny.log(name, "validation") for name in ("one", "two"))
    assert [entry["psnr_y"] for entry in one] == pytest.approx([entry["psnr_y"] for entry in two], abs=0.01)


def test_the_best_weights_are_kept_with_their_card(tiny):
    outcome = train(tiny.config("run", *held_out(tiny), "validation.conditions=['BI', 'BD', 'BI+crf28']"))
    entries = tiny.log("run", "validation")
    assert [entry["step"] for entry in entries] == [0, 2, 4, 6]
    assert list(entries[0]["clips"]) == ["clip BI", "clip BD", "clip BI+crf28"]
    assert outcome.counters.best == max(entry["psnr_y"] for entry in entries)
    card = tomllib.loads((tiny.folder / "run/tiny.toml").read_text())
    assert card["steps"] == outcome.counters.best_step
    assert card["data"] == "generated clips"
    assert load_model(outcome.weights).config.channels == 8
    assert load_config(tiny.folder / "run/config.toml").name == "tiny"


def test_steps_that_are_not_finite_are_skipped_and_too_many_stop_the_run(tiny):
    broken = ("optimisation.rate_new=0.99", "optimisation.clip_norm=1e30", "optimisation.steps=60")
    with pytest.raises(TcnetError, match=r"3 steps in a row gave NaN or infinity.*rate_new"):
        train(tiny.config("run", *broken, "optimisation.bad_steps=3", "optimisation.warmup_steps=0"))
    skipped = [entry["step"] for entry in tiny.log("run", "skipped")]
    assert skipped[-3:] == list(range(skipped[-1] - 2, skipped[-1] + 1))


def test_a_teacher_takes_part(tiny):
    path = train(tiny.config("first", "optimisation.steps=1")).weights
    changes = (f"teacher.models=['{path}', '{path}']", "optimisation.steps=2")
    train(tiny.config("targets", *changes))
    train(tiny.config("losses", *changes, "teacher.combine=losses"))
    train(tiny.config("none", "optimisation.steps=2"))
    losses = {name: tiny.log(name)[0]["loss"] for name in ("targets", "losses", "none")}
    assert losses["targets"] < losses["losses"] < losses["none"]


CHOICES = ("optimisation.steps=4", "loss.features=1.0", "optimisation.rate_new=4e-3", "data.distinct=2")


def test_weights_may_be_chosen_by_their_features_above_a_psnr(tiny):
    outcome = train(tiny.config("run", *held_out(tiny), *CHOICES, "validation.choose=features"))
    distances = [entry["feature_distance"] for entry in tiny.log("run", "validation")]
    assert outcome.counters.best == min(distances)
    none = train(
        tiny.config(
            "none",
            f"data.root={tiny.folder}",
            "validation.path=heldout",
            *CHOICES,
            "validation.choose=features",
            "validation.least_psnr=99.0",
        )
    )
    assert none.counters.best_step == 0


def test_the_last_weights_may_be_kept_whatever_is_measured(tiny):
    outcome = train(
        tiny.config("run", *held_out(tiny), "validation.choose=last", "optimisation.rate_new=0.5")
    )
    figures = [entry["psnr_y"] for entry in tiny.log("run", "validation")]
    assert figures[-1] < max(figures)
    assert outcome.counters.best_step == 6


def test_structure_counts_beside_charbonnier(tiny):
    for weight in ("0.0", "0.5"):
        train(tiny.config(weight, "optimisation.steps=1", f"loss.structure={weight}"))
    plain, structured = (tiny.log(name)[0]["loss"] for name in ("0.0", "0.5"))
    assert plain + 0.01 < structured < plain + 1.0  # 1 - SSIM is between 0 and 2


LOOKS = (
    "loss.features=0.2",
    "loss.temporal=0.5",
    "loss.reversal=0.1",
    "adversarial.weight=0.02",
    "adversarial.width=4",
    "adversarial.rise_steps=2",
)


def test_a_run_that_minds_looks_resumes_bit_for_bit_and_logs_its_terms(tiny):
    changes = (*LOOKS, "optimisation.steps=4")
    train(tiny.config("whole", *changes))
    with pytest.raises(KilledError):
        train(tiny.config("broken", *changes, "log.checkpoint_minutes=0"), watcher=at_step(2, kill))
    train(tiny.config("broken", *changes), resume=True)
    assert_same_run(tiny.folder / "whole", tiny.folder / "broken")
    assert any(key.startswith("adversary:exp_avg/") for key in tensors(tiny.folder / "whole"))
    for entry in tiny.log("broken"):
        terms = entry["terms"]
        names = {"pixels", "features", "temporal", "reversal", "adversarial", "discriminator"}
        assert terms.keys() == names
        weight = 0.02 * min(1, (entry["step"] - 1) / 2)
        parts = 0.2 * terms["features"] + 0.5 * terms["temporal"] + 0.1 * terms["reversal"]
        assert entry["loss"] == pytest.approx(
            terms["pixels"] + parts + weight * terms["adversarial"], rel=1e-4
        )
    with pytest.raises(UsageError, match="the checkpoint has a discriminator"):
        train(tiny.config("whole", "optimisation.steps=5"), resume=True)


def test_a_discriminator_is_not_put_into_a_run_without_one(tiny):
    train(tiny.config("run", "optimisation.steps=1"))
    with pytest.raises(UsageError, match=r"the checkpoint has no discriminator.*start\.from"):
        train(tiny.config("run", *LOOKS), resume=True)


def test_the_vivid_configuration_trains_a_tiny_network(tiny):
    vivid = load_config(SMOKE.with_name("tcnet-vivid.toml"))
    values = vivid.model_dump(by_alias=True)
    changes = [
        f"{table}.{key}={value}" for table in ("loss", "adversarial") for key, value in values[table].items()
    ]
    outcome = train(tiny.config("run", *changes, "optimisation.steps=2"))
    assert outcome.counters.step == 2
    assert outcome.counters.skipped == 0
    assert {"features", "temporal", "adversarial"} <= tiny.log("run")[-1]["terms"].keys()


def test_the_features_draw_closer_where_they_are_asked_for(tiny):
    changes = ("data.distinct=1", "optimisation.steps=30", "optimisation.rate_new=1e-2")
    for weight in ("1e-6", "100.0"):
        train(tiny.config(weight, *changes, f"loss.features={weight}"))
    aside, asked_for = (
        [entry["terms"]["features"] for entry in tiny.log(weight)] for weight in ("1e-6", "100.0")
    )
    assert asked_for[0] == aside[0]
    assert sum(asked_for[-15:]) < sum(aside[-15:])


def test_a_run_may_start_from_weights_of_its_own_shape_only(tiny):
    path = train(tiny.config("first", "optimisation.steps=1")).weights
    train(tiny.config("second", f"start.from={path}", "optimisation.steps=1"))
    card = tomllib.loads((tiny.folder / "second/tiny.toml").read_text())
    assert card["source"].endswith(f"; started from {path.name}")  # not where it lay
    with pytest.raises(UsageError, match="holds another network"):
        train(tiny.config("third", f"start.from={path}", "network.channels=16"))
    with pytest.raises(UsageError, match="does not fit"):
        train(tiny.config("fourth", "start.from=basicvsr-reds"))


def test_a_run_from_scratch_takes_the_motion_of_another_model_or_its_finest_level(tiny):
    path = train(tiny.config("whole", "optimisation.steps=1", "network.motion=spynet")).weights
    whole = load_model(path).motion.spynet.state_dict()
    frozen = (f"start.flow={path}", "optimisation.steps=1", "optimisation.flow_fraction=0.0")
    for folder, change in (("spynet", "seed=2"), ("small", "seed=1")):
        config = tiny.config(folder, *frozen, change, f"network.motion={folder}")
        found = load_model(train(config).weights).motion.spynet.state_dict()
        assert found
        for name, value in found.items():
            source = name.replace("levels.0.", "levels.5.") if folder == "small" else name
            assert torch.equal(value, whole[source])
    small = tiny.folder / "small" / "tiny.safetensors"
    with pytest.raises(UsageError, match="its motion is of the small form"):
        train(tiny.config("wrong", f"start.flow={small}", "network.motion=spynet"))
    with pytest.raises(UsageError, match=r"is 'small', network.motion 'tiny'; scripts/shrink_motion.py"):
        train(tiny.config("smaller", f"start.flow={small}", "network.motion=tiny"))


def test_a_run_is_never_overwritten_or_mixed_up(tiny):
    train(tiny.config("run", "optimisation.steps=1"))
    with pytest.raises(UsageError, match="--resume"):
        train(tiny.config("run"))
    with pytest.raises(MediaError, match="of another network"):
        train(tiny.config("run", "network.channels=16"), resume=True)


def test_missing_data_and_unreadable_clips_are_named(tiny):
    with pytest.raises(MediaError, match="absent"):
        train(tiny.config("run", 'data.sources=[{kind="clips", path="absent"}]'))
    held_out(tiny)
    (tiny.folder / "heldout" / "bad.mkv").write_bytes(b"junk")
    notices = []
    config = tiny.config(
        "run",
        'data.sources=[{kind="clips", path="heldout"}]',
        f"data.root={tiny.folder}",
        "optimisation.steps=1",
    )
    train(config, watcher=Watcher(notice=notices.append))
    assert len(notices) == 1
    assert notices[0].startswith("bad.mkv is skipped:")


def test_curves_for_tensorboard(tiny):
    train(tiny.config("run", "log.tensorboard=true", "optimisation.steps=1"))
    assert list((tiny.folder / "run" / "tensorboard").iterdir())


def test_bfloat16_and_worker_processes(tiny):
    train(
        tiny.config(
            "run", "precision=bf16", "data.workers=1", "data.degradation=video", "optimisation.steps=2"
        )
    )
    assert [entry["loss"] < 1 for entry in tiny.log("run")] == [True, True]


def learnt(tiny, *changes):
    """The last loss of the smoke configuration as a part of the first."""
    assert train(load_config(SMOKE, [f"out={tiny.folder / 'run'}", *changes])).stopped_by is None
    losses = [entry["loss"] for entry in tiny.log("run")]
    return losses[-1] / losses[0]


def test_the_smoke_configuration_learns(tiny):
    assert learnt(tiny, "optimisation.steps=30", "network.motion=tiny", "log.every=5") < 0.99


@pytest.mark.slow
def test_the_smoke_configuration_learns_its_clips_by_heart(tiny):
    assert learnt(tiny) < 0.65
