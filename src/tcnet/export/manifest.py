"""manifest.json of an export: what a program needs to know beside the graphs."""

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tcnet.errors import MediaError
from tcnet.export.graphs import HALO, Graph, TensorSpec
from tcnet.network import TCNet
from tcnet.version import __version__

FORMAT = "tcnet-export-1"
FILE_NAME = "manifest.json"
_GRAPHS = {"motion", "warp", "propagate", "stabilise", "refine", "reconstruct"}


@dataclass(frozen=True, slots=True)
class Step:
    """One graph as a file. Named sides of shapes are dynamic, as in `TensorSpec`."""

    file: str
    does: str
    float32: bool
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """How an export was compared with PyTorch in float32, and the largest difference in any picture."""

    max_abs_error: float
    sizes: tuple[tuple[int, int], ...]
    clip_lengths: tuple[int, ...]
    runtime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an export is. propagation, group_size and channels are as in TCNetConfig."""

    model: str
    summary: str
    licence: str
    source: str
    weights: str
    """Identifies the weights: a hash of their values and the configuration."""
    kind: str
    """ "onnx" or "openvino"."""
    weight_type: str
    """How weights are stored, "float32" or "float16"; computation is in float32."""
    propagation: str
    group_size: int
    channels: int
    scale: int
    minimum_size: int
    """Least height and width in pixels."""
    spatial_multiple: int
    """Tiles that start at multiples of this see the same attention windows as the whole frame."""
    halo: int
    """Additional rows of features that a strip needs at each cut in `reconstruct`."""
    graphs: Mapping[str, Step]
    detail: float | None = None
    """Where the weights lie between two models, from 0 to 1; None: they are one model's own."""
    denoise: float = 0.0
    """How far frames are cleaned first, from 0, not at all, to 1, by the graph "clean"."""
    parity: Parity | None = None
    """None while it is being checked."""
    opset: int = 18
    tcnet: str = __version__
    format: str = FORMAT


def describe(
    network: TCNet,
    graphs: tuple[Graph, ...],
    *,
    kind: str,
    half_weights: bool,
    weights: str,
    about: Mapping[str, str],
    suffix: str,
) -> Manifest:
    """The manifest of a network's graphs; about: model, summary, licence and source."""
    return Manifest(
        model=about["model"],
        summary=about["summary"],
        licence=about["licence"],
        source=about["source"],
        weights=weights,
        kind=kind,
        weight_type="float16" if half_weights else "float32",
        propagation=network.config.propagation,
        group_size=network.config.group_size,
        channels=network.config.channels,
        detail=network.detail,
        denoise=network.denoise,
        scale=network.scale,
        minimum_size=network.minimum_size,
        spatial_multiple=network.spatial_multiple,
        halo=HALO,
        graphs={
            graph.name: Step(graph.name + suffix, graph.does, graph.float32, graph.inputs, graph.outputs)
            for graph in graphs
        },
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(dataclasses.asdict(manifest), indent=2, ensure_ascii=False)
    # A shape in one line.
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Raises MediaError for a folder that is not an export, or one of another version."""
    path = folder / FILE_NAME
    if not path.is_file():
        raise MediaError(
            f"{folder}: is not an exported model: it has no {FILE_NAME}; make one with tcnet export"
        )
    try:
        manifest = _parse(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise MediaError(
            f"{path}: not a manifest of this version of tcnet ({error}); export the model again"
        ) from error
    for step in manifest.graphs.values():
        if not (folder / step.file).is_file():
            raise MediaError(f"{folder}: its graph {step.file} is missing; export the model again")
    return manifest


def _parse(values: dict[str, Any]) -> Manifest:
    if values.get("format") != FORMAT:
        raise ValueError(f"its format is {values.get('format')!r}, not {FORMAT!r}")
    denoise = values.get("denoise", 0.0)
    if not isinstance(denoise, int | float) or not 0 <= denoise <= 1:
        raise ValueError(f"denoise is {denoise!r}")
    if values["graphs"].keys() != _GRAPHS | ({"clean"} if denoise else set()):
        raise ValueError(f"its graphs are {', '.join(sorted(values['graphs']))}")
    if values["propagation"] not in ("forward", "bidirectional"):
        raise ValueError(f"propagation is {values['propagation']!r}")
    for name in ("group_size", "channels", "scale", "minimum_size", "spatial_multiple", "halo"):
        if type(values[name]) is not int or not 0 < values[name] <= 1024:
            raise ValueError(f"{name} is {values[name]!r}")
    graphs = {}
    for name, step in values["graphs"].items():
        if Path(step["file"]).name != step["file"]:
            raise ValueError(f"the graph {name} is not in the folder: {step['file']!r}")
        graphs[name] = Step(**{**step, "inputs": _specs(step["inputs"]), "outputs": _specs(step["outputs"])})
    parity = None if values["parity"] is None else Parity(**values["parity"])
    return Manifest(**{**values, "graphs": graphs, "parity": parity})


def _specs(values: list[dict[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(value["name"], tuple(value["shape"])) for value in values)
