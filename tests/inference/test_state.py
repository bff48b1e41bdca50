from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch

from tcnet.inference.state import all_finite, in_float32, map_tensors


class Pair(NamedTuple):
    a: torch.Tensor
    b: object


@dataclass(frozen=True, slots=True)
class State:
    frames: tuple[torch.Tensor, ...]
    more: object
    count: int = 3


def make(value):
    half = torch.full((2,), value, dtype=torch.bfloat16)
    return State((half, half), {"pairs": [Pair(half, None)], "index": torch.tensor([1])})


def test_all_floats_become_float32_and_all_else_stays():
    state = in_float32(make(0.5))
    assert [frame.dtype for frame in state.frames] == [torch.float32] * 2
    pair = state.more["pairs"][0]
    assert isinstance(pair, Pair)
    assert pair.a.dtype == torch.float32
    assert pair.b is None
    assert state.more["index"].dtype == torch.int64
    assert state.count == 3


def test_non_finite_is_found_wherever_it_is():
    assert all_finite(make(1.0))
    assert all_finite(None)
    assert not all_finite(make(float("inf")))
    assert not all_finite({"deep": [(torch.tensor(float("nan")),)]})
    assert not all_finite(torch.tensor([float("inf"), -float("inf")]))


def test_finite_values_whose_sum_is_not_are_finite():
    assert all_finite(torch.full((2,), 3e38))
    assert all_finite(torch.full((100,), 65000.0, dtype=torch.float16))


def test_what_could_hide_a_tensor_is_refused():
    with pytest.raises(TypeError, match="got set"):
        map_tensors({1, 2}, lambda tensor: tensor)
