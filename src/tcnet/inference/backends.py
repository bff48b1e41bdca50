"""Which engine computes a network: torch, or another one that runs it as an export."""

from pathlib import Path

from tcnet.catalogue import NAMES, WEIGHTS_NAME, chosen_denoise, chosen_detail
from tcnet.errors import UsageError
from tcnet.export.export_job import exported_for_run
from tcnet.export.manifest import read_manifest
from tcnet.export.network import open_export
from tcnet.export.places import CPU
from tcnet.export.places import ENGINES as OTHER_ENGINES
from tcnet.inference.contract import VideoNetwork
from tcnet.models import check_chosen, load_model
from tcnet.network import TCNet

Model = str | Path | VideoNetwork


def check_model(model: Model, engine: str, detail: float | None = None, denoise: float | None = None) -> None:
    """Raises like `load_network` for what can be seen without reading weights."""
    folder = _export_folder(model)
    if folder is not None:
        read_manifest(folder)
        if engine not in OTHER_ENGINES:
            raise UsageError(
                f"{folder}: is an exported model, which torch does not run; add --engine onnxruntime "
                "or --engine openvino"
            )
    elif isinstance(model, str | Path):
        chosen_detail(model, detail)
        chosen_denoise(model, denoise)
    else:
        check_chosen(model, detail, denoise)


def load_network(
    model: Model,
    engine: str,
    detail: float | None = None,
    denoise: float | None = None,
    *,
    place: str = CPU,
) -> tuple[str, VideoNetwork]:
    """(name to show, the network as `engine` runs it), in float32.

    model: a name, a weight file or its folder, the folder of an export, or a network. detail, denoise: as
    for `load_model`; exports and networks have theirs already. For other engines than torch what is no export
    becomes one first, in a temporary folder and in seconds. place: where such an engine computes, as
    `UpscaleOptions.place`. Raises UsageError for an unknown name, a detail or denoise that cannot be
    chosen, and an engine or place that is missing or does not fit, MediaError for files.
    """
    check_model(model, engine, detail, denoise)
    folder = _export_folder(model)
    if folder is not None:
        exported = open_export(folder, engine, place)
        check_chosen(exported, detail, denoise)
        return str(folder), exported
    name = str(model) if isinstance(model, str | Path) else type(model).__name__
    network = load_model(model, detail=detail, denoise=denoise) if isinstance(model, str | Path) else model
    if engine in ("torch", network.engine):
        return name, network
    if not isinstance(network, TCNet):
        raise UsageError(f"{engine} runs TCNets, not a {name}: leave out the engine")
    return name, exported_for_run(network, engine, place)


def _export_folder(model: Model) -> Path | None:
    if not isinstance(model, str | Path) or str(model) in NAMES or not Path(model).is_dir():
        return None
    return None if (Path(model) / WEIGHTS_NAME).is_file() else Path(model)
