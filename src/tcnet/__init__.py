"""TCNet: temporally consistent video super-resolution x4.

model = tcnet.load_model("tcnet-bi")          # an nn.Module in eval mode
sr = model(lr)                                # (B, T, 3, H, W) in [0, 1] -> (B, T, 3, 4H, 4W)
tcnet.upscale_video("in.mp4", scale=2)        # a file, with sound and times -> in.x2.mp4
for large in tcnet.upscale_frames(arrays): ...
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tcnet.system.process import on_import
from tcnet.version import __version__

on_import()  # before torch is loaded; `tcnet.system.process` says what it sets, and how to prevent it

if TYPE_CHECKING:
    from tcnet.catalogue import ModelCard, list_models
    from tcnet.errors import MediaError, TcnetError, UsageError
    from tcnet.inference import Plan, UpscaleOptions, Upscaler, upscale_frames
    from tcnet.models import TCNet, load_model, save_model
    from tcnet.network import TCNetConfig
    from tcnet.upscale import Progress, UpscaleResult, plan_video, upscale_video
    from tcnet.video import EncodeOptions, Frame, ReadOptions, open_sink, open_source

__all__ = [
    "EncodeOptions",
    "Frame",
    "MediaError",
    "ModelCard",
    "Plan",
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
    "open_sink",
    "open_source",
    "plan_video",
    "save_model",
    "upscale_frames",
    "upscale_video",
]

_HOMES = {
    "tcnet.catalogue": ("ModelCard", "list_models"),
    "tcnet.errors": ("MediaError", "TcnetError", "UsageError"),
    "tcnet.inference": ("Plan", "UpscaleOptions", "Upscaler", "upscale_frames"),
    "tcnet.models": ("TCNet", "load_model", "save_model"),
    "tcnet.network": ("TCNetConfig",),
    "tcnet.upscale": ("Progress", "UpscaleResult", "plan_video", "upscale_video"),
    "tcnet.video": ("EncodeOptions", "Frame", "ReadOptions", "open_sink", "open_source"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """The public names, imported when first used: torch takes a second, and reads its settings only once."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module 'tcnet' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
