"""The state of a run on disk: a safetensors file that takes its place in one step, or not at all."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tcnet.errors import MediaError
from tcnet.models import save_clean_up, save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.clean_up import CleanUp, CleanUpConfig
from tcnet.video.atomic_file import sync, sync_folder

FORMAT = "tcnet-training-1"


@dataclass(frozen=True, slots=True)
class Counters:
    """What a run knows beside tensors. step: steps done. best: of the validation whose weights
    are kept, if any: the figure by which it was chosen."""

    step: int = 0
    skipped: int = 0
    skipped_in_a_row: int = 0
    best: float | None = None
    best_step: int | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """model and average: state dicts; optimiser: `Optimiser.tensors`; adversary: `Adversary.tensors`, empty
    in a run without one."""

    config: TCNetConfig | CleanUpConfig
    counters: Counters
    model: Mapping[str, Tensor]
    average: Mapping[str, Tensor]
    optimiser: Mapping[str, Tensor]
    adversary: Mapping[str, Tensor] = field(default_factory=dict)


_PARTS = ("model", "average", "optimiser", "adversary")


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write beside `path`, sync, rename. Raises MediaError on a full disk; what stood there is untouched."""
    tensors = {
        f"{part}:{name}": tensor.detach().cpu().contiguous()
        for part in _PARTS
        for name, tensor in getattr(checkpoint, part).items()
    }
    metadata = {
        "format": FORMAT,
        "config": json.dumps(dataclasses.asdict(checkpoint.config), sort_keys=True),
        "counters": json.dumps(dataclasses.asdict(checkpoint.counters)),
    }
    replace_file(path, save(tensors, metadata))


def load_checkpoint(path: Path, config: TCNetConfig | CleanUpConfig) -> Checkpoint:
    """Raises MediaError for a file that is damaged, no checkpoint, or of another network than `config`."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise MediaError(f"{path}: not a readable checkpoint ({error})") from error
    if metadata.get("format") != FORMAT:
        raise MediaError(f"{path}: not a checkpoint of this version of tcnet")
    # Fields that the network got after the checkpoint was written had their defaults.
    theirs = dataclasses.asdict(type(config)()) | json.loads(metadata["config"])
    ours = dataclasses.asdict(config)
    if different := [key for key in sorted(theirs.keys() | ours.keys()) if theirs.get(key) != ours.get(key)]:
        key = different[0]
        raise MediaError(
            f"{path}: is of another network: its {key} is {theirs.get(key)!r}, "
            f"[network] says {ours.get(key)!r}; choose another folder for `out`"
        )
    parts: dict[str, dict[str, Tensor]] = {part: {} for part in _PARTS}
    for key, tensor in tensors.items():
        part, _, name = key.partition(":")
        parts[part][name] = tensor
    return Checkpoint(config=config, counters=Counters(**json.loads(metadata["counters"])), **parts)


def save_weights(path: Path, network: TCNet | CleanUp) -> None:
    """`save_model` or `save_clean_up` in one step: readers of `path` see the old weights or the new ones."""
    work = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        if isinstance(network, TCNet):
            save_model(network, work)
        else:
            save_clean_up(network, work)
        sync(work)
        work.replace(path)
        sync_folder(path.parent)
    except (OSError, SafetensorError) as error:
        work.unlink(missing_ok=True)
        raise MediaError(f"{path}: the weights cannot be written ({error})") from error


def replace_file(path: Path, data: bytes) -> None:
    """`data` under `path`, whole or not at all. Raises MediaError where it cannot be written."""
    work = path.with_name(f".{path.name}.part")
    try:
        work.write_bytes(data)
        sync(work)
        work.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        work.unlink(missing_ok=True)
        raise MediaError(
            f"{path}: cannot be written ({error.strerror}); the file before it is untouched"
        ) from error
