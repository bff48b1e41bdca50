"""The only place that reads or writes weights.

A weight file is a safetensors file whose metadata holds the network's configuration, so that it explains
itself; nothing else is ever deserialised from it. `tcnet.catalogue` knows which ones are in the package.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from tcnet.catalogue import (
    DEFAULT_MODEL,
    WEIGHTS_NAME,
    chosen_denoise,
    chosen_detail,
    weights_path,
)
from tcnet.errors import MediaError, UsageError
from tcnet.hub import CONFIG_NAME, find_pretrained
from tcnet.network import TCNet as Network
from tcnet.network import TCNetConfig
from tcnet.network.clean_up import CleanUp, CleanUpConfig
from tcnet.network.interpolation import interpolate
from tcnet.network.quantisation import expected_ranges
from tcnet.system.cpu_features import fast_dtype

FORMAT = "tcnet-1"
CLEAN_UP_FORMAT = "tcnet-clean-up-1"
_TYPE_KEY, _TYPE = "model_type", "tcnet"  # in config.json, as the hub has it
_RANGES = "ranges/"  # before the names of what are no weights
_CLEAN_UP = "clean_up."  # before the names of weights that have a file of their own
# What a configuration in a file may say; far beyond all that was trained, and small enough to be built.
_MOST = 1024
_BOUNDS = {
    "group_size": (1, 64),
    "alignment_patch": (1, 64),
    "alignment_window": (1, 256),
    "matching_window": (1, 256),
    "matching_pool": (1, 64),
    "fusion_levels": (1, 16),
    "stability_stride": (1, 16),
}


class TCNet(Network):
    __doc__ = Network.__doc__

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        detail: float | None = None,
        denoise: float | None = None,
        device: str | torch.device = "cpu",
        dtype: torch.dtype | str = torch.float32,
        revision: str | None = None,
    ) -> Self:
        """Load a network as `load_model` does, from more places.

        Args:
            name: the first that there is of a folder that `save_pretrained` wrote, a name from `list_models`,
                a .safetensors file, and a repository of the Hugging Face hub, "organisation/name", which
                needs huggingface_hub.
            detail, denoise: as for `load_model`.
            device: where the weights go.
            dtype: as for `load_model`.
            revision: branch, tag or commit of the repository.

        Returns:
            The network in eval mode, without gradients.

        Raises:
            UsageError: for an unknown name, a detail or denoise that cannot be chosen, and a repository
                without huggingface_hub.
            MediaError: for files that are missing or damaged, and for what the hub refuses.
        """
        return _load(cls, find_pretrained(name, revision), detail, denoise, device, dtype)

    def save_pretrained(self, folder: str | Path, *, dtype: torch.dtype = torch.float16) -> None:
        """Write config.json and model.safetensors, as the hub has them and `from_pretrained` reads them.

        Args:
            folder: made if missing; files of these names in it are overwritten.
            dtype: of the stored weights, as for `save_model`.

        Raises:
            MediaError: for a folder that cannot be written.
        """
        config = {_TYPE_KEY: _TYPE} | dataclasses.asdict(self.config)
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            save_model(self, Path(folder) / WEIGHTS_NAME, dtype=dtype)
            (Path(folder) / CONFIG_NAME).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise MediaError(f"{folder}: cannot be written ({error.strerror or error})") from error


AnyTCNet = TypeVar("AnyTCNet", bound=TCNet)


class _Chosen(Protocol):
    @property
    def detail(self) -> float | None: ...
    @property
    def denoise(self) -> float: ...


def load_model(
    model: str | Path = DEFAULT_MODEL,
    *,
    detail: float | None = None,
    denoise: float | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype | str = torch.float32,
) -> TCNet:
    """Load a network from the package or from a file.

    Args:
        model: a name from `list_models`, a .safetensors file written by `save_model` or `tcnet train`, or a
            folder written by `TCNet.save_pretrained`.
        detail: 0 to 1, of a model whose card says that it has it (`ModelCard.detail`): the weights are
            interpolated from those of its base, 0, to its own, 1. None: the card's default.
        denoise: 0 to 1, how far noise, grain and coding artefacts are taken out of its input first. None:
            the card's default, mostly 0.
        device: where the weights go.
        dtype: of the weights: float32, bfloat16 or float16; "auto" is bfloat16 or float16
            where `device` computes that fast, else float32.

    Returns:
        A TCNet in eval mode, without gradients, with channels_last weights.

    Raises:
        UsageError: for an unknown name, a detail of a model without, and a detail or denoise beyond 0 to 1.
        MediaError: for a file that is missing, damaged, or holds another network; for a base of another
            architecture.
    """
    return _load(TCNet, model, detail, denoise, device, dtype)


def check_chosen(network: _Chosen, detail: float | None, denoise: float | None) -> None:
    """Raises UsageError where a network that is loaded already is of another detail or denoise than asked."""
    for name, asked, own in (("detail", detail, network.detail), ("denoise", denoise, network.denoise)):
        if asked is not None and own != asked:
            has = "has none" if own is None else f"was loaded with {own:g}"
            raise UsageError(
                f"{name} {asked:g} is asked for, but this network {has}: "
                "give the model by name, or load or export it so"
            )


def _load(
    kind: type[AnyTCNet],
    model: str | Path,
    detail: float | None,
    denoise: float | None,
    device: str | torch.device,
    dtype: torch.dtype | str,
) -> AnyTCNet:
    if isinstance(dtype, str):
        if dtype != "auto":
            raise UsageError(f'dtype is {dtype!r}: give "auto" or a torch.dtype, such as torch.bfloat16')
        dtype = fast_dtype(torch.device(device))
    chosen = chosen_detail(model, detail)
    network = _read(kind, weights_path(model))
    if chosen is not None:
        try:
            interpolate(_read(TCNet, chosen.base), network, chosen.share)
        except ValueError as error:
            raise MediaError(
                f"{model}: its detail cannot begin with {chosen.base}, of another architecture: {error}"
            ) from error
        network.detail = chosen.detail
    cleaning = chosen_denoise(model, denoise)
    if cleaning is not None:
        path, network.denoise = cleaning
        network.clean_up = load_clean_up(path)
    return network.eval().to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _read(kind: type[AnyTCNet], path: Path) -> AnyTCNet:
    """The network of a weight file as it is, in float32, without gradients."""
    metadata, tensors = _read_tensors(path)
    ranges = {
        key.removeprefix(_RANGES): tensors.pop(key) for key in sorted(tensors) if key.startswith(_RANGES)
    }
    network = _build(kind, path, _configuration(path, metadata), _count(tensors))
    _check_tensors(path, network, tensors)
    _check_ranges(path, network, ranges)
    network.ranges = ranges
    network.load_state_dict(tensors)
    return network.requires_grad_(False)


def _read_tensors(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """(metadata, tensors) of a safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise MediaError(f"{path}: not a readable safetensors file ({error})") from error


def _count(tensors: dict[str, torch.Tensor]) -> int:
    return sum(tensor.numel() for tensor in tensors.values())


def load_clean_up(path: Path) -> CleanUp:
    """The clean-up of a file that `save_clean_up` wrote, in float32, without gradients.

    Raises MediaError for a file that is damaged or holds something else.
    """
    metadata, tensors = _read_tensors(path)
    if metadata.get("format") != CLEAN_UP_FORMAT:
        raise MediaError(f"{path}: holds no clean-up; is it a file that tcnet wrote?")
    try:
        config = CleanUpConfig(**_fields(path, metadata.get("config", "")))
        _check_config(config, _count(tensors))
        clean_up = CleanUp(config)
    except (TypeError, ValueError) as error:
        raise MediaError(f"{path}: its configuration is not of this version of tcnet ({error})") from error
    _check_tensors(path, clean_up, tensors)
    clean_up.load_state_dict(tensors)
    return clean_up.requires_grad_(False)


def save_clean_up(clean_up: CleanUp, path: str | Path) -> None:
    """Write weights in half precision and the configuration, as `load_clean_up` reads them."""
    _save(clean_up, clean_up.config, CLEAN_UP_FORMAT, path, torch.float16, {})


def load_own_weights(model: str | Path) -> TCNet:
    """As `load_model`, but as it is in its own file, whatever its card says of detail and denoise.

    For what makes weights of weights (a start of training, an average, ranges).
    """
    network = _read(TCNet, weights_path(model)).eval()
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def save_model(model: Network, path: str | Path, *, dtype: torch.dtype = torch.float16) -> None:
    """Write the weights with their configuration and int8 ranges, as `load_model` reads them.

    Args:
        model: the network; its clean-up is left out.
        path: a .safetensors file; an existing one is overwritten.
        dtype: of the stored weights; half precision by default, which measures no loss.
    """
    ranges = {
        _RANGES + key: value.to("cpu", torch.float32).contiguous() for key, value in model.ranges.items()
    }
    _save(model, model.config, FORMAT, path, dtype, ranges)


def _save(
    network: nn.Module,
    config: TCNetConfig | CleanUpConfig,
    kind: str,
    path: str | Path,
    dtype: torch.dtype,
    others: dict[str, torch.Tensor],
) -> None:
    tensors = {
        key: value.detach().to("cpu", dtype).contiguous()
        for key, value in network.state_dict().items()
        if not key.startswith(_CLEAN_UP)
    }
    metadata = {"format": kind, "config": json.dumps(dataclasses.asdict(config), sort_keys=True)}
    save_file(tensors | others, path, metadata)


def _configuration(path: Path, metadata: dict[str, str]) -> dict[str, Any]:
    """The configuration in a weight file, or beside it where another program has written the file anew."""
    own = metadata.get("config") if metadata.get("format") == FORMAT else None
    beside = path.with_name(CONFIG_NAME)
    if path.name != WEIGHTS_NAME or not beside.exists():
        if own is None:
            raise MediaError(f"{path}: holds no TCNet configuration; is it a file that tcnet wrote?")
        return _fields(path, own)
    try:
        fields = _fields(beside, beside.read_text(encoding="utf-8"))
    except OSError as error:
        raise MediaError(f"{beside}: cannot be read ({error.strerror})") from error
    if fields.pop(_TYPE_KEY, None) != _TYPE:
        raise MediaError(f"{beside}: is not of a TCNet: its {_TYPE_KEY} is not {_TYPE!r}")
    if own is not None and fields != _fields(path, own):
        raise MediaError(
            f"{beside}: differs from the configuration in {path.name}; delete it, or save both anew"
        )
    return fields


def _fields(path: Path, text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise MediaError(f"{path}: its configuration is not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise MediaError(f"{path}: its configuration is not a JSON object")
    return fields


def _build(kind: type[AnyTCNet], path: Path, fields: dict[str, Any], elements: int) -> AnyTCNet:
    """The network of a configuration, of a size that the file's `elements` numbers can fill."""
    try:
        config = TCNetConfig(**fields)
        _check_config(config, elements)
        return kind(config)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise MediaError(f"{path}: its configuration is not of this version of tcnet ({error})") from error


def _check_config(config: TCNetConfig | CleanUpConfig, elements: int) -> None:
    """ValueError for an implausible configuration, before memory is allocated for it."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if type(value) is not type(field.default):
            raise ValueError(f"{field.name} is {value!r}")
        least, most = _BOUNDS.get(field.name, (0, _MOST))
        if type(value) is int and not least <= value <= most:
            raise ValueError(f"{field.name} is {value}, not {least} to {most}")
    needed = _least_weights(config)
    if needed > elements:
        raise ValueError(f"it needs over {needed} weights, the file has {elements}")


def _least_weights(config: TCNetConfig | CleanUpConfig) -> int:
    """Of its 3x3 convolutions, at least."""
    channels = config.channels
    if isinstance(config, CleanUpConfig):
        return 9 * channels * channels * 2 * config.blocks
    blocks = (config.propagation_blocks + config.refinement_blocks) * (config.block_width or channels)
    blocks += config.alignment_depth * config.alignment_blocks * channels
    others = (config.alignment_depth + 2 * config.matching_depth) * channels
    return 9 * channels * max(2 * blocks + others, channels)


def _check_tensors(path: Path, network: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    expected = network.state_dict()
    if missing := expected.keys() ^ tensors.keys():
        raise MediaError(f"{path}: its tensors are not those of its configuration, such as {min(missing)!r}")
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            shapes = f"{tuple(tensor.shape)}, expected {tuple(expected[key].shape)}"
            raise MediaError(f"{path}: {key!r} has the shape {shapes}")
        if not torch.isfinite(tensor).all():
            raise MediaError(f"{path}: {key!r} holds values that are not finite")


def _check_ranges(path: Path, network: Network, ranges: dict[str, torch.Tensor]) -> None:
    """Some or all may be missing; those parts are not quantised then."""
    expected = expected_ranges(network)
    if unknown := ranges.keys() - expected.keys():
        raise MediaError(f"{path}: its ranges are not those of its configuration, such as {min(unknown)!r}")
    for name, largest in ranges.items():
        if largest.shape != (expected[name],) or not torch.isfinite(largest).all() or (largest < 0).any():
            raise MediaError(f"{path}: the ranges of {name!r} must be {expected[name]} non-negative values")
