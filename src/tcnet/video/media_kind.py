"""Which files are images and which are videos: by name, and where names do not tell, by what is in them."""

from pathlib import Path
from typing import BinaryIO

# Files that are taken from folders, by their names; given by name, any file is tried.
IMAGE_SUFFIXES = frozenset([
    ".avif", ".bmp", ".dpx", ".exr", ".heic", ".heif", ".hif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png",
    ".ppm", ".tga", ".tif", ".tiff", ".webp",
])  # fmt: skip
VIDEO_SUFFIXES = frozenset([
    ".3g2", ".3gp", ".apng", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264",
    ".h265", ".hevc", ".ivf", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mkv", ".mov",
    ".mp4", ".mpe", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv", ".rm", ".rmvb",
    ".ts", ".vob", ".webm", ".wmv", ".y4m",
])  # fmt: skip

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST_BOXES = 1 << 17  # a day of fragments
_SEQUENCE_BRANDS = (b"avis", b"hevc", b"hevx", b"msf1")  # of HEIF: pictures in time, as in a video


def is_still_image(path: Path) -> bool:
    """Whether an input is one image: it has an image's name and is no animation (APNG, animated AVIF)."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not is_animation(path)


def is_video(path: Path) -> bool:
    """Whether a file in a folder is a video: it has a video's name, or is an animation with an image's."""
    suffix = path.suffix.lower()
    return suffix in VIDEO_SUFFIXES or (suffix in IMAGE_SUFFIXES and is_animation(path))


def is_animation(path: Path) -> bool:
    """Whether a file of pictures holds several that follow in time; False for what cannot be read."""
    try:
        with path.open("rb") as file:
            return _is_animation(file)
    except OSError:
        return False  # said by whoever reads it


def is_animated_webp(start: bytes) -> bool:
    """By the first bytes of a file."""
    return start[:4] == b"RIFF" and start[8:16] == b"WEBPVP8X" and len(start) > 20 and bool(start[20] & 2)


def _is_animation(file: BinaryIO) -> bool:
    start = file.read(32)
    if start.startswith(PNG_SIGNATURE):
        return _animation_pictures(file) > 1
    if is_animated_webp(start):
        return True
    if start[4:8] == b"ftyp":
        return start[8:12] in _SEQUENCE_BRANDS
    return start.startswith(b"GIF8")


def stated_pictures(path: Path) -> int | None:
    """How many pictures an APNG says it has; None for all else."""
    with path.open("rb") as file:
        return _animation_pictures(file) or None if file.read(8) == PNG_SIGNATURE else None


def joined_movies(file: BinaryIO) -> int:
    """How many files an MP4 or MOV is made of, by the Movie boxes outside of all others."""
    found = place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(16)
        size = int.from_bytes(head[:4], "big")
        size = int.from_bytes(head[8:], "big") if size == 1 else size
        if size < 8 or not head[4:8].isalnum():
            break
        found += head[4:8] == b"moov"
        place += size
    return found


def _animation_pictures(file: BinaryIO) -> int:
    """APNG has a chunk acTL with their number, before the first of the still image's data; 0 without."""
    file.seek(len(PNG_SIGNATURE))
    while (head := file.read(8))[4:].isalpha() and head[4:] not in (b"IDAT", b"IEND"):
        if head[4:] == b"acTL":
            return int.from_bytes(file.read(4), "big")
        file.seek(int.from_bytes(head[:4], "big") + 4, 1)
    return 0
