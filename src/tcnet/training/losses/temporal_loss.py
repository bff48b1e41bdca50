"""The temporal loss: no more change from frame to frame than the truth has, along its motion."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.models import load_model
from tcnet.network.flow import SPyNet, warp

MOTION_MODEL = "tcnet-video"  # whose SPyNet finds the truth's motion
MOTION_SCALE = 2  # of the truth's size, at which it is found: a quarter of the FLOPs
STATIC = 2 / 255  # change up to which a pixel of the truth is static: coding noise


class TemporalLoss(nn.Module):
    """By how much the restored clip changes more than the true one, from each frame to the next.

    Both are warped by the same flow, found on the truth. Where that is wrong or something comes into view,
    the true clip changes as well and nothing is asked of the restored one. In static regions flow is zero.
    """

    def __init__(self, spynet: SPyNet | None = None) -> None:
        """spynet: instead of MOTION_MODEL's."""
        super().__init__()
        found = spynet or load_model(MOTION_MODEL).motion.spynet
        assert found is not None
        self._spynet = found.float().eval().requires_grad_(False)

    def forward(self, sr_clip: Tensor, hr_clip: Tensor) -> Tensor:
        """Both (B, T, 3, H, W) RGB in [0, 1], H and W even -> a scalar, float32; 0 for a single frame."""
        return self.with_static(sr_clip, hr_clip)[0]

    def with_static(self, sr_clip: Tensor, hr_clip: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and what static pixels have of it."""
        sr, hr = sr_clip.float(), hr_clip.float()
        if sr.shape[1] == 1:
            nothing = (0 * sr).sum()
            return nothing, nothing
        earlier, later = hr[:, :-1].flatten(0, 1), hr[:, 1:].flatten(0, 1)  # (B (T - 1), 3, H, W)
        static = (later - earlier).abs().amax(dim=1, keepdim=True) <= STATIC
        flow = torch.where(static, 0.0, self.flow(earlier, later))
        true_change = (warp(later, flow, padding_mode="border") - earlier).abs()
        warped = warp(sr[:, 1:].flatten(0, 1), flow, padding_mode="border")
        excess = F.relu((warped - sr[:, :-1].flatten(0, 1)).abs() - true_change)
        return excess.mean(), (excess * static).mean()

    @torch.no_grad()
    def flow(self, earlier: Tensor, later: Tensor) -> Tensor:
        """(N, 3, H, W) twice -> (N, 2, H, W): warp(later, flow) resembles earlier."""
        smaller = [F.avg_pool2d(frames, MOTION_SCALE) for frames in (earlier, later)]
        flow = self._spynet(*smaller)
        return MOTION_SCALE * F.interpolate(
            flow, scale_factor=MOTION_SCALE, mode="bilinear", align_corners=False
        )
