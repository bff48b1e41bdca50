import itertools

import pytest
import torch
import torch.nn.functional as F

from tcnet.errors import UsageError
from tcnet.evaluation.methods.basicvsr import find_basicvsr, load_basicvsr
from tcnet.network import CONFIGS, TCNet
from tcnet.network.ensemble import ClipTransform
from tcnet.network.quantisation import QuantisedBlock
from tcnet.profiling.benchmark import moving_texture
from tcnet.system.cpu_features import FAST_INT8, cpu_has
from tcnet.training.distillation.teacher import EnsembleTeacher, draw_transform, load_teacher_networks
from tcnet.training.start.initialise import embed_basicvsr


def nearest(clip):
    """Identity, but for size: exact under all flips."""
    return clip.repeat_interleave(4, -1).repeat_interleave(4, -2)


class Remembering:
    def __init__(self):
        self.seen = []

    def __call__(self, clip):
        self.seen.append(clip)
        return nearest(clip)


@pytest.fixture
def clip():
    return torch.rand(2, 3, 3, 6, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", list(itertools.product((False, True), repeat=4)))
def test_transforms_are_undone(bits, clip):
    transform = ClipTransform(*bits)
    assert torch.equal(transform.undo(transform.apply(clip)), clip)
    assert torch.equal(transform.undo(nearest(transform.apply(clip))), nearest(clip))
    assert torch.equal(transform.apply(clip), clip) == (not any(bits))


def test_the_teacher_undoes_what_it_shows(clip):
    network = Remembering()
    teacher = EnsembleTeacher([network, network], seed=3)
    for step in range(12):
        assert torch.equal(teacher(clip, step), nearest(clip))
    shown = network.seen[1::2]
    assert all(torch.equal(seen, clip) for seen in network.seen[::2])
    assert len({(seen.shape, float(seen.flatten()[0])) for seen in shown}) > 4


def test_draws_depend_on_seed_step_and_network():
    draws = [draw_transform(1, step, 1) for step in range(64)]
    assert draws == [draw_transform(1, step, 1) for step in range(64)]
    assert len(set(draws)) > 12
    assert draws != [draw_transform(1, step, 2) for step in range(64)]
    assert draws != [draw_transform(2, step, 1) for step in range(64)]


def test_the_target_is_the_mean_of_clamped_pictures(clip):
    teacher = EnsembleTeacher([lambda c: nearest(c) + 9, lambda c: nearest(c) - 9], seed=0)
    assert torch.equal(teacher(clip, 0), torch.full_like(nearest(clip), 0.5))


def test_the_first_network_may_be_shown_transformed_clips_too(clip):
    network = Remembering()
    teacher = EnsembleTeacher([network], seed=3, transform_first=True)
    assert all(torch.equal(teacher(clip, step), nearest(clip)) for step in range(8))
    assert not all(torch.equal(seen, clip) for seen in network.seen)


def test_a_real_network_is_called_without_gradients(clip):
    network = torch.nn.Conv3d(3, 3, 1)
    teacher = EnsembleTeacher([lambda c: F.interpolate(network(c), scale_factor=(1, 4, 4))], seed=0)
    assert not teacher(clip, 0).requires_grad


@pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")
@pytest.mark.parametrize("name", ["tcnet-lite", "basicvsr-bi"])
def test_a_teacher_in_integers_teaches_the_same(name):
    if name == "basicvsr-bi":
        try:
            find_basicvsr(name)
        except UsageError as error:
            pytest.skip(str(error))
    clip = moving_texture(4, 24, 32)
    [exact] = load_teacher_networks([name], torch.device("cpu"), torch.float32)
    [quick] = load_teacher_networks([name], torch.device("cpu"), torch.float32, lambda: [clip])
    assert any(isinstance(module, QuantisedBlock) for module in quick.modules())
    with torch.no_grad():
        error = (quick(clip) - exact(clip)).square().mean().sqrt()
    assert 0 < error < 1 / 255


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_published_teacher_is_basicvsr_without_what_that_lacks(dtype):
    try:
        path = find_basicvsr("basicvsr-bi")
    except UsageError as error:
        pytest.skip(str(error))
    [lean] = load_teacher_networks(["basicvsr-bi"], torch.device("cpu"), dtype)
    whole = TCNet(CONFIGS["tcnet"]).eval().requires_grad_(False)
    embed_basicvsr(whole, load_basicvsr(path))
    whole.to(dtype=dtype, memory_format=torch.channels_last)
    clip = moving_texture(3, 16, 16)
    assert torch.equal(lean(clip), whole(clip))
    assert not [*lean.stability.parameters()]


def test_unknown_teachers_and_none():
    with pytest.raises(UsageError, match="clever"):
        load_teacher_networks(["clever"], torch.device("cpu"), torch.float32)
    with pytest.raises(ValueError, match="at least one"):
        EnsembleTeacher([], seed=0)
