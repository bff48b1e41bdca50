"""The points at which `kill_runs.py` kills a run: the states that a power cut could leave, one by one.

`arm` patches the program in the process that calls it and nowhere else; the program itself has no hooks.
"""

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tcnet.journal import Journal
from tcnet.upscale.output import segmented_video
from tcnet.upscale.output.checkpoint import Checkpoint
from tcnet.video import image_writer
from tcnet.video.write import packet_file
from tcnet.video.write.muxer import Muxer


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _nth(call: Callable, count: int, instead: Callable) -> Callable:
    """`call`, but the `count`-th time (from 1) `instead`."""
    calls = 0

    def counted(*arguments, **named):
        nonlocal calls
        calls += 1
        return (instead if calls == count else call)(*arguments, **named)

    return counted


def _before(owner: object, name: str, count: int) -> None:
    setattr(owner, name, _nth(getattr(owner, name), count, lambda *_, **__: die()))


def _after(owner: object, name: str, count: int) -> None:
    call = getattr(owner, name)

    def then(*arguments, **named):
        call(*arguments, **named)
        die()

    setattr(owner, name, _nth(call, count, then))


def _half_packet(count: int) -> None:
    """Of a packet, the head and a part of the data are in the file."""

    def half(self, packet):
        self._file.write(packet.data[: len(packet.data) // 2])
        self._file.flush()
        die()

    packet_file.PacketFile.add = _nth(packet_file.PacketFile.add, count, half)


def _half_line(count: int) -> None:
    """Of a line of the journal, the first half is on the disk."""

    def half(self, line):
        with self._path.open("ab") as file:
            text = f"{dict(line)}".encode()
            file.write(text[: len(text) // 2])
            file.flush()
            os.fsync(file.fileno())
        die()

    Journal.append = _nth(Journal.append, count, half)


def _half_removed(count: int) -> None:
    """The output has its name, and of the folder one file is gone."""
    remove = Checkpoint.remove

    def half(self):
        for file in sorted(self.path.glob("*.segment"))[:1]:
            file.unlink()
        die()

    Checkpoint.remove = _nth(remove, count, half)


def _between_moves(count: int) -> None:
    """Some images are at their final place, the others not yet."""
    place = image_writer.ImageTarget.place

    def some(self, work, total):
        self.folder.mkdir(exist_ok=True)
        for index in range(total // 2):
            if (work / self.name(index)).exists():
                shutil.move(work / self.name(index), self.folder / self.name(index))
        die()

    image_writer.ImageTarget.place = _nth(place, count, some)


# Name -> (what it does, given which occurrence; the occurrences to choose from, last one excluded). Those for
# videos only, for images only, and for both.
VIDEO: dict[str, tuple[Callable[[int], None], range]] = {
    "segment write": (_half_packet, range(1, 25)),
    "segment sync": (lambda count: _before(packet_file.PacketFile, "close", count), range(1, 4)),
    "segment end": (lambda count: _after(packet_file.PacketFile, "close", count), range(1, 4)),
    "final mux": (lambda count: _before(Muxer, "mux", count), range(1, 30)),
    "final mux end": (lambda count: _before(Muxer, "finish", count), range(1, 2)),
    "final sync": (lambda count: _before(segmented_video, "sync", count), range(1, 2)),
    "rename": (lambda count: _before(Path, "replace", count), range(1, 4)),
}
IMAGES: dict[str, tuple[Callable[[int], None], range]] = {
    "image write": (lambda count: _before(os, "fsync", count), range(3, 50)),
    "moving": (_between_moves, range(1, 2)),
}
BOTH: dict[str, tuple[Callable[[int], None], range]] = {
    "journal write": (_half_line, range(1, 4)),
    "journal line": (lambda count: _after(Journal, "append", count), range(1, 4)),
    "removal": (_half_removed, range(1, 2)),
}


def arm(point: str, count: int) -> None:
    """From now on this process dies at the `count`-th occurrence of `point`."""
    {**VIDEO, **IMAGES, **BOTH}[point][0](count)
