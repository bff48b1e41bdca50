"""The index of docs/experiments lists each experiment once, with a verdict."""

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "experiments"
ROWS = re.findall(
    r"^\| \[(.+?)\]\((.+?)\) \| (.+?) \|", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE
)


def test_each_experiment_is_in_the_index_and_the_other_way_round():
    files = sorted(path.name for path in FOLDER.glob("*.md") if path.name != "README.md")
    assert sorted(file for _, file, _ in ROWS) == files


def test_names_begin_with_a_date_and_verdicts_are_of_four_kinds():
    for name, file, verdict in ROWS:
        assert file == f"{name}.md"
        assert re.fullmatch(r"\d{4}-\d\d-\d\d-[a-z0-9-]+", name), name
        assert verdict in {"kept", "rejected", "partly", "inconclusive"}, (name, verdict)
