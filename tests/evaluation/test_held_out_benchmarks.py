"""benchmarks/quality: held_out.py, error_spectrum.py and parts.py on clips and networks of their own."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tcnet.evaluation import BicubicUpscaler
from tcnet.evaluation.metrics.fidelity import psnr
from tcnet.network import TCNet, TCNetConfig
from tcnet.training.held_out import HeldOutClip
from tcnet.video import write_png

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "quality"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module


@pytest.fixture
def data(tmp_path):
    """A clip of three frames in each folder."""
    random = np.random.default_rng(2)
    for folder in ("heldout", "heldout_sharp"):
        (tmp_path / folder / "clip").mkdir(parents=True)
        coarse = random.integers(30, 220, (3, 16, 24, 3), dtype=np.uint8)
        for index, pixels in enumerate(coarse.repeat(4, 1).repeat(4, 2)):
            write_png(tmp_path / folder / "clip" / f"{index}.png", pixels)
    return tmp_path


def test_figures_of_each_clip_are_written_and_frames_kept(script, data, monkeypatch, capsys):
    held_out = script("held_out")
    monkeypatch.setattr(held_out, "METHODS", {"BI": ("bicubic", "lanczos"), "BD": ("bicubic",)})
    words = ["--data", str(data), "--kept", str(data / "kept"), "--json", str(data / "a.json")]
    monkeypatch.setattr(sys, "argv", ["held_out.py", *words, "--frames", "2", "--crop", "49"])
    held_out.main()
    found = json.loads((data / "a.json").read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert list(found["BI"]["methods"]) == ["bicubic", "lanczos"]
    assert found["BD"]["protocol"].startswith("folder/BD/psnr-y,ssim-y/")
    soft = found["BI"]["sets"]["soft"]
    assert soft["frames"] == {"clip": 2}
    assert soft["clips"]["bicubic"]["clip"]["psnr"] != soft["clips"]["lanczos"]["clip"]["psnr"]
    kept = list((data / "kept").glob("*.npy"))
    assert len(kept) == 6
    assert {np.load(file).shape for file in kept} == {(2, 3, 48, 48)}
    monkeypatch.setattr(sys, "argv", ["held_out.py", "--data", str(data / "nowhere")])
    with pytest.raises(SystemExit, match=r"error: .*nowhere"):
        held_out.main()


def test_kept_frames_are_those_of_the_method(script, tmp_path):
    held_out = script("held_out")
    lr_clip = (torch.rand(2, 3, 16, 20) * 255).round() / 255
    method = BicubicUpscaler()
    first = list(held_out.KeptFrames(method, tmp_path)(lr_clip))
    again = held_out.KeptFrames(method, tmp_path)
    again._method = None  # not asked again
    assert all(torch.equal(a, b) for a, b in zip(first, again(lr_clip), strict=True))
    expected = torch.stack([frame.clamp(0, 1) for frame in method(lr_clip)])
    assert (torch.stack(first) - expected).abs().max() <= 0.5 / 255 + 1e-6
    with pytest.raises(TypeError):
        next(again(1 - lr_clip))


@pytest.fixture
def products(script):
    """A clip whose first method has 0.8 of the truth's contrast over 1/16, whose second is the truth with noise."""
    spectrum = script("error_spectrum")
    random = np.random.default_rng(5)
    truth = random.normal(120, 25, (2, 1, 48, 64))
    down, across = (spectrum.cosines(length).numpy() for length in truth.shape[-2:])
    bands = spectrum.band_of(48, 64).numpy()
    pale = down.T @ ((down @ truth @ across.T) * np.where(bands >= 2, 0.8, 1)) @ across
    noisy = truth + random.normal(0, 4, truth.shape)
    grey = [np.clip(x, 0, 255).round().astype(np.uint8).repeat(3, 1) for x in (truth, pale, noisy)]
    return spectrum.clip_products("soft", "a", torch.from_numpy(grey[0]), grey[1:]), grey


def test_bands_add_up_to_the_error_of_the_pixels(script, products):
    spectrum, (clip, (truth, pale, _)) = script("error_spectrum"), products
    expected = psnr(torch.from_numpy(pale), torch.from_numpy(truth), "y").mean()
    assert clip.psnr(spectrum.alone(0, 2)) == pytest.approx(float(expected), abs=1e-6)
    assert clip.shares.sum() == pytest.approx(1)
    of_places = (clip.errors * clip.shares).sum(axis=1)
    assert of_places[0] == pytest.approx(clip.error(spectrum.alone(0, 2)).sum(axis=1).mean())


def test_lost_contrast_is_told_from_noise(script, products):
    spectrum, (clip, _) = script("error_spectrum"), products
    factors = spectrum.best_mixture([clip], [0])[:, 0]
    assert factors[2:] == pytest.approx([1.25] * 3, abs=0.02)
    assert factors[:2] == pytest.approx([1, 1], abs=0.02)
    noisy = spectrum.best_mixture([clip], [1])[:, 1]
    assert (noisy[2:] < 1).all()
    both = spectrum.best_mixture([clip], [0, 1])
    assert clip.psnr(both) >= max(clip.psnr(spectrum.best_mixture([clip], [k])) for k in (0, 1)) - 1e-9
    text = spectrum.report("pale", ["noisy"], ["pale", "noisy"], [clip, clip])
    assert "| soft | a | 2 |" in text
    assert "Best factors of pale: 1.000" in text


def test_places_are_flat_edges_or_texture(script):
    luma = torch.full((30, 90), 100.0, dtype=torch.float64)
    luma[:, 30:45] = 160
    luma[:, 60:] += 20 * torch.randn(30, 30, generator=torch.Generator().manual_seed(1))
    regions = script("error_spectrum").region_of(luma)
    assert regions[15, 10] == 0
    assert regions[15, 30] == 1
    assert (regions[5:25, 66:84] == 2).double().mean() > 0.9


@torch.inference_mode()
def test_each_part_can_be_switched_off_and_only_in_a_copy(script):
    parts = script("parts")
    torch.manual_seed(3)
    config = TCNetConfig(
        channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny",
        alignment_window=16,
    )  # fmt: skip
    network = TCNet(config).eval()
    for parameter in network.parameters():  # nothing ends in zeros, as after training
        parameter.copy_(torch.randn_like(parameter) * 0.05)
    lr = torch.randint(0, 256, (3, 3, 16, 24), dtype=torch.uint8)
    hr = torch.randint(0, 256, (3, 3, 64, 96), dtype=torch.uint8)
    clips = [HeldOutClip("clip BI", lr, hr)]
    before = {name: value.clone() for name, value in network.state_dict().items()}
    shown = {}
    for part, switch_off in parts.PARTS.items():
        shown[part] = parts.measure(network, switch_off, clips)["clip BI"]
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    changed, pictures = TCNet(config).eval(), network(lr[None] / 255)
    for part, switch_off in parts.PARTS.items():
        changed.load_state_dict(before)
        changed.config, changed.propagation.recurrent, changed.refinement.recurrent = config, True, True
        switch_off(changed)
        assert torch.equal(changed(lr[None] / 255), pictures) is (part == parts.WHOLE), part
    text = parts.table({"tcnet-bi": {part: {"clip BI": figure} for part, figure in shown.items()}})
    assert f"| whole | {shown['whole']:.3f} (+0.000) | +0.000 |" in text


def test_without_all_additions_the_network_is_basicvsr(script):
    """Of the parts that BasicVSR lacks nothing reaches the picture."""
    parts = script("parts")
    torch.manual_seed(4)
    network = TCNet(
        TCNetConfig(channels=8, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny")
    ).eval()
    parts.without_additions(network)
    lr = torch.rand(1, 3, 3, 16, 16)
    with torch.inference_mode():
        first = network(lr)
        for module in (network.stability, network.fusion.stage_one):
            for parameter in module.parameters():
                parameter.normal_()
        assert torch.equal(network(lr), first)
