"""The distance of two pictures in the features of EfficientNet-Lite0, as a metric of frames."""

import torch
from torch import Tensor

from tcnet.errors import UsageError
from tcnet.perceptual.efficientnet import SHA256
from tcnet.perceptual.feature_distance import MINIMUM_SIDE, FeatureDistance


class FrameFeatures:
    """`FeatureDistance` of single frames: 0 for equal ones, lower is better. No published table has it."""

    def __init__(self, distance: FeatureDistance, device: torch.device) -> None:
        self._distance = distance.to(device)
        self._device = device
        self.name = f"EfficientNet-Lite0 {SHA256[:12]}"

    @torch.inference_mode()
    def __call__(self, codes: Tensor, true_codes: Tensor) -> float:
        """Two pictures, uint8 RGB (3, H, W)."""
        height, width = codes.shape[-2:]
        if min(height, width) < MINIMUM_SIDE:
            raise UsageError(
                f"the feature distance needs frames of at least {MINIMUM_SIDE}x{MINIMUM_SIDE} pixels, "
                f"not {width}x{height}"
            )
        return float(self._distance(*(image.to(self._device) / 255 for image in (codes, true_codes))))


def load_features(device: torch.device) -> FrameFeatures:
    """Raises UsageError where the weights are not installed."""
    try:
        distance = FeatureDistance()
    except UsageError as error:
        raise UsageError(f"metric 'features': {error}") from error
    return FrameFeatures(distance, device)
