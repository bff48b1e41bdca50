"""Notification of changed jobs."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Self

EVERY_SECONDS = 0.25
"""Faster changes of a job are reported as one."""
MOST_LISTENERS = 64


class Changes:
    """Notified from any thread, received in event loops. Only the job's id is sent; listeners fetch its
    state, so they never fall behind."""

    def __init__(self, most: int = MOST_LISTENERS) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._closed = False

    def tell(self, job_id: str) -> None:
        with self._lock:
            for listener in self._listeners:
                listener.tell(job_id)

    @property
    def full(self) -> bool:
        """Whether no further listener is accepted: there are too many, or the server stops."""
        with self._lock:
            return self._closed or len(self._listeners) >= self._most

    def listen(self) -> "Listener":
        """To be called, entered and iterated in an event loop."""
        listener = Listener(self)
        with self._lock:
            self._listeners.add(listener)
            if self._closed:
                listener.end()
        return listener

    def close(self) -> None:
        """Ends all listeners."""
        with self._lock:
            self._closed = True
            for listener in self._listeners:
                listener.end()

    def drop(self, listener: "Listener") -> None:
        with self._lock:
            self._listeners.discard(listener)


class Listener:
    """A context manager: iterate over it, inside, for sets of ids of changed jobs."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._loop = asyncio.get_running_loop()
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._ended = False

    def tell(self, job_id: str) -> None:
        self._call(self._add, job_id)

    def end(self) -> None:
        self._call(self._add, None)

    def _call(self, function: Callable[[str | None], None], argument: str | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(function, argument)

    def _add(self, job_id: str | None) -> None:
        if job_id is None:
            self._ended = True
        else:
            self._changed.add(job_id)
        self._wake.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._changes.drop(self)

    async def __aiter__(self) -> AsyncIterator[frozenset[str]]:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._ended:
                return
            changed, self._changed = frozenset(self._changed), set()
            yield changed
            await asyncio.sleep(EVERY_SECONDS)
