"""The one attention (model reference §4.4): queries, key rows, what is hidden, sinks.

Keys are values: one row serves every head as both. Which rows a query sees is the
caller's business (window, compressed entries, a draft block). It hands over either rows
for all queries and a bias that is -inf where a query must not look (:func:`attend`), or
a pool and for each query a list of rows in it (:func:`sparse_attention`). The former
reads a row once for many queries, the latter nothing that isn't seen.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

import torch

from dsagent.kernels.reference.products import project
from dsagent.kernels.rows import decoding_bytes, read_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from dsagent.kernels.rows import RowFormat

BUDGET: Final = 64 << 20
"""Bytes that :func:`sparse_attention` may take unless its caller says otherwise."""
SCORES: Final = 4 << 20
"""Bytes of scores that :func:`attend` computes at once: they are gone over three times,
and of what doesn't stay in a cache every pass costs, new pages of memory most of all.
"""
PICKED: Final = 2 << 20
"""Bytes of rows that :func:`attend_own` picks at once, to read them twice."""


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

    Without leading dimensions memory is bounded: of many queries over many rows it
    takes some after the others, a power of two of them, for products of few shapes.
    """
    *lead, n, heads, d = q.shape
    some = max(1, SCORES // (4 * heads * bias.shape[-1]))
    if some < n and not lead:
        out = torch.empty_like(q)
        some = 1 << (some.bit_length() - 1)
        for i in range(0, n, some):
            part = slice(i, i + some)
            out[part] = attend(q[part], rows, sinks, bias[part], more, sink=sink)
        return out
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
    if n == 1:
        return _attend_one(q[0], pieces, sinks, bias, sink).unsqueeze(0)
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


def _attend_one(
    q: Tensor, pieces: Sequence[Tensor], sinks: Tensor, bias: Tensor, sink: int
) -> Tensor:
    """The same of one query ``[H, d]``, in as few operations as can be."""
    sizes = [piece.shape[0] for piece in pieces]
    scores = torch.cat(
        [
            torch.addmm(part, q, piece.t())
            for part, piece in zip(bias.split_with_sizes(sizes, 1), pieces, strict=True)
        ],
        1,
    )
    scores.select(1, sink).copy_(sinks)
    p = scores.softmax(1).split_with_sizes(sizes, 1)
    out = torch.mm(p[0], pieces[0])
    for weights, piece in zip(p[1:], pieces[1:], strict=True):
        out.addmm_(weights, piece)
    return out


def attend_own(
    q: Tensor,
    rows: Tensor,
    sinks: Tensor,
    bias: Tensor,
    chosen: Tensor,
    pick: Callable[[Tensor], Tensor],
    *,
    sink: int = 0,
    budget: int = PICKED,
) -> Tensor:
    """`attend` over rows that all queries share, and others of every query's own.

    Args:
        q: Queries ``[n, H, d]``, scaled already.
        rows: Shared ones ``[K, d]``, as for `attend`.
        sinks: ``[H]``.
        bias: Of the shared rows ``[n, K]``.
        chosen: Which further rows each query sees ``[n, k]``; below 0: none.
        pick: From numbers ``[m, k]`` to these rows ``[m, k, d]``.
        sink: Which of the shared rows is the zero one.
        budget: Bytes of the rows that are picked at once.

    Returns:
        ``[n, H, d]``.
    """
    n, heads, d = q.shape
    shared = rows.shape[0]
    near = project(q.view(n * heads, d), rows.t()).view(n, heads, shared)
    near += bias.unsqueeze(1)
    near.select(2, sink).copy_(sinks)
    fewer = bool((chosen < 0).any())
    out = torch.empty_like(q)
    p = near.new_empty(n, heads, shared)
    step = max(1, budget // (4 * d * max(1, chosen.shape[1])))
    for i in range(0, n, step):
        part = slice(i, i + step)
        numbers = chosen[part]
        own = pick(numbers.clamp(min=0))
        far = torch.bmm(q[part], own.transpose(1, 2))
        if fewer:
            far.masked_fill_((numbers < 0).unsqueeze(1), -torch.inf)
        weights = torch.cat((near[part], far), 2).softmax(2)
        p[part] = weights[:, :, :shared]
        out[part] = torch.bmm(weights[:, :, shared:], own)
    out += project(p.view(n * heads, shared), rows).view(n, heads, d)
    return out


def sparse_attention(
    q: Tensor,
    pool: Tensor,
    rows: Tensor,
    starts: Tensor,
    sinks: Tensor,
    *,
    stored: RowFormat | None = None,
    budget: int = BUDGET,
) -> Tensor:
    """Softmax attention of every query over rows of its own.

    Args:
        q: Queries ``[n, H, d]``, scaled already (``unit_queries``).
        pool: ``[R, d]``, or ``[R, width]`` as ``stored`` says: rings, entries of every
            page, blocks of drafts.
        rows: Row numbers, int64, query after query; their order doesn't matter.
        starts: Query i sees ``rows[starts[i] : starts[i + 1]]``; int64 ``[n + 1]``,
            ascending.
        sinks: A logit a head ``[H]``, in the denominator only.
        stored: How the pool's rows are stored, if not as float32.
        budget: Bytes of all intermediates, which is kept to by taking fewer queries at
            once, at least one. Queries with as many rows as their neighbours are
            computed in one product.

    Returns:
        ``[n, H, d]``, zero for a query that sees nothing. Rows that nobody lists don't
        matter, whatever they hold.
    """
    out = torch.zeros_like(q)
    bounds = starts.tolist()
    _, heads, d = q.shape
    cells = budget // (4 * d + 16 * heads + 32 + decoding_bytes(stored))
    for i, j, longest in _tiles(bounds, cells):
        listed, hidden = rows[bounds[i] : bounds[j]], None
        if len(listed) < longest * (j - i):
            listed, hidden = _padded(listed, starts[i : j + 1] - bounds[i], longest)
        keys = read_rows(pool, listed, stored).view(j - i, longest, d)
        out[i:j] = _attend_own(q[i:j], keys, hidden, sinks)
        del keys  # Or they stay while the next are read.
    return out


def _attend_own(
    q: Tensor, keys: Tensor, hidden: Tensor | None, sinks: Tensor
) -> Tensor:
    """Each of ``q [n, H, d]`` over its own ``keys [n, L, d]`` but ``hidden [n, L]``."""
    n, heads, _ = q.shape
    scores = torch.bmm(q, keys.transpose(1, 2))
    if hidden is not None:
        scores.masked_fill_(hidden.unsqueeze(1), -torch.inf)
    scores = torch.cat((scores, sinks.view(1, heads, 1).expand(n, heads, 1)), 2)
    return torch.bmm(scores.softmax(2)[:, :, :-1], keys)


def _tiles(bounds: list[int], cells: int) -> Iterator[tuple[int, int, int]]:
    """Consecutive queries ``i`` to ``j`` and the longest list of theirs.

    Made up to that length their lists have ``cells`` rows at most, and at most twice as
    many as they had. Queries with empty lists belong to no tile.
    """
    first = longest = total = 0
    for i, (start, stop) in enumerate(pairwise(bounds)):
        length = stop - start
        size = max(longest, length) * (i + 1 - first)
        if total and (not length or size > min(cells, 2 * (total + length))):
            yield first, i, longest
            longest = total = 0
        first = i if not total else first
        longest, total = max(longest, length), total + length
    if total:
        yield first, len(bounds) - 1, longest


def _padded(rows: Tensor, starts: Tensor, longest: int) -> tuple[Tensor, Tensor]:
    """Lists made up to one length by repeating their last rows, and which those are.

    ``[m * longest]`` and bool ``[m, longest]``. A repeated row is one that was listed:
    a row nobody lists may hold NaN, which a weight of zero doesn't hide.
    """
    place = torch.arange(longest) + starts[:-1, None]
    ends = starts[1:, None]
    return rows[place.clamp(max=ends - 1).flatten()], place >= ends
