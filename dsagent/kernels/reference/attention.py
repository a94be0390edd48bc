"""The one attention (model reference §4.4): queries, key rows, what is hidden, sinks.

Keys are values: one row serves every head as both. Which rows a query sees is the
caller's business (window, compressed entries, a draft block): it hands over the rows
and a bias that is -inf where a query must not look.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from dsagent.kernels.reference.products import project

if TYPE_CHECKING:
    from torch import Tensor


def attend(
    q: Tensor, rows: Tensor, sinks: Tensor, bias: Tensor, *, sink: int = 0
) -> Tensor:
    """Softmax attention of every head over shared rows.

    Args:
        q: Queries ``[..., n, H, d]``, scaled already (``unit_queries``).
        rows: ``[..., K, d]``. Row ``sink`` must be zero: its score gives way to the
            sink, which so costs no operation of its own and adds nothing to the output.
        sinks: A logit a head ``[H]``, in the denominator only.
        bias: Added to the scores ``[..., n, K]``, -inf for what is hidden.
        sink: Which row is the zero one.

    Returns:
        ``[..., n, H, d]``.
    """
    *lead, n, heads, d = q.shape
    if q.dim() == 3 and n == 1:
        scores = torch.addmm(bias, q[0], rows.t())
        scores.select(1, sink).copy_(sinks)
        return project(scores.softmax(1), rows).unsqueeze(0)
    product = project if rows.dim() == 2 else torch.matmul
    flat = q.reshape(*lead, n * heads, d)
    scores = product(flat, rows.transpose(-1, -2)).view(*lead, n, heads, -1)
    scores += bias.unsqueeze(-2)
    scores.select(-1, sink).copy_(sinks)
    p = scores.softmax(-1).view(*lead, n * heads, -1)
    return product(p, rows).view(*lead, n, heads, d)
