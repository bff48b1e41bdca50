"""The detail of a job: offered with the model that has it, kept, passed on, and gone with another model."""

import sys

import pytest

from detail_models import write_detail_models
from tcnet.web.settings import ServedModel, served_models

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
