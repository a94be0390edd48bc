"""Urgent requests take the room of others, which go on later as if nothing had been."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import anyio
import pytest

from dsagent.engine.admission import Admission
from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.request import Request, Sampling
from tests.engine.fakes import FakeTransformer, reference
from tests.engine.test_cancel import assert_nothing_held, ended
from tests.engine.test_deadlines import Clock
from tests.engine.test_engine_model import model, prompts
from tests.engine.test_speculation import decent
from tests.engine.test_waiting import sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsagent.engine.batch import Batch
    from dsagent.engine.cache import Cache
    from dsagent.engine.constraint import Bitmask
    from dsagent.engine.engine import Generation
    from dsagent.engine.transformer import Output, Transformer

__all__ = ["model"]

GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: the bridge to both has its own tests."""
    return "asyncio"


# Who has to go. No thread, no tensors.


def test_the_least_urgent_and_newest_make_room_and_no_more_than_needed() -> None:
    door = Admission(slots=9, tokens=100, queue=9)
    running = [sequence(p, prompt=19) for p in (0, 1, 0, 0, 3)]  # 20 tokens each
    for each in running:
        door.enter(each)
    assert door.take() == running
    urgent = sequence(2, prompt=39)
    door.enter(urgent)
    assert door.displace(running) == [running[3], running[2]]
    assert door.take() == [urgent]
    assert door.reserved_tokens == 100
    # They wait at the head, in the order they had come in.
    later = sequence(0, prompt=19)
    door.enter(later)
    for each in (running[0], running[1], running[4]):
        door.release(each)
    assert door.take() == [running[2], running[3], later]


def test_nobody_makes_room_in_vain() -> None:
    """Nor for one of the same priority."""
    door = Admission(slots=9, tokens=100, queue=9)
    running = [sequence(0, prompt=49), sequence(2, prompt=49)]
    for each in running:
        door.enter(each)
    assert door.take() == running
    for wanting in (sequence(2, prompt=59), sequence(0)):
        door.enter(wanting)
        assert door.displace(running) == []
        assert door.reserved_tokens == 100
        assert door.take() == []
        assert door.withdraw(wanting)


def test_a_slot_is_made_room_for_too() -> None:
    door = Admission(slots=1, tokens=100, queue=9)
    low, high = sequence(0), sequence(1)
    door.enter(low)
    assert door.take() == [low]
    door.enter(high)
    assert door.displace([low]) == [low]
    assert door.take() == [high]


def test_a_request_is_displaced_once_for_each_priority_above_it() -> None:
    """However many come: the second of a priority waits for it to finish."""
    door = Admission(slots=1, tokens=100, queue=99)
    low = sequence(0)
    door.enter(low)
    displaced = []
    for priority in (1, 1, 1, 2, 2, 5, 4):
        running = door.take()
        assert running == [low]
        urgent = sequence(priority)
        door.enter(urgent)
        if door.displace(running):
            displaced.append(priority)
            assert door.take() == [urgent]
            door.release(urgent)
        else:
            assert door.withdraw(urgent)
            door.release(low)
            door.enter(low)
    assert displaced == [1, 2, 5]


def test_one_that_was_passed_over_for_long_is_not_put_out_at_once() -> None:
    door = Admission(slots=1, tokens=100, queue=99)
    running, low = sequence(1), sequence(0)
    door.enter(running)
    door.enter(low)
    urgent = 0
    while door.take() == [running]:
        following = sequence(1)
        door.enter(following)
        assert door.displace([running]) == []
        door.release(running)
        running, urgent = following, urgent + 1
    assert urgent == 17  # it counts as urgent after 16 others, and the queue is passed
    assert door.displace([low]) == []
    assert door.displace([sequence(0)]) != [low]


# What becomes of them, against the fake's definition.


class Interrupting:
    """Calls a function during the n-th step, on the engine thread."""

    def __init__(self, fake: FakeTransformer) -> None:
        self.plans: dict[int, Callable[[], object]] = {}
        fake.batches.clear()

        def before(batch: Batch) -> None:
            self.plans.pop(len(fake.batches), int)()

        fake.before = before


def engine_on(fake: FakeTransformer, **options: Any) -> Engine:
    config = EngineConfig(
        **{"memory": 120, "prefill_chunk": 16, "max_unread": 500, **options}
    )
    return Engine(cast("Transformer", fake), config)


@pytest.mark.parametrize("drafts", [False, True], ids=["plain", "drafting"])
@pytest.mark.parametrize(
    "sampling",
    [Sampling(0.0, speculation=5), Sampling(1.3, seed=5)],
    ids=["greedy", "seed"],
)
@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 9, 14])
async def test_it_goes_on_where_it_was(
    step: int, sampling: Sampling, drafts: bool
) -> None:
    """While it reads, with its first token, and in the middle of its writing. The fake
    drafter insists on being told of the whole window before what it drafts on."""
    fake = FakeTransformer(memory=1 if drafts else 6)
    if drafts:
        fake.drafter = decent(fake)
    request = Request(tuple(i % 97 for i in range(50)), 60, sampling)
    async with engine_on(fake) as engine:
        undisturbed = engine.submit(request)
        alone = await ended(undisturbed)
        if not drafts or sampling.greedy:
            assert alone == reference(fake, request.prompt, 60, sampling)
        urgent: list[Generation] = []
        plan = Interrupting(fake).plans
        quick = Request((7,) * 30, 5, GREEDY, priority=1)
        plan[step] = lambda: urgent.append(engine.submit(quick))
        generation = engine.submit(request)
        assert await ended(generation) == alone
        assert await ended(urgent[0]) == reference(fake, quick.prompt, 5, GREEDY)
        assert generation.stats.displaced == engine.stats().displaced == 1
        assert generation.stats.prefilled == 50
        assert_nothing_held(engine, fake)
        # No step is decoded again, and as many guesses are verified.
        seen = generation.stats
        assert seen.decode_steps == undisturbed.stats.decode_steps
        assert seen.drafted == undisturbed.stats.drafted


async def test_reading_never_goes_backwards_for_the_reader(
    fake: FakeTransformer,
) -> None:
    async with engine_on(fake) as engine:
        plan = Interrupting(fake).plans
        urgent: list[Generation] = []
        quick = Request((7,) * 40, 5, GREEDY, priority=1)
        plan[3] = lambda: urgent.append(engine.submit(quick))
        generation = engine.submit(Request((1,) * 80, 2, GREEDY))
        seen = [
            step.prefilled async for step in generation if step.prefilled is not None
        ]
        assert seen == sorted(set(seen))
        assert seen[-1] == 80
        assert generation.stats.displaced == 1
        # Both prompts once, and 48 tokens twice.
        assert engine.stats().prefill_tokens == 80 + 40 + 48


async def test_its_times_count_from_when_it_first_got_in(
    fake: FakeTransformer,
) -> None:
    """A step is a second: one of reading in vain, ten of the other's, five more."""
    clock = Clock(fake)
    config = EngineConfig(max_running=1, memory=120, prefill_chunk=16)
    async with Engine(cast("Transformer", fake), config, clock=clock) as engine:
        with fake.held():
            generation = engine.submit(Request((1,) * 80, 4, GREEDY))
            await anyio.to_thread.run_sync(fake.entered.wait)
            urgent = engine.submit(Request((2,), 10, GREEDY, priority=1))
        await ended(generation)
        await ended(urgent)
        stats = generation.stats
        assert stats.displaced == 1
        assert (stats.queued, stats.prefill, stats.decode) == (0.0, 16.0, 3.0)
        assert stats.prefill_tokens_per_second == 5.0
        assert urgent.stats.queued == 1.0


async def test_one_that_waits_again_can_be_cancelled(fake: FakeTransformer) -> None:
    async with engine_on(fake) as engine:
        plan = Interrupting(fake).plans
        urgent: list[Generation] = []
        quick = Request((7,) * 30, 50, GREEDY, priority=1)
        plan[6] = lambda: urgent.append(engine.submit(quick))
        generation = engine.submit(Request((1,) * 30, 60, GREEDY))
        plan[9] = generation.cancel
        ids = await ended(generation)
        assert generation.stop == "cancelled"
        assert ids == reference(fake, (1,) * 30, len(ids), GREEDY)
        assert await ended(urgent[0]) == reference(fake, quick.prompt, 50, GREEDY)
        assert_nothing_held(engine, fake)


async def test_everyone_gets_their_tokens_under_pressure(fake: FakeTransformer) -> None:
    """Sixty requests of four priorities and three owners in room for three or so."""
    rng = random.Random(12)
    requests = [
        Request(
            tuple(rng.randrange(97) for _ in range(rng.randint(1, 60))),
            rng.randint(1, 50),
            rng.choice([GREEDY, Sampling(1.2, seed=i)]),
            priority=rng.randrange(4),
            owner=rng.choice("abc"),
        )
        for i in range(60)
    ]
    async with engine_on(fake, max_running=4) as engine:
        plan = Interrupting(fake).plans
        everyone = threading.Event()
        generations: dict[int, Generation] = {}

        def submit(i: int) -> None:
            generations[i] = engine.submit(requests[i])
            if len(generations) == len(requests):
                everyone.set()

        for i in range(5, 60):
            plan[16 * i] = partial(submit, i)
        with fake.held():
            for i in range(5):
                submit(i)
        assert await anyio.to_thread.run_sync(everyone.wait, 60)
        for i, request in enumerate(requests):
            assert request.max_tokens is not None
            assert await ended(generations[i]) == reference(
                fake, request.prompt, request.max_tokens, request.sampling
            )
        assert engine.stats().displaced > 5
        assert_nothing_held(engine, fake)


# The real model.


class Hooked:
    """A transformer that tells of its steps before it runs them."""

    def __init__(self, inner: Transformer) -> None:
        self._inner = inner
        self.steps = 0
        self.seen: list[list[int]] = []
        """Lengths of the spans of every step."""
        self.plans: dict[int, Callable[[], object]] = {}

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def step(self, batch: Batch, cache: Cache) -> Output:
        self.steps += 1
        self.seen.append([span.length for span in batch.spans])
        self.plans.pop(self.steps, int)()
        return self._inner.step(batch, cache)


class Stripes:
    """A constraint: after so many tokens, ids of one residue modulo 3; every seventh
    token is forced. It must hear of every token once, in order."""

    def __init__(self) -> None:
        self.ids: list[int] = []
        self.done = False

    def fill_mask(self, out: Bitmask, row: int) -> None:
        out[row] = 0
        forced = self.forced()
        for token in forced or range(len(self.ids) % 3, 300, 3):
            bit = 1 << (token % 32)
            out[row, token // 32] |= bit if bit < 1 << 31 else bit - (1 << 32)

    def accept(self, ids: Sequence[int]) -> int:
        for count, token in enumerate(ids):
            if token % 3 != len(self.ids) % 3:
                return count
            self.ids.append(token)
        return len(ids)

    def validate(self, ids: Sequence[int]) -> int:
        raise AssertionError("nobody asks")

    def rollback(self, n: int) -> None:
        del self.ids[-n:]

    def forced(self) -> list[int]:
        n = len(self.ids)
        return [30 + n % 3] if n % 7 == 3 else []


@pytest.mark.parametrize("kept", [False, True], ids=["computed", "kept"])
@pytest.mark.parametrize("constrained", [False, True], ids=["free", "constrained"])
@pytest.mark.parametrize("sampling", [GREEDY, Sampling(seed=8)], ids=["greedy", "seed"])
async def test_a_real_models_tokens_are_the_same(
    model: Transformer, sampling: Sampling, constrained: bool, kept: bool
) -> None:
    """Every layer kind, with a drafter and without, displaced twice: while it reads and
    while it writes, behind more than the window and a page of compressed entries."""
    hooked = Hooked(model)
    config = EngineConfig(
        max_running=1, prefill_chunk=32, max_unread=500, keep_prefixes=kept
    )
    low = Request((*prompts(9)[8], *range(120)), 60, sampling)

    def fresh() -> Request:
        return replace(low, constraint=Stripes() if constrained else None)

    async with Engine(cast("Transformer", hooked), config) as engine:
        alone = await ended(engine.submit(fresh()))
        quick = [
            Request((9,) * 80, 30, GREEDY, priority=1),
            Request((8,) * 80, 30, GREEDY, priority=2),
        ]
        quickly = [await ended(engine.submit(request)) for request in quick]
        urgent: list[Generation] = []
        hooked.steps = 0

        def submit(request: Request) -> None:
            urgent.append(engine.submit(request))

        for step, request in zip((3, 60), quick, strict=True):
            hooked.plans[step] = partial(submit, request)
        request = fresh()
        generation = engine.submit(request)
        assert await ended(generation) == alone
        assert generation.stats.displaced == 2
        assert [await ended(each) for each in urgent] == quickly
        if isinstance(request.constraint, Stripes):
            assert tuple(request.constraint.ids) == alone
        assert engine.stats().cache_tokens == 0
