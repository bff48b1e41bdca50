"""A run that is cut off goes on; one with other options starts anew and says so."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tcnet.errors import MediaError
from tcnet.evaluation import BicubicUpscaler, evaluate
from tcnet.evaluation.report.write_report import to_json
from tcnet.video import write_png


class Counting:
    """Nearest-neighbour interpolation that counts its clips and may give up on one of them."""

    def __init__(self, name: str = "nearest", weights: str = "1", fail_on: int | None = None) -> None:
        self.name = name
        self.description = {"weights": weights, "precision": "fp32"}
        self.clips = 0
        self.fail_on = fail_on

    def __call__(self, lr_clip: torch.Tensor) -> Iterator[torch.Tensor]:
        self.clips += 1
        for frame in lr_clip:
            if self.clips == self.fail_on:
                raise KeyboardInterrupt
            yield frame.repeat_interleave(4, 1).repeat_interleave(4, 2)


@pytest.fixture
def data(tmp_path) -> Path:
    generator = np.random.default_rng(11)
    for name in ("a", "b", "c"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(6):
            pixels = generator.integers(0, 256, (16, 20, 3), dtype=np.uint8)
            write_png(tmp_path / "data" / name / f"{index}.png", pixels)
    return tmp_path / "data"


METRICS = ("psnr", "tgrad", "flicker")


def run(data: Path, journal: Path | None, *upscalers, **options):
    return evaluate("folder", data, "BI", upscalers, **{"metrics": METRICS, "journal": journal, **options})


def figures(result) -> dict:
    document = json.loads(to_json(result))
    for model in document["models"]:
        model.pop("seconds_per_frame")
        for clip in model["clips"]:
            clip.pop("seconds")
    return document["models"]


def test_a_run_that_was_cut_off_goes_on_and_ends_as_if_it_had_not_been(data, tmp_path):
    journal = tmp_path / "out" / "journal.jsonl"
    whole = run(data, None, Counting(), BicubicUpscaler())
    with pytest.raises(KeyboardInterrupt):
        run(data, journal, cut := Counting(fail_on=2), BicubicUpscaler())
    assert cut.clips == 2
    resumed = run(data, journal, rest := Counting(), BicubicUpscaler())
    assert rest.clips == 2
    assert figures(resumed) == figures(whole)
    assert resumed.truth is not None
    assert [scores.frames.keys() for scores in resumed.truth.clips] == [{"flicker"}] * 3
    for ours, theirs in zip(resumed.truth.clips, whole.truth.clips, strict=True):
        np.testing.assert_array_equal(ours.frames["flicker"], theirs.frames["flicker"])
    assert len(resumed.notices) == 1
    assert "2 finished measurements were taken over" in resumed.notices[0]
    for ours, theirs in zip(resumed.pictures, whole.pictures, strict=True):
        assert ours.box == theirs.box
        for (name, crop), (same_name, same_crop) in zip(ours.crops, theirs.crops, strict=True):
            assert name == same_name
            np.testing.assert_array_equal(crop, same_crop)
        for (_, profile), (_, same_profile) in zip(ours.profiles, theirs.profiles, strict=True):
            np.testing.assert_array_equal(profile, same_profile)


def test_a_finished_run_is_not_read_again(data, tmp_path):
    journal = tmp_path / "journal.jsonl"
    first = run(data, journal, Counting())
    again = run(data, journal, model := Counting())
    assert model.clips == 0
    assert figures(again) == figures(first)
    assert [scores.seconds for scores in again.models[0].clips] == [
        scores.seconds for scores in first.models[0].clips
    ]


def test_another_model_or_other_weights_are_measured_and_the_rest_is_kept(data, tmp_path):
    journal = tmp_path / "journal.jsonl"
    run(data, journal, Counting())
    kept, new, other = Counting(), Counting(weights="2"), BicubicUpscaler()
    run(data, journal, kept, other)
    result = run(data, journal, new)
    assert (kept.clips, new.clips) == (0, 3)
    assert result.notices == ()


def test_the_versions_shown_are_the_input_the_models_and_the_truth(data):
    names = [name for name, _ in run(data, None, Counting()).pictures[0].profiles]
    assert names == ["bicubic of the input", "nearest", "ground truth"]
    names = [name for name, _ in run(data, None, BicubicUpscaler(), Counting()).pictures[0].crops]
    assert names == ["bicubic", "nearest", "ground truth"]


@pytest.mark.parametrize(
    ("change", "what"),
    [({"metrics": ("psnr",)}, "protocol"), ({"limit_frames": 5}, "protocol")],
    ids=["metrics", "limit"],
)
def test_other_options_start_anew_with_a_notice(data, tmp_path, change, what):
    journal = tmp_path / "journal.jsonl"
    run(data, journal, Counting())
    result = run(data, journal, model := Counting(), **change)
    assert model.clips == 3
    assert len(result.notices) == 1
    assert f"measured anew, because the earlier run in journal.jsonl had another {what}" in result.notices[0]
    assert run(data, journal, Counting(), **change).notices != result.notices


def test_a_changed_clip_is_measured_again(data, tmp_path):
    journal = tmp_path / "journal.jsonl"
    run(data, journal, Counting())
    write_png(data / "b" / "3.png", np.zeros((16, 20, 3), dtype=np.uint8))
    result = run(data, journal, model := Counting())
    assert model.clips == 1
    assert figures(result) == figures(run(data, None, Counting()))
    assert figures(run(data, journal, Counting())) == figures(result)


def test_a_line_that_was_cut_off_is_dropped_and_a_damaged_file_starts_anew(data, tmp_path):
    journal = tmp_path / "journal.jsonl"
    run(data, journal, Counting())
    journal.write_bytes(journal.read_bytes()[:-30])
    notices = run(data, journal, model := Counting()).notices
    assert "2 finished measurements" in notices[0]
    assert model.clips == 1
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:2], "{not json\n", *lines[2:]]))
    result = run(data, journal, model := Counting())
    assert model.clips == 3
    assert "is damaged" in result.notices[0]


def test_a_journal_that_cannot_be_written_is_a_media_error(data, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MediaError, match="the journal cannot be used"):
        run(data, tmp_path / "file" / "journal.jsonl", Counting())
