"""Where a prompt is cut changes nothing but rounding, which the scheduler relies on.

What a cut could change is everything that is carried over it: windows, entries that
close later, the drafter's context. Cuts are drawn from the scheduler's own grid.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, cast

import pytest
import torch

from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.request import Request, Sampling
from dsagent.engine.scheduler import PIECE
from tests.engine.models import chunked
from tests.engine.test_cancel import ended
from tests.engine.test_displaced import Hooked
from tests.engine.test_engine_model import model

if TYPE_CHECKING:
    from dsagent.engine.transformer import Transformer

__all__ = ["model"]

PROMPT = [(i * i + 3 * i) % 300 for i in range(777)]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: the bridge to both has its own tests."""
    return "asyncio"


@pytest.mark.parametrize("seed", range(6))
def test_logits_agree_wherever_a_prompt_is_cut(model: Transformer, seed: int) -> None:
    """Twelve entries for each that is selected: that choice could differ, too."""
    rng = random.Random(seed)
    sizes = [PIECE * rng.choice([1, 1, 2, 3, 5, 8]) for _ in range(13)]
    whole = chunked(model, PROMPT, [len(PROMPT)])
    torch.testing.assert_close(chunked(model, PROMPT, sizes), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "sampling",
    [Sampling(0.0), Sampling(1.0, seed=4), Sampling(0.6, 0.9, seed=5)],
    ids=["greedy", "seed", "nucleus"],
)
async def test_tokens_agree_wherever_a_prompt_is_cut(
    model: Transformer, sampling: Sampling
) -> None:
    """Alone, and beside one that writes on a machine whose speed keeps changing."""
    hooked, seconds = Hooked(model), 0.0
    request = Request(tuple(PROMPT), 30, sampling)
    rng = random.Random(6)

    def clock() -> float:
        nonlocal seconds
        seconds += 10 ** rng.uniform(-3.0, 0.0)
        return seconds

    config = EngineConfig(keep_prefixes=False, prefill_chunk=512, max_unread=500)
    transformer = cast("Transformer", hooked)
    async with Engine(transformer, config, clock=clock) as engine:
        alone = await ended(engine.submit(request))
        hooked.seen.clear()
        writer = engine.submit(Request((1, 2), 400, Sampling(0.0)))
        await anext(writer)
        assert await ended(engine.submit(request)) == alone
        await writer.aclose()
    lengths = {n for spans in hooked.seen for n in spans if n > PIECE}
    assert len(lengths) >= 2
