"""Decode, compute and encode side by side, joined by bounded queues.

Decoding and encoding have a thread each, computing stays in the caller's. The first error in any stage stops
all three and is raised in the caller, with the traceback of its own stage.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Decoded = TypeVar("Decoded")
Computed = TypeVar("Computed")
Written = TypeVar("Written", contravariant=True)

DECODED_FRAMES = 4
"""LR frames that may wait for the computation; a window takes its own frames from there at once."""
COMPUTED_FRAMES = 4
"""SR frames that may wait for the encoder: enough for windows, which give their frames in bursts."""
WAKE_SECONDS = 0.2
"""How often a waiting thread looks up. Only Windows needs it, where waiting for a lock defies Ctrl-C."""


class Sink(Protocol[Written]):
    """What a FrameSink is for frames, for whatever is computed."""

    def write(self, item: Written, /) -> None: ...
    def finish(self) -> None: ...
    def abort(self) -> None: ...


class _Stopped(BaseException):
    """Unwinds a stage because another one has failed. Not an Exception, so that no stage takes it for one."""


class _Run:
    """What the stages share: the first error, the threads at work, and the lock that all queues use."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.error: BaseException | None = None
        self._at_work = 0

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Do `work` in a thread; an error in it fails the run."""

        def stage() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised in the calling thread
                self.fail(error)
            with self.changed:
                self._at_work -= 1
                self.changed.notify_all()

        thread = threading.Thread(target=stage, name=name, daemon=True)
        with self.changed:
            thread.start()
            self._at_work += 1

    def wait(self) -> None:
        """Until no thread is at work.

        Not by Thread.join: up to Python 3.12 a thread counts as ended when Ctrl-C interrupts the join.
        """
        with self.changed:
            while self._at_work:
                self.changed.wait(WAKE_SECONDS)

    def fail(self, error: BaseException) -> None:
        """Stop all stages because of `error`; later errors are consequences and not kept."""
        with self.changed:
            if self.error is None:
                self.error = error
            self.changed.notify_all()


class _Queue(Generic[Item]):
    """A bounded queue between two stages."""

    def __init__(self, run: _Run, size: int) -> None:
        self._run = run
        self._size = size
        self._frames: deque[Item] = deque()
        self._ended = False

    def put(self, frame: Item) -> None:
        """Wait for room. Raises _Stopped when the run has failed."""
        with self._run.changed:
            self._wait(lambda: len(self._frames) < self._size)
            self._frames.append(frame)
            self._run.changed.notify_all()

    def end(self) -> None:
        """No frames follow."""
        with self._run.changed:
            self._ended = True
            self._run.changed.notify_all()

    def __iter__(self) -> Iterator[Item]:
        """Frames until `end`. Raises _Stopped when the run has failed."""
        while True:
            with self._run.changed:
                self._wait(lambda: bool(self._frames) or self._ended)
                if not self._frames:
                    return
                frame = self._frames.popleft()
                self._run.changed.notify_all()
            yield frame
            del frame  # or it would live until the next one is there

    def _wait(self, ready: Callable[[], bool]) -> None:
        while self._run.error is None and not ready():
            self._run.changed.wait(WAKE_SECONDS)
        if self._run.error is not None:
            raise _Stopped


def run_pipeline(
    source: Iterable[Decoded],
    compute: Callable[[Iterator[Decoded]], Iterator[Computed]],
    sink: Sink[Computed],
    *,
    on_frame: Callable[[], None] | None = None,
    decoded_frames: int = DECODED_FRAMES,
    computed_frames: int = COMPUTED_FRAMES,
) -> int:
    """Send all of `source` through `compute` into `sink`; `finish` the sink, or `abort` it on any error.

    on_frame is called in this thread after each computed frame. Returns the number of frames written. Raises
    what failed first in source, compute, sink or on_frame; KeyboardInterrupt stops the run like any error.
    """
    run = _Run()
    decoded: _Queue[Decoded] = _Queue(run, decoded_frames)
    computed: _Queue[Computed] = _Queue(run, computed_frames)
    try:
        run.start("decode", lambda: _decode(source, decoded))
        run.start("encode", lambda: _encode(computed, sink))
        count = _compute(compute, decoded, computed, on_frame)
        run.wait()
        if run.error is None:
            sink.finish()
            return count
    except BaseException as error:  # noqa: BLE001 - raised below, KeyboardInterrupt included
        run.fail(error)
    assert run.error is not None
    try:
        # A sink must not be taken from under the thread that writes to it, so after a second Ctrl-C, which
        # ends the waiting, it is left as it is.
        run.wait()
        sink.abort()
    finally:
        raise run.error


def _compute(
    compute: Callable[[Iterator[Decoded]], Iterator[Computed]],
    decoded: _Queue[Decoded],
    computed: _Queue[Computed],
    on_frame: Callable[[], None] | None,
) -> int:
    count = 0
    outputs = compute(iter(decoded))
    try:
        for frame in outputs:
            computed.put(frame)
            del frame  # the encoder's now
            count += 1
            if on_frame is not None:
                on_frame()
    finally:
        if isinstance(outputs, Generator):
            outputs.close()
    computed.end()
    return count


def _decode(source: Iterable[Decoded], decoded: _Queue[Decoded]) -> None:
    for frame in source:
        decoded.put(frame)
        del frame
    decoded.end()


def _encode(computed: _Queue[Computed], sink: Sink[Computed]) -> None:
    for frame in computed:
        sink.write(frame)
        del frame
