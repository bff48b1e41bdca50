"""Runs that are killed repeatedly and resumed until they are done: all must end like one run.

    python benchmarks/reliability/kill_runs.py [--runs 50] [--seed 0] [--report FILE]

A small video (variable rate, B-frames, sound) is upscaled by the command, with a tiny network of random
weights, to Matroska and MP4 (H.264), Matroska (FFV1; frames shrunk first), and images. Each run is killed
(SIGKILL) at one of the points of `kill_points.py` first, then at random moments, until it finishes. Then
decoded frames, times and sound packets are compared with those of an uninterrupted run. The command runs in
a process forked from one that has imported all of it, which saves seconds each time; some attempts are
processes of their own. For systems with fork and SIGKILL.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import kill_points
import numpy as np
import torch

from tcnet.cli import main as tcnet
from tcnet.inference import plan
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.upscale import upscale_video
from tcnet.upscale.output.run_output import checkpoint_of

FRAMES = 24
SEGMENT_FRAMES = 7  # of the runs here, so that a short video has several
SIZE = (32, 24)
TARGETS: dict[str, tuple[str, ...]] = {
    "out.mkv": ("--crf", "20"),
    "out.mp4": ("--crf", "20"),
    "lossless.mkv": ("--codec", "ffv1"),
    "shrunk.mkv": ("--shrink-first", "16", "--crf", "20"),
    "images": (),
}
OPTIONS = ("--progress", "none", "--window", "12", "--precision", "fp32", "--deinterlace", "off")
MOST_ATTEMPTS = 40
SECONDS = 120  # for one attempt
IMPORTED = ("kill_points", "tcnet.cli.upscale", "tcnet.inference.plan", "tcnet.upscale")
_NETWORK = TCNetConfig(
    channels=8, propagation_blocks=1, refinement_blocks=1, alignment_depth=1, matching_depth=1,
    fusion_width=8, fusion_levels=1, motion="small", reconstruction="direct",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, help="JSON file to write")
    parser.add_argument("--command", nargs=argparse.REMAINDER, help="run the command and nothing else")
    choice = parser.parse_args()
    if choice.command:
        set_up()
        tcnet(choice.command)
    with tempfile.TemporaryDirectory() as name:
        report = run_all(Path(name), choice.runs, random.Random(choice.seed))
    print(json.dumps(report, indent=1))
    if choice.report is not None:
        choice.report.write_text(json.dumps(report, indent=1) + "\n")
    if report["different"]:
        sys.exit(1)


def set_up() -> None:
    """What is different in a process that runs the command."""
    torch.set_num_threads(1)
    upscale_video.__kwdefaults__["segment_frames"] = SEGMENT_FRAMES
    plan.PROBE_SECONDS = 0.0  # the time estimate does not matter here


def run_all(folder: Path, runs: int, chance: random.Random) -> dict[str, object]:
    begin = time.monotonic()
    source = write_video(folder / "in.mkv")
    weights = folder / "tiny.safetensors"
    torch.manual_seed(0)
    save_model(TCNet(_NETWORK), weights)
    wholes, durations = {}, {}
    for target in list(TARGETS)[: max(1, min(runs, len(TARGETS)))]:
        place = folder / "whole"
        place.mkdir(exist_ok=True)
        start = time.monotonic()
        status, text = attempt(command(source, place / target, weights), place)
        assert status == 0, text
        durations[target] = time.monotonic() - start
        wholes[target] = contents(place / target)
    points: Counter[str] = Counter()
    attempts, different = 0, []
    for number in range(runs):
        target = list(wholes)[number % len(wholes)]
        place = folder / f"run{number}"
        place.mkdir()
        arguments = command(source, place / target, weights)
        kills = run_until_done(arguments, place, target, number, durations[target], chance)
        points.update(kills)
        attempts += len(kills) + 1
        left = sorted(path.name for path in place.iterdir() if path.name != "text")
        if left != [target] or contents(place / target) != wholes[target]:
            different.append(f"run {number} ({target}), killed at {', '.join(kills)}; left {left}")
        outcome = "DIFFERS" if different and different[-1].startswith(f"run {number} ") else "same"
        print(
            f"run {number} {target}: killed {len(kills)} times ({', '.join(kills)}), {outcome}",
            file=sys.stderr,
        )
    return {
        "runs": runs,
        "different": different,
        "kills": sum(points.values()),
        "kills by place": dict(sorted(points.items())),
        "attempts": attempts,
        "seconds": round(time.monotonic() - begin),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def command(source: Path, output: Path, weights: Path) -> list[str]:
    options = TARGETS[output.name]
    return [
        "upscale",
        str(source),
        "-o",
        str(output),
        "--model",
        str(weights),
        *OPTIONS,
        *options,
    ]


def run_until_done(
    arguments: list[str], place: Path, target: str, number: int, duration: float, chance: random.Random
) -> list[str]:
    """The points at which the run was killed, in order."""
    offered = {**(kill_points.IMAGES if target == "images" else kill_points.VIDEO), **kill_points.BOTH}
    names = list(offered)
    planned = [names[number // len(TARGETS) % len(names)], chance.choice(names)]
    kills: list[str] = []
    for turn in range(MOST_ATTEMPTS):
        if turn < len(planned):
            point = planned[turn]
            status, text = attempt(arguments, place, point=point, count=chance.choice(offered[point][1]))
        else:
            point = "random moment"
            separate = (number + turn) % 10 == 0
            after = chance.uniform(0.1, 1.5) * duration
            status, text = attempt(arguments, place, after=after, separate=separate)
        if status == 0:
            return kills
        assert status == -signal.SIGKILL, f"exit code {status}: {text}"
        kills.append(point)
        output = Path(arguments[arguments.index("-o") + 1])
        if output.exists() and checkpoint_of(output).stored()[0] is None:
            # Killed after its last step: the output exists, and at most an empty folder is left beside it.
            if checkpoint_of(output).path.exists():
                checkpoint_of(output).remove()
            return kills
    raise AssertionError(f"{target}: not done after {MOST_ATTEMPTS} attempts")


def attempt(
    arguments: list[str],
    place: Path,
    *,
    point: str | None = None,
    count: int = 0,
    after: float | None = None,
    separate: bool = False,
) -> tuple[int, str]:
    """(exit code, what the command said). after: seconds until it is killed; separate: a new process."""
    text = place / "text"
    with text.open("wb") as file:
        if separate:
            command = [sys.executable, __file__, "--command", *arguments]
            process = subprocess.Popen(command, stdout=file, stderr=file)
        else:
            # Not of this process: a copy of one that has threads may wait forever.
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(list(IMPORTED))
            process = context.Process(target=run_here, args=(arguments, text, point, count))
            process.start()
    deadline = time.monotonic() + (SECONDS if after is None else after + 3 * separate)  # for importing
    while (code := process.poll() if separate else process.exitcode) is None:
        if time.monotonic() > deadline:
            process.kill()
            assert after is not None, f"no end after {SECONDS} s: {arguments}"
        time.sleep(0.005)
    return code, text.read_text(errors="replace")


def run_here(arguments: list[str], text: Path, point: str | None, count: int) -> None:
    """In a forked process: the command, to its end."""
    code = 99
    try:
        set_up()
        output = os.open(text, os.O_WRONLY | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        if point is not None:
            kill_points.arm(point, count)
        try:
            tcnet(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    finally:
        os._exit(code)


def write_video(path: Path) -> Path:
    """Moving noise at a variable rate, H.264 with B-frames, and a tone in AAC."""
    noise = np.random.default_rng(0).integers(0, 255, (SIZE[1], 4 * SIZE[0], 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"mbtree": "0"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("aac", rate=48000, layout="stereo")
        for index in range(FRAMES):
            shifted = np.roll(noise, index, 1)[:, : SIZE[0]]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(shifted), "rgb24")
            frame.pts, frame.time_base = 40 * index + 7 * (index % 3), Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        samples = (np.sin(np.arange(2 * 1920 * FRAMES) * 0.02) * 9000).astype(np.int16)[None]
        tone = av.AudioFrame.from_ndarray(samples, "s16", "stereo")
        tone.sample_rate, tone.pts = 48000, 0
        container.mux(sound.encode(tone))
        container.mux(sound.encode(None))
    return path


def contents(path: Path) -> list[object]:
    """What must be equal: (time, picture) of all frames, (time, bytes) of all sound packets; for images
    their names and bytes."""
    if path.is_dir():
        return [(file.name, _digest(file.read_bytes())) for file in sorted(path.iterdir())]
    found: list[object] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for frame in container.decode(stream):
            found.append((frame.pts, stream.time_base, _digest(frame.to_ndarray().tobytes())))
    with av.open(str(path)) as container:
        for packet in container.demux(container.streams.audio[0]):
            found.append((packet.pts, packet.dts, packet.duration, _digest(bytes(packet))))
    assert len(found) > FRAMES
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
    main()
