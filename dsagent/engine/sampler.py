"""Logits to token ids.

The draw for a token depends on three things only: the logits of its row, the request's
seed and the token's absolute position. The uniform number comes from a counter-based
generator keyed by (seed, position), so there is no generator state to carry, to roll
back or to share between requests: a request draws the same numbers alone, in company,
after a pause, or when a rejected draft makes it sample a position again.

Speculative decoding draws more than one number for a position, so each purpose has its
lane: TARGET, DRAFT and ACCEPT. A number that a decision has used up must not be drawn
again for another one. TARGET and ACCEPT keep that by themselves, because the first time
one of their numbers is read, the token of that position is settled. A draft settles
nothing: a rejection before it throws it away and its position is drafted again. The
numbers of drafts are therefore keyed by the anchor's position too, the last token that
stood when the block was drafted and one that no other block has. Without it the second
draft would repeat the first one's number, and whoever saw the first (a scheduler that
goes by the confidence of earlier blocks) would know something of the second before it
decides whether to verify it, which biases the output.

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

TARGET = 0
"""The lane of tokens from the target's distribution: ordinary, residual and bonus."""
DRAFT = 1
"""The lane of drafted tokens."""
ACCEPT = 2
"""The lane of decisions whether a drafted token stands."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How to choose the token of one row of logits."""

    sampling: Sampling
    seed: int
    position: int
    """Absolute position of the token being chosen: prompt length + ids so far."""
    block: int = 0
    """Absolute position of the anchor, the last token before the drafted block. Part
    of the key of drafts, and of nothing else."""


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


def uniform(seed: int, position: int, lane: int = TARGET, block: int = 0) -> float:
    """A number in [0, 1) with 53 random bits that depends only on the arguments.

    Args:
        seed: The request's.
        position: Absolute position of the token the number is for, below 2**64.
        lane: What it is for: TARGET, DRAFT or ACCEPT (0-3 are independent).
        block: Of a draft, the anchor's position, below 2**64; 0 in other lanes.
            A position may be drafted again after a rejection, and the second draft
            must be independent of the first.
    """
    return (philox(seed, position | block << 64)[lane] >> 11) * 2.0**-53


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
    rows = _sampled(draws)
    if rows:
        weights = kept_weights(
            *_take(rows, logits, best), [draws[row].sampling for row in rows]
        )
        numbers = [uniform(draws[row].seed, draws[row].position) for row in rows]
        _put(rows, ids, walk(weights, numbers))
    return usable_ids(best, ids)


def draft(
    logits: Tensor, draws: Sequence[Draw]
) -> tuple[list[int | None], list[Tensor | None]]:
    """Choose one draft token per row, and say what it was drawn from.

    Args:
        logits: [R, V] float32, the drafter's, -inf where a constraint forbids an id.
            Not modified.
        draws: R of them, ``block`` included.

    Returns:
        R ids as ``sample`` returns them, and R distributions [V] float64, on the
        device of ``logits``: exactly the one that row's id was drawn from. None for a
        greedy request, whose draft is the most probable id and whose distribution has
        one entry, and for a row without a choice.
    """
    best, ids = logits.max(dim=-1)
    distributions: list[Tensor | None] = [None] * len(draws)
    rows = _sampled(draws)
    if rows:
        chosen = [draws[row] for row in rows]
        weights = kept_weights(
            *_take(rows, logits, best), [draw.sampling for draw in chosen]
        ).double()
        numbers = [
            uniform(draw.seed, draw.position, DRAFT, draw.block) for draw in chosen
        ]
        _put(rows, ids, walk(weights, numbers))
        weights /= weights.sum(dim=-1, keepdim=True)
        for row, distribution in zip(rows, weights.unbind(), strict=True):
            distributions[row] = distribution
    chosen_ids = usable_ids(best, ids)
    for row, token in enumerate(chosen_ids):
        if token is None:
            distributions[row] = None
    return chosen_ids, distributions


def probabilities(logits: Tensor, sampling: Sequence[Sampling]) -> Tensor:
    """The distributions that ``sample`` draws from: [R, V] float64, rows sum to 1.

    Every row must have a temperature above 0 and a finite maximum.
    """
    best = logits.max(dim=-1).values
    weights = kept_weights(logits, best, sampling).double()
    return weights / weights.sum(dim=-1, keepdim=True)


def walk(weights: Tensor, numbers: Sequence[float]) -> Tensor:
    """[R] ids by inverting the cumulative distribution in vocabulary order.

    The sums are float64: a float32 running sum over 129k ids would move the edges of
    rare tokens by more than their probability.

    Args:
        weights: [R, V] float32 or float64, at least 0, of any sum above 0.
        numbers: R of them in [0, 1).
    """
    edges = weights.cumsum(dim=-1, dtype=torch.float64)
    targets = _column(numbers, weights, torch.float64) * edges[:, -1:]
    # The first edge above the target: ids of weight 0 share their neighbour's edge
    # and are never hit, and the target is below the last edge because u < 1.
    ids = torch.searchsorted(edges, targets, right=True)
    return ids.squeeze(-1).clamp_(max=weights.shape[-1] - 1)


def usable_ids(best: Tensor, ids: Tensor) -> list[int | None]:
    """R ids, None where the row's largest logit ``best`` is no number. Both are [R]."""
    usable = torch.isfinite(best)
    if not usable.all():
        ids = torch.where(usable, ids, -1)
    return [None if token < 0 else token for token in ids.tolist()]


def kept_weights(logits: Tensor, best: Tensor, sampling: Sequence[Sampling]) -> Tensor:
    """The distributions drawn from, as weights: what ``probabilities`` normalises.

    Args:
        logits: [R, V] float32. Not modified.
        best: [R], each row's maximum.
        sampling: R of them, with a temperature above 0.

    Returns:
        [R, V] float32: probability over the best token's, 0 where top-p or min-p cut.
        A row whose maximum isn't finite has a NaN, and the others don't notice.
    """
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


def _sampled(draws: Sequence[Draw]) -> list[int]:
    """The rows that take a random number."""
    return [row for row, draw in enumerate(draws) if not draw.sampling.greedy]


def _take(rows: list[int], logits: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
    """``rows`` of both; without a copy when that is all."""
    if len(rows) == len(best):
        return logits, best
    index = torch.tensor(rows, device=logits.device)
    return logits[index], best[index]


def _put(rows: list[int], ids: Tensor, drawn: Tensor) -> None:
    """Write ``drawn`` to ``rows`` of ``ids``."""
    ids[torch.tensor(rows, device=ids.device)] = drawn


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
