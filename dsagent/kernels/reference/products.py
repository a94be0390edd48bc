"""The product of rows with a weight matrix.

torch sends float32 products on x86 to MKL, which on processors of other makers keeps to
narrower vectors and is slowest at a handful of rows, where speculative decoding lives.
oneDNN, in the same torch, uses AVX-512 on all of them, and best on weights in a layout
of its own: six rows of a vocabulary take a quarter of the time. A call costs more there
(10 µs, and 400 µs once for every new shape), so one row and small matrices stay where
they are, and many rows are made up to a multiple of ``ROUND``, for prompts' ends and
experts' shares come in all sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 24
WORTH = 1 << 22
"""Rows and multiplications from which the wider vectors save more than they cost."""
ROUND = 16
"""Many rows are filled up to a multiple of it."""
_TYPICAL = 6
"""Rows that the packed layout is chosen for."""


PACKED_WORTH = 400_000
"""Multiplications from which a packed matrix saves more than its call costs."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """A weight ``[K, N]`` that few rows will be multiplied with, again and again.

    It is held twice, as it is for one row and packed for more; small ones only once.
    """

    plain: Tensor
    packed: Tensor | None
    """In oneDNN's layout, which only its own operation can read."""

    @staticmethod
    def of(w: Tensor) -> Matrix:
        """Lay ``w`` out."""
        if not _WIDE or w.numel() * ROWS < PACKED_WORTH:
            return Matrix(w, None)
        pack = torch.ops.mkldnn._reorder_linear_weight
        return Matrix(w, pack(w.t().contiguous(), _TYPICAL))


def project(x: Tensor, w: Tensor | Matrix) -> Tensor:
    """``x [n, K] @ w [K, N]``."""
    n = len(x)
    if isinstance(w, Matrix):
        if w.packed is not None and n > 1 and n * w.plain.numel() >= PACKED_WORTH:
            return _pointwise(x, w.packed)
        w = w.plain
    if n < ROWS or not _WIDE or x.numel() * w.shape[1] < WORTH:
        return torch.mm(x, w)
    return _pointwise(x, w.t())


def rectified(x: Tensor, w: Tensor) -> Tensor:
    """``relu(x @ w.T)`` of ``x [n, K]`` and rows ``w [N, K]``, in one pass if large."""
    if not _WIDE or x.numel() * len(w) < WORTH:
        return torch.mm(x, w.t()).relu_()
    return _pointwise(x, w, "relu")


def _pointwise(x: Tensor, w: Tensor, then: str = "none") -> Tensor:
    """oneDNN's product of ``x [n, K]`` with ``w [N, K]``, packed or not."""
    n = len(x)
    spare = -n % ROUND if n >= ROWS else 0
    if spare:
        x = F.pad(x, (0, 0, 0, spare))
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, w, None, then, [], "")
    return y[:n] if spare else y


def _wide() -> bool:
    """Whether oneDNN is there and has vectors that MKL may not use."""
    return (
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    )


_WIDE = _wide()
