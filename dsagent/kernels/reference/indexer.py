"""Which compressed entries a query attends to (model reference §4.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def index_scores(q: Tensor, gates: Tensor, keys: Tensor) -> Tensor:
    """``Σ_h g_h relu(q_h · k)``.

    ``q [n, Hi, di]``, ``gates [n, Hi]`` (already scaled), ``keys [E, di]`` to
    ``[n, E]``.
    """
    n, heads, di = q.shape
    dots = torch.mm(q.reshape(n * heads, di), keys.t()).relu_()
    return torch.bmm(gates.unsqueeze(1), dots.view(n, heads, -1)).squeeze(1)


def select(scores: Tensor, k: int) -> Tensor:
    """Which entries are among the k of the largest score: bool ``[n, E]``.

    Of equal scores the lower index wins (relu makes exact zeros, hence exact ties, and
    ``topk`` alone would break them as it likes). A row with fewer than k finite scores
    selects just those. Needs ``k < E``.
    """
    least = scores.topk(k, -1, sorted=False).values.amin(-1, keepdim=True)
    above = scores > least
    tied = scores == least
    room = k - above.sum(-1, keepdim=True)
    return (above | (tied & (tied.cumsum(-1) <= room))) & (scores > -torch.inf)
