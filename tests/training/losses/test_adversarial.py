import pytest
import torch

from tcnet.training.config import AdversarialOptions
from tcnet.training.losses.adversarial import Adversary
from tcnet.training.losses.discriminator import Discriminator

CPU = torch.device("cpu")


def adversary(**options):
    return Adversary(AdversarialOptions(weight=1.0, width=4, **options), 1, CPU)


def step(judge, restored, true):
    judge.begin()
    loss = judge.own_loss(restored, true)
    loss.backward()
    judge.step()
    return loss.item()


@pytest.fixture
def clips():
    """A static clip (1, 4, 3, 16, 16), and the same with each frame as likely by itself, but flickering."""
    generator = torch.Generator().manual_seed(0)
    still = torch.rand(1, 1, 3, 16, 16, generator=generator).expand(-1, 4, -1, -1, -1)
    signs = torch.tensor([1.0, -1.0, 1.0, -1.0]).view(1, 4, 1, 1, 1)
    return still, still + 0.05 * signs


def test_frames_and_changes_are_judged_at_half_the_size(clips):
    frames, changes = Discriminator(4, 1)(clips[0])
    assert frames.shape == (4, 1, 8, 8)
    assert changes.shape == (3, 1, 8, 8)
    assert len(Discriminator(4, 1)(clips[0][:, :1])) == 1


def test_norms_become_one_by_iterating_and_change_only_then(clips):
    judge = Discriminator(4, 1)
    before = [each.clone() for each in judge(clips[0])]
    assert all(torch.equal(a, b) for a, b in zip(before, judge(clips[0]), strict=True))
    for _ in range(40):
        judge.iterate()
    for conv in (judge.frames.last, *judge.changes.down):
        assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("objective", ["hinge", "lsgan"])
def test_flicker_is_seen_and_the_network_is_led_away_from_it(clips, objective):
    still, flickering = clips
    judge = adversary(objective=objective, rate=1e-2)
    losses = [step(judge, flickering, still) for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    _, of_still = judge.discriminator(still)
    _, of_flicker = judge.discriminator(flickering)
    assert of_still.mean() > of_flicker.mean() + 0.3
    assert judge.network_loss(still) < judge.network_loss(flickering)


def test_each_side_gets_gradients_of_its_own_loss_alone(clips):
    judge = adversary()
    restored = clips[1].clone().requires_grad_(True)
    judge.network_loss(restored).backward()
    assert restored.grad.abs().sum() > 0
    assert not any(parameter.grad is not None for parameter in judge.parameters())
    restored.grad = None
    judge.own_loss(restored, clips[0]).backward()
    assert restored.grad is None
    assert all(parameter.grad is not None for parameter in judge.parameters())


def test_the_weight_rises():
    judge = adversary(rise_steps=4)
    assert [judge.weight(number) for number in (0, 1, 4, 100)] == [0, 0.25, 1, 1]
    assert adversary().weight(0) == 1


def test_its_state_is_a_value(clips):
    still, flickering = clips
    first = adversary()
    for _ in range(3):
        step(first, flickering, still)
    second = adversary()
    second.load({key: value.clone() for key, value in first.tensors().items()})
    for judge in (first, second):
        step(judge, flickering, still)
    ours, theirs = first.tensors(), second.tensors()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
