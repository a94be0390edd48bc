"""Attention over rows of conversations, computed only where a conversation is.

A row packs conversations that don't see each other. Queries are taken in blocks of 128
of one row, and a block reads keys from where the conversation of its first query
begins: with nano's data that is two fifths of what a mask over a row of 2,048 would
multiply, and three fifths in a row of 1,024. Forward and backward are written out,
since a block is small enough for its scores to stay in a core's cache, and far too
small for autograd's own bookkeeping.

Shapes: B rows, T tokens a row, H heads of width d, E entries a row (T over the layer's
ratio; none in window layers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 128
"""Queries attended at once."""
GRID = 32
"""Blocks begin to read at multiples of it: fewer shapes, fewer compiled products."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A block of one row's queries and what it reads."""

    row: int
    queries: slice
    keys: slice
    entries: slice

    @property
    def seen(self) -> int:
        """Keys of tokens, before those of entries."""
        return int(self.keys.stop - self.keys.start)


def tiles(begins: Tensor, window: int, ratio: int) -> Iterator[Tile]:
    """Every block of every row; ``begins [B, T]`` as in :mod:`training.rows`."""
    for row, firsts in enumerate(begins[:, ::BLOCK].tolist()):
        for i, began in enumerate(firsts):
            start, stop = i * BLOCK, (i + 1) * BLOCK
            first = max(began, start - window + 1) // GRID * GRID
            entries = slice(0, 0)
            if ratio:
                entries = slice(began // GRID * GRID // ratio, stop // ratio)
            yield Tile(row, slice(start, stop), slice(first, stop), entries)


class _Attend(torch.autograd.Function):
    """See :func:`attend`."""

    @staticmethod
    def forward(
        ctx: Any,
        q: Tensor,
        kv: Tensor,
        entries: Tensor,
        sink: Tensor,
        near: Tensor,
        far: Tensor,
        plan: list[Tile],
    ) -> tuple[Tensor, Tensor]:
        H, d = q.shape[2:]
        q = q.contiguous()
        out, mass = torch.empty_like(q), torch.zeros(far.shape)
        kept = []
        for tile in plan:
            keys = _keys(kv, entries, tile)
            block = tile.row, tile.queries
            flat = q[block].view(-1, d)
            dots = torch.mm(flat, keys.t()).view(BLOCK, H, -1)
            n, seen = dots.shape[2], tile.seen
            scores = torch.empty(BLOCK, H, n + 1)
            for bias, part in (
                (near[*block, tile.keys], slice(0, seen)),
                (far[*block, tile.entries], slice(seen, n)),
            ):
                into = scores[..., part]
                torch.add(bias.unsqueeze(1), dots[..., part], alpha=d**-0.5, out=into)
            scores[..., n] = sink
            p = torch.softmax(scores, -1)
            mass[*block, tile.entries] = p[..., seen:n].sum(1)
            low = p[..., :n].to(kv.dtype).view(BLOCK * H, n)
            torch.mm(low, keys, out=out[block].view(-1, d))
            kept += [low, p[..., n].clone()]
        ctx.save_for_backward(q, kv, entries, out, *kept)
        ctx.plan = plan
        ctx.mark_non_differentiable(mass)
        return out, mass

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, kv, entries, out, *kept = ctx.saved_tensors
        H, d = q.shape[2:]
        do = grads[0].to(kv.dtype).contiguous()
        along = (do.float() * out.float()).sum(-1)
        dq, dkv = torch.empty_like(q), torch.zeros(kv.shape)
        dentries, dsink = torch.zeros(entries.shape), torch.zeros(H)
        for tile, p, sunk in zip(ctx.plan, kept[::2], kept[1::2], strict=True):
            keys = _keys(kv, entries, tile)
            flat = q[tile.row, tile.queries].view(-1, d)
            wanted = do[tile.row, tile.queries].view(-1, d)
            share = along[tile.row, tile.queries]
            dsink -= (sunk * share).sum(0)
            ds = torch.mm(wanted, keys.t()).float()
            ds.sub_(share.view(-1, 1)).mul_(p)
            ds = ds.to(kv.dtype)
            own = dq[tile.row, tile.queries].view(-1, d)
            torch.mm(ds, keys, out=own)
            dk = torch.addmm(torch.mm(p.t(), wanted), ds.t(), flat, alpha=d**-0.5)
            dkv[tile.row, tile.keys] += dk[: tile.seen]
            dentries[tile.row, tile.entries] += dk[tile.seen :]
        dq.mul_(d**-0.5)
        return dq, dkv.to(kv.dtype), dentries.to(entries.dtype), dsink, None, None, None


def _keys(kv: Tensor, entries: Tensor, tile: Tile) -> Tensor:
    """What a block reads: tokens, then entries, ``[n, d]``."""
    return torch.cat((kv[tile.row, tile.keys], entries[tile.row, tile.entries]))


@torch.compiler.disable  # type: ignore[untyped-decorator]
def attend(
    q: Tensor,
    kv: Tensor,
    entries: Tensor,
    sink: Tensor,
    near: Tensor,
    far: Tensor,
    begins: Tensor,
    window: int,
    ratio: int,
) -> tuple[Tensor, Tensor]:
    """Outputs ``[B, T, H, d]``, and the heads' mass on entries ``[B, T, E]``, detached.

    Args:
        q: Queries ``[B, T, H, d]``.
        kv: Keys of tokens, which are the values, too: ``[B, T, d]``.
        entries: Keys of entries ``[B, E, d]``.
        sink: A logit a head for attending to nothing ``[H]``.
        near: What is added to scores of tokens ``[B, T, T]``: 0 or -inf.
        far: The same for entries ``[B, T, E]``.
        begins: Where the conversation of each token begins ``[B, T]``.
        window: Tokens a query sees.
        ratio: Tokens of an entry; 0 where there are none.
    """
    plan = list(tiles(begins, window, ratio))
    out: tuple[Tensor, Tensor] = _Attend.apply(  # type: ignore[no-untyped-call]
        q, kv, entries, sink, near, far, plan
    )
    return out
