"""Ablation: variants trained alike from scratch, measured on held-out clips.

    python benchmarks/quality/ablation.py [--seeds 1,2] [--variants full,forward] [--vid4]

One variant is one file of configs/ablation; they differ in [network] alone, and --set changes all of them.
The weights measured are those of the last step (their moving average), not the best of several. What --out
already holds, trained or measured, is reused: the same command continues after a stop. Two shells may train
at once, with some of the variants or seeds each; a last run with all of them writes the table. Writes
ablation.json and ablation.md into --out.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import tomli_w

from tcnet.errors import TcnetError, UsageError
from tcnet.evaluation import BicubicUpscaler, ClipUpscaler, EvaluationProgress, EvaluationResult, evaluate
from tcnet.evaluation.methods.choice import load_method
from tcnet.models import load_model
from tcnet.training.checkpoint import load_checkpoint
from tcnet.training.config import TrainingConfig, load_config, network_config
from tcnet.training.run import train

METRICS = ("psnr", "warp")
BASE = "full"


@dataclass(frozen=True, slots=True)
class Run:
    """One variant with one seed."""

    variant: str
    seed: int
    config: TrainingConfig

    @property
    def weights(self) -> Path:
        return Path(self.config.out) / f"{self.config.name}.safetensors"


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parse(arguments)
    runs = plan_runs(options.configs, options.variants, options.seeds, options.out, options.set)
    for index, run in enumerate(runs):
        if is_finished(run):
            continue
        began = time.monotonic()
        print(f"{index + 1}/{len(runs)} {run.config.name}", end=" ", flush=True)
        if train(run.config, resume=True).stopped_by is not None:
            raise SystemExit("interrupted and saved; the same command continues")
        print(f"{time.monotonic() - began:.0f} s", flush=True)
    sets = {"held-out": ("folder", options.data / "heldout")}
    if options.vid4:
        sets["Vid4"] = ("vid4", options.data / "vid4")
    results = {
        title: measure(runs, set_name, folder, options.frames, options.out)
        for title, (set_name, folder) in sets.items()
    }
    document = summarise(runs, results)
    table = to_markdown(document)
    (options.out / "ablation.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (options.out / "ablation.md").write_text(table, encoding="utf-8")
    print(table)


def plan_runs(
    configs: Path, variants: Sequence[str], seeds: Sequence[int], out: Path, overrides: Sequence[str]
) -> list[Run]:
    """Seed by seed, so that an interrupted run has all variants of the first seed."""
    files = {path.stem: path for path in sorted(configs.glob("*.toml"), key=_base_first)}
    if unknown := [name for name in variants if name not in files]:
        raise UsageError(f"{configs} has no {unknown[0]}.toml; there are {', '.join(files)}")
    runs = []
    for seed in seeds:
        for variant in variants or files:
            name = f"{variant}-{seed}"
            own = (f"seed={seed}", f"name={json.dumps(name)}", f"out={json.dumps(str(out / name))}")
            runs.append(Run(variant, seed, load_config(files[variant], (*overrides, *own))))
    return runs


def is_finished(run: Run) -> bool:
    """Whether all steps are done. Raises UsageError if the run on disk had another configuration."""
    folder = Path(run.config.out)
    checkpoint = folder / "checkpoint.safetensors"
    if not checkpoint.exists():
        return False
    if (folder / "config.toml").read_text(encoding="utf-8") != tomli_w.dumps(
        run.config.model_dump(by_alias=True)
    ):
        raise UsageError(f"{folder} was trained with other options; remove it, or give another --out")
    step = load_checkpoint(checkpoint, network_config(run.config.network)).counters.step
    return step == run.config.optimisation.steps


def measure(runs: Sequence[Run], set_name: str, folder: Path, frames: int, out: Path) -> EvaluationResult:
    """All runs and bicubic interpolation on the first frames of each clip."""
    methods: list[ClipUpscaler] = [BicubicUpscaler()]
    methods += [load_method(str(run.weights)) for run in runs]
    measured = set[tuple[str, str]]()

    def show(progress: EvaluationProgress) -> None:
        if (progress.clip, progress.model) not in measured:
            measured.add((progress.clip, progress.model))
            print(f"{set_name}: {progress.clip}, {progress.model}", flush=True)

    journal = out / f"journal-{set_name}.jsonl"
    return evaluate(
        set_name, folder, "BI", methods,
        metrics=METRICS, limit_frames=frames, journal=journal, progress=show,
    )  # fmt: skip


def summarise(runs: Sequence[Run], results: dict[str, EvaluationResult]) -> dict[str, object]:
    """The figures as a JSON document: per set and variant, each seed and the mean."""
    first = runs[0].config
    variants: dict[str, dict[str, object]] = {}
    for run in runs:
        network = load_model(run.weights)
        count = sum(p.numel() for name, p in network.named_parameters() if not name.startswith("motion."))
        entry = {"network": run.config.network, "parameters_without_motion": count}
        variants.setdefault(run.variant, {**entry, "sets": {title: {} for title in results}})
    for title, result in results.items():
        for run, model in zip(runs, result.models[1:], strict=True):
            figures = {metric: model.mean(metric) for metric in METRICS}
            variants[run.variant]["sets"][title][str(run.seed)] = figures
    return {
        "steps": first.optimisation.steps,
        "sample": [first.optimisation.batch, first.data.frames, first.data.size, first.data.size],
        "environment": dict(next(iter(results.values())).environment),
        "protocols": {title: result.protocol for title, result in results.items()},
        "bicubic": {
            title: {metric: result.models[0].mean(metric) for metric in METRICS}
            for title, result in results.items()
        },
        "ground_truth": {title: _true_warp(result) for title, result in results.items()},
        "variants": variants,
    }


def _true_warp(result: EvaluationResult) -> float:
    assert result.truth is not None
    return result.truth.mean("warp")


def to_markdown(document: dict) -> str:
    """One row per variant; of several seeds the mean, with each seed's figure in brackets."""
    titles = list(document["protocols"])
    header = ["variant", "parameters"]
    for title in titles:
        header += [f"PSNR-Y, {title}", "against full", f"warping error, {title}", "against full"]
    rows = [header, ["---"] * len(header), ["bicubic", ""]]
    for title in titles:
        figures = document["bicubic"][title]
        rows[-1] += [f"{figures['psnr']:.3f}", "", f"{figures['warp']:.3f}", ""]
    rows.append(["ground truth", ""])
    for title in titles:
        rows[-1] += ["", "", f"{document['ground_truth'][title]:.3f}", ""]
    base = document["variants"].get(BASE)
    for name, variant in document["variants"].items():
        row = [name, f"{variant['parameters_without_motion'] / 1000:.0f} k"]
        for title in titles:
            row += _cells(variant["sets"][title], base["sets"][title] if base else None, name == BASE)
        rows.append(row)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cells(seeds: dict, base: dict | None, is_base: bool) -> list[str]:
    cells = []
    for metric in METRICS:
        figures = [seed[metric] for seed in seeds.values()]
        each = f" ({', '.join(f'{figure:.3f}' for figure in figures)})" if len(figures) > 1 else ""
        change = ""
        if base is not None and not is_base:
            change = f"{fmean(figures) - fmean(seed[metric] for seed in base.values()):+.3f}"
        cells += [f"{fmean(figures):.3f}{each}", change]
    return cells


def _base_first(path: Path) -> tuple[bool, str]:
    return path.stem != BASE, path.stem


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", type=Path, default=Path("configs/ablation"))
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="holds heldout/ and vid4/")
    parser.add_argument("--variants", type=lambda text: text.split(","), default=[], help="default: all")
    parser.add_argument("--seeds", type=lambda text: [int(s) for s in text.split(",")], default=[1, 2])
    parser.add_argument("--frames", type=int, default=12, help="measured of each clip")
    parser.add_argument("--vid4", action="store_true", help="measure on Vid4 as well")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of tcnet train")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    try:
        main()
    except TcnetError as error:
        raise SystemExit(f"error: {error}") from None
