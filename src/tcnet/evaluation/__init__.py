"""Evaluation: benchmark protocols, metrics, methods, reports."""

from tcnet.evaluation.evaluate import EvaluationProgress, evaluate
from tcnet.evaluation.methods.method import BicubicUpscaler, ClipUpscaler
from tcnet.evaluation.protocol import EVALUATION_SETS
from tcnet.evaluation.report.tables import (
    consistency_legend,
    consistency_table,
    means_table,
    published_table,
    summary_table,
)
from tcnet.evaluation.report.write_report import write_report
from tcnet.evaluation.result import CropBox, EvaluationResult

__all__ = [
    "EVALUATION_SETS",
    "BicubicUpscaler",
    "ClipUpscaler",
    "CropBox",
    "EvaluationProgress",
    "EvaluationResult",
    "consistency_legend",
    "consistency_table",
    "evaluate",
    "means_table",
    "published_table",
    "summary_table",
    "write_report",
]
