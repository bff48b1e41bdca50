"""All that a step minimises, term by term."""

from collections.abc import Mapping

import torch
from torch import Tensor

from tcnet.perceptual.feature_distance import FeatureDistance
from tcnet.training.config import TrainingConfig
from tcnet.training.losses.adversarial import Adversary
from tcnet.training.losses.pixel import charbonnier, dissimilarity
from tcnet.training.losses.temporal_loss import TemporalLoss


class Objective:
    """The terms that `[loss]` and `[adversarial]` ask for. dtype: torch.float32, or what the networks among
    them compute in. Raises UsageError where weights that a term needs are missing."""

    def __init__(self, config: TrainingConfig, device: torch.device, dtype: torch.dtype) -> None:
        options = config.loss
        self._teacher = config.teacher
        self._device = device
        self._reduced = dtype != torch.float32
        self._weights = {
            "pixels": 1.0,
            "structure": options.structure,
            "features": options.features,
            "temporal": options.temporal,
            "reversal": options.reversal,
        }
        self._features = FeatureDistance().to(device) if options.features else None
        self._temporal = TemporalLoss().to(device) if options.temporal else None
        self.adversary = None
        if config.adversarial.weight:
            self.adversary = Adversary(config.adversarial, config.seed, device)

    @property
    def compares_reversed(self) -> bool:
        """Whether `terms` needs `reversed_sr`."""
        return self._weights["reversal"] > 0

    def terms(
        self, sr: Tensor, hr: Tensor, teaching: Tensor | None, reversed_sr: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Scalars by name, not weighted. sr, hr, teaching, reversed_sr (what the network makes of the clip
        that runs backward, in the order of `sr`): (B, T, 3, H, W) in [0, 1]."""
        found = {"pixels": self._pixels(sr, hr, teaching)}
        if self._weights["structure"]:
            found["structure"] = dissimilarity(sr, hr)
        if self._temporal is not None:
            found["temporal"] = self._temporal(sr, hr)
        if reversed_sr is not None:
            found["reversal"] = charbonnier(sr, reversed_sr)
        with self.autocast():
            if self._features is not None:
                found["features"] = self._features(sr, hr)
            if self.adversary is not None:
                found["adversarial"] = self.adversary.network_loss(sr)
        return found

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

    def _pixels(self, sr: Tensor, hr: Tensor, teaching: Tensor | None) -> Tensor:
        """Charbonnier against the ground truth and the teacher's clips, where there are any."""
        if teaching is None:
            return charbonnier(sr, hr)
        share = self._teacher.weight
        if self._teacher.combine == "targets":
            return charbonnier(sr, torch.lerp(hr, teaching, share))
        return share * charbonnier(sr, teaching) + (1 - share) * charbonnier(sr, hr)
