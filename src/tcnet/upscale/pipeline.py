"""Decode, compute and encode side by side, joined by bounded queues.

Decoding and encoding have a thread each, computing stays in the caller's. The first error in any stage stops
all three and is raised in the caller, with the traceback of its own stage.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

from tcnet.video.frame import Frame, FrameSink

DECODED_FRAMES = 4
"""LR frames that may wait for the computation; a window takes its own frames from there at once."""
COMPUTED_FRAMES = 4
"""SR frames that may wait for the encoder: enough for windows, which give their frames in bursts."""
WAKE_SECONDS = 0.2
"""How often a waiting thread looks up. Only Windows needs it, where waiting for a lock defies Ctrl-C."""

Compute = Callable[[Iterator[Frame]], Iterator[Frame]]


class _Stopped(BaseException):
    """Unwinds a stage because another one has failed. Not an Exception, so that no stage takes it for one."""


class _Run:
    """What the stages share: the first error, and the lock that all queues use."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        """Stop all stages because of `error`; later errors are consequences and not kept."""
        with self.changed:
            if self.error is None:
                self.error = error
            self.changed.notify_all()


class _Queue:
    """A bounded queue of frames between two stages."""

    def __init__(self, run: _Run, size: int) -> None:
        self._run = run
        self._size = size
        self._frames: deque[Frame] = deque()
        self._ended = False

    def put(self, frame: Frame) -> None:
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

    def __iter__(self) -> Iterator[Frame]:
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
    source: Iterable[Frame],
    compute: Compute,
    sink: FrameSink,
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
    decoded, computed = _Queue(run, decoded_frames), _Queue(run, computed_frames)
    threads = (
        threading.Thread(target=_decode, args=(run, source, decoded), name="decode", daemon=True),
        threading.Thread(target=_encode, args=(run, computed, sink), name="encode", daemon=True),
    )
    try:
        for thread in threads:
            thread.start()
        count = _compute(compute, decoded, computed, on_frame)
        _join(threads)
        if run.error is None:
            sink.finish()
            return count
    except BaseException as error:  # noqa: BLE001 - raised below, KeyboardInterrupt included
        run.fail(error)
    assert run.error is not None
    try:
        _join(threads)
    finally:
        # Alive only after a second Ctrl-C; a sink must not be taken from under a thread that writes to it.
        if not threads[1].is_alive():
            sink.abort()
    raise run.error


def _compute(compute: Compute, decoded: _Queue, computed: _Queue, on_frame: Callable[[], None] | None) -> int:
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


def _decode(run: _Run, source: Iterable[Frame], decoded: _Queue) -> None:
    try:
        for frame in source:
            decoded.put(frame)
            del frame
        decoded.end()
    except BaseException as error:  # noqa: BLE001 - raised in the calling thread
        run.fail(error)


def _encode(run: _Run, computed: _Queue, sink: FrameSink) -> None:
    try:
        for frame in computed:
            sink.write(frame)
            del frame
    except BaseException as error:  # noqa: BLE001 - raised in the calling thread
        run.fail(error)


def _join(threads: Iterable[threading.Thread]) -> None:
    for thread in threads:
        while thread.is_alive():
            thread.join(WAKE_SECONDS)
