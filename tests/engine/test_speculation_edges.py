"""Drafting where it could go wrong: in company, at both ends, under odd constraints."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.request import Request, Sampling
from tests.engine.fakes import FakeBlock, FakeDrafter, FakeTransformer, reference
from tests.engine.test_engine import collect
from tests.engine.test_speculation import (
    decent,
    engine_on,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.engine.dspark import Anchor
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
