"""Drafting in the engine changes nothing but the number of steps.

The model is a fake whose next-token distribution depends on the position and the last
token only, so that every continuation's probability can be written down; its drafters
are as bad as drafters can be.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest
import torch

from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.request import Request, Sampling
from dsagent.engine.sampler import probabilities
from dsagent.engine.speculation import Block
from dsagent.errors import EngineError
from tests.engine.fakes import FakeConfig, FakeDrafter, FakeTransformer, reference
from tests.engine.test_engine import collect, mixed_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.engine.constraint import Bitmask
    from dsagent.engine.transformer import Transformer

GREEDY = Sampling(temperature=0.0)
SMALL = 5
"""Vocabulary of the model whose continuations are counted."""
LENGTH = 4
"""Their length: more than a block of two, so that blocks follow blocks."""
RUNS = 4_000
CRITICAL = 4.9
"""Standard deviations of the chi-square statistic's normal approximation that a right
program exceeds once in a million; the seeds are fixed, so it doesn't."""


def small_model(drafter: FakeDrafter | None) -> FakeTransformer:
    fake = FakeTransformer(FakeConfig(vocab_size=SMALL), memory=1, scale=1.2)
    fake.drafter = drafter
    return fake


def row(fake: FakeTransformer, position: int, token: int) -> torch.Tensor:
    """The model's logits for ``position`` behind ``token``."""
    return fake.logits_after([0] * (position - 1) + [token])


def bad_drafters(fake: FakeTransformer) -> dict[str, FakeDrafter]:
    generator = torch.Generator().manual_seed(3)
    noise = 2 * torch.randn(64, SMALL, SMALL, generator=generator)

    def without_mode(position: int, token: int) -> torch.Tensor:
        logits = row(fake, position, token).clone()
        logits[logits.argmax()] = -torch.inf
        return logits

    def nearly_certain(position: int, token: int) -> torch.Tensor:
        return 12.0 * torch.nn.functional.one_hot(
            torch.tensor((position + token) % SMALL), SMALL
        )

    guesses = {
        "random": lambda position, token: noise[position, token],
        "adversarial": lambda position, token: -2 * row(fake, position, token),
        "nearly certain": nearly_certain,
        "without the mode": without_mode,
    }
    # Confidences that depend on the token before, as they do: a scheduler that let
    # one decide about its own token would show.
    return {
        name: FakeDrafter(guess, lambda p, t: 3.0 if t % 2 else -1.0, block_size=3)
        for name, guess in guesses.items()
    }


async def continuations(
    fake: FakeTransformer, sampling: Sampling, runs: int
) -> Counter[tuple[int, ...]]:
    """What ``runs`` requests with engine-picked seeds continue ``(1, 2)`` with."""
    counts: Counter[tuple[int, ...]] = Counter()
    config = EngineConfig(max_running=64, max_queue=runs, memory=64 * 8)
    async with Engine(cast("Transformer", fake), config) as engine:
        with fake.held():
            requests = [
                engine.submit(Request((1, 2), LENGTH, sampling)) for _ in range(runs)
            ]
        for request in requests:
            counts[await collect(request)] += 1
    return counts


def exact(fake: FakeTransformer, sampling: Sampling) -> dict[tuple[int, ...], float]:
    """The probability of every continuation of ``(1, 2)``."""
    result = {}
    for ids in itertools.product(range(SMALL), repeat=LENGTH):
        p = 1.0
        for i, token in enumerate(ids):
            before = (1, 2, *ids)[: 2 + i]
            logits = fake.logits_after(before).unsqueeze(0)
            p *= float(probabilities(logits, [sampling])[0, token])
        result[ids] = p
    assert math.isclose(sum(result.values()), 1.0, abs_tol=1e-6)
    return result


def surprise(
    counts: Counter[tuple[int, ...]], expected: dict[tuple[int, ...], float]
) -> float:
    """Pearson's statistic as a z value (Wilson and Hilferty's cube root).

    Continuations expected less than five times are one class.
    """
    n = sum(counts.values())
    rare = {ids for ids, p in expected.items() if p * n < 5}
    observed = [counts[ids] for ids in expected if ids not in rare]
    means = [p * n for ids, p in expected.items() if ids not in rare]
    if sum(expected[ids] for ids in rare) * n >= 1:
        observed.append(sum(counts[ids] for ids in rare))
        means.append(sum(expected[ids] for ids in rare) * n)
    assert sum(counts[ids] for ids, p in expected.items() if p == 0.0) == 0
    statistic = math.fsum(
        (o - e) ** 2 / e for o, e in zip(observed, means, strict=True)
    )
    k = len(means) - 1
    spread = math.sqrt(2 / (9 * k))
    return (math.cbrt(statistic / k) - (1 - 2 / (9 * k))) / spread


SAMPLINGS = {
    "as trained": Sampling(),
    "cool, top-p": Sampling(0.7, top_p=0.9),
    "hot, min-p": Sampling(1.5, min_p=0.2),
    "two at a time": Sampling(speculation=2),
}


@pytest.mark.parametrize("sampling", SAMPLINGS.values(), ids=list(SAMPLINGS))
@pytest.mark.parametrize(
    "name", ["random", "adversarial", "nearly certain", "without the mode"]
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_any_drafter_leaves_the_distribution_alone(
    name: str, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """4,000 continuations of four tokens for each, 64,000 in all, scheduler on."""
    seeds = iter(range(10**9, 10**10))
    monkeypatch.setattr("dsagent.engine.engine.secrets.randbits", lambda n: next(seeds))
    fake = small_model(None)
    fake.drafter = drafter = bad_drafters(fake)[name]
    counts = await continuations(fake, sampling, RUNS)
    assert drafter.blocks > 5
    assert surprise(counts, exact(fake, sampling)) < CRITICAL


async def test_without_drafts_the_same_test_passes() -> None:
    fake = small_model(None)
    counts = await continuations(fake, Sampling(), RUNS)
    assert surprise(counts, exact(fake, Sampling())) < CRITICAL


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_test_notices_drafts_that_are_waved_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settle = Block.settle

    def broken(self: Block, accepted: int, token: int | None) -> tuple[int, ...]:
        return settle(self, self.length, token)

    monkeypatch.setattr(Block, "settle", broken)
    fake = small_model(None)
    fake.drafter = bad_drafters(fake)["random"]
    counts = await continuations(fake, Sampling(speculation=2), RUNS)
    assert surprise(counts, exact(fake, Sampling())) > 5 * CRITICAL


def decent(fake: FakeTransformer) -> FakeDrafter:
    """Often right: the model's own logits, if only the last token mattered."""

    def guess(position: int, token: int) -> torch.Tensor:
        good = (position * 7 + token) % 10 < 7
        logits = row(fake, position, token)
        return logits if good else -logits

    return FakeDrafter(guess, lambda p, t: 2.0)


@pytest.fixture
def drafting() -> FakeTransformer:
    fake = FakeTransformer(memory=1)
    fake.drafter = decent(fake)
    return fake


def engine_on(fake: FakeTransformer, **options: Any) -> Engine:
    config = EngineConfig(**{"memory": 4096, "prefill_chunk": 16, **options})
    return Engine(cast("Transformer", fake), config)


@pytest.mark.parametrize("speculation", ["auto", "off", 1, 2, 5, 8, 16])
async def test_greedy_text_is_the_same_however_far_drafts_go(
    drafting: FakeTransformer, speculation: int
) -> None:
    sampling = Sampling(0.0, speculation=speculation)
    async with engine_on(drafting) as engine:
        with drafting.held():
            requests = [
                (prompt, length, engine.submit(Request(prompt, length, sampling)))
                for prompt, length in [
                    (tuple(range(n)), length)
                    for n, length in [(1, 1), (2, 40), (9, 3), (33, 17), (70, 64)]
                ]
            ]
        for prompt, length, generation in requests:
            found = await collect(generation)
            assert found == reference(drafting, prompt, length, sampling)
            assert generation.stop == "length"


async def test_drafts_save_steps_and_the_statistics_say_so(
    drafting: FakeTransformer,
) -> None:
    async with engine_on(drafting) as engine:
        plain = engine.submit(Request((1, 2), 60, Sampling(0.0, speculation="off")))
        await collect(plain)
        fast = engine.submit(Request((1, 2), 60, Sampling(0.0, speculation=5)))
        await collect(fast)
        stats = engine.stats()
    assert plain.stats.decode_steps == 59
    assert plain.stats.drafted == plain.stats.accepted == 0
    assert plain.stats.accepted_length == 1.0
    assert fast.stats.decode_steps < 40
    assert fast.stats.accepted + fast.stats.decode_steps == 59
    assert fast.stats.accepted_length == 59 / fast.stats.decode_steps
    assert stats.drafted == fast.stats.drafted
    assert stats.accepted == fast.stats.accepted


async def test_a_stop_token_inside_a_block_ends_the_text_there(
    drafting: FakeTransformer,
) -> None:
    """Every token of a greedy text becomes the stop token of another request."""
    sampling = Sampling(0.0, speculation=5)
    text = reference(drafting, (3, 4), 40, sampling)
    async with engine_on(drafting) as engine:
        for stop in dict.fromkeys(text):
            generation = engine.submit(
                Request((3, 4), 40, sampling, stop_ids=frozenset({stop}))
            )
            assert await collect(generation) == text[: text.index(stop) + 1]
            assert generation.stop == "stop"


async def test_a_seeded_request_gets_its_tokens_in_any_company(
    drafting: FakeTransformer,
) -> None:
    request = Request((5, 6, 7), 50, Sampling(1.3, top_p=0.95, seed=77))
    async with engine_on(drafting) as engine:
        alone = await collect(engine.submit(request))
        others = [
            Request(r.prompt, r.max_tokens, r.sampling)
            for r in mixed_requests(12, seed=4)
        ]
        with drafting.held():
            crowd = [engine.submit(other) for other in others]
            generation = engine.submit(request)
        async with anyio.create_task_group() as group:
            for other in crowd:
                group.start_soon(collect, other)
            together = await collect(generation)
    assert together == alone


class Alternating:
    """A constraint: even and odd ids in turn, and every ``period``-th id is given.

    Counts how often it was asked, and refuses what a rollback should have taken back.
    """

    def __init__(self, period: int, given: int) -> None:
        self.period, self.given = period, given
        self.ids: list[int] = []
        self.most = 0

    def allowed(self, ids: Sequence[int]) -> list[int]:
        if len(ids) % self.period == self.period - 1:
            return [self.given]
        return list(range(len(ids) % 2, 97, 2))

    @property
    def done(self) -> bool:
        return False

    def fill_mask(self, out: Bitmask, row: int) -> None:
        out[row] = 0
        for token in self.allowed(self.ids):
            bit = 1 << (token % 32)
            out[row, token // 32] |= bit if bit < 1 << 31 else bit - (1 << 32)

    def accept(self, ids: Sequence[int]) -> int:
        for count, token in enumerate(ids):
            if token not in self.allowed(self.ids):
                return count
            self.ids.append(token)
        self.most = max(self.most, len(self.ids))
        return len(ids)

    def validate(self, ids: Sequence[int]) -> int:
        raise NotImplementedError

    def rollback(self, n: int) -> None:
        assert 0 < n <= len(self.ids)
        del self.ids[-n:]

    def forced(self) -> list[int]:
        if len(self.ids) % self.period == self.period - 1:
            return [self.given]
        return []


def constrained_reference(
    fake: FakeTransformer, prompt: tuple[int, ...], n: int, constraint: Alternating
) -> tuple[int, ...]:
    ids: list[int] = []
    for _ in range(n):
        logits = fake.logits_after((*prompt, *ids))
        ids.append(max(constraint.allowed(ids), key=lambda t: float(logits[t])))
    return tuple(ids)


@pytest.mark.parametrize("drafter", [True, False])
@pytest.mark.parametrize("period", [1, 2, 3, 7])
async def test_constraints_hold_inside_blocks(
    drafting: FakeTransformer, period: int, drafter: bool
) -> None:
    if not drafter:
        drafting.drafter = None
    constraint = Alternating(period, 50)
    async with engine_on(drafting) as engine:
        generation = engine.submit(
            Request((1,), 40, Sampling(0.0), constraint=constraint)
        )
        found = await collect(generation)
    assert found == constrained_reference(drafting, (1,), 40, constraint)
    assert constraint.ids == list(found)
    if period == 1:
        # All of it is forced: a block of sixteen and the target's own token a step.
        assert generation.stats.decode_steps <= 3
    elif not drafter:
        assert generation.stats.accepted == generation.stats.drafted > 0


async def test_a_constraint_that_fails_behind_guesses_keeps_what_stands(
    drafting: FakeTransformer,
) -> None:
    class Failing(Alternating):
        def fill_mask(self, out: Bitmask, row: int) -> None:
            if len(self.ids) == 20:
                raise RuntimeError("lost the plot")
            super().fill_mask(out, row)

    constraint = Failing(3, 50)
    async with engine_on(drafting) as engine:
        generation = engine.submit(
            Request((1,), 40, Sampling(0.0, speculation=5), constraint=constraint)
        )
        seen: list[int] = []

        async def read() -> None:
            async for step in generation:
                seen.extend(step.ids)

        with pytest.raises(EngineError, match="failed to give a mask: RuntimeError"):
            await read()
        assert generation.stop == "error"
        expected = constrained_reference(drafting, (1,), 20, constraint)
        assert tuple(seen) == expected[: len(seen)]
        assert len(seen) > 10
        # The engine goes on.
        assert await collect(engine.submit(Request((1,), 3, GREEDY)))
