"""The pool's thread and the threads of runs, with workers that are threads too."""

import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from tcnet.cluster.pool import Lost, Pool
from tcnet.cluster.schedule import IN_FLIGHT, MOST_ATTEMPTS
from tcnet.errors import MediaError
from tcnet.inference.windows import Span
from tcnet.upscale.executor import SegmentResult
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.upscale.segment_input import SegmentInput
from tcnet.video.frame import Frame

FRAME = Frame(np.zeros((2, 2, 3), np.uint8), 0, 1, Fraction(1, 25))


def segment(number):
    return SegmentInput(number, number * 2, [FRAME, FRAME], (Span(0, 2, 0, 1), Span(0, 2, 1, 2)))


def segments(count):
    return (segment(number) for number in range(count))


def ignore():
    """For runs that do not care how long they wait."""


class FakeCrew:
    """Workers that are done at once, when `gate` is open; `on_send(worker, number)` may lose them."""

    def __init__(self, workers=2, on_send=lambda worker, number: None, most_bytes=None):
        self.names = {f"w{number}": f"host {number}" for number in range(workers)}
        self.on_send = on_send
        self.gate = threading.Event()
        self.gate.set()
        self.kept = self.most_kept = self.sent = 0
        self.dropped = []
        self.outcomes = {}
        self.held = {}
        self.most_held = 0
        self.failure = None
        self.closed = False
        self.bytes = most_bytes

    def ready(self):
        if self.failure is not None:
            raise self.failure
        return dict(self.names)

    def starting(self):
        return 0

    def planner(self):
        return next(iter(self.names), None)

    def plan(self, worker, *arguments):
        return Lost("tripped") if worker in self.dropped else arguments

    def most_bytes(self):
        return self.bytes

    def begin(self, work):
        return work

    def keep(self, segment):
        self.kept += 1
        return segment

    def send(self, worker, run, segment):
        self.sent += 1
        ticket = self.sent
        reason = self.on_send(worker, segment.number)
        part = EncodedSegment(2, None, (f"{run} {segment.number}".encode(),))
        self.outcomes[ticket] = Lost(reason) if reason else lambda: SegmentResult(part, 2, 0, 0, 0, None)
        self.held[worker] = self.held.get(worker, 0) + 1
        self.most_held = max(self.most_held, *self.held.values())
        self.held_by = {**getattr(self, "held_by", {}), ticket: worker}
        return ticket

    def wait(self, tickets, seconds):
        if not self.gate.wait(seconds):
            return {}
        for ticket in tickets:
            self.held[self.held_by[ticket]] -= 1
        return {ticket: self.outcomes.pop(ticket) for ticket in tickets}

    def drop(self, worker):
        self.dropped.append(worker)
        self.names.pop(worker, None)

    def close(self):
        self.closed = True


@pytest.fixture
def pool():
    pools = []

    def make(crew):
        pools.append(Pool(crew))
        return pools[-1]

    yield make
    for each in pools:
        each.close()


def texts(done):
    return [each.encoded.files[0].decode() for each in done]


def test_results_come_in_order(pool):
    crew = FakeCrew(workers=3)
    assert texts(pool(crew).compute("run", segments(20), ignore)) == [f"run {number}" for number in range(20)]
    assert crew.most_held <= IN_FLIGHT


def test_a_run_without_units_ends(pool):
    assert not list(pool(FakeCrew()).compute("run", segments(0), ignore))


def test_runs_share_the_workers(pool):
    crew = FakeCrew(workers=2)
    shared = pool(crew)
    results = {}

    def run(name):
        results[name] = texts(shared.compute(name, segments(15), ignore))

    threads = [threading.Thread(target=run, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {name: [f"{name} {number}" for number in range(15)] for name in "abc"}


@pytest.mark.parametrize("workers", [1, 4])
def test_no_more_is_decoded_than_workers_can_take_soon(pool, workers):
    crew = FakeCrew(workers)
    crew.gate.clear()
    told = []
    taken = pool(crew).compute("run", segments(10_000), lambda: told.append(crew.kept))
    threading.Timer(1.5, crew.gate.set).start()
    assert next(taken).encoded.files == (b"run 0",)
    assert max(told) <= IN_FLIGHT * workers + 2
    taken.close()


def test_what_a_lost_worker_had_is_done_elsewhere(pool):
    crew = FakeCrew(2, lambda worker, number: "its power failed" if worker == "w0" and number > 4 else None)
    shared = pool(crew)
    assert texts(shared.compute("run", segments(12), ignore)) == [f"run {number}" for number in range(12)]
    assert crew.dropped == ["w0"]
    assert shared.notices() == [
        "the worker on host 0 was lost (its power failed); its segments were computed elsewhere"
    ]
    assert shared.activity().workers == 1


def test_a_unit_that_kills_workers_ends_its_run_and_no_other(pool):
    crew = FakeCrew(8, lambda worker, number: "out of memory" if number == 3 else None)
    shared = pool(crew)
    with pytest.raises(MediaError, match=rf"segment 3 .*: {MOST_ATTEMPTS} workers were lost over it"):
        list(shared.compute("run", segments(6), ignore))
    assert texts(shared.compute("other", segments(3), ignore)) == ["other 0", "other 1", "other 2"]


def test_what_workers_or_the_source_raise_is_raised_in_the_run(pool):
    def broken():
        yield segment(0)
        raise MediaError("the file is damaged")

    crew = FakeCrew()
    shared = pool(crew)
    with pytest.raises(MediaError, match="damaged"):
        list(shared.compute("run", broken(), ignore))

    def refuse():
        raise MediaError("NaN")

    crew.send = lambda *_: crew.outcomes.setdefault("ticket", refuse) and "ticket"
    crew.wait = lambda tickets, seconds: dict.fromkeys(tickets, refuse)
    with pytest.raises(MediaError, match="NaN"):
        list(shared.compute("run", segments(1), ignore))


def test_when_no_worker_can_be_hoped_for_all_runs_end(pool):
    crew = FakeCrew()
    shared = pool(crew)
    crew.gate.clear()
    threading.Timer(0.3, lambda: setattr(crew, "failure", MediaError("no worker"))).start()
    with pytest.raises(MediaError, match="no worker"):
        list(shared.compute("run", segments(5), ignore))
    with pytest.raises(MediaError, match="no worker"):
        shared.plan(None, None, None, None)


def test_closing_ends_the_runs(pool):
    crew = FakeCrew()
    crew.gate.clear()
    shared = pool(crew)
    closing = threading.Timer(0.3, shared.close)
    closing.start()
    with pytest.raises(MediaError, match="closed while the run was at work; the same command continues"):
        list(shared.compute("run", segments(5), ignore))
    closing.join()
    assert crew.closed


def test_plans_are_made_by_a_worker_that_is_there(pool):
    crew = FakeCrew(workers=2)
    shared = pool(crew)
    assert shared.plan("info", "network", None, "name") == ("info", "network", None, "name")
    crew.dropped.append("w0")
    with pytest.raises(MediaError, match=r"lost while they planned \(tripped\)"):
        shared.plan("info", "network", None, "name")


def test_a_worker_that_comes_later_is_given_work(pool):
    crew = FakeCrew(workers=0)
    shared = pool(crew)

    def come():
        time.sleep(0.2)
        crew.names["late"] = "host"

    threading.Thread(target=come).start()
    assert len(list(shared.compute("run", segments(4), ignore))) == 4
