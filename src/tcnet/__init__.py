"""TCNet: video super-resolution x4 that does not flicker.

model = tcnet.load_model("tcnet-bi")          # an nn.Module in eval mode
sr = model(lr)                                # (B, T, 3, H, W) in [0, 1] -> (B, T, 3, 4H, 4W)
tcnet.upscale_video("in.mp4", "out.mp4")      # a file, with sound and times
for frame in tcnet.Upscaler(model).stream(frames): ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tcnet.version import __version__

if TYPE_CHECKING:
    from tcnet.catalogue import ModelCard, list_models
    from tcnet.errors import MediaError, TcnetError, UsageError
    from tcnet.inference import UpscaleOptions, Upscaler
    from tcnet.models import load_model
    from tcnet.network import TCNet, TCNetConfig
    from tcnet.upscale import Progress, UpscaleResult, upscale_video
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

_HOMES = (
    "tcnet.catalogue",
    "tcnet.errors",
    "tcnet.inference",
    "tcnet.models",
    "tcnet.network",
    "tcnet.upscale",
    "tcnet.video",
)


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """The public names, imported when first used: torch takes a second, and reads its settings only once."""
    if name in __all__:
        for home in _HOMES:
            module = import_module(home)
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module 'tcnet' has no attribute {name!r}")
