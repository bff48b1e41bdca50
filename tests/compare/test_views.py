from fractions import Fraction

import numpy as np
import pytest
from compare_clips import boxes

from tcnet.compare.sheet import COLORS, GAP, Cell, arrange, draw_frame, enlarge, lay_out
from tcnet.compare.views import Crop, Difference, Panel, SideBySide, Wipe
from tcnet.errors import UsageError


def flat(level, height=60, width=100, dtype=np.uint8):
    return np.full((height, width, 3), level, dtype)


def test_side_by_side_shows_all_as_they_are():
    pictures = [flat(10), flat(20)]
    panels = SideBySide(("a", "b")).panels(pictures, Fraction(0))
    assert [panel.caption for panel in panels] == ["a", "b"]
    assert all(panel.picture is picture for panel, picture in zip(panels, pictures, strict=True))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_difference_is_absolute_enlarged_and_clipped(dtype):
    first, darker, far = flat(100, dtype=dtype), flat(97, dtype=dtype), flat(0, dtype=dtype)
    panels = Difference(("a", "b", "c"), 4).panels([first, darker, far], Fraction(0))
    assert [int(panel.picture[0, 0, 0]) for panel in panels] == [12, min(400, np.iinfo(dtype).max)]
    assert panels[0].caption == "difference ×4: b − a"
    assert panels[0].picture.dtype == dtype
    assert first.max() == 100  # unchanged


def test_a_wipe_with_a_divider_in_place():
    panel = Wipe(("a", "b"), 0.25).panels([flat(10), flat(200)], Fraction(0))[0]
    assert panel.picture[40, 5, 0] == 10
    assert panel.picture[40, 60, 0] == 200
    assert panel.picture[40, 25, 0] == 255  # the divider


def test_a_moving_divider_goes_there_and_back():
    def seen(seconds):
        picture = Wipe(("a", "b"), None).panels([flat(10), flat(200)], Fraction(seconds))[0].picture
        return int((picture[50, :, 0] == 10).sum())

    assert seen(0) < 10 < 40 < seen(1) < 60 < 90 < seen(2)
    assert seen(3) == seen(1)
    assert seen(4) == seen(0)


def test_more_videos_have_equal_strips():
    pictures = [flat(level) for level in (10, 100, 200)]
    picture = Wipe(("a", "b", "c"), None).panels(pictures, Fraction(1))[0].picture
    assert [int(picture[50, x, 0]) for x in (10, 50, 90)] == [10, 100, 200]
    assert pictures[0].max() == 10


def test_the_names_are_on_their_strips():
    panel = Wipe(("left", "right"), 0.5).panels([flat(90), flat(90)], Fraction(0))[0]
    for part in (panel.picture[:20, :40], panel.picture[:20, 60:]):
        assert part.min() == 30  # the ground of the letters
        assert part.max() > 200
    assert panel.picture[25:, :45].max() == 90


@pytest.mark.parametrize(
    "make",
    [
        lambda: Crop(-1, 0, 9, 9), lambda: Crop(0, 0, 1, 9), lambda: Crop(90, 0, 20, 9).check(60, 100),
        lambda: Crop(0, 55, 9, 9).check(60, 100), lambda: Wipe(("a", "b"), 1.5), lambda: Difference(("a", "b"), 0),
    ],
)  # fmt: skip
def test_what_cannot_be(make):
    with pytest.raises(UsageError):
        make()


def test_crops_and_enlargement_keep_pixels():
    picture = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)
    cut = Crop(2, 1, 4, 3).cut(picture)
    assert np.array_equal(cut, picture[1:4, 2:6])
    large = enlarge(cut, 3)
    assert large.shape == (9, 12, 3)
    assert np.array_equal(large[1::3, 1::3], cut)


def test_a_sheet_holds_every_pixel_of_its_panels_apart():
    rows = [[Cell(Panel("a", flat(101))), Cell(Panel("b", flat(102)))], [Cell(Panel("", flat(103))), Cell(Panel("", flat(104)))]]  # fmt: skip
    sheet = lay_out(rows, "foot")
    assert sheet.shape[0] % 2 == sheet.shape[1] % 2 == 0
    places = [boxes(sheet, level, 60, 100) for level in (101, 102, 103, 104)]
    assert [len(place) for place in places] == [1, 1, 1, 1]
    (top, left), (_, right), (low, _), _ = (place[0] for place in places)
    assert right - left == 100 + GAP
    assert low - top == 60 + GAP  # no captions in the second row, no room for them


def test_captions_and_foot_are_there():
    sheet = lay_out([[Cell(Panel("caption", flat(100)))]], "foot")
    assert sheet[:20].max() > 200
    assert sheet[-20:].max() > 120
    assert lay_out([[Cell(Panel("", flat(100)))]], "")[:20].max() == 100


def test_an_overview_is_shrunk_to_the_height_of_the_rows():
    sheet = lay_out([[Cell(Panel("a", flat(100)), COLORS[0])]], "", overview=flat(200, 240, 400))
    ((top, left),) = boxes(sheet, 200, 60, 100)
    assert left == GAP
    assert boxes(sheet, 100, 60, 100) == [(top, left + 100 + GAP)]
    red = (sheet[..., 0] > 200) & (sheet[..., 1] < 80)
    assert red.any()


def test_too_large_a_sheet():
    with pytest.raises(UsageError, match="more than 16384 a side"):
        lay_out([[Cell(Panel("a", np.zeros((2, 16384, 3), np.uint8)))]], "")


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (6, 3)])
def test_panels_are_arranged_like_a_screen(count, columns):
    rows = arrange([Panel("x", flat(9, 90, 120)) for _ in range(count)])
    assert len(rows[0]) == columns
    assert sum(bool(cell.panel.caption) for row in rows for cell in row) == count
    assert {len(row) for row in rows} == {columns}


def test_a_frame_is_drawn_around():
    picture = flat(50)
    draw_frame(picture, (10, 10, 5, 5), (1, 0, 0), 2)
    assert (picture[10:15, 10:15] == 50).all()
    assert tuple(picture[8, 8]) == (255, 0, 0)
    assert picture[7, 7, 0] == 50
    draw_frame(picture, (0, 0, 60, 100), (1, 0, 0), 2)  # no room around it
