"""Tables of README and docs/ are those that scripts/make_results.py makes of the measurements."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def load_script():
    sys.path.append(str(ROOT / "scripts"))
    spec = importlib.util.spec_from_file_location("make_results", ROOT / "scripts" / "make_results.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


SCRIPT = load_script()


@pytest.mark.parametrize("page", SCRIPT.PAGES, ids=lambda page: page.name)
def test_the_page_is_what_the_script_makes(page):
    text = page.read_text(encoding="utf-8")
    assert SCRIPT.made(text) == text, "run: python scripts/make_results.py"


def test_every_kind_of_table_is_on_a_page():
    text = "".join(page.read_text(encoding="utf-8") for page in SCRIPT.PAGES)
    assert {found.group(2) for found in SCRIPT.BLOCK.finditer(text)} == set(SCRIPT.TABLES)


def test_an_hour_of_film_costs_what_its_frames_cost(tmp_path, monkeypatch):
    case = {
        "model": "m",
        "size": "320x180:10",
        "precision": "bf16",
        "threads": 2,
        "frames": 10,
        "measured": 6.0,
    }
    (tmp_path / "plans.json").write_text(json.dumps([case, case | {"model": "tcnet-lite"}]))
    (tmp_path / "many.json").write_text(json.dumps({"rows": [{"workers": 10, "efficiency": 0.5}]}))
    monkeypatch.setattr(SCRIPT, "MEASUREMENTS", tmp_path)
    page = SCRIPT.made("<!-- table: cluster-costs plans.json many.json -->\n<!-- end -->")
    # 86 400 frames of 0.6 s, 56 computed for 48: 16.8 hours of two cores.
    assert "| m | bf16 | 0.60 | 34 | 76 | 239 | 202 min |" in page
    assert "tcnet-lite" not in page


def test_a_changed_measurement_changes_the_page(tmp_path, monkeypatch):
    file = "cluster_simulation.json"
    document = json.loads((SCRIPT.MEASUREMENTS / file).read_text())
    document["rows"][0]["efficiency"] = 0.123
    (tmp_path / file).write_text(json.dumps(document))
    monkeypatch.setattr(SCRIPT, "MEASUREMENTS", tmp_path)
    page = f"before\n<!-- table: cluster {file} -->\n<!-- end -->\nafter\n"
    assert "| 0.123 |" in SCRIPT.made(page)
    assert SCRIPT.made(page).startswith("before\n")
    assert SCRIPT.made(SCRIPT.made(page)) == SCRIPT.made(page)
