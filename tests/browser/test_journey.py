"""From a file to a better file, as somebody does it."""

import re

from browser_page import JOB_MS
from playwright.sync_api import expect

from tcnet.video import VideoReader


def test_choose_plan_start_watch_compare_download(visit, own, tmp_path):
    tab = visit().tab
    expect(tab.heading()).to_have_text("Upscale a video")
    tab.choose_file(own("clip.mkv", "holiday.mkv"))

    # The plan comes first, and follows the choices.
    expect(tab.heading()).to_have_text("holiday.mkv")
    tab.expect_planned()
    expect(tab.main()).to_contain_text("64 × 48 · 0:00 · 25 frames/s · FFV1")
    expect(tab.main()).to_contain_text("256 × 192")
    tab.page.get_by_role("radio", name="tiny-too").check()
    tab.page.get_by_role("radio", name="× 2").check()
    expect(tab.main()).to_contain_text("128 × 96", timeout=JOB_MS)
    tab.page.get_by_role("radio", name="Height").check()
    tab.page.get_by_label("Height in pixels").fill("144")
    expect(tab.main()).to_contain_text("192 × 144", timeout=JOB_MS)
    tab.expect_planned()
    expect(tab.page.get_by_role("radio", name="tiny-too")).to_be_checked()
    expect(tab.main()).to_contain_text(re.compile(r"About (\d+ s|less than a second)"))

    tab.button("Start").click()
    expect(tab.button("Cancel")).to_be_visible()
    expect(tab.item("holiday.mkv")).to_contain_text(re.compile("Running|Next in the queue"))
    tab.expect_done()

    # In the middle of the video, original beside result.
    tab.expect_frame(5)
    expect(tab.main()).to_contain_text("192 × 144")

    with tab.page.expect_download() as download:
        tab.page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "holiday.144p.mkv"
    path = tmp_path / "result.mkv"
    download.value.save_as(path)
    with VideoReader(path) as result:
        assert (result.info.width, result.info.height) == (192, 144)
        assert len(list(result)) == 8


def test_a_size_that_cannot_be_is_refused_with_others_to_choose(visit, material):
    """As it happens with the choice of the last video."""
    tab = visit(remembers={"model": "tiny", "height": 400}).tab
    tab.choose_file(material / "clip.mkv")
    problem = tab.page.get_by_role("group", name="Size").get_by_role("alert")
    expect(problem).to_have_text("400 is too high: this video can have at most 192 lines.", timeout=JOB_MS)
    expect(tab.main()).to_contain_text("Not possible")
    expect(tab.button("Start")).to_be_disabled()
    tab.page.get_by_role("radio", name="× 2").check()
    tab.expect_planned()
    expect(tab.main()).to_contain_text("128 × 96")
    expect(tab.main()).not_to_contain_text("Not possible")

    # Refused while it is typed: the plan before it is taken back.
    tab.page.get_by_role("radio", name="Height").check()
    field = tab.page.get_by_label("Height in pixels")
    for height, reason in {"145": "not even; the nearest are 144 and 146", "": "Type a height"}.items():
        field.fill(height)
        expect(problem).to_contain_text(reason)
        expect(tab.main().get_by_text("128 × 96")).to_be_hidden()
        expect(tab.main()).to_contain_text("Not possible")
        expect(tab.button("Start")).to_be_disabled()
    field.fill("144")
    expect(problem).to_be_hidden()
    expect(tab.main()).to_contain_text("192 × 144", timeout=JOB_MS)


def test_refused_files_are_removed_at_once_and_their_address_says_so(visit, start_server, tmp_path):
    visitor = visit(start_server().address)  # where no other test's files are
    tab = visitor.tab
    for name in ("diary.mp4", "letter.mp4"):
        (tmp_path / name).write_text("Dear diary, " * 50)
    tab.choose_file(tmp_path / "diary.mp4", tmp_path / "letter.mp4")
    expect(tab.heading()).to_have_text("diary.mp4")
    expect(tab.item("letter.mp4")).to_contain_text("Not possible", timeout=JOB_MS)
    job = tab.job_id()
    tab.button("Remove 2 refused files").click()
    expect(tab.item("diary.mp4")).to_have_count(0)
    expect(tab.item("letter.mp4")).to_have_count(0)
    expect(tab.heading()).to_have_text("Upscale a video")
    expect(tab.page.get_by_role("alert").filter(visible=True)).to_have_count(0)

    for other in (tab, visitor.open(f"#/job/{job}")):
        other.page.goto(f"{tab.address}#/job/{job}")
        expect(other.page.get_by_text("The video of this address is not here any more")).to_be_visible()
        expect(other.heading()).to_have_text("Upscale a video")


def test_a_few_seconds_first_then_the_whole_video(visit, own):
    visitor = visit()
    visitor.context.route("**/js/job/plan_view.js", hours_are_milliseconds)
    tab = visitor.open()
    tab.choose_file(own("long.mkv", "journey.mkv"))
    start = tab.button("Start anyway")
    frames = tab.page.locator("[data-part=frames]")
    expect(start).to_be_enabled(timeout=JOB_MS)
    expect(tab.main()).to_contain_text("This takes over an hour. Try a few seconds first.")
    expect(frames).to_have_text("600")
    tab.button("First 3 seconds").click()
    expect(frames).to_have_text("75", timeout=JOB_MS)
    expect(tab.page.get_by_role("radio", name="First 3 s")).to_be_checked()

    tab.page.get_by_role("radio", name="Range").check()
    first, last = tab.page.get_by_label("From second"), tab.page.get_by_label("to second", exact=True)
    first.fill("4")
    last.fill("3")
    expect(tab.page.get_by_text("The end must be after the beginning.")).to_be_visible()
    expect(tab.button("Start")).to_be_disabled()
    last.fill("4.2")
    expect(frames).to_have_text("5", timeout=JOB_MS)
    expect(start).to_be_enabled(timeout=JOB_MS)
    start.click()
    tab.expect_done()
    tab.expect_frame(3)

    tab.button("Upscale the whole video").click()
    expect(frames).to_have_text("600", timeout=JOB_MS)
    expect(tab.page.get_by_role("radio", name="Whole video")).to_be_checked()


def hours_are_milliseconds(route):
    """Warns of plans that take longer than a millisecond."""
    answer = route.fetch()
    assert "LONG_SECONDS = 3600;" in answer.text()
    route.fulfill(
        response=answer, body=answer.text().replace("LONG_SECONDS = 3600;", "LONG_SECONDS = 0.001;")
    )


def test_on_a_phone_the_choices_are_above_start(visit, material):
    tab = visit(size=(390, 844)).tab
    tab.choose_file(material / "clip.mkv")
    tab.expect_planned()
    choices = tab.page.get_by_role("group", name="Model").bounding_box()
    start = tab.button("Start").bounding_box()
    assert choices["y"] + choices["height"] <= start["y"]
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_running_job_survives_a_reload_is_cancelled_and_resumed(visit, own):
    tab = visit().tab
    tab.choose_file(own("long.mkv", "concert.mkv"))
    tab.expect_planned()
    expect(tab.main()).to_contain_text("About")
    tab.button("Start").click()
    picture = tab.page.get_by_alt_text("The newest frame")
    expect(picture).to_be_visible(timeout=JOB_MS)
    expect(tab.main()).to_contain_text(re.compile(r"\d+ of 600"))
    expect(tab.main()).to_contain_text(re.compile(r"frames/s"))

    tab.page.reload()
    expect(tab.heading()).to_have_text("concert.mkv")
    expect(picture).to_be_visible(timeout=JOB_MS)
    assert re.match(r"Running · \d+ % – concert.mkv", tab.page.title())

    tab.button("Cancel").click()
    expect(tab.main()).to_contain_text(re.compile(r"Cancelled at \d+ %"))
    expect(tab.item("concert.mkv")).to_contain_text("Cancelled")
    stopped = frames_done(tab)
    tab.page.reload()
    expect(tab.button("Resume")).to_be_visible()

    tab.button("Resume").click()
    expect(tab.button("Cancel")).to_be_visible()
    expect(tab.main()).to_contain_text(re.compile(r"frames/s"), timeout=JOB_MS)
    assert frames_done(tab) >= stopped - 60, "what was done is not done again"

    # Deleting asks first.
    tab.button("Delete").click()
    question = tab.page.get_by_role("dialog")
    expect(question).to_contain_text("Delete concert.mkv?")
    question.get_by_role("button", name="Keep it").click()
    expect(tab.heading()).to_have_text("concert.mkv")
    tab.button("Delete").click()
    question.get_by_role("button", name="Delete").click()
    expect(tab.heading()).to_have_text("Upscale a video")
    expect(tab.item("concert.mkv")).to_have_count(0)


def frames_done(tab):
    return int(re.search(r"(\d+) of 600", tab.main().inner_text()).group(1))


def test_two_tabs_show_the_same(visit, material):
    visitor = visit()
    first, second = visitor.tab, visitor.open()
    first.choose_file(material / "clip.mkv")
    first.expect_planned()
    job = first.job_id()
    entry = second.page.locator(f"a[href='#/job/{job}']")
    expect(entry).to_contain_text("Ready to start")
    entry.click()
    second.expect_planned()

    # A choice in one tab shows in the other, and so does the work.
    first.page.get_by_role("radio", name="× 3").check()
    expect(second.main()).to_contain_text("192 × 144", timeout=JOB_MS)
    expect(second.page.get_by_role("radio", name="× 3")).to_be_checked()
    second.button("Start").click()
    expect(first.button("Cancel")).to_be_visible()
    first.expect_done()
    second.expect_done()

    first.button("Delete").click()
    first.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(second.heading()).to_have_text("Upscale a video")


def test_a_tab_in_the_background_gives_its_connection_back(visit, own, server, done_job):
    """Browsers allow six to a server, for all tabs together."""
    visitor = visit()
    visitor.context.add_init_script(
        "Object.defineProperty(document, 'hidden', { get: () => sessionStorage.hidden === 'yes' })"
    )
    tab = visitor.open()
    tab.page.evaluate("sessionStorage.hidden = 'yes'")
    with tab.page.expect_event("requestfailed", lambda request: request.url.endswith("/api/events")):
        tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    job = server.run_job(own("clip.mkv", "meanwhile.mkv"))
    expect(tab.item("meanwhile.mkv")).to_contain_text("Done")
    tab.page.evaluate("delete sessionStorage.hidden")
    with tab.page.expect_request("**/api/events"):
        tab.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    server.request("DELETE", f"jobs/{job}")
    expect(tab.item("meanwhile.mkv")).to_have_count(0)


def test_who_looks_elsewhere_is_told_when_it_is_done(visit, own, server):
    visitor = visit()
    visitor.context.add_init_script("""
        Object.defineProperty(document, 'hidden', { get: () => window.away === true });
        window.told = [];
        window.Notification = class extends EventTarget {
          static permission = "default";
          static async requestPermission() { Notification.permission = "granted"; }
          constructor(title) { super(); window.told.push(title); }
        };
    """)
    tab = visitor.open()
    tab.choose_file(own("long.mkv", "evening.mkv"))
    tab.expect_planned()
    tab.page.get_by_role("radio", name="First 3 s").check()
    expect(tab.page.locator("[data-part=frames]")).to_have_text("75", timeout=JOB_MS)
    tab.expect_planned()
    tab.button("Start").click()
    tab.button("Tell me when it is done").click()
    expect(tab.button("Tell me when it is done")).to_be_hidden()
    tab.page.evaluate("window.away = true")
    expect(tab.page).to_have_title("(1) Done – evening.mkv", timeout=JOB_MS)
    assert tab.page.evaluate("window.told") == ["evening.mkv is done"]
    tab.page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(tab.page).to_have_title("Done – evening.mkv")


def test_a_job_goes_on_when_the_server_is_killed_and_started_again(visit, start_server, material):
    server = start_server()
    visitor = visit(server.address)
    visitor.expect_complaint("ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING")
    tab = visitor.tab
    tab.choose_file(material / "long.mkv")
    tab.expect_planned()
    tab.button("Start").click()
    expect(tab.page.get_by_alt_text("The newest frame")).to_be_visible(timeout=JOB_MS)

    server.kill()
    expect(tab.page.get_by_role("status").filter(has_text="The server does not answer")).to_be_visible()
    server.start()
    expect(tab.page.get_by_text("The server does not answer")).to_be_hidden(timeout=30_000)
    expect(tab.main()).to_contain_text(re.compile(r"frames/s"), timeout=JOB_MS)
    expect(tab.button("Cancel")).to_be_visible()
    tab.button("Cancel").click()
    expect(tab.button("Resume")).to_be_visible()
