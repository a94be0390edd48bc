"""Routing and the expert's activation (model reference §6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    return chosen, weights.mul_(scale / weights.sum(-1, keepdim=True))


def swiglu(x: Tensor, limit: float) -> Tensor:
    """``silu(min(g, limit)) · clamp(u, ±limit)`` of ``x [..., 2I]`` = g and u."""
    gate, up = x.chunk(2, -1)
    return F.silu(gate.clamp(max=limit)).mul_(up.clamp(-limit, limit))
