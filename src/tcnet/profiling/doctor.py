"""What is installed and what this machine offers: the first question when something is slow or fails."""

import os
import platform
from importlib import metadata

import torch

from tcnet.catalogue import DEFAULT_MODEL, list_models, weights_hash
from tcnet.errors import TcnetError
from tcnet.evaluation.methods.basicvsr import BASICVSR_PACKAGE, find_basicvsr
from tcnet.export.places import describe_engines
from tcnet.inference import choose_device, choose_precision
from tcnet.inference.memory import available_memory
from tcnet.inference.precision import FP32, Precision, preferred_integers
from tcnet.models import load_model
from tcnet.profiling.roofline import convolution_limit
from tcnet.system.cpu_features import FAST_INT8, cpu_has
from tcnet.system.machine import processor
from tcnet.version import __version__
from tcnet.video import available_codecs, available_hardware

PACKAGES = ("torch", "av", "numpy", "safetensors", "typer", "rich", "pydantic")


def examine() -> list[tuple[str, str]]:
    """Rows of (what, finding), to be pasted into a bug report. Takes a few seconds."""
    device = choose_device("auto")
    auto = choose_precision("auto", device)
    rows = [
        ("tcnet", __version__),
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("packages", ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)),
        ("processor", processor()),
        ("threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores"),
        ("memory", _memory(device)),
        ("devices", ", ".join(_devices())),
        ("auto", _auto(device, auto)),
    ]
    precisions = [FP32] if auto == FP32 else [FP32, auto]
    if device.type == "cpu" and cpu_has(FAST_INT8):
        precisions.append(choose_precision("int8", device))
    speeds = [f"{p.name} {convolution_limit(device, p, 180, 320) / 1e12:.2f} TFLOP/s" for p in precisions]
    rows.append(("convolution", ", ".join(speeds) + " (64 channels, 180x320)"))
    rows.append(("codecs", ", ".join(available_codecs())))
    hardware = [f"{kind} ({', '.join(codecs)})" for kind, codecs in available_hardware().items()]
    rows.append(("hardware encoders", ", ".join(hardware) or "none that works"))
    rows += describe_engines()
    rows += [("model", f"{card.name}: sha256 {weights_hash(card.name)}…") for card in list_models()]
    rows.append(("default model", _try_model()))
    rows.append(("BasicVSR weights", _basicvsr_weights()))
    return rows


def _auto(device: torch.device, auto: Precision) -> str:
    integers = preferred_integers(device)
    return f"{device} {auto.name}" + (f", tcnet upscale {integers.name}" if integers else "")


def _memory(device: torch.device) -> str:
    free = available_memory(device)
    return "unknown" if free is None else f"{free / 2**30:.1f} GiB free for {device}"


def _devices() -> list[str]:
    names = ["cpu"]
    names += [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    return [*names, "mps"] if torch.backends.mps.is_available() else names


def _try_model() -> str:
    try:
        network = load_model(DEFAULT_MODEL)
    except TcnetError as error:
        return f"FAILS: {error}"
    count = sum(parameter.numel() for parameter in network.parameters())
    return f"{DEFAULT_MODEL} loads, {count / 1e6:.2f} M parameters"


def _basicvsr_weights() -> str:
    try:
        find_basicvsr("basicvsr-bi")
    except TcnetError:
        return f"not installed ({BASICVSR_PACKAGE.command}); needed for comparisons only"
    return f"{BASICVSR_PACKAGE.name} {metadata.version(BASICVSR_PACKAGE.name)}"
