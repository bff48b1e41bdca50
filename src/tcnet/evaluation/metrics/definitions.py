"""The metrics by name: how each is labelled, printed and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tcnet.errors import UsageError
from tcnet.evaluation.metrics.fidelity import Channel

Best = Literal["highest", "lowest", "nearest"]
"""nearest: to the ground truth's own value."""
EstimatorKind = Literal["flow", "lpips", "features", "niqe", "vmaf"]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. channels: those of the set ("set"), always RGB, always Y, or none (a metric of motion).

    temporal: it compares frames with each other, so the first ones of a clip have no value (NaN).
    estimator: what it needs beside frames, a field of `Estimators`.
    whole_clips: it has values only once all frames of a clip are available.
    of_truth: the ground truth has a value of its own, which is measured and shown.
    ratio: the value is divided by the ground truth's, which is 1 therefore.
    """

    name: str
    title: str
    decimals: int
    best: Best
    temporal: bool = False
    channels: str = "set"
    estimator: EstimatorKind | None = None
    whole_clips: bool = False
    of_truth: bool = False
    ratio: bool = False


_FIDELITY = (
    Metric("psnr", "PSNR, dB", 2, "highest"),
    Metric("ssim", "SSIM", 4, "highest"),
    Metric("lpips", "LPIPS (AlexNet)", 4, "lowest", channels="rgb", estimator="lpips"),
    Metric(
        "features", "feature distance (EfficientNet-Lite0)", 4, "lowest", channels="rgb", estimator="features"
    ),
    Metric("niqe", "NIQE (own model)", 3, "lowest", channels="y", estimator="niqe", of_truth=True),
    Metric("detail", "gradient energy over the truth's", 3, "nearest", channels="y", ratio=True),
    Metric("vmaf", "VMAF", 2, "highest", channels="y", estimator="vmaf", whole_clips=True),
)
_TEMPORAL = (
    Metric(
        "warp", "warping error, 1e-3", 3, "nearest", True, channels="rgb", estimator="flow", of_truth=True
    ),
    Metric("tof", "tOF, pixels", 3, "lowest", True, channels="none", estimator="flow"),
    Metric("tgrad", "temporal gradient error, 8-bit steps", 3, "lowest", True),
    Metric("flicker", "static-region flicker, 8-bit steps", 3, "lowest", True, channels="y", of_truth=True),
    Metric("change", "change between frames over the truth's", 3, "nearest", True, channels="y", ratio=True),
    Metric("static-change", "the same in static regions", 3, "nearest", True, channels="y", ratio=True),
)
METRICS: Mapping[str, Metric] = MappingProxyType({known.name: known for known in (*_FIDELITY, *_TEMPORAL)})


def check_metrics(metrics: Sequence[str]) -> None:
    """Raises UsageError for no metric, an unknown or a repeated one."""
    if not metrics:
        raise UsageError(f"there is nothing to measure; give at least one metric of {', '.join(METRICS)}")
    for metric in metrics:
        if metric not in METRICS:
            raise UsageError(f"metric {metric!r} is unknown; choose from {', '.join(METRICS)}")
        if metrics.count(metric) > 1:
            raise UsageError(f"metric {metric!r} is given twice")


def metric_label(metric: str, channel: Channel) -> str:
    """The metric with the channel it is measured on: "psnr-y"; "tof" has none."""
    channels = METRICS[metric].channels
    return metric if channels == "none" else f"{metric}-{channel if channels == 'set' else channels}"
