"""TCNet: video super-resolution x4 that does not flicker.

model = tcnet.load_model("tcnet-bi")          # an nn.Module in eval mode
sr = model(lr)                                # (B, T, 3, H, W) in [0, 1] -> (B, T, 3, 4H, 4W)
tcnet.upscale_video("in.mp4", "out.mp4")      # a file, with sound and times
for frame in tcnet.Upscaler(model).stream(frames): ...
"""

from tcnet.errors import MediaError, TcnetError, UsageError
from tcnet.models import ModelCard, list_models, load_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.upscale import Progress, UpscaleOptions, Upscaler, UpscaleResult, upscale_video
from tcnet.version import __version__
from tcnet.video import EncodeOptions, Frame, ReadOptions

__all__ = [
    "EncodeOptions",
    "Frame",
    "MediaError",
    "ModelCard",
    "Progress",
    "ReadOptions",
    "TCNet",
    "TCNetConfig",
    "TcnetError",
    "UpscaleOptions",
    "UpscaleResult",
    "Upscaler",
    "UsageError",
    "__version__",
    "list_models",
    "load_model",
    "upscale_video",
]
