from fractions import Fraction

import numpy as np
import pytest
from compare_clips import LOSSLESS, boxes, frames, info, write

from tcnet.compare import CompareOptions, Crop, compare_videos
from tcnet.compare.profile import choose_slice
from tcnet.errors import MediaError, TcnetError, UsageError
from tcnet.video import Frame, open_sink, open_source, read_image, write_png


@pytest.fixture
def clips(tmp_path):
    """a.mkv and, four times as large, b.mkv: six frames each that get lighter."""
    write(tmp_path / "a.mkv", frames(range(40, 100, 10)))
    write(tmp_path / "b.mkv", frames(range(120, 180, 10), height=96, width=128))
    return [tmp_path / "a.mkv", tmp_path / "b.mkv"]


def read(path):
    with open_source(path) as source:
        return source.info, list(source)


def holds(picture, level, height, width):
    return len(boxes(picture, level, height, width)) == 1


def test_a_video_shows_both_at_the_larger_size_with_the_times_of_the_first(clips, tmp_path):
    told = []
    result = compare_videos(
        clips, tmp_path / "out.mkv", encode=LOSSLESS, progress=lambda done, total: told.append((done, total))
    )
    described, shown = read(result.output)
    assert result.frames == len(shown) == 6
    assert [frame.seconds for frame in shown] == [Fraction(40 * index, 1000) for index in range(6)]
    for index, frame in enumerate(shown):
        assert holds(frame.pixels, 40 + 10 * index, 96, 128)
        assert holds(frame.pixels, 120 + 10 * index, 96, 128)
    assert described.width > 256
    assert result.notices == ()
    assert told[-1] == (6, 6)


def test_the_default_names(clips, tmp_path):
    def name(**options):
        return compare_videos(clips, options=CompareOptions(**options)).output.name

    assert name() == "a.side.mkv"
    assert name(view="wipe") == "a.wipe.mkv"
    assert name(view="profile") == "a.profile.png"
    write_png(tmp_path / "x.png", np.zeros((8, 8, 3), np.uint8))
    assert compare_videos([tmp_path / "x.png", tmp_path / "x.png"]).output.name == "x.side.png"
    with pytest.raises(MediaError, match=r"a\.side\.mkv: exists already"):
        name()


def test_a_part_begins_at_zero(clips, tmp_path):
    options = CompareOptions(start=Fraction(2, 25), end=Fraction(4, 25))
    _, shown = read(compare_videos(clips, tmp_path / "out.mkv", options=options, encode=LOSSLESS).output)
    assert [frame.pts for frame in shown] == [0, 40]
    assert holds(shown[0].pixels, 60, 96, 128)


def test_a_picture_of_a_moment(clips, tmp_path):
    compare_videos(clips, tmp_path / "middle.png")
    assert holds(read_image(tmp_path / "middle.png"), 70, 96, 128)
    compare_videos(clips, tmp_path / "at.png", options=CompareOptions(at=Fraction(23, 100)))
    assert holds(read_image(tmp_path / "at.png"), 90, 96, 128)
    with pytest.raises(MediaError, match=r"no frame at 0:00:09\.000: an input ends before"):
        compare_videos(clips, tmp_path / "late.png", options=CompareOptions(at=Fraction(9)))
    assert not (tmp_path / "late.png").exists()


def test_crops_are_enlarged_beside_the_whole(clips, tmp_path):
    options = CompareOptions(crops=(Crop(4, 4, 20, 12), Crop(40, 40, 20, 12)), zoom=3, at=Fraction(0))
    compare_videos(clips, tmp_path / "out.png", options=options)
    picture = read_image(tmp_path / "out.png")
    assert len(boxes(picture, 40, 12 * 3, 20 * 3)) == 2
    assert len(boxes(picture, 120, 12 * 3, 20 * 3)) == 2
    left_of_crops = picture[:, : picture.shape[1] - 2 * 20 * 3 - 30]
    assert boxes(left_of_crops, 120, 12, 20)  # the whole, shrunk


def test_differences(tmp_path):
    for name, level in (("a", 100), ("same", 100), ("other", 103)):
        write(tmp_path / f"{name}.mkv", frames([level] * 3))
    paths = [tmp_path / f"{name}.mkv" for name in ("a", "same", "other")]
    compare_videos(paths, tmp_path / "out.png", options=CompareOptions(view="difference", amplify=20))
    picture = read_image(tmp_path / "out.png")
    assert holds(picture, 60, 24, 32)
    assert holds(picture, 0, 24, 32)


def test_a_profile_is_the_column_of_every_frame(tmp_path):
    steps = [Frame(np.full((24, 32, 3), 5, np.uint8), 40 * i, 40, Fraction(1, 1000)) for i in range(4)]
    for index, frame in enumerate(steps):
        frame.pixels[:, 20] = 100 + index
    write(tmp_path / "a.mkv", steps)
    options = CompareOptions(view="profile", column=20, crops=(Crop(0, 4, 32, 10),), zoom=2)
    result = compare_videos([tmp_path / "a.mkv", tmp_path / "a.mkv"], tmp_path / "p.png", options=options)
    picture = read_image(result.output)
    for index in range(4):
        assert (picture == 100 + index).all(axis=2).sum() >= 2 * (2 * 10) * (640 // 4)
    assert result.frames == 4


def test_a_profile_of_a_row_runs_downward(tmp_path):
    steps = frames([10, 20, 30, 40])
    write(tmp_path / "a.mkv", steps)
    options = CompareOptions(view="profile", row=3)
    compare_videos([tmp_path / "a.mkv"] * 2, tmp_path / "p.png", options=options)
    picture = read_image(tmp_path / "p.png")
    tops = [np.nonzero((picture == level).all(axis=2))[0].mean() for level in (20, 30, 40)]
    assert tops == sorted(tops)


def test_sixteen_bits_stay_sixteen_and_eight_join_them(tmp_path):
    write(tmp_path / "a.mkv", frames([100]))
    sink = open_sink(tmp_path / "b" / "%d.png", info=info(bit_depth=16))
    sink.write(frames([1000], dtype=np.uint16)[0])
    sink.finish()
    compare_videos([tmp_path / "a.mkv", tmp_path / "b"], tmp_path / "out.png")
    picture = read_image(tmp_path / "out.png")
    assert picture.dtype == np.uint16
    assert holds(picture, 100 * 257, 24, 32)
    assert holds(picture, 1000, 24, 32)


def test_what_does_not_match_is_said(clips, tmp_path):
    write(tmp_path / "short.mkv", frames([1, 2]))
    result = compare_videos([clips[0], tmp_path / "short.mkv"], tmp_path / "out.mkv")
    assert result.frames == 2
    assert result.notices == ("short.mkv ends at 0.08 s, before a.mkv: no more is shown",)


BAD = {
    "one input": (["a.mkv"], "out.mkv", {}, "two or more inputs, got 1"),
    "missing": (["a.mkv", "no.mkv"], "out.mkv", {}, "no.mkv: no such file"),
    "shapes": (["a.mkv", "wide.mkv"], "out.mkv", {}, "a.mkv has 32x24 .*wide.mkv 64x24: .* different shape"),
    "crop": (["a.mkv", "b.mkv"], "out.mkv", {"crops": (Crop(100, 90, 40, 40),)}, "does not lie in the picture"),
    "labels": (["a.mkv", "b.mkv"], "out.mkv", {"labels": ("x",)}, "1 labels for 2 inputs"),
    "profile": (["a.mkv", "b.mkv"], "out.mkv", {"view": "profile"}, "a profile is a picture"),
    "same": (["a.mkv", "b.mkv"], "b.mkv", {}, "output and input are the same file"),
    "ending": (["a.mkv", "b.mkv"], "out.jpg", {}, "out.jpg: names one image"),
    "strips": (["a.mkv", "a.mkv", "b.mkv"], "o.mkv", {"view": "wipe", "divider": 0.3}, "for two inputs, got 3"),
    "column": (["a.mkv", "b.mkv"], "o.png", {"view": "profile", "column": 128}, "column 128 .* 0 to 127"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_leaves_nothing(clips, tmp_path, case):
    names, output, options, words = BAD[case]
    write(tmp_path / "wide.mkv", frames([1], width=64))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(TcnetError, match=words):
        compare_videos(
            [tmp_path / name for name in names], tmp_path / output, options=CompareOptions(**options), overwrite=True
        )  # fmt: skip
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "options",
    [
        {"view": "x"}, {"zoom": 0}, {"divider": 0.5}, {"column": 3}, {"row": 3}, {"at": Fraction(-1)},
        {"end": Fraction(0)}, {"view": "profile", "crops": (Crop(0, 0, 9, 9), Crop(0, 0, 9, 9))},
    ],
)  # fmt: skip
def test_options_that_cannot_be(options):
    with pytest.raises(UsageError):
        CompareOptions(**options)


def test_a_slice_is_one_line():
    with pytest.raises(UsageError, match="exclude each other"):
        choose_slice(24, 32, column=1, row=1)
    assert str(choose_slice(24, 32)) == "column 16, rows 0 to 23"
    assert str(choose_slice(24, 32, row=5, crop=Crop(4, 0, 8, 8))) == "row 5, columns 4 to 11"
