"""The table of docs/zoo.md: python tests/zoo/checks/table.py [--keep FOLDER] > table.md

--keep: inputs and outputs stay in FOLDER, for looking at.
"""

import argparse
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from zoo.checks.differences import CHECKS
from zoo.checks.run import Outcome, upscale_specimen
from zoo.files.catalogue import ZOO


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path)
    keep = parser.parse_args().keep
    torch.set_num_threads(1)
    if keep is not None:
        keep.mkdir(parents=True)
    outcomes = []
    with tempfile.TemporaryDirectory() if keep is None else nullcontext(keep) as name:
        for specimen in ZOO:
            folder = Path(name) / str(len(outcomes))
            folder.mkdir()
            outcomes.append(upscale_specimen(specimen, folder))
    sys.stdout.write("\n".join(table(outcomes)) + "\n")


def table(outcomes: list[Outcome]) -> list[str]:
    """One row a file; what is said of it holds for all of its frames."""
    bad = sum(any(outcome.differences.values()) for outcome in outcomes)
    limited = sum(bool(outcome.limits) for outcome in outcomes)
    lines = [
        f"{len(outcomes)} files, {len(CHECKS)} properties of each ({', '.join(CHECKS)}): {bad} with an unknown "
        f"difference, {limited} with a known limit.",
        "",
        "| file | what is special | output | result |",
        "|---|---|---|---|",
    ]
    for outcome in outcomes:
        specimen = outcome.specimen
        name = specimen.file_name if len(specimen.file_name) < 60 else f"{specimen.file_name[:20]}…"
        lines.append(
            f"| {_cell(name)} | {_cell(specimen.about)} | {_cell(outcome.kind)} | {_cell(_result(outcome))} |"
        )
    return lines


def _result(outcome: Outcome) -> str:
    found = [f"{name}: {'; '.join(texts)}" for name, texts in outcome.differences.items() if texts]
    known = [f"{name}: {limit.reason}" for name, limit in outcome.limits.items()]
    return ". ".join([*(f"DIFFERS in {text}" for text in found), *known]) or "as the input"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    main()
