"""The methods of an evaluation by name: our models, BasicVSR, AnimeSR, interpolation."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from tcnet.catalogue import chosen_denoise, file_hash, weights_hash
from tcnet.errors import UsageError
from tcnet.evaluation.methods.animesr import ANIMESR, find_animesr, load_animesr
from tcnet.evaluation.methods.basicvsr import BASICVSR_FILES, find_basicvsr, load_basicvsr
from tcnet.evaluation.methods.function_method import load_function
from tcnet.evaluation.methods.method import BicubicUpscaler, ClipUpscaler, LanczosUpscaler
from tcnet.evaluation.methods.onnx_method import OnnxUpscaler
from tcnet.inference import choose_device, choose_precision
from tcnet.inference.precision import working_copy
from tcnet.models import load_model
from tcnet.network.ensemble import ENSEMBLES, EnsembleKind, SelfEnsemble


class ClipNetwork(Protocol):
    """A network that upscales clips (B, T, 3, H, W) in [0, 1] frame by frame."""

    def frames(self, lr_clip: Tensor) -> Iterator[Tensor]: ...


class NetworkUpscaler:
    """A network as a ClipUpscaler: the whole clip at once, without windows or tiles."""

    def __init__(
        self, name: str, network: ClipNetwork, device: torch.device, about: Mapping[str, str]
    ) -> None:
        self.name = name
        self.description = about
        self._network = network
        self._device = device

    @torch.inference_mode()
    def __call__(self, lr_clip: Tensor) -> Iterator[Tensor]:
        for frame in self._network.frames(lr_clip.unsqueeze(0).to(self._device)):
            yield frame[0]


def load_method(name: str, device: str = "auto", precision: str = "auto") -> ClipUpscaler:
    """A model of the catalogue, a weight file, "bicubic", "lanczos", "basicvsr-bi|bd|reds", "animesr", a
    file.onnx (`onnx_upscaler`) or "module:function" (`function_upscaler`).

    "MODEL+time" and "MODEL+full" are the self-ensembles of a model or weight file, "MODEL@0.25" is one of
    that detail, "MODEL~0.5" with that denoise ("MODEL@0.25~0.5" both), each under that name.
    A function chooses device and precision itself, an ONNX model has one precision.
    Raises UsageError for unknown names, devices and precisions, MediaError for missing or damaged weights.
    """
    if name == BicubicUpscaler.name:
        return BicubicUpscaler()
    if name == LanczosUpscaler.name:
        return LanczosUpscaler()
    if name.endswith(".onnx"):
        return OnnxUpscaler(Path(name), device)
    if ":" in name and not name.endswith(".safetensors"):  # such as C:\\weights.safetensors
        return load_function(name)
    chosen_device = choose_device(device)
    chosen = choose_precision(precision, chosen_device)
    about = {"precision": chosen.name, "device": str(chosen_device)}
    if name in (*BASICVSR_FILES, ANIMESR):
        if chosen.quantised:
            raise UsageError(f"{name}: precision int8 is for TCNets; use auto, bf16 or fp32")
        path = find_animesr() if name == ANIMESR else find_basicvsr(name)
        published = load_animesr(path) if name == ANIMESR else load_basicvsr(path)
        about = {"weights": file_hash(path), **about, "parameters": _parameter_count(published)}
        placed = published.to(device=chosen_device, dtype=chosen.dtype)
        return NetworkUpscaler(name, placed, chosen_device, about)
    plain, kind = split_ensemble(name)
    model, detail, denoise = split_choices(plain)
    network = load_model(model, detail=detail, denoise=denoise)
    about = {"weights": weights_hash(model), **about, "parameters": _parameter_count(network)}
    if network.detail is not None:
        about["detail"] = f"{network.detail:g}"
    if (cleaning := chosen_denoise(model, denoise)) is not None:
        about |= {"denoise": f"{cleaning[1]:g}", "clean-up": file_hash(cleaning[0])}
    title = Path(model).stem
    title += "" if detail is None else f"@{detail:g}"
    title += "" if denoise is None else f"~{denoise:g}"
    if kind is None:
        copy = working_copy(network, chosen_device, chosen)
        return NetworkUpscaler(title, copy, chosen_device, about)
    try:
        ensemble = SelfEnsemble(network, kind)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error
    ready = working_copy(ensemble, chosen_device, chosen)
    return NetworkUpscaler(f"{title}+{kind}", ready, chosen_device, about)


def split_ensemble(name: str) -> tuple[str, EnsembleKind | None]:
    """ "tcnet-bi+full" -> ("tcnet-bi", "full"); without such an ending the second is None."""
    for kind in ENSEMBLES:
        if name.endswith(f"+{kind}"):
            return name.removesuffix(f"+{kind}"), kind
    return name, None


def split_choices(name: str) -> tuple[str, float | None, float | None]:
    """ "tcnet-vivid@0.25~0.5" -> ("tcnet-vivid", 0.25, 0.5): model, detail and denoise, in any order."""
    model, denoise = split_number(name, "~")
    model, detail = split_number(model, "@")
    if denoise is None:
        model, denoise = split_number(model, "~")
    return model, detail, denoise


def split_number(name: str, sign: str) -> tuple[str, float | None]:
    """ "tcnet-vivid@0.25" -> ("tcnet-vivid", 0.25) for "@"; without such an ending the second is None."""
    model, _, number = name.rpartition(sign)
    try:
        return (model, float(number)) if model else (name, None)
    except ValueError:  # the sign is part of a file's name
        return name, None


def _parameter_count(network: nn.Module) -> str:
    return str(sum(parameter.numel() for parameter in network.parameters()))
