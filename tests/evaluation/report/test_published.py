"""The quoted figures: copied without slips, and the same in docs/results.md."""

from pathlib import Path

import pytest

from tcnet.evaluation.report.published import MEAN, PUBLISHED, published_scores

RESULTS = Path(__file__).parents[3] / "docs" / "results.md"


def table(title: str) -> dict[str, list[str]]:
    """The first table below a title: its rows by their first cell."""
    text = RESULTS.read_text(encoding="utf-8").partition(f"### {title}")[2]
    lines = text.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    return {row[0]: row[1:] for row in rows}


def cell(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f"{pair[0]:.2f} / {pair[1]:.4f}"


@pytest.mark.parametrize(("column", "set_name"), [(2, "vid4"), (4, "reds4"), (6, "vimeo90k")])
def test_table_one_of_the_documentation_is_the_quoted_one(column, set_name):
    quoted = {scores.method: scores.figures[MEAN] for scores in published_scores(set_name, "BI")}
    rows = table("Table I: BI degradation")
    assert len(rows) == 16
    assert {method: row[column] for method, row in rows.items()} == {m: cell(quoted.get(m)) for m in rows}


def test_table_two_of_the_documentation_is_the_quoted_one():
    rows = {name: row for name, row in table("Table II").items() if "measured" not in name}
    quoted = published_scores("vid4", "BD")
    assert list(rows) == [scores.method for scores in quoted]
    for scores in quoted:
        assert rows[scores.method][1:] == [cell(pair) for pair in scores.figures.values()]


def test_of_each_method_there_is_one_line_per_set():
    keys = [(scores.method, scores.set_name, scores.degradation) for scores in PUBLISHED]
    assert len(set(keys)) == len(keys)
    counts = {key: len(published_scores(*key)) for key in dict.fromkeys(key[1:] for key in keys)}
    assert counts == {("vid4", "BI"): 15, ("reds4", "BI"): 12, ("vimeo90k", "BI"): 13, ("vid4", "BD"): 17}
