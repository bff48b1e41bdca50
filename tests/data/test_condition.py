import pytest
import torch

from tcnet.data.condition import check_condition, degrade_under
from tcnet.data.degradation import degrade_bd, degrade_bi, to_8bit
from tcnet.errors import UsageError


@pytest.fixture(scope="module")
def hr():
    coarse = torch.randint(0, 256, (4, 3, 24, 32), generator=torch.Generator().manual_seed(0))
    return coarse.repeat_interleave(8, -1).repeat_interleave(8, -2).to(torch.uint8)


@pytest.mark.parametrize(("name", "degrade"), [("BI", degrade_bi), ("BD", degrade_bd)])
def test_without_compression_it_is_the_benchmarks_degradation(hr, name, degrade):
    assert torch.equal(degrade_under(hr, name), to_8bit(degrade(hr / 255)))


def test_compression_comes_after_it_and_a_higher_crf_is_farther_off(hr):
    clean = degrade_under(hr, "BI").float()
    errors = [(degrade_under(hr, f"BI+crf{crf}") - clean).square().mean() for crf in (10, 23, 40)]
    assert 0 < errors[0] < errors[1] < errors[2]
    assert torch.equal(degrade_under(hr, "BI+crf23"), degrade_under(hr, "BI+crf23"))


def test_names():
    assert check_condition("BD") == ("BD", None)
    assert check_condition("BI+crf5") == ("BI", 5)
    with pytest.raises(UsageError, match="degradation 'video' is unknown; choose one of BI, BD"):
        check_condition("video")
    for name in ("BI+", "BI+crf", "BI+crf52", "BI+hevc20", "BI+crf 3"):
        with pytest.raises(UsageError, match=r"after \+ comes H.264's quality, crf0 to crf51"):
            check_condition(name)
