"""Which compressed entries a query attends to (model reference §4.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from dsagent.kernels.reference.products import rectified
from dsagent.kernels.rows import decoding_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from dsagent.kernels.rows import RowFormat

BUDGET: Final = 64 << 20
"""Bytes that :func:`index_topk` may take unless its caller says otherwise."""
TILE: Final = 4 << 20
"""Bytes of the products of one tile: they are read once more, from a cache."""
STRIDE: Final = 1024
"""Entries of a tile, where there are queries enough to fill it."""
ROUND: Final = 64
"""Entries are scored in multiples of it, for products of few shapes."""
FEW: Final = 16
"""Queries to choose for at once, if need be in several widths that are merged."""
CELL: Final = 20
"""Bytes a score takes while the largest are chosen: itself, a copy that is partitioned,
and, where there are ties, another copy, three masks and a count."""
TREATED: Final = 16
"""Bytes a channel of a query takes while it is treated as a narrower format says."""


def index_scores(q: Tensor, gates: Tensor, keys: Tensor) -> Tensor:
    """``Σ_h g_h relu(q_h · k)``.

    ``q [n, Hi, di]``, ``gates [n, Hi]`` (already scaled), ``keys [E, di]`` to
    ``[n, E]``.
    """
    n, heads, di = q.shape
    dots = rectified(q.reshape(n * heads, di), keys)
    return torch.bmm(gates.unsqueeze(1), dots.view(n, heads, -1)).squeeze(1)


def index_topk(
    q: Tensor,
    gates: Tensor,
    keys: Sequence[Tensor],
    k: int,
    visible: Tensor,
    *,
    stored: RowFormat | None = None,
    budget: int = BUDGET,
) -> Tensor:
    """The k entries of the largest score that each query sees.

    Scores are computed and merged tile by tile, so that memory depends on ``budget``
    and not on how many entries there are. Nothing is scored if no query sees more than
    k entries.

    Args:
        q: Rotated index queries ``[n, Hi, di]``.
        gates: ``[n, Hi]``, scaled.
        keys: Index rows of the entries in order, ``[e, di]`` each, or as ``stored``
            says: the stretches of memory they lie in. Rows behind the last visible one
            may be anything.
        k: How many to choose.
        visible: How many entries each query sees, ``[n]`` int64: the first so many.
        stored: How index rows are stored, if not as float32. Queries are then treated
            as it says.
        budget: Bytes of all intermediates. It is kept to as far as the least tile, 16
            queries against 64 entries, and the result allow.

    Returns:
        Entry numbers ``[n, k]`` int64, ascending, of equal scores the lower; filled up
        with -1 behind where a query sees fewer than k.

    Raises:
        ValueError: ``keys`` are fewer than what is visible.
    """
    if not len(q):
        return visible.new_empty(0, k)
    most = int(visible.max())
    tiling = _tiling(q, k, most, stored, budget)
    if tiling.queries >= len(q):
        return _best(q, gates, keys, k, visible, stored, tiling)
    parts = (part.split(tiling.queries) for part in (q, gates, visible))
    return torch.cat(
        [
            _best(some, weights, keys, k, seen, stored, tiling)
            for some, weights, seen in zip(*parts, strict=True)
        ]
    )


def index_topk_alone(
    q: Tensor,
    gates: Tensor,
    keys: Sequence[Tensor],
    k: int,
    seen: int,
    *,
    stored: RowFormat | None = None,
) -> Tensor:
    """:func:`index_topk` ``[k]`` of one query that sees ``seen`` entries, over k.

    Where they lie together and aren't too many for one tile, no tiles are laid.
    """
    length = len(keys[0]) if len(keys) == 1 else 0
    if stored is not None or length < seen or 4 * q.shape[1] * length > TILE:
        return index_topk(q, gates, keys, k, torch.tensor([seen]), stored=stored)[0]
    # As `_largest` does for many rows, whose bookkeeping would take a fifth of this.
    scores = index_scores(q, gates, keys[0])[0, :seen].numpy()
    found = np.flatnonzero(scores >= np.partition(scores, seen - k)[seen - k])
    if len(found) != k:
        found = np.flatnonzero(_untied(scores[None], k))
    return torch.from_numpy(found)


@dataclass(frozen=True, slots=True)
class _Tiling:
    """How much is computed at once."""

    queries: int
    """Queries for which is chosen at once,"""
    entries: int
    """and entries among which."""
    rows: int
    """Queries of one product,"""
    step: int
    """and its entries."""


def _tiling(
    q: Tensor, k: int, most: int, stored: RowFormat | None, budget: int
) -> _Tiling:
    """Half of the budget for choosing, a quarter for products, a quarter for keys.

    It is chosen among all entries at once if that leaves a handful of queries, for a
    merge costs more than another product with the same keys.
    """
    n, heads, di = q.shape
    entries = -(-most // ROUND) * ROUND
    treated = 0 if stored is None else TREATED * heads * di
    share = CELL * (entries + 2 * k) + treated
    queries = min(n, max(FEW, budget // 2 // share))
    queries = -(-n // -(-n // queries))
    width = (budget // 2 // queries - treated) // CELL - 2 * k
    pairs = min(TILE, budget // 4) // (4 * heads)
    rows = min(queries, max(1, pairs // STRIDE))
    key = 4 * di + decoding_bytes(stored)
    step = min(pairs // rows, min(TILE, budget // 4) // key, width)
    return _Tiling(
        queries=queries,
        entries=max(ROUND, min(entries, width)),
        rows=rows,
        step=max(ROUND, step // ROUND * ROUND),
    )


def _best(
    q: Tensor,
    gates: Tensor,
    keys: Sequence[Tensor],
    k: int,
    visible: Tensor,
    stored: RowFormat | None,
    tiling: _Tiling,
) -> Tensor:
    """:func:`index_topk` of queries that are few enough to choose for at once."""
    least, most = (int(bound) for bound in visible.aminmax())
    if most <= k:
        ids = torch.arange(k).repeat(len(q), 1)
    else:
        tiles = _tiles(keys, tiling.step, most)
        if stored is not None:
            q, tiles = stored.queries(q), map(stored.decode, tiles)
        scored = _scored(q, gates, tiles, visible, (least, most), tiling)
        ids = torch.from_numpy(_streamed(scored, k))
    return ids.masked_fill_(ids >= visible.unsqueeze(1), -1) if least < k else ids


def _scored(
    q: Tensor,
    gates: Tensor,
    tiles: Iterator[Tensor],
    visible: Tensor,
    bounds: tuple[int, int],
    tiling: _Tiling,
) -> Iterator[tuple[NDArray[np.float32], bool]]:
    """Scores ``[n, <= entries]`` in order, -inf where a query doesn't see an entry.

    With each, whether more will come; what was yielded is then overwritten. ``bounds``
    are the least and the most that is visible.
    """
    n, rows, width = len(q), tiling.rows, tiling.entries
    least, most = bounds
    if n <= rows and most <= tiling.step:
        yield _hidden(index_scores(q, gates, next(tiles)), visible, 0, least), False
        return
    scores = q.new_empty(n, width)
    base = filled = 0
    for tile in tiles:
        if filled + len(tile) > width:
            yield _hidden(scores[:, :filled], visible, base, least), True
            base, filled = base + filled, 0
        place = scores[:, filled : filled + len(tile)]
        for i in range(0, n, rows):
            j = i + rows
            place[i:j] = index_scores(q[i:j], gates[i:j], tile)
        filled += len(tile)
    yield _hidden(scores[:, :filled], visible, base, least), False


def _hidden(
    scores: Tensor, visible: Tensor, base: int, least: int
) -> NDArray[np.float32]:
    """``scores`` of the entries from ``base`` on, -inf where they aren't visible."""
    first = max(0, least - base)
    if first < scores.shape[1]:
        entries = torch.arange(base + first, base + scores.shape[1])
        scores[:, first:].masked_fill_(entries >= visible.unsqueeze(1), -torch.inf)
    array: NDArray[np.float32] = scores.numpy()
    return array


def _tiles(keys: Sequence[Tensor], size: int, end: int) -> Iterator[Tensor]:
    """Index rows in order, ``size`` at a time, at least as far as entry ``end``.

    Those that lie together are not copied. The last tile is made up to a multiple of
    ``ROUND`` from what is there.
    """
    parts: list[Tensor] = []
    spare = -end % ROUND
    have, left = 0, end + spare
    for run in keys:
        start, length = 0, len(run)
        while start < length and left:
            taken = min(length - start, size - have, left)
            parts.append(run if taken == length else run[start : start + taken])
            start, have, left = start + taken, have + taken, left - taken
            if have == size:
                yield parts[0] if len(parts) == 1 else torch.cat(parts)
                parts, have = [], 0
    if left > spare:
        raise ValueError(f"keys lack {left - spare} of {end} entries")
    if have:
        yield parts[0] if len(parts) == 1 else torch.cat(parts)


def _streamed(
    scored: Iterator[tuple[NDArray[np.float32], bool]], k: int
) -> NDArray[np.int64]:
    """Columns ``[n, k]`` of the k largest scores, ascending.

    The best of what has gone by stand before the scores that come, so that of equal
    ones the first still has the lower number.
    """
    ids = np.empty((0, 0), np.int64)
    best = np.empty((0, 0), np.float32)
    base = 0
    for scores, more in scored:
        kept = best.shape[1]
        pool = np.concatenate((best, scores), 1) if kept else scores
        columns = _largest(pool, min(k, pool.shape[1]))
        best = np.take_along_axis(pool, columns, 1) if more else best
        if kept:
            old = np.take_along_axis(ids, np.minimum(columns, kept - 1), 1)
            ids = np.where(columns < kept, old, columns + (base - kept))
        else:
            ids = columns
        base += scores.shape[1]
    return ids


def _largest(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The k largest of each row, ``[n, k]`` ascending columns, of equal ones the first.

    numpy's partition finds a row's k-th largest several times faster than torch's topk.
    """
    n, width = scores.shape
    cut = np.partition(scores, width - k, axis=1)[:, width - k, None].copy()
    chosen = scores >= cut
    if np.count_nonzero(chosen) != n * k:
        rows = np.flatnonzero(np.count_nonzero(chosen, axis=1) != k)
        chosen[rows] = _untied(scores[rows], k)
    flat = np.flatnonzero(chosen).reshape(n, k)
    return flat - np.arange(0, n * width, width)[:, None]


def _untied(scores: NDArray[np.float32], k: int) -> NDArray[np.bool_]:
    """Exactly k of each row, where several score like the k-th. NaN scores lowest.

    What isn't a number comes of a sequence that is lost anyway; it must not take its
    batch along.
    """
    scores[np.isnan(scores)] = -np.inf
    width = scores.shape[1]
    cut = np.partition(scores, width - k, axis=1)[:, width - k, None].copy()
    above, tied = scores > cut, scores == cut
    room = k - np.count_nonzero(above, axis=1)[:, None]
    chosen: NDArray[np.bool_] = above | (tied & (tied.cumsum(1, np.int32) <= room))
    return chosen
