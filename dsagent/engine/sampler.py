"""Logits to token ids.

The draw for a token depends on three things only: the logits of its row, the request's
seed and the token's absolute position. The uniform number comes from a counter-based
generator keyed by (seed, position), so there is no generator state to carry, to roll
back or to share between requests: a request draws the same numbers alone, in company,
after a pause, or when a rejected draft makes it sample a position again.

The number is turned into a token by walking the kept probabilities in vocabulary order.
Rounding differences between batch shapes move the edges of that walk by about 1e-7,
so they change a token about that often, wherever the probabilities lie; sorting the
walk by probability would instead let any near-tie change it.

Letters: R rows, V vocabulary size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from dsagent.engine.request import Sampling

_WORD = (1 << 64) - 1
_COLDEST = 1e-6
"""Lowest temperature divided by: below it float32 logits only differ by 0 or inf."""
_NUCLEUS_GUESS = 256
"""Candidates looked at before the whole vocabulary is sorted for top-p."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How to choose the token of one row of logits."""

    sampling: Sampling
    seed: int
    position: int
    """Absolute position of the token being chosen: prompt length + ids so far."""


def philox(key: int, counter: int) -> tuple[int, int, int, int]:
    """Four 64-bit words that look random and depend only on ``key`` and ``counter``.

    Philox4x64-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3".
    ``key`` is taken modulo 2**128, ``counter`` modulo 2**256.
    """
    k0, k1 = key & _WORD, (key >> 64) & _WORD
    c0, c1, c2, c3 = ((counter >> shift) & _WORD for shift in (0, 64, 128, 192))
    for _ in range(10):
        p0 = 0xD2E7470EE14C6C93 * c0
        p1 = 0xCA5A826395121157 * c2
        c0, c1 = (p1 >> 64) ^ c1 ^ k0, p1 & _WORD
        c2, c3 = (p0 >> 64) ^ c3 ^ k1, p0 & _WORD
        k0 = (k0 + 0x9E3779B97F4A7C15) & _WORD
        k1 = (k1 + 0xBB67AE8584CAA73B) & _WORD
    return c0, c1, c2, c3


def uniform(seed: int, position: int, lane: int = 0) -> float:
    """A number in [0, 1) with 53 random bits. ``lane`` 0-3: independent draws."""
    return (philox(seed, position)[lane] >> 11) * 2.0**-53


def sample(logits: Tensor, draws: Sequence[Draw]) -> list[int | None]:
    """Choose one token per row.

    Args:
        logits: [R, V] float32, -inf where a constraint forbids an id. Not modified.
        draws: R of them.

    Returns:
        R ids. None where a row has no choice to offer: everything is forbidden, or
        its logits hold NaN or +inf. The caller names the culprit; other rows stand.
    """
    best, ids = logits.max(dim=-1)
    rows = [row for row, draw in enumerate(draws) if not draw.sampling.greedy]
    if rows:
        chosen = [draws[row] for row in rows]
        if len(rows) == len(draws):
            ids = _sample_rows(logits, best, chosen)
        else:
            index = torch.tensor(rows, device=logits.device)
            ids[index] = _sample_rows(logits[index], best[index], chosen)
    usable = torch.isfinite(best)
    if not usable.all():
        ids = torch.where(usable, ids, -1)
    return [None if token < 0 else token for token in ids.tolist()]


def probabilities(logits: Tensor, sampling: Sequence[Sampling]) -> Tensor:
    """The distributions that ``sample`` draws from: [R, V] float64, rows sum to 1.

    Every row must have a temperature above 0 and a finite maximum.
    """
    best = logits.max(dim=-1).values
    weights = _kept_weights(logits, best, sampling).double()
    return weights / weights.sum(dim=-1, keepdim=True)


def _sample_rows(logits: Tensor, best: Tensor, draws: Sequence[Draw]) -> Tensor:
    """[R] ids by inverting the cumulative distribution in vocabulary order.

    The sums are float64: a float32 running sum over 129k ids would move the edges of
    rare tokens by more than their probability.
    """
    weights = _kept_weights(logits, best, [draw.sampling for draw in draws])
    edges = weights.cumsum(dim=-1, dtype=torch.float64)
    numbers = torch.tensor(
        [[uniform(draw.seed, draw.position)] for draw in draws],
        dtype=torch.float64,
        device=logits.device,
    )
    # The first edge above the target: ids of weight 0 share their neighbour's edge
    # and are never hit, and the target is below the last edge because u < 1.
    ids = torch.searchsorted(edges, numbers * edges[:, -1:], right=True)
    return ids.squeeze(-1).clamp_(max=logits.shape[-1] - 1)


def _kept_weights(logits: Tensor, best: Tensor, sampling: Sequence[Sampling]) -> Tensor:
    """[R, V] float32: probability over the best token's, 0 where top-p or min-p cut."""
    temperature = _column([max(s.temperature, _COLDEST) for s in sampling], logits)
    weights = ((logits - best.unsqueeze(-1)) / temperature).exp_()
    cut: Tensor | None = None
    if any(s.top_p < 1.0 for s in sampling):
        top_p = _column([s.top_p for s in sampling], logits, torch.float64)
        cut = _nucleus_cut(weights, top_p)
    if any(s.min_p > 0.0 for s in sampling):
        min_p = _column([s.min_p for s in sampling], logits)
        cut = min_p if cut is None else torch.maximum(cut, min_p)
    return weights if cut is None else weights.masked_fill_(weights < cut, 0.0)


def _nucleus_cut(weights: Tensor, top_p: Tensor) -> Tensor:
    """[R, 1]: the smallest weight that top-p keeps; ties with it are kept too.

    ``top_p`` is [R, 1] float64. A few hundred candidates nearly always hold the mass,
    so only rows where they do not are sorted.
    """
    wanted = top_p * weights.sum(dim=-1, keepdim=True, dtype=torch.float64)
    wanted = wanted.masked_fill_(top_p >= 1.0, 0.0)
    largest = weights.topk(min(_NUCLEUS_GUESS, weights.shape[-1])).values
    cut, enough = _cut_in(largest, wanted)
    if not enough.all():
        flat = (~enough).squeeze(-1).nonzero().squeeze(-1)
        ordered = weights[flat].sort(dim=-1, descending=True).values
        cut[flat], _ = _cut_in(ordered, wanted[flat])
    return cut.masked_fill_(top_p >= 1.0, 0.0)


def _cut_in(descending: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """[R, 1] each: the weight at which the running mass reaches ``wanted``, and
    whether it does."""
    mass = descending.cumsum(dim=-1, dtype=torch.float64)
    last = torch.searchsorted(mass, wanted).clamp_(max=descending.shape[-1] - 1)
    return descending.gather(-1, last), mass[:, -1:] >= wanted


def _column(
    values: Sequence[float], like: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor:
    """[R, 1] on the device of ``like``."""
    return torch.tensor(values, dtype=dtype, device=like.device).unsqueeze(-1)
