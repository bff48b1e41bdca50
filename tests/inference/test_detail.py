"""`detail`: one model between two, by a card beside its weights; in every way in which a model is given."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import tcnet
from detail_models import CARD, TINY, write_detail_models
from fake_networks import Nearest, make_frames, make_info
from tcnet import catalogue
from tcnet.catalogue import DetailRange, chosen_detail, detail_range, model_card
from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.methods.choice import load_method
from tcnet.inference import UpscaleOptions, Upscaler, plan_upscale
from tcnet.models import TCNet, load_model, load_own_weights, save_model
from tcnet.network.ensemble import SelfEnsemble

FP32 = {"device": "cpu", "precision": "fp32"}


@pytest.fixture
def vivid(tmp_path):
    return write_detail_models(tmp_path)


def same(first, second):
    others = second.state_dict()
    return all(torch.equal(value, others[name]) for name, value in first.state_dict().items())


def test_a_model_is_loaded_with_its_detail_or_the_cards(vivid):
    plain, own = load_model(vivid.with_name("plain.safetensors")), load_model(vivid, detail=1)
    assert plain.detail is None
    assert same(load_model(vivid, detail=0), plain)
    assert not same(own, plain)
    usual = load_model(str(vivid))
    assert usual.detail == 0.75
    assert same(usual, load_model(vivid, detail=0.75))
    name, weights = next(iter(usual.named_parameters()))
    torch.testing.assert_close(weights, torch.lerp(plain.state_dict()[name], own.state_dict()[name], 0.75))
    assert same(TCNet.from_pretrained(vivid, detail=0.25), load_model(vivid, detail=0.25))
    assert len({load_model(vivid, detail=detail).identity() for detail in (0, 0.5, 1)}) == 3
    halves = load_model(vivid, detail=0.5, dtype=torch.bfloat16)
    assert halves.dtype == torch.bfloat16
    assert SelfEnsemble(usual, "time").detail == 0.75


def test_a_card_may_reach_beyond_the_models_own_weights(vivid):
    own, card = load_model(vivid, detail=1), vivid.with_suffix(".toml")
    card.write_text(CARD.format(default=0.5) + "reach = 1.25\n")
    assert same(load_model(vivid, detail=0.8), own)
    farthest = load_model(vivid, detail=1)
    assert farthest.detail == 1
    name, weights = next(iter(farthest.named_parameters()))
    plain = load_model(vivid.with_name("plain.safetensors")).state_dict()[name]
    torch.testing.assert_close(weights, torch.lerp(plain, own.state_dict()[name], 1.25))
    assert same(load_own_weights(vivid), own)


def test_what_becomes_other_weights_begins_with_a_files_own(vivid, tmp_path):
    own = load_own_weights(vivid)
    assert own.detail is None
    assert same(own, load_model(vivid, detail=1))
    assert load_own_weights("tcnet-lite").detail is None
    plain = vivid.with_name("plain.safetensors")
    assert same(load_own_weights(plain), load_model(plain))


@pytest.mark.parametrize("detail", [-0.1, 1.01, float("nan")])
def test_a_detail_beyond_its_ends_is_refused(vivid, detail):
    with pytest.raises(UsageError, match=r"detail is .*, it must be from 0 to 1"):
        load_model(vivid, detail=detail)
    with pytest.raises(UsageError, match="it must be from 0 to 1"):
        UpscaleOptions(detail=detail)


def test_models_without_are_refused_with_those_that_have_it(vivid, monkeypatch):
    with pytest.raises(UsageError, match="tcnet-lite has no detail to choose: leave it out, "):
        load_model("tcnet-lite", detail=0.5)
    cards = (replace(model_card("tcnet-lite"), name="bright", detail=DetailRange("tcnet-lite", 0.5)),)
    monkeypatch.setattr(catalogue, "list_models", lambda: cards)
    with pytest.raises(
        UsageError, match=r"plain\.safetensors has no detail to choose: leave it out, or choose bright$"
    ):
        load_model(vivid.with_name("plain.safetensors"), detail=0.5)
    monkeypatch.setattr(catalogue, "list_models", lambda: ())
    with pytest.raises(UsageError, match="leave it out, no model in the package has it"):
        chosen_detail(vivid.with_name("plain.safetensors"), 0.5)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("[detail", "this card beside the weights cannot be used"),
        ('[detail]\nbase = "plain.safetensors"', "missing 1 required positional argument: 'default'"),
        (CARD.format(default=1.5), r"detail is 1\.5, it must be from 0 to 1"),
        (CARD.format(default=0.5) + "reach = 0", "reach is 0, it must be over 0 and at most 2"),
        (CARD.format(default=0.5) + "reach = 2.5", r"reach is 2\.5, it must be over 0 and at most 2"),
        ('[detail]\nbase = "../plain.safetensors"\ndefault = 0.5', "without a folder"),
        ("[detail]\nbase = 3\ndefault = 0.5", "cannot be used"),
        ('[detail]\nbase = "gone.safetensors"\ndefault = 0.5', r"gone\.safetensors: no such weight file"),
    ],
)
def test_a_card_that_says_nonsense_is_one_line(vivid, card, message):
    vivid.with_suffix(".toml").write_text(card)
    with pytest.raises(MediaError, match=message) as failure:
        load_model(vivid)
    assert "\n" not in str(failure.value)


def test_a_card_without_detail_and_a_base_in_the_package(vivid):
    vivid.with_suffix(".toml").write_text('name = "vivid"\n')
    assert detail_range(vivid) is None
    assert load_model(vivid).detail is None
    save_model(load_model("tcnet-lite"), vivid)
    vivid.with_suffix(".toml").write_text(CARD.format(default=0.5).replace("plain.safetensors", "tcnet-lite"))
    assert same(load_model(vivid), load_model("tcnet-lite"))


def test_a_base_of_another_architecture_is_said(vivid):
    other = TCNet(replace(TINY, channels=24))
    save_model(other, vivid.with_name("plain.safetensors"))
    with pytest.raises(MediaError, match=r"vivid\.safetensors: its detail cannot begin with .*plain\.safetensors, of another architecture: channels is 16, not 24"):  # fmt: skip
        load_model(vivid)


def test_frames_follow_the_detail_and_a_loaded_network_keeps_its_own(vivid):
    pictures = [frame.pixels for frame in make_frames(4)]
    shown = {
        detail: np.stack(list(tcnet.upscale_frames(pictures, model=str(vivid), detail=detail, **FP32)))
        for detail in (None, 0, 0.75, 1)
    }
    assert np.array_equal(shown[None], shown[0.75])
    assert not np.array_equal(shown[0], shown[1])
    loaded = load_model(vivid, detail=0)
    assert np.array_equal(np.stack(list(Upscaler(loaded, **FP32).stream(pictures))), shown[0])
    assert plan_upscale(make_info(4), loaded, UpscaleOptions(**FP32), measure=False).options.detail == 0
    with pytest.raises(
        UsageError,
        match=r"detail 0\.5 is asked for, but this network was loaded with 0: give the model by name",
    ):
        Upscaler(loaded, detail=0.5)
    with pytest.raises(UsageError, match=r"detail 0\.5 is asked for, but this network has none"):
        Upscaler(Nearest(), detail=0.5)


def test_an_evaluation_measures_a_model_at_several_details(vivid):
    lr_clip = torch.rand(2, 3, 16, 20)
    methods = [load_method(f"{vivid}{ending}", "cpu", "fp32") for ending in ("", "@0", "@0.25", "@1+time")]
    assert [method.name for method in methods] == ["vivid", "vivid@0", "vivid@0.25", "vivid@1+time"]
    assert [method.description["detail"] for method in methods] == ["0.75", "0", "0.25", "1"]
    plain = load_method(str(vivid.with_name("plain.safetensors")), "cpu", "fp32")
    assert "detail" not in plain.description
    assert torch.equal(torch.stack(list(methods[1](lr_clip))), torch.stack(list(plain(lr_clip))))
    with pytest.raises(UsageError, match="plain"):
        load_method(f"{vivid.with_name('plain.safetensors')}@0.5")
