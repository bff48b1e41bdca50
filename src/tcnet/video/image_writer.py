"""PNG files as the output: their names, and how they come to their place."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from tcnet.errors import MediaError, UsageError
from tcnet.video.atomic_file import (
    check_folder,
    hidden_name,
    nearest_folder,
    rename_folder,
    replace_file,
    sync,
    sync_folder,
)
from tcnet.video.containers import is_pattern
from tcnet.video.frame import Frame, VideoInfo
from tcnet.video.images import name_pattern, write_png


class ImageTarget:
    """Where PNGs go, and under which names.

    Overwriting replaces the images of the same names, and removes those that follow without a gap in the
    numbering: they are left from a longer run and would be taken for part of the new clip. All else stays.
    """

    def __init__(self, path: Path, *, sources: Sequence[Path]) -> None:
        """path: a folder, or a pattern such as out/%05d.png. sources: the input images, in order, after which
        those in a folder are named; without them they are numbered.
        """
        self._pattern = path.name if is_pattern(path) else None
        self._names = () if self._pattern else tuple(file.stem for file in sources)
        self.folder = (path.parent if self._pattern else path).absolute()

    def name(self, index: int) -> str:
        """The file name of frame `index`, counted from 0."""
        if self._pattern is not None:
            return re.sub(r"%(\d*)d", lambda m: f"{index + 1:{m[1] or '0'}d}", self._pattern, count=1)
        if index < len(self._names):
            return f"{self._names[index]}.png"
        return f"{index + 1:08d}.png"

    def refuse_existing(self, *, overwrite: bool) -> None:
        """Raises MediaError where images are in the way."""
        _refuse_existing(self.folder, self._pattern, overwrite)

    def place(self, work: Path, count: int) -> None:
        """Moves the `count` images in the folder `work`, which goes, to their final place.

        Those that a move cut short has brought there already stay. Raises MediaError for a missing image.
        """
        if not self.folder.is_dir():
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            if rename_folder(work, self.folder):
                sync_folder(self.folder.parent)
                sync_folder(self.folder)
                return
            self.folder.mkdir()
        names = [self.name(index) for index in range(count)]
        for name in names:
            if not (work / name).exists() and not (self.folder / name).exists():
                raise MediaError(f"{work / name}: is gone; start over with --no-resume")
        for name in names:
            if (work / name).exists():
                replace_file(work / name, self.folder / name)
        work.rmdir()
        self._remove_surplus(count)
        sync_folder(self.folder)

    def _remove_surplus(self, index: int) -> None:
        if self._names:
            return  # there is no telling which other names an earlier run gave
        while (file := self.folder / self.name(index)).is_file():
            file.unlink()
            index += 1


class ImageWriter:
    """A FrameSink that writes PNGs into a hidden folder and moves them to their place when all are done."""

    def __init__(self, path: Path, *, info: VideoInfo, sources: Sequence[Path], overwrite: bool) -> None:
        """path, sources: as for `ImageTarget`. Raises like `check_images_target`."""
        check_images_target(path, sources=sources, overwrite=overwrite)
        self._info = info
        self._target = ImageTarget(path, sources=sources)
        self._overwrite = overwrite
        folder = self._target.folder
        self._work = nearest_folder(folder.parent) / hidden_name(folder.name, ".part")
        shutil.rmtree(self._work, ignore_errors=True)
        self._work.mkdir()
        self._count = 0
        self._open = True

    @property
    def notices(self) -> tuple[str, ...]:
        return ()

    def write(self, frame: Frame) -> None:
        """ValueError for a frame of another size or a sink that is finished or aborted."""
        self._check_open()
        check_frame_size(frame, self._info)
        write_png(self._work / self._target.name(self._count), frame.pixels, frame.alpha)
        self._count += 1

    def finish(self) -> None:
        """Syncs the images and moves them to their final place."""
        self._check_open()
        if self._count == 0:
            raise MediaError(f"{self._target.folder}: no frame was written")
        self._target.refuse_existing(overwrite=self._overwrite)
        for file in self._work.iterdir():
            sync(file)
        self._target.place(self._work, self._count)
        self._open = False

    def abort(self) -> None:
        """Removes what was written; harmless after `finish`."""
        if self._open:
            self._open = False
            shutil.rmtree(self._work, ignore_errors=True)

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(f"{self._target.folder}: the sink is finished or aborted")


def check_frame_size(frame: Frame, info: VideoInfo) -> None:
    """Raises ValueError for a frame that is not of `info`'s size."""
    height, width = frame.pixels.shape[:2]
    if (width, height) != (info.width, info.height):
        raise ValueError(f"frame is {width}x{height}, expected {info.width}x{info.height}")


def check_images_target(path: Path, *, sources: Sequence[Path], overwrite: bool) -> None:
    """Whether PNGs can be written to a folder or by a pattern; changes nothing.

    Raises UsageError for a pattern that is no PNG pattern, MediaError when images are there already and
    overwriting is not allowed, when the place cannot be written to or holds the input images, and when two
    input images would give one output (a.png and a.jpg).
    """
    pattern = path.name if is_pattern(path) else None
    if pattern and (path.suffix.lower() != ".png" or not re.search(r"%\d*d", pattern)):
        raise UsageError(f"{path}: images are written as PNG; give a folder or a name like out/%05d.png")
    folder = (path.parent if pattern else path).absolute()
    if sources and folder.exists() and sources[0].parent.samefile(folder):
        raise MediaError(f"{folder}: holds the input images; choose another folder for the output")
    if not pattern:
        seen: dict[str, Path] = {}
        for file in sources:
            other = seen.setdefault(file.stem.casefold(), file)  # some file systems ignore case
            if other is not file:
                raise MediaError(
                    f"{file.parent}: {other.name} and {file.name} would both become {file.stem}.png; "
                    "rename one, or number the output with a pattern like out/%05d.png"
                )
    _refuse_existing(folder, pattern, overwrite)
    check_folder(folder if folder.is_dir() else nearest_folder(folder.parent))


def _refuse_existing(folder: Path, pattern: str | None, overwrite: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise MediaError(f"{folder}: is a file; choose another folder")
    if overwrite or not folder.is_dir():
        return
    matches = name_pattern(pattern) if pattern else None
    for file in folder.iterdir():
        if matches is None or matches.fullmatch(file.name):
            raise MediaError(
                f"{folder}: {file.name} is there already; choose another place or allow overwriting "
                "(--overwrite)"
            )
