"""Exactly invertible transforms of a clip: flips, transposition, time reversal."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class ClipTransform:
    """Any of time reversal, flip and transposition."""

    reverse: bool = False
    flip_rows: bool = False
    flip_columns: bool = False
    transpose: bool = False

    def apply(self, clip: Tensor) -> Tensor:
        """(B, T, C, H, W) -> the same, H and W exchanged if transposed."""
        if self.transpose:
            clip = clip.transpose(-1, -2)
        return clip.flip(dims) if (dims := self._dims()) else clip

    def undo(self, clip: Tensor) -> Tensor:
        """The inverse of `apply`, for clips of any size."""
        if dims := self._dims():
            clip = clip.flip(dims)
        return clip.transpose(-1, -2) if self.transpose else clip

    def _dims(self) -> list[int]:
        flips = {1: self.reverse, 3: self.flip_rows, 4: self.flip_columns}
        return [dim for dim, flipped in flips.items() if flipped]
