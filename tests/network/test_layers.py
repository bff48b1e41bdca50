import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tcnet.network.layers import ConvBlock, ResidualBlock, ResidualTrunk, convolve, memory_layout


def channels_last(tensor):
    return tensor.contiguous(memory_format=torch.channels_last)


@pytest.fixture
def conv():
    torch.manual_seed(0)
    return nn.Conv2d(16, 16, 3, padding=1).to(memory_format=torch.channels_last)


@torch.inference_mode()
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("activation", "reference"),
    [("none", lambda y: y), ("relu", F.relu), ("leaky_relu", lambda y: F.leaky_relu(y, 0.1))],
)
def test_fused_activations_equal_separate_ones(activation, reference, stride):
    conv = nn.Conv2d(16, 24, 3, stride=stride, padding=1).to(memory_format=torch.channels_last)
    x = channels_last(torch.randn(2, 16, 13, 11))
    torch.testing.assert_close(convolve(conv, x, activation), reference(conv(x)), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_fused_residual_equals_a_separate_one_and_is_left_as_it_was(conv):
    x, residual = (channels_last(torch.randn(1, 16, 13, 11)) for _ in range(2))
    kept = residual.clone()
    torch.testing.assert_close(convolve(conv, x, residual=residual), conv(x) + residual, atol=1e-5, rtol=1e-5)
    assert torch.equal(residual, kept)


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_trunk_gives_what_its_layers_give_and_leaves_its_input(dtype):
    """Its blocks overwrite what the one before gave."""
    trunk = ResidualTrunk(16, 16, blocks=3).to(dtype, memory_format=torch.channels_last)
    x = channels_last(torch.randn(1, 16, 13, 11).to(dtype))
    kept = x.clone()
    expected = F.leaky_relu(trunk.entry.conv(x), 0.1)
    for block in trunk.blocks:
        expected = expected + block.conv2(F.relu(block.conv1(expected)))
    tolerance = 1e-5 if dtype == torch.float32 else 2e-2
    torch.testing.assert_close(trunk(x), expected, atol=tolerance, rtol=tolerance)
    assert torch.equal(x, kept)


@torch.inference_mode()
def test_half_precision_differs_by_rounding_only(conv):
    half = conv.to(torch.bfloat16)
    x, residual = (channels_last(torch.randn(1, 16, 13, 11).to(torch.bfloat16)) for _ in range(2))
    exact = F.conv2d(x.float(), half.weight.float(), half.bias.float(), padding=1) + residual.float()
    torch.testing.assert_close(convolve(half, x, residual=residual).float(), exact, atol=2e-2, rtol=1e-2)


@torch.inference_mode()
def test_any_memory_layout_gives_the_same(conv):
    x = torch.randn(1, 16, 13, 11)
    torch.testing.assert_close(convolve(conv, x, "relu"), convolve(conv, channels_last(x), "relu"))


def test_gradients_flow_where_they_are_wanted(conv):
    x = channels_last(torch.randn(1, 16, 9, 9)).requires_grad_()
    ResidualBlock(16)(ConvBlock(16, 16)(convolve(conv, x, "relu"))).sum().backward()
    assert x.grad.abs().max() > 0
    assert conv.weight.grad.abs().max() > 0


def test_the_layout_of_the_weights(conv):
    assert memory_layout(conv) == torch.channels_last
    assert memory_layout(nn.Conv2d(16, 16, 3)) == torch.contiguous_format
