"""The engine on the real transformer: a small random model, CPU, float32."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import DSparkConfig, ModelConfig
from dsagent.engine.request import Request, Sampling
from dsagent.engine.transformer import Transformer
from tests.engine.test_cancel import ended

if TYPE_CHECKING:
    from dsagent.engine.engine import Engine, Generation
    from tests.engine.conftest import MakeEngine

NANO = Path(__file__).parents[2] / "dsagent" / "nano"
GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: the bridge to both is tested on the fake, which is faster."""
    return "asyncio"


DRAFTS = DSparkConfig(
    block_size=4, noise_token_id=7, target_layer_ids=(0, 2), markov_rank=8
)
"""A drafter of random weights: hardly a guess of it stands, which must not show."""


@pytest.fixture(scope="module", params=[0, 2], ids=["plain", "drafting"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Transformer:
    """Nano's architecture in miniature: every layer kind, hashed and scored experts."""
    nano = ModelConfig.read(NANO)
    config = replace(
        nano,
        vocab_size=300,
        hidden_size=64,
        head_dim=32,
        index_head_dim=16,
        index_n_heads=4,
        index_topk=16,
        moe_intermediate_size=32,
        o_lora_rank=32,
        q_lora_rank=32,
        qk_rope_head_dim=16,
        sliding_window=16,
        num_hidden_layers=3,
        compress_ratios=(0, 4, 128),
        dspark=DRAFTS if request.param else None,
    )
    folder = tmp_path_factory.mktemp("checkpoint")
    random_checkpoint(config, 3, folder, precision="f32", stages=request.param)
    return Transformer.load(folder)


def prompts(n: int, *, longest: int = 90) -> list[tuple[int, ...]]:
    rng = random.Random(17)
    return [
        tuple(rng.randrange(300) for _ in range(rng.randint(1, longest)))
        for _ in range(n)
    ]


def greedy_by_hand(
    model: Transformer, prompt: tuple[int, ...], length: int
) -> tuple[int, ...]:
    """The whole sequence recomputed for every token, in a cache of its own."""
    tokens = list(prompt)
    for _ in range(length):
        cache = model.new_cache(1, len(tokens))
        n = len(tokens)
        batch = Batch(
            torch.tensor(tokens),
            torch.arange(n),
            (Span(cache.alloc(n), 0, n, 0),),
            torch.tensor([n - 1]),
        )
        tokens.append(int(model.forward(batch, cache).argmax()))
    return tuple(tokens[len(prompt) :])


async def collect(generations: list[Generation]) -> list[tuple[int, ...]]:
    results: list[tuple[int, ...]] = [()] * len(generations)

    async def read(index: int) -> None:
        results[index] = await ended(generations[index])

    async with anyio.create_task_group() as group:
        for index in range(len(generations)):
            group.start_soon(read, index)
    return results


async def test_greedy_tokens_are_the_models(
    make_engine: MakeEngine, model: Transformer
) -> None:
    """Chunks, company and incremental decoding change nothing."""
    engine = make_engine(model, prefill_chunk=24, max_running=6)
    requests = [Request(prompt, 8, GREEDY) for prompt in prompts(6)]
    results = await collect([engine.submit(request) for request in requests])
    for request, ids in zip(requests, results, strict=True):
        assert ids == greedy_by_hand(model, request.prompt, 8)


async def test_a_seeded_request_gives_the_same_tokens_alone_and_in_company(
    make_engine: MakeEngine, model: Transformer
) -> None:
    """Rounding may differ between batch shapes (1e-6 here), and a sampled token moves
    only if its random number falls into that gap: about once in 10**5 tokens, and
    these are 120."""
    options = [
        Sampling(seed=1),
        Sampling(1.5, 0.9, seed=2),
        Sampling(0.7, 1.0, 0.05, 3),
    ]
    requests = [
        Request(prompt, 15, options[i % 3]) for i, prompt in enumerate(prompts(8))
    ]

    async def run(engine: Engine, *, together: bool) -> list[tuple[int, ...]]:
        if together:
            return await collect([engine.submit(request) for request in requests])
        return [await ended(engine.submit(request)) for request in requests]

    engine = make_engine(model, prefill_chunk=32, max_running=5)
    alone = await run(engine, together=False)
    steps_alone = engine.stats().steps
    assert await run(engine, together=True) == alone
    assert engine.stats().steps - steps_alone < steps_alone / 2
    other_seeds = [
        replace(r, sampling=replace(r.sampling, seed=(r.sampling.seed or 0) + 10))
        for r in requests
    ]
    different = await collect([engine.submit(request) for request in other_seeds])
    assert all(a != b for a, b in zip(alone, different, strict=True))


async def test_cancelled_requests_leave_no_storage(
    make_engine: MakeEngine, model: Transformer
) -> None:
    rng = random.Random(9)
    engine = make_engine(model, prefill_chunk=16, max_running=4)

    async def leave(prompt: tuple[int, ...], reads: int) -> None:
        async with engine.submit(Request(prompt, 100)) as generation:
            for _ in range(reads):
                await anext(generation, None)

    async with anyio.create_task_group() as group:
        for prompt in prompts(40, longest=40):
            group.start_soon(leave, prompt, rng.randint(0, 4))
    stats = engine.stats()
    assert (stats.running, stats.waiting) == (0, 0)
    assert (stats.cache_tokens, stats.cache_bytes) == (0, 0)
    survivor = Request(prompts(1)[0], 8, GREEDY)
    expected = greedy_by_hand(model, survivor.prompt, 8)
    assert await ended(engine.submit(survivor)) == expected
