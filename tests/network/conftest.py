import pytest
import torch

from tcnet.network import TCNet, TCNetConfig

SMALL = {"channels": 16, "propagation_blocks": 2, "refinement_blocks": 2, "fusion_width": 8}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


LIGHT = {
    "motion": "tiny",
    "reconstruction": "direct",
    "fusion_levels": 2,
    "stability_stride": 2,
    "coarse_fusion": True,
}

NARROW = {"block_width": 8, "doubled_width": 12, "fourfold_width": 8, "motion": "small"}


@pytest.fixture(params=[{}, LIGHT, NARROW], ids=["full", "light", "narrow"])
def forward_tcnet(request):
    return TCNet(TCNetConfig(propagation="forward", **SMALL, **request.param)).eval()


@pytest.fixture
def light_tcnet():
    return TCNet(TCNetConfig(propagation="forward", **SMALL, **LIGHT)).eval()


@pytest.fixture
def bidirectional_tcnet():
    return TCNet(TCNetConfig(propagation="bidirectional", motion="small", **SMALL)).eval()


@pytest.fixture(params=["forward", "bidirectional", "light", "narrow"])
def tcnet(request):
    if request.param == "light":
        return request.getfixturevalue("light_tcnet")
    if request.param == "narrow":
        return TCNet(TCNetConfig(**SMALL, **NARROW)).eval()
    return TCNet(TCNetConfig(propagation=request.param, **SMALL)).eval()
