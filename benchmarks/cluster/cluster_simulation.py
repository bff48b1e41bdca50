"""Scaling of a cluster: workers that only wait, on a local Ray cluster, through the real driver.

    python benchmarks/cluster/cluster_simulation.py [--workers 1,2,4,8,16,32,64] [--size 270x480] [--rounds 5]

Each worker is a process of its own that takes a segment (48 frames with their context), waits as long as
a GPU would compute, and sends back as many bytes as a segment has. A GPU computes two windows of 32 frames
for a segment; at the paper's 94 ms for a frame of 320x180, and as much for each pixel of other sizes, that
makes 13.5 s at 480x270 (to 1080p) and 6 s at 320x180 (to 720p).

Everything else is real: frames go through scene detection, segmentation, Ray's object store, the schedule,
the ordering of results, and files synced to disk with their journal. Decoding is left out: frames come from
memory.

Efficiency: the time that waiting alone would take, shared by all workers, over the measured time.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import ray
import torch

from tcnet.cluster.cluster import RayCluster
from tcnet.cluster.connection import LOCAL
from tcnet.cluster.ray_crew import RayCrew
from tcnet.inference import Plan, UpscaleOptions, plan_upscale
from tcnet.journal import Journal
from tcnet.network.torch_network import TorchNetwork
from tcnet.upscale.executor import ClusterExecutor
from tcnet.upscale.output.encoded_segment import EncodedSegment
from tcnet.upscale.run import execute
from tcnet.upscale.segment_length import SEGMENT_FRAMES
from tcnet.video.atomic_file import write_synced
from tcnet.video.frame import ColorSpec, Frame, VideoInfo

SECONDS_PER_PIXEL = 0.094 / (180 * 320)  # of the paper's GPU
COMPUTED_FRAMES = 64  # for the 48 of a segment
OUTPUT_BYTES_PER_PIXEL = 0.025  # 0.2 bits: what film takes at the default quality
START_SECONDS = 600


class Waits:
    """A worker. Sent by value and importing nothing of tcnet, whose torch would not fit 64 times."""

    def __init__(self, device: str) -> None:
        pass

    def facts(self) -> dict[str, object]:
        return {"host": "here", "versions": {}, "memory": None}

    def compute(self, run: str, shared: list, segment: dict) -> dict:
        begin = time.monotonic()
        frames = sum(keep_stop - keep_start for *_, keep_start, keep_stop in segment["windows"])
        data = os.urandom(shared[2])
        time.sleep(max(0.0, shared[3] - (time.monotonic() - begin)))
        return {
            "frames": frames, "segment": None, "files": [data], "windows": len(segment["windows"]),
            "recomputed_windows": 0, "recomputed_frames": 0, "repeated_frames": 0, "newest": None,
        }  # fmt: skip


class Nothing(TorchNetwork):
    """What the driver needs of a network."""

    scale = 4
    minimum_size = 16
    spatial_multiple = 8

    class Config:
        propagation, group_size, channels = "bidirectional", 4, 64

    config = Config()


class WaitingCrew(RayCrew):
    """As many workers as requested, of those that were started."""

    limit = 0

    def __init__(self, delay: float, segment_bytes: int) -> None:
        super().__init__(device="cuda", actor=Waits, versions={}, start_seconds=START_SECONDS)
        self._delay = delay
        self._segment_bytes = segment_bytes

    def begin(self, work: object) -> tuple[str, list]:
        self._runs += 1
        return f"run {self._runs}", [None, "", self._segment_bytes, self._delay]

    def ready(self) -> dict[str, str]:
        return dict(sorted(super().ready().items(), key=lambda item: int(item[0].split()[1]))[: self.limit])


class WaitingCluster(RayCluster):
    def plan(self, info: VideoInfo, network: object, options: UpscaleOptions, *, model: str | None) -> Plan:
        plan = plan_upscale(info, network, options, measure=False)
        return replace(plan, seconds_per_frame=SECONDS_PER_PIXEL * info.width * info.height)


class Source:
    """Precomputed frames of a moving scene, with occasional cuts."""

    def __init__(self, count: int, height: int, width: int) -> None:
        self.info = VideoInfo(
            width=width, height=height, time_base=Fraction(1, 25), frame_rate=Fraction(25), frame_count=count,
            duration=None, bit_depth=8, pixel_format="yuv420p", color=ColorSpec(1, full_range=False),
            sample_aspect_ratio=Fraction(1), codec="h264",
        )  # fmt: skip
        random = np.random.default_rng(0)
        coarse = random.integers(0, 255, (4, -(-height // 12), -(-width // 8), 3), dtype=np.uint8)
        self._scenes = coarse.repeat(12, 1).repeat(8, 2)[:, :height, :width]

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self.info.frame_count):
            scene = self._scenes[number // 150 % 4]
            yield Frame(np.roll(scene, number, 1), number, 1, Fraction(1, 25))


class DiskSink:
    """Handles a segment as the real sink does: file and journal, synced."""

    done, complete, notices = 0, False, ()

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = Journal(folder / "journal.jsonl")
        self._journal.start({})

    def add(self, part: EncodedSegment) -> None:
        write_synced(self._folder / "segment", part.files[0])
        self._journal.append({"segment": part.frames, "number": self.done})
        self.done += part.frames

    def finish(self) -> None: ...
    def abort(self) -> None: ...


def measure(
    cluster: WaitingCluster, workers: int, rounds: int, delay: float, size: tuple[int, int]
) -> dict[str, float]:
    segments = workers * rounds
    source = Source(segments * SEGMENT_FRAMES, *size)
    busy = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        sink = DiskSink(Path(name))
        begin = time.perf_counter()
        options = UpscaleOptions(device="cpu", precision="fp32")
        executor = ClusterExecutor(
            cluster, source.info, Nothing(), options, output_info=source.info, encoding=None
        )
        execute(executor, source, sink, SEGMENT_FRAMES)
        seconds = time.perf_counter() - begin
    assert sink.done == segments * SEGMENT_FRAMES
    return {
        "workers": workers,
        "segments": segments,
        "seconds": round(seconds, 2),
        "fps": round(segments * SEGMENT_FRAMES / seconds, 1),
        "efficiency": round(rounds * delay / seconds, 3),
        "driver_ms_per_segment": round(1000 * (time.process_time() - busy) / segments, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="1,2,4,8,16,32,64")
    parser.add_argument("--size", default="270x480", help="of LR frames, height x width")
    parser.add_argument("--rounds", type=int, default=5, help="segments for each worker; twice from 16 on")
    parser.add_argument("--report", type=Path, help="JSON file to write")
    choice = parser.parse_args()
    torch.set_num_threads(1)
    counts = sorted(int(count) for count in choice.workers.split(","))  # workers only come, none go
    # Workers count as GPUs here, so that one machine has many.
    ray.init(
        address=LOCAL,
        num_gpus=counts[-1],
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
    )
    height, width = size = tuple(int(side) for side in choice.size.split("x"))
    delay = COMPUTED_FRAMES * SECONDS_PER_PIXEL * height * width
    output_pixels = SEGMENT_FRAMES * 16 * height * width
    crew = WaitingCrew(delay, int(output_pixels * OUTPUT_BYTES_PER_PIXEL))
    crew.limit = counts[-1]
    begin = time.monotonic()
    while len(crew.ready()) < counts[-1]:
        time.sleep(0.2)
    print(f"{counts[-1]} workers started in {time.monotonic() - begin:.0f} s", flush=True)
    crew.limit = 0
    cluster = WaitingCluster(crew)
    rows = []
    for count in counts:
        crew.limit = count
        while cluster.activity().workers < count:
            time.sleep(0.05)
        rounds = choice.rounds * (2 if count >= 16 else 1)  # the start weighs less
        rows.append(measure(cluster, count, rounds, delay, size))
        print(rows[-1], flush=True)
    cluster.close()
    ray.shutdown()
    print(table(rows))
    if choice.report is not None:
        head = {
            "date": datetime.now(UTC).date().isoformat(), "ray": ray.__version__, "cores": os.cpu_count(),
            "machine": platform.machine(), "size": choice.size, "delay": delay, "rounds": choice.rounds,
        }  # fmt: skip
        choice.report.write_text(json.dumps(head | {"rows": rows}, indent=1) + "\n")


def table(rows: list[dict[str, float]]) -> str:
    head = "| workers | segments | seconds | frames a second | efficiency | driver, ms of CPU a segment |"
    lines = [head, "|---|---|---|---|---|---|"]
    lines += ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
