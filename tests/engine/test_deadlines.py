"""Requests that are late, in every phase, by a clock that only steps move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.request import Request, Sampling
from dsagent.errors import DeadlineExceeded
from tests.engine.fakes import FakeTransformer, reference
from tests.engine.test_cancel import assert_nothing_held, ended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsagent.engine.engine import Generation
    from dsagent.engine.transformer import Transformer

GREEDY = Sampling(temperature=0.0)


class Clock:
    """Stands still but for the second that each step of the fake takes."""

    def __init__(self, fake: FakeTransformer) -> None:
        self.now = 1000.0
        fake.before = lambda batch: self.tick(1.0)

    def tick(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(fake: FakeTransformer) -> Clock:
    return Clock(fake)


@pytest.fixture
def one(fake: FakeTransformer, clock: Clock) -> Iterator[Engine]:
    """An engine that runs one request at a time and reads 16 tokens a second."""
    config = EngineConfig(max_running=1, memory=4096, prefill_chunk=16)
    engine = Engine(cast("Transformer", fake), config, clock=clock)
    yield engine
    fake.open_gate()
    engine.close()


async def late(generation: Generation) -> tuple[tuple[int, ...], DeadlineExceeded]:
    """The ids that came, and what it ended with."""
    ids: list[int] = []

    async def read() -> None:
        async for step in generation:
            ids.extend(step.ids)

    with pytest.raises(DeadlineExceeded) as caught:
        await read()
    assert generation.stop == "error"
    assert generation.error is caught.value
    return tuple(ids), caught.value


async def test_one_that_is_late_in_the_queue_never_starts(
    one: Engine, fake: FakeTransformer
) -> None:
    with fake.held():
        running = one.submit(Request((1,), 10, GREEDY))
        waiting = one.submit(Request((2,) * 40, 10, GREEDY, deadline=5.0))
    ids, error = await late(waiting)
    assert ids == ()
    assert (error.phase, error.seconds, error.done, error.total) == ("queued", 5, 0, 40)
    assert waiting.stats.queued == 5.0  # told at the end of the step
    assert await ended(running) == reference(fake, (1,), 10, GREEDY)
    assert len(fake.batches) == 10  # all of them the other's
    assert one.stats().expired == 1
    assert_nothing_held(one, fake)


async def test_one_that_is_late_by_the_time_there_is_room_never_starts(
    one: Engine, fake: FakeTransformer
) -> None:
    """Room and deadline come with the same step."""
    with fake.held():
        running = one.submit(Request((1,), 5, GREEDY))
        waiting = one.submit(Request((2,), 5, GREEDY, deadline=5.0))
    await ended(running)
    _, error = await late(waiting)
    assert error.phase == "queued"
    assert len(fake.batches) == 5


async def test_one_that_is_late_reading_says_how_far_it_got(
    one: Engine, fake: FakeTransformer
) -> None:
    ids, error = await late(one.submit(Request((3,) * 200, 10, GREEDY, deadline=4.5)))
    assert ids == ()
    assert (error.phase, error.done, error.total) == ("prefilling", 80, 200)
    assert "80 of 200 prompt tokens" in str(error)
    assert len(fake.batches) == 5  # the step in which it passed was the last
    assert_nothing_held(one, fake)


async def test_one_that_is_late_writing_keeps_what_it_wrote(
    one: Engine, fake: FakeTransformer
) -> None:
    generation = one.submit(Request((3,), 40, GREEDY, deadline=7.0))
    ids, error = await late(generation)
    assert ids == reference(fake, (3,), 7, GREEDY)
    assert (error.phase, error.done, error.total) == ("decoding", 7, 40)
    assert generation.stats.output_tokens == 7
    assert_nothing_held(one, fake)


async def test_one_that_is_finished_in_time_is_finished(
    one: Engine, fake: FakeTransformer, clock: Clock
) -> None:
    generation = one.submit(Request((3,), 6, GREEDY, deadline=6.5))
    assert await ended(generation) == reference(fake, (3,), 6, GREEDY)
    clock.tick(100.0)
    assert await ended(one.submit(Request((4,), 2, GREEDY, deadline=math.inf)))
    assert generation.stop == "length"
    assert one.stats().expired == 0


async def test_the_others_dont_notice(fake: FakeTransformer, clock: Clock) -> None:
    config = EngineConfig(memory=4096, prefill_chunk=16)
    async with Engine(cast("Transformer", fake), config, clock=clock) as engine:
        with fake.held():
            hasty = [
                engine.submit(Request((i,) * 9, 30, GREEDY, deadline=2.0 + i))
                for i in range(5)
            ]
            patient = [engine.submit(Request((i,) * 9, 30, GREEDY)) for i in range(5)]
        for generation in hasty:
            await late(generation)
        for i, generation in enumerate(patient):
            assert await ended(generation) == reference(fake, (i,) * 9, 30, GREEDY)


async def test_a_deadline_wakes_an_engine_with_nothing_to_compute(
    fake: FakeTransformer,
) -> None:
    """By the real clock: its reader is behind, so there is no step to look after."""
    config = EngineConfig(memory=4096, prefill_chunk=16, max_unread=2)
    async with Engine(cast("Transformer", fake), config) as engine:
        generation = engine.submit(Request((1,), 50, GREEDY, deadline=0.05))
        with anyio.fail_after(20):
            await generation._mailbox.finished()
        ids, error = await late(generation)
        assert (len(ids), error.done, error.phase) == (2, 2, "decoding")
        assert_nothing_held(engine, fake)


async def test_what_has_ended_is_forgotten_before_its_deadline(
    one: Engine, fake: FakeTransformer
) -> None:
    for i in range(5):
        await ended(one.submit(Request((i,), 2, GREEDY, deadline=1e9)))
    cancelled = one.submit(Request((1,), 500, GREEDY, deadline=1e9))
    await cancelled.aclose()
    assert one._worker._deadlines.next() is None


@pytest.mark.parametrize("deadline", [0.0, -1.0, math.nan])
def test_a_deadline_that_has_passed_already_is_a_mistake(deadline: float) -> None:
    with pytest.raises(ValueError, match="deadline is in seconds from now"):
        Request((1,), deadline=deadline)


async def test_stats_say_how_long_the_first_has_waited(
    one: Engine, fake: FakeTransformer, clock: Clock
) -> None:
    assert one.stats().waited == 0.0
    with fake.held():
        generations = [one.submit(Request((i,) * 40, 3, GREEDY)) for i in range(3)]
        await anyio.to_thread.run_sync(fake.entered.wait)
        clock.tick(7.0)
        one.submit(Request((4,), 1, GREEDY))
        stats = one.stats()
        assert (stats.waited, stats.prefilling, stats.waiting) == (7.0, 1, 3)
    for generation in generations:
        await ended(generation)
