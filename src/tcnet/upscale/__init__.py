"""Upscaling frames and whole videos: device, precision, memory, windows, tiles and the pipeline."""

from tcnet.upscale.compute import Statistics
from tcnet.upscale.job import UpscaleResult, plan_video, upscale_video
from tcnet.upscale.options import UpscaleOptions
from tcnet.upscale.planning import Plan, plan_upscale
from tcnet.upscale.precision import choose_device, choose_precision
from tcnet.upscale.progress import Progress
from tcnet.upscale.upscaler import Upscaler

__all__ = [
    "Plan",
    "Progress",
    "Statistics",
    "UpscaleOptions",
    "UpscaleResult",
    "Upscaler",
    "choose_device",
    "choose_precision",
    "plan_upscale",
    "plan_video",
    "upscale_video",
]
