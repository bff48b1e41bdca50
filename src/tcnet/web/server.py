"""The server itself: an address, until Ctrl-C."""

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_urlsafe
from types import FrameType

import uvicorn

from tcnet.errors import UsageError
from tcnet.web.app import create_app
from tcnet.web.service import Service
from tcnet.web.settings import Settings

_STOPPING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # not every system has all of them


def made_token() -> str:
    """A token that cannot be guessed."""
    return token_urlsafe(24)


def open_socket(host: str, port: int) -> socket.socket:
    """Raises UsageError for an address that cannot be listened on. port: 0 takes any free one."""
    listening: socket.socket | None = None
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family)
        if os.name == "posix":  # elsewhere it would let others take the port too
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise UsageError(
            f"cannot listen on {host} port {port} ({error.strerror}); choose another --host or --port"
        ) from error
    return listening


def address(listening: socket.socket) -> str:
    """The URL for a browser."""
    name, port = listening.getsockname()[:2]
    if name in ("0.0.0.0", "::"):  # all addresses of this machine
        name = socket.gethostname()
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def run_server(settings: Settings, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C, SIGTERM or SIGHUP. Raises MediaError for a data folder that cannot be used."""
    WebServer(Service(settings), on_ready).run(sockets=[listening])


class WebServer(uvicorn.Server):
    """Ends open event streams when it is asked to stop."""

    def __init__(self, service: Service, on_ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            create_app(service), log_level="error", access_log=False, server_header=False, ws="none",
            timeout_graceful_shutdown=1, lifespan="on",
        )  # fmt: skip
        super().__init__(config)
        self._service = service
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._service.changes.close()  # or event streams would keep their connections
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In the main thread. Unlike in uvicorn's, signals are not raised again at the end: stopping is no
        error."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [getattr(signal, name) for name in _STOPPING_SIGNALS if hasattr(signal, name)]
        # What is ignored stays ignored: that is how nohup works.
        before = {number: signal.getsignal(number) for number in numbers}
        before = {number: handler for number, handler in before.items() if handler != signal.SIG_IGN}
        for number in before:
            signal.signal(number, self._stopped)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stopped(self, number: int, frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
