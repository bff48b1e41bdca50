"""Standard input as a file: what a container needs to be read twice, and sound to be copied from."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tcnet.errors import MediaError
from tcnet.video.atomic_file import check_folder, hidden_name

_CHUNK = 1 << 20
_SPARE = 1 << 28  # bytes of the disk that are left free


@contextmanager
def spooled(stream: BinaryIO, output: Path) -> Iterator[Path]:
    """A hidden file beside `output` with all of `stream`, removed at the end.

    Raises MediaError for a place that cannot be written to, a disk without room, and no input at all.
    """
    folder = output.absolute().parent
    check_folder(folder)
    path = folder / hidden_name(output.name, ".stdin")
    try:
        _copy(stream, path, output)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _copy(stream: BinaryIO, path: Path, output: Path) -> None:
    size = 0
    try:
        with path.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                if shutil.disk_usage(path.parent).free < _SPARE:
                    raise MediaError(
                        f"{output}: its disk has no room for standard input after {size >> 20} MiB; choose "
                        "another place (-o)"
                    )
                file.write(chunk)
                size += len(chunk)
    except OSError as error:
        raise MediaError(
            f"{output}: standard input cannot be kept beside it ({error.strerror}); choose another place (-o)"
        ) from error
    if not size:
        raise MediaError(
            "standard input is empty: pipe a video into it, as in tcnet upscale - -o OUT < VIDEO"
        )
