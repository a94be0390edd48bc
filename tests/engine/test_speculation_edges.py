"""Drafting where it could go wrong: in company, at both ends, under odd constraints."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.request import Request, Sampling
from dsagent.engine.sampler import probabilities
from dsagent.errors import EngineError
from tests.engine.fakes import FakeBlock, FakeDrafter, FakeTransformer, reference
from tests.engine.test_engine import collect
from tests.engine.test_speculation import (
    CRITICAL,
    SMALL,
    decent,
    engine_on,
    small_model,
    surprise,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsagent.engine.constraint import Bitmask
    from dsagent.engine.dspark import Anchor
    from dsagent.engine.engine import Generation
    from dsagent.engine.request import Speculation
    from tests.engine.fakes import FakeCache

GREEDY = Sampling(0.0)
UNDRAFTED = Sampling(0.0, speculation="off")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: the bridge to both has its own tests."""
    return "asyncio"


@pytest.fixture
def drafting() -> FakeTransformer:
    fake = FakeTransformer(memory=1)
    fake.drafter = decent(fake)
    return fake


class Bidirectional(FakeDrafter):
    """Every row of a block sees all of it, so a longer one drafts otherwise."""

    rows = 0

    def block(
        self, anchors: Sequence[Anchor], cache: FakeCache, rows: int | None = None
    ) -> FakeBlock:
        self.rows = rows or self.block_size
        return super().block(anchors, cache, rows)

    def markov(
        self, block: FakeBlock, i: int, previous: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        logits, scores = super().markov(block, i, previous)
        return logits.roll(self.rows - self.block_size, 1), scores


async def test_a_seeded_request_drafts_the_same_beside_longer_blocks() -> None:
    fake = FakeTransformer(memory=1)
    good = decent(fake)
    fake.drafter = Bidirectional(good.guess, good.score)
    request = Request((5, 6, 7), 60, Sampling(1.3, seed=77))
    async with engine_on(fake) as engine:
        alone = await collect(engine.submit(request))
        with fake.held():
            other = engine.submit(Request((1, 2), 90, Sampling(speculation=16)))
            generation = engine.submit(request)
        assert await collect(generation) == alone
        assert max(map(len, fake.batches)) == 2
        await other.aclose()


@pytest.mark.parametrize("speculation", ["auto", 1, 5, 16])
@pytest.mark.parametrize("length", [1, 2, 3, 20])
@pytest.mark.parametrize("prompt", [1, 2, 16, 17, 33])
async def test_shortest_prompts_and_answers(
    drafting: FakeTransformer, prompt: int, length: int, speculation: int
) -> None:
    """17 and 33 leave a last chunk of one token, which looks like decoding."""
    ids = tuple(range(3, 3 + prompt))
    sampling = Sampling(0.0, speculation=speculation)
    async with engine_on(drafting) as engine:
        generation = engine.submit(Request(ids, length, sampling))
        assert await collect(generation) == reference(drafting, ids, length, sampling)
        assert generation.stop == "length"
        stats = generation.stats
        assert stats.decode_steps + stats.accepted == length - 1
        assert stats.drafted >= stats.accepted


@pytest.mark.parametrize("prompt", [1, 2, 17])
async def test_without_drafts_a_step_gives_one_token(
    drafting: FakeTransformer, prompt: int
) -> None:
    async with engine_on(drafting) as engine:
        generation = engine.submit(Request((3,) * prompt, 10, UNDRAFTED))
        await collect(generation)
        assert generation.stats.decode_steps == 9
        assert generation.stats.accepted_length == 1.0


async def test_a_step_that_ends_with_an_accepted_stop_counts_what_it_gave() -> None:
    """The drafter knows the text; no token of the target's follows a stop."""
    fake = FakeTransformer(memory=1)
    fake.drafter = FakeDrafter(
        lambda p, t: fake.logits_after([0] * (p - 1) + [t]), lambda p, t: 9.0
    )
    sampling = Sampling(0.0, speculation=5)
    text = reference(fake, (3, 4), 40, sampling)
    checked = 0
    async with engine_on(fake) as engine:
        for end, stop in enumerate(text[:12]):
            if stop in text[:end]:
                continue
            generation = engine.submit(
                Request((3, 4), 40, sampling, stop_ids=frozenset({stop}))
            )
            assert await collect(generation) == text[: end + 1]
            stats = generation.stats
            # One token of the prompt's step, then six a step.
            assert stats.decode_steps == -(-end // 6)
            if end:
                assert stats.accepted_length == end / stats.decode_steps
            checked += 1
    assert checked > 8


class Rules:
    """A constraint by a function from the ids so far to the legal ones, and another
    to those that ``forced`` tells. Both may raise."""

    def __init__(
        self,
        allowed: Callable[[tuple[int, ...]], set[int]],
        forced: Callable[[tuple[int, ...]], list[int]] = lambda ids: [],
        refused: Callable[[tuple[int, ...]], bool] = lambda ids: False,
    ) -> None:
        self._allowed, self._forced, self._refused = allowed, forced, refused
        self.ids: tuple[int, ...] = ()

    @property
    def done(self) -> bool:
        return False

    def fill_mask(self, out: Bitmask, row: int) -> None:
        out[row] = 0
        for token in self._allowed(self.ids):
            out.view("uint32")[row, token // 32] |= 1 << (token % 32)

    def accept(self, ids: Sequence[int]) -> int:
        for count, token in enumerate(ids):
            after = (*self.ids, token)
            if token not in self._allowed(self.ids) or self._refused(after):
                return count
            self.ids = after
        return len(ids)

    def validate(self, ids: Sequence[int]) -> int:
        raise NotImplementedError

    def rollback(self, n: int) -> None:
        assert 0 < n <= len(self.ids)
        self.ids = self.ids[:-n]

    def forced(self) -> list[int]:
        return self._forced(self.ids)


def everything(ids: tuple[int, ...]) -> set[int]:
    return set(range(97))


def always(fake: FakeTransformer, token: int) -> FakeDrafter:
    """Drafts nothing but ``token``, and is sure of it."""
    logits = 20.0 * torch.nn.functional.one_hot(torch.tensor(token), 97)
    return FakeDrafter(lambda p, t: logits, lambda p, t: 9.0)


async def test_a_constraint_may_fail_where_only_a_bad_guess_leads() -> None:
    fake = FakeTransformer(memory=1)
    text = reference(fake, (1,), 20, GREEDY)
    bad = next(token for token in range(97) if token not in text)
    fake.drafter = always(fake, bad)

    def refuse(ids: tuple[int, ...]) -> bool:
        if bad in ids:
            raise RuntimeError("not this way")
        return False

    def allow(ids: tuple[int, ...]) -> set[int]:
        if bad in ids:
            raise RuntimeError("not this way")
        return everything(ids)

    def force(ids: tuple[int, ...]) -> list[int]:
        if bad in ids:
            raise RuntimeError("not this way")
        return []

    odd = [
        Rules(everything, refused=refuse),
        Rules(allow),
        Rules(everything, force),
    ]
    async with engine_on(fake) as engine:
        for constraint in odd:
            sampling = Sampling(0.0, speculation=5)
            request = Request((1,), 20, sampling, constraint=constraint)
            assert await collect(engine.submit(request)) == text
            assert constraint.ids == text


async def test_what_fails_behind_standing_guesses_ends_there() -> None:
    """Exactly the tokens that plain decoding gives before it fails."""
    fake = FakeTransformer(memory=1)
    fake.drafter = decent(fake)
    text = reference(fake, (1,), 40, GREEDY)

    def fail(ids: tuple[int, ...]) -> set[int]:
        if len(ids) == 20:
            raise RuntimeError("lost the plot")
        return everything(ids)

    async with engine_on(fake) as engine:
        for sampling in (GREEDY, Sampling(0.0, speculation=5), UNDRAFTED):
            seen: list[int] = []
            generation = engine.submit(
                Request((1,), 40, sampling, constraint=Rules(fail))
            )
            with pytest.raises(EngineError, match="failed to give a mask"):
                await _read(generation, seen)
            assert tuple(seen) == text[:20]


async def _read(generation: Generation, seen: list[int]) -> None:
    async for step in generation:
        seen.extend(step.ids)


async def test_a_wrong_hint_of_what_is_forced_changes_nothing(
    drafting: FakeTransformer,
) -> None:
    """``forced`` names ids that the mask forbids, or that there is a choice besides."""
    text = reference(drafting, (1,), 30, GREEDY)
    wrong = next(token for token in range(97) if token not in text)
    hints = {
        "forbidden": Rules(lambda ids: everything(ids) - {wrong}, lambda ids: [wrong]),
        "a choice": Rules(everything, lambda ids: [wrong, wrong]),
    }
    async with engine_on(drafting) as engine:
        ways: list[Speculation] = ["auto", 5, "off"]
        for speculation, rules in itertools.product(ways, hints.values()):
            rules.ids = ()
            sampling = Sampling(0.0, speculation=speculation)
            generation = engine.submit(Request((1,), 30, sampling, constraint=rules))
            assert await collect(generation) == text
            assert rules.ids == text


@dataclass(frozen=True)
class Case:
    """A constraint over the small vocabulary, and what plain decoding makes of it."""

    allowed: Callable[[tuple[int, ...]], set[int]]
    forced: Callable[[tuple[int, ...]], list[int]] = lambda ids: []
    refused: Callable[[tuple[int, ...]], bool] = lambda ids: False
    stop_ids: frozenset[int] = frozenset()


def skeleton(ids: tuple[int, ...]) -> set[int]:
    """Behind a 1 come 3 and 0; behind a 2 there is no 4."""
    if ids[-1:] == (1,):
        return {3}
    if ids[-2:] == (1, 3):
        return {0}
    return set(range(SMALL)) - ({4} if ids[-1:] == (2,) else set())


def spelled(ids: tuple[int, ...]) -> list[int]:
    if ids[-1:] == (1,):
        return [3, 0]
    return [0] if ids[-2:] == (1, 3) else []


CASES = {
    "forced behind some": Case(skeleton, spelled),
    "one of two spellings": Case(
        lambda ids: {2, 4} if ids[-1:] == (1,) else set(range(SMALL)),
        lambda ids: [2] if ids[-1:] == (1,) else [],
    ),
    "stops": Case(lambda ids: set(range(SMALL)), stop_ids=frozenset({1, 3})),
    "refused": Case(lambda ids: set(range(SMALL)), refused=lambda ids: ids[-1] == 4),
}


def distribution(
    fake: FakeTransformer, case: Case, sampling: Sampling, length: int
) -> dict[tuple[int, ...], float]:
    """Of every text behind (1, 2) that plain decoding may give; errors end it."""
    result: dict[tuple[int, ...], float] = defaultdict(float)
    paths: list[tuple[tuple[int, ...], float]] = [((), 1.0)]
    while paths:
        ids, p = paths.pop()
        logits = fake.logits_after((1, 2, *ids)).clone()
        for token in set(range(SMALL)) - case.allowed(ids):
            logits[token] = -torch.inf
        row = probabilities(logits.unsqueeze(0), [sampling])[0].tolist()
        for token, share in enumerate(row):
            after = (*ids, token)
            if not share:
                continue
            if case.refused(after):
                result[ids] += p * share
            elif len(after) == length or token in case.stop_ids:
                result[after] += p * share
            else:
                paths.append((after, p * share))
    return result


@pytest.mark.parametrize("speculation", ["auto", 2])
@pytest.mark.parametrize("name", list(CASES))
async def test_what_guesses_turn_out_to_be_decides_nothing(
    name: str, speculation: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forced ids, stops and refusals make blocks as long as their tokens say."""
    seeds = itertools.count(10**9)
    monkeypatch.setattr("dsagent.engine.engine.secrets.randbits", lambda n: next(seeds))
    fake, case, runs = small_model(None), CASES[name], 4_000
    noise = 2 * torch.randn(64, 5, 5, generator=torch.Generator().manual_seed(3))
    fake.drafter = FakeDrafter(
        lambda p, t: noise[p, t], lambda p, t: 3.0 if t % 2 else -1.0, block_size=3
    )
    sampling = Sampling(speculation=speculation)
    counts: Counter[tuple[int, ...]] = Counter()
    async with engine_on(fake, max_running=64, max_queue=runs, memory=1024) as engine:
        with fake.held():
            requests = [
                engine.submit(
                    Request(
                        (1, 2),
                        4,
                        sampling,
                        case.stop_ids,
                        Rules(case.allowed, case.forced, case.refused),
                    )
                )
                for _ in range(runs)
            ]
        for request in requests:
            seen: list[int] = []
            with contextlib.suppress(EngineError):
                await _read(request, seen)
            assert request.stop != "error" or "refused" in str(request.error)
            counts[tuple(seen)] += 1
    assert surprise(counts, distribution(fake, case, Sampling(), 4)) < CRITICAL
