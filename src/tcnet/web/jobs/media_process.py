"""A process that opens uploaded files, so that a bad one cannot harm the server."""

import multiprocessing
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol, TypeVar, cast

from tcnet.errors import MediaError, TcnetError
from tcnet.system.signals import held_back

IDLE_SECONDS = 120.0
"""Idle time after which the process exits and frees its memory and files."""
_SPARE_SECONDS = 10.0
"""Safety margin: it is not called this shortly before it would exit."""

Result = TypeVar("Result")


class MediaReader(Protocol):
    """Calls functions that open uploaded files; see `MediaProcess`."""

    def call(self, function: Callable[..., Result], *arguments: object, seconds: float) -> Result: ...
    def close(self) -> None: ...


class MediaProcess:
    """Calls functions in a process of its own, one at a time. It starts with the first call, is started again
    when it died, and ends with the server, however that ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context = multiprocessing.get_context("spawn")
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._used = 0.0
        self._closed = False

    def call(self, function: Callable[..., Result], *arguments: object, seconds: float) -> Result:
        """function: of a module; it, the arguments and the result can be pickled.

        Raises TcnetError as `function` does, and MediaError when it takes too long or the process dies.
        """
        with self._lock:
            connection = self._started()
            try:
                connection.send((function, arguments))
                if not connection.poll(seconds):
                    self._stop()
                    raise MediaError(f"reading it was given up after {seconds:.0f} s; it may be damaged")
                result = connection.recv()
            except (EOFError, OSError) as error:
                self._stop()
                self._check_open()
                raise MediaError("the decoder failed on it; it is damaged or of an unusual kind") from error
            self._used = time.monotonic()
        if isinstance(result, TcnetError):
            raise result
        if isinstance(result, BaseException):
            raise RuntimeError(f"{type(result).__name__}: {result}") from result
        return cast(Result, result)

    def close(self) -> None:
        """Ends the process, and a call in progress, which raises MediaError."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()

    def _check_open(self) -> None:
        if self._closed:
            raise MediaError("the server stops")

    def _started(self) -> Connection:
        self._check_open()
        idle = time.monotonic() - self._used
        if self._connection is not None and idle < IDLE_SECONDS - _SPARE_SECONDS:
            return self._connection
        self._stop()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
        with held_back(signal.SIGINT):  # of a terminal: the server decides
            process.start()
        theirs.close()  # or the end of the process would not be seen
        self._connection, self._process = ours, process
        if self._closed:  # in between, by another thread
            self._stop()
            self._check_open()
        return ours

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _serve(connection: Connection) -> None:
    while connection.poll(IDLE_SECONDS):
        try:
            function, arguments = connection.recv()
        except EOFError:
            return  # the server is gone
        try:
            result = function(*arguments)
        except Exception as error:  # noqa: BLE001 - raised in the server
            result = error
        connection.send(result)
