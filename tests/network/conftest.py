import pytest
import torch

from tcnet.network import TCNet, TCNetConfig

SMALL = {"channels": 16, "propagation_blocks": 2, "refinement_blocks": 2, "fusion_width": 8}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture
def forward_tcnet():
    return TCNet(TCNetConfig(propagation="forward", **SMALL)).eval()


@pytest.fixture
def bidirectional_tcnet():
    return TCNet(TCNetConfig(propagation="bidirectional", **SMALL)).eval()


@pytest.fixture(params=["forward", "bidirectional"])
def tcnet(request):
    return TCNet(TCNetConfig(propagation=request.param, **SMALL)).eval()
