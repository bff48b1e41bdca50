"""Step graphs as self-describing ONNX files, opset 18."""

import copy
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from tcnet.errors import not_installed
from tcnet.export.graphs import Graph, step_graphs
from tcnet.network import TCNet

OPSET = 18
EXAMPLE_SIDES = {"n": 3, "h": 43, "w": 53}
"""Sides in the traced example. Primes: no window divides them, so padding and resizing are traced.

Parity has to be checked at other sizes."""
_LEAST_HALVED = 256  # numbers in a tensor: biases stay as they are


def require_onnx() -> Any:  # noqa: ANN401 - a module that may be missing
    """The onnx package. Raises UsageError without it."""
    try:
        import onnx
    except ImportError as error:
        raise not_installed("onnx", "export") from error
    return onnx


def traceable_graphs(network: TCNet) -> tuple[Graph, ...]:
    """The step graphs of a copy of `network` in float32 on the CPU.

    With gradients, which keep it from operators that only torch's own CPU code has.
    """
    plain = copy.deepcopy(network).to(
        device="cpu", dtype=torch.float32, memory_format=torch.contiguous_format
    )  # type: ignore[call-overload]
    return step_graphs(plain.eval().requires_grad_(True))


def write_onnx(graph: Graph, path: Path, about: Mapping[str, str], *, half_weights: bool) -> None:
    """Write one graph; about: metadata.

    half_weights: stored as float16 and cast when the model is loaded.
    """
    onnx = require_onnx()
    example = tuple(torch.zeros([_example_side(side) for side in spec.shape]) for spec in graph.inputs)
    specs = (*graph.inputs, *graph.outputs)
    with warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
        # The tracer warns of each Python number it sees; that none of them decides anything is what the
        # parity check at other sizes is for. The newer exporter proves it, in half a minute per graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module,
            example,
            str(path),
            input_names=[spec.name for spec in graph.inputs],
            output_names=[spec.name for spec in graph.outputs],
            dynamic_axes={
                spec.name: {axis: side for axis, side in enumerate(spec.shape) if isinstance(side, str)}
                for spec in specs
            },
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    _name_sides(model, graph)
    if half_weights:
        _halve(onnx, model)
    model.graph.name = graph.name
    model.doc_string = graph.does
    onnx.helper.set_model_props(model, dict(about))
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _example_side(side: int | str) -> int:
    return side if isinstance(side, int) else EXAMPLE_SIDES[side]


def _name_sides(model: Any, graph: Graph) -> None:  # noqa: ANN401 - onnx has no types
    """The shapes of outputs as specified; the exporter invents names for what it cannot know."""
    for entry, spec in zip(model.graph.output, graph.outputs, strict=True):
        for dim, side in zip(entry.type.tensor_type.shape.dim, spec.shape, strict=True):
            dim.Clear()
            if isinstance(side, str):
                dim.dim_param = side
            else:
                dim.dim_value = side


def _halve(onnx: Any, model: Any) -> None:  # noqa: ANN401
    casts = []
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype != "float32" or values.size < _LEAST_HALVED:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype("float16"), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [tensor.name], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
