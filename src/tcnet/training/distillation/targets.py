"""A teacher's clips, made once for each whole training clip instead of at every step for a small part of it.

They are better targets, because the teacher sees the whole picture and all of its frames, and cheaper as soon
as a run reads a clip's pixels more than once, or several runs share them.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tcnet.data.cache import CachedClip, CacheError
from tcnet.data.data_options import VideoOptions
from tcnet.data.degradation import DEGRADATIONS, crop_to_multiple, to_8bit
from tcnet.data.samples import Source, Sources, TrainingClip
from tcnet.data.video_degradation import degrade_video_clip
from tcnet.errors import UsageError
from tcnet.training.distillation.teacher import EnsembleTeacher
from tcnet.training.processes import Processes
from tcnet.video import Pixels
from tcnet.video.atomic_file import sync

DRAW_SEED = 1
"""Of the teacher's transforms: one for all runs, so that they share what is stored."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Clips are damaged as for degradation "video", each `versions` times; frames: of each version, in turn
    the first and the last of the clip, 0 is all."""

    options: VideoOptions
    versions: int = 1
    frames: int = 0


Teachers = Mapping[str, EnsembleTeacher]
"""By the degradation ("BI", "BD", "video") of the LR clips that each sees; their mean counts every network
the same.

One that sees another degradation than the student errs in other places than the student's own kind, whose
good partner it is.
"""


def targets_folder(cache: Path, teacher: str, degradation: str) -> Path:
    """Where targets lie. teacher: a text that says which networks it is made of, and how; degradation: that
    of networks for which the text names none."""
    return cache / f"targets-{hashlib.sha256(f'{teacher}|{degradation}'.encode()).hexdigest()[:16]}"


def store_targets(
    sources: Sources,
    folder: Path,
    teachers: Teachers,
    *,
    device: torch.device,
    processes: Processes,
    damage: Damage | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Sources:
    """Make the targets that are not in `folder` yet; returns the sources with clips that know theirs.

    Photographs and clips that are not cached get no target. Several processes share the work. damage: of what
    the teachers, who are of "video" alone then, and the student see; a clip becomes one for each version.
    progress: called with the number of clips done by this process and of all that it does. Raises UsageError
    where no clip can have a target, CacheError where a file cannot be written.
    """
    ready = replace(sources, sources=tuple(_with_targets(each, folder, damage) for each in sources.sources))
    taught = [clip for source in ready.sources for clip in source.clips if isinstance(clip, CachedClip)]
    taught = [clip for clip in taught if clip.target is not None]
    if not taught:
        raise UsageError("teacher.stored makes targets for cached clips, and data.sources has none")
    missing = [clip for clip in taught if clip.target is not None and not clip.target.is_file()]
    processes.wait()  # each shares out the same list: none is made before all have seen which are missing
    mine = missing[processes.rank :: processes.count]
    for number, clip in enumerate(mine, start=1):
        _make(clip, teachers, damage, device)
        if progress is not None:
            progress(number, len(mine))
    processes.wait()
    return ready


def _make(clip: CachedClip, teachers: Teachers, damage: Damage | None, device: torch.device) -> None:
    """The files that the clip names; what the picture has beyond a multiple of 4 is left out."""
    frames: Pixels = np.load(clip.path)[clip.first : clip.first + clip.frames]
    hr = crop_to_multiple(torch.from_numpy(frames).permute(0, 3, 1, 2).to(device).float() / 255)
    draw = int(clip.path.stem[:8], 16)  # the clip's own, whatever the order of the clips
    total = torch.zeros_like(hr)
    for degradation, teacher in teachers.items():
        if damage is None:
            lr_clip = to_8bit(DEGRADATIONS[degradation](hr)).float() / 255
        else:
            lr_clip = _damaged(clip, _pixels(to_8bit(hr)), damage.options, draw).to(device)
        total += len(teacher) * teacher(lr_clip.unsqueeze(0), draw)[0]
    assert clip.target is not None
    _save(clip.target, _pixels(to_8bit(total / sum(len(teacher) for teacher in teachers.values()))))


def _damaged(clip: CachedClip, hr: Pixels, options: VideoOptions, draw: int) -> Tensor:
    """(T, 3, h, w) in [0, 1], which is stored as well."""
    assert clip.target is not None
    assert clip.seen is not None
    version = int(clip.target.stem.rpartition(".")[2])
    lr = degrade_video_clip(hr, np.random.default_rng((DRAW_SEED, version, draw)), options)
    _save(clip.seen, lr)
    return torch.from_numpy(lr).permute(0, 3, 1, 2).float() / 255


def _pixels(codes: Tensor) -> Pixels:
    """(T, 3, H, W) -> (T, H, W, 3)."""
    pixels: Pixels = codes.permute(0, 2, 3, 1).contiguous().cpu().numpy()
    return pixels


def _save(path: Path, pixels: Pixels) -> None:
    work = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with work.open("wb") as file:
            np.save(file, pixels)
        sync(work)
        work.replace(path)
    except OSError as error:
        work.unlink(missing_ok=True)
        raise CacheError(
            f"{path.parent}: the teacher's targets cannot be written ({error.strerror}, "
            f"{pixels.nbytes >> 20} MiB for a clip); set data.cache to a folder with room"
        ) from error


def _with_targets(source: Source, folder: Path, damage: Damage | None) -> Source:
    """Its clips with the files that are to be theirs, each as often as it has versions."""
    if source.kind == "photos":
        return source
    clips: list[TrainingClip] = []
    odds: list[float] = []
    for clip, share in zip(source.clips, source.odds, strict=True):
        versions = _versions(clip, folder, damage)
        clips += versions
        odds += [share / len(versions)] * len(versions)
    return replace(source, clips=tuple(clips), odds=tuple(odds))


def _versions(clip: TrainingClip, folder: Path, damage: Damage | None) -> Sequence[TrainingClip]:
    if not isinstance(clip, CachedClip):
        return (clip,)
    if damage is None:
        return (replace(clip, target=folder / clip.path.name),)
    frames = min(damage.frames or clip.frames, clip.frames)
    return [
        replace(
            clip,
            frames=frames,
            first=clip.frames - frames if version % 2 else 0,
            target=folder / f"{clip.path.stem}.{version}.npy",
            seen=folder / f"{clip.path.stem}.{version}.lr.npy",
        )
        for version in range(damage.versions)
    ]
