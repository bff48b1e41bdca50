"""Small files whose times came out wrong, each after a report of users."""

import itertools
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from tcnet.upscale.output.disk_space import room_needed
from tcnet.video import ReadOptions, open_source

MILLISECOND = Fraction(1, 1000)


def packets(path, kind):
    """(start, end, bytes) in seconds of what is not outside of an edit list; empty texts of MP4 left out."""
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        tick = stream.time_base
        return [
            (p.pts * tick, (p.pts + (p.duration or 0)) * tick, bytes(p))
            for p in container.demux(stream)
            if p.size and not p.is_discard and bytes(p) != b"\0\0"
        ]


def starts(path, kind):
    return [start for start, _, _ in packets(path, kind)]


def test_packets_of_sound_that_share_a_time(cases, clips, tmp_path):
    source = cases / "truehd.mkv"
    clips.convert(source, tmp_path / "b.mkv")
    assert packets(tmp_path / "b.mkv", "audio") == packets(source, "audio")
    assert len(set(starts(source, "audio"))) < len(starts(source, "audio"))


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_texts_that_begin_together(cases, clips, tmp_path, suffix):
    source = cases / "sign.mkv"
    clips.convert(source, tmp_path / f"b{suffix}")
    if suffix == ".mkv":
        assert packets(tmp_path / "b.mkv", "subtitle") == packets(source, "subtitle")
    else:  # one text at a time there: those that are shown together are one
        found = starts(tmp_path / "b.mp4", "subtitle")
        assert found == sorted(set(found))
        assert set(starts(source, "subtitle")) <= set(found)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_the_last_line_of_a_track_that_begins_late(cases, clips, tmp_path, suffix):
    clips.convert(cases / "late_tag.mkv", tmp_path / f"b{suffix}")
    found = [(start, end - start) for start, end, _ in packets(tmp_path / f"b{suffix}", "subtitle")]
    assert found == [(Fraction(8, 10), Fraction(3, 10)), (Fraction(12, 10), Fraction(11, 10))]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
@pytest.mark.parametrize(
    ("name", "pictures", "skews"),
    [
        ("ts_back_short_sound.ts", (40, 60), (-0.0232, -0.0232)),
        ("ts_forward.ts", (40, 60), (-0.0232, -0.0232)),
        ("ts_desync.ts", (40, 60), (-0.0232, -0.0232)),
    ],
)
def test_joined_recordings(cases, clips, tmp_path, name, pictures, skews, suffix):
    """Sound and picture of each begin as far apart as they did, and the second follows at once."""
    source = cases / name
    with open_source(source) as reader:
        assert reader.info.frame_count == sum(pictures)
        assert float(reader.info.duration) == pytest.approx(4, abs=0.04)
    frames = clips.convert(source, tmp_path / f"b{suffix}")
    shown = [frame.seconds for frame in frames]
    assert len(shown) == sum(pictures)
    assert max(b - a for a, b in itertools.pairwise(shown)) < Fraction(2, 25)
    assert float(shown[-1] - shown[0]) == pytest.approx(4 - 0.04, abs=0.04)
    heard = starts(tmp_path / f"b{suffix}", "audio")
    raw = starts(source, "audio")
    breaks = [n for n in range(1, len(raw)) if not 0 < raw[n] - raw[n - 1] < 1]
    begun = [heard[0], heard[breaks[0]]]
    for first, sound, skew in zip((shown[0], shown[pictures[0]]), begun, skews, strict=True):
        assert float(sound - first) == pytest.approx(skew, abs=0.0015)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_what_an_edit_list_leaves_out(cases, clips, tmp_path, suffix):
    source = cases / "edits.mp4"
    clips.convert(source, tmp_path / f"b{suffix}")
    before, after = packets(source, "audio"), packets(tmp_path / f"b{suffix}", "audio")
    assert [data for _, _, data in after] == [data for _, _, data in before]
    assert max(abs(a[0] - b[0]) for a, b in zip(before, after, strict=True)) <= MILLISECOND
    assert after[-1][1] - after[0][0] < Fraction(125, 100)


def test_what_is_heard_of_an_edit_list_is_what_was(cases, clips, tmp_path):
    """MP4's own edit list hides the packet that the decoder needs before the first one."""
    source = cases / "edits.mp4"
    clips.convert(source, tmp_path / "b.mp4")
    old, new = heard_samples(source), heard_samples(tmp_path / "b.mp4")
    count = min(len(old), len(new), 20_000)
    np.testing.assert_allclose(new[:count], old[:count], atol=1e-3)


def heard_samples(path):
    """Of the first channel, from time zero on."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    skipped = -round(min(frames[0].pts * frames[0].time_base * frames[0].sample_rate, 0))
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])[skipped:]


def test_a_gap_of_thirty_hours(cases, clips, tmp_path):
    source = cases / "gap30h.mkv"
    with open_source(source) as reader:
        info = reader.info
    assert info.frame_count == 30
    assert info.duration == Fraction(12, 10)
    large = replace(info, width=7680, height=4320)
    assert room_needed("h264", large.width, large.height, info.frame_count, deep=False).usual < 2**30
    frames = clips.convert(source, tmp_path / "b.mkv")
    assert [frame.seconds for frame in frames] == [Fraction(n, 25) for n in range(30)]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_a_gap_amid_pictures_that_refer_to_each_other(clips, tmp_path, suffix):
    """An encoder that goes on across it decodes pictures from behind it before some from before it."""
    later = 60_000 if suffix == ".ts" else 108_000_000
    times = (*range(0, 600, 40), *range(later, later + 600, 40))
    source = clips.write(tmp_path / f"a{suffix}", clips.clip(times=times, last=40, time_base=MILLISECOND))
    frames = clips.convert(source, tmp_path / "b.mkv")
    for found in (frames, clips.read(tmp_path / "b.mkv")):
        assert [frame.seconds - found[0].seconds for frame in found] == [Fraction(n, 25) for n in range(30)]


def test_a_part_of_a_file_with_a_gap_is_planned_by_its_frames(clips, tmp_path):
    """Shorter than what counts as a reset: the picture stands, and is one frame."""
    times = (*range(0, 400, 40), *range(1_800_000, 1_800_400, 40))
    path = clips.write(tmp_path / "a.mkv", clips.clip(times=times, last=40, time_base=MILLISECOND))
    for options in (ReadOptions(), ReadOptions(start=Fraction(1, 5))):
        with open_source(path, options) as reader:
            assert reader.info.frame_count <= 20
            list(reader)
            assert reader.info.duration > 1700
