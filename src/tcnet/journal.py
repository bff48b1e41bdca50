"""What unfinished runs and evaluations have done: JSON lines, each on the disk before the work goes on.

The first line says what the work depends on, the others what is finished. A last line that was cut off, by a
crash while it was written, does not count.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tcnet.errors import MediaError
from tcnet.video.atomic_file import replace_file, sync_descriptor, sync_folder

Line = Mapping[str, Any]


class Journal:
    """A journal file. Reading raises MediaError for a file that is no journal; all raise OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[Line | None, list[Line]]:
        """(first line, the others); (None, []) where not even the first was finished."""
        try:
            data = self._path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None, []
        whole = data[: data.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.splitlines()]
        except ValueError as error:
            raise self._damaged() from error
        if not lines:
            return None, []
        if not all(isinstance(line, dict) for line in lines):
            raise self._damaged()
        return lines[0], lines[1:]

    def start(self, header: Line, lines: Sequence[Line] = ()) -> None:
        """Replaces the file, in one step."""
        work = self._path.with_name(f"{self._path.name}.new")
        with work.open("wb") as file:
            for line in (header, *lines):
                file.write(_encoded(line))
            file.flush()
            sync_descriptor(file.fileno())
        replace_file(work, self._path)
        sync_folder(self._path.parent)

    def append(self, line: Line) -> None:
        """Adds a line to a file that ends with a whole one; it is on the disk when this returns."""
        with self._path.open("ab") as file:
            file.write(_encoded(line))
            file.flush()
            sync_descriptor(file.fileno())

    def _damaged(self) -> MediaError:
        return MediaError(f"{self._path}: this journal is damaged")


def _encoded(line: Line) -> bytes:
    return json.dumps(line, ensure_ascii=True).encode() + b"\n"
