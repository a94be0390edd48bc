"""Requests in flight together, against the fake's definition."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from dsagent.engine.config import EngineConfig
from dsagent.engine.request import (
    EngineProtocol,
    GenerationProtocol,
    Request,
    Sampling,
    TokenStep,
)
from dsagent.errors import Closed, ContextOverflow, QueueFull
from tests.engine.fakes import FakeTransformer, reference

if TYPE_CHECKING:
    from dsagent.engine.engine import Engine, Generation
    from tests.engine.conftest import MakeEngine

GREEDY = Sampling(temperature=0.0)


async def collect(generation: Generation) -> tuple[int, ...]:
    return tuple([token async for step in generation for token in step.ids])


def mixed_requests(n: int, *, seed: int = 0) -> list[Request]:
    """Greedy and sampled, short and longer than several chunks."""
    rng = random.Random(seed)
    return [
        Request(
            tuple(rng.randrange(97) for _ in range(rng.randint(1, 70))),
            max_tokens=rng.randint(1, 40),
            sampling=rng.choice(
                [
                    GREEDY,
                    Sampling(seed=i),
                    Sampling(1.4, top_p=0.9, seed=i),
                    Sampling(0.8, min_p=0.05, seed=i),
                ]
            ),
        )
        for i in range(n)
    ]


def expected(fake: FakeTransformer, request: Request) -> tuple[int, ...]:
    assert request.max_tokens is not None
    return reference(
        fake, request.prompt, request.max_tokens, request.sampling, request.stop_ids
    )


async def test_protocols_describe_the_engine(engine: Engine) -> None:
    assert isinstance(engine, EngineProtocol)
    assert isinstance(engine.submit(Request((1,), 1)), GenerationProtocol)


async def test_every_request_gets_its_own_tokens_in_company(
    engine: Engine, fake: FakeTransformer
) -> None:
    """40 requests over 8 slots; any mix-up of rows, slots or seeds shows."""
    requests = mixed_requests(40)
    with fake.held():
        generations = [engine.submit(request) for request in requests]
    results: dict[int, tuple[int, ...]] = {}

    async def read(index: int) -> None:
        results[index] = await collect(generations[index])

    async with anyio.create_task_group() as group:
        for index in range(len(requests)):
            group.start_soon(read, index)
    for index, request in enumerate(requests):
        assert results[index] == expected(fake, request)
        assert generations[index].stop == "length"
    assert max(map(len, fake.batches)) == 8
    stats = engine.stats()
    assert (stats.running, stats.waiting) == (0, 0)
    assert (stats.cache_tokens, stats.cache_bytes) == (0, 0)
    assert stats.prefill_tokens == sum(len(request.prompt) for request in requests)
    assert stats.decode_tokens == sum(request.max_tokens or 0 for request in requests)


async def test_same_tokens_alone_and_in_company(
    engine: Engine, fake: FakeTransformer
) -> None:
    request = Request((5, 6, 7), 30, Sampling(1.3, top_p=0.95, seed=99))
    alone = await collect(engine.submit(request))
    with fake.held():
        others = [engine.submit(other) for other in mixed_requests(5, seed=3)]
        generation = engine.submit(request)
    assert await collect(generation) == alone
    assert len(set(alone)) > 10
    assert max(map(len, fake.batches)) >= 4
    for other in others:
        await other.aclose()


async def test_unseeded_requests_differ_and_report_a_seed_that_repeats_them(
    engine: Engine,
) -> None:
    first = engine.submit(Request((1, 2), 20))
    second = engine.submit(Request((1, 2), 20))
    one, two = await collect(first), await collect(second)
    assert one != two
    seed = first.stats.seed
    assert one == await collect(engine.submit(Request((1, 2), 20, Sampling(seed=seed))))


async def test_the_stop_token_is_delivered_and_ends_it(
    engine: Engine, fake: FakeTransformer
) -> None:
    free = reference(fake, (3, 1, 4), 40, GREEDY)
    stops = frozenset({free[12], free[20]})
    first = min(free.index(stop) for stop in stops)
    generation = engine.submit(Request((3, 1, 4), 40, GREEDY, stops))
    assert await collect(generation) == free[: first + 1]
    assert generation.stop == "stop"


async def test_a_stop_token_as_the_last_allowed_one_counts_as_stop(
    engine: Engine, fake: FakeTransformer
) -> None:
    free = reference(fake, (3, 1, 4), 1, GREEDY)
    generation = engine.submit(Request((3, 1, 4), 1, GREEDY, frozenset(free)))
    assert await collect(generation) == free
    assert generation.stop == "stop"


async def test_prefill_progress_counts_the_prompt_in_chunks(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(prefill_chunk=16)
    fake.gate = gate = threading.Semaphore(0)
    generation = engine.submit(Request(tuple(range(40)), 2, GREEDY))
    steps = []
    for _ in range(4):
        gate.release()
        steps.append(await anext(generation))
    ids = reference(fake, tuple(range(40)), 2, GREEDY)
    assert steps == [
        TokenStep((), 16, 40),
        TokenStep((), 32, 40),
        TokenStep(ids[:1], 40, 40),
        TokenStep(ids[1:], None, 40),
    ]


async def test_a_long_prompt_does_not_stop_the_others(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    """Every step that works on the long prompt also decodes the running request."""
    engine = make_engine(prefill_chunk=16, max_unread=1000)
    with fake.held():
        running = engine.submit(Request((1,), 300, GREEDY))
        long = engine.submit(Request(tuple(i % 97 for i in range(800)), 1, GREEDY))
    await collect(long)
    prefills = [b for b in fake.batches if any(length > 1 for _, _, length in b)]
    assert len(prefills) == 50
    assert all(len(batch) == 2 and batch[0][2] == 1 for batch in prefills)
    await running.aclose()


async def test_a_reader_that_is_behind_pauses_only_itself(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(max_unread=10)
    slow = engine.submit(Request((1, 2), 50, GREEDY))
    quick = Request((3, 4), 200, GREEDY)
    assert await collect(engine.submit(quick)) == expected(fake, quick)
    assert slow.stats.output_tokens == 10
    assert engine.stats().paused == 1
    step = await anext(slow)
    assert len(step.ids) == 10
    rest = await collect(slow)
    assert step.ids + rest == reference(fake, (1, 2), 50, GREEDY)


async def test_an_engine_whose_readers_are_all_behind_goes_to_sleep(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(max_unread=5)
    generations = [engine.submit(Request((i,), 12, GREEDY)) for i in range(3)]
    # A request of exactly max_unread tokens ends after the others have paused.
    await collect(engine.submit(Request((9,), 12, GREEDY)))
    assert engine.stats().paused == 3
    for i, generation in enumerate(generations):
        assert await collect(generation) == reference(fake, (i,), 12, GREEDY)


async def test_a_prompt_that_cannot_fit_is_refused_before_any_work(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(memory=100)
    assert engine.context_limit == 100
    with pytest.raises(ContextOverflow) as caught:
        engine.submit(
            Request(tuple(range(90)), 11, parts=(("document", 80), ("question", 10)))
        )
    assert (caught.value.needed, caught.value.limit) == (101, 100)
    assert caught.value.parts == {"document": 80, "question": 10, "output": 11}
    with pytest.raises(ContextOverflow) as caught:
        engine.submit(Request((1,) * 100))
    assert (caught.value.needed, caught.value.limit) == (101, 100)
    assert engine.stats().cache_tokens == 0
    assert fake.batches == []
    exact = engine.submit(Request(tuple(range(90)), 10, GREEDY))
    assert len(await collect(exact)) == 10


async def test_the_models_context_limits_too(make_engine: MakeEngine) -> None:
    assert make_engine(memory=100_000).context_limit == 4096
    assert make_engine(memory=100_000, context=77).context_limit == 77


async def test_without_max_tokens_the_context_is_the_limit(
    make_engine: MakeEngine,
) -> None:
    engine = make_engine(memory=64)
    assert len(await collect(engine.submit(Request((1,) * 30)))) == 34
    engine = make_engine(memory=64, default_max_tokens=12)
    assert len(await collect(engine.submit(Request((1,) * 30)))) == 12
    assert len(await collect(engine.submit(Request((1,) * 60)))) == 4


async def test_an_id_of_another_tokenizer_is_named(engine: Engine) -> None:
    for bad in (97, -1):
        with pytest.raises(ValueError, match=rf"token 2 is id {bad}.* 97 ids"):
            engine.submit(Request((1, 2, bad), 1))


async def test_a_full_queue_refuses_and_the_others_finish(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(max_running=1, max_queue=2)
    request = Request((1,), 30, GREEDY)
    with fake.held():
        generations = [engine.submit(request) for _ in range(3)]
        with pytest.raises(QueueFull):
            engine.submit(request)
    for generation in generations:
        assert await collect(generation) == expected(fake, request)
    assert await collect(engine.submit(request)) == expected(fake, request)


async def test_requests_wait_for_tokens_in_order(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    """Three of 40 tokens in a budget of 100: two run together, then the third."""
    engine = make_engine(memory=100)
    with fake.held():
        generations = [engine.submit(Request((i,), 39, GREEDY)) for i in range(3)]
        assert engine.stats().waiting == 1
    for i, generation in enumerate(generations):
        assert await collect(generation) == reference(fake, (i,), 39, GREEDY)
    assert max(map(len, fake.batches)) == 2
    times = [generation.stats for generation in generations]
    assert times[2].queued > times[0].queued


async def test_timings_add_up(engine: Engine) -> None:
    generation = engine.submit(Request(tuple(range(50)), 20, GREEDY))
    await collect(generation)
    stats = generation.stats
    assert (stats.prompt_tokens, stats.output_tokens) == (50, 20)
    assert stats.queued >= 0
    assert stats.prefill > 0
    assert stats.decode > 0
    assert stats.first_token == stats.queued + stats.prefill
    assert stats.tokens_per_second == pytest.approx(19 / stats.decode)
    assert stats.prefill_tokens_per_second == pytest.approx(50 / stats.prefill)
    assert generation.stats == stats  # the clock has stopped
    assert engine.stats().tokens_per_second > 0


async def test_one_engine_serves_asyncio_and_trio_at_once(
    engine: Engine, fake: FakeTransformer
) -> None:
    requests = mixed_requests(10, seed=8)
    results: dict[str, list[tuple[int, ...]]] = {}

    async def all_of_them() -> list[tuple[int, ...]]:
        return [await collect(engine.submit(request)) for request in requests]

    def in_own_loop(backend: str) -> None:
        results[backend] = anyio.run(all_of_them, backend=backend)

    async with anyio.create_task_group() as group:
        for backend in ("asyncio", "trio"):
            group.start_soon(anyio.to_thread.run_sync, in_own_loop, backend)
    assert results["asyncio"] == results["trio"]
    assert results["trio"] == [expected(fake, request) for request in requests]


async def test_stats_say_what_is_held(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(max_running=2)
    with fake.held():
        generations = [engine.submit(Request((1,) * 9, 11)) for _ in range(3)]
        await anyio.to_thread.run_sync(fake.entered.wait)
        while engine.stats().running < 1:
            await anyio.lowlevel.checkpoint()
        stats = engine.stats()
        assert (stats.waiting, stats.cache_tokens) == (1, 40)
        assert stats.cache_bytes == stats.running * 20 * 8
    for generation in generations:
        await generation.aclose()


async def test_submitting_after_close_raises_closed(engine: Engine) -> None:
    engine.close()
    with pytest.raises(Closed, match="the engine is closed"):
        engine.submit(Request((1,), 1))


def test_a_stall_of_nothing_is_named() -> None:
    with pytest.raises(ValueError, match=r"EngineConfig.stall must be above 0, not 0"):
        EngineConfig(stall=0)


@pytest.mark.parametrize("name", ["prefill_chunk", "max_running", "memory"])
def test_impossible_settings_are_named(name: str) -> None:
    with pytest.raises(ValueError, match=rf"EngineConfig.{name} must be .* not 0"):
        EngineConfig(**cast("dict[str, Any]", {name: 0}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [({"prompt": ()}, "prompt token"), ({"prompt": (1,), "max_tokens": -1}, "not -1")],
)
async def test_impossible_requests_are_named(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Request(**fields)  # type: ignore[arg-type]
