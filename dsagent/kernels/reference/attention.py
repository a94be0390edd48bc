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
    from collections.abc import Sequence

    from torch import Tensor


def attend(
    q: Tensor,
    rows: Tensor,
    sinks: Tensor,
    bias: Tensor,
    more: Sequence[Tensor] = (),
    *,
    sink: int = 0,
) -> Tensor:
    """Softmax attention of every head over shared rows.

    Args:
        q: Queries ``[..., n, H, d]``, scaled already (``unit_queries``).
        rows: ``[..., K, d]``. Row ``sink`` must be zero: its score gives way to the
            sink, which so costs no operation of its own and adds nothing to the output.
        sinks: A logit a head ``[H]``, in the denominator only.
        bias: Added to the scores ``[..., n, K + M]``, -inf for what is hidden.
        more: Rows behind those that lie elsewhere, M in all, if there are no leading
            dimensions: they are read where they are.
        sink: Which row is the zero one.

    Returns:
        ``[..., n, H, d]``.
    """
    *lead, n, heads, d = q.shape
    if more:
        return _attend_pieces(q, (rows, *more), sinks, bias, sink)
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


def _attend_pieces(
    q: Tensor, pieces: Sequence[Tensor], sinks: Tensor, bias: Tensor, sink: int
) -> Tensor:
    """`attend` of ``q [n, H, d]`` over rows in several places."""
    n, heads, d = q.shape
    flat = q.view(n * heads, d)
    scores = torch.cat([project(flat, piece.t()) for piece in pieces], 1)
    scores = scores.view(n, heads, -1)
    scores += bias.unsqueeze(1)
    scores.select(2, sink).copy_(sinks)
    p = scores.softmax(2).view(n * heads, -1).split([len(x) for x in pieces], 1)
    out = project(p[0], pieces[0])
    for weights, piece in zip(p[1:], pieces[1:], strict=True):
        out += project(weights, piece)
    return out.view(n, heads, d)
