"""What training minimises."""

import torch
from torch import Tensor

EPSILON = 1e-8  # 1e-4 squared, a fortieth of an 8-bit step


def charbonnier(sr_clip: Tensor, target: Tensor) -> Tensor:
    """Mean of sqrt(difference² + epsilon): the smooth L1 of video super-resolution; a scalar, float32.

    Both of one shape. Lai et al., "Deep Laplacian Pyramid Networks", CVPR 2017, section 3.2.
    """
    difference = sr_clip.float() - target.float()
    return torch.sqrt(difference.square() + EPSILON).mean()
