"""Damaged files: each must end in a playable output or in an error of one line.

python benchmarks/damaged_inputs.py [--seeds 5] [--format NAME] [--damage NAME] [--keep FOLDER]

Writes results/damaged_inputs.json beside this file when all formats and damages run.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

ZOO_FOLDER = Path(__file__).parents[1] / "tests" / "zoo"
sys.path.insert(0, str(ZOO_FOLDER))

from zoo_damage import DAMAGES, FORMATS, build_whole, damage_file  # noqa: E402
from zoo_workers import GOOD, Job, Result, Worker, summary  # noqa: E402

SECONDS = 60
MEMORY = 2 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=4, help="files of each format and damage")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--output", default=".mkv", help="suffix of the outputs")
    parser.add_argument("--format", default="", help="only formats whose name contains this")
    parser.add_argument("--damage", default="", help="only damages whose name contains this")
    parser.add_argument("--keep", type=Path, help="folder in which inputs with a bad outcome are kept")
    choice = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = range(choice.first_seed, choice.first_seed + choice.seeds)
        jobs = list_jobs(folder, seeds, choice.format, choice.damage)
        results = []
        for result in Worker(folder, seconds=SECONDS, memory=MEMORY, suffix=choice.output).run(jobs):
            results.append(result)
            if result.outcome not in GOOD:
                lines = result.text.splitlines()
                print(f"{result.job.name}: {result.outcome}: {lines[-1] if lines else ''}", flush=True)
                if choice.keep is not None:
                    choice.keep.mkdir(exist_ok=True)
                    path = choice.keep / f"{result.job.damage} {result.job.seed} {result.job.source.name}"
                    damage_file(result.job.source, path, result.job.damage, result.job.seed)
    print(summary(results), f"in {time.monotonic() - begin:.0f} s")
    if not (choice.format or choice.damage or choice.first_seed):
        report = Path(__file__).parent / "results" / "damaged_inputs.json"
        report.write_text(json.dumps(_report(results), indent=1) + "\n")


def list_jobs(folder: Path, seeds: range, kind: str = "", damage: str = "") -> list[Job]:
    """Builds the undamaged files in `folder`."""
    sources = [build_whole(name, folder) for name in FORMATS if kind in name]
    return [
        Job(source, name, seed) for source in sources for name in DAMAGES if damage in name for seed in seeds
    ]


def _report(results: list[Result]) -> dict[str, object]:
    by_format: dict[str, Counter[str]] = defaultdict(Counter)
    by_damage: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        by_format[result.job.source.name][result.outcome] += 1
        by_damage[result.job.damage][result.outcome] += 1
    return {
        "inputs": len(results),
        "outcomes": Counter(result.outcome for result in results),
        "slowest_seconds": round(max(result.seconds for result in results), 1),
        "largest_resident_set_mib": max(result.peak for result in results) >> 20,
        "by_format": by_format,
        "by_damage": by_damage,
        "bad": [f"{r.job.name}: {r.outcome}: {r.text[-300:]}" for r in results if r.outcome not in GOOD],
    }


if __name__ == "__main__":
    main()
