import gc
import signal
import threading
import time
import traceback
import weakref

import pytest

from fake_networks import FakeSink, FakeSource, Nearest, make_frames, make_info
from tcnet.inference import UpscaleOptions, Upscaler
from tcnet.inference.scene_detection import LOOK_AHEAD
from tcnet.upscale.pipeline import run_pipeline


def through(frames):
    yield from frames


def source_of(count, fail_at=None, error=None):
    def frames():
        for i, frame in enumerate(make_frames(count, 16, 16)):
            if i == fail_at:
                raise error
            yield frame

    return frames()


def failing(at, error):
    def before(count):
        if count == at:
            raise error

    return before


@pytest.fixture(autouse=True)
def _no_threads_left():
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("count", [0, 1, 50])
def test_all_frames_arrive_in_order_and_the_sink_is_finished(count):
    sink = FakeSink()
    done = []
    written = run_pipeline(
        source_of(count), through, sink, on_frame=lambda: done.append(threading.current_thread())
    )
    assert written == count == len(done)
    assert [frame.pts for frame in sink.frames] == [frame.pts for frame in make_frames(count)]
    assert (sink.finished, sink.aborted) == (1, 0)
    assert all(thread is threading.current_thread() for thread in done)


@pytest.mark.parametrize("at", [0, 1, 17, 29])
def test_a_source_that_fails_stops_all(at):
    sink = FakeSink()
    with pytest.raises(OSError, match="unplugged") as caught:
        run_pipeline(source_of(30, at, OSError("unplugged")), through, sink)
    assert (sink.finished, sink.aborted) == (0, 1)
    # the traceback leads into the stage that failed
    assert "source_of" in str(caught.traceback[-1].frame.code.raw.co_qualname)


@pytest.mark.parametrize("at", [0, 1, 17, 29])
def test_a_sink_that_fails_stops_all(at):
    sink = FakeSink(failing(at, OSError("disk full")))
    with pytest.raises(OSError, match="disk full") as caught:
        run_pipeline(source_of(30), through, sink)
    assert (sink.finished, sink.aborted, sink.count) == (0, 1, at)
    assert any(entry.name == "before" for entry in caught.traceback)


def test_a_sink_that_fails_stops_an_endless_source():
    def endless():
        while True:
            yield from make_frames(10, 16, 16)

    sink = FakeSink(failing(25, OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        run_pipeline(endless(), through, sink)
    assert sink.aborted == 1


@pytest.mark.parametrize("at", [0, 9])
def test_a_computation_that_fails_stops_all_and_is_closed(at):
    closed = []

    def compute(frames):
        try:
            for i, frame in enumerate(frames):
                if i == at:
                    raise ArithmeticError("NaN")
                yield frame
        finally:
            closed.append(True)

    sink = FakeSink()
    with pytest.raises(ArithmeticError, match="NaN"):
        run_pipeline(source_of(30), compute, sink)
    assert (sink.finished, sink.aborted) == (0, 1)
    assert closed == [True]


def test_a_computation_is_closed_when_another_stage_fails():
    closed = []

    def compute(frames):
        try:
            yield from frames
        finally:
            closed.append(True)

    with pytest.raises(OSError, match="disk full"):
        run_pipeline(source_of(30), compute, FakeSink(failing(2, OSError("disk full"))))
    assert closed == [True]


def test_the_first_error_wins():
    """The sink fails, then the source while it is being stopped."""
    sink_failed = threading.Event()

    def before(count):
        sink_failed.set()
        raise OSError("first")

    def frames():
        yield from make_frames(3, 16, 16)
        sink_failed.wait(10)
        time.sleep(0.05)
        raise ValueError("second")

    with pytest.raises(OSError, match="first"):
        run_pipeline(frames(), through, FakeSink(before))


def test_a_progress_callback_that_fails_stops_all():
    def on_frame():
        raise LookupError("callback")

    sink = FakeSink()
    with pytest.raises(LookupError, match="callback"):
        run_pipeline(source_of(30), through, sink, on_frame=on_frame)
    assert sink.aborted == 1


def test_a_sink_that_cannot_finish_is_aborted():
    class Unfinished(FakeSink):
        def finish(self):
            raise OSError("no space left")

    sink = Unfinished()
    with pytest.raises(OSError, match="no space left"):
        run_pipeline(source_of(3), through, sink)
    assert sink.aborted == 1


def test_an_abort_that_fails_does_not_hide_the_first_error():
    class Stubborn(FakeSink):
        def abort(self):
            raise PermissionError("cannot delete")

    with pytest.raises(OSError, match="disk full") as caught:
        run_pipeline(source_of(30), through, Stubborn(failing(2, OSError("disk full"))))
    assert "cannot delete" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("at", [0, 7])
def test_keyboard_interrupt_in_the_computation_aborts(at):
    def compute(frames):
        for i, frame in enumerate(frames):
            if i == at:
                raise KeyboardInterrupt
            yield frame

    sink = FakeSink()
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(source_of(30), compute, sink)
    assert (sink.finished, sink.aborted) == (0, 1)


@pytest.mark.parametrize("waiting_for", ["source", "sink", "end"])
def test_ctrl_c_while_waiting_stops_promptly(waiting_for):
    """A real signal, while the main thread waits for a stage that takes 10 ms a frame and 30 s in all."""
    sink = FakeSink(lambda count: time.sleep(0.01) if waiting_for != "source" else None)

    def slow():
        for frame in make_frames(3000 if waiting_for != "end" else 100, 16, 16):
            time.sleep(0.01 if waiting_for == "source" else 0)
            yield frame

    timer = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    timer.start()
    begin = time.perf_counter()
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(slow(), through, sink, computed_frames=1000 if waiting_for == "end" else 4)
    timer.join()
    assert time.perf_counter() - begin < 5
    assert sink.aborted == 1


def test_the_stages_run_side_by_side():
    """Decode, compute and encode meet, each with another frame in hand; one after the other they never could."""
    meeting = threading.Barrier(3)

    def meet_in(frames, turn):
        for number, frame in enumerate(frames):
            if number == turn:
                meeting.wait(timeout=30)  # raises BrokenBarrierError where the others do not come
            yield frame

    def encode(count):
        if count == 2:
            meeting.wait(timeout=30)

    run_pipeline(meet_in(source_of(9), 4), lambda frames: meet_in(frames, 3), FakeSink(encode))


def test_a_fast_source_waits_for_a_slow_sink():
    ahead = []
    source = FakeSource(list(make_frames(60, 16, 16)), make_info(60))

    def before(count):
        time.sleep(0.001)
        ahead.append(source.given - count)

    run_pipeline(source, through, FakeSink(before), decoded_frames=3, computed_frames=5)
    # in a thread's hand: one decoded, one on its way through the computation, one being written
    assert max(ahead) <= 3 + 5 + 3


@pytest.mark.parametrize("propagation", ["bidirectional", "forward"])
def test_memory_does_not_grow_with_the_length(propagation):
    alive = weakref.WeakSet()
    most = 0

    class Tracked:  # a hashable stand-in that lives as long as the pixels
        pass

    def frames():
        nonlocal most
        for frame in make_frames(300, 16, 16):
            token = Tracked()
            alive.add(token)
            finalizers.append(weakref.finalize(frame.pixels, lambda held: None, token))
            del token
            yield frame
            del frame
            most = max(most, sum(finalizer.alive for finalizer in finalizers))

    finalizers = []
    options = UpscaleOptions(window=12, overlap=4, device="cpu", precision="fp32")
    sink = FakeSink(keep=False)
    upscaler = Upscaler(Nearest(propagation), options)
    run_pipeline(frames(), upscaler.stream, sink, decoded_frames=4, computed_frames=4)
    gc.collect()
    assert sink.count == 300
    held = 12 + 12 // 2 + 4 + 1 + 12 if propagation == "bidirectional" else 4 + 1
    held += LOOK_AHEAD
    assert most <= held + 4 + 3
    assert most > 4


def test_sr_frames_alive_are_bounded():
    alive = []
    most = 0

    def compute(frames):
        nonlocal most
        for frame in upscaler.stream(frames):
            alive.append(weakref.ref(frame.pixels))
            most = max(most, sum(ref() is not None for ref in alive))
            yield frame
            del frame

    upscaler = Upscaler(Nearest(), UpscaleOptions(window=12, overlap=4, device="cpu", precision="fp32"))
    run_pipeline(
        source_of(100), compute, FakeSink(lambda count: time.sleep(0.001), keep=False), computed_frames=4
    )
    assert len(alive) == 100
    assert most <= 4 + 3
