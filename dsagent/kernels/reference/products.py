"""The product of rows with a weight matrix.

torch sends float32 products on x86 to MKL, which on processors of other makers keeps to
narrower vectors and is slowest at a handful of rows, where speculative decoding lives.
oneDNN, in the same torch, uses AVX-512 on all of them, and best on weights in a layout
of its own: six rows of a vocabulary take a quarter of the time. A call costs more there
(10 µs, and 400 µs once for every new shape), so small matrices stay where they are, and
many rows are made up to a multiple of ``ROUND``, for prompts' ends and experts' shares
come in all sizes.

The product of one row is a sum of the matrix's rows, which is what torch's embedding
bags compute: a third faster than the product, by vectors as wide as there are, and of
any rows, in any order, without gathering them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
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
SUMMED = 1 << 15, 1 << 20
"""Numbers of a matrix from which a sum of its rows takes less time than a product with
one row, and up to which it does so even if other threads could help with the product.
"""
_SUM = 0
"""What torch calls this mode of an embedding bag."""


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
    n = x.shape[0]
    if isinstance(w, Matrix):
        if w.packed is not None and n > 1 and n * w.plain.numel() >= PACKED_WORTH:
            return _pointwise(x, w.packed)
        w = w.plain
    if n == 1 and _summed(w):
        return row_sums(w, numbers(w.shape[0]), numbers(1), x.view(-1))
    if n < ROWS or not _WIDE or x.numel() * w.shape[1] < WORTH:
        return torch.mm(x, w)
    return _pointwise(x, w.t())


def project_groups(x: Tensor, w: Tensor) -> Tensor:
    """One row whose parts ``x [G, K]`` have matrices ``w [G, K, N]`` of their own:
    ``[1, G·N]``."""
    groups, k, _ = w.shape
    if _summed(w):
        flat = w.view(groups * k, -1)
        rows, starts = numbers(groups * k), numbers(groups, k)
        return row_sums(flat, rows, starts, x.view(-1)).view(1, -1)
    return torch.bmm(x.unsqueeze(1), w).view(1, -1)


def row_sums(w: Tensor, rows: Tensor, starts: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of rows of ``w [R, N]``: ``[B, N]``.

    Args:
        w: Rows, one behind the other in memory.
        rows: Which, int32 ``[M]``, sum after sum.
        starts: Where each sum begins in ``rows``, int32 ``[B]``. Several are shared out
            among threads.
        weights: What each row is multiplied with ``[M]``.
    """
    return torch.embedding_bag(w, rows, starts, False, _SUM, False, weights)[0]


def _summed(w: Tensor) -> bool:
    """Whether one row's product with ``w`` is computed as a sum of rows."""
    least, most = SUMMED
    size = w.numel()
    return (
        _BAGS
        and size >= least
        and (size <= most or torch.get_num_threads() == 1)
        and w.is_contiguous()
    )


@lru_cache
def numbers(n: int, step: int = 1) -> Tensor:
    """The first n multiples of ``step``, int32: rows, or where sums of them begin."""
    return torch.arange(0, n * step, step, dtype=torch.int32)


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
_BAGS = "fbgemm" in torch.backends.quantized.supported_engines
"""Whether embedding bags are compiled for the processor at hand."""
