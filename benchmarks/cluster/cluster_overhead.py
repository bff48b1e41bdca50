"""Overhead of a cluster: time with one and two workers, bytes moved per frame.

    python benchmarks/cluster/cluster_overhead.py [--size 48x64] [--segments 4] [--model tcnet-video]

A video is upscaled on this machine alone, then on a Ray cluster of one and of two nodes with one processor
each, all with one thread. The first segments are left out of the times, because workers fetch the model
then. Each worker needs a core of its own, and the driver some of one: a busy machine gives lower bounds.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from ray.cluster_utils import Cluster

from tcnet.cluster import open_cluster
from tcnet.cluster.messages import done_message, segment_message
from tcnet.cluster.pool import Pool
from tcnet.inference import UpscaleOptions
from tcnet.models import load_model
from tcnet.upscale import Progress, upscale_video
from tcnet.upscale.segment_length import SEGMENT_FRAMES
from tcnet.video import EncodeOptions, Frame, open_sink
from tcnet.video.frame import ColorSpec, VideoInfo

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", scene_cuts=True)
NODE = {"num_cpus": 1, "object_store_memory": 200 * 2**20}


def write_video(path: Path, frames: int, height: int, width: int) -> None:
    info = VideoInfo(
        width=width, height=height, time_base=Fraction(1, 25), frame_rate=Fraction(25), frame_count=frames,
        duration=None, bit_depth=8, pixel_format="bgr0", color=ColorSpec(1, full_range=False),
        sample_aspect_ratio=Fraction(1), codec="ffv1",
    )  # fmt: skip
    coarse = np.random.default_rng(0).integers(0, 255, (-(-height // 6), width, 3), dtype=np.uint8)
    picture = coarse.repeat(6, 0)[:height]
    sink = open_sink(path, info=info, options=EncodeOptions(codec="ffv1", pixel_format="bgr0"))
    for number in range(frames):
        sink.write(Frame(np.roll(picture, number, 1), number, 1, Fraction(1, 25)))
    sink.finish()


@contextmanager
def nodes(count: int) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="tcnet-", dir="/tmp"))
    (folder / "ray").mkdir()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": str(folder)}
    cluster = Cluster()
    try:
        cluster.add_node(**NODE, include_dashboard=False)
        for _ in range(count - 1):
            cluster.add_node(**NODE)
        yield cluster.address
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


class Times:
    """The number of frames of a run over time."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float]] = []

    def note(self, progress: Progress) -> None:
        if not self.marks or progress.frames_done > self.marks[-1][0]:
            self.marks.append((progress.frames_done, time.perf_counter()))

    def seconds_per_segment(self, workers: int) -> float:
        """Without the first segment of each worker."""
        marks = [mark for mark in self.marks if mark[0] >= workers * SEGMENT_FRAMES]
        (first, begin), (last, end) = marks[0], marks[-1]
        return (end - begin) / (last - first) * SEGMENT_FRAMES


def counting(sent: list[int]) -> Callable[..., object]:
    """`Pool.compute` that notes the bytes of frames sent, and of what came back."""
    compute = Pool.compute

    def counted(pool: Pool, work: object, segments: Iterator, waiting: Callable[[], None]) -> Iterator:
        def seen() -> Iterator:
            for segment in segments:
                sent[0] += sum(pixels.nbytes for pixels in segment_message(segment)["pixels"])
                yield segment

        for done in compute(pool, work, seen(), waiting):
            sent[1] += sum(len(file) for file in done_message(done)["files"])
            yield done

    return counted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="48x64", help="of LR frames, height x width")
    parser.add_argument("--segments", type=int, default=4)
    parser.add_argument("--model", default="tcnet-video")
    choice = parser.parse_args()
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    height, width = (int(side) for side in choice.size.split("x"))
    network = load_model(choice.model)
    sent = [0, 0]
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "in.mkv"
        write_video(source, choice.segments * SEGMENT_FRAMES, height, width)
        times = Times()
        upscale_video(source, Path(name) / "one.mkv", model=network, options=OPTIONS, progress=times.note)
        alone = times.seconds_per_segment(1)
        print(f"one machine: {alone:.2f} s a segment", flush=True)
        Pool.compute = counting(sent)  # type: ignore[method-assign]
        for workers in (1, 2):
            times = Times()
            with nodes(workers) as address, open_cluster(address) as cluster:
                upscale_video(
                    source, Path(name) / f"{workers}.mkv", model=network, options=OPTIONS, cluster=cluster,
                    progress=times.note,
                )  # fmt: skip
            there = times.seconds_per_segment(workers)
            print(
                f"{workers} worker(s): {there:.2f} s a segment, efficiency {alone / there / workers:.3f}, "
                f"{workers * there - alone:+.2f} s a segment and worker",
                flush=True,
            )
    frames = 2 * choice.segments * SEGMENT_FRAMES
    print(f"bytes a frame: {sent[0] / frames:.0f} to workers ({height}x{width}), {sent[1] / frames:.0f} back")


if __name__ == "__main__":
    main()
