"""The test suite in parts, several at once: what `make test` runs.

    python scripts/run_tests.py                     # lint, types and every part
    python scripts/run_tests.py video inference     # these parts alone
    python scripts/run_tests.py --all               # with the tests marked slow: before a release

A part is a folder of tests in a process of its own: libraries that some load (Ray, OpenVINO, ONNX Runtime)
leave threads behind, and one process for all has died of it. Short folders share one, because each process
first loads torch. A part's output is shown when it ends.
"""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).parents[1]
REST = "rest"  # short folders, and the tests in none
LONG = (
    "video",
    "cli",
    "cluster",
    "web",
    REST,
    "upscale",
    "training",
    "inference",
    "zoo",
    "export",
    "network",
    "evaluation",
)
"""Those that take long begin first, so that none of them is left over at the end."""
JOBS = (os.cpu_count() or 1) + 1  # servers and clusters wait for their processes much of the time
ELSEWHERE = ("browser",)  # make test-web
LINT = {
    "ruff": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "types": ("mypy",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="folders of tests, or rest; default: all, and lint")
    parser.add_argument("--all", action="store_true", help="with the tests marked slow")
    parser.add_argument("--jobs", type=int, default=JOBS, help="processes at once")
    parser.add_argument("--no-lint", action="store_true")
    choice = parser.parse_args()
    there = {*folders(), REST}
    if unknown := sorted(set(choice.parts) - there):
        parser.error(f"no part {unknown[0]!r}: choose from {', '.join(sorted(there))}")
    commands: dict[str, list[str]] = {}
    if not choice.parts and not choice.no_lint:
        commands |= {name: [sys.executable, "-m", *words] for name, words in LINT.items()}
    commands |= {part: pytest_command(part, slow=choice.all) for part in choice.parts or LONG}
    begin = time.perf_counter()
    failed = run_all(commands, choice.jobs)
    print(
        f"\n{len(commands) - len(failed)} of {len(commands)} parts green, {time.perf_counter() - begin:.0f} s"
    )
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def folders() -> set[str]:
    """Folders of tests that `make test` runs."""
    tests = ROOT / "tests"
    return {path.relative_to(tests).parts[0] for path in tests.glob("*/**/test_*.py")} - set(ELSEWHERE)


def pytest_command(part: str, *, slow: bool) -> list[str]:
    places = [f"tests/{part}"]
    if part == REST:
        alone = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/test_*.py"))]
        places = [f"tests/{folder}" for folder in sorted(folders() - set(LONG))] + alone
    marks = ["-m", "slow or not slow"] if slow else []
    return [sys.executable, "-m", "pytest", "--durations=5", "--durations-min=2", *marks, *places]


def run_all(commands: dict[str, list[str]], jobs: int) -> list[str]:
    """Runs all, `jobs` at once, and shows each one's output when it ends. Returns who failed."""
    failed = []
    with ThreadPoolExecutor(jobs) as threads:
        running = {threads.submit(run, command): name for name, command in commands.items()}
        for done in as_completed(running):
            name, (code, seconds, output) = running[done], done.result()
            print(
                f"\n=== {name}: {'green' if code == 0 else f'failed ({code})'}, {seconds:.0f} s", flush=True
            )
            print(output, flush=True)
            if code:
                failed.append(name)
    return failed


def run(command: list[str]) -> tuple[int, float, str]:
    begin = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        check=False,
    )  # fmt: skip
    return done.returncode, time.perf_counter() - begin, done.stdout.rstrip()


if __name__ == "__main__":
    sys.exit(main())
