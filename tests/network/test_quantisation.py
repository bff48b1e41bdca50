import copy

import pytest
import torch
from torch import nn

from tcnet.network import TCNet, TCNetConfig
from tcnet.network.layers import ResidualBlock, convolve
from tcnet.network.quantisation import (
    QuantisedBlock,
    QuantisedConv,
    expected_ranges,
    measure_ranges,
    quantise,
)
from tcnet.profiling.stages import all_flops
from tcnet.system.cpu_features import FAST_INT8, cpu_has

pytestmark = pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")


def features(seed, channels=16, height=19, width=23, scale=1.0):
    generator = torch.Generator().manual_seed(seed)
    loudness = torch.logspace(-2, 0, channels).view(1, -1, 1, 1)  # channels differ a hundredfold
    x = scale * loudness * torch.randn(2, channels, height, width, generator=generator)
    return x.contiguous(memory_format=torch.channels_last)


def largest(x):
    return x.abs().amax((0, 2, 3))


def error(found, expected):
    """Of all, as a fraction of what is expected."""
    return float((found.float() - expected).square().mean().sqrt() / expected.square().mean().sqrt())


@pytest.fixture
def block():
    torch.manual_seed(1)
    made = ResidualBlock(16)
    with torch.no_grad():
        for conv in (made.conv1, made.conv2):
            conv.weight.mul_(10)  # as large as the input
            nn.init.normal_(conv.bias, std=0.3)
    return made.eval().requires_grad_(False)


def ranges_of(block, x):
    return largest(x), largest(convolve(block.conv1, x, "relu"))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("scale", [1.0, 0.3, 5.0])
def test_a_block_computes_nearly_the_same_also_beyond_its_ranges(block, dtype, scale):
    quantised = QuantisedBlock(block, *ranges_of(block, features(0)))
    x = features(1, scale=scale).to(dtype)
    found = quantised(x.clone())
    branch = block(x.float()) - x.float()
    assert found.dtype == dtype
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert error(found.float() - x.float(), branch) < 0.03


@pytest.mark.parametrize("activation", ["none", "relu", "leaky_relu"])
@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("size", [3, 7])
def test_a_convolution_computes_nearly_the_same(activation, channels_last, size):
    torch.manual_seed(2)
    conv = nn.Conv2d(16, 24, size, padding=size // 2).requires_grad_(False)
    x = features(3)
    quantised = QuantisedConv(conv, largest(x))
    given = x if channels_last else x.contiguous()
    found = convolve(quantised, given, activation)
    assert error(found, convolve(conv, x, activation)) < 0.02
    assert torch.equal(given, x)


def test_a_residual_is_added_and_left_as_it_is():
    torch.manual_seed(2)
    conv = nn.Conv2d(16, 16, 3, padding=1).requires_grad_(False)
    x, residual = features(3), features(4)
    kept = residual.clone()
    found = convolve(QuantisedConv(conv, largest(x)), x, residual=residual)
    assert error(found - residual, conv(x)) < 0.02
    assert torch.equal(residual, kept)


def test_a_quiet_channel_is_not_drowned_by_a_loud_one():
    conv = nn.Conv2d(2, 1, 3, padding=1, bias=True).requires_grad_(False)
    conv.weight.zero_()
    conv.bias.zero_()
    conv.weight[0, 0, 1, 1] = 100.0  # hears the quiet channel alone
    x = features(5, channels=2)
    x[:, 0] /= x[:, 0].abs().max() / 0.2
    x[:, 1] /= x[:, 1].abs().max()
    found = convolve(QuantisedConv(conv, largest(x)), x)
    step = 1.25 * 0.2 / 127
    assert float((found - 100 * x[:, :1]).abs().max()) <= 100 * step / 2 * 1.01


def test_silence_and_a_layer_without_ranges_are_harmless():
    conv = nn.Conv2d(16, 16, 3, padding=1).requires_grad_(False)
    silent = QuantisedConv(conv, torch.zeros(16))
    nothing = torch.zeros(1, 16, 5, 5)
    assert torch.allclose(silent(nothing, "none", None), conv(nothing), atol=1e-6)
    x = features(6)
    assert error(silent(x, "none", None), conv(x)) < 0.05


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_not_finite_does_not_become_so(block, value):
    x = features(7)
    quantised = QuantisedConv(block.conv1, largest(x)), QuantisedBlock(block, *ranges_of(block, x))
    x[0, 3, 5, 7] = value
    assert not quantised[0](x, "none", None).isfinite().all()
    assert not quantised[1](x.clone()).isfinite().all()


@pytest.fixture(scope="module", params=["full", "direct", "narrow"])
def network(request):
    torch.manual_seed(3)
    config = TCNetConfig(
        channels=16,
        propagation_blocks=2,
        refinement_blocks=2,
        alignment_depth=1,
        alignment_window=8,
        matching_depth=1,
        matching_window=8,
        fusion_width=8,
        **({"reconstruction": "direct"} if request.param == "direct" else {}),
        **({"block_width": 8, "doubled_width": 12, "fourfold_width": 8} if request.param == "narrow" else {}),
    )
    return TCNet(config).eval().requires_grad_(False).to(memory_format=torch.channels_last)


def clip(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, 3, 3, 24, 32, generator=generator)


def test_ranges_are_those_of_the_clips(network):
    ranges = measure_ranges(network, [clip(0), clip(1)])
    assert {name: len(values) for name, values in ranges.items()} == expected_ranges(network)
    assert not network.ranges
    one = measure_ranges(network, [clip(0)])
    assert all((ranges[name] >= one[name]).all() for name in one)
    assert any((ranges[name] > one[name]).any() for name in one)
    assert all(float(values.max()) > 0 for values in ranges.values())


def test_a_quantised_network_gives_nearly_the_same_pictures(network):
    quantised = copy.deepcopy(network)
    quantised.ranges = measure_ranges(network, [clip(0)])
    quantise(quantised)
    blocks = [*quantised.propagation.trunk.blocks, *quantised.refinement.trunk.blocks]
    assert all(isinstance(block, QuantisedBlock) for block in blocks)
    kept = quantised.refinement.trunk.entry.conv, *(level[0] for level in quantised.motion.spynet.levels)
    assert all(isinstance(conv, nn.Conv2d) for conv in kept)  # pictures need more than 8 bits
    for module in (quantised.motion, quantised.stability):
        assert any(isinstance(part, QuantisedConv) for part in module.modules())
    with torch.inference_mode():
        expected, found = network(clip(1)), quantised(clip(1))
    detail = expected - nn.functional.interpolate(clip(1)[0], scale_factor=4, mode="bilinear")
    assert error(found - expected + detail, detail) < 0.02
    assert not torch.equal(found, expected)
    assert all_flops(lambda: quantised(clip(1))) == all_flops(lambda: network(clip(1)))


def test_what_has_no_ranges_stays_as_it_is(network):
    ranges = measure_ranges(network, [clip(0)])
    quantised = copy.deepcopy(network)
    quantised.ranges = {name: ranges[name] for name in ranges if not name.startswith("motion.")}
    del quantised.ranges["refinement.trunk.blocks.1.conv2"]
    quantise(quantised)
    assert not any(isinstance(part, QuantisedConv) for part in quantised.motion.modules())
    first, second = quantised.refinement.trunk.blocks
    assert isinstance(first, QuantisedBlock)
    assert isinstance(second.conv1, QuantisedConv)
    assert isinstance(second.conv2, nn.Conv2d)
    with torch.inference_mode():
        assert quantised(clip(1)).isfinite().all()


def test_a_network_without_ranges_is_refused(network):
    with pytest.raises(ValueError, match="no ranges"):
        quantise(network)
