"""The slider of a model whose detail can be chosen."""

import pytest
from browser_page import JOB_MS, TINY
from playwright.sync_api import expect
from test_access import violations

from detail_models import write_detail_models


@pytest.fixture
def tab(visit, start_server, material, tmp_path):
    """A planned video on a server that also has such a model."""
    vivid = write_detail_models(tmp_path, default=0.6)
    tab = visit(start_server("--model", f"vivid={vivid}").address, remembers=TINY).tab
    tab.choose_file(material / "clip.mkv")
    tab.expect_planned()
    return tab


def test_the_slider_is_there_for_a_model_with_detail_alone_and_begins_at_its_default(tab):
    slider = tab.page.get_by_role("slider", name="Detail")
    expect(slider).to_be_hidden()
    tab.page.get_by_role("radio", name="vivid weights of").check()
    expect(slider).to_have_value("0.6")
    expect(tab.page.locator("[data-part=detail-value]")).to_have_text("0.6")
    assert violations(tab) == []
    slider.focus()
    with tab.page.expect_request(lambda request: request.method == "PATCH") as asked:
        tab.page.keyboard.press("ArrowRight")
    assert asked.value.post_data_json["detail"] == 0.65
    expect(tab.page.locator("[data-part=detail-value]")).to_have_text("0.65")
    tab.expect_planned()
    tab.page.reload()
    expect(slider).to_have_value("0.65", timeout=JOB_MS)
    with tab.page.expect_request(lambda request: request.method == "PATCH") as asked:
        tab.page.get_by_role("radio", name="tiny weights of tiny.safetensors").check()
    assert "detail" not in asked.value.post_data_json
    expect(slider).to_be_hidden()
    tab.expect_planned()
