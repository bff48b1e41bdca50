"""How far two pictures' features are from each other, as a loss and as a metric."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.perceptual.efficientnet import EfficientNetLite0, load_efficientnet

LAYERS = (0, 1, 3, 5, 11)
"""Of `EfficientNetLite0.outputs`: the stem at 1/2 of the size, ends of stages at 1/2, 1/4, 1/8 and 1/16."""
MINIMUM_SIDE = 16  # pixels, of which the last layer makes one
WINDOW = 8  # features a side, over whose places their spread is taken
FLAT = 1e-4  # variance below which the gradient of a deviation no longer grows


class FeatureDistance(nn.Module):
    """Relative L1 distance of EfficientNet-Lite0's features: 0 for equal pictures, 1 where nothing fits.

    In each layer and frame the mean absolute difference is divided by the truth's mean absolute feature, so
    that layers of any size count the same; then the mean over frames and layers. Photographs, compressed
    hard or enlarged by 4, have about 0.3 to 0.7.
    """

    def __init__(self, network: EfficientNetLite0 | None = None) -> None:
        """network: instead of the installed package's weights, of which `load_efficientnet` says more."""
        super().__init__()
        self._network = network or load_efficientnet()

    def forward(self, pictures: Tensor, truth: Tensor) -> Tensor:
        """Both (..., 3, H, W) RGB in [0, 1], H and W at least 16 -> a scalar, float32.

        Gradients flow into `pictures` only. Raises ValueError for other shapes.
        """
        found, expected = self._both(pictures, truth)
        return _mean_distance(found, expected)

    def with_texture(self, pictures: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the distance of texture: of each feature's deviation within windows of 8x8.

        The latter says whether there is as much texture of each kind, wherever its parts lie; relative as the
        former is. Blur has about 0.5.
        """
        found, expected = self._both(pictures, truth)
        with torch.no_grad():
            known = [_spread(layer) for layer in expected]
        return _mean_distance(found, expected), _mean_distance([_spread(layer) for layer in found], known)

    def _both(self, pictures: Tensor, truth: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        if pictures.shape != truth.shape or pictures.ndim < 3 or min(truth.shape[-2:]) < MINIMUM_SIDE:
            raise ValueError(
                f"pictures and truth must have one shape (..., 3, H, W) with H and W at least "
                f"{MINIMUM_SIDE}, not {tuple(pictures.shape)} and {tuple(truth.shape)}"
            )
        with torch.no_grad():
            expected = self._features(truth)
        return self._features(pictures), expected

    def _features(self, pictures: Tensor) -> list[Tensor]:
        frames = pictures.flatten(0, -4) if pictures.ndim > 3 else pictures.unsqueeze(0)  # (N, 3, H, W)
        outputs = enumerate(self._network.outputs(frames, LAYERS[-1]))
        return [layer.float() for number, layer in outputs if number in LAYERS]


def _mean_distance(found: list[Tensor], expected: list[Tensor]) -> Tensor:
    distances = [
        _per_frame(ours - known) / (_per_frame(known) + 1e-6)
        for ours, known in zip(found, expected, strict=True)
    ]
    return torch.stack(distances).mean()


def _spread(features: Tensor) -> Tensor:
    """(N, C, h, w) -> standard deviations within overlapping windows."""
    window = (min(WINDOW, features.shape[-2]), min(WINDOW, features.shape[-1]))
    step = (max(1, window[0] // 2), max(1, window[1] // 2))
    mean = F.avg_pool2d(features, window, step)
    variance = F.avg_pool2d(features.square(), window, step) - mean.square()
    return (variance.clamp(min=0) + FLAT).sqrt()


def _per_frame(features: Tensor) -> Tensor:
    """(N, C, h, w) -> mean absolute values (N,)."""
    return features.abs().mean(dim=(1, 2, 3))
