"""NIQE: how far the statistics of a picture are from those of photographs; the truth is not looked at.

Mittal, Soundararajan, Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE Signal Processing
Letters 20(3), 2013. The model of undamaged pictures is our own, fitted by scripts/fit_niqe.py to photographs,
so that values are not those of published tables: compare them with each other. Lower is better, down to the
truth's.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.data.degradation import imresize
from tcnet.errors import UsageError
from tcnet.evaluation.metrics.fidelity import rgb_to_y

BLOCK = 96  # pixels: side of the blocks at full size
SCALES = (1, 2)
SHARP_SHARE = 0.75  # of a photograph's sharpest block, for a block to be taken into the model
FLAT = 0.01  # 8-bit steps of mean local deviation
FEATURES = 36
_WINDOW, _SIGMA = 7, 7 / 6
_STABILISER = 1.0  # of the division by the local deviation, in 8-bit steps
_SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))  # of the neighbours: across, down and on both diagonals
MODEL_NAME = "niqe.npz"


@dataclass(frozen=True, slots=True, eq=False)
class NaturalStatistics:
    """Mean (36,) and covariance (36, 36) of block features, float64. photographs: their number."""

    mean: Tensor
    covariance: Tensor
    photographs: int


class PictureJudge(Protocol):
    """Scores single pictures. name: with the model, for the record."""

    @property
    def name(self) -> str: ...
    def __call__(self, codes: Tensor) -> float:
        """uint8 RGB (3, H, W) -> its figure."""
        ...


class Niqe:
    """The distance of a picture's statistics from a model's."""

    def __init__(self, model: NaturalStatistics, name: str) -> None:
        self._model = model
        self.name = name

    def __call__(self, codes: Tensor) -> float:
        """uint8 RGB (3, H, W), at least 192x96 or 96x192. NaN where nearly all of it is flat."""
        height, width = codes.shape[-2:]
        if (height // BLOCK) * (width // BLOCK) < 2:
            raise UsageError(
                f"NIQE needs frames of at least {2 * BLOCK}x{BLOCK} pixels, not {width}x{height}"
            )
        features, _ = block_features(rgb_to_y(codes)[0])
        known = features[features.isfinite().all(dim=1)]
        if len(known) < 2:
            return math.nan
        off = known.mean(dim=0) - self._model.mean
        covariance = (torch.cov(known.T) + self._model.covariance) / 2
        return math.sqrt(max((off @ torch.linalg.pinv(covariance, hermitian=True) @ off).item(), 0.0))


def block_features(luma: Tensor) -> tuple[Tensor, Tensor]:
    """Of each block of 96x96 pixels: features (N, 36), NaN for flat blocks, and sharpness (N,).

    luma: float64 (H, W) in 8-bit steps; what is beyond whole blocks is left out. Sharpness is the mean local
    deviation.
    """
    height, width = (side // BLOCK * BLOCK for side in luma.shape)
    luma = luma[:height, :width]
    found, sharpness = [], torch.empty(0)
    for scale in SCALES:
        if scale > 1:
            luma = imresize(luma, size=(height // scale, width // scale))
        normalised, deviation = _normalised(luma)
        blocks = _blocks(normalised, BLOCK // scale)
        found.append(_moments(blocks))
        if scale == 1:
            sharpness = _blocks(deviation, BLOCK).mean(dim=(1, 2))
    features = torch.cat(found, dim=1)
    features[sharpness < FLAT] = math.nan  # what is left there is rounding
    return features, sharpness


def fit(lumas: list[Tensor]) -> NaturalStatistics:
    """A model of photographs, by their sharp blocks: lumas as for `block_features`."""
    taken = []
    for luma in lumas:
        features, sharpness = block_features(luma)
        chosen = features[sharpness > SHARP_SHARE * sharpness.max()]
        taken.append(chosen[chosen.isfinite().all(dim=1)])
    sharp = torch.cat(taken)
    return NaturalStatistics(sharp.mean(dim=0), torch.cov(sharp.T), len(lumas))


def load_niqe() -> Niqe:
    """With the model in the package."""
    path = Path(str(resources.files("tcnet") / "evaluation" / "metrics" / MODEL_NAME))
    with np.load(path, allow_pickle=False) as stored:
        mean, covariance = (torch.from_numpy(stored[name]) for name in ("mean", "covariance"))
        photographs = int(stored["photographs"])
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return Niqe(
        NaturalStatistics(mean, covariance, photographs), f"own model {digits}, {photographs} photographs"
    )


def _normalised(luma: Tensor) -> tuple[Tensor, Tensor]:
    """(H, W) -> each pixel less its local mean, divided by its local deviation plus 1; and the deviation."""
    offsets = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
    taps = torch.exp(-0.5 * (offsets / _SIGMA).square())
    taps = taps / taps.sum()

    def smooth(plane: Tensor) -> Tensor:
        padded = F.pad(plane[None, None], (_WINDOW // 2,) * 4, mode="replicate")
        across = F.conv2d(padded, taps.view(1, 1, 1, -1))
        return F.conv2d(across, taps.view(1, 1, -1, 1))[0, 0]

    mean = smooth(luma)
    deviation = (smooth(luma.square()) - mean.square()).abs().sqrt()
    return (luma - mean) / (deviation + _STABILISER), deviation


def _blocks(plane: Tensor, side: int) -> Tensor:
    """(H, W) -> (N, side, side), row by row."""
    rows, columns = (length // side for length in plane.shape)
    return plane.view(rows, side, columns, side).transpose(1, 2).reshape(-1, side, side)


def _moments(blocks: Tensor) -> Tensor:
    """(N, side, side) -> 18 features: shape and width of the values, and for products with each of four
    neighbours shape, mean, and width on either side."""
    shape, left, right = _asymmetric_gaussian(blocks)
    found = [shape, (left + right) / 2]
    for shift in _SHIFTS:
        shape, left, right = _asymmetric_gaussian(blocks * blocks.roll(shift, dims=(1, 2)))
        mean = (right - left) * torch.exp(torch.lgamma(2 / shape) - torch.lgamma(1 / shape))
        found += [shape, mean, left, right]
    return torch.stack(found, dim=1)


def _asymmetric_gaussian(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The generalised Gaussian with two widths that has the moments of values (N, h, w): shape, left and
    right width, (N,) each. Lasmar, Stitou, Berthoumieu, ICIP 2009. NaN where one side has no value."""
    flat = values.flatten(1)
    squares = flat.square()
    left, right = (
        ((squares * side).sum(dim=1) / side.sum(dim=1)).sqrt() for side in (flat < 0, flat > 0)
    )  # (N,)
    skew = left / right
    ratio = flat.abs().mean(dim=1).square() / squares.mean(dim=1)
    ratio = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1).square()
    shapes, ratios = _shapes_by_ratio()
    # The ratio grows with the shape, so the nearest is on one side of where it would be put in.
    above = torch.searchsorted(ratios, ratio.nan_to_num(nan=1.0)).clamp(1, len(ratios) - 1)
    nearest = torch.where(ratio - ratios[above - 1] <= ratios[above] - ratio, above - 1, above)
    shape = torch.where(ratio.isfinite(), shapes[nearest], math.nan)
    width = torch.exp(0.5 * (torch.lgamma(1 / shape) - torch.lgamma(3 / shape)))
    return shape, left * width, right * width


@cache
def _shapes_by_ratio() -> tuple[Tensor, Tensor]:
    """Shapes of generalised Gaussians, and the squared mean magnitude over the variance of each."""
    shapes = torch.arange(200, 10001, dtype=torch.float64) / 1000
    logarithm = 2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes)
    return shapes, logarithm.exp()
