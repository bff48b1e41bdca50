"""Standard streams that never end the work, whatever name is written, on a full disk or a closed pipe."""

import codecs
import errno
import io
import os
import select
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Spelled out where the encoding has no such sign; all else is escaped, as \xe9 or \udcff.
_ASCII = {"→": "->", "×": "x", "…": "...", "–": "-", "�": "?"}
_HANDLER = "tcnet.escape"


class _Lasting(io.RawIOBase):
    """A stream's raw end. The first error in writing is kept, and all that follows is dropped."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.error: OSError | None = None

    def write(self, data: "Buffer", /) -> int:
        size = memoryview(data).nbytes
        if self.error is not None:
            return size
        try:
            while (written := self._raw.write(data)) is None:  # full, and made non-blocking by someone else
                select.select([], [self._raw], [])
        except OSError as error:
            self.error = error
            return size
        return written

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._raw.fileno()

    def isatty(self) -> bool:
        return self._raw.isatty()


class Streams:
    """stdout and stderr of the process, from here on."""

    def __init__(self) -> None:
        _occupy_closed_descriptors()
        codecs.register_error(_HANDLER, _escaped)
        self._raw: dict[str, _Lasting] = {}
        if sys.stdin is None:
            sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the process lives
        sys.stdout = self._lasting("stdout", sys.stdout)
        sys.stderr = self._lasting("stderr", sys.stderr)

    def lost_output(self) -> OSError | None:
        """Why stdout could not be written; None where it could, or nobody reads it any more."""
        sys.stdout.flush()
        error = self._raw["stdout"].error if "stdout" in self._raw else None
        return None if error is None or error.errno in (errno.EPIPE, errno.EBADF) else error

    def _lasting(self, name: str, stream: TextIO | None) -> TextIO:
        if stream is None:  # closed by whoever started the program
            return open(os.devnull, "w")
        buffer = getattr(stream, "buffer", None)
        raw = getattr(buffer, "raw", buffer)  # PYTHONUNBUFFERED leaves out the buffer
        if not isinstance(raw, io.RawIOBase):
            return stream
        stream.flush()
        lasting = self._raw[name] = _Lasting(raw)
        return io.TextIOWrapper(
            io.BufferedWriter(lasting), encoding=stream.encoding, errors=_HANDLER, line_buffering=True
        )


def _occupy_closed_descriptors() -> None:
    """Else the next file that is opened becomes stdout, and what libraries print lands in it."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _escaped(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    text = "".join(_ASCII.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in signs)
    return text, error.end
