"""Pooling raw rows into compressed entries (model reference §4.6).

``kv`` and ``z`` are the projected rows of consecutive tokens; ``ape`` is added to the
gate logits by slot. Every channel has a softmax of its own over the members. The norm
and the rotation that follow are the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor


def pool_windows(kv: Tensor, z: Tensor, ape: Tensor) -> Tensor:
    """Whole windows, one entry each (ratio 128).

    ``kv, z [w·ratio, d]``, ``ape [ratio, d]`` to ``[w, d]``.
    """
    ratio, d = ape.shape
    logits = z.view(-1, ratio, d) + ape
    return (logits.softmax(1) * kv.view(-1, ratio, d)).sum(1)


def pool_overlapping(kv: Tensor, z: Tensor, ape: Tensor, *, first: bool) -> Tensor:
    """Windows that also look at the one before (ratio 4).

    An entry pools series A (the left half of the channels) of the previous window and
    series B (the right half) of its own. ``kv, z [(w+1)·ratio, 2d]`` begin with the
    window before the first entry, or, if ``first``, with the first entry's own
    (``[w·ratio, 2d]``): that one has no previous window. Returns ``[w, d]``.
    """
    ratio, double = ape.shape
    d = double // 2
    kv, z = kv.view(-1, ratio, double), z.view(-1, ratio, double) + ape
    if first:
        kv = F.pad(kv, (0, 0, 0, 0, 1, 0))
        z = F.pad(z, (0, 0, 0, 0, 1, 0), value=-torch.inf)
    members = torch.cat((kv[:-1, :, :d], kv[1:, :, d:]), 1)
    logits = torch.cat((z[:-1, :, :d], z[1:, :, d:]), 1)
    return (logits.softmax(1) * members).sum(1)
