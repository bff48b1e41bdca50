"""Signals that reach all processes of a terminal, of which one decides."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running


@contextmanager
def held_back(*numbers: signal.Signals) -> Iterator[None]:
    """Hold signals back: this process gets them afterwards, processes that are started here never do.

    A process that ignored them itself would be hit while it still loads its modules. Does nothing on Windows.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    ensure_running()  # Python 3.11 lets signals through when the first process starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
