"""The recurrent state of a streaming network, seen from outside: tensors nested in plain containers."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor


def map_tensors(state: Any, change: Callable[[Tensor], Tensor]) -> Any:  # noqa: ANN401 - the network's own
    """A copy of `state` with `change` applied to each tensor in its tuples, lists, dicts and dataclasses.

    Raises TypeError for anything else that could hide a tensor.
    """
    if isinstance(state, Tensor):
        return change(state)
    if state is None or isinstance(state, (bool, int, float, str)):
        return state
    if isinstance(state, tuple):
        items = [map_tensors(item, change) for item in state]
        return type(state)(*items) if hasattr(state, "_fields") else tuple(items)
    if isinstance(state, list):
        return [map_tensors(item, change) for item in state]
    if isinstance(state, dict):
        return {key: map_tensors(item, change) for key, item in state.items()}
    if dataclasses.is_dataclass(state) and not isinstance(state, type):
        fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
        return dataclasses.replace(state, **map_tensors(fields, change))
    raise TypeError(
        f"a network's state may hold tensors, containers and dataclasses, got {type(state).__name__}"
    )


def all_finite(state: object) -> bool:
    """Whether no tensor in `state` holds NaN or infinity."""
    tensors = [*_tensors(state)]
    if not tensors:
        return True
    # One answer for all of them, as an accelerator has to be waited for.
    total = torch.stack([tensor.sum().float() for tensor in tensors]).sum()
    return bool(torch.isfinite(total)) or all(map(_is_finite, tensors))


def in_float32(state: Any) -> Any:  # noqa: ANN401 - the network's own
    """`state` with its floating-point tensors in float32."""
    return map_tensors(state, lambda tensor: tensor.float() if tensor.is_floating_point() else tensor)


def _is_finite(tensor: Tensor) -> bool:
    # Summing takes a thirtieth of the time of testing each value, and what is not finite stays so. A sum can
    # also overflow by itself.
    return bool(torch.isfinite(tensor.sum())) or bool(torch.isfinite(tensor).all())


def _tensors(state: object) -> Iterator[Tensor]:
    found: list[Tensor] = []

    def collect(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(state, collect)
    return iter(found)
