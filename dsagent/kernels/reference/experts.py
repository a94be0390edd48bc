"""Routing and the expert's activation (model reference §6)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor


def route(
    logits: Tensor, k: int, scale: float, *, bias: Tensor | None, chosen: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Experts ``[N, k]`` and their weights ``[N, k]`` for router logits ``[N, E]``.

    The score is sqrt(softplus). ``chosen`` (hash layers) names the experts; otherwise
    they are the k of the largest score + ``bias``. The bias never enters the weights.
    """
    score = F.softplus(logits).sqrt_()
    if chosen is None:
        biased = score if bias is None else score + bias
        chosen = biased.topk(k, -1).indices
    weights = score.gather(1, chosen)
    total = weights.sum(-1, keepdim=True)
    return chosen, torch.addcdiv(_ZERO, weights, total, value=scale)


def swiglu(x: Tensor, limit: float) -> Tensor:
    """``silu(min(g, limit)) · clamp(u, ±limit)`` of ``x [..., 2I]`` = g and u."""
    lower, upper = _bounds(x.shape[-1] // 2, limit)
    gate, up = torch.clamp(x, lower, upper).chunk(2, -1)
    return F.silu(gate).mul_(up)


@lru_cache
def _bounds(width: int, limit: float) -> tuple[Tensor, Tensor]:
    """Of gate and up, side by side."""
    lower = torch.full((2 * width,), -limit)
    lower[:width] = -torch.inf
    return lower, torch.full((2 * width,), limit)


_ZERO = torch.zeros(1)
