"""Which drafted tokens stand: speculative decoding that changes nothing but the speed.

A request drafts d_1 … d_l, the target computes its distributions P_1 … P_l+1 behind all
of them at once, and the drafts are judged from left to right:

    d_k stands with probability min(1, P_k(d_k) / q_k(d_k)), and the next is looked at;
    else the token is drawn from max(P_k - q_k, 0), normalised: the correction;
    when all stand, one more is drawn from P_l+1: the bonus.

Every token that comes out then has the distribution P, whatever q was (Leviathan et
al., "Fast inference from transformers via speculative decoding", appendix A.1): q
decides how many stand, and nothing else. Two conditions are the caller's to keep. q_k
is the distribution that d_k was really drawn from, so it may come from a poor drafter
or differ from the request's options, but not be recomputed. And whether d_k is
verified at all is settled by what was known before d_k was drawn: leaving out a draft
because of what it turned out to be keeps the drafts one likes, and the output with
them.

P is what ``sampler.sample`` draws from, after temperature, top-p, min-p and grammar,
and a correction or bonus uses the random number that ``sample`` would have used at its
position. Without drafts this is ``sample``, bit by bit.

Letters: N rows of all requests together, S requests that take random numbers, V
vocabulary size.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import torch

from dsagent.engine.sampler import (
    ACCEPT,
    TARGET,
    kept_weights,
    uniform,
    usable_ids,
    walk,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from dsagent.engine.sampler import Draw


@dataclass(frozen=True, slots=True)
class Drafted:
    """What one request asks to have verified."""

    tokens: tuple[int, ...] = ()
    """The drafts, in order; none is ordinary decoding."""
    q: tuple[Tensor | None, ...] = ()
    """Each one's own distribution, [V] float64. None: all of it on that token, as with
    an argmax or a token that a grammar forces. Greedy requests need none."""

    def __post_init__(self) -> None:
        assert len(self.tokens) == len(self.q)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request's drafts."""

    accepted: int
    """How many stand, from the first on."""
    token: int | None
    """The token after them. None where its row offers no choice, as of ``sample``."""


def verify(
    logits: Tensor, drafted: Sequence[Drafted], draws: Sequence[Draw]
) -> list[Verdict]:
    """Judge the drafts of many requests, greedy and sampled ones mixed.

    Args:
        logits: [N, V] float32, -inf where a constraint forbids an id. Request r owns
            the ``len(tokens) + 1`` rows that follow those of the requests before it;
            its row k predicts position ``draws[r].position + k``. Not modified.
        drafted: One per request.
        draws: One per request, for its first row.

    Returns:
        One verdict per request. A request whose row k offers no choice, with all drafts
        before it accepted, gets k and None; what it has in other rows is irrelevant,
        and other requests never notice.
    """
    spans = _spans(drafted)
    assert len(drafted) == len(draws)
    assert logits.shape[0] == (spans[-1].stop if spans else 0)
    if not spans:
        return []
    best, top = logits.max(dim=-1)
    choices = usable_ids(best, top)
    verdicts = [
        _verify_greedy(choices[rows.start : rows.stop], drafts.tokens)
        for rows, drafts in zip(spans, drafted, strict=True)
    ]
    sampled = [r for r, draw in enumerate(draws) if not draw.sampling.greedy]
    if sampled:
        if len(sampled) < len(draws):
            taken = [row for r in sampled for row in spans[r]]
            index = torch.tensor(taken, device=logits.device)
            logits, best = logits[index], best[index]
        judged = _verify_sampled(
            logits, best, [drafted[r] for r in sampled], [draws[r] for r in sampled]
        )
        for r, verdict in zip(sampled, judged, strict=True):
            verdicts[r] = verdict
    return verdicts


def _spans(drafted: Sequence[Drafted]) -> list[range]:
    """The rows of each request."""
    ends = accumulate(len(drafts.tokens) + 1 for drafts in drafted)
    return [
        range(end - len(drafts.tokens) - 1, end)
        for end, drafts in zip(ends, drafted, strict=True)
    ]


def _verify_greedy(top: list[int | None], tokens: tuple[int, ...]) -> Verdict:
    """``top`` holds the most probable id of each of the request's rows."""
    accepted = 0
    for token in tokens:
        if token != top[accepted]:
            break
        accepted += 1
    return Verdict(accepted, top[accepted])


def _verify_sampled(
    logits: Tensor, best: Tensor, drafted: Sequence[Drafted], draws: Sequence[Draw]
) -> list[Verdict]:
    """``verify`` of S requests that all take random numbers. ``best`` is [N]."""
    spans = _spans(drafted)
    options = [
        draw.sampling for draw, rows in zip(draws, spans, strict=True) for _ in rows
    ]
    weights = kept_weights(logits, best, options)
    mass = weights.sum(dim=-1, keepdim=True, dtype=torch.float64)
    accepted = _accepted(weights, mass, drafted, draws)

    # The rows that the tokens come from: a bonus's as they are, in float64 as ``walk``
    # adds them up, and a correction's without what the drafter has covered.
    final = torch.tensor(
        [rows[count] for rows, count in zip(spans, accepted, strict=True)],
        device=logits.device,
    )
    ahead = weights[final].double()
    rejected = [s for s, count in enumerate(accepted) if count < len(drafted[s].q)]
    if rejected:
        index = torch.tensor(rejected, device=logits.device)
        q = _refused([(drafted[s], accepted[s]) for s in rejected], weights)
        ahead[index] = _residual(ahead[index] / mass[final[index]], q)
    numbers = [
        uniform(draw.seed, draw.position + count, TARGET)
        for draw, count in zip(draws, accepted, strict=True)
    ]
    ids = usable_ids(best[final], walk(ahead, numbers))
    return [Verdict(count, token) for count, token in zip(accepted, ids, strict=True)]


def _accepted(
    weights: Tensor, mass: Tensor, drafted: Sequence[Drafted], draws: Sequence[Draw]
) -> list[int]:
    """How many drafts of each request stand.

    ``weights`` [N, V] over ``mass`` [N, 1] are the target's distributions.
    """
    # Of every row, the probability of the draft it judges; the last judges none.
    judged = [token for drafts in drafted for token in (*drafts.tokens, 0)]
    index = torch.tensor(judged, device=weights.device).unsqueeze(-1)
    p = (weights.gather(-1, index) / mass).squeeze(-1).tolist()
    counts = []
    for rows, q, draw in zip(_spans(drafted), _proposals(drafted), draws, strict=True):
        count = 0
        # u < p / q. A row without a choice has p = NaN, which no draft passes.
        while (
            count < len(q)
            and uniform(draw.seed, draw.position + count, ACCEPT) * q[count]
            < p[rows[count]]
        ):
            count += 1
        counts.append(count)
    return counts


def _proposals(drafted: Sequence[Drafted]) -> list[list[float]]:
    """q_k(d_k) of every draft of every request, fetched from the device at once."""
    drawn = [
        q[token]
        for drafts in drafted
        for token, q in zip(drafts.tokens, drafts.q, strict=True)
        if q is not None
    ]
    values = iter(torch.stack(drawn).tolist() if drawn else ())
    return [
        [1.0 if q is None else next(values) for q in drafts.q] for drafts in drafted
    ]


def _refused(drafts: Sequence[tuple[Drafted, int]], like: Tensor) -> Tensor:
    """[len(drafts), V] float64: the distribution that each refused draft came from.

    ``drafts`` names each by its request's and its place; ``like`` gives device and V.
    """
    q = torch.zeros(
        len(drafts), like.shape[-1], dtype=torch.float64, device=like.device
    )
    for row, (request, place) in zip(q, drafts, strict=True):
        distribution = request.q[place]
        if distribution is None:
            row[request.tokens[place]] = 1.0
        else:
            row.copy_(distribution)
    return q


def _residual(p: Tensor, q: Tensor) -> Tensor:
    """[R, V] weights of what ``p`` has over ``q``; ``p`` where that is nothing.

    Nothing is left only where p = q, and there a draft is refused by rounding alone.
    """
    rest = (p - q).clamp_(min=0.0)
    return torch.where(rest.sum(dim=-1, keepdim=True) > 0.0, rest, p)
