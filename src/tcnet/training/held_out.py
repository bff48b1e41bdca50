"""How good the weights are on clips that nothing is trained on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tcnet.data.cache import CachedClip, cache_clips
from tcnet.data.clips import find_clips
from tcnet.data.condition import degrade_under
from tcnet.data.data_options import DataOptions
from tcnet.data.degradation import SCALE, to_8bit
from tcnet.errors import MediaError
from tcnet.evaluation.metrics.fidelity import psnr
from tcnet.network import TCNet
from tcnet.network.clean_up import CleanUp
from tcnet.perceptual.feature_distance import FeatureDistance
from tcnet.training.config import ValidationOptions
from tcnet.training.processes import Processes


@dataclass(frozen=True, slots=True)
class HeldOutClip:
    """One clip under one condition, uint8: lr (T, 3, h, w), hr (T, 3, 4h, 4w), or for clean-ups (T, 3, h, w):
    what the network is to make of it."""

    name: str
    lr: Tensor
    hr: Tensor


@dataclass(frozen=True, slots=True)
class Validation:
    """By the names of the clips: PSNR on luma in dB, and the feature distance, where that was measured."""

    psnr_y: dict[str, float]
    distance: dict[str, float]

    @property
    def mean_psnr(self) -> float:
        """Over clips and conditions, each counting the same."""
        return sum(self.psnr_y.values()) / len(self.psnr_y)

    @property
    def mean_distance(self) -> float:
        """The same; NaN where it was not measured."""
        return sum(self.distance.values()) / len(self.distance) if self.distance else math.nan


def open_held_out(
    options: ValidationOptions, data: DataOptions, *, for_clean_up: bool = False
) -> tuple[list[HeldOutClip], tuple[str, ...]]:
    """All clips under all conditions, and notices of those that could not be read. for_clean_up: what is to
    be made of them is undamaged (BI).

    Raises MediaError for a missing folder and where no clip can be read.
    """
    folder = Path(data.root) / options.path
    decoded = cache_clips(find_clips(folder), Path(data.cache))
    if not decoded.clips:
        raise MediaError(f"{folder}: no clip for validation could be read: {decoded.skipped[0]}")
    clips = []
    for clip in decoded.clips:
        hr = _region(clip, options)
        truth = degrade_under(hr, "BI") if for_clean_up else hr
        for condition in options.conditions:
            clips.append(HeldOutClip(f"{clip.name} {condition}", degrade_under(hr, condition), truth))
    return clips, decoded.skipped


@torch.inference_mode()
def validate(
    network: TCNet | CleanUp,
    clips: Sequence[HeldOutClip],
    device: torch.device,
    dtype: torch.dtype,
    processes: Processes,
    features: FeatureDistance | None = None,
) -> Validation:
    """Figures of each clip, over all its pixels and frames; the processes share the clips.

    network: in eval mode with parameters in `dtype` on `device`; features: on `device`, where their
    distance is to be measured too.
    """
    figures = torch.zeros(2, len(clips), dtype=torch.float64, device=device)
    for index in range(processes.rank, len(clips), processes.count):
        clip = clips[index]
        lr_clip = clip.lr.to(device).float().div(255).unsqueeze(0)  # (1, T, 3, h, w)
        for sr, hr in zip(network.frames(lr_clip), clip.hr, strict=True):
            figures[0, index] += _psnr(sr[0], hr) / len(clip.hr)
            if features is not None:
                shown = sr[0].float().clamp(0, 1)
                figures[1, index] += features(shown, hr.to(device).float() / 255) / len(clip.hr)
    names = [clip.name for clip in clips]
    psnr_y, distance = (dict(zip(names, values, strict=True)) for values in processes.add(figures).tolist())
    return Validation(psnr_y, distance if features is not None else {})


def _psnr(sr: Tensor, hr: Tensor) -> float:
    # A network that diverged gives NaN, which has no code: worst, not an error of the run.
    if not torch.isfinite(sr).all():
        return 0.0
    return min(float(psnr(to_8bit(sr.cpu()), hr, "y")), 100.0)


def _region(clip: CachedClip, options: ValidationOptions) -> Tensor:
    count = min(options.frames or clip.frames, clip.frames)
    rows, columns = (_centre(length, options.crop) for length in (clip.height, clip.width))
    return torch.from_numpy(clip.read(range(count), rows, columns)).permute(0, 3, 1, 2).contiguous()


def _centre(length: int, crop: int) -> slice:
    kept = min(crop or length, length) // SCALE * SCALE
    start = (length - kept) // 2
    return slice(start, start + kept)
