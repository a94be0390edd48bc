"""The lengths that the engine chooses leave the distribution alone, drafting always.

Left to itself it soon stops drafting with a drafter as bad as these, and what it then
samples says nothing of its schedule.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, cast

import pytest
import torch

from dsagent.engine import policy
from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.lengths import survival
from dsagent.engine.policy import Worth
from dsagent.engine.profile import StepProfile
from dsagent.engine.request import Request, Sampling
from dsagent.engine.sampler import probabilities
from tests.engine.fakes import FakeDrafter, FakeTransformer
from tests.engine.test_engine import collect
from tests.engine.test_speculation import (
    CRITICAL,
    SMALL,
    bad_drafters,
    row,
    small_model,
    surprise,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsagent.engine.transformer import Transformer

RUNS = 500
LENGTH = 8
"""Of a text: as many steps as a budget needs to look back, and more."""
FREE = {1: 1e-3}
"""What a draft costs: next to nothing."""
CHEAP = StepProfile.of({(1, 1): 1.0, (1, 4): 1.6}, FREE)
"""Each row adds a fifth of a step."""
DEAR = StepProfile.of(
    {
        (1, 1): 1.0,
        (1, 2): 1.85,
        (1, 3): 2.35,
        (1, 4): 2.9,
        (2, 2): 1.0,
        (2, 3): 1.45,
        (2, 5): 2.0,
        (2, 8): 3.2,
        (8, 8): 1.0,
        (8, 9): 1.6,
        (8, 32): 1.7,
    },
    FREE,
)
"""As in the paper's counterexample: a first draft doesn't pay, more of them may."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: nothing here depends on it."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = itertools.count(10**9)
    monkeypatch.setattr("dsagent.engine.engine.secrets.randbits", lambda n: next(seeds))
    monkeypatch.setattr(Worth, "drafting", True)


def pairs(fake: FakeTransformer) -> list[dict[tuple[int, ...], float]]:
    """For every place behind (1, 2): how likely which two tokens are there.

    What comes next depends on the place and the token before alone.
    """
    before = [float(token == 2) for token in range(SMALL)]
    result: list[dict[tuple[int, ...], float]] = []
    for place in range(2, 2 + LENGTH):
        logits = torch.stack([row(fake, place, token) for token in range(SMALL)])
        after = probabilities(logits, [Sampling()] * SMALL).tolist()
        joint: dict[tuple[int, ...], float] = {
            (one, two): before[one] * after[one][two]
            for one, two in itertools.product(range(SMALL), repeat=2)
        }
        before = [sum(joint[one, two] for one in range(SMALL)) for two in range(SMALL)]
        result.append(joint)
    return result


async def judged(
    costs: StepProfile, together: int, runs: int = RUNS
) -> tuple[float, float]:
    """How far from the truth, in standard deviations, the pairs of neighbours are at
    their worst place; and how many drafts were verified for a text."""
    fake = small_model(None)
    guess = bad_drafters(fake)["random"].guess
    # Confidences of 0.8 or 0.6, by the token before.
    fake.drafter = FakeDrafter(
        guess, lambda p, t: 1.386 if t % 2 else 0.405, block_size=3
    )
    config = EngineConfig(max_running=together, max_queue=runs, memory=1024)
    texts: list[tuple[int, ...]] = []
    async with Engine(cast("Transformer", fake), config, profile=costs) as engine:
        with fake.held():
            requests = [engine.submit(Request((1, 2), LENGTH)) for _ in range(runs)]
        texts += [(2, *await collect(request)) for request in requests]
        drafted = engine.stats().drafted / runs
    worst = max(
        surprise(Counter(text[place : place + 2] for text in texts), expected)
        for place, expected in enumerate(pairs(fake))
    )
    return worst, drafted


@pytest.mark.parametrize("together", [1, 8])
async def test_schedules_leave_the_distribution_alone(together: int) -> None:
    z, drafted = await judged(CHEAP, together)
    assert z < CRITICAL
    # Some are verified, and not all that are drafted.
    assert 3.0 < drafted < 12.0


@pytest.mark.parametrize("together", [2, 8])
async def test_so_does_a_row_that_is_dear(together: int) -> None:
    """A budget gets past it, which no search of the present could."""
    z, drafted = await judged(DEAR, together)
    assert z < CRITICAL
    assert drafted > 0.2


async def test_hindsight_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def best(confidences: Sequence[float], seconds: Callable[[int], float]) -> int:
        pays = [
            (1.0 + sum(survival(confidences)[:length])) / seconds(1 + length)
            for length in range(len(confidences) + 1)
        ]
        return pays.index(max(pays))

    monkeypatch.setattr(policy, "single_stream", best)
    z, drafted = await judged(DEAR, 1, 3 * RUNS)
    assert drafted > 0.2
    assert z > CRITICAL
