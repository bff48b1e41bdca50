"""tcnet export: a model as a folder of step graphs, which appears only when it has been checked."""

import copy
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from tcnet.catalogue import NAMES, model_card
from tcnet.errors import MediaError, UsageError
from tcnet.export.manifest import FILE_NAME, Manifest, Parity, describe, write_manifest
from tcnet.export.network import ExportedNetwork
from tcnet.export.onnx_files import require_onnx, traceable_graphs, write_onnx
from tcnet.export.openvino_files import convert_to_openvino, require_openvino
from tcnet.export.parity import (
    CLIP_LENGTHS,
    QUICK_LENGTHS,
    QUICK_SIZES,
    SIZES,
    TOLERANCE,
    measure_parity,
)
from tcnet.export.places import CPU
from tcnet.export.runtimes import open_runtime
from tcnet.models import check_chosen, load_model
from tcnet.network import TCNet
from tcnet.video.atomic_file import check_folder, check_name, hidden_name, sync, sync_folder

FORMATS = {"onnx": "onnxruntime", "openvino": "openvino"}
"""What can be written, and the engine that checks it."""


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export wrote.

    Attributes:
        output: the folder.
        manifest: what its manifest says.
        parity: how far its pictures differ from the network's.
        size: of its files, in bytes.
    """

    output: Path
    manifest: Manifest
    parity: Parity
    size: int


def export_model(
    model: str | Path | TCNet,
    format: str = "onnx",
    output: Path | None = None,
    *,
    detail: float | None = None,
    denoise: float | None = None,
    half_weights: bool = False,
    overwrite: bool = False,
    sizes: Sequence[tuple[int, int]] = SIZES,
    clip_lengths: Sequence[int] = CLIP_LENGTHS,
    tolerance: float = TOLERANCE,
    on_step: Callable[[str], None] | None = None,
) -> ExportResult:
    """Write the step graphs of a model, with a manifest, into a folder.

    The folder appears only when its graphs have given the same pictures as the network.

    Args:
        model: a name, a weight file or a network, which is exported in float32.
        format: "onnx" or "openvino".
        output: the folder; by default NAME-FORMAT here.
        detail: of a model that has it, as for `load_model`; the export keeps it.
        denoise: as for `load_model`; the export keeps it.
        half_weights: store weights in half precision; exact for those that were stored so, as the package's.
        overwrite: whether an existing folder may be replaced.
        sizes: (height, width) of the LR clips on which the pictures are compared.
        clip_lengths: their frames; each length with each size.
        tolerance: by how much the pictures, in [0, 1], may differ.
        on_step: called with what is being done.

    Returns:
        What was written.

    Raises:
        UsageError: for an unknown format, a missing package, a detail or denoise that cannot be chosen, and
            networks that cannot be exported.
        MediaError: for an output that must not or cannot be written, and for graphs that differ.
    """
    if format not in FORMATS:
        raise UsageError(f"unknown format {format!r}: choose one of {', '.join(FORMATS)}")
    say = on_step or (lambda _: None)
    name = _name(model)
    output = Path(f"{name}-{format}") if output is None else output
    require_onnx()
    if format == "openvino":
        require_openvino()
    with _scratch_folder(output, overwrite=overwrite) as work:
        network = _network(model, detail, denoise)
        manifest = _write(network, _about(model), work, format, half_weights, say)
        say("comparing the pictures with PyTorch's")
        exported = ExportedNetwork(open_runtime(work, manifest, FORMATS[format]))
        parity = measure_parity(network, exported, sizes, clip_lengths)
        _check(parity, tolerance, name)
        manifest = replace(manifest, parity=parity)
        write_manifest(work, manifest)
        (work / "README.md").write_text(_readme(manifest), encoding="utf-8")
        size = sum(path.stat().st_size for path in work.iterdir())
    return ExportResult(output, manifest, parity, size)


def exported_for_run(network: TCNet, engine: str, place: str = CPU) -> ExportedNetwork:
    """A network run by another engine, through a temporary export; compared on one short clip. place: as for
    `open_runtime`.

    Raises like `export_model`.
    """
    require_onnx()
    network = _in_float32(network)
    with TemporaryDirectory(prefix="tcnet-export-") as folder:
        manifest = _write(network, _about(network), Path(folder), "onnx", half_weights=False)
        exported = ExportedNetwork(open_runtime(Path(folder), manifest, engine, place))
        _check(measure_parity(network, exported, QUICK_SIZES, QUICK_LENGTHS), TOLERANCE, engine)
    return exported


def _write(
    network: TCNet,
    about: dict[str, str],
    folder: Path,
    format: str,
    half_weights: bool,
    say: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """All graphs of a network, written to `folder`, and their manifest."""
    if not (network.config.short_term and network.config.long_term):
        raise UsageError(
            "a model without its short or long term is an experiment that cannot be exported: choose another"
        )
    weights = _weights_hash(network)
    graphs = traceable_graphs(network)
    for graph in graphs:
        say(f"writing {graph.name}")
        path = folder / f"{graph.name}.onnx"
        facts = {"model": about["model"], "licence": about["licence"], "weights": weights}
        write_onnx(graph, path, facts, half_weights=half_weights)
        if format == "openvino":
            convert_to_openvino(path, path.with_suffix(".xml"))
            path.unlink()
    return describe(
        network,
        graphs,
        kind=format,
        half_weights=half_weights,
        weights=weights,
        about=about,
        suffix=".onnx" if format == "onnx" else ".xml",
    )


def _check(parity: Parity, tolerance: float, name: str) -> None:
    if not parity.max_abs_error <= tolerance:
        raise MediaError(
            f"{name}: the exported graphs differ from PyTorch by {parity.max_abs_error:.1e} "
            f"({parity.runtime}), more than {tolerance:.0e}, so nothing is kept; please report it with the "
            "output of tcnet doctor"
        )


@contextmanager
def _scratch_folder(output: Path, *, overwrite: bool) -> Iterator[Path]:
    """A hidden folder beside `output` that replaces it, or is removed after an error or a signal.

    What it replaces is kept until it is in place.
    """
    output = output.absolute()
    check_name(output)
    check_folder(output.parent)
    work = output.with_name(hidden_name(output.name, ".part"))
    old = output.with_name(hidden_name(output.name, ".old"))
    if old.exists() and not output.exists():  # a process was killed between the last two steps
        old.rename(output)
    if output.exists():
        if not overwrite:
            raise MediaError(
                f"{output}: exists already; choose another name (-o) or allow overwriting (--overwrite)"
            )
        if not (output / FILE_NAME).is_file():
            raise MediaError(
                f"{output}: is not an exported model, so it is not overwritten; choose another name"
            )
    try:
        for folder in (work, old):  # what a killed process left
            shutil.rmtree(folder, ignore_errors=True)
        work.mkdir()
        yield work
        for file in work.iterdir():
            sync(file)
        if output.exists():
            output.rename(old)
        work.rename(output)
        sync_folder(output.parent)
    except OSError as error:
        raise MediaError(f"{output}: cannot be written ({error.strerror or error})") from error
    finally:
        if old.exists() and not output.exists():
            old.rename(output)
        for folder in (work, old):
            shutil.rmtree(folder, ignore_errors=True)


def _network(model: str | Path | TCNet, detail: float | None, denoise: float | None) -> TCNet:
    if not isinstance(model, TCNet):
        return load_model(model, detail=detail, denoise=denoise)
    check_chosen(model, detail, denoise)
    return _in_float32(model)


def _in_float32(network: TCNet) -> TCNet:
    """On the CPU: itself if it already is, else a copy."""
    weight = network.reconstruction.fuse.weight
    if (weight.device.type, weight.dtype) == ("cpu", torch.float32):
        return network
    return copy.deepcopy(network).to(device="cpu", dtype=torch.float32)


def _name(model: str | Path | TCNet) -> str:
    if isinstance(model, TCNet):
        return type(model).__name__
    return model if isinstance(model, str) and model in NAMES else Path(model).stem


def _about(model: str | Path | TCNet) -> dict[str, str]:
    if isinstance(model, str) and model in NAMES:
        card = model_card(model)
        return {"model": model, "summary": card.summary, "licence": card.licence, "source": card.source}
    unknown = "that of the weights it was made of"
    return {"model": _name(model), "summary": "", "licence": unknown, "source": ""}


def _weights_hash(network: TCNet) -> str:
    """16 hex digits of the hash of configuration and weights."""
    digest = hashlib.sha256(repr(network.config).encode())
    if network.denoise:
        digest.update(f"denoise {network.denoise}".encode())
    for key, value in sorted(network.state_dict().items()):
        digest.update(key.encode() + value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _readme(manifest: Manifest) -> str:
    steps = "\n".join(f"- `{step.file}`: {step.does}" for step in manifest.graphs.values())
    others = (
        "examples/onnxruntime_only.py in the source of tcnet runs them with onnxruntime and numpy alone."
        if manifest.kind == "onnx"
        else "docs/export.md in the source of tcnet says how other programs do."
    )
    return (
        f"# {manifest.model} as step graphs\n\n"
        f"{manifest.summary}\n\nA {manifest.propagation} TCNet, x{manifest.scale}, exported by tcnet "
        f"{manifest.tcnet}. `tcnet upscale --model THIS_FOLDER --engine {FORMATS[manifest.kind]}` runs it; "
        f"{others}\n\n{steps}\n- `manifest.json`: their inputs and outputs, and what a program has to know\n"
        f"\nLicence: {manifest.licence}\n\nSource: {manifest.source}\n"
    )
