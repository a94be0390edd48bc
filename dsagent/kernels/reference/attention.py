"""The one attention (model reference §4.4): queries, key rows, what is hidden, sinks.

Keys are values: one row serves every head as both. Which rows a query sees is the
caller's business (window, compressed entries, a draft block): it hands over the rows
and a bias that is -inf where a query must not look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def attend(
    q: Tensor, rows: Tensor, sinks: Tensor, bias: Tensor | None, scale: float
) -> Tensor:
    """Softmax attention of every head over shared rows.

    Args:
        q: Queries ``[..., n, H, d]``.
        rows: ``[..., K, d]``. Row 0 must be zero: its score gives way to the sink, so
            that a sink costs no operation of its own and adds nothing to the output.
        sinks: A logit a head ``[H]``, in the denominator only.
        bias: Added to the scores, ``[..., n, K]``; nothing is hidden if ``None``.
        scale: Factor on the scores, not on bias or sinks.

    Returns:
        ``[..., n, H, d]``.
    """
    *lead, n, heads, d = q.shape
    flat = q.reshape(*lead, n * heads, d)
    scores = torch.matmul(flat, rows.transpose(-1, -2)).mul_(scale)
    scores = scores.view(*lead, n, heads, -1)
    if bias is not None:
        scores += bias.unsqueeze(-2)
    scores[..., 0] = sinks
    p = scores.softmax(-1).view(*lead, n * heads, -1)
    return torch.matmul(p, rows).view(*lead, n, heads, d)
