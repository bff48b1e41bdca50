"""All that a step minimises, term by term."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tcnet.perceptual.feature_distance import MINIMUM_SIDE, FeatureDistance
from tcnet.training.config import TrainingConfig
from tcnet.training.losses.adversarial import Adversary
from tcnet.training.losses.pixel import charbonnier, dissimilarity
from tcnet.training.losses.temporal_loss import TemporalLoss


class Objective:
    """The terms that `[loss]` and `[adversarial]` ask for. dtype: torch.float32, or what the networks among
    them compute in. Raises UsageError where weights that a term needs are missing."""

    def __init__(self, config: TrainingConfig, device: torch.device, dtype: torch.dtype) -> None:
        options = config.loss
        self._epsilon = options.epsilon
        self._teacher = config.teacher
        self._seed = config.seed
        self._judged_frames = options.judged_frames
        self._device = device
        self._reduced = dtype != torch.float32
        self._weights = {
            "pixels": 1.0,
            "structure": options.structure,
            "features": options.features,
            "texture": options.texture,
            "temporal": options.temporal,
            "static": options.static,
            "reversal": options.reversal,
        }
        self._features = FeatureDistance().to(device) if options.features or options.texture else None
        self._temporal = TemporalLoss().to(device) if options.temporal or options.static else None
        self.adversary = None
        if config.adversarial.weight:
            self.adversary = Adversary(config.adversarial, config.seed, device)

    @property
    def features(self) -> FeatureDistance | None:
        """Where a term is made of it."""
        return self._features

    @property
    def compares_reversed(self) -> bool:
        """Whether `terms` needs `reversed_sr`."""
        return self._weights["reversal"] > 0

    def terms(
        self, sr: Tensor, hr: Tensor, teaching: Tensor | None, step: int, reversed_sr: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Scalars by name, not weighted. sr, hr, teaching, reversed_sr (what the network makes of the clip
        that runs backward, in the order of `sr`): (B, T, 3, H, W) in [0, 1]."""
        found = {"pixels": self._pixels(sr, hr, teaching)}
        if self._weights["structure"]:
            found["structure"] = dissimilarity(sr, hr)
        if reversed_sr is not None:
            found["reversal"] = charbonnier(sr, reversed_sr)
        judged_sr, judged_hr = self.judged(sr, step), self.judged(hr, step)
        if self._temporal is not None:
            found["temporal"], static = self._temporal.with_static(judged_sr, judged_hr)
            if self._weights["static"]:
                found["static"] = static
        with self.autocast():
            if self._features is not None:
                views = (self._view(clip, step) for clip in (judged_sr, judged_hr))
                if self._weights["texture"]:
                    found["features"], found["texture"] = self._features.with_texture(*views)
                else:
                    found["features"] = self._features(*views)
            if self.adversary is not None:
                found["adversarial"] = self.adversary.network_loss(judged_sr)
        return found

    def judged(self, clip: Tensor, step: int) -> Tensor:
        """The neighbouring frames of (B, T, 3, H, W) that the terms beside the pixels' see in a step."""
        count = self._judged_frames or clip.shape[1]
        first = int(self._draw(step, 0).integers(0, max(clip.shape[1] - count, 0) + 1))
        return clip[:, first : first + count]

    def total(self, terms: Mapping[str, Tensor], step: int) -> Tensor:
        """Their weighted sum at a step."""
        weights = dict(self._weights)
        if self.adversary is not None:
            weights["adversarial"] = self.adversary.weight(step)
        first, *others = (weights[name] * term for name, term in terms.items())
        return sum(others, start=first)

    def autocast(self) -> torch.autocast:
        """For networks that compute in the precision of training."""
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._reduced)

    def _view(self, clip: Tensor, step: int) -> Tensor:
        """What the features see in a step: almost the whole, or a quarter of it enlarged by 2.

        At whole size they hardly see pixels, for their first layer has a stride; and what comes to lie on its
        grid, always the same, would be learnt.
        """
        rng = self._draw(step, 1)
        enlarged = bool(rng.integers(0, 2))
        sides = [max(length // 2 if enlarged else length - 16, MINIMUM_SIDE) for length in clip.shape[-2:]]
        top, left = (
            int(rng.integers(0, length - side + 1))
            for length, side in zip(clip.shape[-2:], sides, strict=True)
        )
        part = clip[..., top : top + sides[0], left : left + sides[1]].flatten(0, 1)
        if not enlarged:
            return part
        return F.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)

    def _draw(self, step: int, purpose: int) -> np.random.Generator:
        """The same for all processes, and when a run continues."""
        return np.random.default_rng((self._seed, step, purpose))

    def _pixels(self, sr: Tensor, hr: Tensor, teaching: Tensor | None) -> Tensor:
        """Charbonnier against the ground truth and the teacher's clips, where there are any."""
        if teaching is None:
            return charbonnier(sr, hr, self._epsilon)
        share = self._teacher.weight
        if self._teacher.combine == "targets":
            return charbonnier(sr, torch.lerp(hr, teaching, share), self._epsilon)
        return torch.lerp(charbonnier(sr, hr, self._epsilon), charbonnier(sr, teaching, self._epsilon), share)
