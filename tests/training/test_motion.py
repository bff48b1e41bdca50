"""Motion networks: taught by another, alone, and handed on to the next run."""

import pytest
import torch

from tcnet.errors import UsageError
from tcnet.models import load_model, save_model
from tcnet.network import TCNet
from tcnet.training.config import load_config, network_config
from tcnet.training.losses import flow_distance
from tcnet.training.run import train

SMALL = "network.motion='small'"


def still(first, second):
    return torch.zeros_like(first[:, :2]), torch.zeros_like(first[:, :2])


def moving(first, second):
    flow = torch.tensor([3.0, -4.0]).view(1, 2, 1, 1).expand_as(first[:, :2])
    return flow, -flow


def test_the_distance_is_that_of_the_flows_in_pixels():
    clip = torch.rand(2, 3, 3, 16, 16)
    assert flow_distance(still, moving, clip).item() == pytest.approx(5.0, rel=1e-4)
    assert flow_distance(moving, moving, clip).item() == pytest.approx(0.01, rel=1e-4)


def test_motion_alone_is_taught_and_nothing_else_changes(tiny):
    """By a network whose flow is 2 pixels to the right everywhere."""
    teacher = TCNet(network_config(tiny.config("run", SMALL).network))
    last = teacher.motion.small.levels[-1].last
    torch.nn.init.zeros_(last.weight)
    last.bias.data = torch.tensor([1.0, 0.0])  # the finest level is half size
    for level in teacher.motion.small.levels[:-1]:
        torch.nn.init.zeros_(level.last.weight)
        torch.nn.init.zeros_(level.last.bias)
    save_model(teacher, tiny.folder / "teacher.safetensors")
    options = (
        SMALL,
        "optimisation.motion_weight=1.0",
        "optimisation.motion_alone=true",
        "optimisation.ema=0",
    )
    taught = f"teacher.motion='{tiny.folder / 'teacher.safetensors'}'"
    train(tiny.config("run", *options, taught, "optimisation.steps=60", "optimisation.rate_new=0.01"))
    losses = [entry["loss"] for entry in tiny.log("run")]
    assert losses[0] > 1.5
    assert losses[-1] < 0.5
    learnt = load_model(tiny.folder / "run" / "tiny.safetensors")
    first, second = torch.rand(2, 1, 3, 32, 32).unbind(0)
    assert learnt.motion(first, second)[0].mean(dim=(0, 2, 3)).tolist() == pytest.approx([2, 0], abs=0.5)

    train(tiny.config("untaught", *options, taught, "optimisation.steps=1", "optimisation.rate_new=1e-9"))
    before = load_model(tiny.folder / "untaught" / "tiny.safetensors").state_dict()
    others = [name for name in before if not name.startswith("motion.")]
    assert others
    assert all(torch.equal(before[name], learnt.state_dict()[name]) for name in others)


def test_a_run_from_scratch_takes_the_motion_of_another_model(tiny):
    other = TCNet(network_config(tiny.config("run", SMALL).network))
    save_model(other, tiny.folder / "other.safetensors")
    start = f"start.flow='{tiny.folder / 'other.safetensors'}'"
    train(tiny.config("run", SMALL, start, "optimisation.steps=1", "optimisation.rate_new=1e-9"))
    found = load_model(tiny.folder / "run" / "tiny.safetensors")
    stored = load_model(tiny.folder / "other.safetensors")
    for name, value in stored.motion.state_dict().items():
        torch.testing.assert_close(found.motion.state_dict()[name], value, rtol=0, atol=1e-3)
    with pytest.raises(UsageError, match=r"its motion network is a SmallFlow, network\.motion a SPyNet"):
        train(tiny.config("wrong", start))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["optimisation.motion_alone=true"], "without motion_weight leaves nothing to learn"),
        (["teacher.motion='tcnet-bi'"], r"no effect without optimisation\.motion_weight"),
    ],
)
def test_settings_that_cannot_be(tiny, changes, message):
    with pytest.raises(UsageError, match=message):
        load_config(tiny.file, changes)
