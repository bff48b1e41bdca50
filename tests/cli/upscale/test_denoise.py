"""`--denoise`, and what commands say of it."""

import json
from dataclasses import replace

import pytest

from detail_models import write_denoise_models
from tcnet.catalogue import Denoise, model_card
from tcnet.cli import models as models_command


@pytest.fixture
def noisy(tmp_path):
    (tmp_path / "models").mkdir()
    return write_denoise_models(tmp_path / "models")


def planned(done):
    assert done.code == 0, done.err
    return next(line for line in map(json.loads, done.out) if line["event"] == "plan")


def test_the_plan_names_the_denoise_where_there_is_one(tcnet, media, tmp_path, noisy):
    media.clip(tmp_path / "a.mkv", frames=3)
    words = ("upscale", "a.mkv", "--model", noisy, "--progress", "json")
    done = tcnet(*words, "--denoise", "0.25")
    assert planned(done)["denoise"] == 0.25
    assert "noisy.safetensors, denoise 0.25, cpu" in " ".join(done.err)
    done = tcnet(*words, "--dry-run", "--overwrite")
    assert planned(done)["denoise"] == 0.75
    assert "denoise 0.75" in " ".join(done.err)
    done = tcnet(*words, "--dry-run", "--overwrite", "--denoise", "0")
    assert planned(done)["denoise"] == 0
    assert "denoise" not in " ".join(done.err)


def test_several_inputs_share_one_denoise(tcnet, media, tmp_path, noisy):
    (tmp_path / "videos").mkdir()
    for name in "ab":
        media.clip(tmp_path / "videos" / f"{name}.mkv", frames=3)
    done = tcnet("upscale", "videos", "--model", noisy, "--denoise", "0.5")
    assert done.code == 0, done.err
    assert tcnet("upscale", "videos/a.mkv", "--model", noisy, "--denoise", "0.5", "-o", "one.mkv").code == 0
    assert (tmp_path / "one.mkv").stat().st_size == (tmp_path / "videos" / "a.x4.mkv").stat().st_size


@pytest.mark.parametrize("command", [("upscale", "a.mkv"), ("export", "-o", "out")])
def test_what_cannot_be_is_one_line(tcnet, media, tmp_path, noisy, command):
    media.clip(tmp_path / "a.mkv", frames=3)
    done = tcnet(*command, "--model", noisy, "--denoise", "2")
    assert done.code == 2
    assert done.err == ["error: denoise is 2, it must be from 0 to 1"]
    (tmp_path / "models" / "own.safetensors").unlink()
    done = tcnet(*command, "--model", noisy)
    assert done.code == 1
    assert len(done.err) == 1
    assert done.err[0].endswith("own.safetensors: no such weight file")
    assert {path.name for path in tmp_path.iterdir()} == {"a.mkv", "models"}


def test_a_model_says_how_far_it_cleans_by_default(tcnet, monkeypatch):
    card = replace(model_card("tcnet-lite"), denoise=Denoise(0.35))
    monkeypatch.setattr(models_command, "model_card", lambda name: card)
    shown = " ".join(" ".join(tcnet("models", "tcnet-lite").out).split())
    assert "--denoise 0 to 1, by default 0.35" in shown
