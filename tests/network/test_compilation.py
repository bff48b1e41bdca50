import copy

import pytest
import torch

from tcnet.network import TCNet, TCNetConfig
from tcnet.network.compilation import compile_stages

CONFIG = TCNetConfig(
    propagation="forward", channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8,
    fusion_levels=2, group_size=2, reconstruction="direct",
)  # fmt: skip


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TCNet(CONFIG).eval().requires_grad_(False).to(memory_format=torch.channels_last)


@pytest.fixture(params=["traced", pytest.param("compiled", marks=pytest.mark.slow)])
def _backend(request, monkeypatch):
    """Code in C++ takes most of a minute to make; graphs are the same without, and run operation by operation."""
    if request.param == "traced":
        compiler = torch.compile
        monkeypatch.setattr(
            torch,
            "compile",
            lambda function, dynamic, options: compiler(function, dynamic=dynamic, backend="eager"),
        )


@pytest.mark.usefixtures("_backend")
@torch.inference_mode()
def test_compiled_stages_give_what_the_network_gives(network):
    torch._dynamo.reset()
    compiled = copy.deepcopy(network)
    compile_stages(compiled)
    clip = torch.rand(1, 5, 3, 32, 32)
    graphs = torch._dynamo.utils.counters["stats"]
    before = graphs["unique_graphs"]
    list(compiled.frames(clip[:, :4]))
    of_whole_groups = graphs["unique_graphs"]
    expected, result = (torch.stack(list(each.frames(clip))) for each in (network, compiled))
    assert (expected - expected.mean()).abs().max() > 0.1
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)
    # The fifth frame is a group of one, for which nothing is compiled anew.
    assert graphs["unique_graphs"] == of_whole_groups > before


@pytest.mark.parametrize("missing", ["CXX", "PATH"])
def test_without_a_compiler_nothing_is_replaced(network, monkeypatch, missing):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv(missing, "no-such-compiler")
    with pytest.raises(ValueError, match=r"no C\+\+ compiler"):
        compile_stages(network)
    assert all("forward" not in vars(stage) for stage in network.children())
