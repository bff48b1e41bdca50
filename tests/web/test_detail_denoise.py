"""Detail and denoise of a job: offered, kept and passed on. Detail is of the models that have it, and gone with another;
denoise is of all, and taken along."""

import json
import shutil
import sqlite3
import sys

import pytest

from detail_models import write_detail_models
from tcnet.catalogue import NAMES, default_denoise
from tcnet.web import planning
from tcnet.web.jobs.job import Trim
from tcnet.web.settings import Limits, ServedModel, served_models

TELL = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(chr(10).join(sys.argv[2:])); sys.exit(1)"


@pytest.fixture
def models(tiny, tmp_path):
    vivid = write_detail_models(tmp_path, default=0.6)
    return (
        ServedModel("tiny", "tiny", str(tiny)),
        *(model for model in served_models({"vivid": vivid}) if model.name == "vivid"),
    )


def test_the_server_says_which_models_have_a_detail(server, models):
    told = server(models=models).client.get("/api/server").json()["models"]
    assert {model["name"]: model["detail"] for model in told} == {"tiny": None, "vivid": 0.6}


def test_a_detail_is_kept_and_passed_to_the_command(server, models, clip, tmp_path):
    heard = tmp_path / "arguments"
    running = server(models=models, command=(sys.executable, "-c", TELL, str(heard)))
    job = running.create(clip, model="vivid")
    assert job["detail"] is None
    job = running.client.patch(f"/api/jobs/{job['id']}", json={"detail": 0.35}).json()
    assert (job["model"], job["detail"]) == ("vivid", 0.35)
    job = running.client.patch(f"/api/jobs/{job['id']}", json={"scale": 2}).json()
    assert job["detail"] == 0.35
    again = running.client.post(f"/api/jobs/{job['id']}/again", json={}).json()
    assert again["detail"] == 0.35
    running.until(job["id"], "planned")
    running.post(job["id"], "start")
    running.until(job["id"], "failed")
    words = heard.read_text().splitlines()
    assert words[words.index("--detail") + 1] == "0.35"


def test_another_model_takes_no_detail_along(server, models, clip):
    running = server(models=models)
    job = running.create(clip, model="vivid", detail=0.2)
    address = f"/api/jobs/{job['id']}"
    assert running.client.patch(address, json={"model": "tiny"}).json()["detail"] is None
    answer = running.client.patch(address, json={"detail": 0.2})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("tiny has no detail to choose")
    assert running.client.patch(address, json={"model": "vivid", "detail": 1.1}).status_code == 422
    assert running.client.patch(address, json={"model": "vivid"}).json()["detail"] is None


@pytest.fixture
def grainy_models(tiny, tmp_path):
    """One without a card, one whose card says how far it cleans."""
    grainy = shutil.copy(tiny, tmp_path / "grainy.safetensors")
    grainy.with_suffix(".toml").write_text("[denoise]\ndefault = 0.6\n")
    found = {model.name: model for model in served_models({"grainy": grainy})}
    return ServedModel("tiny", "tiny", str(tiny)), found["grainy"]


def test_the_server_says_where_each_model_begins(server, grainy_models):
    told = server(models=grainy_models).client.get("/api/server").json()["models"]
    assert {model["name"]: model["denoise"] for model in told} == {"tiny": 0.0, "grainy": 0.6}
    own = {model.name: model.denoise for model in served_models()}
    assert own == {name: default_denoise(name) for name in NAMES}


@pytest.mark.parametrize("denoise", [0.35, 0.0])
def test_a_denoise_is_kept_and_passed_to_the_command(server, grainy_models, clip, tmp_path, denoise):
    heard = tmp_path / "arguments"
    running = server(models=grainy_models, command=(sys.executable, "-c", TELL, str(heard)))
    job = running.create(clip, model="grainy")
    assert job["denoise"] is None
    address = f"/api/jobs/{job['id']}"
    assert running.client.patch(address, json={"denoise": denoise}).json()["denoise"] == denoise
    assert running.client.patch(address, json={"scale": 2}).json()["denoise"] == denoise
    assert running.client.post(f"{address}/again", json={}).json()["denoise"] == denoise
    running.until(job["id"], "planned")
    running.post(job["id"], "start")
    running.until(job["id"], "failed")
    words = heard.read_text().splitlines()
    assert words[words.index("--denoise") + 1] == str(denoise)


def test_another_model_takes_it_along_and_each_has_its_own_default(server, grainy_models, clip):
    running = server(models=grainy_models)
    job = running.create(clip, model="grainy", denoise=0.2)
    address = f"/api/jobs/{job['id']}"
    changed = running.client.patch(address, json={"model": "tiny"}).json()
    assert (changed["model"], changed["denoise"]) == ("tiny", 0.2)
    assert running.create(clip, model="tiny")["denoise"] is None
    for wrong in (1.1, -0.1, "much"):
        assert running.client.patch(address, json={"denoise": wrong}).status_code == 422
    assert running.job(job["id"])["denoise"] == 0.2


def test_the_plan_is_of_that_denoise(tiny, clip, tmp_path, monkeypatch):
    planned = []
    plan_video = planning.plan_video
    monkeypatch.setattr(
        planning,
        "plan_video",
        lambda *files, **asked: planned.append(plan_video(*files, **asked)) or planned[-1],
    )
    source = planning.survey_upload(clip, Limits())
    request = planning.JobRequest(
        str(tiny), detail=None, denoise=0.5, scale=2, height=None, crf=None, trim=Trim()
    )
    assert planning.plan_upload(clip, tmp_path / "result.mp4", source, request).width == 64
    assert [plan.options.denoise for plan in planned] == [0.5]


def test_jobs_stored_before_there_was_denoise_are_at_the_default(server, grainy_models, clip):
    running = server(models=grainy_models)
    job = running.create(clip, model="grainy", denoise=0.2)
    path = running.service.settings.data_dir / "jobs.sqlite"
    running.stop()
    with sqlite3.connect(path) as connection:
        record = json.loads(connection.execute("SELECT record FROM jobs").fetchone()[0])
        assert record.pop("denoise") == 0.2
        connection.execute("UPDATE jobs SET record = ?", (json.dumps(record),))
    connection.close()
    again = server(models=grainy_models).job(job["id"])
    assert (again["state"], again["model"], again["denoise"]) == ("planned", "grainy", None)
