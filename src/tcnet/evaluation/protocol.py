"""What is measured, on which frames: the benchmarks' sets as data, their clips on disk, the protocol's name.

The averages follow the literature: over the frames of a clip, then over clips. Nothing is cropped at the
border, every frame counts, and HR is cut to a multiple of 4 before it is degraded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from tcnet.data.degradation import SCALE, crop_to_multiple
from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.metrics import SSIM_WINDOW, Channel
from tcnet.video import Pixels, open_source
from tcnet.video.images import IMAGE_SUFFIXES

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm", ".y4m"})
MINIMUM_SIZE = (
    -(-SSIM_WINDOW // SCALE) * SCALE
)  # HR pixels a side: one SSIM window after cutting to multiples


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A benchmark: which clips it has, where its distributions put them, and what is measured on them.

    clips: their names in the order of the published tables; None takes every clip that lies in the folder.
    layouts: paths below the data folder, `{clip}` standing for a clip's name; each may be a folder of images
        or a video file of that name with a suffix of VIDEO_SUFFIXES. The first layout that exists is taken.
    """

    name: str
    channel: Channel
    clips: tuple[str, ...] | None
    layouts: tuple[str, ...] = ("{clip}",)


EVALUATION_SETS: Mapping[str, EvaluationSet] = MappingProxyType(
    {
        known.name: known
        for known in (
            EvaluationSet("vid4", "y", ("calendar", "city", "foliage", "walk"), ("{clip}", "GT/{clip}")),
            EvaluationSet("folder", "y", None),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One ground-truth clip on disk: a video file or a folder of images."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """A clip's frames as uint8 (T, 3, H, W) RGB; deeper ones are rounded to 8 bits, as the protocol demands.

    notices: lines for people on what the reader met (damage, a dropped alpha channel).
    """

    frames: Tensor
    notices: tuple[str, ...]


def evaluation_set(name: str) -> EvaluationSet:
    """The set of that name. Raises UsageError naming those that exist."""
    if name not in EVALUATION_SETS:
        raise UsageError(f"evaluation set {name!r} is unknown; choose one of {', '.join(EVALUATION_SETS)}")
    return EVALUATION_SETS[name]


def find_clips(chosen: EvaluationSet, data_dir: Path) -> tuple[Clip, ...]:
    """The set's clips below `data_dir`, in the set's order (by name where the set has none).

    Raises MediaError if the folder or a clip is missing, if a clip is there twice, or if none is found.
    """
    if not data_dir.is_dir():
        raise MediaError(f"{data_dir} is not a folder; give the folder that holds the clips of {chosen.name}")
    if chosen.clips is not None:
        return tuple(_find_clip(chosen, name, data_dir) for name in chosen.clips)
    clips = [Clip(_clip_name(entry), entry) for entry in data_dir.iterdir() if _is_clip(entry)]
    if not clips:
        raise MediaError(f"{data_dir} holds neither video files nor folders of images")
    clips.sort(key=lambda clip: (clip.name, clip.path))
    for first, second in pairwise(clips):
        if first.name == second.name:
            raise MediaError(f"{first.path} and {second.path} are one clip by name; move one of them away")
    return tuple(clips)


def read_clip(clip: Clip, *, limit_frames: int | None = None) -> GroundTruth:
    """All frames of a clip, or its first `limit_frames`, cut to multiples of 4 at the bottom and the right.

    The whole clip is held in memory, as the networks that are compared need it.
    Raises MediaError if it cannot be read, holds no frame or frames of different sizes, or is too small.
    """
    frames: list[Tensor] = []
    with open_source(clip.path) as source:
        width, height = source.info.width, source.info.height
        if min(width, height) < MINIMUM_SIZE:
            raise MediaError(
                f"{clip.path} is {width}x{height}; a frame needs {MINIMUM_SIZE} pixels a side to be measured"
            )
        for frame in islice(source, limit_frames):
            frames.append(torch.from_numpy(_eight_bits(frame.pixels)).permute(2, 0, 1))  # (3, H, W)
        notices = source.notices
    return GroundTruth(crop_to_multiple(torch.stack(frames), SCALE), notices)


def metric_label(metric: str, channel: Channel) -> str:
    """The metric with its channel: "psnr-y"."""
    return f"{metric}-{channel}"


def protocol_id(
    chosen: EvaluationSet, degradation: str, metrics: Sequence[str], limit_frames: int | None = None
) -> str:
    """Name of the protocol; two figures may be compared only if theirs are equal.

    For example "vid4/BI/psnr-y,ssim-y/no-crop/all-frames/mean-of-frames-then-clips".
    """
    measured = ",".join(metric_label(metric, chosen.channel) for metric in metrics)
    frames = "all-frames" if limit_frames is None else f"first-{limit_frames}-frames"
    return f"{chosen.name}/{degradation}/{measured}/no-crop/{frames}/mean-of-frames-then-clips"


def _find_clip(chosen: EvaluationSet, name: str, data_dir: Path) -> Clip:
    for layout in chosen.layouts:
        place = data_dir / layout.format(clip=name)
        candidates = sorted(place.parent.iterdir()) if place.parent.is_dir() else []
        found = [entry for entry in candidates if _is_clip(entry) and _clip_name(entry) == place.name]
        if len(found) > 1:
            raise MediaError(f"{found[0]} and {found[1]} are one clip by name; move one of them away")
        if found:
            return Clip(name, found[0])
    places = " or ".join(str(data_dir / layout.format(clip=name)) for layout in chosen.layouts)
    raise MediaError(
        f"clip {name!r} of {chosen.name} is missing: no folder of images or video file at {places}"
    )


def _is_clip(entry: Path) -> bool:
    if entry.name.startswith("."):
        return False
    if entry.is_dir():
        return any(inner.suffix.lower() in IMAGE_SUFFIXES for inner in entry.iterdir())
    return entry.suffix.lower() in VIDEO_SUFFIXES


def _clip_name(entry: Path) -> str:
    return entry.name if entry.is_dir() else entry.stem


def _eight_bits(pixels: Pixels) -> Pixels:
    if pixels.dtype == np.uint8:
        return pixels
    # k * 257 is k; 257 is odd, so there are no ties.
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
