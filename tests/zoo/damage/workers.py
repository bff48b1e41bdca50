"""Damaged files through the product in a process of their own, watched for time, memory and crashes."""

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

GOOD = ("played", "refused")
_DAMAGE_WORDS = ("damaged", "error", "cut short", "not increase", "reset", "no timestamp", "another size", "repair", "repeated", "gap")  # fmt: skip


@dataclass(frozen=True)
class Job:
    """A damaged copy of `source`; seed: one of many of its kind."""

    source: Path
    damage: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.source.name}, {self.damage} {self.seed}"


@dataclass(frozen=True)
class Result:
    """outcome: "played", "refused" (one line), or what must not be: "unplayable", "traceback", "crashed",
    "hung", "memory". peak: bytes of the largest resident set while it ran."""

    job: Job
    outcome: str
    text: str
    frames: int
    notices: tuple[str, ...]
    seconds: float
    peak: int


class Worker:
    """One process that takes files one after the other; replaced when it dies or has to be ended."""

    def __init__(self, folder: Path, *, seconds: float, memory: int, suffix: str = ".mkv") -> None:
        """seconds, memory (bytes, resident): limits for one file. suffix: of the outputs."""
        self._folder = folder
        self._seconds = seconds
        self._memory = memory
        self._suffix = suffix
        self._process: subprocess.Popen[str] | None = None

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        from zoo.damage.damages import damage_file

        try:
            for number, job in enumerate(jobs):
                path = self._folder / f"damaged {number}{job.source.suffix}"
                damage_file(job.source, path, job.damage, job.seed)
                yield self._one(job, path)
                remove(path)
        finally:
            self._stop()

    def _one(self, job: Job, path: Path) -> Result:
        process = self._start()
        begin, peak = time.monotonic(), 0
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        while True:
            ready, _, _ = select.select([process.stdout], [], [], 0.05)
            seconds = time.monotonic() - begin
            peak = max(peak, _resident(process.pid))
            if ready:
                line = process.stdout.readline()
                if line:
                    said = json.loads(line)
                    return Result(job, said["outcome"], said["text"], said["frames"], tuple(said["notices"]), seconds, max(peak, said["peak"]))  # fmt: skip
                code = process.wait()
                self._process = None
                shutil.rmtree(self._folder / "out", ignore_errors=True)
                return Result(job, "crashed", f"exit code {code}", 0, (), seconds, peak)
            for outcome, over in (("hung", seconds > self._seconds), ("memory", peak > self._memory)):
                if over:
                    self._stop()
                    shutil.rmtree(self._folder / "out", ignore_errors=True)
                    return Result(job, outcome, f"{seconds:.1f} s, {peak >> 20} MiB", 0, (), seconds, peak)

    def _start(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(self._folder), self._suffix],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            assert self._process.stdout is not None
            assert self._process.stdout.readline() == "ready\n"
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def summary(results: list[Result]) -> str:
    """Outcomes in one line."""
    counts = Counter(result.outcome for result in results)
    told = sum(any(word in line for word in _DAMAGE_WORDS for line in r.notices) for r in results)
    slowest, largest = max(r.seconds for r in results), max(r.peak for r in results)
    return (
        f"{len(results)} damaged inputs: {dict(counts)}; {told} of the played ones tell of damage; "
        f"slowest {slowest:.1f} s, largest resident set {largest >> 20} MiB"
    )


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_since_reset() -> int:
    """Bytes of the largest resident set since the last call; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    with contextlib.suppress(OSError):  # not permitted: then it is the largest of all files so far
        Path("/proc/self/clear_refs").write_text("5")
    return int(line.split()[1]) * 1024


def _serve(folder: Path, suffix: str) -> None:
    """Reads paths, writes one JSON line each."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import av
    import torch

    from fake_networks import Nearest
    from tcnet.errors import TcnetError
    from tcnet.inference import UpscaleOptions
    from tcnet.upscale import upscale_video

    torch.set_num_threads(1)
    channel = os.fdopen(os.dup(1), "w")  # codecs print on stdout
    os.dup2(2, 1)
    options = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=0, memory_limit=1 << 30)
    place = folder / "out"
    print("ready", file=channel, flush=True)
    for line in sys.stdin:
        said: dict[str, object] = {"frames": 0, "notices": [], "text": ""}
        place.mkdir()
        output = place / f"out{suffix}"
        try:
            result = upscale_video(line[:-1], output, model=Nearest(), options=options)
            said |= {"frames": result.frames, "notices": result.notices}
            with av.open(str(output)) as container:
                shown = sum(1 for _ in container.decode(video=0))
            said["outcome"] = "played" if shown == result.frames else "unplayable"
            said["text"] = f"{shown} of {result.frames} frames"
        except TcnetError as error:
            said["text"] = str(error)
            said["outcome"] = "refused" if "\n" not in str(error) else "traceback"
        except BaseException:  # noqa: BLE001 - that is what is looked for
            said |= {"outcome": "traceback", "text": traceback.format_exc()}
        shutil.rmtree(place)
        said["peak"] = _peak_since_reset()
        print(json.dumps(said), file=channel, flush=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
