"""Which clips there are: your own folders, REDS and Vimeo-90K as published, photographs; and what is
known of their quality and licence."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from tcnet.data.cache import ClipFiles
from tcnet.errors import MediaError
from tcnet.video import IMAGE_SUFFIXES, VIDEO_SUFFIXES

REDS4 = ("000", "011", "015", "020")
"""Clips of REDS' training part that everyone holds out for testing (Wang et al., EDVR, 2019)."""
SEPTUPLET = 7


@dataclass(frozen=True, slots=True)
class Provenance:
    """A line of a provenance file. kind: as written there ("open", "research", ...)."""

    kind: str
    sharpness: float


def find_clips(folder: Path) -> tuple[ClipFiles, ...]:
    """Videos and folders of images that lie in `folder`, by name. MediaError if there is none."""
    _check_folder(folder)
    clips = []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and (images := _images(entry)):
            clips.append(ClipFiles(entry.name, images))
        elif entry.suffix.lower() in VIDEO_SUFFIXES:
            clips.append(ClipFiles(entry.name, (entry,)))
    if not clips:
        raise MediaError(f"{folder}: holds neither videos nor folders of images")
    return tuple(clips)


def find_photos(folder: Path) -> tuple[ClipFiles, ...]:
    """The images in `folder`, each a clip of one frame. MediaError if there is none."""
    _check_folder(folder)
    images = _images(folder)
    if not images:
        raise MediaError(f"{folder}: holds no images")
    return tuple(ClipFiles(image.name, (image,)) for image in images)


def find_reds(root: Path) -> tuple[ClipFiles, ...]:
    """REDS (Nah et al., NTIRE 2019): train_sharp/000/00000000.png and, where it is there, val_sharp.

    REDS4 is left out, so that train_sharp and val_sharp together give the 266 clips of the literature.
    """
    _check_folder(root / "train_sharp")
    clips = []
    for part in ("train_sharp", "val_sharp"):
        folders = sorted((root / part).iterdir()) if (root / part).is_dir() else []
        for folder in folders:
            if not folder.is_dir() or (part == "train_sharp" and folder.name in REDS4):
                continue
            if images := _images(folder):
                clips.append(ClipFiles(f"{part}/{folder.name}", images))
    if not clips:
        raise MediaError(f"{root}: no clip like train_sharp/001/00000000.png; is it REDS as published?")
    return tuple(clips)


def find_vimeo90k(root: Path) -> tuple[ClipFiles, ...]:
    """Vimeo-90K septuplets (Xue et al., IJCV 2019): sequences/00001/0001/im1.png of sep_trainlist.txt."""
    listing = root / "sep_trainlist.txt"
    try:
        names = listing.read_text(encoding="utf-8").split()
    except OSError as error:
        raise MediaError(
            f"{listing}: cannot be read ({error.strerror}); is it Vimeo-90K as published?"
        ) from error
    clips = tuple(
        ClipFiles(
            name, tuple(root / "sequences" / name / f"im{number}.png" for number in range(1, SEPTUPLET + 1))
        )
        for name in names
    )
    if not clips:
        raise MediaError(f"{listing}: names no clip")
    return clips


def leave_out(clips: Sequence[ClipFiles], patterns: Sequence[str]) -> tuple[ClipFiles, ...]:
    """The clips whose names match none of the patterns ("davis-*")."""
    return tuple(clip for clip in clips if not any(fnmatch(clip.name, pattern) for pattern in patterns))


def read_provenance(path: Path) -> Mapping[str, Provenance]:
    """By the last part of the file's name. Raises MediaError for a file that is missing or lacks columns."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return {
            Path(row["file"]).name: Provenance(row["kind"], float(row["sharpness"] or "inf")) for row in rows
        }
    except (KeyError, ValueError) as error:
        raise MediaError(f"{path}: needs the columns file, kind and sharpness ({error})") from error


def _images(folder: Path) -> tuple[Path, ...]:
    # Published sets number their images with leading zeros, so that names sort like numbers.
    return tuple(
        sorted(
            file
            for file in folder.iterdir()
            if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith(".")
        )
    )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise MediaError(f"{folder}: no such folder; set data.root and the source's path")
