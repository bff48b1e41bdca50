import pytest
import torch

from tcnet.network.ensemble import ENSEMBLES, SelfEnsemble


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["time", "full"])
def test_it_is_the_mean_over_all_transforms(bidirectional_tcnet, kind):
    clip = torch.rand(1, 5, 3, 18, 22)
    transforms = ENSEMBLES[kind]
    assert len(set(transforms)) == {"time": 2, "full": 16}[kind]
    each = torch.stack([t.undo(bidirectional_tcnet(t.apply(clip))) for t in transforms])
    assert each.std(dim=0).max() > 1e-4  # or the mean would prove nothing
    torch.testing.assert_close(SelfEnsemble(bidirectional_tcnet, kind)(clip), each.mean(0), atol=1e-5, rtol=0)


@torch.inference_mode()
@pytest.mark.parametrize("start", [0, 2, 4])
def test_frames_from_the_start_asked_for(bidirectional_tcnet, start):
    clip = torch.rand(2, 5, 3, 16, 17)
    ensemble = SelfEnsemble(bidirectional_tcnet, "time")
    frames = list(ensemble.frames(clip, start))
    assert len(frames) == 5 - start
    torch.testing.assert_close(torch.stack(frames, 1), ensemble(clip)[:, start:], atol=1e-6, rtol=0)


@torch.inference_mode()
def test_an_infinite_picture_stays_so(bidirectional_tcnet):
    bidirectional_tcnet.reconstruction.last.bias.data[0] = float("inf")
    assert not torch.isfinite(SelfEnsemble(bidirectional_tcnet, "time")(torch.rand(1, 2, 3, 16, 16))).all()


def test_streams_have_no_reverse(forward_tcnet):
    with pytest.raises(ValueError, match="only a bidirectional network"):
        SelfEnsemble(forward_tcnet, "full")
