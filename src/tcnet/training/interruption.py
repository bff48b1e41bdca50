"""Ctrl-C and termination become a request to stop after the step at hand, so that the state can be saved."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interruption:
    """A context in which SIGINT and SIGTERM set `requested` and `number`; a second acts as it did before.

    Outside the main thread, where Python allows no handlers, nothing changes.
    """

    def __init__(self) -> None:
        self.requested = False
        self.number = signal.SIGINT
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.requested = True
        self.number = signal.Signals(number)
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()
