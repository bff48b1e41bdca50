"""Stages compiled by torch.compile, for inference at a few frame sizes."""

import os
import shutil
import sysconfig
from pathlib import Path
from typing import Any

import torch

from tcnet.network.reconstruction import DirectReconstruction
from tcnet.network.tcnet import TCNet

GAINING = ("stability", "fusion")
"""Stages with much beside their convolutions. Motion's many small operations come out slower."""
GAINING_IF_SMALL = ("propagation", "refinement", "reconstruction")
"""With few channels at the frame's size. With 64 the trunks are as fast as they are, and the strips of the full
reconstruction come out slower (docs/log.md, 2026-11-28)."""
_ON_CPU: dict[str, Any] = {"freezing": True, "cpp_wrapper": True}
"""Weights laid out once, and no Python between the operations of a stage."""


def compile_stages(network: TCNet) -> None:
    """Compile the stages that gain by it, each when it first sees a frame size: up to a minute, which torch's
    cache on disk shortens to seconds from the second process on.

    For inference alone; results differ from those of the network as it was by rounding. Raises ValueError
    where there is nothing to compile with.
    """
    device = next(network.parameters()).device
    if device.type == "cpu":
        _check_compiler()
    options = dict(_ON_CPU) if device.type == "cpu" else None
    small = isinstance(network.reconstruction, DirectReconstruction)
    for name in (*GAINING, *(GAINING_IF_SMALL if small else ())):
        stage = getattr(network, name)
        # Not the module itself, so that hooks on it stay outside.
        stage.forward = torch.compile(stage.forward, dynamic=False, options=options)


def _check_compiler() -> None:
    wanted = os.environ.get("CXX")
    if not any(shutil.which(name) for name in ([wanted] if wanted else ["g++", "clang++"])):
        raise ValueError(f"there is no C++ compiler ({wanted or 'g++ or clang++'}): install one")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise ValueError("Python's headers are not installed: install python3-dev or such")
