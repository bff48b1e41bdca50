"""Server-sent events."""

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest

from tcnet.web.jobs.changes import Changes
from tcnet.web.routes import _stream


@pytest.fixture
def slow(server, web):
    return server(command=web.fake(frames=30, seconds=0.03))


def test_of_one_job(slow, clip, web):
    other, job_id = slow.create(clip)["id"], slow.create(clip)["id"]
    seen, times = [], []
    with slow.client.stream("GET", f"/api/jobs/{job_id}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        for kind, job in web.events(answer):
            if not seen:
                slow.post(job_id, "start")
                slow.client.delete(f"/api/jobs/{other}")  # concerns nobody here
            seen.append((kind, job["id"], job["state"], (job["progress"] or {}).get("frames_done", 0)))
            times.append(time.monotonic())
            if job["state"] == "done":
                break
    assert {(kind, one) for kind, one, *_ in seen} == {("job", job_id)}
    states = [state for *_, state, _ in seen]
    assert states[0] == "planned"
    assert [s for i, s in enumerate(states) if s not in states[:i]][-2:] == ["running", "done"]
    counts = [count for *_, count in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 30
    # At most four a second; two more where the machine was too busy to read them as they came.
    assert len(seen) <= 5 + (times[-1] - times[0]) / 0.25


def test_of_all_jobs(slow, clip, web):
    first = slow.create(clip)["id"]
    with slow.client.stream("GET", "/api/events") as answer:
        events = web.events(answer)
        assert [(kind, job["id"]) for kind, job in [next(events)]] == [("job", first)]
        second = slow.create(clip)["id"]
        while (event := next(events))[1]["id"] != second:
            pass
        while event[1]["state"] != "planned":
            event = next(events)
        slow.client.delete(f"/api/jobs/{first}")
        while event[0] != "deleted":
            event = next(events)
        assert event == ("deleted", {"id": first})


def test_the_queue_moves_for_all(slow, clip, web):
    first, second, third = (slow.create(clip)["id"] for _ in range(3))
    for job_id in (first, second, third):
        slow.post(job_id, "start")
    slow.until(first, "running")
    with slow.client.stream("GET", f"/api/jobs/{third}/events") as answer:
        events = web.events(answer)
        assert next(events)[1]["queue_position"] == 2
        slow.post(second, "cancel")
        assert next(events)[1]["queue_position"] == 1


def test_a_deleted_job_ends_its_stream(slow, clip, web):
    job_id = slow.create(clip)["id"]
    with slow.client.stream("GET", f"/api/jobs/{job_id}/events") as answer:
        events = web.events(answer)
        next(events)
        slow.client.delete(f"/api/jobs/{job_id}")
        assert list(events) == [("deleted", {"id": job_id})]
    assert slow.client.get(f"/api/jobs/{job_id}/events").status_code == 404


def test_a_server_that_stops_ends_all_streams(slow, clip, web):
    slow.create(clip)
    ended = []

    def listen():
        with slow.client.stream("GET", "/api/events") as answer:
            ended.append([kind for kind, _ in web.events(answer)])

    threads = [threading.Thread(target=listen) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    begin = time.monotonic()
    slow.server.should_exit = True
    for thread in threads:
        thread.join(5)
    assert ended == [["job"]] * 3
    assert time.monotonic() - begin < 2


def test_not_more_listeners_than_are_served():
    async def listen():
        changes = Changes(most=1)
        assert not changes.full
        changes.listen()
        return changes.full

    assert asyncio.run(listen())


def test_nobody_listens_to_a_server_that_stops(slow):
    slow.service.changes.close()
    answer = slow.client.get("/api/events")
    assert (answer.status_code, answer.json()["error"][:29]) == (429, "too many clients listen alrea")


def test_a_client_that_leaves_at_once_keeps_no_place():
    """Before it was told all jobs as they are."""
    changes = Changes(most=1)
    jobs = SimpleNamespace(all=lambda: [SimpleNamespace(model_dump_json=lambda: "{}")] * 2)

    async def listen():
        for _ in range(3):
            events = _stream(SimpleNamespace(changes=changes, jobs=jobs), None).body_iterator
            await anext(events)
            assert changes.full
            await events.aclose()
            assert not changes.full

    asyncio.run(listen())
