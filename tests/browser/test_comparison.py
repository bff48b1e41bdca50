"""The comparison of original and result: divider, zoom, frames."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def tab(visit, done_job):
    tab = visit().tab
    tab.page.goto(f"{tab.address}#/job/{done_job}")
    tab.expect_frame(5)
    return tab


def divider(tab):
    return tab.page.get_by_role("slider", name="Divider")


def box(tab, selector):
    return tab.page.locator(selector).bounding_box()


def width_shown(tab):
    return box(tab, ".view[data-part=after] img")["width"]


def test_original_and_result_are_the_servers_pictures_in_the_same_place(tab):
    before, after = box(tab, "[data-part=before] img"), box(tab, "[data-part=after] img")
    assert before == after
    assert before["width"] / before["height"] == pytest.approx(256 / 192, rel=0.01)
    natural = "image => [image.naturalWidth, image.naturalHeight]"
    for side in ("before", "after"):
        assert tab.page.locator(f"[data-part={side}] img").evaluate(natural) == [256, 192]


def test_the_divider_moves_by_mouse_and_by_single_keys(tab):
    expect(divider(tab)).to_have_attribute("aria-valuenow", "50")
    stage = box(tab, ".stage")
    tab.page.mouse.move(stage["x"] + stage["width"] * 0.5, stage["y"] + 40)
    tab.page.mouse.down()
    tab.page.mouse.move(stage["x"] + stage["width"] * 0.25, stage["y"] + 40, steps=4)
    tab.page.mouse.up()
    expect(divider(tab)).to_have_attribute("aria-valuenow", "25")

    divider(tab).focus()
    tab.page.keyboard.press("ArrowRight")
    expect(divider(tab)).to_have_attribute("aria-valuenow", "27")
    tab.page.keyboard.press("End")
    expect(divider(tab)).to_have_attribute("aria-valuetext", "100 % original, 0 % result")
    tab.page.keyboard.press("PageDown")
    expect(divider(tab)).to_have_attribute("aria-valuenow", "90")
    tab.expect_frame(5)  # the keys are the divider's here


def test_frames_one_by_one_by_button_key_and_number(tab):
    tab.button("Next frame").click()
    tab.expect_frame(6)
    tab.page.get_by_role("heading", level=1).click()
    tab.page.keyboard.press("ArrowLeft")
    tab.page.keyboard.press("ArrowLeft")
    tab.expect_frame(4)
    number = tab.page.get_by_role("spinbutton", name="Frame")
    number.fill("8")
    number.press("Enter")
    tab.expect_frame(8)
    expect(tab.button("Next frame")).to_be_disabled()
    number.fill("9")
    number.press("Enter")
    expect(number).to_have_value("8")
    tab.page.get_by_role("slider", name="Frame").fill("1")
    tab.expect_frame(1)
    expect(tab.button("Previous frame")).to_be_disabled()


def test_zoom_shows_single_pixels_and_moves_within_the_picture(tab):
    stage = box(tab, ".stage")
    assert width_shown(tab) == pytest.approx(stage["width"], abs=1)
    tab.page.get_by_role("radio", name="1×").check()
    assert width_shown(tab) == pytest.approx(256)
    middle = box(tab, "[data-part=after] img")
    assert middle["x"] + 128 == pytest.approx(stage["x"] + stage["width"] / 2, abs=1)

    tab.page.get_by_role("heading", level=1).click()
    tab.page.keyboard.press("+")
    tab.page.keyboard.press("+")
    expect(tab.page.get_by_role("radio", name="4×")).to_be_checked()
    assert width_shown(tab) == pytest.approx(1024)

    before = box(tab, "[data-part=after] img")
    tab.page.keyboard.press("Shift+ArrowDown")
    moved = box(tab, "[data-part=after] img")
    assert moved["y"] == pytest.approx(before["y"] - 0.1 * stage["height"], abs=1)

    # Dragging moves the picture, and the divider stays.
    tab.page.mouse.move(stage["x"] + 100, stage["y"] + 100)
    tab.page.mouse.down()
    tab.page.mouse.move(stage["x"] + 130, stage["y"] + 120, steps=3)
    tab.page.mouse.up()
    dragged = box(tab, "[data-part=after] img")
    assert (dragged["x"], dragged["y"]) == (
        pytest.approx(moved["x"] + 30, abs=1),
        pytest.approx(moved["y"] + 20, abs=1),
    )
    assert box(tab, "[data-part=before] img") == dragged
    expect(divider(tab)).to_have_attribute("aria-valuenow", "50")

    # Never beyond its edge.
    for _ in range(20):
        tab.page.keyboard.press("Shift+ArrowLeft")
    assert box(tab, "[data-part=after] img")["x"] == pytest.approx(stage["x"], abs=1)


def test_the_handle_moves_the_divider_of_an_enlarged_picture(tab):
    tab.page.get_by_role("radio", name="4×").check()
    handle = box(tab, "[data-part=handle]")
    at = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    tab.page.mouse.move(*at)
    tab.page.mouse.down()
    tab.page.mouse.move(at[0] - 100, at[1], steps=3)
    tab.page.mouse.up()
    stage = box(tab, ".stage")
    expected = round(100 * (at[0] - 100 - stage["x"]) / stage["width"])
    assert int(divider(tab).get_attribute("aria-valuenow")) == pytest.approx(expected, abs=1)


def test_by_touch(visit, done_job):
    tab = visit(size=(360, 740), has_touch=True, is_mobile=True).tab
    tab.page.goto(f"{tab.address}#/job/{done_job}")
    tab.expect_frame(5)
    stage = box(tab, ".stage")
    swipe(tab, stage, 0.8, 0.3)
    expect(divider(tab)).to_have_attribute("aria-valuenow", "30")

    tab.page.get_by_role("radio", name="4×").check()
    tab.page.locator(".stage").scroll_into_view_if_needed()  # the choice lies below it
    stage = box(tab, ".stage")
    before = box(tab, "[data-part=after] img")["x"]
    swipe(tab, stage, 0.8, 0.6)
    tab.page.wait_for_function(  # moves are handled with the next frames
        "(x) => Math.abs(document.querySelector('[data-part=after] img').getBoundingClientRect().x - x) <= 2",
        arg=before - 0.2 * stage["width"],
    )
    expect(divider(tab)).to_have_attribute("aria-valuenow", "30")


def swipe(tab, stage, start, end):
    """One finger from one part of the stage's width to another, below the handle."""
    session = tab.page.context.new_cdp_session(tab.page)
    for step in range(11):
        share = start + (end - start) * step / 10
        point = {"x": stage["x"] + share * stage["width"], "y": stage["y"] + 0.8 * stage["height"]}
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_a_frame_that_cannot_be_read_is_said(visit, done_job):
    visitor = visit()
    visitor.expect_complaint("status of 404|ERR_FAILED")
    tab = visitor.tab
    tab.page.route("**/frames/5/after.png", lambda route: route.fulfill(status=404, body="{}"))
    tab.page.goto(f"{tab.address}#/job/{done_job}")
    tab.expect_frame(5)
    tab.button("Next frame").click()
    expect(tab.page.get_by_text("Frame 6 cannot be shown.")).to_be_visible()
    tab.button("Next frame").click()
    tab.expect_frame(7)
    expect(tab.page.get_by_text("Frame 6 cannot be shown.")).to_be_hidden()
