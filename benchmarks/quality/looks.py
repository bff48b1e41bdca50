"""How methods look on compressed video, beside PSNR: distances, detail, and change between frames.

    python benchmarks/quality/looks.py [--models bicubic,animesr,tcnet-video] [--json FILE]

Held-out clips, all frames, BI and H.264 (x264, medium) at CRF 23. A model at a detail is tcnet-vivid@0.5.
Interrupted, the same command continues. docs/metrics.md defines the metrics.
"""

import argparse
import json
import sys
from pathlib import Path

from tcnet.errors import TcnetError
from tcnet.evaluation import EvaluationResult, evaluate
from tcnet.evaluation.methods.choice import load_method

METRICS = ("psnr", "features", "niqe", "detail", "change", "static-change")


def to_json(result: EvaluationResult) -> str:
    """Means of clips by method; the ground truth's own under its name."""
    document = {
        "protocol": result.protocol,
        "environment": dict(result.environment),
        "clips": list(result.clip_names),
        "methods": {
            model.name: {
                "weights": model.description["weights"],
                "precision": model.description["precision"],
                "mean": {metric: round(model.mean(metric), 5) for metric in METRICS},
            }
            for model in result.models
        },
        "ground_truth": {} if result.truth is None else {"niqe": round(result.truth.mean("niqe"), 5)},
    }
    return json.dumps(document, indent=1) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data/heldout"))
    parser.add_argument("--models", default="bicubic,animesr,tcnet-video,tcnet-video-fast")
    parser.add_argument("--degradation", default="BI+crf23")
    parser.add_argument("--journal", type=Path, default=Path("runs/looks.jsonl"))
    parser.add_argument("--json", type=Path, help="also write the means there")
    arguments = parser.parse_args()
    try:
        methods = [load_method(name) for name in arguments.models.split(",")]
        result = evaluate(
            "folder",
            arguments.data,
            arguments.degradation,
            methods,
            metrics=METRICS,
            journal=arguments.journal,
        )
    except TcnetError as error:
        sys.exit(f"error: {error}")
    document = to_json(result)
    print(document, end="")
    if arguments.json is not None:
        arguments.json.write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
