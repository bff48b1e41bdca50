from types import SimpleNamespace

import pytest
import torch

from tcnet.training.config import AdversarialOptions, LossOptions, TeacherOptions
from tcnet.training.losses.objective import Objective


def objective(**loss):
    config = SimpleNamespace(
        loss=LossOptions(**loss), adversarial=AdversarialOptions(), teacher=TeacherOptions(), seed=1
    )
    return Objective(config, torch.device("cpu"), torch.float32)


@pytest.fixture
def clips():
    """(1, 5, 3, 48, 64): each frame of its own value, and noise."""
    truth = torch.linspace(0, 1, 5).view(1, 5, 1, 1, 1).expand(-1, -1, 3, 48, 64)
    return torch.rand(truth.shape, generator=torch.Generator().manual_seed(0)), truth


def test_judged_frames_are_neighbours_drawn_anew_and_the_same_at_the_same_step(clips):
    _, truth = clips
    terms = objective(judged_frames=3)
    drawn = [terms.judged(truth, step)[0, :, 0, 0, 0] for step in range(20)]
    assert all(torch.allclose(values.diff(), torch.tensor(0.25)) and len(values) == 3 for values in drawn)
    assert len({values[0].item() for values in drawn}) == 3
    assert all(torch.equal(terms.judged(truth, step)[0, :, 0, 0, 0], drawn[step]) for step in range(20))
    for count in (0, 9):
        assert objective(judged_frames=count).judged(truth, 0).shape == truth.shape


def test_features_see_both_clips_at_one_place_and_scale_which_differ_by_step(clips):
    sr, truth = clips
    terms = objective(features=1.0, texture=1.0)
    found = [terms.terms(sr, truth, None, step) for step in range(6)]
    assert len({terms["features"].item() for terms in found}) == 6
    assert terms.terms(sr, truth, None, 0) == found[0]
    assert all(
        figure.item() == 0 for name, figure in terms.terms(sr, sr, None, 3).items() if name != "pixels"
    )


@pytest.mark.parametrize("name", ["features", "texture"])
def test_a_term_alone_is_weighted_alone(clips, name):
    sr, truth = clips
    terms = objective(**{name: 0.5})
    found = terms.terms(sr, truth, None, 0)
    assert terms.total(found, 0).item() == pytest.approx((found["pixels"] + 0.5 * found[name]).item())
