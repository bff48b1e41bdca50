"""Unfinished uploads: bytes in files, records in the database."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tcnet.video.atomic_file import sync_descriptor
from tcnet.web.jobs.database import Database
from tcnet.web.jobs.store import new_id, now
from tcnet.web.refusal import Refusal
from tcnet.web.settings import Limits

_BUFFER = 1 << 20  # bytes written at once
_STRAY_SECONDS = 3600  # younger files may be about to become uploads
_FIELDS = "id, created, touched, name, metadata, length"


@dataclass(frozen=True, slots=True)
class Upload:
    """metadata: the header as the client sent it, to be returned. length: total bytes."""

    id: str
    created: float
    touched: float
    name: str
    metadata: str
    length: int


class _Writer:
    """A writing request. offset: where `buffer` goes."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.buffer = bytearray()

    @property
    def end(self) -> int:
        return self.offset + len(self.buffer)


class UploadStore:
    """The size of an upload's file is its offset, which stays correct after a crash."""

    def __init__(self, database: Database, folder: Path, limits: Limits) -> None:
        self._database = database
        self._folder = folder
        self._limits = limits
        self._writers: dict[str, _Writer] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def create(self, name: str, metadata: str, length: int) -> Upload:
        """Raises Refusal for an upload that is too large, or where the disk would be too full."""
        limits = self._limits
        if length > limits.upload_bytes:
            raise Refusal(
                413, f"the file has {size(length)}; this server takes up to {size(limits.upload_bytes)}"
            )
        if length == 0:
            raise Refusal(400, "the file is empty")
        # What other uploads will still take is not free.
        left = sum(upload.length - self.offset(upload) for upload in self.all())
        room = shutil.disk_usage(self._folder).free - left - limits.free_bytes
        if length > room:
            raise Refusal(
                507, f"the file has {size(length)} and the server's disk has room for {size(max(room, 0))}"
            )
        time = now()
        upload = Upload(new_id(), time, time, name, metadata, length)
        with self._database.use() as connection:
            connection.execute(
                f"INSERT INTO uploads ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?)",
                (upload.id, time, time, name, metadata, length),
            )
        self.file(upload).touch()
        return upload

    def find(self, upload_id: str) -> Upload:
        """Raises Refusal for an unknown id."""
        with self._database.use() as connection:
            row = connection.execute(f"SELECT {_FIELDS} FROM uploads WHERE id = ?", (upload_id,)).fetchone()
        if row is None:
            raise Refusal(404, f"no upload {upload_id[:40]!r}; it may have expired")
        return Upload(*row)

    def all(self) -> list[Upload]:
        with self._database.use() as connection:
            rows = connection.execute(f"SELECT {_FIELDS} FROM uploads ORDER BY created").fetchall()
        return [Upload(*row) for row in rows]

    def file(self, upload: Upload) -> Path:
        return self._folder / upload.id

    def offset(self, upload: Upload) -> int:
        """Bytes received."""
        file = self.file(upload)
        return file.stat().st_size if file.exists() else 0

    async def settled_offset(self, upload: Upload) -> int:
        """The offset, once a request that still writes has stored what arrived and is ended: its connection
        may be broken unnoticed."""
        async with self._lock(upload):
            writer = self._writers.pop(upload.id, None)
            if writer is not None:
                await asyncio.to_thread(self._put_down, upload, writer)
            return await asyncio.to_thread(self.offset, upload)

    async def write(self, upload: Upload, offset: int, chunks: AsyncIterator[bytes]) -> int:
        """Appends what arrives; returns the new offset. Received data is always kept.

        Raises Refusal for another offset than that of the file, for more than the length, for a full disk,
        and when another request takes over.
        """
        there = await self.settled_offset(upload)
        if offset != there:
            raise Refusal(409, f"the upload is at byte {there}, not {offset}; continue there")
        writer = self._writers[upload.id] = _Writer(offset)
        try:
            async for chunk in chunks:
                if self._writers.get(upload.id) is not writer:
                    raise Refusal(409, "another request continues this upload")
                if writer.end + len(chunk) > upload.length:
                    raise Refusal(413, f"more than the {upload.length} bytes that were announced")
                writer.buffer += chunk
                if len(writer.buffer) >= _BUFFER:
                    await self._flush(upload, writer)
        finally:
            try:
                # Also where the connection broke: received data need not be sent again.
                await asyncio.shield(self._flush(upload, writer))
            finally:
                if self._writers.get(upload.id) is writer:
                    del self._writers[upload.id]
        return writer.end

    async def _flush(self, upload: Upload, writer: "_Writer") -> None:
        async with self._lock(upload):
            if self._writers.get(upload.id) is writer:
                await asyncio.to_thread(self._put_down, upload, writer)

    def _put_down(self, upload: Upload, writer: "_Writer") -> None:
        self._write(upload, writer.offset, bytes(writer.buffer))
        writer.offset = writer.end
        writer.buffer.clear()

    def _write(self, upload: Upload, offset: int, data: bytes) -> None:
        if shutil.disk_usage(self._folder).free < self._limits.free_bytes:
            raise Refusal(507, "the server's disk is full; what was uploaded is kept for now")
        try:
            with self.file(upload).open("r+b") as file:
                file.seek(offset)
                file.write(data)
                file.flush()
                if offset + len(data) == upload.length:
                    sync_descriptor(file.fileno())
        except FileNotFoundError as error:
            raise Refusal(404, f"the upload {upload.id} is gone") from error
        except OSError as error:
            raise Refusal(507, f"the upload cannot be written ({error.strerror})") from error
        with self._database.use() as connection:
            connection.execute("UPDATE uploads SET touched = ? WHERE id = ?", (now(), upload.id))

    def take(self, upload: Upload, target: Path) -> None:
        """The finished file goes to `target`, and the upload ends; where a server dies in between, the next
        gives it back. Raises Refusal for an unfinished one.
        """
        offset = self.offset(upload)
        if offset != upload.length:
            raise Refusal(409, f"the upload is not finished: {offset} of {upload.length} bytes are there")
        target.parent.mkdir(parents=True, exist_ok=True)
        self.file(upload).replace(target)
        self._forget(upload)

    def remove(self, upload: Upload) -> None:
        self._forget(upload)
        self.file(upload).unlink(missing_ok=True)

    def give_back(self, upload: Upload, target: Path) -> None:
        """Undoes a `take` that only moved the file."""
        if not self.file(upload).exists() and target.exists():
            target.replace(self.file(upload))

    def remove_strays(self) -> None:
        """Removes orphaned files, which a server that died may have left."""
        known = {upload.id for upload in self.all()}
        for path in self._folder.iterdir():
            if path.name not in known and time.time() - path.stat().st_mtime > _STRAY_SECONDS:
                path.unlink()

    def _forget(self, upload: Upload) -> None:
        self._writers.pop(upload.id, None)
        self._locks.pop(upload.id, None)
        with self._database.use() as connection:
            connection.execute("DELETE FROM uploads WHERE id = ?", (upload.id,))

    def _lock(self, upload: Upload) -> asyncio.Lock:
        return self._locks.setdefault(upload.id, asyncio.Lock())


def size(count: float) -> str:
    """Bytes, for people."""
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
