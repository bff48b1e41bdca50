"""What some metrics need beside frames: a flow estimator, a network, a model of photographs or a program."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from tcnet.evaluation.metrics.definitions import METRICS, check_metrics
from tcnet.evaluation.metrics.features import load_features
from tcnet.evaluation.metrics.flow_estimator import load_flow_estimator
from tcnet.evaluation.metrics.lpips import PerceptualDistance, load_lpips
from tcnet.evaluation.metrics.niqe import PictureJudge, load_niqe
from tcnet.evaluation.metrics.temporal import FlowEstimator
from tcnet.evaluation.metrics.vmaf import ClipJudge, load_vmaf


@dataclass(frozen=True, slots=True)
class Estimators:
    """None where no metric asks for it."""

    flow: FlowEstimator | None = None
    lpips: PerceptualDistance | None = None
    features: PerceptualDistance | None = None
    niqe: PictureJudge | None = None
    vmaf: ClipJudge | None = None

    def only(self, metrics: Sequence[str]) -> "Estimators":
        """Without those that `metrics` do not need. Raises ValueError where one that they need is missing."""
        needed = _needed(metrics)
        if missing := sorted(name for name in needed if getattr(self, name) is None):
            raise ValueError(f"the metrics {', '.join(metrics)} need {missing[0]!r} among the estimators")
        return Estimators(**{name: getattr(self, name) for name in needed})

    @property
    def names(self) -> dict[str, str]:
        """For the record: values by different estimators are not comparable."""
        there = {field.name: getattr(self, field.name) for field in fields(self)}
        return {kind: estimator.name for kind, estimator in there.items() if estimator is not None}


def load_estimators(metrics: Sequence[str], device: torch.device) -> Estimators:
    """Those that `metrics` need, on `device`.

    Raises UsageError for an unknown metric and where a package or a program is missing.
    """
    check_metrics(metrics)
    needed = _needed(metrics)
    return Estimators(
        flow=load_flow_estimator(device) if "flow" in needed else None,
        lpips=load_lpips(device) if "lpips" in needed else None,
        features=load_features(device) if "features" in needed else None,
        niqe=load_niqe() if "niqe" in needed else None,
        vmaf=load_vmaf() if "vmaf" in needed else None,
    )


def _needed(metrics: Sequence[str]) -> set[str]:
    return {need for metric in metrics if (need := METRICS[metric].estimator) is not None}
