from fractions import Fraction

import numpy as np
import pytest

from tcnet.errors import UsageError
from tcnet.video import ReadOptions, TrimRange, open_source

NTSC = Fraction(1001, 30000)
CASES = {
    "mp4": ("a.mp4", {}),
    "mkv": ("a.mkv", {}),
    "open groups": ("a.mp4", {"options": (("x264-params", "keyint=8:open-gop=1:bframes=3"),)}),
    "one group": ("a.mp4", {"options": (("g", "100"),)}),
    "late start": ("a.mkv", {"times": tuple(range(250, 290))}),
    "ntsc": ("a.mp4", {"time_base": NTSC, "rate": 1 / NTSC}),
    "transport stream": ("a.ts", {"times": tuple(range(50, 90))}),
    "avi": ("a.avi", {"codec": "mpeg4", "options": (("bf", "0"),)}),
    "no times": ("a.h264", {"options": (("bf", "0"),)}),
    "variable rate": (
        "a.mkv",
        {"times": tuple(i + i * i // 20 for i in range(40)), "options": (("bf", "0"),)},
    ),
}


def write(clips, tmp_path, case):
    name, fields = CASES[case]
    options = {"times": tuple(range(40)), "options": (("g", "8"), ("bf", "2")), **fields}
    return clips.write(tmp_path / name, clips.clip(**options))


def read(path, **options):
    with open_source(path, ReadOptions(**options)) as source:
        return source, list(source)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    ("start", "end"), [(None, 0.5), (0.41, None), (0.4, 0.8), (0.39, 1.21), (0, 0.01), (1.3, 99)]
)
def test_exactly_the_frames_between_are_read(clips, tmp_path, case, start, end):
    path = write(clips, tmp_path, case)
    start, end = (None if t is None else Fraction(str(t)) for t in (start, end))
    _, everything = read(path)
    first = everything[0].seconds
    wanted = [
        f
        for f in everything
        if (start or 0) <= f.seconds - first and (end is None or f.seconds - first < end)
    ]
    source, frames = read(path, start=start, end=end)
    assert len(frames) == len(wanted) > 0
    shift = wanted[0].pts - everything[0].pts
    for old, new in zip(wanted, frames, strict=True):
        np.testing.assert_array_equal(old.pixels, new.pixels)
        assert (new.pts, new.duration) == (old.pts - shift, old.duration)
    tick = source.info.time_base
    assert source.info.trim.start == wanted[0].seconds
    assert source.info.trim.shift == shift * tick
    assert (source.info.trim.end is None) == (end is None)
    if end is not None:
        assert 0 <= source.info.trim.end - (first + end) < tick
    if case not in ("variable rate", "no times", "transport stream"):  # what is known is known exactly
        assert source.info.frame_count == len(frames)
    assert not any("cut short" in line for line in source.notices)


def test_without_a_part_there_is_no_span(clips, tmp_path):
    source, _ = read(write(clips, tmp_path, "mp4"))
    assert source.info.trim is None


def test_iterating_again_gives_the_same_part(clips, tmp_path):
    path = write(clips, tmp_path, "mp4")
    with open_source(path, ReadOptions(start=Fraction(1, 2), end=Fraction(1))) as source:
        assert [f.pts for f in source] == [f.pts for f in source]
        assert source.info.trim == TrimRange(Fraction(13, 25), Fraction(1), Fraction(13, 25))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": Fraction(5)}, r"start 5 s is behind the last frame of the video \(1.600 s long\)"),
        ({"start": Fraction(41, 100), "end": Fraction(42, 100)}, "the next one is at 0.440 s"),
    ],
)
@pytest.mark.parametrize("case", ["mp4", "mkv", "transport stream"])
def test_a_part_without_frames_is_refused_at_once(clips, tmp_path, case, options, words):
    path = write(clips, tmp_path, case)
    with pytest.raises(UsageError, match=words if case != "transport stream" else "s") as caught:
        open_source(path, ReadOptions(**options))
    assert "\n" not in str(caught.value)


def test_an_index_that_leads_nowhere_is_not_relied_on(clips, tmp_path):
    """A Matroska file without its index is searched all the same, or read from its start."""
    path = write(clips, tmp_path, "mkv")
    data = path.read_bytes()
    cues = data.rindex(b"\x1c\x53\xbb\x6b")
    void = b"\xec\x01" + (len(data) - cues - 9).to_bytes(7, "big")
    path.write_bytes(data[:cues] + void + data[cues + 9 :])
    _, everything = read(path)
    _, frames = read(path, start=Fraction(6, 5))
    assert len(frames) == 10
    np.testing.assert_array_equal(frames[0].pixels, everything[30].pixels)


def test_images(tmp_path, clips):
    clips.convert(clips.write(tmp_path / "a.mkv", clips.clip()), tmp_path / "images")
    source, frames = read(tmp_path / "images", start=Fraction(1, 25), end=Fraction(4, 25))
    everything = read(tmp_path / "images")[1]
    assert source.info.frame_count == len(frames) == 3
    assert source.info.duration == Fraction(3, 25)
    assert [f.pts for f in frames] == [0, 1, 2]
    np.testing.assert_array_equal(frames[0].pixels, everything[1].pixels)
    with pytest.raises(UsageError, match=r"7 images last 0\.28 s"):
        open_source(tmp_path / "images", ReadOptions(start=Fraction(1)))
