"""Files to files: open, plan, decode, compute and encode side by side, resume what was interrupted."""

from tcnet.upscale.progress import Progress
from tcnet.upscale.run import UpscaleResult, plan_video, upscale_video

__all__ = ["Progress", "UpscaleResult", "plan_video", "upscale_video"]
