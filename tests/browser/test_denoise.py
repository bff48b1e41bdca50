"""The slider for denoise, which every model has."""

import shutil

import pytest
from browser_page import JOB_MS, TINY
from playwright.sync_api import expect
from test_access import PHONE, expect_no_sideways_scrolling, violations


@pytest.fixture(scope="module")
def server(start_server, material, tmp_path_factory):
    """Also with a model whose card says how far it cleans."""
    grainy = tmp_path_factory.mktemp("grainy") / "grainy.safetensors"
    shutil.copy(material / "tiny.safetensors", grainy)
    grainy.with_suffix(".toml").write_text("[denoise]\ndefault = 0.6\n")
    return start_server("--model", f"grainy={grainy}")


@pytest.fixture
def open_plan(visit, server, material):
    """A planned video in a browser of its own."""

    def opened(**options):
        tab = visit(server.address, **options).tab
        tab.choose_file(material / "clip.mkv")
        tab.expect_planned()
        return tab

    return opened


def choose(tab, model):
    """Returns what the server was asked for."""
    with tab.page.expect_request(lambda request: request.method == "PATCH") as asked:
        tab.page.get_by_role("radio", name=f"{model} weights of").check()
    tab.expect_planned()
    return asked.value.post_data_json


def test_it_follows_the_model_until_it_is_moved(open_plan):
    tab = open_plan(remembers=TINY)
    slider = tab.page.get_by_role("slider", name="Denoise")
    value = tab.page.locator("[data-part=denoise-value]")
    expect(slider).to_have_value("0")
    assert "denoise" not in choose(tab, "grainy")
    expect(slider).to_have_value("0.6")
    expect(value).to_have_text("0.6")
    assert "denoise" not in choose(tab, "tiny")
    expect(slider).to_have_value("0")
    slider.focus()
    with tab.page.expect_request(lambda request: request.method == "PATCH") as asked:
        tab.page.keyboard.press("ArrowRight")
    assert asked.value.post_data_json["denoise"] == 0.05
    expect(value).to_have_text("0.05")
    tab.expect_planned()
    assert choose(tab, "grainy")["denoise"] == 0.05
    tab.page.reload()
    expect(slider).to_have_value("0.05", timeout=JOB_MS)
    assert choose(tab, "tiny")["denoise"] == 0.05
    expect(slider).to_have_value("0.05")


@pytest.mark.parametrize("remembers", [{**TINY, "denoise": 0.4}, TINY], ids=["moved", "not moved"])
def test_the_next_video_begins_where_it_was_moved_last(open_plan, remembers):
    tab = open_plan(remembers=remembers)
    expect(tab.page.get_by_role("slider", name="Denoise")).to_have_value(str(remembers.get("denoise", 0)))
    assert (choose(tab, "grainy").get("denoise")) == remembers.get("denoise")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), PHONE], ids=["desktop", "phone"])
def test_it_has_no_barriers(open_plan, scheme, size):
    tab = open_plan(scheme=scheme, size=size)
    expect(tab.page.get_by_role("slider", name="Denoise")).to_be_visible()
    assert violations(tab) == []
    expect_no_sideways_scrolling(tab)
