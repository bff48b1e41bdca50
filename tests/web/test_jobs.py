"""The life of a job, with a stand-in for the long work."""

import sqlite3
import sys
import time
from dataclasses import fields

import pytest

from tcnet.speeds import speeds_path
from tcnet.web.jobs import runs
from tcnet.web.jobs.job import Job, State
from tcnet.web.service import Choice
from tcnet.web.settings import ServedModel


def test_from_upload_to_result(shared, clip):
    job = shared.create(clip)
    assert (job["state"], job["name"], job["error"], job["refusal"]) == ("planned", "clip.mp4", None, None)
    assert job["source"] == {
        "width": 32, "height": 24, "frames": 7, "fps": 25.0, "duration": 0.28, "bytes": clip.stat().st_size,
        "codec": "h264", "bit_depth": 8,
    }  # fmt: skip
    plan = job["plan"]
    assert (plan["width"], plan["height"], plan["frames"], plan["notices"]) == (
        128,
        96,
        7,
        ["a note on clip.mp4"],
    )
    assert (plan["seconds"], plan["output_bytes_estimate"]) == (1.5, 1000)
    assert job["progress"] is job["result"] is job["queue_position"] is job["preview"] is None

    started = shared.post(job["id"], "start")
    assert started["state"] in ("queued", "running")
    job = shared.until(job["id"], "done")
    told = {"frames_done": 5, "frames_total": 5, "fraction": 1, "fps": 9.5, "eta_seconds": 0}
    assert job["progress"] == told
    result = job["result"]
    assert (result["frames"], result["name"], result["bytes"]) == (5, "clip.x4.mp4", clip.stat().st_size)
    assert (result["width"], result["height"]) == (128, 96)
    assert result["notices"] == ["a note on clip.mp4"]
    assert 0 < result["seconds"] < 10
    assert job["finished"] >= job["created"] > 1.7e9

    assert shared.client.get("/api/jobs").json()["jobs"][0] == job
    assert shared.client.get(f"/api/jobs/{job['id']}/result").content == clip.read_bytes()
    assert shared.client.delete(f"/api/jobs/{job['id']}").status_code == 204
    assert shared.client.get(f"/api/jobs/{job['id']}").status_code == 404
    assert not shared.service.jobs.folder(job["id"]).path.exists()


@pytest.mark.parametrize(
    ("choice", "size", "name"),
    [
        ({"scale": 2}, (64, 48), "clip.x2.mp4"),
        ({"scale": 3}, (96, 72), "clip.x3.mp4"),
        ({"scale": 1.5}, (48, 36), "clip.x1.5.mp4"),
        ({"scale": 1}, (32, 24), "clip.x1.mp4"),
        ({"height": 60, "crf": 30}, (80, 60), "clip.60p.mp4"),
    ],
)
def test_sizes(shared, clip, choice, size, name):
    job = shared.done(clip, **choice)
    assert (job["plan"]["width"], job["plan"]["height"], job["result"]["name"]) == (*size, name)
    assert {key: job[key] for key in choice} == choice


def test_another_choice_before_the_start(shared, clip):
    job = shared.create(clip, scale=2)
    address = f"/api/jobs/{job['id']}"
    changed = shared.client.patch(address, json={"height": 72, "crf": 20}).json()
    assert (changed["scale"], changed["height"], changed["crf"]) == (None, 72, 20)
    job = shared.until(job["id"], "planned")
    assert (job["plan"]["width"], job["plan"]["height"]) == (96, 72)
    # More than x4: refused, and another choice mends it.
    shared.client.patch(address, json={"height": 720})
    job = shared.until(job["id"], "planned", "refused")
    assert (job["state"], job["refusal"]) == ("refused", "plan")
    assert "height 720 is more than x4 of this input" in job["error"]
    shared.client.patch(address, json={"scale": 3})
    job = shared.until(job["id"], "planned", "refused")
    assert (job["state"], job["refusal"], job["error"], job["plan"]["height"]) == ("planned", None, None, 72)
    shared.post(job["id"], "start")
    shared.until(job["id"], "done")
    answer = shared.client.patch(address, json={"scale": 2})
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        "the job is done: what it does can be changed before it is started",
    )


def test_what_makes_it_faster_is_chosen_and_undone(shared, clip):
    job = shared.create(clip)
    assert (job["repeated"], job["shrink_first"]) == ("exact", None)
    address = f"/api/jobs/{job['id']}"
    for choice, stored in (
        ({"repeated": "near", "shrink_first": "auto"}, ("near", "auto")),
        ({"shrink_first": 16}, ("near", 16)),
        ({"scale": 2}, ("near", 16)),
        ({"shrink_first": 0}, ("near", None)),
    ):
        changed = shared.client.patch(address, json=choice).json()
        assert (changed["repeated"], changed["shrink_first"]) == stored
    again = shared.client.post(f"{address}/again", json={"repeated": "exact"}).json()
    assert (again["repeated"], again["shrink_first"]) == ("exact", None)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"model": "gone"}, "unknown model 'gone'"),
        ({"repeated": "often"}, "repeated"),
        ({"shrink_first": "480p"}, "shrink_first"),
        ({"shrink_first": -1}, "shrink_first"),
        ({"model": "/etc/passwd.safetensors"}, "unknown model"),
        ({"scale": 2, "height": 48}, "exclude each other"),
        ({"scale": 5}, "scale"),
        ({"height": 47}, "height"),
        ({"crf": 99}, "crf"),
        ({"output": "/tmp/x"}, "output"),
    ],
)
def test_choices_that_cannot_be(shared, clip, choice, words):
    upload = shared.upload(clip)
    answer = shared.client.post("/api/jobs", json={"upload": upload, **choice})
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert shared.client.post("/api/jobs", json={"upload": upload, "model": "tiny"}).status_code == 201


def test_a_part_is_kept_with_other_choices_until_another_is_sent(shared, clip):
    job = shared.create(clip, start=0.04, end=0.2)["id"]
    for choice, part in [
        ({"scale": 2}, (0.04, 0.2)),
        ({"end": 0.12}, (None, 0.12)),
        ({"start": None, "end": None}, (None, None)),
    ]:
        changed = shared.client.patch(f"/api/jobs/{job}", json=choice).json()
        assert (changed["start"], changed["end"]) == part
    shared.until(job, "planned")
    for choice in ({"start": -1}, {"end": "x"}, {"end": 1e9}):
        assert shared.client.patch(f"/api/jobs/{job}", json=choice).status_code == 422


@pytest.mark.parametrize("content", [None, "{}x", '{"m": [{"model": "a"}]}'])
def test_speeds_that_cannot_be_read_are_as_if_not_measured(shared, tmp_path, monkeypatch, content):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    if content is not None:
        speeds_path().parent.mkdir()
        speeds_path().write_text(content)
    models = shared.client.get("/api/server").json()["models"]
    assert {model["seconds_per_pixel"] for model in models} == {None}


def test_the_command_is_given_the_choices(server, web, clip, tmp_path):
    script = tmp_path / "arguments.py"
    script.write_text(
        "import json, sys\n"
        "said = {'version': 1, 'event': 'error', 'message': ' '.join(sys.argv[1:]), 'exit_code': 1}\n"
        "print(json.dumps(said))\n"
    )
    running = server(command=(sys.executable, "-S", str(script)))
    job = running.create(clip, start=0.00001, end=0.2, repeated="near", shrink_first=16)["id"]
    running.post(job, "start")
    given = running.until(job, "failed")["error"]
    assert " --start 0.000010 --end 0.200000 " in given
    assert " --repeated near --shrink-first 16 " in given


def test_another_job_of_the_same_upload(shared, clip):
    first = shared.done(clip, scale=2, end=0.1)
    answer = shared.client.post(f"/api/jobs/{first['id']}/again", json={"start": None, "end": None})
    assert answer.status_code == 201
    second = answer.json()
    assert second["id"] != first["id"]
    assert answer.headers["location"] == f"/api/jobs/{second['id']}"
    same = ("name", "model", "scale", "height", "crf")
    assert [second[each] for each in same] == [first[each] for each in same]
    assert (second["start"], second["end"], second["result"]) == (None, None, None)
    shared.client.delete(f"/api/jobs/{first['id']}")
    assert shared.until(second["id"], "planned")["plan"]["frames"] == 7
    assert shared.client.get(f"/api/jobs/{second['id']}/source").content == clip.read_bytes()
    assert shared.client.post(f"/api/jobs/{first['id']}/again", json={}).status_code == 404


def test_all_choices_of_a_client_are_choices_of_the_job():
    """So that another job of an upload has them, and a plan of other choices is not taken for its own."""
    names = {field.name for field in fields(Choice)} - {"trim"} | {"start", "end"}
    job = Job(
        id="a", name="a.mp4", state=State.PLANNING, created=0.0, model="tcnet-lite", detail=0.5, start=1.0
    )
    assert job.choices.keys() == names
    assert (job.choices["detail"], job.choices["start"], job.choices["end"]) == (0.5, 1.0, None)


def test_one_upload_one_job(shared, clip):
    job = shared.create(clip)
    answer = shared.client.post("/api/jobs", json={"upload": job["id"]})
    assert answer.status_code == 409
    assert (
        shared.client.head(f"/api/uploads/{job['id']}", headers={"Tus-Resumable": "1.0.0"}).status_code == 404
    )


@pytest.mark.parametrize("action", ["start", "cancel", "resume"])
def test_what_does_not_fit_the_state(shared, clip, action):
    job = shared.done(clip)
    answer = shared.client.post(f"/api/jobs/{job['id']}/{action}")
    assert answer.status_code == 409
    assert answer.json()["error"].startswith("the job is done")


def test_cancel_and_resume(server, web, clip):
    running = server(command=web.fake(frames=40, seconds=0.05))
    job_id = running.create(clip)["id"]
    running.post(job_id, "start")
    while (running.job(job_id)["progress"] or {"frames_done": 0})["frames_done"] < 4:
        time.sleep(0.02)
    assert running.post(job_id, "cancel")["state"] == "cancelled"
    cancelled = running.job(job_id)
    done = cancelled["progress"]["frames_done"]
    assert 4 <= done < 40
    assert cancelled["finished"]
    resumed = running.post(job_id, "resume")
    assert (resumed["state"], resumed["finished"]) == ("queued", None)
    seen = []
    while (job := running.job(job_id))["state"] != "done":
        seen.append(job["progress"]["frames_done"])
        time.sleep(0.02)
    assert min(seen) >= done  # nothing was done twice
    assert job["result"]["seconds"] == pytest.approx(2, abs=2)
    assert job["result"]["seconds"] > 2 - 0.2  # of both runs


def test_the_queue(server, web, clip):
    running = server(command=web.fake(frames=60, seconds=0.05), limits={"queue": 3})
    first, second, third, fourth = (running.create(clip)["id"] for _ in range(4))
    for job_id in (first, third, second):
        running.post(job_id, "start")
    running.until(first, "running")
    assert [running.job(job_id)["queue_position"] for job_id in (first, second, third)] == [None, 2, 1]
    answer = running.client.post(f"/api/jobs/{fourth}/start")
    assert (answer.status_code, answer.json()["error"]) == (
        429,
        "3 jobs are waiting already; try again when some are done",
    )
    running.post(third, "cancel")
    assert running.job(second)["queue_position"] == 1
    running.post(first, "cancel")
    running.until(second, "running")
    assert running.client.delete(f"/api/jobs/{second}").status_code == 204  # while it runs
    assert not running.service.jobs.folder(second).path.exists()
    assert {job["id"]: job["state"] for job in running.client.get("/api/jobs").json()["jobs"]} == {
        first: "cancelled",
        third: "cancelled",
        fourth: "planned",
    }


@pytest.mark.parametrize(
    ("ending", "error"),
    [
        ("error", "clip.mp4: the sky fell on clip.x4.mp4"),
        ("crash", "the run ended unexpectedly"),
        ("garbage", "the run wrote a line that is not an event"),
    ],
)
def test_a_run_that_fails(server, web, clip, ending, error, capfd):
    running = server(command=web.fake(ending=ending))
    job = running.create(clip)
    running.post(job["id"], "start")
    job = running.until(job["id"], "failed")
    assert error in job["error"]
    assert str(running.service.settings.data_dir) not in job["error"]
    assert job["finished"]
    assert running.client.get(f"/api/jobs/{job['id']}/result").status_code == 409
    # The others go on.
    other = running.create(clip)
    running.post(other["id"], "start")
    running.until(other["id"], "failed")
    assert running.post(job["id"], "resume")["error"] is None
    running.until(job["id"], "failed")


def test_a_run_that_cannot_be_noted_begins_later(server, clip, monkeypatch, capfd):
    """As where the disk is full: the job stays queued, and the worker goes on."""
    monkeypatch.setattr(runs, "RETRY_SECONDS", 0.02)
    running = server()
    job_id = running.create(clip)["id"]
    change, failures = running.service.jobs.change_if_there, iter(range(2))

    def full(job_id, function):
        if function is runs._begun and next(failures, None) is not None:
            raise sqlite3.OperationalError("database or disk is full")
        return change(job_id, function)

    monkeypatch.setattr(running.service.jobs, "change_if_there", full)
    running.post(job_id, "start")
    assert running.until(job_id, "done", "failed", seconds=10)["state"] == "done"
    assert "disk is full" in capfd.readouterr().err


def test_more_frames_than_the_header_says(server, web, clip):
    running = server(command=web.fake(frames=50, seconds=0.02), limits={"frames": 10})
    job = running.create(clip)
    running.post(job["id"], "start")
    job = running.until(job["id"], "failed")
    assert job["error"] == "it has more than 10 frames, which is what this server takes"


def test_a_server_that_starts_again(server, web, clip):
    """Stopped in order, while one job runs, one waits, one is planned and one is done."""
    running = server(command=web.fake(frames=1))
    done = running.done(clip)
    running.stop()
    running = server(command=web.fake(frames=100, seconds=0.05))
    runs, waits, planned = (running.create(clip)["id"] for _ in range(3))
    running.post(runs, "start")
    running.post(waits, "start")
    while (running.job(runs)["progress"] or {"frames_done": 0})["frames_done"] < 3:
        time.sleep(0.02)
    before = running.job(runs)["progress"]["frames_done"]
    begin = time.monotonic()
    running.stop()
    assert time.monotonic() - begin < 3

    running = server(command=web.fake(frames=before + 4))
    assert running.job(done["id"]) == done
    assert running.job(planned)["state"] == "planned"
    running.until(waits, "done")
    job = running.job(runs)  # done first
    assert job["state"] == "done"
    assert job["progress"]["frames_total"] == before + 4


def test_a_result_in_place_is_not_computed_again(server, web, clip):
    """The server died between the end of the run and its note of it."""
    running = server(command=web.fake(ending="error"))
    job_id = running.create(clip)["id"]
    running.post(job_id, "start")
    running.until(job_id, "failed")
    folder = running.service.jobs.folder(job_id).path
    (folder / ".result.mp4.tcnet").rename(folder / "gone")
    (folder / "result.mp4").write_bytes(clip.read_bytes())
    running.post(job_id, "resume")
    assert running.until(job_id, "done", "failed")["result"]["frames"] == 7


def test_a_model_that_is_not_served_any_more(server, web, clip):
    running = server(command=web.fake(ending="error"))
    failed, planned = running.create(clip)["id"], running.create(clip)["id"]
    running.post(failed, "start")
    running.until(failed, "failed")
    running.stop()
    running = server(models=(ServedModel("other", "another", "tcnet-bi"),))
    running.post(failed, "resume")
    assert running.until(failed, "failed")["error"] == "the model tiny is not served any more"
    answer = running.client.patch(f"/api/jobs/{planned}", json={"scale": 2})
    assert (answer.status_code, answer.json()["error"]) == (422, "unknown model 'tiny'; the models are other")
    running.client.patch(f"/api/jobs/{planned}", json={"model": "other"})
    running.until(planned, "planned")
