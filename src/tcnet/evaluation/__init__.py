"""The bench: benchmark protocols, metrics, peers, reports."""

from tcnet.evaluation.bench import EvaluationProgress, evaluate
from tcnet.evaluation.clip_upscaler import BicubicUpscaler, ClipUpscaler
from tcnet.evaluation.protocol import EVALUATION_SETS
from tcnet.evaluation.report import write_report
from tcnet.evaluation.result import CropBox, EvaluationResult
from tcnet.evaluation.tables import consistency_legend, consistency_table, published_table, summary_table

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
    "published_table",
    "summary_table",
    "write_report",
]
