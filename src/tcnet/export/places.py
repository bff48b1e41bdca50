"""Where other engines than torch compute: onnxruntime's execution providers, OpenVINO's devices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from tcnet.errors import UsageError, not_installed
from tcnet.export.openvino_files import openvino_core, require_openvino

ENGINES = ("onnxruntime", "openvino")
CPU = "cpu"


@dataclass(frozen=True, slots=True)
class Provider:
    """name: onnxruntime's. package: whose build of onnxruntime has it. options: so that it computes float32
    as float32."""

    name: str
    package: str
    options: Mapping[str, str]


PROVIDERS: Mapping[str, Provider] = {
    CPU: Provider("CPUExecutionProvider", "onnxruntime", {}),
    "cuda": Provider("CUDAExecutionProvider", "onnxruntime-gpu", {"use_tf32": "0"}),
    "tensorrt": Provider("TensorrtExecutionProvider", "onnxruntime-gpu", {}),
    "directml": Provider("DmlExecutionProvider", "onnxruntime-directml", {}),
    "coreml": Provider("CoreMLExecutionProvider", "onnxruntime, on macOS", {}),
    "openvino": Provider("OpenVINOExecutionProvider", "onnxruntime-openvino", {}),
}
OPENVINO_DEVICES: Mapping[str, str] = {CPU: "CPU", "gpu": "GPU", "npu": "NPU"}
"""OpenVINO's name of each: of several GPUs its first."""


def require_onnxruntime() -> ModuleType:
    """onnxruntime. Raises UsageError where it is not installed."""
    try:
        import onnxruntime
    except ImportError as error:
        raise not_installed("onnxruntime", "export") from error
    module: ModuleType = onnxruntime
    return module


def present_providers(onnxruntime: ModuleType) -> list[str]:
    """Those of PROVIDERS that this build of onnxruntime has; whether they start is another question."""
    there = onnxruntime.get_available_providers()
    return [key for key, provider in PROVIDERS.items() if provider.name in there]


def choose_provider(key: str, onnxruntime: ModuleType) -> Provider:
    """Raises UsageError for one that is unknown, or that this build does not have."""
    if key not in PROVIDERS:
        raise UsageError(f"unknown provider {key!r}: choose one of {', '.join(PROVIDERS)}")
    provider, present = PROVIDERS[key], present_providers(onnxruntime)
    if key not in present:
        raise UsageError(
            f"this onnxruntime has no provider {key}: it has {', '.join(present)}; choose one of them, or "
            f"install a build that has it ({provider.package})"
        )
    return provider


def present_devices(core: Any) -> list[str]:  # noqa: ANN401 - openvino has no types
    """Those of OPENVINO_DEVICES that it finds on this machine."""
    there = {name.partition(".")[0] for name in core.available_devices}
    return [key for key, name in OPENVINO_DEVICES.items() if name in there]


def choose_openvino_device(key: str, core: Any) -> str:  # noqa: ANN401
    """OpenVINO's name. Raises UsageError for one that is unknown, or not on this machine."""
    if key not in OPENVINO_DEVICES:
        raise UsageError(f"unknown device {key!r} of openvino: choose one of {', '.join(OPENVINO_DEVICES)}")
    present = present_devices(core)
    if key not in present:
        raise UsageError(
            f"OpenVINO finds no {key} here: it has {', '.join(present)}; choose one of them, or install the "
            f"driver of the {key}"
        )
    return OPENVINO_DEVICES[key]


def describe_engines() -> Sequence[tuple[str, str]]:
    """(engine, version and places) of each, for people."""
    rows = []
    try:
        module = require_onnxruntime()
        rows.append(
            ("onnxruntime", f"{module.__version__}, providers: {', '.join(present_providers(module))}")
        )
    except UsageError:
        rows.append(("onnxruntime", "not installed"))
    try:
        version = require_openvino().__version__.split("-")[0]
        rows.append(("openvino", f"{version}, devices: {', '.join(present_devices(openvino_core()))}"))
    except UsageError:
        rows.append(("openvino", "not installed"))
    return rows
