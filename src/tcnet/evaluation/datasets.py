"""The clips of a set on disk: where they are, and how they are read."""

import os
import re
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import torch
from torch import Tensor

from tcnet.data.cache import to_eight_bits
from tcnet.data.condition import degrade_under
from tcnet.data.degradation import SCALE, crop_to_multiple
from tcnet.errors import MediaError
from tcnet.evaluation.metrics.fidelity import SSIM_WINDOW
from tcnet.evaluation.protocol import EvaluationSet
from tcnet.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES, ReadOptions, open_source
from tcnet.video.images import list_images

AS_STORED = ReadOptions(deinterlace="off")  # benchmarks are progressive, even where detail looks like combs
MINIMUM_SIZE = (
    -(-SSIM_WINDOW // SCALE) * SCALE
)  # HR pixels a side: one SSIM window after cutting to multiples


@dataclass(frozen=True, slots=True)
class Clip:
    """A ground-truth clip on disk: a video file or a folder of images. lr_path: its LR version, if given."""

    name: str
    path: Path
    lr_path: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GroundTruth:
    """A clip's frames as uint8 (T, 3, H, W) RGB; deeper ones are rounded to 8 bits, as the protocol demands.

    notices: the reader's (damage, a dropped alpha channel).
    """

    frames: Tensor
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PreparedClip:
    """An upscaler's input, and the frames its output is compared with.

    lr_clip: float32 (N, 3, H, W) in [0, 1]. hr_clip: uint8 (T, 3, 4H, 4W), the frames that are measured.
    Either N = T, or (`centre_of_mirrored`) T = 1 and the N = 14 frames are 7 forwards, then backwards.
    """

    name: str
    lr_clip: Tensor
    hr_clip: Tensor
    centre_of_mirrored: bool
    notices: tuple[str, ...]

    @property
    def restorations(self) -> tuple[tuple[int, ...], ...]:
        """For each measured frame, the LR frames whose outputs are averaged and measured."""
        if self.centre_of_mirrored:
            centre = len(self.lr_clip) // 4
            return ((centre, len(self.lr_clip) - 1 - centre),)
        return tuple((index,) for index in range(len(self.lr_clip)))


def find_clips(chosen: EvaluationSet, data_dir: Path) -> tuple[Clip, ...]:
    """The set's clips below `data_dir`, in the set's order (by name where the set has none).

    Raises MediaError if the folder or a clip is missing, if a clip exists twice, if none is found, or if
    their number is not the set's.
    """
    if not data_dir.is_dir():
        raise MediaError(f"{data_dir} is not a folder; give the folder that holds the clips of {chosen.name}")
    names = chosen.clips if chosen.clip_list is None else _read_list(chosen, data_dir)
    if names is not None:
        return tuple(_find_named(chosen, name, data_dir) for name in names)
    for layout in chosen.layouts:
        clips = [Clip(name, path) for name, path in _clips_of_layout(layout, data_dir)]
        if clips:
            break
    else:
        places = " or ".join(str(data_dir / layout) for layout in chosen.layouts)
        raise MediaError(f"{data_dir} holds neither video files nor folders of images at {places}")
    clips.sort(key=lambda clip: (clip.name, clip.path))
    for first, second in pairwise(clips):
        if first.name == second.name:
            raise MediaError(f"{first.path} and {second.path} are one clip by name; move one of them away")
    if chosen.clip_count not in (None, len(clips)):
        raise MediaError(
            f"{chosen.name} has {chosen.clip_count} clips, but {data_dir} holds {len(clips)}, "
            f"{clips[0].name!r} to {clips[-1].name!r}"
        )
    if chosen.lr_layouts:
        return tuple(Clip(c.name, c.path, _find_path(chosen.lr_layouts, c.name, data_dir)) for c in clips)
    return tuple(clips)


def read_clip(clip: Clip, *, limit_frames: int | None = None, frame_count: int | None = None) -> GroundTruth:
    """All frames of a clip, or its first `limit_frames`, cut to multiples of 4 at the bottom and the right.

    frame_count: how many it must have, where that is known. The whole clip is held in memory, as the networks
    that are compared need it.
    Raises MediaError if it cannot be read, holds no frame, another number than it must or frames of different
    sizes, or is too small.
    """
    frames, notices = _read_frames(clip.path, limit_frames, frame_count)
    height, width = frames.shape[-2:]
    if min(width, height) < MINIMUM_SIZE:
        raise MediaError(
            f"{clip.path} is {width}x{height}; a frame needs {MINIMUM_SIZE} pixels a side to be measured"
        )
    return GroundTruth(crop_to_multiple(frames, SCALE), notices)


def prepare_clip(
    chosen: EvaluationSet, clip: Clip, degradation: str, *, limit_frames: int | None = None
) -> PreparedClip:
    """Read a clip, and make its LR version or read that too.

    Raises MediaError as `read_clip` does, and for given LR frames that are not a quarter of the HR frames or
    not as many; UsageError for an unknown degradation.
    """
    truth = read_clip(clip, limit_frames=limit_frames, frame_count=chosen.frame_count)
    hr_clip, notices = truth.frames, truth.notices  # (T, 3, H, W) uint8
    if clip.lr_path is None:
        lr_clip = degrade_under(hr_clip, degradation) / 255  # (T, 3, H/4, W/4)
    else:
        codes, lr_notices = _read_frames(clip.lr_path, limit_frames, None)
        _check_pair(clip.path, hr_clip, clip.lr_path, codes)
        lr_clip, notices = codes / 255, (*notices, *lr_notices)
    if chosen.centre_of_mirrored:
        centre = len(hr_clip) // 2
        lr_clip, hr_clip = torch.cat((lr_clip, lr_clip.flip(0))), hr_clip[centre : centre + 1]
    return PreparedClip(clip.name, lr_clip, hr_clip, chosen.centre_of_mirrored, notices)


def _read_frames(
    path: Path, limit_frames: int | None, frame_count: int | None
) -> tuple[Tensor, tuple[str, ...]]:
    if path.is_dir() and frame_count is not None:
        _check_images(path, frame_count)
    with open_source(path, AS_STORED) as source:
        # (3, H, W) uint8 each; the reader sees to it that all are of one size.
        frames = [
            torch.from_numpy(to_eight_bits(frame.pixels)).permute(2, 0, 1)
            for frame in islice(source, limit_frames)
        ]
        notices = source.notices
    if not frames:
        raise MediaError(f"{path} holds no frame")
    if limit_frames is None and frame_count not in (None, len(frames)):
        raise MediaError(f"{path} has {len(frames)} frames instead of {frame_count}")
    return torch.stack(frames), notices


def _check_images(folder: Path, frame_count: int) -> None:
    """Whether a folder of numbered images is complete, before any is read."""
    stems = [file.stem for file in list_images(folder)]
    if len(stems) == frame_count:
        return
    numbers = [int(found[0]) for stem in stems if (found := re.search(r"\d+$", stem))]
    gap = next((first + 1 for first, second in pairwise(numbers) if second > first + 1), None)
    hint = "" if gap is None else f"; number {gap} is missing"
    raise MediaError(f"{folder} has {len(stems)} images instead of {frame_count}{hint}")


def _check_pair(hr_path: Path, hr_clip: Tensor, lr_path: Path, lr_clip: Tensor) -> None:
    if len(lr_clip) != len(hr_clip):
        raise MediaError(f"{lr_path} has {len(lr_clip)} frames, but {hr_path} has {len(hr_clip)}")
    (height, width), (hr_height, hr_width) = lr_clip.shape[-2:], hr_clip.shape[-2:]
    if (SCALE * height, SCALE * width) != (hr_height, hr_width):
        raise MediaError(
            f"{lr_path} is {width}x{height}, but a quarter of {hr_path} is "
            f"{hr_width // SCALE}x{hr_height // SCALE}"
        )


def _read_list(chosen: EvaluationSet, data_dir: Path) -> tuple[str, ...]:
    assert chosen.clip_list is not None
    path = data_dir / chosen.clip_list
    try:
        lines = path.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise MediaError(f"{path}: the list of the clips of {chosen.name} cannot be read") from error
    if not lines:
        raise MediaError(f"{path}: names no clip of {chosen.name}")
    for name in lines:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise MediaError(f"{path}: {name!r} lies outside the data folder")
    return tuple(lines)


def _find_named(chosen: EvaluationSet, name: str, data_dir: Path) -> Clip:
    found = _find_path(chosen.layouts, name, data_dir, of=chosen.name)
    lr_path = _find_path(chosen.lr_layouts, name, data_dir, of="the LR clips") if chosen.lr_layouts else None
    return Clip(name, found, lr_path)


def _find_path(layouts: tuple[str, ...], name: str, data_dir: Path, of: str = "the LR clips") -> Path:
    for layout in layouts:
        place = data_dir / layout.format(clip=name)
        # listdir, because the folders of Vimeo-90K hold up to a thousand clips and are asked for each
        inside = sorted(os.listdir(place.parent)) if place.parent.is_dir() else []
        candidates = [place.parent / entry for entry in inside if entry.startswith(place.name)]
        found = [entry for entry in candidates if _is_clip(entry) and _clip_name(entry) == place.name]
        if len(found) > 1:
            raise MediaError(f"{found[0]} and {found[1]} are one clip by name; move one of them away")
        if found:
            return found[0]
    places = " or ".join(str(data_dir / layout.format(clip=name)) for layout in layouts)
    raise MediaError(f"clip {name!r} of {of} is missing: no folder of images or video file at {places}")


def _clips_of_layout(layout: str, data_dir: Path) -> list[tuple[str, Path]]:
    """Name and path of every clip at "{clip}", "GT/{clip}", "{clip}/truth" and the like."""
    above, _, below = layout.partition("{clip}")
    folder = data_dir / above
    if not folder.is_dir():
        return []
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    if below:
        paths = ((entry.name, folder / f"{entry.name}{below}") for entry in entries if entry.is_dir())
        return [(name, path) for name, path in paths if path.is_dir() and _is_clip(path)]
    return [(_clip_name(entry), entry) for entry in entries if _is_clip(entry)]


def _is_clip(entry: Path) -> bool:
    if entry.is_dir():
        return any(inner.suffix.lower() in IMAGE_SUFFIXES for inner in entry.iterdir())
    return entry.suffix.lower() in VIDEO_SUFFIXES


def _clip_name(entry: Path) -> str:
    return entry.name if entry.is_dir() else entry.stem
