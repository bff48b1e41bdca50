"""LPIPS: the distance of two pictures in the feature space of a network trained on photographs.

Zhang, Isola, Efros, Shechtman, Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual
Metric", CVPR 2018: version 0.1 on AlexNet, which most tables mean. Computed by the authors' package `lpips`.
That needs torchvision and fetches AlexNet's weights (233 MB) when it is first used; none comes with tcnet.
"""

from importlib import metadata
from typing import Any, Protocol

import torch
from torch import Tensor

from tcnet.errors import UsageError

MINIMUM_SIDE = 32  # pixels; AlexNet's poolings need as many


class PerceptualDistance(Protocol):
    """name: version and weights, for the record."""

    @property
    def name(self) -> str: ...
    def __call__(self, codes: Tensor, true_codes: Tensor) -> float:
        """Two pictures, uint8 RGB (3, H, W) -> 0 for equal ones, lower is better."""
        ...


class Lpips:
    """LPIPS 0.1 (AlexNet) on RGB, over the whole picture."""

    def __init__(self, network: Any, device: torch.device, version: str) -> None:  # noqa: ANN401
        """network: as `lpips.LPIPS` is called: two (1, 3, H, W) in [-1, 1] -> (1, 1, 1, 1)."""
        self._network = network.to(device)
        self._device = device
        self.name = f"lpips {version}, 0.1 alex"

    @torch.inference_mode()
    def __call__(self, codes: Tensor, true_codes: Tensor) -> float:
        if min(codes.shape[-2:]) < MINIMUM_SIDE:
            height, width = codes.shape[-2:]
            raise UsageError(f"LPIPS needs frames of at least 32x32 pixels, not {width}x{height}")
        first, second = (
            image.to(self._device).unsqueeze(0) / 127.5 - 1 for image in (codes, true_codes)
        )  # (1, 3, H, W)
        return float(self._network(first, second))


def load_lpips(device: torch.device) -> Lpips:
    """Raises UsageError where the package, torchvision or AlexNet's weights are missing."""
    try:
        import lpips
    except ImportError as error:
        raise UsageError(
            f"metric 'lpips' needs lpips and torchvision ({error}): pip install lpips torchvision"
        ) from error
    try:
        network = lpips.LPIPS(net="alex", version="0.1", verbose=False)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise UsageError(
            f"metric 'lpips': AlexNet's weights could not be loaded ({reason}); they are fetched once, "
            "into torch's cache ($TORCH_HOME), so let it reach the network or put them there"
        ) from error
    return Lpips(network, device, metadata.version("lpips"))
