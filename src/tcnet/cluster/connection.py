"""Connect to a Ray cluster and disconnect, without Ray's output on the user's terminal."""

import logging
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tcnet.errors import MediaError, UsageError

REACH_SECONDS = 10.0
"""Timeout for the head of a cluster to answer."""
LOCAL = "local"
AUTO = "auto"
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_LONGEST_FOLDER = 40
"""Characters: Ray puts sockets below its folder, and their whole paths are limited to 107."""


@contextmanager
def connected(address: str) -> Iterator[str | None]:
    """Make this process a driver of a Ray cluster; a context manager.

    Yields the address of Ray's dashboard. None where there is none: Ray has one if it is installed with its
    extra `default` on the head's machine.

    address: "local" starts Ray on this machine and stops it at the end; "auto" uses the cluster that
    RAY_ADDRESS names or that runs on this machine, else is like "local"; anything else is the address of
    a cluster's head, HOST:PORT, to which this machine belongs. A process that is already connected stays so.

    Raises UsageError without Ray and for an invalid address, MediaError for a cluster that does not answer.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)  # before Ray reads them when it is imported
    if address not in (AUTO, LOCAL):
        _check_reachable(address)
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            f"--cluster {address}: Ray is missing ({error}); pip install '.[cluster]' in a checkout of tcnet"
        ) from error
    if ray.is_initialized():
        yield None  # whoever connected was given it
        return
    handlers = _signal_handlers()
    folder = None
    try:
        context = None if address == LOCAL else _joined(address)
        if address == AUTO and context is None:
            address = LOCAL
        if address == LOCAL:
            folder = _short_folder()
            context = _start(folder)
        elif context is None:
            raise MediaError(
                f"--cluster {address}: no Ray cluster answers there; is it HOST:PORT of its head, does this "
                "machine belong to it (ray start --address=HOST:PORT), and if it asks for a token, is "
                "RAY_AUTH_MODE=token set here and the token the same (docs/cluster.md)?"
            )
        _restore(handlers)  # Ray replaces ours
        with _hushed():
            yield f"http://{context.dashboard_url}" if context.dashboard_url else None
    finally:
        ray.shutdown()
        _restore(handlers)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _check_reachable(address: str) -> None:
    """Ray would retry for minutes, and print that on the terminal."""
    match = re.fullmatch(r"(?P<host>[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})", address)
    if match is None:
        raise UsageError(
            f"--cluster {address}: write auto, local, or HOST:PORT of a cluster's head, such as 10.0.0.1:6379"
        )
    try:
        socket.create_connection((match["host"].strip("[]"), int(match["port"])), REACH_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise MediaError(f"--cluster {address}: no cluster answers there ({error})") from error


def _joined(address: str) -> Any:  # noqa: ANN401 - of Ray, which may be missing
    """What Ray says of the cluster; None if none answers."""
    import ray

    try:
        return ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL)
    except ConnectionError:
        return None
    except (ValueError, AssertionError) as error:
        raise UsageError(f"--cluster {address}: write auto, local or HOST:PORT ({error})") from error
    except ray.exceptions.RayError as error:  # such as a token that is missing here
        raise MediaError(f"--cluster {address}: {str(error).strip().splitlines()[0]}") from error


def _start(folder: Path | None) -> Any:  # noqa: ANN401 - of Ray, which may be missing
    import ray

    return ray.init(
        address=LOCAL, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL,
        _temp_dir=None if folder is None else str(folder),
    )  # fmt: skip


def _short_folder() -> Path | None:
    """For Ray's sockets and logs, which it would leave behind; None: Ray's own, where paths are too long."""
    if sys.platform == "win32" or len(tempfile.gettempdir()) > _LONGEST_FOLDER:
        return None
    return Path(tempfile.mkdtemp(prefix="tcnet-"))


@contextmanager
def _hushed() -> Iterator[None]:
    """Keeps Ray from printing that nodes died and the like.

    It prints on stdout, which is for our JSON lines, and log_to_driver does not stop it. The run reports what
    matters itself.
    """
    from ray._private import worker

    spoken = getattr(worker, "print_to_stdstream", None)
    if spoken is None:
        yield
        return
    worker.print_to_stdstream = _say_nothing
    try:
        yield
    finally:
        worker.print_to_stdstream = spoken


def _say_nothing(data: object, ignore_prefix: bool = False) -> None:
    """Replaces Ray's printing."""


def _signal_handlers() -> dict[int, object]:
    try:
        return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        return {}


def _restore(handlers: dict[int, object]) -> None:
    for number, handler in handlers.items():
        if signal.getsignal(number) is not handler:
            try:
                signal.signal(number, handler)  # type: ignore[arg-type]
            except ValueError:  # not the main thread, where Ray cannot have changed it
                return
