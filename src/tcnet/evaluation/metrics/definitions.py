"""The metrics by name: how each is labelled, printed and compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tcnet.errors import UsageError
from tcnet.evaluation.metrics.fidelity import Channel


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric. channels: those of the set ("set"), always RGB, always Y, or none (a metric of motion).

    temporal: it compares frames with each other, so the first ones of a clip have no value (NaN).
    estimator: what it needs beside frames, a field of `Estimators`.
    whole_clips: it has values only once all frames of a clip are available.
    of_truth: the ground truth has a value of its own that is not zero; below it a video is blurred.
    """

    name: str
    title: str
    decimals: int
    lower_is_better: bool
    temporal: bool
    channels: str = "set"
    estimator: Literal["flow", "lpips", "vmaf"] | None = None
    whole_clips: bool = False
    of_truth: bool = False


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        known.name: known
        for known in (
            Metric("psnr", "PSNR, dB", 2, lower_is_better=False, temporal=False),
            Metric("ssim", "SSIM", 4, lower_is_better=False, temporal=False),
            Metric("lpips", "LPIPS (AlexNet)", 4, True, False, channels="rgb", estimator="lpips"),
            Metric("vmaf", "VMAF", 2, False, False, channels="y", estimator="vmaf", whole_clips=True),
            Metric(
                "warp", "warping error, 1e-3", 3, True, True, channels="rgb", estimator="flow", of_truth=True
            ),
            Metric("tof", "tOF, pixels", 3, True, True, channels="none", estimator="flow"),
            Metric("tgrad", "temporal gradient error, 8-bit steps", 3, True, True),
            Metric(
                "flicker", "static-region flicker, 8-bit steps", 3, True, True, channels="y", of_truth=True
            ),
        )
    }
)


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
