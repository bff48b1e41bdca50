import pytest
import torch
import torch.nn.functional as F

from tcnet.network.flow import warp
from tcnet.network.small_flow import SmallFlow
from tcnet.training.losses import charbonnier, motion_loss


@pytest.mark.parametrize("size", [(16, 16), (33, 47), (64, 32)])
def test_untrained_flow_is_defined_at_every_size_and_in_pixels(size):
    network = SmallFlow().eval()
    for level in network.levels:
        torch.nn.init.zeros_(level.last.weight)
        torch.nn.init.zeros_(level.last.bias)
    # At half the size, 1.5 and -1 pixels are 3 and -2.
    network.levels[-1].last.bias.data = torch.tensor([1.5, -1.0])
    with torch.inference_mode():
        flow = network(torch.rand(2, 3, *size), torch.rand(2, 3, *size))
    assert flow.dtype == torch.float32
    expected = torch.tensor([3.0, -2.0]).view(1, 2, 1, 1).expand(2, 2, *size)
    torch.testing.assert_close(flow, expected, atol=1e-5, rtol=0)


def test_it_learns_motion_without_being_told():
    """Two pictures of one scene moved by (2, -1): the loss alone finds it."""
    scene = F.avg_pool2d(torch.rand(1, 3, 100, 100), 5, stride=1, padding=2)
    scene = (scene - scene.mean()) * 4 + 0.5
    clip = torch.stack((scene[..., 4:84, 4:84], scene[..., 5:85, 2:82]), dim=1)
    network = SmallFlow()

    def motion(first, second):
        return network(torch.cat((first, second)), torch.cat((second, first))).chunk(2)

    adam = torch.optim.Adam(network.parameters(), lr=2e-3)
    for _ in range(150):
        adam.zero_grad()
        motion_loss(motion, clip).backward()
        adam.step()
    to_second, to_first = motion(clip[:, 0], clip[:, 1])
    inner = slice(8, -8)
    assert to_second[..., inner, inner].mean((0, 2, 3)).tolist() == pytest.approx([2, -1], abs=0.3)
    assert to_first[..., inner, inner].mean((0, 2, 3)).tolist() == pytest.approx([-2, 1], abs=0.3)
    aligned = charbonnier(warp(clip[:, 1], to_second, "border"), clip[:, 0])
    assert aligned < 0.5 * charbonnier(clip[:, 1], clip[:, 0])
