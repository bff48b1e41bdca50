"""Stages compiled by torch.compile, for inference at a few frame sizes."""

import os
import shutil
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tcnet.network.reconstruction import DirectReconstruction
from tcnet.network.tcnet import TCNet

COMPILED = ("propagation", "stability", "fusion", "refinement")
"""Not motion, whose many small operations get slower, nor the strips of the full reconstruction."""

FORMS = 64
"""Compiled forms kept of each function: frame sizes, with and without a state or shared taps of a warp."""

Stability = Callable[[Sequence[Tensor]], tuple[list[Tensor], list[Tensor]]]


def compile_stages(network: TCNet) -> None:
    """Compile the stages that gain by it, each when it first sees a frame size: one to four minutes, which
    torch's cache on disk shortens to seconds from the second process on.

    For inference only; results differ by rounding. On a CPU weights are laid out once and no Python is left
    between the operations of a stage; for that torch's compiler is set to freeze the weights of all that the
    process compiles without gradients. It is also set to keep more than
    eight forms of a function: tiles have several sizes, and both recurrences share one function. Raises
    ValueError where there is nothing to compile with.

    The last group of a scene may have fewer frames than others: its stability is not compiled, because
    compiling for each number of frames would take longer than it could save.
    """
    from torch import _dynamo  # here, as it takes a second

    options: dict[str, Any] = {}
    _dynamo.config.recompile_limit = max(_dynamo.config.recompile_limit, FORMS)
    if next(network.parameters()).device.type == "cpu":
        _check_compiler()
        from torch._inductor import config  # here, as it takes two seconds

        config.freezing = True  # an option of torch.compile comes too late: weights are inputs by then
        options = {"cpp_wrapper": True}
    direct = isinstance(network.reconstruction, DirectReconstruction)
    for name in (*COMPILED, *(("reconstruction",) if direct else ())):
        stage = getattr(network, name)
        # Not the module itself, so that hooks on it stay outside.
        compiled = torch.compile(stage.forward, dynamic=False, options=options)
        if name == "stability":
            compiled = _for_whole_groups(compiled, stage.forward, network.config.group_size)
        stage.forward = compiled


def _for_whole_groups(compiled: Stability, plain: Stability, group_size: int) -> Stability:
    """`compiled` for groups of `group_size` frames, `plain` for others."""

    def forward(features: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        return (compiled if len(features) == group_size else plain)(features)

    return forward


def _check_compiler() -> None:
    wanted = os.environ.get("CXX")
    if not any(shutil.which(name) for name in ([wanted] if wanted else ["g++", "clang++"])):
        raise ValueError(f"there is no C++ compiler ({wanted or 'g++ or clang++'}): install one")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        raise ValueError("Python's headers are not installed: install python3-dev or such")
