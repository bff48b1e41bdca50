"""Choice of device and number format."""

import copy
from dataclasses import dataclass
from typing import TypeVar

import torch

from tcnet.errors import UsageError
from tcnet.export.places import CPU, OPENVINO_DEVICES
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.upscale_options import DEVICES, PRECISIONS
from tcnet.network import TCNet
from tcnet.network.compilation import compile_stages
from tcnet.network.quantisation import quantise
from tcnet.system.cpu_features import FAST_BF16, FAST_INT8, cpu_has, fast_dtype

AnyNetwork = TypeVar("AnyNetwork", bound=VideoNetwork)


@dataclass(frozen=True, slots=True)
class Precision:
    """A number format. dtype: of weights and features; for int8, of what is not quantised."""

    name: str
    dtype: torch.dtype

    @property
    def quantised(self) -> bool:
        return self.name == "int8"

    @property
    def floating(self) -> "Precision":
        """The format of what is not quantised."""
        return next(each for each in _FLOATING.values() if each.dtype == self.dtype)


FP32 = Precision("fp32", torch.float32)
BF16 = Precision("bf16", torch.bfloat16)
FP16 = Precision("fp16", torch.float16)
_FLOATING = {precision.name: precision for precision in (FP32, BF16, FP16)}


def choose_placement(
    network: VideoNetwork,
    device: str,
    precision: str,
    *,
    compiled: bool = False,
) -> tuple[torch.device, Precision]:
    """Where and in which precision to compute a network; raises UsageError for what its engine cannot do.

    auto: as `choose_precision`, but int8 in place of fp32 on a CPU that has it in hardware, if the network
    can be quantised and is not to be compiled: two thirds of the time or less, for 0.01 dB (docs/results.md).
    Other engines than torch take tensors on the CPU, and compute by default in the fastest format that they
    have in hardware.
    """
    if network.engine == "torch":
        place = choose_device(device)
        chosen = choose_precision(precision, place)
        if precision == "auto" and chosen == FP32 and not compiled and "int8" in network.precisions:
            return place, preferred_integers(place) or chosen
        return place, chosen
    engine, there = network.engine, network.precisions
    if device not in ("auto", *(OPENVINO_DEVICES if engine == "openvino" else (CPU,))):
        raise UsageError(
            f"engine {engine} does not compute on {device}: leave out device {device}, or the engine"
        )
    if precision not in ("auto", *there):
        raise UsageError(
            f"engine {engine} computes in {' or '.join(there)} here, not in {precision}: use auto, "
            "or leave out the engine"
        )
    return torch.device("cpu"), _FLOATING[there[-1] if precision == "auto" else precision]


def choose_device(name: str) -> torch.device:
    """The device for "auto", "cpu", "cuda" or "mps". Raises UsageError when it is not available."""
    if name not in DEVICES:
        raise UsageError(f"unknown device {name!r}: choose one of {', '.join(DEVICES)}")
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if available[candidate])
    if not available[name]:
        there = ", ".join(candidate for candidate, present in available.items() if present)
        raise UsageError(f"device {name} is not available here: choose one of {there}, or auto")
    return torch.device(name)


def choose_precision(name: str, device: torch.device) -> Precision:
    """The precision for "auto", "fp32", "bf16", "fp16" or "int8" on `device`.

    auto: bf16 where the hardware computes it fast, else fp16 on CUDA, else fp32. Raises UsageError for
    fp16 on a CPU, where torch's convolutions are about 50 times slower than in fp32, and for int8 elsewhere
    than on a CPU that has it in hardware.
    """
    if name not in PRECISIONS:
        raise UsageError(f"unknown precision {name!r}: choose one of {', '.join(PRECISIONS)}")
    if name == "fp16" and device.type == "cpu":
        raise UsageError("precision fp16 is about 50 times slower than fp32 on a CPU: use auto, bf16 or fp32")
    if name == "int8":
        return _int8(device)
    if name != "auto":
        return _FLOATING[name]
    return next(each for each in _FLOATING.values() if each.dtype == fast_dtype(device))


def preferred_integers(device: torch.device) -> Precision | None:
    """int8 where its speed over the choice of `choose_precision` outweighs its error: on CPUs that have it in
    hardware, but not bf16."""
    slow = device.type == "cpu" and not cpu_has(FAST_BF16)
    return _int8(device) if slow and cpu_has(FAST_INT8) else None


def _int8(device: torch.device) -> Precision:
    if device.type != "cpu":
        raise UsageError(f"precision int8 is for CPUs, not for {device.type}: use auto, or device cpu")
    if not cpu_has(FAST_INT8):
        flags = " or ".join(sorted(FAST_INT8))
        raise UsageError(
            f"precision int8 needs a processor with {flags}, which this one lacks: use auto; a run that "
            "began in int8 on another machine starts over with --no-resume"
        )
    return Precision("int8", choose_precision("auto", device).dtype)


def working_copy(network: AnyNetwork, device: torch.device, precision: Precision) -> AnyNetwork:
    """The network on `device` in `precision`, in eval mode: itself if it is so, else a copy; never changed.

    Raises UsageError for int8 and a network that cannot be quantised.
    """
    if not precision.quantised:
        return network.placed(device, precision.dtype)
    request = ("precision int8", "use auto")
    _tcnet(network, *request)  # or it would be copied in vain
    placed = network.placed(device, precision.dtype)
    made = copy.deepcopy(network) if placed is network else placed
    try:
        quantise(_tcnet(made, *request))
    except ValueError as error:
        raise UsageError(f"precision int8: {error}; use auto, or train the model a little further") from error
    return made


def compiled_copy(network: AnyNetwork) -> AnyNetwork:
    """A copy whose stages are compiled. Raises UsageError for other networks and where nothing compiles."""
    made = copy.deepcopy(network)
    try:
        compile_stages(_tcnet(made, "compile", "leave it out"))
    except ValueError as error:
        raise UsageError(f"compile: {error}, or leave it out") from error
    return made


def _tcnet(network: VideoNetwork, request: str, instead: str) -> TCNet:
    """The TCNet itself or inside an ensemble. Raises UsageError, with the request and advice, for others."""
    inner = network.inner
    if not isinstance(inner, TCNet):
        raise UsageError(f"{request} is for TCNets, not for a {type(inner).__name__}: {instead}")
    return inner
