"""Attention over a window and compressed entries (model reference §4).

Projections run over the whole flat batch; what touches a sequence's cache runs span by
span, on slices of its own storage: on a CPU a slice costs nothing, while gathering the
rows of several sequences into one tensor would copy them all for every token.

A short span (a decoded token, a draft to verify) is computed against the rings, which
then hold it; a longer one against the rows before it and its own, in blocks of queries,
and leaves its end in the rings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from dsagent.engine.config import CSA
from dsagent.engine.memory import SLACK
from dsagent.engine.rings import read_ring, read_window, write_ring, write_window
from dsagent.kernels import ops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from dsagent.engine.batch import Batch, Span
    from dsagent.engine.cache import Cache, LayerState
    from dsagent.engine.heads import HeadsOut
    from dsagent.engine.rotations import Rotations
    from dsagent.kernels.rows import RowFormat

BLOCK = 128
"""Queries of a long span attended together."""
DENSE = 4
"""Entries beyond this many times top-k are gathered a query, not masked."""


@dataclass(frozen=True, slots=True)
class Norms:
    """Weights of the norms that can't be folded away."""

    kv: Tensor
    rows: ops.RowNorms
    """A single token's queries' and key's."""
    entry: Tensor | None
    index_entry: Tensor | None


@dataclass(frozen=True, slots=True)
class Tails:
    """Where only the last tokens of some spans are wanted: in the last layer.

    Every token leaves its key and its part of an entry there, but only those whose
    logits are asked for need to attend, and to go on to the experts.
    """

    rows: Tensor
    """Flat rows of the queries ``[Q]``."""
    spans: tuple[slice, ...]
    """Every span's queries among them, perhaps none."""


@dataclass(frozen=True, slots=True)
class Step:
    """What every layer of a kind shares in one forward pass."""

    batch: Batch
    cache: Cache
    factors: Tensor
    """Rotations of the queries' positions ``[Q, 1, r/2]``."""
    inverse: Tensor
    flat_factors: Tensor
    """Rotations of the batch's positions ``[N, r/2]``."""
    rotations: Rotations
    """Of all positions, for entries."""
    ring_bias: tuple[Tensor | None, ...]
    """A span: which ring slots its queries see ``[n, used + 1]``, if it is short."""
    biases: dict[tuple[int, int], Tensor]
    """By span and ratio, what single tokens see: every closed entry too."""
    tails: Tails | None = None
    """Rows whose attention is wanted; ``None`` for all."""

    def single_bias(self, i: int, ratio: int, seen: int, taken: int) -> Tensor:
        """Bias ``[1, used + 1 + taken]`` of span i, one token that sees ``seen``."""
        bias = self.biases.get((i, ratio))
        if bias is None:
            ring = self.ring_bias[i]
            assert ring is not None
            bias = F.pad(ring, (0, taken)) if taken else ring
            if seen < taken:
                bias[:, seen - taken :].fill_(-torch.inf)
            self.biases[i, ratio] = bias
        return bias


@dataclass(frozen=True, slots=True)
class Attention:
    """One layer's weights. Matrices are transposed: ``x @ w``."""

    ratio: int
    heads: int
    topk: int
    window: int
    eps: float
    wide: ops.Matrix
    """All that reads the layer's input, side by side: wq_a, wkv, compressors' kv and z,
    index gates ``[D, …]``, the attention norm's weight folded in."""
    splits: tuple[int, ...]
    """Widths of qr, kv, raw row, index gates."""
    queries: ops.Matrix
    """wq_b ``[Rq, H·d]``, q_norm folded in."""
    index_queries: ops.Matrix | None
    """The indexer's ``[Rq, Hi·di]``, q_norm folded in."""
    out: HeadsOut
    sinks: Tensor
    norms: Norms
    ape: Tensor | None
    index_ape: Tensor | None

    def __call__(self, x: Tensor, layer: int, step: Step) -> Tensor:
        """``x [N, D]`` (normalised) to ``[Q, D]``; writes the batch into the cache."""
        wide = ops.project(x, self.wide)
        qr, kv, raw, gates = wide.split_with_sizes(self.splits, 1)
        if step.tails is not None:
            qr, gates = qr[step.tails.rows], gates[step.tails.rows]
        n = qr.shape[0]
        if x.shape[0] == 1 == n:
            heads, kv = self._rows(qr, kv, step.flat_factors)
            o = self._single(heads, kv, (raw, qr, gates), layer, step)
            return self.output(o, step.inverse)
        heads = self.query_heads(qr, step.factors)
        kv = ops.rms_norm(kv, self.norms.kv, self.eps)
        kv = ops.rotate_(kv, step.flat_factors)
        o = self._spans(heads, kv, (raw, qr, gates), layer, step)
        if not n:
            return x.new_empty(0, x.shape[1])
        return self.output(o, step.inverse)

    def query_heads(self, qr: Tensor, factors: Tensor) -> Tensor:
        """Rotated queries ``[n, H, d]`` of latents ``[n, Rq]``."""
        d = self.norms.kv.shape[0]
        heads = ops.project(qr, self.queries).view(-1, self.heads, d)
        return ops.rotate_(ops.unit_queries(heads, qr, self.eps), factors)

    def _rows(self, qr: Tensor, kv: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
        """One token's queries ``[1, H, d]`` and key ``[1, d]``, treated together."""
        heads = ops.project(qr, self.queries).view(self.heads, -1)
        rows = ops.unit_rows(torch.cat((heads, kv)), qr.view(-1), self.norms.rows)
        queries, key = ops.rotate_(rows, factors).split_with_sizes((self.heads, 1))
        return queries.unsqueeze(0), key

    def output(self, o: Tensor, inverse: Tensor) -> Tensor:
        """``o [n, H, d]`` as attended (changed in place) to ``[n, D]``."""
        return self.out(ops.rotate_(o, inverse))

    def _spans(
        self,
        heads: Tensor,
        kv: Tensor,
        rest: tuple[Tensor, Tensor, Tensor],
        layer: int,
        step: Step,
    ) -> Tensor:
        """What the spans' queries attend to, ``[Q, H, d]``."""
        raw, qr, gates = rest
        o = torch.empty_like(heads)
        for i, span in enumerate(step.batch.spans):
            part = span.rows
            asks = part if step.tails is None else step.tails.spans[i]
            if span.length == 1 and asks.stop > asks.start:
                parts = (raw[part], qr[asks], gates[asks])
                o[asks] = self._single(
                    heads[asks], kv[part], parts, layer, step, i, asks
                )
                continue
            state = step.cache.layers(span.slot)[layer]
            if self.ratio:
                self._compress(span, raw[part], state, step)
            index = self._index_queries(qr[asks], gates[asks], asks, span, step)
            bias = step.ring_bias[i]
            attend = self._short if bias is not None else self._long
            attend(heads[asks], kv[part], span, state, bias, index, o[asks])
        return o

    def _single(
        self,
        heads: Tensor,
        kv: Tensor,
        rest: tuple[Tensor, Tensor, Tensor],
        layer: int,
        step: Step,
        i: int = 0,
        asks: slice = slice(0, 1),
    ) -> Tensor:
        """One token, span i, the query row ``asks``: ``[1, H, d]``."""
        raw, qr, gates = rest
        span = step.batch.spans[i]
        state = step.cache.layers(span.slot)[layer]
        ring = self.window + SLACK
        place = -span.end % ring
        state.ring[place : place + 1].copy_(kv)
        seen = 0
        if self.ratio:
            self._compress(span, raw, state, step)
            seen = span.end // self.ratio
        used, taken = _used(span, ring), _taken(seen, state)
        near = state.ring[ring - used :]
        index = self._index_queries(qr, gates, asks, span, step)
        if index is None:
            far = _entries(state, taken)
        else:
            assert state.entries is not None
            chosen = self._choose_alone(index, seen, state)
            far, taken = [state.entries.pick(chosen)], self.topk
        bias = step.single_bias(i, self.ratio, seen, taken)
        return ops.attend(heads, near, self.sinks, bias, far, sink=used)

    def _index_queries(
        self, qr: Tensor, gates: Tensor, asks: slice, span: Span, step: Step
    ) -> tuple[Tensor, Tensor] | None:
        """Rotated index queries and gates, if any query sees more than top-k.

        ``qr`` isn't normalised: that would multiply all of a query's scores by the same
        positive number, and only their order counts.
        """
        if self.ratio != CSA or span.end // CSA <= self.topk or not qr.shape[0]:
            return None
        heads = gates.shape[1]
        assert self.index_queries is not None
        iq = ops.project(qr, self.index_queries).view(qr.shape[0], heads, -1)
        return ops.rotate_(iq, step.factors[asks]), gates

    def _short(
        self,
        q: Tensor,
        kv: Tensor,
        span: Span,
        state: LayerState,
        bias: Tensor | None,
        index: tuple[Tensor, Tensor] | None,
        out: Tensor,
    ) -> None:
        """The last ``len(q)`` tokens against the rings, which are written first."""
        assert bias is not None
        ring, used = self.window + SLACK, bias.shape[1] - 1
        write_window(state.ring[:ring], kv, span.end)
        n = len(q)
        if not n:
            return
        near, bias = state.ring[ring - used :], bias[span.length - n :]
        position = span.end - n
        out.copy_(self._attended(q, near, bias, position, index, state, sink=used))

    def _long(
        self,
        q: Tensor,
        kv: Tensor,
        span: Span,
        state: LayerState,
        bias: Tensor | None,
        index: tuple[Tensor, Tensor] | None,
        out: Tensor,
    ) -> None:
        """The last ``len(q)`` tokens, in blocks, against the rows before them.

        Those are the window before the span and the span's own.
        """
        del bias
        skipped = span.length - len(q)
        ring = self.window + SLACK
        before = min(self.window - 1, span.start)
        near = torch.cat((read_window(state.ring[:ring], span.start, before), kv))
        for start, stop in _blocks(len(q)):
            place = before + skipped + start
            first = max(0, place - self.window + 1)
            keys = near[first : place + stop - start]
            mask = _window_bias(place - first, stop - start, len(keys), self)
            rows = torch.cat((state.ring[ring:], keys))
            position = span.start + skipped + start
            part = (
                None if index is None else (index[0][start:stop], index[1][start:stop])
            )
            queries = q[start:stop]
            out[start:stop] = self._attended(
                queries, rows, mask, position, part, state, sink=0
            )
        write_window(state.ring[:ring], kv, span.end)

    def _attended(
        self,
        q: Tensor,
        near: Tensor,
        bias: Tensor,
        position: int,
        index: tuple[Tensor, Tensor] | None,
        state: LayerState,
        *,
        sink: int,
    ) -> Tensor:
        """Queries from ``position`` on over what is near and the entries each sees.

        Far more entries than top-k are gathered, a query its own; of fewer all are
        read, and what wasn't chosen is hidden.
        """
        n = len(q)
        seen = (position + n) // self.ratio if self.ratio else 0
        taken = _taken(seen, state)
        if not taken:
            return ops.attend(q, near, self.sinks, bias, sink=sink)
        assert state.entries is not None
        visible = torch.arange(position + 1, position + n + 1) // self.ratio
        if index is None or seen <= self.topk:
            hidden = torch.arange(taken) >= visible[:, None]
            shown = torch.zeros(n, taken).masked_fill_(hidden, -torch.inf)
        else:
            chosen = self._choose(index, visible, seen, state)
            if seen > DENSE * self.topk:
                own = state.entries.pick
                return ops.attend_own(q, near, self.sinks, bias, chosen, own, sink=sink)
            # What -1 stands for falls into a column that is cut off.
            shown = torch.full((n, taken + 1), -torch.inf)
            shown.scatter_(1, chosen % (taken + 1), 0.0)
            shown = shown[:, :taken]
        far = state.entries.read(0, taken)
        bias = torch.cat((bias, shown), 1)
        return ops.attend(q, near, self.sinks, bias, far, sink=sink)

    def _choose(
        self,
        index: tuple[Tensor, Tensor],
        visible: Tensor,
        seen: int,
        state: LayerState,
    ) -> Tensor:
        """The top-k entries of every query ``[n, k]``, -1 where it sees fewer."""
        keys, stored = _index_keys(seen, state)
        return ops.index_topk(*index, keys, self.topk, visible, stored=stored)

    def _choose_alone(
        self, index: tuple[Tensor, Tensor], seen: int, state: LayerState
    ) -> Tensor:
        """The top-k entries ``[k]`` of a single query that sees more than k."""
        keys, stored = _index_keys(seen, state)
        return ops.index_topk_alone(*index, keys, self.topk, seen, stored=stored)

    def _compress(self, span: Span, raw: Tensor, state: LayerState, step: Step) -> None:
        """Store the raw rows, and the entries of the windows that the span closes."""
        assert state.raw is not None
        first, last = span.start // self.ratio, span.end // self.ratio
        if first < last:
            back = first - 1 if self.ratio == CSA and first else first
            begin = back * self.ratio
            old = read_ring(state.raw, begin, span.start - begin)
            members = raw[: last * self.ratio - span.start]
            members = torch.cat((old, members)) if len(old) else members
            self._pool(members, first, last, state, step.rotations)
        write_ring(state.raw, raw, span.start)

    def _pool(
        self,
        members: Tensor,
        first: int,
        last: int,
        state: LayerState,
        rotations: Rotations,
    ) -> None:
        """Entries ``first`` to ``last`` from raw rows that begin a window earlier."""
        d = self.norms.kv.shape[0]
        assert self.ape is not None
        assert self.norms.entry is not None
        ratio = self.ratio
        factors = rotations.every(first * ratio, last * ratio, ratio)
        assert state.entries is not None
        if self.ratio != CSA:
            kv, z = members.split(d, 1)
            e = ops.pool_windows(kv, z, self.ape)
            e = ops.rms_norm(e, self.norms.entry, self.eps)
            state.entries.write(first, ops.rotate_(e, factors))
            return
        assert self.index_ape is not None
        assert self.norms.index_entry is not None
        assert state.index is not None
        di = (members.shape[1] - 4 * d) // 4
        kv, z, ikv, iz = members.split((2 * d, 2 * d, 2 * di, 2 * di), 1)
        start = first == 0
        e = ops.pool_overlapping(kv.contiguous(), z, self.ape, first=start)
        e = ops.rms_norm(e, self.norms.entry, self.eps)
        state.entries.write(first, ops.rotate_(e, factors))
        e = ops.pool_overlapping(ikv.contiguous(), iz, self.index_ape, first=start)
        e = ops.rms_norm(e, self.norms.index_entry, self.eps)
        state.index.write(first, ops.rotate_(e, factors))


def ring_bias(span: Span, window: int) -> Tensor | None:
    """Which of ``used`` ring slots each query of a short span sees ``[n, used + 1]``.

    The last column is the sink's. ``None`` for a span too long to be computed against
    the ring.
    """
    if span.length > SLACK:
        return None
    ring, newest = window + SLACK, -span.end % (window + SLACK)
    used = _used(span, ring)
    if span.length == 1:
        ages = _age_bias(window)[2 * ring - newest - used : 2 * ring - newest + 1]
        return ages.unsqueeze(0)
    t = torch.arange(span.start, span.end)[:, None]
    held = span.end - 1 - (torch.arange(ring - used, ring) - newest) % ring
    hidden = (held > t) | (held <= t - window) | (held < 0)
    bias = torch.zeros(span.length, used + 1)
    bias[:, :used].masked_fill_(hidden, -torch.inf)
    return bias


@cache
def _age_bias(window: int) -> Tensor:
    """Twice round the ring from a token on, backwards: it sees the window.

    Slots before the first token's, of which ``_rounded`` takes fewer than SLACK, are
    hidden, too: from here, they are as old as the ones that the window has left.
    """
    ages = torch.arange(2 * (window + SLACK) + 1) % (window + SLACK)
    return torch.zeros(len(ages)).masked_fill_(ages >= window, -torch.inf)


def _used(span: Span, ring: int) -> int:
    """Ring slots, from the end, that hold anything once the span is written."""
    return min(_rounded(span.end), ring)


def _taken(seen: int, state: LayerState) -> int:
    """How many entries to attend over to see ``seen``: some more are masked."""
    return 0 if state.entries is None else min(_rounded(seen), len(state.entries))


def _entries(state: LayerState, n: int) -> list[Tensor]:
    """The first n entries."""
    return [] if state.entries is None else state.entries.read(0, n)


def _index_keys(seen: int, state: LayerState) -> tuple[list[Tensor], RowFormat | None]:
    """Index rows, as they are stored, of the first ``seen`` entries and some more."""
    assert state.index is not None
    # Whole stretches of 64, for products of few shapes; the rest isn't visible.
    end = min(-(-seen // 64) * 64, len(state.index))
    return state.index.as_stored(0, end), state.index.stored


def _rounded(n: int) -> int:
    """Rows are attended over in multiples of SLACK, for products of few shapes."""
    return -(-n // SLACK) * SLACK


def _window_bias(first: int, n: int, keys: int, layer: Attention) -> Tensor:
    """Bias ``[n, 1 + keys]`` (sink row first) when query i stands at key first + i."""
    i = torch.arange(first, first + n)[:, None]
    j = torch.arange(keys)
    hidden = (j > i) | (j <= i - layer.window)
    bias = torch.zeros(n, 1 + keys)
    bias[:, 1:].masked_fill_(hidden, -torch.inf)
    return bias


def _blocks(n: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, BLOCK):
        yield start, min(start + BLOCK, n)
