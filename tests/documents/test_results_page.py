"""docs/results.md: its tables are those that scripts/make_results.py makes of the measurements."""

import importlib.util
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


def load_script():
    spec = importlib.util.spec_from_file_location("make_results", ROOT / "scripts" / "make_results.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


SCRIPT = load_script()


def test_the_page_is_what_the_script_makes():
    assert SCRIPT.made(PAGE) == PAGE, "run: python scripts/make_results.py"


def test_every_kind_of_table_is_on_the_page():
    assert {found.group(2) for found in SCRIPT.BLOCK.finditer(PAGE)} == set(SCRIPT.TABLES)


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
