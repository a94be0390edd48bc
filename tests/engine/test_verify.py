"""Speculative decoding loses nothing: whole generations against exact enumeration.

The language of these tests has five tokens and looks two tokens back, so the joint
distribution of a continuation is a product that a few loops write down. ``generate``
plays what an engine does, block after block: draft, choose how many drafts to verify,
verify, go on behind what stands. Its parts can be replaced by broken ones, and each
known way of losing the distribution is shown to be caught.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsagent.engine.request import Sampling
from dsagent.engine.sampler import Draw, draft, sample
from dsagent.engine.verify import Drafted, Verdict, verify
from tests.engine.distributions import chi_square, exact_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    Judge = Callable[[Tensor, Sequence[Drafted], Sequence[Draw]], list[Verdict]]
    Rule = Callable[["Block"], int]

V = 5
LENGTH = 4
"""Tokens of a continuation."""
BLOCK = 3
"""Drafts of a block: a continuation takes one at best, and two or three mostly."""
PROMPT = (0, 1)
GREEDY = Sampling(temperature=0.0)
OPTIONS = (
    Sampling(),
    Sampling(temperature=0.7, top_p=0.8),
    Sampling(temperature=1.5, min_p=0.15),
)


def language(seed: int, vocab: int = V) -> Tensor:
    """[V, V, V] logits of the next token, by the last two."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(vocab, vocab, vocab, generator=generator) * 1.5


TARGET = language(0)
DRAFTERS = {
    "random": language(1),
    "adversarial": -2.0 * TARGET,
    "near-deterministic": torch.nn.functional.one_hot(language(2).argmax(-1), V) * 6.0,
    "without the mode": TARGET.masked_fill(
        TARGET.max(-1, keepdim=True).values == TARGET, -math.inf
    ),
}


@dataclass(frozen=True)
class Block:
    """What a rule may look at when it chooses how many drafts to verify."""

    history: list[int]
    drafts: list[int]
    earlier: dict[int, int]
    """The previous block's drafts by position, verified or not."""


def everything(block: Block) -> int:
    return len(block.drafts)


def cautious(block: Block) -> int:
    """Up to the first draft that follows a 2. Legal: each draft is kept or left out
    for what precedes it. Lengths 0 to all of them occur."""
    before = [block.history[-1], *block.drafts]
    return before.index(2) if 2 in before[:-1] else len(block.drafts)


def generate(
    options: Sequence[Sampling],
    *,
    target: Tensor = TARGET,
    drafter: Tensor,
    length: int = LENGTH,
    size: int = BLOCK,
    rule: Rule = cautious,
    judge: Judge = verify,
    argmax: Callable[[int], bool] = lambda place: False,
    rekey: bool = True,
) -> np.ndarray:
    """[len(options), length] tokens: one continuation for each of ``options``.

    A few hundred are computed together. Every request is at its own place.

    Args:
        options: Of each request; its seed is its index.
        drafter: [V, V, V] logits, conditioned on the drafts before as on any token.
        size: Drafts of a block.
        rule: How many of them to verify.
        judge: Stands in for ``verify``.
        argmax: Of a place in the block, whether its drafts are the most probable
            tokens instead of drawn ones.
        rekey: Whether the numbers of a draft depend on its block.
    """
    histories = [list(PROMPT) for _ in options]
    earlier: list[dict[int, int]] = [{} for _ in options]

    def draft_blocks(running: list[int]) -> list[Drafted]:
        """``size`` drafts of each of the requests ``running``."""
        tokens: list[list[int]] = [[] for _ in running]
        q: list[list[Tensor | None]] = [[] for _ in running]
        for place in range(size):
            draws = [
                Draw(
                    GREEDY if argmax(place) else options[r],
                    seed=r,
                    position=len(histories[r]) + place,
                    block=len(histories[r]) - 1 if rekey else 0,
                )
                for r in running
            ]
            behind = [histories[r] + tokens[i] for i, r in enumerate(running)]
            ids, distributions = draft(following(drafter, behind), draws)
            for i, token in enumerate(ids):
                assert token is not None
                tokens[i].append(token)
                q[i].append(distributions[i])
        return [
            Drafted(tuple(own), tuple(drawn_from))
            for own, drawn_from in zip(tokens, q, strict=True)
        ]

    def step(running: list[int]) -> None:
        """One block of each of the requests ``running``."""
        drafted: list[Drafted] = []
        contexts: list[list[int]] = []
        for r, drafts in zip(running, draft_blocks(running), strict=True):
            history = histories[r]
            count = rule(Block(history, list(drafts.tokens), earlier[r]))
            earlier[r] = dict(enumerate(drafts.tokens, start=len(history)))
            drafted.append(Drafted(drafts.tokens[:count], drafts.q[:count]))
            contexts += [[*history, *drafts.tokens[:k]] for k in range(count + 1)]
        draws = [Draw(options[r], seed=r, position=len(histories[r])) for r in running]
        verdicts = judge(following(target, contexts), drafted, draws)
        for r, drafts, verdict in zip(running, drafted, verdicts, strict=True):
            assert verdict.token is not None
            histories[r] += [*drafts.tokens[: verdict.accepted], verdict.token]

    for start in range(0, len(options), 300):
        running = list(range(start, min(start + 300, len(options))))
        while running:
            step(running)
            running = [r for r in running if len(histories[r]) < len(PROMPT) + length]
    return np.array([history[len(PROMPT) :][:length] for history in histories])


def following(table: Tensor, contexts: Sequence[Sequence[int]]) -> Tensor:
    """[len(contexts), V] logits of what follows each."""
    last = torch.tensor([context[-2:] for context in contexts])
    return table[last[:, 0], last[:, 1]]


def enumerate_exactly(
    sampling: Sampling, length: int = LENGTH, target: Tensor = TARGET
) -> np.ndarray:
    """[V**length] probabilities of all continuations, in lexicographic order."""
    vocab = len(target)
    table = np.array(
        [
            [
                exact_probabilities(
                    row, sampling.temperature, sampling.top_p, sampling.min_p
                )
                for row in rows
            ]
            for rows in target.numpy()
        ]
    )
    joint = []
    for tokens in itertools.product(range(vocab), repeat=length):
        text = (*PROMPT, *tokens)
        joint.append(
            math.prod(table[text[i], text[i + 1], text[i + 2]] for i in range(length))
        )
    return np.array(joint)


def surprise(
    continuations: np.ndarray, sampling: Sampling, target: Tensor = TARGET
) -> float:
    """Chi-square of the joint distribution, in units of its limit: below 1 is right."""
    vocab, length = len(target), continuations.shape[1]
    codes = continuations @ vocab ** np.arange(length)[::-1]
    counts = np.bincount(codes, minlength=vocab**length)
    statistic, limit = chi_square(counts, enumerate_exactly(sampling, length, target))
    return statistic / max(limit, 1e-9)


@pytest.mark.parametrize("drafter", DRAFTERS)
def test_generations_have_the_targets_distribution(drafter: str) -> None:
    """21,000 continuations a drafter, with the options mixed in every call."""
    options = OPTIONS * 7000
    continuations = generate(options, drafter=DRAFTERS[drafter])
    for i, sampling in enumerate(OPTIONS):
        assert surprise(continuations[i::3], sampling) < 1.0


@pytest.mark.parametrize(
    "argmax", [lambda place: True, lambda place: place != 1], ids=["all", "mixed"]
)
def test_drafts_that_were_not_drawn_lose_nothing(
    argmax: Callable[[int], bool],
) -> None:
    """Argmax drafts of sampled requests: q is one-hot. Tokens a grammar forces are
    the same to ``verify``: functions of what precedes them."""
    continuations = generate(OPTIONS * 2000, drafter=DRAFTERS["random"], argmax=argmax)
    for i, sampling in enumerate(OPTIONS):
        assert surprise(continuations[i::3], sampling) < 1.0


# Broken rules. Each test says what is lost, and that the comparison above notices.


def accept_always(
    logits: Tensor, drafted: Sequence[Drafted], draws: Sequence[Draw]
) -> list[Verdict]:
    last = np.cumsum([len(drafts.tokens) + 1 for drafts in drafted]) - 1
    bonus = sample(
        logits[torch.from_numpy(last)],
        [
            replace(draw, position=draw.position + len(drafts.tokens))
            for draw, drafts in zip(draws, drafted, strict=True)
        ],
    )
    return [
        Verdict(len(drafts.tokens), token)
        for drafts, token in zip(drafted, bonus, strict=True)
    ]


def resample_from_target(
    logits: Tensor, drafted: Sequence[Drafted], draws: Sequence[Draw]
) -> list[Verdict]:
    """Right, except that a correction is drawn from P and not from the residual."""
    verdicts = verify(logits, drafted, draws)
    first = np.cumsum([0, *(len(drafts.tokens) + 1 for drafts in drafted[:-1])])
    rows = first + np.array([verdict.accepted for verdict in verdicts])
    tokens = sample(
        logits[torch.from_numpy(rows)],
        [
            replace(draw, position=draw.position + verdict.accepted)
            for draw, verdict in zip(draws, verdicts, strict=True)
        ],
    )
    return [
        replace(verdict, token=token)
        for verdict, token in zip(verdicts, tokens, strict=True)
    ]


@pytest.mark.parametrize("judge", [accept_always, resample_from_target])
@pytest.mark.parametrize("drafter", DRAFTERS)
def test_broken_acceptance_is_caught(drafter: str, judge: Judge) -> None:
    continuations = generate(
        OPTIONS[:1] * 2000, drafter=DRAFTERS[drafter], judge=judge, rule=everything
    )
    assert surprise(continuations, OPTIONS[0]) > 2.0


def as_before(block: Block) -> int:
    """None if the block before drafted something else than a 0 for this position, else
    all: legal, because it looks at old drafts only. The scheduler of batches does as
    much: its budgets come from the confidence of earlier blocks."""
    return len(block.drafts) if block.earlier.get(len(block.history), 0) == 0 else 0


@pytest.mark.parametrize("rekey", [True, False])
def test_a_draft_that_repeats_an_earlier_ones_number_is_caught(rekey: bool) -> None:
    """This drafter ignores its context, so without new numbers the second draft of a
    position is the first one again, and who knows the first knows the second."""
    target = torch.tensor([0.7, 0.3]).log().expand(2, 2, 2)
    continuations = generate(
        OPTIONS[:1] * 10_000,
        target=target,
        drafter=torch.tensor([0.35, 0.65]).log().expand(2, 2, 2),
        length=2,
        size=2,
        rule=as_before,
        rekey=rekey,
    )
    misfit = surprise(continuations, OPTIONS[0], target)
    assert misfit < 1.0 if rekey else misfit > 2.0


def thetas(block: Block) -> list[float]:
    """Expected tokens per second when 0, 1 or 2 drafts are verified, in the
    counterexample that the DSpark paper gives: the first draft is accepted four times
    in five, the second nearly always behind a 0 and never behind a 1; a step of 1, 2
    and 3 tokens takes 1, 2 and 2.2 seconds."""
    first = 0.8
    both = first * (0.9 if block.drafts[0] == 0 else 0.0)
    return [1.0, (1 + first) * 0.5, (1 + first + both) * 0.45]


def up_to_the_first_loss(block: Block) -> int:
    """Stops at the first draft that doesn't pay, without a look behind it."""
    rate = thetas(block)
    count = 0
    while count < 2 and rate[count + 1] > rate[count]:
        count += 1
    return count


def retrospective(block: Block) -> int:
    """Verifies what pays best, judged by confidences that depend on the drafts."""
    return int(np.argmax(thetas(block)))


def test_a_retrospective_schedule_is_caught() -> None:
    """The paper's figures: it turns (0.7, 0.3) into (0.85, 0.15)."""
    target = torch.tensor([0.7, 0.3]).log().expand(2, 2, 2)
    turned = torch.tensor([0.85, 0.15]).log().expand(2, 2, 2)
    first: dict[Rule, np.ndarray] = {
        rule: generate(
            OPTIONS[:1] * 4000,
            target=target,
            drafter=torch.zeros(2, 2, 2),
            length=1,
            size=2,
            rule=rule,
        )
        for rule in (up_to_the_first_loss, retrospective)
    }
    assert surprise(first[up_to_the_first_loss], OPTIONS[0], target) < 1.0
    assert surprise(first[retrospective], OPTIONS[0], target) > 2.0
    assert surprise(first[retrospective], OPTIONS[0], turned) < 1.0


# One call of verify.


def random_logits(rows: int, vocab: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, vocab, generator=generator) * 2.0


def drawn(logits: Tensor, draws: Sequence[Draw]) -> list[Drafted]:
    """Blocks of one draft each."""
    ids, q = draft(logits, draws)
    return [
        Drafted((token,), (distribution,))
        for token, distribution in zip(ids, q, strict=True)
        if token is not None
    ]


@pytest.mark.parametrize("sampling", OPTIONS, ids=str)
def test_acceptance_correction_and_bonus_have_their_formulas(
    sampling: Sampling,
) -> None:
    """Acceptance sum(min(P, q)), corrections from max(P - q, 0), bonuses from P.

    A generation that verified nothing would be lossless too, so the rate is checked by
    itself: within 4 standard deviations of the formula.
    """
    n, vocab = 8000, 12
    logits = random_logits(3, vocab, seed=8) / 3.0
    draws = [Draw(sampling, seed=seed, position=5, block=4) for seed in range(n)]
    verdicts = verify(
        logits[:2].repeat(n, 1), drawn(logits[2].expand(n, -1), draws), draws
    )
    options = (sampling.temperature, sampling.top_p, sampling.min_p)
    p, after, q = (exact_probabilities(row, *options) for row in logits.numpy())
    rate = np.minimum(p, q).sum()
    accepted = sum(verdict.accepted for verdict in verdicts)
    assert abs(accepted - n * rate) < 4 * math.sqrt(n * rate * (1 - rate))
    residual = np.maximum(p - q, 0.0)
    for count, expected in ((0, residual / residual.sum()), (1, after)):
        tokens = [v.token for v in verdicts if v.accepted == count]
        counts = np.bincount(np.array(tokens, dtype=int), minlength=vocab)
        statistic, limit = chi_square(counts, expected)
        assert statistic < limit


def test_a_perfect_drafter_is_always_accepted() -> None:
    """And the bonus is what the sampler would have chosen at its position."""
    logits = random_logits(1200, 50, seed=1)
    draws = [Draw(OPTIONS[i % 3], seed=i, position=5, block=4) for i in range(600)]
    verdicts = verify(logits, drawn(logits[::2], draws), draws)
    bonus = sample(logits[1::2], [replace(draw, position=6) for draw in draws])
    assert verdicts == [Verdict(1, token) for token in bonus]


def test_a_refused_draft_without_residual_is_replaced_from_the_target() -> None:
    """Which takes a q that is no distribution: twice P, so that half are refused."""
    logits = random_logits(1, 9, seed=2).expand(200, -1)
    draws = [Draw(Sampling(), seed=i, position=5) for i in range(200)]
    drafted = [
        replace(drafts, q=(2.0 * q,))
        for drafts in drawn(logits, draws)
        if (q := drafts.q[0]) is not None
    ]
    verdicts = verify(logits.repeat_interleave(2, dim=0), drafted, draws)
    refused = [i for i, verdict in enumerate(verdicts) if verdict.accepted == 0]
    assert 70 < len(refused) < 130
    ordinary = sample(logits, draws)
    assert [verdicts[i].token for i in refused] == [ordinary[i] for i in refused]


def test_without_drafts_it_is_the_sampler() -> None:
    logits = random_logits(200, 3000, seed=3)
    options = (*OPTIONS, GREEDY)
    draws = [Draw(options[i % 4], seed=i // 4, position=3 * i) for i in range(200)]
    verdicts = verify(logits, [Drafted()] * 200, draws)
    assert verdicts == [Verdict(0, token) for token in sample(logits, draws)]
    assert verify(logits[:0], [], []) == []


@dataclass(frozen=True)
class Case:
    """One request's part of a call."""

    logits: Tensor
    drafted: Drafted
    draw: Draw


def cases(vocab: int = 300) -> list[Case]:
    """60 requests of 0 to 4 drafts, greedy, sampled, and with some q one-hot. Their
    drafters know half of what the target does."""
    result = []
    for r in range(60):
        logits = random_logits(5, vocab, seed=r)[: r % 5 + 1]
        sampling = (*OPTIONS, GREEDY)[r % 4]
        drafts = [
            Draw(GREEDY if r % 3 == 0 else sampling, r, 40 + k, block=39)
            for k in range(r % 5)
        ]
        noise = random_logits(len(drafts), vocab, seed=1000 + r)
        ids, q = draft(logits[:-1] + noise / 2, drafts) if drafts else ([], [])
        tokens = tuple(token for token in ids if token is not None)
        result.append(Case(logits, Drafted(tokens, tuple(q)), Draw(sampling, r, 40)))
    return result


def decide(chosen: Sequence[Case]) -> list[Verdict]:
    logits = torch.cat([case.logits for case in chosen])
    before = logits.clone()
    verdicts = verify(
        logits, [case.drafted for case in chosen], [case.draw for case in chosen]
    )
    # As bits, because a NaN is equal to nothing.
    assert torch.equal(logits.view(torch.int32), before.view(torch.int32))
    return verdicts


def test_requests_do_not_influence_each_other() -> None:
    """The same verdict alone, in company, and in another order."""
    together = decide(cases())
    assert [decide([case])[0] for case in cases()] == together
    assert decide(cases()[::-1]) == together[::-1]
    assert len({verdict.token for verdict in together}) > 30
    assert {verdict.accepted for verdict in together} >= {0, 1, 2}


@given(data=st.data())
@settings(max_examples=150)
def test_greedy_is_the_argmax_chain_for_any_drafts(data: st.DataObject) -> None:
    """Ties among the integer logits go to the smaller id, as in ``sample``."""
    table = torch.from_numpy(
        np.random.default_rng(data.draw(st.integers(0, 999))).integers(0, 4, (V, V, V))
    ).float()
    blocks = data.draw(
        st.lists(st.lists(st.integers(0, V - 1), max_size=5), min_size=1, max_size=4)
    )
    contexts = [
        [*PROMPT, *tokens[:k]] for tokens in blocks for k in range(len(tokens) + 1)
    ]
    verdicts = verify(
        following(table, contexts),
        [Drafted(tuple(tokens), (None,) * len(tokens)) for tokens in blocks],
        [Draw(GREEDY, seed=0, position=2)] * len(blocks),
    )
    chain = list(PROMPT)
    for _ in range(6):
        chain.append(int(np.argmax(table.numpy()[chain[-2], chain[-1]])))
    for tokens, verdict in zip(blocks, verdicts, strict=True):
        agreed = [a == b for a, b in zip(tokens, chain[2:], strict=False)]
        assert verdict.accepted == [*agreed, False].index(False)
        assert verdict.token == chain[2 + verdict.accepted]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("sampling", [GREEDY, Sampling(), Sampling(0.8, 0.9, 0.1)])
def test_a_row_without_a_choice_ends_its_request_only(
    sampling: Sampling, bad: float
) -> None:
    logits = random_logits(3, 20, seed=4)
    draw = Draw(sampling, seed=1, position=8, block=7)
    ids, q = draft(logits[:2], [draw, replace(draw, position=9)])
    drafted = Drafted(tuple(token for token in ids if token is not None), tuple(q))
    healthy = Case(logits, drafted, draw)
    other = cases(vocab=20)[14]
    expected = decide([other])[0]
    for row in range(3):
        broken = logits.clone()
        broken[row, 10 if bad > 0 or math.isnan(bad) else slice(None)] = bad
        verdicts = decide([replace(healthy, logits=broken), healthy, other])
        assert verdicts == [Verdict(row, None), decide([healthy])[0], expected]


def test_rows_behind_a_refused_draft_are_irrelevant() -> None:
    """They predict from a text that isn't; a grammar leaves them without a choice."""
    logits = random_logits(3, 20, seed=5)
    logits[0, 3] = -math.inf
    logits[1:] = -math.inf
    for sampling in (GREEDY, Sampling()):
        for q in (None, torch.full((20,), 0.05, dtype=torch.float64)):
            draw = Draw(sampling, seed=1, position=8)
            verdict = decide([Case(logits, Drafted((3, 4), (q, q)), draw)])[0]
            assert verdict.accepted == 0
            assert verdict.token not in (3, None)
