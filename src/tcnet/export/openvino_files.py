"""Step graphs as OpenVINO's intermediate representation (.xml and .bin), made from ONNX files."""

import functools
from pathlib import Path
from typing import Any

from tcnet.errors import not_installed


def require_openvino() -> Any:  # noqa: ANN401 - a module that may be missing
    """The openvino package. Raises UsageError without it."""
    try:
        import openvino
    except ImportError as error:
        raise not_installed("OpenVINO", "export") from error
    return openvino


@functools.cache
def openvino_core() -> Any:  # noqa: ANN401 - as above
    """The one core of this process, which stays.

    When the last core is released, so is the CPU plugin, and with it the signal stack that it gave to the
    thread that first compiled (OpenVINO's pull request 11894). If another thread releases it, the next
    signal, such as Ctrl-C, is a segmentation fault (2026.4.1). Raises UsageError without OpenVINO.
    """
    return require_openvino().Core()


def convert_to_openvino(onnx_path: Path, xml_path: Path) -> None:
    """Weights are stored as in the ONNX file."""
    openvino = require_openvino()
    # Not convert_model: the result is the same, but it sends telemetry, and waits for it.
    model = openvino_core().read_model(onnx_path)
    # Its own compression would halve all constants, those of the motion estimate too: 7e-5 in the pictures.
    openvino.save_model(model, xml_path, compress_to_fp16=False)
