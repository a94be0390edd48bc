"""The mixture of experts of a layer (model reference §6)."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import torch

from dsagent.kernels import ops

if TYPE_CHECKING:
    from torch import Tensor

FEW = 128
"""Up to this many rows it is the weights that cost, and the number of operations."""
DENSE, DENSE_SHARE = 16, 4
"""Up to this many rows, and where at most so many times the experts wanted are there,
all of them in two products are cheaper than two products for each."""

TOGETHER = 1 << 20
"""Numbers of matrices that one thread reads as fast as several."""


@dataclass(frozen=True, slots=True)
class _Stack:
    """Matrices ``[E + 1, K, N]`` as so many rows, for a single row's products."""

    flat: Tensor
    """``[(E + 1)·K, N]``."""
    rows: Tensor
    """Numbers of every expert's rows, int32 ``[E + 1, K]``."""
    starts: Tensor
    """Where, among the rows of k + 1 experts, those of a sum begin."""

    @classmethod
    def of(cls, stack: Tensor, k: int, *, added: bool = False) -> _Stack:
        """A sum for every expert; or, where products are added up and too few for
        several threads, one for all of them."""
        experts, inner, width = stack.shape
        rows = ops.numbers(experts * inner).view(experts, inner)
        together = added and (k + 1) * inner * width <= TOGETHER
        starts = ops.numbers(1 if together else k + 1, inner)
        return cls(stack.flatten(0, 1), rows, starts)

    def sums(self, experts: Tensor, x: Tensor) -> Tensor:
        """Products ``[k + 1, N]`` of ``x [(k + 1)·K]`` with k + 1 experts' matrices, or
        the sum of them ``[1, N]``."""
        rows = self.rows.index_select(0, experts).view(-1)
        return ops.row_sums(self.flat, rows, self.starts, x)


@dataclass(frozen=True, slots=True)
class Experts:
    """Router, E routed experts and the shared one, as number E of the stacks."""

    router: Tensor
    """``[D, E]``, the ffn norm's weight folded in."""
    bias: Tensor | None
    """Selection bias ``[E]`` of scored layers."""
    table: Tensor | None
    """Experts by token id ``[V, K]`` of hash layers."""
    gate_up: Tensor
    """``[E + 1, D, 2I]``, gate first, the norm's weight folded in."""
    down: Tensor
    """``[E + 1, I, D]``."""
    k: int
    scale: float
    limit: float
    shared: Tensor = field(init=False)
    """The shared expert's number ``[1]``."""
    stacks: tuple[_Stack, _Stack] = field(init=False)
    """``gate_up`` and ``down`` as rows."""
    parts: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] = field(init=False)
    """``gate_up`` and ``down`` expert by expert."""
    whole: tuple[ops.Matrix, ops.Matrix] | None = None
    """The same as two matrices ``[D, (E + 1)·2I]`` and ``[(E + 1)·I, D]``, if there are
    few experts; made from them."""

    def __post_init__(self) -> None:
        parts = (self.gate_up.unbind(), self.down.unbind())
        object.__setattr__(self, "parts", parts)
        stacks = (
            _Stack.of(self.gate_up, self.k),
            _Stack.of(self.down, self.k, added=True),
        )
        object.__setattr__(self, "stacks", stacks)
        object.__setattr__(self, "shared", torch.tensor([len(self.down) - 1]))
        if len(self.down) <= DENSE_SHARE * (self.k + 1):
            wide = self.gate_up.transpose(0, 1).flatten(1).contiguous()
            whole = (ops.Matrix.of(wide), ops.Matrix.of(self.down.flatten(0, 1)))
            object.__setattr__(self, "whole", whole)

    def __call__(self, x: Tensor, ids: Tensor) -> Tensor:
        """``x [N, D]`` (normalised), token ids ``[N]`` to ``[N, D]``.

        Rows are grouped by expert: two matrix products each for the experts that are
        wanted, and one pass of element-wise work over all.
        """
        chosen, weights = ops.route(
            ops.project(x, self.router),
            self.k,
            self.scale,
            bias=self.bias,
            chosen=None if self.table is None else self.table.index_select(0, ids),
        )
        n = x.shape[0]
        if n == 1:
            return self._one(x, chosen, weights)
        if n <= DENSE and self.whole is not None:
            return self._all(x, chosen, weights, *self.whole)
        if n <= FEW:
            return self._few(x, chosen.tolist(), weights)
        return self._many(x, chosen, weights)

    def _one(self, x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """One row, whose experts are found where they lie in the stacks: every one's
        hidden channels, then the sum of their outputs, each with its weight."""
        k = self.k
        first, second = self.stacks
        every = torch.cat((chosen[0], self.shared))
        hidden = first.sums(every, x.expand(k + 1, -1).reshape(-1))
        h = ops.swiglu(hidden, self.limit)
        h[:k].mul_(weights.view(k, 1))
        out = second.sums(every, h.view(-1))
        return out if out.shape[0] == 1 else out.sum(0, keepdim=True)

    def _all(
        self,
        x: Tensor,
        chosen: Tensor,
        weights: Tensor,
        gate_up: ops.Matrix,
        down: ops.Matrix,
    ) -> Tensor:
        """Every row through every expert; those it doesn't want have no weight."""
        n, every = len(x), len(self.down)
        share = x.new_zeros(n, every, 1)
        share[:, -1] = 1.0
        share.scatter_(1, chosen.unsqueeze(-1), weights.unsqueeze(-1))
        hidden = ops.project(x, gate_up).view(n, every, -1)
        h = ops.swiglu(hidden, self.limit).mul_(share)
        return ops.project(h.view(n, -1), down)

    def _few(self, x: Tensor, chosen: list[list[int]], weights: Tensor) -> Tensor:
        """Rows in the order of their experts, gathered once; the shared one's last."""
        gate_up, down = self.parts
        n, k = len(x), self.k
        flat = [expert for row in chosen for expert in row]
        order = sorted(range(n * k), key=flat.__getitem__)
        experts, sizes = _runs([flat[i] for i in order])
        token = torch.tensor([i // k for i in order])
        share = weights.view(-1, 1).index_select(0, torch.tensor(order))
        routed = x.index_select(0, token).split(sizes)
        hidden = [torch.mm(x, gate_up[-1])]
        hidden += [
            torch.mm(r, gate_up[e]) for r, e in zip(routed, experts, strict=True)
        ]
        h = ops.swiglu(torch.cat(hidden), self.limit)
        h[n:] *= share
        mine, *routed = h.split([n, *sizes])
        parts = [torch.mm(r, down[e]) for r, e in zip(routed, experts, strict=True)]
        return torch.mm(mine, down[-1]).index_add_(0, token, torch.cat(parts))

    def _many(self, x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """Expert by expert, while its rows and weights are in the caches.

        Rows are filled up to a multiple of ``ROUND`` with ones that count for nothing,
        so that products come in few shapes (:func:`ops.project`).
        """
        gate_up, down = self.parts
        flat = chosen.flatten()
        order = flat.argsort(stable=True)
        counts = torch.bincount(flat, minlength=len(down) - 1)
        spare = -counts % ops.ROUND
        place = torch.arange(len(flat))
        place += (spare.cumsum(0) - spare).repeat_interleave(counts)
        sizes = (counts + spare).tolist()
        token = place.new_zeros(sum(sizes)).index_copy_(0, place, order // self.k)
        share = x.new_zeros(len(token), 1)
        share.index_copy_(0, place, weights.view(-1, 1).index_select(0, order))
        h = ops.swiglu(ops.project(x, gate_up[-1]), self.limit)
        out = ops.project(h, down[-1])
        parts = zip(token.split(sizes), share.split(sizes), gate_up, down, strict=False)
        for rows, weight, first, second in parts:
            if len(rows):
                h = ops.project(x.index_select(0, rows), first)
                h = ops.swiglu(h, self.limit).mul_(weight)
                out.index_add_(0, rows, ops.project(h, second))
        return out


def _runs(values: list[int]) -> tuple[list[int], list[int]]:
    """The distinct ones of a sorted list, and how often each is there."""
    runs = [(value, len(list(run))) for value, run in groupby(values)]
    return [value for value, _ in runs], [size for _, size in runs]
