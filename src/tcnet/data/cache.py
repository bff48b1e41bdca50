"""Decoded clips on disk, to be mapped into memory: decoding costs more than a training step."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from tcnet.errors import MediaError, TcnetError
from tcnet.video import Pixels, ReadOptions, open_source, read_image
from tcnet.video.atomic_file import sync

INDEX = "index.json"
SAMPLED_BYTES = 1 << 16  # of each end of a file: enough to tell videos apart, quick for large sets


class CacheError(TcnetError):
    """The cache itself fails, not a clip: must not be taken for an unreadable clip."""


@dataclass(frozen=True, slots=True)
class ClipFiles:
    """A clip before it is decoded: one video file, or its images in order."""

    name: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class CachedClip:
    """A decoded clip: `path` is an .npy file of (frames, height, width, 3) uint8.

    target: a teacher's version of it, in a file of the same form; up to three rows and columns may be missing
    at its end, which no LR pixel needs. seen: the damaged LR clip of which the teacher made it, for the
    student too. first: the frame of the clip that those begin with.
    """

    name: str
    path: Path
    frames: int
    height: int
    width: int
    target: Path | None = None
    seen: Path | None = None
    first: int = 0

    def read(self, indices: Sequence[int], rows: slice, columns: slice) -> Pixels:
        """Those frames of that region, (n, h, w, 3) uint8; only they are read from disk."""
        return _read(self.path, [self.first + index for index in indices], rows, columns)

    def read_target(self, indices: Sequence[int], rows: slice, columns: slice) -> Pixels | None:
        """The same of the target; None if there is none."""
        return None if self.target is None else _read(self.target, indices, rows, columns)

    def read_seen(self, indices: Sequence[int], rows: slice, columns: slice) -> Pixels | None:
        """The same of the damaged clip, rows and columns in LR pixels; None if there is none."""
        return None if self.seen is None else _read(self.seen, indices, rows, columns)


@dataclass(frozen=True, slots=True)
class ImageClip:
    """A clip whose images are decoded each time they are asked for."""

    name: str
    files: tuple[Path, ...]
    height: int
    width: int

    @property
    def frames(self) -> int:
        return len(self.files)

    def read(self, indices: Sequence[int], rows: slice, columns: slice) -> Pixels:
        """Those frames of that region, (n, h, w, 3) uint8. Raises MediaError for an unreadable image."""
        pictures = [to_eight_bits(read_image(self.files[index])) for index in indices]
        return stack_pixels([picture[rows, columns] for picture in pictures])


@dataclass(frozen=True, slots=True)
class Decoded:
    """What became of the clips asked for. skipped: one line for each that could not be read."""

    clips: tuple[CachedClip, ...]
    skipped: tuple[str, ...]


def cache_clips(
    clips: Sequence[ClipFiles], folder: Path, progress: Callable[[int, int], None] | None = None
) -> Decoded:
    """Decode what is not in `folder` yet.

    A clip is known again wherever it lies: by the names and sizes of its files and by how the first and the
    last of them begin and end. Unreadable clips are skipped and named. progress: called with the number of
    clips done and of all.
    Raises CacheError where the cache cannot be written (a full disk).
    """
    index = _read_index(folder)
    done: list[CachedClip] = []
    skipped: list[str] = []
    for number, clip in enumerate(clips, start=1):
        key = ""
        try:
            key = _identity(clip)
            if key not in index or not (folder / f"{key}.npy").is_file():
                index[key] = [clip.name, *_decode(clip, folder, key)]
                _write_index(folder, index)
        except MediaError as error:
            skipped.append(f"{clip.name} is skipped: {error}")
        else:
            frames, height, width = cast(list[int], index[key][1:])
            done.append(CachedClip(clip.name, folder / f"{key}.npy", frames, height, width))
        if progress is not None:
            progress(number, len(clips))
    return Decoded(tuple(done), tuple(skipped))


def stack_pixels(pictures: Sequence[Pixels]) -> Pixels:
    """(H, W, 3) uint8 each -> (T, H, W, 3) uint8."""
    return np.stack(pictures).astype(np.uint8, copy=False)


def to_eight_bits(pixels: Pixels) -> Pixels:
    """Codes of 16 bits to 8, rounded to nearest; 8-bit ones as they are."""
    if pixels.dtype == np.uint8:
        return pixels
    # k * 257 is k; 257 is odd, so there are no ties.
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _read(path: Path, indices: Sequence[int], rows: slice, columns: slice) -> Pixels:
    frames: Pixels = np.load(path, mmap_mode="r")
    return stack_pixels([frames[index, rows, columns] for index in indices])


def _decode(clip: ClipFiles, folder: Path, key: str) -> tuple[int, int, int]:
    """Write the clip's file, one frame in memory at a time; returns its frames, height and width."""
    work = folder / f".{key}.{os.getpid()}.part"
    count = height = width = begin = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with work.open("wb") as file:
            for frame in _frames(clip):
                if not count:
                    height, width, _ = frame.shape
                    begin = _write_header(file, (0, height, width, 3))
                file.write(np.ascontiguousarray(frame).data)
                count += 1
            if not count:
                raise MediaError(f"{clip.files[0]}: has no frame")
            file.seek(0)
            end = _write_header(file, (count, height, width, 3))
            assert end == begin
        sync(work)
        work.replace(folder / f"{key}.npy")
    except OSError as error:
        raise CacheError(
            f"{folder}: the cache of decoded clips cannot be written "
            f"({error.strerror}, after {count * height * width * 3 >> 20} MiB of {clip.name}); "
            "set data.cache to a folder with room"
        ) from error
    finally:
        work.unlink(missing_ok=True)
    return count, height, width


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> int:
    """Of an .npy file of uint8; returns its length, the same for any number of frames: numpy leaves room."""
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


def _frames(clip: ClipFiles) -> Iterator[Pixels]:
    if len(clip.files) == 1 and not clip.files[0].is_dir():
        # As stored: training sees what evaluation sees, and motion may look like fields.
        with open_source(clip.files[0], ReadOptions(deinterlace="off")) as source:
            for frame in source:
                yield to_eight_bits(frame.pixels)
        return
    size: tuple[int, ...] | None = None
    for file in clip.files:
        pixels = to_eight_bits(read_image(file))
        if size is not None and pixels.shape != size:
            raise MediaError(f"{file} is {pixels.shape[1]}x{pixels.shape[0]}, unlike the images before it")
        size = pixels.shape
        yield pixels


def _identity(clip: ClipFiles) -> str:
    digest = hashlib.sha256()
    ends = {clip.files[0], clip.files[-1]}
    for file in clip.files:
        try:
            size = file.stat().st_size
            digest.update(f"{file.name}|{size}\n".encode())
            if file in ends:
                with file.open("rb") as content:
                    digest.update(content.read(SAMPLED_BYTES))
                    content.seek(max(0, size - SAMPLED_BYTES))
                    digest.update(content.read(SAMPLED_BYTES))
        except OSError as error:
            raise MediaError(f"{file}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()[:24]


def _read_index(folder: Path) -> dict[str, list[str | int]]:
    try:
        entries = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}  # decoded again, which costs time only
    except OSError as error:
        raise CacheError(
            f"{folder}: the cache of decoded clips cannot be read ({error.strerror}); set data.cache to "
            "another folder"
        ) from error
    assert isinstance(entries, dict)
    return entries


def _write_index(folder: Path, index: dict[str, list[str | int]]) -> None:
    work = folder / f".{INDEX}.{os.getpid()}.part"
    try:
        work.write_text(json.dumps(index, indent=0, sort_keys=True), encoding="utf-8")
        work.replace(folder / INDEX)
    except OSError as error:
        work.unlink(missing_ok=True)
        raise CacheError(
            f"{folder}: the cache of decoded clips cannot be written ({error.strerror}); "
            "set data.cache to a folder with room"
        ) from error
