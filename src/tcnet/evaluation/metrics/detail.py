"""How much detail a picture has, and how much it changes from frame to frame, against the ground truth.

Both are ratios: 1 is the truth's, below it a video is blurred or smoothed, above it it is sharpened, noisy or
flickers. Neither says that the detail is the right one; read them beside a distance.
"""

import math
from collections import deque

import torch
from torch import Tensor

from tcnet.evaluation.metrics.fidelity import rgb_to_y
from tcnet.evaluation.metrics.temporal import FLICKER_FRAMES, static_pixels
from tcnet.evaluation.result import mean_of_known

CHANGES = ("change", "static-change")


def detail_ratio(codes: Tensor, true_codes: Tensor) -> float:
    """Gradient energy of the picture divided by the truth's, on luma.

    The energy is the sum of squared differences of neighbouring pixels, across and down. NaN where the truth
    is flat. codes, true_codes: uint8 RGB (3, H, W).
    """
    true_energy = _gradient_energy(rgb_to_y(true_codes))
    return _gradient_energy(rgb_to_y(codes)) / true_energy if true_energy > 0 else math.nan


class ChangeMeter:
    """Mean absolute change of luma from frame to frame, divided by the truth's mean over the clip.

    "change" is over all pixels, "static-change" over those of static regions, as `static_pixels` finds them
    in the newest FLICKER_FRAMES frames of the truth. So the mean over the frames is the ratio of the means,
    and a single frame in which the truth hardly moves does not decide it. NaN in the first frames, where
    nothing is static, and throughout where the truth does not change (static-region flicker has a value).
    """

    def __init__(self) -> None:
        self._earlier: tuple[Tensor, Tensor] | None = None
        self._true_lumas: deque[Tensor] = deque(maxlen=FLICKER_FRAMES)
        self._found: dict[str, list[tuple[float, float]]] = {name: [] for name in CHANGES}

    def add(self, codes: Tensor, true_codes: Tensor) -> None:
        """The next frame restored and true, uint8 RGB (3, H, W)."""
        luma, true_luma = rgb_to_y(codes)[0], rgb_to_y(true_codes)[0]
        earlier, self._earlier = self._earlier, (luma, true_luma)
        self._true_lumas.append(true_luma)
        if earlier is None:
            changes = still_changes = (math.nan, math.nan)
        else:
            moved = tuple((now - before).abs() for now, before in zip(self._earlier, earlier, strict=True))
            changes = moved[0].mean().item(), moved[1].mean().item()
            still_changes = self._within_static_regions(*moved)
        for name, pair in zip(CHANGES, (changes, still_changes), strict=True):
            self._found[name].append(pair)

    def ratios(self, name: str) -> tuple[float, ...]:
        """A figure for each frame, of one of CHANGES."""
        true_mean = mean_of_known([true for _, true in self._found[name]])
        return tuple(value / true_mean if true_mean > 0 else math.nan for value, _ in self._found[name])

    def _within_static_regions(self, moved: Tensor, true_moved: Tensor) -> tuple[float, float]:
        if len(self._true_lumas) < FLICKER_FRAMES:
            return math.nan, math.nan
        still = static_pixels(torch.stack(tuple(self._true_lumas)))
        if not still.any():
            return math.nan, math.nan
        return moved[still].mean().item(), true_moved[still].mean().item()


def _gradient_energy(luma: Tensor) -> float:
    return sum(luma.diff(dim=dim).square().sum().item() for dim in (-2, -1))
