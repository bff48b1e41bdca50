"""The figure of a clip: the frame with its place marked, and the crops enlarged beside it."""

import numpy as np
import pytest

from tcnet.errors import UsageError
from tcnet.evaluation import evaluate
from tcnet.evaluation.crops import parse_crop
from tcnet.evaluation.methods.method import BicubicUpscaler, LanczosUpscaler
from tcnet.evaluation.report.crop_figure import BAND, GAP, LINE, MARK, ZOOM, draw_figure, mark_place
from tcnet.evaluation.report.write_report import figure_captions, write_report
from tcnet.evaluation.result import ClipPictures, CropBox
from tcnet.video import read_image, write_png

BOX = CropBox(frame=0, top=30, left=40, height=32, width=48)
COLORS = [(200, 10, 20), (10, 200, 20), (10, 20, 200), (120, 120, 120)]


def crops(count: int):
    return tuple((f"version {i}", np.full((32, 48, 3), COLORS[i], np.uint8)) for i in range(count))


def frame():
    return np.full((120, 160, 3), 90, np.uint8)


@pytest.mark.parametrize(("count", "columns", "rows"), [(4, 2, 2), (3, 2, 2), (2, 1, 2), (1, 1, 1)])
def test_crops_stand_enlarged_in_two_rows_with_captions_below(count, columns, rows):
    shown = ClipPictures("clip", BOX, crops(count))
    figure = draw_figure(shown, [f"version {i}, 2{i}.00 dB" for i in range(count)], "clip, frame 0")
    height, width = 32 * ZOOM, 48 * ZOOM
    assert figure.shape == (GAP + rows * (height + BAND), GAP + columns * (width + GAP), 3)
    for index in range(count):
        row, column = divmod(index, columns)
        top, left = GAP + row * (height + BAND), GAP + column * (width + GAP)
        assert (figure[top : top + height, left : left + width] == COLORS[index]).all()
        below = figure[top + height : top + height + BAND, left : left + width]
        assert below.min() < 60  # letters, dark
        assert (below == 255).mean() > 0.5  # on white
    assert (figure[:GAP] == 255).all()
    assert (figure[:, :GAP] == 255).all()


def test_the_frame_stands_on_the_left_as_high_as_the_crops_with_its_place_marked():
    shown = ClipPictures("clip", BOX, crops(4), overview=frame())
    figure = draw_figure(shown, [""] * 4, "clip, frame 0")
    inside = 2 * 32 * ZOOM + BAND
    wide = round(160 * inside / 120)
    assert figure.shape[1] == GAP + wide + GAP + 2 * (48 * ZOOM + GAP)
    left_part = figure[GAP : GAP + inside, GAP : GAP + wide]
    assert (left_part[0, 0] == 90).all()
    assert ((left_part == MARK).all(axis=2)).any()


def test_the_mark_surrounds_the_place_and_does_not_cover_it():
    marked = mark_place(frame(), BOX, 240)  # twice as large
    red = (marked == MARK).all(axis=2)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert (rows[0], rows[-1] + 1) == (60 - LINE, 124 + LINE)
    assert (columns[0], columns[-1] + 1) == (80 - LINE, 176 + LINE)
    assert not red[60:124, 80:176].any()
    assert (marked[60:124, 80:176] == 90).all()


def test_a_place_at_the_edge_is_marked_inside():
    marked = mark_place(frame(), CropBox(0, 60, 0, 60, 160), 60)
    assert marked.shape == (60, 80, 3)
    red = (marked == MARK).all(axis=2)
    assert red[30 - LINE : 30].all()
    assert red[60 - LINE :].all()
    assert red[30:, :LINE].all()
    assert red[30:, 80 - LINE :].all()
    assert not red[: 30 - LINE].any()
    assert (marked[30 : 60 - LINE, LINE : 80 - LINE] == 90).all()


def test_a_place_is_written_as_clip_and_numbers():
    assert parse_crop("city=17,480,100,96,64") == (
        "city",
        CropBox(17, top=100, left=480, height=64, width=96),
    )
    assert parse_crop("a=b=0,0,0,8,8")[0] == "a=b"
    for wrong in ("city", "city=1,2,3,4", "=1,2,3,4,5", "city=1,2,3,4,-5", "city=1,2,3,4,x"):
        with pytest.raises(UsageError, match="write CLIP=FRAME,LEFT,TOP,WIDTH,HEIGHT"):
            parse_crop(wrong)


def test_an_evaluation_writes_it_under_a_name_that_stays(tmp_path):
    (tmp_path / "data" / "river").mkdir(parents=True)
    generator = np.random.default_rng(3)
    for index in range(3):
        pixels = generator.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        write_png(tmp_path / "data" / "river" / f"{index}.png", pixels)
    models = [BicubicUpscaler(), LanczosUpscaler()]
    options = {"metrics": ["tgrad", "psnr"], "journal": tmp_path / "out" / "journal.jsonl"}
    result = evaluate("folder", tmp_path / "data", "BI", models, **options)
    captions, overview = figure_captions(result, result.pictures[0])
    decibel = [model.clips[0].frames["psnr"][1] for model in result.models]
    assert captions == [f"bicubic, {decibel[0]:.2f} dB", f"lanczos, {decibel[1]:.2f} dB", "ground truth"]
    assert overview == "river, frame 1"
    write_report(result, tmp_path / "out")
    first = read_image(tmp_path / "out" / "images" / "river.figure.png")
    np.testing.assert_array_equal(
        result.pictures[0].overview, read_image(tmp_path / "data" / "river" / "1.png")
    )

    # The same from the journal, without measuring anything.
    again = evaluate("folder", tmp_path / "data", "BI", models, **options)
    write_report(again, tmp_path / "out")
    np.testing.assert_array_equal(read_image(tmp_path / "out" / "images" / "river.figure.png"), first)
    assert "the place in the frame" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
