"""A teacher's clips, made once for each whole training clip instead of at every step for a small part of it.

They are better targets, because the teacher sees the whole picture and all of its frames, and cheaper as soon
as a run reads a clip's pixels more than once, or several runs share them.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from tcnet.data.cache import CachedClip, CacheError
from tcnet.data.degradation import DEGRADATIONS, crop_to_multiple, to_8bit
from tcnet.data.samples import Source, Sources
from tcnet.errors import UsageError
from tcnet.training.processes import Processes
from tcnet.training.teacher import EnsembleTeacher
from tcnet.video import Pixels
from tcnet.video.atomic_file import sync

DRAW_SEED = 1
"""Of the teacher's transforms: one for all runs, so that they share what is stored."""


Teachers = Mapping[str, EnsembleTeacher]
"""By the degradation ("BI", "BD") of the LR clips that each sees; their mean counts every network the same.

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
    progress: Callable[[int, int], None] | None = None,
) -> Sources:
    """Make the targets that are not in `folder` yet; returns the sources with clips that know theirs.

    Photographs and clips that are not cached get no target. Several processes share the work. progress:
    called with the number of clips done by this process and of all that it does. Raises UsageError where no
    clip can have a target, CacheError where a file cannot be written.
    """
    clips = [clip for source in sources.sources for clip in _cached(source)]
    if not clips:
        raise UsageError("teacher.stored makes targets for cached clips, and data.sources has none")
    missing = [clip for clip in clips if not _file(folder, clip).is_file()]
    mine = missing[processes.rank :: processes.count]
    for number, clip in enumerate(mine, start=1):
        _save(_file(folder, clip), _target(clip, teachers, device))
        if progress is not None:
            progress(number, len(mine))
    processes.wait()
    return replace(sources, sources=tuple(_with_targets(source, folder) for source in sources.sources))


def _cached(source: Source) -> Sequence[CachedClip]:
    if source.kind == "photos":
        return ()
    return [clip for clip in source.clips if isinstance(clip, CachedClip)]


def _file(folder: Path, clip: CachedClip) -> Path:
    return folder / clip.path.name


def _target(clip: CachedClip, teachers: Teachers, device: torch.device) -> Pixels:
    """(T, H, W, 3) uint8; what the picture has beyond a multiple of 4 is left out."""
    frames: Pixels = np.load(clip.path)
    hr = crop_to_multiple(torch.from_numpy(frames).permute(0, 3, 1, 2).to(device).float() / 255)
    draw = int(clip.path.stem[:8], 16)  # the clip's own, whatever the order of the clips
    total = torch.zeros_like(hr)
    for degradation, teacher in teachers.items():
        lr_clip = to_8bit(DEGRADATIONS[degradation](hr)).float() / 255
        total += len(teacher) * teacher(lr_clip.unsqueeze(0), draw)[0]
    target = to_8bit(total / sum(len(teacher) for teacher in teachers.values()))
    pixels: Pixels = target.permute(0, 2, 3, 1).contiguous().cpu().numpy()
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


def _with_targets(source: Source, folder: Path) -> Source:
    known: Mapping[CachedClip, Path] = {clip: _file(folder, clip) for clip in _cached(source)}
    clips = tuple(
        replace(clip, target=known[clip]) if isinstance(clip, CachedClip) and clip in known else clip
        for clip in source.clips
    )
    return replace(source, clips=clips)
