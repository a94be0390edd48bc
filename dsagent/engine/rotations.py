"""Rotations of positions: from a table, as far as it is worth one.

A table saves a decoded token a handful of operations, and a million positions of a
wide model would fill hundreds of megabytes; behind ``LONGEST`` factors are computed
when they are needed, by the same function.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from dsagent.kernels import ops

if TYPE_CHECKING:
    from torch import Tensor

LONGEST: Final = 1 << 15
"""Positions in the table, at most."""


class Rotations:
    """Factors ``[n, r/2]`` of positions, for one set of frequencies."""

    def __init__(self, frequency: Tensor) -> None:
        self._frequency = frequency
        self._table = ops.rotations(frequency, torch.arange(1024))

    @property
    def nbytes(self) -> int:
        """Bytes of the table."""
        return self._table.nbytes

    def at(self, positions: Tensor, end: int) -> Tensor:
        """Those of ``positions [n]``, all below ``end``."""
        if end <= LONGEST:
            return self._upto(end).index_select(0, positions)
        return ops.rotations(self._frequency, positions)

    def every(self, start: int, end: int, step: int = 1) -> Tensor:
        """Those of every step-th position from ``start`` to before ``end``."""
        if end <= LONGEST:
            return self._upto(end)[start:end:step]
        return ops.rotations(self._frequency, torch.arange(start, end, step))

    def _upto(self, n: int) -> Tensor:
        if n > self._table.shape[0]:
            size = 1 << (n - 1).bit_length()
            self._table = ops.rotations(self._frequency, torch.arange(size))
        return self._table
