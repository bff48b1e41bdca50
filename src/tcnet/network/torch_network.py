"""What networks that torch computes have in common; each says for itself what differs."""

import copy
import hashlib
from collections.abc import Iterator
from typing import Protocol, Self

import torch
from torch import nn

_HASH_DIGITS = 16


class _Configured(Protocol):
    @property
    def config(self) -> object: ...
    @property
    def denoise(self) -> float: ...
    def parameters(self) -> Iterator[nn.Parameter]: ...


class TorchNetwork(nn.Module):
    """A network computed by torch, of which nothing else is known: a base for others, with the members of
    `tcnet.inference.contract.VideoNetwork` that describe it."""

    engine = "torch"
    sums_pictures = False
    detail: float | None = None
    """Where it lies between two networks, from 0 to 1; None: it is one of its own."""
    denoise: float = 0.0
    """How far its input is cleaned first, from 0, not at all, to 1."""

    @property
    def inner(self) -> nn.Module:
        """The network inside a self-ensemble, or itself."""
        return self

    @property
    def precisions(self) -> tuple[str, ...]:
        """The number formats it can be computed in where the device has them."""
        return ("fp32", "bf16", "fp16")

    @property
    def weight_bytes(self) -> int:
        """Of the weights in float32."""
        return sum(parameter.numel() * 4 for parameter in self.parameters())

    def identity(self: _Configured) -> str:
        """A hash of weights and configuration, whatever file or name they came by."""
        digest = hashlib.sha256(f"{type(self).__name__} {self.config!r}".encode())
        if self.denoise:  # without it the hash is as before there was any
            digest.update(f"denoise {self.denoise}".encode())
        for value in self.parameters():
            digest.update(f"{value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:_HASH_DIGITS]

    def placed(self, device: torch.device, dtype: torch.dtype) -> Self:
        """On `device` in `dtype`, in eval mode: itself if it is so, else a copy."""
        parameter = next(iter(self.parameters()), None)
        as_wanted = parameter is None or (parameter.device, parameter.dtype) == (device, dtype)
        if as_wanted and not self.training:
            return self
        return copy.deepcopy(self).eval().to(device=device, dtype=dtype)
