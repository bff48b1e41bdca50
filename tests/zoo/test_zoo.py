"""Every file of the zoo through the product: nothing shifted, nothing lost."""

import io
from pathlib import Path

import av
import pytest

from fake_networks import Nearest
from tcnet.upscale import upscale_video
from zoo.checks.limits import LIMITS
from zoo.checks.run import OPTIONS, upscale_specimen
from zoo.files.builder import build
from zoo.files.catalogue import ZOO

ALARMS = ("damaged", "cut short", "errors", "gaps", "did not increase")  # no file of the zoo is damaged


@pytest.mark.parametrize("specimen", ZOO, ids=lambda specimen: specimen.file_name[:40])
def test_what_comes_in_comes_out_four_times_larger(tmp_path, specimen):
    outcome = upscale_specimen(specimen, tmp_path)
    assert {name: texts for name, texts in outcome.differences.items() if texts} == {}
    assert outcome.unneeded == []
    assert [line for line in outcome.notices if any(word in line for word in ALARMS)] == []


def test_the_zoo_is_large_and_its_limits_belong_to_it():
    names = [specimen.file_name for specimen in ZOO]
    assert len(set(names)) == len(names) >= 60
    assert set(LIMITS) <= set(names)


@pytest.mark.parametrize("name", ["many tracks.mkv", "subtitles.mp4", "rotated 90.mp4", "h264 aac.ts"])
def test_the_input_is_opened_at_most_six_times(tmp_path, monkeypatch, name):
    source = build(next(specimen for specimen in ZOO if specimen.file_name == name), tmp_path)
    openings = []

    def counting(function):
        def opened(file, *arguments, **options):
            if isinstance(file, (str, Path)) and Path(str(file).removeprefix("file:")) == source:
                openings.append(function.__module__)
            return function(file, *arguments, **options)

        return opened

    monkeypatch.setattr(av, "open", counting(av.open))
    monkeypatch.setattr(io, "open", counting(io.open))  # what Path.open calls
    upscale_video(
        source, tmp_path / f"out{source.suffix}".replace(".ts", ".mkv"), model=Nearest(), options=OPTIONS
    )
    assert 4 <= len(openings) <= 6, openings
