"""Uploads: what is refused, and what goes on after it was broken off."""

import re

from browser_page import JOB_MS
from playwright.sync_api import expect

SLOW = 400_000  # bytes a second: noise.mkv, which has 3.5 million, takes 9 s


def offsets(tab):
    """The offsets of the tab's PATCH requests from now on."""
    found = []

    def note(request):
        if request.method == "PATCH" and "/api/uploads/" in request.url:
            found.append(int(request.headers["upload-offset"]))

    tab.page.on("request", note)
    return found


def share(tab):
    return int(re.search(r"(\d+) %", tab.main().inner_text()).group(1))


def expect_share_of_at_least(tab, least):
    tab.page.wait_for_function(
        "least => parseInt(document.querySelector('main .figure')?.textContent) >= least", arg=least
    )


def test_a_dropped_file_is_uploaded_and_planned(visit, material):
    tab = visit().tab
    tab.drop(material / "clip.mkv")
    expect(tab.heading()).to_have_text("clip.mkv")
    tab.expect_planned()
    expect(tab.page.get_by_text("Let go to upload")).to_be_hidden()


def test_a_file_that_is_no_video_is_refused_in_one_line(visit, tmp_path):
    file = tmp_path / "notes.mp4"
    file.write_text("These are notes.")
    tab = visit().tab
    tab.choose_file(file)
    expect(tab.page.get_by_role("heading", name="This cannot be upscaled")).to_be_visible(timeout=JOB_MS)
    expect(tab.main().locator(".reason")).to_have_text(re.compile("^notes.mp4: .*"))
    expect(tab.item("notes.mp4")).to_contain_text("Not possible")
    expect(tab.button("Start")).to_have_count(0)


def test_files_over_the_limit_and_empty_files_are_not_sent(visit, tmp_path):
    large, empty = tmp_path / "large.mkv", tmp_path / "empty.mkv"
    large.write_bytes(bytes(9 * 2**20))
    empty.touch()
    tab = visit().tab
    requests = []
    tab.page.on("request", lambda request: requests.append(request.url))
    tab.choose_file(large, empty)
    message = tab.page.get_by_role("alert").filter(has_text="large.mkv")
    expect(message).to_have_text(
        "large.mkv has 9 MiB; this server takes files of at most 8 MiB. empty.mkv is empty."
    )
    expect(tab.heading()).to_have_text("Upscale a video")
    assert not [url for url in requests if "/uploads" in url]


def test_what_the_server_does_not_take_is_said(visit, start_server, material):
    """The page lets it pass; the server has more to say: no space, too many jobs."""
    server = start_server("--max-jobs", "1")
    server.run_job(material / "clip.mkv")
    visitor = visit(server.address)
    visitor.expect_complaint("status of 429")
    visitor.tab.choose_file(material / "clip.mkv")
    expect(visitor.tab.main().get_by_role("alert")).to_have_text(
        "there are 1 jobs already; delete some first"
    )
    expect(visitor.tab.button("Try again")).to_be_visible()
    visitor.tab.button("Remove").click()
    expect(visitor.tab.heading()).to_have_text("Upscale a video")


def test_an_upload_continues_after_a_reload_when_the_file_is_chosen_again(visit, material):
    tab = visit().tab
    tab.throttle(SLOW)
    tab.choose_file(material / "noise.mkv")
    expect_share_of_at_least(tab, 40)
    tab.page.reload()
    expect(tab.item("noise.mkv")).to_contain_text("Upload interrupted")
    expect(tab.main()).to_contain_text("Choose the same file again")
    assert share(tab) >= 20

    sent = offsets(tab)
    tab.throttle(None)
    tab.choose_file(material / "noise.mkv", by="Choose the file again")
    tab.expect_planned()
    assert sent[0] > 500_000
    tab.page.reload()
    expect(tab.item("noise.mkv")).to_have_count(1)


def test_an_upload_is_paused_continued_and_removed(visit, material):
    tab = visit().tab
    tab.throttle(SLOW)
    tab.choose_file(material / "noise.mkv")
    expect_share_of_at_least(tab, 20)
    tab.button("Pause").click()
    expect(tab.button("Continue")).to_be_focused()
    expect(tab.item("noise.mkv").filter(has_text="Paused")).to_have_count(1)
    sent = offsets(tab)
    tab.button("Continue").click()
    expect_share_of_at_least(tab, 30)
    assert sent[0] > 0
    tab.button("Remove").click()
    expect(tab.heading()).to_have_text("Upscale a video")
    tab.page.reload()
    expect(tab.heading()).to_have_text("Upscale a video")
    expect(tab.item("Upload interrupted")).to_have_count(0)


def test_an_upload_goes_on_when_the_server_comes_back(visit, start_server, material):
    server = start_server()
    visitor = visit(server.address)
    visitor.expect_complaint("ERR_CONNECTION|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED_ENCODING")
    tab = visitor.tab
    tab.throttle(SLOW)
    tab.choose_file(material / "noise.mkv")
    expect_share_of_at_least(tab, 50)
    server.kill()
    expect(tab.item("noise.mkv")).to_contain_text("Connection lost, trying again")
    sent = offsets(tab)
    tab.throttle(None)
    server.start()
    tab.expect_planned()
    assert sent[0] > 500_000


def test_another_tab_knows_what_this_one_sends(visit, material):
    visitor = visit()
    first, second = visitor.tab, visitor.open()
    first.throttle(SLOW)
    first.choose_file(material / "noise.mkv", material / "clip.mkv")
    expect(first.item("clip.mkv").filter(has_text="Waiting to upload")).to_have_count(1)
    entry = second.item("noise.mkv").filter(has_text="Uploading in another tab")
    expect(entry).to_have_count(1)
    third = visitor.open()
    expect(third.item("noise.mkv").filter(has_text="Uploading in another tab")).to_have_count(1)
    first.page.close(run_before_unload=True)
    expect(second.item("noise.mkv").filter(has_text="Upload interrupted")).to_have_count(1)
    second.item("noise.mkv").filter(has_text="Upload interrupted").click()
    second.choose_file(material / "noise.mkv", by="Choose the file again")
    second.expect_planned()
