import torch

from tcnet.network.flow import warp
from tcnet.network.layers import shuffle, unshuffle
from tcnet.network.propagation import Neighbourhood


def test_unshuffle_undoes_shuffle():
    x = torch.rand(2, 12, 3, 5).contiguous(memory_format=torch.channels_last)
    assert torch.equal(unshuffle(shuffle(x, 2), 2), x)


def test_unshuffle_puts_the_pixels_of_a_position_side_by_side():
    x = torch.arange(16.0).view(1, 1, 4, 4)
    assert unshuffle(x, 2)[0, :, 0, 1].tolist() == [2, 3, 6, 7]


def test_with_a_stride_the_flow_is_in_steps_of_the_features():
    frame = torch.rand(1, 3, 16, 24)
    flow = torch.tensor([4.0, -2.0]).view(1, 2, 1, 1).expand(1, 2, 16, 24)
    around = Neighbourhood.of(frame, None, warp(frame, flow), None, flow, torch.float32, 2)
    assert around.frames.shape == (1, 36, 8, 12)
    assert around.flow_to_previous is None
    # A feature of the next frame, here its own pixels, lands where the next frame's pixels do.
    landed = warp(unshuffle(frame, 2), around.flow_to_next)
    torch.testing.assert_close(landed, unshuffle(warp(frame, flow), 2), atol=1e-5, rtol=0)
