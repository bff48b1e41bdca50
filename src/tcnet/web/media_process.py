"""A process that opens uploaded files: what a bad one does to it, it does not do to the server."""

import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar, cast

from tcnet.errors import MediaError, TcnetError

Result = TypeVar("Result")


class MediaProcess:
    """Calls functions in a process of its own, one at a time. It starts with the first call, is started again
    when it died, and ends with the server, however that ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._connection: Connection | None = None
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
                    raise MediaError(f"it was given up after {seconds:.0f} s; it may be damaged")
                result = connection.recv()
            except (EOFError, OSError) as error:
                self._stop()
                if self._closed:
                    raise MediaError("the server stops") from error
                raise MediaError("the decoder failed on it; it is damaged or of an unusual kind") from error
        if isinstance(result, TcnetError):
            raise result
        if isinstance(result, BaseException):
            raise RuntimeError("a call in the media process failed") from result
        return cast(Result, result)

    def close(self) -> None:
        """Ends the process, and a call that is under way."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()

    def _started(self) -> Connection:
        if self._closed:
            raise MediaError("the server stops")
        if self._process is None or not self._process.is_alive() or self._connection is None:
            self._stop()
            self._connection, theirs = self._context.Pipe()
            self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()  # or the end of the process would not be seen
        return self._connection

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._connection is not None:
            self._connection.close()
        self._process = self._connection = None


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the server decides
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return  # the server is gone
        try:
            result = function(*arguments)
        except Exception as error:  # noqa: BLE001 - raised in the server
            result = error
        connection.send(result)
