"""Profiling: how fast models run here, against baselines and against the machine's peak."""

from tcnet.profiling.benchmark import run_benchmark
from tcnet.profiling.benchmark_result import BenchmarkResult, Stage, Timing, write_json
from tcnet.profiling.roofline import convolution_limit, memory_bandwidth

__all__ = [
    "BenchmarkResult",
    "Stage",
    "Timing",
    "convolution_limit",
    "memory_bandwidth",
    "run_benchmark",
    "write_json",
]
