"""Courses of events: everything at once, on little memory, and the books are right.

Requests of several priorities and owners, some with deadlines, cancelled and dropped,
beside prefixes that are held, held again, extended, saved, loaded and released. Every
answer is that of the formula, or the beginning of it where it was broken off; between
any two steps the bytes keep to the budget, and what can't be given up is no more than
what was reserved.
"""

from __future__ import annotations

import gc
import os
import random
from typing import TYPE_CHECKING, cast

import anyio
import pytest

from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.memory import PAGE
from dsagent.engine.request import Request, Sampling
from dsagent.errors import DeadlineExceeded, QueueFull
from tests.engine.models import tokens
from tests.engine.paged import PAGE_BYTES, SLOT, VOCABULARY, PagedFake, memory, said

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.engine.batch import Batch
    from dsagent.engine.engine import Generation
    from dsagent.engine.hold import Hold
    from dsagent.engine.transformer import Transformer

GREEDY = Sampling(temperature=0.0)
NIGHTLY = bool(os.environ.get("DSAGENT_NIGHTLY"))
COURSES = 60 if NIGHTLY else 4


class Course:
    """One engine, what is known of it, and the events that may befall it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.folder = folder
        self.budget = memory(self.rng.randint(1, 4), self.rng.randint(5, 14))
        self.model = PagedFake(before=self.check)
        self.steps = 0
        config = EngineConfig(
            memory=self.budget,
            max_running=self.rng.randint(1, 4),
            prefill_chunk=self.rng.choice([64, 200, 512]),
            max_unread=1000,
            keep_prefixes=self.rng.random() < 0.9,
        )
        model = cast("Transformer", self.model)
        self.engine = Engine(model, config, clock=lambda: float(self.steps))
        self.texts = [self.ids(n) for n in (90, 400, 700, 1100)]
        self.holds: list[Hold] = []
        self.open: list[tuple[Request, Generation]] = []
        self.hits = self.late = self.refused = self.loaded = 0

    def ids(self, n: int) -> tuple[int, ...]:
        return tuple(tokens(n, self.rng.randrange(10**6), VOCABULARY))

    def check(self, batch: Batch) -> None:
        """Between two steps, on the engine thread."""
        self.steps += 1
        runner, cache = self.engine._worker._runner, self.model.cache
        assert runner is not None
        assert cache is not None
        needed = {page for held in cache._held.values() for page in held.pages}
        residues = 0
        if runner._prefixes is not None:
            for end in runner._prefixes._all:
                needed.update(end.start.pages if end.pins else ())
                residues += end.residue.nbytes
            assert residues == runner._prefixes.nbytes
        assert len(needed) * PAGE <= self.engine._admission.reserved_tokens
        rings = (len(cache._held) + len(cache._spare)) * SLOT
        assert rings <= cache.slots * SLOT
        assert rings + cache.pages.count * PAGE_BYTES + residues <= self.budget

    async def event(self) -> None:
        rng = self.rng
        match rng.choice("sssssrrrcdhhlu"):
            case "s":
                self.submit()
            case "r" if self.open:
                await self.settle(*self.open.pop(rng.randrange(len(self.open))))
            case "c" if self.open:
                request, generation = self.open.pop(rng.randrange(len(self.open)))
                generation.cancel()
                await self.settle(request, generation)
            case "d" if self.open:
                self.open.pop(rng.randrange(len(self.open)))
            case "h":
                await self.hold()
            case "l" if self.holds:
                self.holds.pop(rng.randrange(len(self.holds))).release()
            case "u" if self.holds:
                await rng.choice(self.holds).save(self.folder, limit=400_000)
            case _:
                pass

    def submit(self) -> None:
        rng = self.rng
        text = rng.choice([*self.texts, *(hold.ids for hold in self.holds)])
        cut = len(text) if rng.random() < 0.6 else rng.randint(0, len(text))
        most = rng.randint(0, 12)
        more = rng.choice([0, rng.randint(1, 60)])
        prompt = text[:cut] + self.ids(more) or (1,)
        if rng.random() < 0.1:  # all there is
            prompt = prompt[: self.engine.context_limit - most - 1]
            most = min(self.engine.context_limit - len(prompt), 40)
        request = Request(
            prompt,
            most,
            GREEDY,
            priority=rng.choice([0, 0, 0, 1, 2]),
            owner=rng.choice("ab"),
            deadline=rng.choice([None, None, None, 4.0, 40.0]),
        )
        if len(prompt) + most > self.engine.context_limit:
            return
        try:
            self.open.append((request, self.engine.submit(request)))
        except QueueFull:
            assert self.holds
            self.refused += 1

    async def hold(self) -> None:
        text = self.rng.choice(self.texts)
        text = text[: self.rng.choice([len(text), 300, 513])]
        folder = self.folder if self.rng.random() < 0.5 else None
        try:
            self.holds.append(await self.engine.hold(text, folder=folder))
        except QueueFull:
            self.refused += 1
            return
        self.loaded += self.holds[-1].source == "disk"

    async def settle(self, request: Request, generation: Generation) -> None:
        """Read it to its end, which must be a fair one."""
        ids: tuple[int, ...] = ()
        try:
            async for step in generation:
                ids += step.ids
        except DeadlineExceeded:
            assert request.deadline is not None
            self.late += 1
        assert request.max_tokens is not None
        if generation.stop == "length":
            assert len(ids) == request.max_tokens
            if len(request.prompt) < 900:
                self.texts.append(request.prompt + ids)
        self.hits += generation.stats.cached_tokens > 0
        assert ids == said(request.prompt, len(ids))


@pytest.mark.parametrize("seed", range(COURSES))
async def test_whatever_happens_the_books_are_right(seed: int, tmp_path: Path) -> None:
    course = Course(seed, tmp_path)
    with anyio.fail_after(60):
        async with course.engine:
            for _ in range(150):
                await course.event()
            for hold in course.holds:
                hold.release()
            for request, generation in course.open:
                await course.settle(request, generation)
            course.open.clear()
            gc.collect()
            last = Request(course.ids(course.engine.context_limit - 3), 3, GREEDY)
            await course.settle(last, course.engine.submit(last))
            stats = course.engine.stats()
            assert (stats.cache_tokens, stats.running, stats.waiting) == (0, 0, 0)
    assert course.hits or not course.engine.config.keep_prefixes
