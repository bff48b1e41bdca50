"""A part of the video, chosen by handles on a bar or by numbers."""

import pytest
from browser_page import JOB_MS
from playwright.sync_api import expect
from test_access import violations

GREY = """(video) => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0);
  return context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data[0];
}"""


class Trim:
    def __init__(self, tab):
        self.tab = tab
        self.start = tab.page.get_by_role("slider", name="Beginning of the part")
        self.end = tab.page.get_by_role("slider", name="End of the part")
        self.first = tab.page.get_by_label("From second")
        self.last = tab.page.get_by_label("to second", exact=True)
        self.frames = tab.page.locator("[data-part=frames]")
        self.video = tab.page.locator("[data-part=trim-video]")

    def drag(self, handle, to):
        """The handle of a slider by the mouse, to a share of the bar."""
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        share = float(handle.input_value()) / float(handle.get_attribute("max"))
        x = [box["x"] + 10 + each * (box["width"] - 20) for each in (share, to)]
        y = box["y"] + box["height"] / 2
        mouse = self.tab.page.mouse
        mouse.move(x[0], y)
        mouse.down()
        mouse.move(x[1], y, steps=5)
        mouse.up()

    def expect_frame(self, number):
        """That the video stands on this frame of counted.mp4, by its grey."""
        self.video.evaluate("(video) => !video.seeking || new Promise((done) => video.onseeked = done)")
        assert abs(self.video.evaluate(GREY) - (5 * number + 20)) <= 2


@pytest.fixture
def trim(visit, material):
    """A planned video of 40 frames, 1.6 s, of which a part is to be chosen."""
    tab = visit().tab
    tab.choose_file(material / "counted.mp4")
    tab.expect_planned()
    tab.page.get_by_role("radio", name="Range").check()
    return Trim(tab)


def test_handles_and_fields_say_the_same(trim):
    expect(trim.video).to_be_visible()
    expect(trim.end).to_have_value("1.6")  # as the field
    trim.start.focus()
    for _ in range(21):
        trim.tab.page.keyboard.press("ArrowRight")
    expect(trim.first).to_have_value("0.21")
    expect(trim.start).to_have_attribute("aria-valuetext", "0.21 s")
    trim.expect_frame(5)
    expect(trim.frames).to_have_text("34", timeout=JOB_MS)
    trim.last.fill("1.4")
    expect(trim.end).to_have_value("1.4")
    trim.expect_frame(34)  # the last one that is taken
    expect(trim.tab.main()).to_contain_text("1.19 s of 1.6 s")
    expect(trim.frames).to_have_text("29", timeout=JOB_MS)
    assert violations(trim.tab) == []


def test_handles_are_dragged_and_do_not_pass_each_other(trim):
    trim.drag(trim.end, 0.5)
    expect(trim.last).to_have_value("0.8")
    trim.drag(trim.start, 0.25)
    expect(trim.first).to_have_value("0.4")
    trim.drag(trim.start, 0.9)
    expect(trim.first).to_have_value("0.79")
    trim.drag(trim.end, 1)
    expect(trim.last).to_have_value("1.6")
    trim.drag(trim.start, 1)  # to the end, where it can still be taken
    expect(trim.first).to_have_value("1.59")
    trim.drag(trim.start, 0)
    expect(trim.first).to_have_value("0")
    expect(trim.frames).to_have_text("40", timeout=JOB_MS)


def test_what_the_browser_cannot_decode_has_the_bar_alone(visit, material):
    tab = visit(size=(390, 844)).tab
    tab.choose_file(material / "clip.mkv")
    tab.expect_planned()
    tab.page.get_by_role("radio", name="Range").check()
    trim = Trim(tab)
    trim.end.focus()
    tab.page.keyboard.press("Home")
    expect(trim.last).to_have_value("0.01")
    expect(trim.video).to_be_hidden()
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
