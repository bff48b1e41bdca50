"""Damaged and odd files: each must end in a playable output or in an error of one line.

python benchmarks/reliability/damaged_inputs.py [--odd] [--seeds 5] [--format NAME] [--damage NAME]
    [--keep FOLDER]

Damage is done to the bytes and packets of videos; with --odd to the bytes of images and the elements (boxes,
chunks, tags) of images and videos, and there are inputs that are odd and not damaged, each with what is
right. Writes damaged_inputs.json or odd_inputs.json into benchmarks/results when all formats and damages
run.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS))

from zoo.damage.damages import (  # noqa: E402
    BYTES,
    DAMAGES,
    FORMATS,
    ODDITY,
    STRUCTURED,
    STRUCTURES,
    build_whole,
    damage_file,
)
from zoo.damage.odd import ODD  # noqa: E402
from zoo.damage.workers import GOOD, Job, Result, Worker, summary  # noqa: E402
from zoo.files.images import FRAMES, IMAGES  # noqa: E402

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
    parser.add_argument("--odd", action="store_true", help="images, elements and odd inputs; 2 seeds do")
    choice = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = range(choice.first_seed, choice.first_seed + choice.seeds)
        list_all = list_odd_jobs if choice.odd else list_jobs
        jobs = list_all(folder, seeds, choice.format, choice.damage)
        results = []
        for result in Worker(folder, seconds=SECONDS, memory=MEMORY, suffix=choice.output).run(jobs):
            result = judged(result)
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
        name = "odd_inputs.json" if choice.odd else "damaged_inputs.json"
        report = Path(__file__).parents[1] / "results" / name
        report.write_text(json.dumps(_report(results), indent=1) + "\n")


def list_jobs(folder: Path, seeds: range, kind: str = "", damage: str = "") -> list[Job]:
    """Builds the undamaged files in `folder`."""
    sources = [build_whole(name, folder) for name in FORMATS if kind in name]
    return [
        Job(source, name, seed) for source in sources for name in DAMAGES if damage in name for seed in seeds
    ]


def list_odd_jobs(folder: Path, seeds: range, kind: str = "", damage: str = "") -> list[Job]:
    """Images with damaged bytes (one seed) and elements, videos with damaged elements, all odd inputs."""
    images = [build_whole(name, folder) for name in IMAGES if kind in name]
    videos = [build_whole(name, folder) for name in STRUCTURED if kind in name]
    of_bytes = [function.__name__ for function in BYTES]
    jobs = [Job(image, name, seeds[0]) for image in images for name in of_bytes]
    jobs += [Job(source, name, seed) for source in images + videos for name in STRUCTURES for seed in seeds]
    jobs += [Job(Path(name), ODDITY, 0) for name in ODD if kind in name]
    return [job for job in jobs if damage in job.damage]


def judged(result: Result) -> Result:
    """Odd inputs have one right outcome; of images no frame may be lost without a word."""
    job, frames = result.job, result.frames if result.outcome == "played" else None
    if result.outcome not in GOOD:
        return result
    if job.damage == ODDITY and frames != ODD[job.source.name][1]:
        return replace(result, outcome="wrong", text=f"{result.text}; right is {ODD[job.source.name][1]}")
    if job.source.name in IMAGES and frames is not None and frames < FRAMES.get(job.source.name, 1):
        return result if result.notices else replace(result, outcome="silent")
    return result


def _report(results: list[Result]) -> dict[str, object]:
    by_format: dict[str, Counter[str]] = defaultdict(Counter)
    by_damage: dict[str, Counter[str]] = defaultdict(Counter)
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        by_format[result.job.source.name][result.outcome] += 1
        by_damage[result.job.damage][result.outcome] += 1
        by_kind[_kind(result.job)][result.outcome] += 1
    return {
        "inputs": len(results),
        "outcomes": Counter(result.outcome for result in results),
        "slowest_seconds": round(max(result.seconds for result in results), 1),
        "largest_resident_set_mib": max(result.peak for result in results) >> 20,
        "by_format": by_format,
        "by_damage": by_damage,
        "by_kind": by_kind,
        "bad": [f"{r.job.name}: {r.outcome}: {r.text[-300:]}" for r in results if r.outcome not in GOOD],
    }


def _kind(job: Job) -> str:
    if job.damage == ODDITY:
        return "odd inputs"
    what = "images" if job.source.name in IMAGES else "videos"
    return f"elements of {what}" if job.damage in STRUCTURES else f"bytes and packets of {what}"


if __name__ == "__main__":
    main()
