"""Prompts that begin alike and come together are read once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from dsagent.engine.bridge import Mailbox
from dsagent.engine.prefix import checkpoints
from dsagent.engine.request import Request, Sampling
from dsagent.engine.scheduler import Scheduler
from dsagent.engine.sequence import Sequence
from tests.engine.test_cancel import ended
from tests.engine.test_prefix import (
    GREEDY,
    answer,
    expected_hit,
    fresh,
    ids,
    model,
)
from tests.engine.test_scheduler import compute

if TYPE_CHECKING:
    from dsagent.engine.engine import Engine
    from dsagent.engine.transformer import Transformer
    from tests.engine.conftest import MakeEngine

__all__ = ["fresh", "model"]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: the bridge to both has its own tests."""
    return "asyncio"


async def test_what_is_asked_together_reads_its_beginning_once(
    make_engine: MakeEngine, model: Transformer, fresh: Engine
) -> None:
    engine = make_engine(model, prefill_chunk=64)
    shared = ids(700, 1)
    prompts = [shared + ids(40 + i, 10 + i) for i in range(6)]
    asked = [engine.submit(Request(prompt, 6, GREEDY)) for prompt in prompts]
    said = [await ended(generation) for generation in asked]
    assert said == [await answer(fresh, prompt) for prompt in prompts]
    own = [len(prompt) - expected_hit(len(prompt), 700) for prompt in prompts]
    stats = engine.stats()
    assert stats.prefill_tokens == len(prompts[0]) + sum(own[1:])
    hits = [generation.stats.cached_tokens for generation in asked]
    assert hits == [0, *(len(p) - n for p, n in zip(prompts[1:], own[1:], strict=True))]
    assert stats.cached_tokens == sum(hits)


async def test_a_question_waits_for_the_document_that_is_being_read(
    make_engine: MakeEngine, model: Transformer, fresh: Engine
) -> None:
    """``hold`` and the questions behind it, begun at the same moment."""
    engine = make_engine(model, prefill_chunk=64)
    document = ids(900, 1)
    prompts = [document + ids(9, seed) for seed in (2, 3)]
    async with anyio.create_task_group() as group:
        group.start_soon(engine.hold, document)
        while not engine.stats().running:
            await anyio.lowlevel.checkpoint()
        said = [engine.submit(Request(prompt, 6, GREEDY)) for prompt in prompts]
        for generation, prompt in zip(said, prompts, strict=True):
            assert await ended(generation) == await answer(fresh, prompt)
            assert generation.stats.cached_tokens >= expected_hit(900, 900)


@pytest.mark.parametrize("gone", [0, 1])
async def test_who_waited_for_one_that_is_cancelled_goes_on(
    make_engine: MakeEngine, model: Transformer, fresh: Engine, gone: int
) -> None:
    engine = make_engine(model, prefill_chunk=16)
    shared = ids(1200, 1)
    prompts = [shared + ids(9, seed) for seed in (2, 3, 4)]
    asked = [engine.submit(Request(prompt, 6, GREEDY)) for prompt in prompts]
    async for step in asked[0]:
        if step.prefilled:
            break
    asked[gone].cancel()
    for generation, prompt in zip(asked, prompts, strict=True):
        if generation is not asked[gone]:
            assert await ended(generation) == await answer(fresh, prompt)
    assert engine.stats().running == 0
    # The last one then waited for the other that was left.
    assert asked[-1].stats.cached_tokens >= expected_hit(len(prompts[-1]), 1200)


# Who waits for whom. No thread, no tensors.


def opened(prompt: tuple[int, ...], priority: int = 0) -> Sequence:
    """A sequence as the runner opens it when nothing of it is known."""
    request = Request(prompt, 4, priority=priority)
    box = Mailbox(len(prompt), on_room=lambda: None)
    made = Sequence(request, seed=0, capacity=len(prompt) + 4, mailbox=box)
    made.cuts = checkpoints(len(prompt))
    return made


def scheduled(*sequences: Sequence) -> Scheduler:
    scheduler = Scheduler(prefill_chunk=512, max_unread=9)
    for each in sequences:
        scheduler.add(each)
        scheduler.follow(each)
    return scheduler


def working(scheduler: Scheduler) -> list[Sequence]:
    return [piece.sequence for piece in scheduler.plan()]


def test_one_waits_until_the_other_has_come_to_the_last_place_they_share() -> None:
    first, second = opened(ids(600, 1) + ids(600, 2)), opened(ids(600, 1) + ids(9, 3))
    scheduler = scheduled(first, second)
    assert first.cuts == (256, 768, 1024)
    assert working(scheduler) == [first]
    assert scheduler.caught_up() == []
    first.computed = 256
    assert scheduler.caught_up() == [second]
    assert scheduler.caught_up() == []
    assert set(working(scheduler)) == {first, second}


def test_a_token_is_left_to_compute() -> None:
    long = ids(1200, 1)
    first, second = opened(long), opened(long[:1024])
    scheduler = scheduled(first, second)
    assert working(scheduler) == [first]
    first.computed = first.cuts[-2]
    assert scheduler.caught_up() == [second]


def test_nobody_waits_in_vain() -> None:
    """For what one has, what isn't shared, what won't be left, or one less urgent."""
    long = ids(1200, 1)
    known = opened(long[:1100])
    known.computed = 1024
    others = {
        "known": known,
        "another text": opened(ids(1200, 2)),
        "less than a page": opened(long[:200] + ids(900, 3)),
        "more urgent": opened(long, priority=1),
    }
    for name, other in others.items():
        first = opened(long)
        assert set(working(scheduled(first, other))) == {first, other}, name
    undrafted = opened(long)
    undrafted.request = Request(long, 4, Sampling(speculation="off"))
    drafted = opened(long)
    assert set(working(scheduled(undrafted, drafted))) == {undrafted, drafted}
    assert working(scheduled(opened(long), undrafted)) != [undrafted]


def test_any_course_of_events_ends() -> None:
    """Whoever comes, leaves and is put out: somebody reads, and all are through."""
    rng, books = random.Random(7), (ids(1500, 11), ids(1500, 12))
    for _ in range(60):
        texts = [
            rng.choice(books)[: rng.randint(1, 1500)] + ids(rng.randint(1, 300), seed)
            for seed in range(9)
        ]
        waiting = [opened(t, priority=rng.randint(0, 1)) for t in texts]
        scheduler, left = scheduled(), set[tuple[int, ...]]()
        while waiting or len(scheduler):
            if waiting and rng.random() < 0.5:
                scheduler.add(waiting[0])
                scheduler.follow(waiting.pop(0))
            for each in scheduler.caught_up():
                places = [cut for cut in each.cuts if each.request.prompt[:cut] in left]
                each.computed = max([each.computed, *places])
                scheduler.follow(each)
            work = scheduler.plan()
            assert work or not len(scheduler)
            compute(work)
            for piece in work:
                each = piece.sequence
                if each.computed in each.cuts:
                    left.add(each.request.prompt[: each.computed])
                each.mailbox.take_nowait()
                if not each.room or rng.random() < 0.02:
                    scheduler.remove(each)
                elif not each.begun and rng.random() < 0.1:
                    scheduler.remove(each)
                    each.set_aside()
                    waiting.append(each)
