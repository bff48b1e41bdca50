"""Original and result as they play."""

import re

import pytest
from playwright.sync_api import expect

WATCH = """
() => {
  window.shown = [];
  const read = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const grey = (canvas) => {
    read.drawImage(canvas, 0, 0, 1, 1);
    return read.getImageData(0, 0, 1, 1).data[1];
  };
  const look = () => {
    const pair = [...document.querySelectorAll(".view canvas")];
    if (pair.length === 2) {
      window.shown.push(pair.map(grey));
    }
    requestAnimationFrame(look);
  };
  look();
}
"""


@pytest.fixture(scope="module", params=["mp4", "mkv"])
def counted_job(request, server, material, tmp_path_factory):
    """A job whose input and result browsers play."""
    path = material / "counted.mp4"
    if request.param == "mkv":
        from tcnet.video import VideoReader, open_sink

        path = tmp_path_factory.mktemp("mkv") / "counted.mkv"
        with VideoReader(material / "counted.mp4") as reader:
            sink = open_sink(path, info=reader.info)
            for frame in reader:
                sink.write(frame)
            sink.finish()
    return server.run_job(path, model="tcnet-lite")


def open_job(visit, job, **options):
    visitor = visit(**options)
    visitor.tab.page.goto(f"{visitor.tab.address}#/job/{job}")
    return visitor.tab


def number_field(tab):
    return tab.page.get_by_role("spinbutton", name="Frame")


def show(tab, number):
    field = number_field(tab)
    field.fill(str(number))
    field.press("Enter")
    tab.expect_frame(number)


@pytest.mark.parametrize("speed", ["¼", "Full"])
def test_both_sides_show_the_same_frame(visit, counted_job, speed):
    """Read off the pictures themselves, each time that the page is drawn."""
    tab = open_job(visit, counted_job)
    tab.expect_frame(21)
    show(tab, 1)
    tab.page.evaluate(WATCH)
    tab.page.get_by_role("radio", name=f"{speed} speed").check()
    tab.button("Play").click()
    expect(tab.button("Play")).to_be_visible()  # at the end
    tab.expect_frame(40)
    numbers = [[round((grey - 20) / 5) for grey in pair] for pair in tab.page.evaluate("window.shown")]
    assert [pair for pair in numbers if pair[0] != pair[1]] == []
    firsts = [pair[0] for pair in numbers]
    assert firsts == sorted(firsts)
    assert len(set(firsts)) >= (30 if speed == "¼" else 10)
    assert tab.page.locator("[data-part=note]").inner_text() == ""


def test_a_part_plays_in_step_to_its_end(visit, server, material):
    """Of a longer original."""
    tab = open_job(visit, server.run_job(material / "counted.mp4", model="tcnet-lite", start=0.4, end=1.2))
    tab.expect_frame(11)
    show(tab, 1)
    tab.page.evaluate(WATCH)
    tab.page.get_by_role("radio", name="¼ speed").check()
    tab.button("Play").click()
    expect(tab.button("Play")).to_be_visible()
    tab.expect_frame(20)
    numbers = [[round((grey - 20) / 5) for grey in pair] for pair in tab.page.evaluate("window.shown")]
    assert [pair for pair in numbers if pair[0] != pair[1]] == []
    assert {pair[0] for pair in numbers} <= set(range(10, 30))


def test_pause_stops_on_the_frame_that_is_shown(visit, counted_job):
    tab = open_job(visit, counted_job)
    tab.expect_frame(21)
    show(tab, 1)
    tab.page.get_by_role("radio", name="¼ speed").check()
    tab.page.get_by_role("heading", level=1).click()
    tab.page.keyboard.press("Space")
    expect(number_field(tab)).to_have_value(re.compile(r"^([6-9]|[1-3]\d)$"))
    tab.button("Pause").click()
    number = int(number_field(tab).input_value())
    assert 5 < number < 40
    tab.expect_frame(number)  # the server's pictures, at once in both
    tab.button("Next frame").click()
    tab.expect_frame(number + 1)


def test_loop_begins_again_until_it_is_paused(visit, counted_job):
    tab = open_job(visit, counted_job)
    tab.expect_frame(21)
    show(tab, 36)
    tab.page.get_by_role("checkbox", name="Loop").check()
    tab.button("Play").click()
    expect(number_field(tab)).to_have_value(re.compile(r"^1?\d$"))
    expect(tab.button("Pause")).to_be_visible()
    tab.button("Pause").click()
    expect(tab.button("Play")).to_be_visible()


def test_what_the_browser_cannot_play_is_shown_frame_by_frame(visit, done_job):
    """FFV1."""
    tab = open_job(visit, done_job)
    tab.expect_frame(5)
    tab.button("Play").click()
    expect(tab.page.get_by_text("This browser cannot play the original or the result")).to_be_visible()
    tab.expect_frame(8)
    expect(tab.button("Play")).to_be_visible()
    tab.button("Play").click()  # from the first
    expect(tab.button("Pause")).to_be_visible()
    tab.expect_frame(8)
