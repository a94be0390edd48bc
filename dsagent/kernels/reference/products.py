"""The product of rows with a weight matrix.

torch sends float32 products on x86 to MKL, which on processors of other makers keeps to
narrower vectors. oneDNN, in the same torch, uses AVX-512 on all of them: of many rows
its product takes half the time. A call costs more there (10 µs, a copy of the weights
in another layout, and 400 µs once for every new shape), so products of few rows stay
where they are, and more rows are made up to a multiple of ``ROUND``, for prompts' ends
and experts' shares come in all sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 24
WORTH = 1 << 22
"""Rows and multiplications from which the wider vectors save more than they cost."""
ROUND = 16
"""Rows are filled up to a multiple of it."""


def project(x: Tensor, w: Tensor) -> Tensor:
    """``x [n, K] @ w [K, N]``."""
    n = len(x)
    if n < ROWS or not _WIDE or x.numel() * w.shape[1] < WORTH:
        return torch.mm(x, w)
    spare = -n % ROUND
    if spare:
        x = F.pad(x, (0, 0, 0, spare))
    y: Tensor = torch.ops.mkldnn._linear_pointwise(x, w.t(), None, "none", [], "")
    return y[:n] if spare else y


def _wide() -> bool:
    """Whether oneDNN is there and has vectors that MKL may not use."""
    return (
        torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    )


_WIDE = _wide()
