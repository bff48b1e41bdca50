"""For everyone: assistive technology, keyboard alone, dark rooms, small screens; and nobody else."""

import re
from pathlib import Path

import pytest
from browser_page import JOB_MS
from playwright.sync_api import expect

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = (360, 740)


def violations(tab):
    """Of the rules that axe-core knows, WCAG 2.2 AA among them."""
    # Evaluated by the debugger: the page itself may not run what is not of its own host.
    tab.page.evaluate(AXE.read_text(encoding="utf-8"))
    found = tab.page.evaluate("axe.run().then((found) => found.violations)")
    return [f"{one['id']}: {[node['target'] for node in one['nodes']]}" for one in found]


@pytest.fixture(params=["light", "dark"])
def scheme(request):
    return request.param


@pytest.mark.parametrize("size", [(1280, 800), PHONE], ids=["desktop", "phone"])
def test_no_barriers_from_the_empty_page_to_the_result(visit, material, done_job, tmp_path, scheme, size):
    tab = visit(scheme=scheme, size=size).tab
    expect(tab.heading()).to_have_text("Upscale a video")
    assert violations(tab) == []
    expect_no_sideways_scrolling(tab)

    tab.choose_file(material / "clip.mkv")
    tab.expect_planned()
    tab.page.get_by_role("radio", name="Height").check()
    assert violations(tab) == []
    expect_no_sideways_scrolling(tab)
    tab.button("Delete").click()
    expect(tab.page.get_by_role("dialog")).to_be_visible()
    assert violations(tab) == []
    tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.page.get_by_role("dialog")).to_be_hidden()

    tab.page.goto(f"{tab.address}#/job/{done_job}")
    tab.expect_frame(5)
    assert violations(tab) == []
    expect_no_sideways_scrolling(tab)


def test_no_barriers_while_it_runs_and_when_it_is_refused(visit, material, tmp_path, scheme):
    tab = visit(scheme=scheme).tab
    tab.choose_file(material / "long.mkv")
    tab.expect_planned()
    tab.button("Start").click()
    expect(tab.page.get_by_alt_text("The newest frame")).to_be_visible(timeout=JOB_MS)
    assert violations(tab) == []
    tab.button("Cancel").click()
    expect(tab.button("Resume")).to_be_visible()
    assert violations(tab) == []

    file = tmp_path / "notes.txt"
    file.write_text("These are notes.")
    tab.choose_file(file, by="Add a video")
    expect(tab.page.get_by_role("heading", name="This cannot be upscaled")).to_be_visible(timeout=JOB_MS)
    assert violations(tab) == []


def expect_no_sideways_scrolling(tab):
    assert tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_by_keyboard_alone(visit, material):
    tab = visit().tab
    expect(tab.heading()).to_be_visible()
    tab_to(tab, "Choose a video")
    with tab.page.expect_file_chooser() as chooser:
        tab.page.keyboard.press("Enter")
    chooser.value.set_files(str(material / "clip.mkv"))
    tab.expect_planned()
    expect(tab.heading()).to_be_focused()
    tab_to(tab, re.compile("^× 4$"))
    tab.page.keyboard.press("ArrowLeft")
    expect(tab.page.get_by_role("radio", name="× 3")).to_be_checked()
    expect(tab.main()).to_contain_text("192 × 144", timeout=JOB_MS)
    tab.expect_planned()
    tab_to(tab, "Start")
    tab.page.keyboard.press("Enter")
    # The button is gone; what is read next is the video's name, not the page from its top.
    expect(tab.heading()).to_be_focused()
    tab.expect_done()
    tab_to(tab, re.compile("^Divider"))
    tab.page.keyboard.press("Home")
    expect(tab.page.get_by_role("slider", name="Divider")).to_have_attribute("aria-valuenow", "0")
    tab_to(tab, "Download")
    with tab.page.expect_download():
        tab.page.keyboard.press("Enter")


def tab_to(tab, name):
    """Presses Tab until the element of this name has the focus, which shows."""
    for _ in range(40):
        tab.page.keyboard.press("Tab")
        focused = tab.page.evaluate(
            """() => {
              const element = document.activeElement;
              const label = element.getAttribute("aria-label") ?? element.closest("label")?.innerText ?? element.innerText;
              return (label ?? "").trim();
            }"""
        )
        if name.search(focused) if hasattr(name, "search") else name == focused:
            assert tab.page.evaluate("document.activeElement.matches(':focus-visible')")
            return
    pytest.fail(f"Tab does not lead to {name!r}")


def test_progress_is_told_to_screen_readers_in_words_and_seldom(visit, material):
    tab = visit().tab
    tab.choose_file(material / "clip.mkv")
    tab.expect_planned()
    spoken = tab.page.locator("#announcer")
    expect(spoken).to_have_text(re.compile(r"^Plan: 256 × 192, About .* s$|less than a second$"))
    tab.button("Start").click()
    tab.expect_done()
    expect(spoken).to_have_text("clip.mkv is done")


def test_a_name_is_text_whatever_it_says(visit, material, tmp_path):
    name = "<img src=x onerror=alert(1)>&amp; “ü” 視頻.mkv"
    file = tmp_path / name
    file.write_bytes((material / "clip.mkv").read_bytes())
    visitor = visit(size=PHONE)
    visitor.tab.page.on("dialog", lambda dialog: pytest.fail("a script ran"))
    visitor.tab.choose_file(file)
    visitor.tab.expect_planned()
    expect(visitor.tab.heading()).to_have_text(name)
    assert visitor.tab.page.title().endswith(name)
    expect_no_sideways_scrolling(visitor.tab)
    visitor.tab.button("Delete").click()
    expect(visitor.tab.page.get_by_role("dialog")).to_contain_text(name)


def test_the_token_is_asked_for_once_and_remembered(visit, start_server, material):
    server = start_server("--token", "a-token-of-tests")
    visitor = visit(server.address)
    visitor.expect_complaint("status of 401")
    tab = visitor.tab
    dialog = tab.page.get_by_role("dialog", name="This server asks for its token")
    expect(dialog).to_be_visible()
    assert violations(tab) == []
    tab.page.keyboard.press("Escape")
    tab.page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Token").fill("not-the-token")
    dialog.get_by_role("button", name="Continue").click()
    expect(dialog.get_by_role("alert")).to_have_text("That is not the token of this server.")
    dialog.get_by_label("Token").fill("a-token-of-tests")
    dialog.get_by_label("Token").press("Enter")
    expect(dialog).to_be_hidden()
    tab.choose_file(material / "clip.mkv")
    tab.expect_planned()
    tab.page.reload()
    tab.expect_planned()
    expect(dialog).to_be_hidden()

    # The address that the server prints has the token in it, and the page takes it out.
    other = visit(server.address)
    other.expect_complaint("status of 401")
    other.tab.page.goto("about:blank")
    other.tab.page.goto(f"{server.address}#token=a-token-of-tests")
    expect(other.tab.heading()).to_have_text("Upscale a video")
    expect(other.tab.item("clip.mkv")).to_be_visible()
    assert "token" not in other.tab.page.url
