"""The measurements of a benchmark, as values, table rows and JSON."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tcnet.errors import MediaError


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one network, medians over the rounds. multiply_adds: per output pixel. limit_fraction: of
    peak convolution throughput; None for a stage without convolutions and matrix products."""

    name: str
    milliseconds_per_frame: float
    share: float
    multiply_adds: float
    limit_fraction: float | None


@dataclass(frozen=True, slots=True)
class Timing:
    """One network: medians over the rounds. `ratio` is to the baseline. stages: empty for
    networks that are not TCNet."""

    name: str
    milliseconds_per_frame: float
    slowest_round: float
    ratio: float
    gflop_per_frame: float
    limit_fraction: float
    peak_memory: int | None
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """Everything measured at one size. Bytes, FLOP/s (two per multiply-add), bytes a second, milliseconds."""

    title: str
    device: str
    precision: str
    threads: int
    height: int
    width: int
    frames: int
    rounds: int
    convolution_limit: float
    memory_bandwidth: float
    timings: tuple[Timing, ...]
    remarks: tuple[str, ...]

    @property
    def header(self) -> tuple[str, ...]:
        return ("network", "ms", "ratio", "GFLOP", "of limit", "MiB")

    @property
    def rows(self) -> list[tuple[str, ...]]:
        return [
            (
                c.name,
                f"{c.milliseconds_per_frame:.0f}",
                f"{c.ratio:.2f}",
                f"{c.gflop_per_frame:.0f}",
                f"{c.limit_fraction:.2f}",
                "" if c.peak_memory is None else f"{c.peak_memory / 2**20:.0f}",
            )
            for c in self.timings
        ]


STAGE_HEADER = ("stage", "ms", "share", "multiply-adds / pixel", "of limit")


def stage_rows(timing: Timing) -> list[tuple[str, ...]]:
    """Table rows under STAGE_HEADER."""
    return [
        (
            stage.name,
            f"{stage.milliseconds_per_frame:.1f}",
            f"{stage.share:.0%}",
            f"{stage.multiply_adds:.0f}",
            "" if stage.limit_fraction is None else f"{stage.limit_fraction:.2f}",
        )
        for stage in timing.stages
    ]


def write_json(results: Sequence[BenchmarkResult], path: Path) -> None:
    """Write all figures as {"runs": [...]}. Raises MediaError where the file cannot be written."""
    document = {"runs": [dataclasses.asdict(result) for result in results]}
    try:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror})") from error
