"""How fast a model runs here: beside others, by the same clock, and against the machine's own limits."""

from tcnet.benchmark.contest import run_benchmark
from tcnet.benchmark.limits import convolution_limit, memory_bandwidth
from tcnet.benchmark.result import BenchmarkResult, Contestant, Stage, write_json

__all__ = [
    "BenchmarkResult",
    "Contestant",
    "Stage",
    "convolution_limit",
    "memory_bandwidth",
    "run_benchmark",
    "write_json",
]
