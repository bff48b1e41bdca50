"""The bench with upscalers of known behaviour, on small clips; and bicubic on a real one against its figure."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tcnet.data.degradation import degrade_bi, find_degradation, imresize, to_8bit
from tcnet.errors import MediaError, TcnetError, UsageError
from tcnet.evaluation import BicubicUpscaler, CropBox, EvaluationProgress, evaluate
from tcnet.evaluation.datasets import find_clips, read_clip
from tcnet.evaluation.metrics.fidelity import psnr, ssim
from tcnet.evaluation.protocol import evaluation_set
from tcnet.video import write_png

DATA = Path(os.environ.get("TCNET_DATA", Path(__file__).resolve().parents[2] / ".." / "shared" / "data"))


class KnownUpscaler:
    """Gives prepared frames, whatever the LR clip is."""

    def __init__(self, name: str, *clips: torch.Tensor) -> None:
        self.name = name
        self.description = {"weights": "none", "precision": "exact"}
        self.clips = list(clips)
        self.seen: list[torch.Tensor] = []

    def __call__(self, lr_clip: torch.Tensor) -> Iterator[torch.Tensor]:
        clip = self.clips[len(self.seen)]
        self.seen.append(lr_clip)
        yield from clip


@pytest.fixture
def clips(tmp_path):
    """Two clips of 3 and 1 frames on disk, as uint8 (T, 3, 16, 24)."""
    generator = np.random.default_rng(7)
    made = []
    for name, count in (("one", 3), ("two", 1)):
        frames = generator.integers(30, 220, (count, 16, 24, 3), dtype=np.uint8)
        (tmp_path / name).mkdir()
        for index, pixels in enumerate(frames):
            write_png(tmp_path / name / f"{index}.png", pixels)
        made.append(torch.from_numpy(frames).permute(0, 3, 1, 2))
    return tmp_path, made


def test_a_perfect_upscaler_is_infinite_and_one_code_off_is_48_13_db(clips):
    folder, hr = clips
    perfect = KnownUpscaler("perfect", *(clip / 255 for clip in hr))
    # A hair under half a code more must round away; overshoot must be clamped.
    nearly = KnownUpscaler("nearly", *((clip + 0.499) / 255 for clip in hr))
    off = KnownUpscaler("off", *((clip + 1.0) / 255 for clip in hr))
    result = evaluate("folder", folder, "BI", [perfect, nearly, off])
    assert [model.name for model in result.models] == ["perfect", "nearly", "off"]
    assert result.models[0].mean("psnr") == math.inf
    assert result.models[1].mean("psnr") == math.inf
    assert result.models[0].mean("ssim") == pytest.approx(1)
    # One code on R, G and B is 219/255 of a code on Y.
    assert result.models[2].mean("psnr") == pytest.approx(20 * math.log10(255 * 255 / 219))
    assert result.clip_names == ("one", "two")
    assert [len(scores.frames["psnr"]) for scores in result.models[0].clips] == [3, 1]
    assert result.models[0].description == {"weights": "none", "precision": "exact"}


def test_the_lr_clip_is_the_degraded_one_and_each_frame_meets_its_own_truth(clips):
    folder, hr = clips
    shifted = KnownUpscaler("shifted", hr[0].roll(1, dims=0) / 255, hr[1] / 255)
    result = evaluate("folder", folder, "BI", [shifted])
    for seen, clip in zip(shifted.seen, hr, strict=True):
        assert seen.dtype == torch.float32
        torch.testing.assert_close(seen, degrade_bi(clip / 255), rtol=0, atol=0)
    expected = psnr(hr[0].roll(1, dims=0), hr[0], "y").tolist()
    assert list(result.models[0].clips[0].frames["psnr"]) == pytest.approx(expected, abs=1e-12)


def test_bicubic_is_imresize_rounded(clips):
    folder, hr = clips
    result = evaluate("folder", folder, "BD", [BicubicUpscaler()], metrics=["ssim"])
    from_scratch = evaluate(
        "folder", folder, "BD", [spy := KnownUpscaler("spy", *(clip / 255 for clip in hr))]
    )
    sr = to_8bit(imresize(spy.seen[0], 4))
    assert list(result.models[0].clips[0].frames["ssim"]) == pytest.approx(ssim(sr, hr[0], "y").tolist())
    assert result.protocol == "folder/BD/ssim-y/no-crop/all-frames/mean-of-frames-then-clips"
    assert from_scratch.metrics == ("psnr", "ssim")


def test_only_one_sr_frame_is_asked_for_at_a_time(clips):
    folder, hr = clips
    events: list[str] = []

    class Lazy(KnownUpscaler):
        def __call__(self, lr_clip):
            for frame in super().__call__(lr_clip):
                events.append("made")
                yield frame

    def measured(progress: EvaluationProgress) -> None:
        events.append("measured")

    evaluate("folder", folder, "BI", [Lazy("lazy", *(clip / 255 for clip in hr))], progress=measured)
    assert events == ["made", "measured"] * 4


def test_progress_counts_clips_models_and_frames(clips):
    folder, _ = clips
    calls: list[EvaluationProgress] = []
    evaluate("folder", folder, "BI", [BicubicUpscaler()], limit_frames=2, progress=calls.append)
    assert calls == [
        EvaluationProgress("one", 0, 2, "bicubic", 0, 1, 1, 2),
        EvaluationProgress("one", 0, 2, "bicubic", 0, 1, 2, 2),
        EvaluationProgress("two", 1, 2, "bicubic", 0, 1, 1, 1),
    ]


def test_crops_show_the_same_place_of_every_version(clips):
    folder, hr = clips
    box = CropBox(frame=1, top=3, left=5, height=6, width=7)
    marked = [clip / 255 for clip in hr]
    result = evaluate("folder", folder, "BI", [KnownUpscaler("known", *marked)], crops={"one": box})
    shown = result.pictures[0]
    assert [label for label, _ in shown.crops] == ["bicubic of the input", "known", "ground truth"]
    truth = hr[0][1, :, 3:9, 5:12].permute(1, 2, 0).numpy()
    np.testing.assert_array_equal(shown.crops[2][1], truth)
    np.testing.assert_array_equal(shown.crops[1][1], truth)
    bicubic = to_8bit(imresize(degrade_bi(hr[0][1] / 255), 4))[:, 3:9, 5:12].permute(1, 2, 0)
    np.testing.assert_array_equal(shown.crops[0][1], bicubic.numpy())
    assert result.pictures[1].box == CropBox(0, 0, 0, 16, 24)  # smaller than the usual crop: all of it


def test_the_crop_is_where_bicubic_is_worst(tmp_path):
    pixels = np.full((200, 400, 3), 90, dtype=np.uint8)
    pixels[120:180:2, 250:330] = 240  # fine lines, which a quarter of the size cannot hold
    (tmp_path / "clip").mkdir()
    write_png(tmp_path / "clip" / "0.png", pixels)
    box = evaluate("folder", tmp_path, "BI", [BicubicUpscaler()]).pictures[0].box
    assert box.top <= 120
    assert box.top + box.height >= 180
    assert box.left <= 250
    assert box.left + box.width >= 330


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda sr: sr[:-1], ValueError, "gave 2 of the 3 frames of one"),
        (lambda sr: torch.cat([sr, sr]), ValueError, "more than the 3 frames of one"),
        (lambda sr: sr[..., :-1], ValueError, r"shape \(3, 16, 23\) for frame 0 of one"),
        (lambda sr: sr / 0, TcnetError, "odd gave NaN or infinity in frame 0 of one"),
    ],
)
def test_what_an_upscaler_must_not_do(clips, change, error, message):
    folder, hr = clips
    with pytest.raises(error, match=message):
        evaluate("folder", folder, "BI", [KnownUpscaler("odd", change(hr[0] / 255), hr[1] / 255)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"set_name": "urban100"}, "'urban100' is unknown"),
        ({"degradation": "video"}, "'video' is unknown; choose one of BI, BD"),
        ({"upscalers": []}, "at least one model"),
        ({"upscalers": [BicubicUpscaler(), BicubicUpscaler()]}, "'bicubic' is given twice"),
        ({"metrics": ["brisque"]}, "'brisque' is unknown; choose from psnr, ssim, lpips, features, niqe"),
        ({"metrics": ["psnr", "psnr"]}, "'psnr' is given twice"),
        ({"metrics": []}, "at least one metric"),
        ({"limit_frames": 0}, "limit of 0 frames"),
        ({"crops": {"three": CropBox(0, 0, 0, 4, 4)}}, "'three', which is not a clip"),
        ({"crops": {"one": CropBox(0, 0, 20, 4, 8)}}, "one, which has 3 frames of 24x16"),
        ({"crops": {"one": CropBox(3, 0, 0, 4, 4)}}, "frame=3"),
    ],
)
def test_impossible_options_are_usage_errors(clips, arguments, message):
    folder, _ = clips
    options = {"set_name": "folder", "degradation": "BI", "upscalers": [BicubicUpscaler()], **arguments}
    with pytest.raises(UsageError, match=message):
        evaluate(data_dir=folder, **options)


def test_a_missing_clip_is_found_before_anything_is_computed(tmp_path):
    upscaler = KnownUpscaler("unused")
    with pytest.raises(MediaError, match="'calendar'"):
        evaluate("vid4", tmp_path, "BI", [upscaler])
    assert upscaler.seen == []


def test_of_a_septuplet_the_mean_of_both_restorations_of_the_centre_is_measured(tmp_path):
    folder = tmp_path / "sequences" / "00001" / "0002"
    folder.mkdir(parents=True)
    (tmp_path / "sep_testlist.txt").write_text("00001/0002\n")
    frames = np.random.default_rng(3).integers(30, 220, (7, 12, 16, 3), dtype=np.uint8)
    for index, pixels in enumerate(frames, start=1):
        write_png(folder / f"im{index}.png", pixels)
    hr = torch.from_numpy(frames).permute(0, 3, 1, 2)
    wrong = torch.zeros(14, 3, 12, 16)
    wrong[3], wrong[10] = (hr[3] + 7) / 255, (hr[3] - 7.0) / 255
    upscaler = KnownUpscaler("known", wrong)
    result = evaluate("vimeo90k", tmp_path, "BI", [upscaler])
    assert upscaler.seen[0].shape == (14, 3, 3, 4)
    scores = result.models[0].clips[0]
    assert scores.frames["psnr"] == (math.inf,)
    assert scores.timed_count == 14
    assert [label for label, _ in result.pictures[0].crops][-1] == "ground truth"
    with pytest.raises(UsageError, match="measures one frame"):
        evaluate("vimeo90k", tmp_path, "BI", [upscaler], limit_frames=3)
    with pytest.raises(UsageError, match="has no 'tgrad'"):
        evaluate("vimeo90k", tmp_path, "BI", [upscaler], metrics=["psnr", "tgrad"])


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "vid4" / "walk.mkv").exists(), reason="TCNET_DATA has no vid4")
def test_bicubic_on_vid4_is_the_published_figure():
    """PSNR 23.78, SSIM 0.6347 in every table of the field."""
    (model,) = evaluate("vid4", DATA / "vid4", "BI", [BicubicUpscaler()]).models
    assert round(model.mean("psnr"), 2) == 23.78
    assert round(model.mean("ssim"), 4) == 0.6347


@pytest.mark.skipif(not (DATA / "vid4" / "walk.mkv").exists(), reason="TCNET_DATA has no vid4")
@pytest.mark.parametrize(
    ("index", "kind", "decibel"),
    # Calendar looks interlaced, so that a reader that deinterlaces by itself would change it.
    [(0, "BI", 20.198816), (3, "BI", 26.104295), (3, "BD", 25.571072)],
)
def test_bicubic_on_the_first_frames_of_vid4(index, kind, decibel):
    clip = find_clips(evaluation_set("vid4"), DATA / "vid4")[index]
    hr = read_clip(clip, limit_frames=3).frames
    sr = torch.stack([to_8bit(imresize(find_degradation(kind)(frame / 255), 4)) for frame in hr])
    assert psnr(sr, hr, "y").mean().item() == pytest.approx(decibel, abs=1e-4)
