"""Tables, files and page of a small made-up result whose figures are known."""

import csv
import json
import math
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from skimage.io import imread

from tcnet.errors import MediaError
from tcnet.evaluation.report.curves import draw_curves, round_ticks
from tcnet.evaluation.report.html_page import render_html
from tcnet.evaluation.report.published import published_scores
from tcnet.evaluation.report.speed_plot import SpeedPoint, draw_speed_plot
from tcnet.evaluation.report.tables import (
    consistency_legend,
    consistency_table,
    means_table,
    published_table,
    summary_table,
)
from tcnet.evaluation.report.write_report import to_json, write_report
from tcnet.evaluation.result import ClipPictures, ClipScores, CropBox, EvaluationResult, ModelScores

RED = np.full((4, 6, 3), (200, 10, 20), dtype=np.uint8)


def model(name: str, gain: float) -> ModelScores:
    return ModelScores(
        name,
        {"weights": "none", "precision": "fp32"},
        (
            ClipScores("calendar", {"psnr": (20.0 + gain, 22.0 + gain), "ssim": (0.5, 0.7)}, seconds=1.0),
            ClipScores("city", {"psnr": (30.0 + gain,), "ssim": (0.9,)}, seconds=0.5),
        ),
    )


def result(*models: ModelScores) -> EvaluationResult:
    box = CropBox(frame=1, top=8, left=12, height=4, width=6)
    return EvaluationResult(
        protocol="vid4/BI/psnr-y,ssim-y/no-crop/all-frames/mean-of-frames-then-clips",
        set_name="vid4",
        degradation="BI",
        channel="y",
        metrics=("psnr", "ssim"),
        limit_frames=None,
        models=models or (model("bicubic", 0), model("tcnet-bi", 3.5)),
        pictures=(ClipPictures("calendar", box, (("ground truth", RED),)), ClipPictures("city", box, ())),
        environment={"tcnet": "1.2.3", "torch": "4.5.6"},
    )


class Page(HTMLParser):
    """Collects the tags, and checks that each is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_mean_is_over_frames_then_over_clips():
    bicubic = result().models[0]
    assert bicubic.mean("psnr") == pytest.approx((21 + 30) / 2)
    assert bicubic.mean_of_frames("psnr") == pytest.approx((20 + 22 + 30) / 3)
    assert bicubic.seconds_per_frame == pytest.approx(1.5 / 3)


def test_summary_has_clips_and_averages_with_differences_to_the_first_model():
    table = summary_table(result())
    assert table.header == ("psnr-y / ssim-y", "bicubic", "tcnet-bi")
    assert table.rows == (
        ("calendar", "21.00 / 0.6000", "24.50 / 0.6000 (+3.50 / +0.0000)"),
        ("city", "30.00 / 0.9000", "33.50 / 0.9000 (+3.50 / +0.0000)"),
        ("mean of clips", "25.50 / 0.7500", "29.00 / 0.7500 (+3.50 / +0.0000)"),
        ("mean of all frames", "24.00 / 0.7000", "27.50 / 0.7000 (+3.50 / +0.0000)"),
        ("seconds per frame", "0.500", "0.500"),
    )


def test_many_metrics_have_a_row_each():
    table = means_table(result())
    assert table.header == ("mean of clips", "bicubic", "tcnet-bi")
    assert table.rows == (
        ("psnr-y", "25.50", "29.00 (+3.50)"),
        ("ssim-y", "0.7500", "0.7500 (+0.0000)"),
        ("seconds per frame", "0.500", "0.500"),
    )


def test_the_difference_of_two_infinite_figures_is_a_dash():
    table = summary_table(result(model("a", math.inf), model("b", math.inf)))
    assert table.rows[0][2] == "inf / 0.6000 (– / +0.0000)"


def temporal(name: str, factor: float) -> ModelScores:
    clips = (
        ClipScores("calendar", {"tof": (math.nan, factor, 3 * factor), "flicker": (math.nan,) * 3}, 1.0),
        ClipScores("city", {"tof": (math.nan, 4 * factor), "flicker": (math.nan, factor)}, 1.0),
    )
    return ModelScores(name, {}, clips)


def test_lower_temporal_figures_are_called_better_and_missing_ones_are_left_out():
    measured = replace(
        result(temporal("a", 1.0), temporal("b", 0.5), temporal("c", 1.25)), metrics=("tof", "flicker")
    )
    table = consistency_table(measured)
    assert table is not None
    assert table.header[1:] == ("a", "b", "c")
    assert table.rows[0] == ("tof", "3.000", "1.500 (50.0 % better)", "3.750 (25.0 % worse)")
    assert [row[0] for row in consistency_table(measured, by_clip=False).rows] == ["tof", "flicker-y"]
    assert consistency_legend(measured).startswith("tof: tOF, pixels, lower is better; flicker-y: ")
    assert [cell.strip() for cell in table.rows[1]][:2] == ["calendar", "2.000"]
    assert table.rows[4][1:] == ("–", "–", "–")
    assert table.rows[5][1] == "1.000"
    assert summary_table(measured).rows == (("seconds per frame", "0.400", "0.400", "0.400"),)
    document = json.loads(to_json(measured))
    assert document["models"][0]["clips"][0]["frames"]["tof"] == [None, 1.0, 3.0]
    assert consistency_table(result()) is None
    Page(render_html(measured))


def test_figures_near_the_truths_show_the_difference_and_the_truth_has_the_last_column():
    def measures(name, warp, change, flicker=math.nan):
        frames = {
            "warp": (math.nan, warp, warp),
            "change": (math.nan, change, change),
            "flicker": (math.nan, flicker),
        }
        return ModelScores(name, {}, (ClipScores("calendar", frames, 1.0),))

    truth = ModelScores("ground truth", {}, (ClipScores("calendar", {"warp": (math.nan, 0.4)}, 0.0),))
    models = measures("a", 0.25, 0.3), measures("b", 1.0, 1.25)
    measured = replace(result(*models), metrics=("warp", "change", "flicker"), truth=truth)
    table = consistency_table(measured)
    assert table is not None
    assert table.header == ("metric", "a", "b", "ground truth")
    assert table.rows == (
        ("warp-rgb", "0.250 (-0.150)", "1.000 (+0.600)", "0.400"),
        ("change-y", "0.300 (-0.700)", "1.250 (+0.250)", "1.000"),
        ("flicker-y", "–", "–", ""),
    )
    assert "warping error, 1e-3, best near the truth's" in consistency_legend(measured)
    without = consistency_table(replace(measured, truth=None))
    assert without is not None
    assert without.rows[:2] == (
        ("warp-rgb", "0.250", "1.000"),
        ("change-y", "0.300 (-0.700)", "1.250 (+0.250)"),
    )
    assert json.loads(to_json(measured))["ground_truth"] == {"warp": pytest.approx(0.4)}
    assert json.loads(to_json(result()))["ground_truth"] == {}


def test_sets_of_thousands_show_their_averages_alone():
    many = tuple(ClipScores(f"{index:05d}", {"psnr": (30.0,), "ssim": (0.9,)}, 0.1) for index in range(41))
    table = summary_table(replace(result(ModelScores("a", {}, many)), pictures=()))
    assert [row[0] for row in table.rows] == ["mean of clips", "mean of all frames", "seconds per frame"]


def test_published_figures_stand_only_beside_their_own_protocol():
    table = published_table(result())
    assert table is not None
    assert table.header == ("published (PSNR / SSIM)", "mean")
    assert ("TCNet", "27.48 / 0.8380") in table.rows
    per_clip = published_table(replace(result(), degradation="BD"))
    assert per_clip is not None
    assert per_clip.header == ("published (PSNR / SSIM)", "calendar", "city", "mean")
    assert published_table(replace(result(), limit_frames=3)) is None
    assert published_table(replace(result(), set_name="folder")) is None


@pytest.mark.parametrize("line", published_scores("vid4", "BD"), ids=lambda line: line.method)
def test_published_averages_are_those_of_their_clips(line):
    # Catches slips in copying; the sources' own averages are within rounding, one of them (BasicVSR) too.
    clips = [figures for name, figures in line.figures.items() if name != "mean"]
    assert np.mean(clips, axis=0) == pytest.approx(line.figures["mean"], abs=0.0101)


def test_json_holds_every_frame_and_the_means():
    document = json.loads(to_json(result()))
    assert document["protocol"] == result().protocol
    assert [entry["name"] for entry in document["models"]] == ["bicubic", "tcnet-bi"]
    second = document["models"][1]
    assert second["clips"][0]["frames"]["psnr"] == [23.5, 25.5]
    assert second["mean"]["psnr"] == pytest.approx(29.0)
    assert second["description"] == {"weights": "none", "precision": "fp32"}
    assert document["environment"]["tcnet"] == "1.2.3"


def test_json_spells_infinity_as_a_string():
    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    document = json.loads(to_json(result(model("same", math.inf))), parse_constant=refuse)
    assert document["models"][0]["mean"]["psnr"] == "inf"


def test_write_report_makes_three_files_and_a_folder_and_leaves_nothing_else(tmp_path):
    out = tmp_path / "new" / "räport"
    paths = write_report(result(), out)
    names = ["images", "report.html", "results.csv", "results.json"]
    assert sorted(entry.name for entry in out.iterdir()) == names
    assert sorted(path.name for path in paths) == names[1:]
    pictures = ["calendar.crop.0-ground-truth.png", "calendar.figure.png"]
    assert sorted(entry.name for entry in (out / "images").iterdir()) == pictures
    with (out / "results.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["model", "clip", "frame", "psnr-y", "ssim-y"]
    assert rows[2] == ["bicubic", "calendar", "1", "22.0", "0.7"]
    assert len(rows) == 1 + 2 * 3


def test_write_report_replaces_an_earlier_report(tmp_path):
    write_report(result(), tmp_path)
    write_report(result(model("other", 1)), tmp_path)
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["models"][0]["name"] == "other"
    assert len(list(tmp_path.iterdir())) == 4


def test_pictures_stand_beside_the_page_and_old_ones_go(tmp_path):
    (tmp_path / "images").mkdir()
    for name in ("old.crop.0-x.png", "old.profile.0-x.png", "old.figure.png", "mine.png"):
        (tmp_path / "images" / name).touch()
    shown = ClipPictures("a/b", CropBox(0, 0, 0, 4, 6), (("x y", RED),), (("x y", RED[:, :2]),))
    scores = ClipScores("a/b", {"psnr": (20.0,), "ssim": (0.5,)}, seconds=1.0)
    write_report(replace(result(ModelScores("x y", {}, (scores,))), pictures=(shown,)), tmp_path)
    names = sorted(entry.name for entry in (tmp_path / "images").iterdir())
    assert names == ["a-b.crop.0-x-y.png", "a-b.figure.png", "a-b.profile.0-x-y.png", "mine.png"]
    np.testing.assert_array_equal(imread(tmp_path / "images" / names[2]), RED[:, :2])


def test_profiles_are_shown_with_what_they_show_but_not_of_one_frame():
    box = CropBox(0, 8, 12, 4, 6)
    shown = ClipPictures("city", box, (("truth", RED),), (("truth", RED[:, :2]),))
    text = render_html(replace(result(), pictures=(shown,)))
    assert "the column of pixels at x = 15, rows 8 to 11, over 2 frames" in text
    single = ClipPictures("city", box, (("truth", RED),), (("truth", RED[:, :1]),))
    assert "Temporal profile" not in render_html(replace(result(), pictures=(single,)))


def test_a_quick_look_is_marked_as_such():
    assert "do not follow the published protocol" not in render_html(result())
    assert "first 3 frames" in render_html(replace(result(), limit_frames=3))


def speed_points() -> list[SpeedPoint]:
    return [
        SpeedPoint("bicubic", 0.01, 23.8, None),
        SpeedPoint("small <s>", 0.2, 27.0, 1_000_000),
        SpeedPoint("large", 0.21, 27.01, 4_000_000),
        SpeedPoint("slow", 3.0, 27.0, 4_000_000),
    ]


def test_the_area_of_a_disc_is_the_number_of_parameters():
    drawing = ElementTree.fromstring(draw_speed_plot("psnr-y", speed_points()))
    radii = {circle.findtext("title"): float(circle.get("r", "")) for circle in drawing.findall("circle")}
    assert set(radii) == {"bicubic", "small <s> (1.0 M)", "large (4.0 M)", "slow (4.0 M)"}
    assert (radii["large (4.0 M)"] / radii["small <s> (1.0 M)"]) ** 2 == pytest.approx(4, rel=0.02)


def test_labels_of_the_speed_plot_lie_inside_and_not_on_each_other():
    points = [*speed_points(), SpeedPoint("slow, too", 3.1, 27.01, 3_500_000)]
    drawing = ElementTree.fromstring(draw_speed_plot("psnr-y", points))
    boxes = []
    for circle in drawing.findall("circle"):
        x, y, radius = (float(circle.get(key, "")) for key in ("cx", "cy", "r"))
        boxes.append((x - radius, y - radius, x + radius, y + radius))
        title = circle.findtext("title")
        text = next(found for found in drawing.findall("text") if found.text == title)
        left, baseline = float(text.get("x", "")), float(text.get("y", ""))
        boxes.append((left, baseline - 9, left + 6.6 * len(title), baseline + 2))
        assert left >= 0
        assert boxes[-1][2] <= 760
    labels = boxes[1::2]
    assert len(labels) == 5
    for label in labels:
        for other in boxes:
            apart = (
                label[2] <= other[0] or other[2] <= label[0] or label[3] <= other[1] or other[3] <= label[1]
            )
            assert apart or label is other, (label, other)


def test_the_speed_plot_needs_two_models_with_figures():
    assert draw_speed_plot("psnr-y", speed_points()[:1]) == ""
    assert draw_speed_plot("psnr-y", [SpeedPoint("a", 1, math.inf, None), *speed_points()[:1]]) == ""


def test_write_report_says_where_it_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match=r"file: .*exists"):
        write_report(result(), tmp_path / "file")


def test_the_page_is_whole_and_loads_nothing():
    page = Page(render_html(result()))
    tags = [tag for tag, _ in page.seen]
    assert "script" not in tags
    assert "link" not in tags
    sources = [attributes["src"] for _, attributes in page.seen if "src" in attributes]
    assert len(sources) == 1
    assert sources[0] is not None
    assert sources[0].startswith("data:image/png;base64,")
    assert tags.count("svg") == 2  # the curves of the clip with two frames, speed against quality


def test_the_curves_are_well_formed_svg():
    page = render_html(result(model("<a&b>", 0), model("b", 1)))
    drawings = [d for d in re.findall(r"<svg.*?</svg>", page, re.DOTALL) if "<circle" not in d]
    assert len(drawings) == 1
    for drawing in drawings:
        lines = [
            path for path in ElementTree.fromstring(drawing).findall("path") if path.get("fill") == "none"
        ]
        assert [line.findtext("title") for line in lines] == ["<a&b>", "b"]


def test_names_in_the_page_are_escaped():
    text = render_html(result(model("<script>alert(1)</script>", 0), model('a"b & c', 1)))
    Page(text)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_crop_in_the_page_is_the_given_picture(tmp_path):
    found = re.search(r"base64,([A-Za-z0-9+/=]+)", render_html(result()))
    assert found is not None
    path = tmp_path / "crop.png"
    path.write_bytes(b64decode(found[1]))
    np.testing.assert_array_equal(imread(path), RED)


@pytest.mark.parametrize(
    ("low", "high"), [(20.2, 31.7), (0, 1), (27.481, 27.483), (5, 5), (-3, 250), (9.99, 60)]
)
def test_ticks_are_few_even_and_enclose(low, high):
    ticks = round_ticks(low, high)
    assert 3 <= len(ticks) <= 7
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert np.ptp(np.diff(ticks)) == pytest.approx(0, abs=1e-9)


def test_curves_run_from_edge_to_edge_and_leave_a_gap_at_infinity():
    drawn = draw_curves("psnr-y", [("a", (20.0, 30.0, math.inf, 20.0, 30.0))])
    path = re.search(r'<path d="([^"]+)" fill="none"', drawn)
    assert path is not None
    assert path[1] == "M52.0 204.0h0L226.0 10.0M574.0 204.0h0L748.0 10.0"
    assert "<svg" not in draw_curves("psnr-y", [("a", (math.inf,))])
    assert draw_curves("psnr-y", [("a", (25.0,))]).count("M400.0 ") == 1
