"""`denoise`: frames cleaned before they are upscaled, in every way in which a model is given."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import tcnet
from detail_models import (
    CARD,
    DENOISE_CARD,
    STREAMING,
    TINY,
    TINY_CLEAN_UP,
    make_clean_up,
    with_clean_up,
    write_denoise_models,
    write_detail_models,
)
from fake_networks import Nearest, make_frames, make_info
from tcnet import catalogue
from tcnet.catalogue import chosen_denoise, file_hash
from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.methods.choice import NetworkUpscaler, load_method
from tcnet.inference import UpscaleOptions, Upscaler, plan_upscale
from tcnet.inference.backends import check_model
from tcnet.inference.plan import measure_speed
from tcnet.models import TCNet, load_model, load_own_weights, save_clean_up
from tcnet.network import compilation
from tcnet.network.clean_up import CleanUp
from tcnet.system.cpu_features import FAST_INT8, cpu_has

FP32 = {"device": "cpu", "precision": "fp32"}


@pytest.fixture
def noisy(tmp_path):
    return write_denoise_models(tmp_path)


def upscaled(model, frames, **options):
    return np.stack(list(Upscaler(model, **{**FP32, **options}).stream(frames)))


@pytest.fixture
def frames():
    return [frame.pixels for frame in make_frames(6)]


def test_a_model_is_loaded_with_its_denoise_or_the_cards(noisy):
    usual, plain = load_model(str(noisy)), load_model(noisy, denoise=0)
    assert (usual.denoise, plain.denoise, plain.clean_up) == (0.75, 0.0, None)
    assert load_model(noisy, denoise=0.25).denoise == 0.25
    assert TCNet.from_pretrained(noisy, denoise=0.25).denoise == 0.25
    assert load_own_weights(noisy).denoise == 0
    expected = make_clean_up().half().float().state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in usual.clean_up.state_dict().items())
    assert len({load_model(noisy, denoise=denoise).identity() for denoise in (0, 0.5, 1)}) == 3
    noisy.with_suffix(".toml").unlink()
    assert load_model(noisy).identity() == plain.identity()  # as before there was any
    halves = with_clean_up(load_model(noisy, dtype=torch.bfloat16))
    assert {value.dtype for value in halves.parameters()} == {torch.bfloat16}


def test_models_without_a_card_take_the_packages_clean_up(noisy, tmp_path, monkeypatch):
    noisy.with_suffix(".toml").unlink()
    assert chosen_denoise(noisy, None) is None
    assert chosen_denoise(noisy, 0.5) == (catalogue.weights_folder() / catalogue.CLEAN_UP_NAME, 0.5)
    monkeypatch.setattr(catalogue, "weights_folder", lambda: tmp_path)
    with pytest.raises(MediaError, match=r"clean-up\.safetensors: no such weight file"):
        check_model(noisy, "torch", None, 0.5)
    shutil.copy(tmp_path / "own.safetensors", tmp_path / catalogue.CLEAN_UP_NAME)
    assert load_model(noisy, denoise=0.5).denoise == 0.5


def test_it_goes_with_a_detail(tmp_path, frames):
    vivid = write_detail_models(tmp_path)
    save_clean_up(make_clean_up(), tmp_path / "own.safetensors")
    vivid.with_suffix(".toml").write_text(CARD.format(default=0.5) + DENOISE_CARD.format(default=0))
    both = load_model(vivid, detail=0.25, denoise=0.5)
    assert (both.detail, both.denoise) == (0.25, 0.5)
    with pytest.raises(UsageError, match=r"denoise 1 is asked for, but this network was loaded with 0\.5"):
        Upscaler(both, detail=0.25, denoise=1)


@pytest.mark.parametrize("denoise", [-0.1, 1.01, float("nan")])
def test_a_denoise_beyond_its_ends_is_refused(noisy, denoise):
    with pytest.raises(UsageError, match=r"denoise is .*, it must be from 0 to 1"):
        load_model(noisy, denoise=denoise)
    with pytest.raises(UsageError, match=r"denoise is .*, it must be from 0 to 1"):
        UpscaleOptions(denoise=denoise)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("[denoise", "this card beside the weights cannot be used"),
        ("[denoise]\nstrength = 1", "unexpected keyword argument 'strength'"),
        ("denoise = 0.5", "this card beside the weights cannot be used"),
        ("[denoise]\ndefault = nan", "denoise is nan, it must be from 0 to 1"),
        ('[denoise]\ndefault = "much"', "this card beside the weights cannot be used"),
        (DENOISE_CARD.format(default=1.5), r"denoise is 1\.5, it must be from 0 to 1"),
        (
            DENOISE_CARD.format(default=0.5).replace("own", "../own"),
            "give a weight file's name without a folder",
        ),
        ("[denoise]\ndefault = 0.5\nclean_up = 3", "this card beside the weights cannot be used"),
        (DENOISE_CARD.format(default=0.5).replace("own", "gone"), r"gone\.safetensors: no such weight file"),
        (DENOISE_CARD.format(default=0.5).replace("own", "noisy"), r"noisy\.safetensors: holds no clean-up"),
    ],
)
def test_a_card_that_says_nonsense_is_one_line(noisy, card, message):
    noisy.with_suffix(".toml").write_text(card)
    with pytest.raises(MediaError, match=message) as failure:
        load_model(noisy)
    assert "\n" not in str(failure.value)


def test_frames_follow_the_denoise_and_a_loaded_network_keeps_its_own(noisy, frames):
    shown = {
        denoise: np.stack(list(tcnet.upscale_frames(frames, model=str(noisy), denoise=denoise, **FP32)))
        for denoise in (None, 0, 0.75)
    }
    assert np.array_equal(shown[None], shown[0.75])
    assert not np.array_equal(shown[0], shown[0.75])
    loaded = load_model(noisy, denoise=0.75)
    assert np.array_equal(upscaled(loaded, frames), shown[0.75])
    plan = plan_upscale(make_info(4), loaded, UpscaleOptions(**FP32), measure=False)
    assert plan.options.denoise == 0.75
    with pytest.raises(
        UsageError,
        match=r"denoise 0\.5 is asked for, but this network was loaded with 0\.75: give the model by name",
    ):
        Upscaler(loaded, denoise=0.5)
    with pytest.raises(UsageError, match=r"denoise 0\.5 is asked for, but this network was loaded with 0:"):
        Upscaler(Nearest(), denoise=0.5)
    assert Upscaler(Nearest(), denoise=0).decided(Upscaler(Nearest()).layout(16, 16, 1)).denoise == 0


@pytest.mark.parametrize("config", [TINY, STREAMING], ids=["bidirectional", "forward"])
def test_tiles_differ_from_the_whole_frame_as_little_as_without(config):
    torch.manual_seed(0)
    network = TCNet(config).eval().requires_grad_(False)
    frames = [frame.pixels for frame in make_frames(3, height=32, width=96)]
    options = {"tile": 64, "tile_overlap": 16}
    tiled, whole = (upscaled(network, frames, **each).astype(int) for each in (options, {}))
    before = np.abs(tiled - whole).max()
    with_clean_up(network)
    tiled, cleaned = (upscaled(network, frames, **each).astype(int) for each in (options, {}))
    assert np.abs(cleaned - whole).max() > 20
    assert np.abs(tiled - cleaned).max() <= 2 * before + 2


def test_windows_and_streams_cut_at_scenes_and_any_number_of_frames_comes_out(frames):
    for config, options in ((TINY, {"window": 12, "overlap": 4}), (STREAMING, {})):
        torch.manual_seed(0)
        network = with_clean_up(TCNet(config).eval().requires_grad_(False))
        cut = [replace(frame, cut=i == 4) for i, frame in enumerate(make_frames(6))]
        found = [frame.pixels for frame in Upscaler(network, **FP32, **options).stream(cut)]
        # The clean-up too sees nothing of another scene.
        for scene in (slice(4), slice(4, 6)):
            assert np.array_equal(found[scene], upscaled(network, frames[scene], scene_cuts=False))


@pytest.mark.skipif(not cpu_has(FAST_INT8), reason="this CPU has no 8-bit dot products")
def test_int8_leaves_the_clean_up_as_it_is(noisy, frames):
    exact, found = (upscaled(noisy, frames, precision=precision) for precision in ("fp32", "int8"))
    plain = upscaled(noisy, frames, denoise=0)
    difference = np.abs(exact.astype(int) - found).mean()
    assert 0 < difference < np.abs(exact.astype(int) - plain).mean() / 4


def test_a_compiled_network_cleans_too(noisy, frames, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **_: function)
    monkeypatch.setattr(compilation, "_check_compiler", lambda: None)
    assert np.array_equal(upscaled(noisy, frames, compile=True), upscaled(noisy, frames))


class Overflows(CleanUp):
    """NaN in less than float32."""

    def middle(self, frames):
        cleaned = super().middle(frames)
        return cleaned if self.last.weight.dtype == torch.float32 else cleaned * float("nan")


class Hopeless(CleanUp):
    def middle(self, frames):
        return super().middle(frames) * float("nan")


@pytest.mark.parametrize("config", [TINY, STREAMING], ids=["bidirectional", "forward"])
def test_what_is_not_finite_is_computed_again_in_float32_or_said(config, frames):
    torch.manual_seed(0)
    network = with_clean_up(TCNet(config).eval().requires_grad_(False))
    expected = upscaled(network, frames)
    weights = network.clean_up.state_dict()
    for kind in (Overflows, Hopeless):
        network.clean_up = kind(TINY_CLEAN_UP).eval().requires_grad_(False)
        network.clean_up.load_state_dict(weights)
        upscaler = Upscaler(network, device="cpu", precision="bf16")
        if kind is Overflows:
            assert np.array_equal(np.stack(list(upscaler.stream(frames))), expected)
            assert upscaler.statistics.recomputed_windows == 1
        else:
            with pytest.raises(MediaError, match="gives NaN or infinity even in float32"):
                list(upscaler.stream(frames))


def test_the_speed_of_a_stream_is_measured_after_its_beginning():
    """Its first pictures come later where the clean-up looks ahead; they are no part of the speed."""
    torch.manual_seed(0)
    network = with_clean_up(TCNet(STREAMING).eval().requires_grad_(False))
    upscaler = Upscaler(network, **FP32)
    given = []
    stream = network.stream

    def watched(clip, state, *, last):
        pictures, state = stream(clip, state, last=last)
        given.append(pictures.shape[1])
        return pictures, state

    upscaler.compute.uncompiled.stream = watched
    speed = measure_speed(upscaler.compute, upscaler.layout(24, 32, 1))
    assert speed.per_frame > 0
    assert set(given) == {STREAMING.group_size}


def test_an_evaluation_measures_a_model_at_several_denoises(noisy, tmp_path):
    lr_clip = torch.rand(2, 3, 16, 20)
    endings = ("", "~0", "~0.5", "~1+time")
    methods = [load_method(f"{noisy}{ending}", "cpu", "fp32") for ending in endings]
    assert [method.name for method in methods] == ["noisy", "noisy~0", "noisy~0.5", "noisy~1+time"]
    assert [method.description.get("denoise") for method in methods] == ["0.75", None, "0.5", "1"]
    own = file_hash(tmp_path / "own.safetensors")  # other weights are another result
    assert [method.description.get("clean-up") for method in methods] == [own, None, own, own]
    plain = NetworkUpscaler("plain", load_model(noisy, denoise=0), torch.device("cpu"), {})
    pictures = [torch.stack(list(method(lr_clip))) for method in (methods[1], plain, methods[2])]
    assert torch.equal(pictures[0], pictures[1])
    assert not torch.equal(pictures[0], pictures[2])


def test_an_evaluations_names_with_both_and_with_neither(tmp_path, noisy):
    vivid = write_detail_models(tmp_path)
    vivid.with_suffix(".toml").write_text(CARD.format(default=0.5) + DENOISE_CARD.format(default=0))
    for ending in ("@0.25~0.5", "~0.5@0.25"):
        both = load_method(f"{vivid}{ending}", "cpu", "fp32")
        assert both.name == "vivid@0.25~0.5"
        assert (both.description["detail"], both.description["denoise"]) == ("0.25", "0.5")
    shutil.copy(noisy, tmp_path / "noisy~2b.safetensors")  # the sign is part of a file's name
    assert load_method(str(tmp_path / "noisy~2b.safetensors"), "cpu", "fp32").name == "noisy~2b"
    with pytest.raises(UsageError, match="denoise is 2, it must be from 0 to 1"):
        load_method(f"{noisy}~2")
