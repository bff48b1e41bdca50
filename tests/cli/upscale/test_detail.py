"""`--detail`, and where its models are listed."""

import json
from dataclasses import replace

import pytest

from detail_models import write_detail_models
from tcnet.catalogue import DetailRange, Gain, model_card
from tcnet.cli import models as models_command


@pytest.fixture
def vivid(tmp_path):
    (tmp_path / "models").mkdir()
    return write_detail_models(tmp_path / "models")


def test_the_plan_names_the_detail(tcnet, media, tmp_path, vivid):
    media.clip(tmp_path / "a.mkv", frames=3)
    done = tcnet("upscale", "a.mkv", "--model", vivid, "--detail", "0.25", "--progress", "json")
    assert done.code == 0, done.err
    assert "vivid.safetensors of detail 0.25, cpu" in " ".join(done.err)
    plan = next(line for line in map(json.loads, done.out) if line["event"] == "plan")
    assert plan["detail"] == 0.25
    done = tcnet("upscale", "a.mkv", "--model", vivid, "--dry-run", "--overwrite")
    assert "of detail 0.75" in " ".join(done.err)


def test_several_inputs_share_one_detail_and_a_run_goes_on_alone_or_with_others(
    tcnet, media, tmp_path, vivid
):
    (tmp_path / "videos").mkdir()
    for name in "ab":
        media.clip(tmp_path / "videos" / f"{name}.mkv", frames=3)
    done = tcnet("upscale", "videos", "--model", vivid, "--detail", "0")
    assert done.code == 0, done.err
    plain = vivid.with_name("plain.safetensors")
    assert tcnet("upscale", "videos/a.mkv", "--model", plain, "-o", "plain.mkv").code == 0
    assert (tmp_path / "plain.mkv").stat().st_size == (tmp_path / "videos" / "a.x4.mkv").stat().st_size


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--detail", "0.5"), "error: tcnet-lite has no detail to choose: leave it out"),
        (("--detail", "2"), "error: detail is 2, it must be from 0 to 1"),
    ],
)
def test_what_cannot_be_is_one_line(tcnet, media, tmp_path, words, message):
    media.clip(tmp_path / "a.mkv", frames=3)
    done = tcnet("upscale", "a.mkv", "--model", "tcnet-lite", *words)
    assert done.code == 2
    assert len(done.err) == 1
    assert done.err[0].startswith(message)


def test_models_say_which_have_a_detail(tcnet, monkeypatch):
    gain = Gain(-0.42, "compressed", "held-out clips", lpips=-0.284)
    card = replace(model_card("tcnet-lite"), detail=DetailRange("tcnet-bi", 0.6), gain=gain)
    monkeypatch.setattr(models_command, "list_models", lambda: (card,))
    monkeypatch.setattr(models_command, "model_card", lambda name: card)
    told = "--detail 0 (tcnet-bi) to 1, by default 0.6; its speed is the same"
    listed, shown = (
        " ".join(" ".join(tcnet(*words).out).split()) for words in (("models",), ("models", "tcnet-lite"))
    )
    assert f"tcnet-lite: {told}." in listed
    assert "-0.4 dB, compressed" in listed
    assert "-28 % LPIPS" in listed
    assert told in shown
    assert "-0.42 dB of PSNR on luma, -28 % of LPIPS, compressed: held-out clips" in shown
