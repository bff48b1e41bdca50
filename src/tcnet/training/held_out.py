"""How good the weights are on clips that nothing is trained on."""

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
from tcnet.training.config import ValidationOptions
from tcnet.training.processes import Processes


@dataclass(frozen=True, slots=True)
class HeldOutClip:
    """One clip under one condition, uint8: lr (T, 3, h, w), hr (T, 3, 4h, 4w)."""

    name: str
    lr: Tensor
    hr: Tensor


def open_held_out(options: ValidationOptions, data: DataOptions) -> tuple[list[HeldOutClip], tuple[str, ...]]:
    """All clips under all conditions, and notices of those that could not be read.

    Raises MediaError for a missing folder and where no clip can be read.
    """
    folder = Path(data.root) / options.path
    decoded = cache_clips(find_clips(folder), Path(data.cache))
    if not decoded.clips:
        raise MediaError(f"{folder}: no clip for validation could be read: {decoded.skipped[0]}")
    clips = []
    for clip in decoded.clips:
        hr = _region(clip, options)
        for condition in options.conditions:
            clips.append(HeldOutClip(f"{clip.name} {condition}", degrade_under(hr, condition), hr))
    return clips, decoded.skipped


@torch.inference_mode()
def validate(
    network: TCNet,
    clips: Sequence[HeldOutClip],
    device: torch.device,
    dtype: torch.dtype,
    processes: Processes,
) -> dict[str, float]:
    """PSNR on luma of each clip, over all its pixels and frames, by name; the processes share the clips.

    network: in eval mode with parameters in `dtype` on `device`.
    """
    figures = torch.zeros(len(clips), dtype=torch.float64, device=device)
    for index in range(processes.rank, len(clips), processes.count):
        clip = clips[index]
        lr_clip = clip.lr.to(device).float().div(255).unsqueeze(0)  # (1, T, 3, h, w)
        frames = zip(network.frames(lr_clip), clip.hr, strict=True)
        figures[index] = sum(_psnr(sr[0], hr) for sr, hr in frames) / len(clip.hr)
    return dict(zip((clip.name for clip in clips), processes.add(figures).tolist(), strict=True))


def mean_psnr(figures: dict[str, float]) -> float:
    """Over clips and conditions, each counting the same."""
    return sum(figures.values()) / len(figures)


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
