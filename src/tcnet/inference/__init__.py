"""Frames to frames in bounded memory: device, precision, windows, tiles. Nothing here touches a disk."""

from tcnet.inference.compute import Statistics
from tcnet.inference.plan import Plan, plan_upscale
from tcnet.inference.precision import choose_device, choose_precision
from tcnet.inference.upscale_options import UpscaleOptions
from tcnet.inference.upscaler import Upscaler, upscale_frames

__all__ = [
    "Plan",
    "Statistics",
    "UpscaleOptions",
    "Upscaler",
    "choose_device",
    "choose_precision",
    "plan_upscale",
    "upscale_frames",
]
