"""What breaks ends what it belongs to, with a typed error, and nothing else."""

from __future__ import annotations

import gc
import math
import weakref
from typing import TYPE_CHECKING

import anyio
import pytest

from dsagent.engine.request import Request, Sampling
from dsagent.errors import Closed, EngineError
from tests.engine.fakes import FakeCache, FakeOutput, FakeTransformer, reference
from tests.engine.test_cancel import assert_nothing_held, ended

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from dsagent.engine.batch import Batch
    from dsagent.engine.constraint import Bitmask
    from dsagent.engine.engine import Engine
    from tests.engine.conftest import MakeEngine

GREEDY = Sampling(temperature=0.0)


class Among:
    """A constraint: the allowed ids at every position, and what was accepted."""

    def __init__(self, *allowed: set[int]) -> None:
        self.allowed = allowed
        self.accepted: list[int] = []

    @property
    def done(self) -> bool:
        return len(self.accepted) >= len(self.allowed)

    def fill_mask(self, out: Bitmask, row: int) -> None:
        out[row] = 0
        for token in self.allowed[len(self.accepted)]:
            bit = 1 << (token % 32)
            out[row, token // 32] |= bit if bit < 1 << 31 else bit - (1 << 32)

    def accept(self, ids: Sequence[int]) -> int:
        for count, token in enumerate(ids):
            if token not in self.allowed[len(self.accepted)]:
                return count
            self.accepted.append(token)
        return len(ids)

    def validate(self, ids: Sequence[int]) -> int:
        return len(ids)

    def rollback(self, n: int) -> None:
        del self.accepted[-n:]

    def forced(self) -> list[int]:
        return []


async def test_a_constraint_decides_what_may_follow(
    engine: Engine, fake: FakeTransformer
) -> None:
    """One allowed id dictates; otherwise the best of the allowed, in company too."""
    dictated = Among({31}, {32}, {63}, {64}, {96}, {0})
    choice = {5, 40, 77, 95}
    chooser = Among(*[choice] * 20)
    with fake.held():
        first = engine.submit(Request((1,), 6, constraint=dictated))
        second = engine.submit(Request((2,), 20, GREEDY, constraint=chooser))
        free = engine.submit(Request((3,), 20, GREEDY))
    assert await ended(first) == (31, 32, 63, 64, 96, 0)
    assert dictated.accepted == [31, 32, 63, 64, 96, 0]
    tokens = [2]
    for token in await ended(second):
        logits = fake.logits_after(tokens)
        assert token == max(choice, key=lambda each: float(logits[each]))
        tokens.append(token)
    assert len(set(tokens)) == 5
    assert await ended(free) == reference(fake, (3,), 20, GREEDY)


async def test_sampling_renormalises_over_what_is_allowed(engine: Engine) -> None:
    constraint = Among(*[{3, 50}] * 60)
    sampling = Sampling(5.0, top_p=0.99, seed=1)
    ids = await ended(engine.submit(Request((1,), 60, sampling, constraint=constraint)))
    assert set(ids) == {3, 50}


async def test_the_constraint_hears_of_the_stop_token(engine: Engine) -> None:
    constraint = Among({7}, {9})
    generation = engine.submit(
        Request((1,), 20, stop_ids=frozenset({9}), constraint=constraint)
    )
    assert await ended(generation) == (7, 9)
    assert generation.stop == "stop"
    assert constraint.done


class Failing(Among):
    """Breaks at the third token, in one of its calls."""

    def __init__(self, where: str) -> None:
        super().__init__(*[set(range(97))] * 50)
        self.where = where

    def fill_mask(self, out: Bitmask, row: int) -> None:
        super().fill_mask(out, row)
        if len(self.accepted) == 2:
            if self.where == "mask":
                raise RuntimeError("lost the plot")
            if self.where == "empty":
                out[row] = 0

    def accept(self, ids: Sequence[int]) -> int:
        if len(self.accepted) == 2:
            if self.where == "accept":
                raise RuntimeError("lost the plot")
            if self.where == "refuse":
                return 0
        return super().accept(ids)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("mask", "constraint failed to give a mask: RuntimeError: lost the plot"),
        ("accept", r"constraint failed on token \d+: RuntimeError: lost the plot"),
        ("refuse", r"constraint allowed token \d+, then refused it"),
        ("empty", "the constraint forbids every one"),
    ],
)
async def test_a_failing_constraint_ends_its_own_request(
    engine: Engine, fake: FakeTransformer, where: str, message: str
) -> None:
    with fake.held():
        before = engine.submit(Request((1,), 30, GREEDY))
        held = engine.submit(Request((4,), 30, constraint=Among(*[{8}] * 30)))
        failing = engine.submit(Request((2,), 30, GREEDY, constraint=Failing(where)))
        after = engine.submit(Request((3,), 30, GREEDY))
    ids: list[int] = []

    async def read() -> None:
        async for step in failing:
            ids.extend(step.ids)

    with pytest.raises(EngineError, match=message) as caught:
        await read()
    # What was fine is delivered.
    assert tuple(ids) == reference(fake, (2,), 2, GREEDY)
    assert failing.stop == "error"
    assert failing.error is caught.value
    assert await ended(before) == reference(fake, (1,), 30, GREEDY)
    assert await ended(held) == (8,) * 30
    assert await ended(after) == reference(fake, (3,), 30, GREEDY)
    assert_nothing_held(engine, fake)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("sampling", [GREEDY, Sampling(seed=1)])
async def test_logits_that_are_not_finite_end_their_request(
    engine: Engine, fake: FakeTransformer, bad: float, sampling: Sampling
) -> None:
    step = fake.step

    def poisoned(batch: Batch, cache: FakeCache) -> FakeOutput:
        output = step(batch, cache)
        for row, flat in enumerate(batch.logit_rows.tolist()):
            if int(batch.ids[flat]) == 13:
                output.logits[row, 40] = bad
        return output

    fake.step = poisoned  # type: ignore[method-assign]
    with fake.held():
        bad_one = engine.submit(Request((13,), 10, sampling))
        good_one = engine.submit(Request((3,), 4, GREEDY))
    with pytest.raises(EngineError, match="logits are not finite"):
        await ended(bad_one)
    assert await ended(good_one) == reference(fake, (3,), 4, GREEDY)


async def test_a_failing_step_ends_those_in_it_and_the_engine_goes_on(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(max_running=2)
    cause = MemoryError("no room for 3 GiB")
    failures = [cause]

    def fail_once(batch: Batch) -> None:
        if len(batch.spans) == 2 and failures:
            raise failures.pop()

    fake.before = fail_once
    with fake.held():
        pair = [engine.submit(Request((i,), 10, GREEDY)) for i in (1, 2)]
        queued = engine.submit(Request((3,), 10, GREEDY))
    for generation in pair:
        with pytest.raises(EngineError, match="MemoryError: no room for 3 GiB") as got:
            await ended(generation)
        assert got.value.__cause__ is cause
        assert generation.stop == "error"
    assert await ended(queued) == reference(fake, (3,), 10, GREEDY)
    again = engine.submit(Request((1,), 10, GREEDY))
    assert await ended(again) == reference(fake, (1,), 10, GREEDY)
    assert_nothing_held(engine, fake)


async def test_storage_that_cannot_be_allocated_ends_that_request(
    make_engine: MakeEngine, fake: FakeTransformer
) -> None:
    engine = make_engine(max_running=1)
    assert fake.cache is not None
    alloc = fake.cache.alloc

    def refuse_large(capacity_tokens: int, start: None = None) -> int:
        if capacity_tokens > 100:
            raise MemoryError("too large")
        return alloc(capacity_tokens)

    fake.cache.alloc = refuse_large  # type: ignore[method-assign]
    with fake.held():
        fine = engine.submit(Request((1,), 5, GREEDY))
        large = [engine.submit(Request((2,), 200, GREEDY)) for _ in range(3)]
        last = engine.submit(Request((3,), 5, GREEDY))
    for generation in large:
        with pytest.raises(EngineError, match=r"no storage.*MemoryError: too large"):
            await ended(generation)
    assert await ended(fine) == reference(fake, (1,), 5, GREEDY)
    assert await ended(last) == reference(fake, (3,), 5, GREEDY)
    assert_nothing_held(engine, fake)


async def test_a_broken_loop_ends_everyone_and_closes_with_the_cause(
    make_engine: MakeEngine, fake: FakeTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(max_running=1)
    with fake.held():
        generations = [engine.submit(Request((i,), 50, GREEDY)) for i in range(3)]
        await anyio.to_thread.run_sync(fake.entered.wait)
        monkeypatch.setattr(
            engine._worker._scheduler, "plan", lambda: [][0], raising=True
        )
    for generation in generations:
        with pytest.raises(EngineError, match="the engine failed: IndexError"):
            await ended(generation)
        assert generation.stop == "error"
    with pytest.raises(Closed, match="because the engine failed: IndexError") as caught:
        engine.submit(Request((1,), 1))
    assert isinstance(caught.value.__cause__, EngineError)
    engine.close()


async def test_a_kept_error_keeps_no_tensors(
    make_engine: MakeEngine,
) -> None:
    """The error's traceback must not hold the frames' model, cache and batch."""
    transformer = FakeTransformer()
    batches: list[weakref.ref[torch.Tensor]] = []

    def fail(batch: Batch) -> None:
        batches.append(weakref.ref(batch.ids))
        raise RuntimeError("boom")

    transformer.before = fail
    engine = make_engine(transformer)
    generation = engine.submit(Request((1,), 5))
    with pytest.raises(EngineError, match="boom"):
        await ended(generation)
    assert generation.error is not None
    engine.close()
    model = weakref.ref(transformer)
    del transformer
    gc.collect()
    assert model() is None
    assert batches[0]() is None
