"""The mixture of experts of a layer (model reference §6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from dsagent.kernels import ops

if TYPE_CHECKING:
    from torch import Tensor


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
    parts: tuple[tuple[Tensor, ...], tuple[Tensor, ...]] = ((), ())
    """``gate_up`` and ``down`` expert by expert; made from them."""

    def __post_init__(self) -> None:
        parts = (self.gate_up.unbind(), self.down.unbind())
        object.__setattr__(self, "parts", parts)

    def __call__(self, x: Tensor, ids: Tensor) -> Tensor:
        """``x [N, D]`` (normalised), token ids ``[N]`` to ``[N, D]``.

        Rows are grouped by expert: two matrix products each for the experts that are
        wanted, and one pass of element-wise work over all.
        """
        chosen, weights = ops.route(
            torch.mm(x, self.router),
            self.k,
            self.scale,
            bias=self.bias,
            chosen=None if self.table is None else self.table[ids],
        )
        if len(x) == 1:
            return self._one(x, chosen[0].tolist(), weights)
        return self._many(x, chosen, weights)

    def _one(self, x: Tensor, chosen: list[int], weights: Tensor) -> Tensor:
        gate_up, down = self.parts
        every = [*chosen, len(down) - 1]
        hidden = torch.cat([torch.mm(x, gate_up[expert]) for expert in every])
        *routed, last = ops.swiglu(hidden, self.limit).split(1)
        out = torch.mm(last, down[-1])
        shares: list[float] = weights[0].tolist()
        for row, expert, share in zip(routed, chosen, shares, strict=True):
            out.addmm_(row, down[expert], alpha=share)
        return out

    def _many(self, x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        n, shared = len(x), len(self.gate_up) - 1
        flat = chosen.flatten()
        order = flat.argsort(stable=True)
        token = order // self.k
        counts = torch.bincount(flat, minlength=shared).tolist()
        groups = _groups([*counts, n])
        rows = x.index_select(0, torch.cat((token, torch.arange(n))))
        hidden = x.new_empty(len(rows), self.gate_up.shape[-1])
        for expert, part in groups:
            torch.mm(rows[part], self.gate_up[expert], out=hidden[part])
        h = ops.swiglu(hidden, self.limit)
        h[: len(order)] *= weights.flatten()[order].unsqueeze(1)
        out = torch.empty_like(rows)
        for expert, part in groups:
            torch.mm(h[part], self.down[expert], out=out[part])
        return out[len(order) :].index_add_(0, token, out[: len(order)])


def _groups(counts: list[int]) -> list[tuple[int, slice]]:
    """The rows of each expert that has any."""
    groups, start = [], 0
    for expert, count in enumerate(counts):
        if count:
            groups.append((expert, slice(start, start + count)))
        start += count
    return groups
