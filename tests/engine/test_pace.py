"""How long others wait while a prompt is read: a simulated machine, and its clock."""

from __future__ import annotations

import random

import pytest

from dsagent.engine.pace import Pace
from dsagent.engine.scheduler import PIECE, Scheduler, Work
from tests.engine.test_scheduler import compute, sequence

CHUNK = 512
STALL = 0.1


class Machine:
    """Costs of steps in seconds: some per step, per writer and per token read."""

    def __init__(
        self, token: float, *, deeper: float = 0.0, noise: float = 0.0
    ) -> None:
        self.token, self.deeper, self.noise = token, deeper, noise
        self.rng = random.Random(3)

    def plain(self, work: list[Work]) -> float:
        return 0.02 + 0.004 * sum(piece.decodes for piece in work)

    def reading(self, work: list[Work]) -> float:
        return sum(
            piece.length * (self.token + self.deeper * piece.start)
            for piece in work
            if not piece.decodes
        )

    def step(self, scheduler: Scheduler) -> tuple[int, float]:
        """Run one; prompt tokens in it, and what reading them added."""
        work = scheduler.plan()
        seconds = self.plain(work) + self.reading(work)
        seconds *= 1.0 + self.noise * self.rng.random()
        if self.noise and self.rng.random() < 0.1:
            seconds *= 20.0  # interrupted
        scheduler.record(work, seconds)
        read = sum(piece.length for piece in work if not piece.decodes)
        added = self.reading(work)
        compute(work)
        for each in scheduler.running:
            each.mailbox.take_nowait()
        return read, added


def beside_writers(machine: Machine, prompt: int) -> list[tuple[int, float]]:
    """Tokens and seconds that a long prompt put into steps beside 8 that decode."""
    scheduler = Scheduler(prefill_chunk=CHUNK, max_unread=64, stall=STALL)
    for _ in range(8):
        scheduler.add(sequence(20, max_tokens=100_000))
    for _ in range(20):
        machine.step(scheduler)
    book = sequence(prompt)
    scheduler.add(book)
    steps = []
    while book.first_token is None:
        steps.append(machine.step(scheduler))
    assert sum(read for read, _ in steps) == prompt
    return steps


@pytest.mark.parametrize("token", [2e-5, 1.5e-4, 2.5e-4, 5e-4, 1.1e-3])
def test_a_long_prompt_adds_no_more_than_the_stall_to_a_step(token: float) -> None:
    """And not much less than it may, either: within a piece of it."""
    steps = beside_writers(Machine(token), 20_000)
    assert max(added for _, added in steps) <= STALL * 1.01
    settled = [read for read, _ in steps[5:-1]]
    allowed = min(CHUNK, STALL / token)
    assert sum(settled) / len(settled) >= allowed - PIECE


def test_the_least_is_read_where_even_that_takes_longer() -> None:
    steps = beside_writers(Machine(0.02), 1000)
    assert {read for read, _ in steps[:-1]} == {PIECE}


def test_it_keeps_up_with_text_that_gets_dearer() -> None:
    """Four times as dear at the end. A median is some steps behind, in which a token
    gets a sixth dearer here at most."""
    steps = beside_writers(Machine(2e-4, deeper=2e-4 * 3 / 60_000), 60_000)
    assert max(added for _, added in steps) <= STALL * 7 / 6
    assert (steps[1][0], steps[-2][0]) == (448, 64)  # 500 and 125, on the grid


def test_interrupted_steps_mislead_it_little() -> None:
    """A step in ten takes twenty times as long, and all are off by up to a fifth."""
    noisy = beside_writers(Machine(2.5e-4, noise=0.2), 40_000)
    assert max(added for _, added in noisy) <= STALL * 1.05
    reads = [read for read, _ in noisy[5:-1]]
    assert sum(reads) / len(reads) >= 0.6 * STALL / 2.5e-4


def test_nobody_is_spared_where_nobody_writes() -> None:
    scheduler = Scheduler(prefill_chunk=CHUNK, max_unread=64, stall=1e-6)
    scheduler.add(sequence(2000))
    machine = Machine(1e-3)
    assert [machine.step(scheduler)[0] for _ in range(4)] == [512, 512, 512, 464]


def test_a_median_of_tokens_is_not_moved_by_many_short_prompts() -> None:
    """Three tokens cost as much as thirty there; the budget is for a long piece."""
    pace = Pace(STALL)
    pace.record(writers=0, read=300, seconds=0.03)
    for _ in range(7):
        pace.record(writers=0, read=3, seconds=0.003)
    assert pace.budget() == pytest.approx(1000)


def test_one_step_that_seemed_free_is_not_believed() -> None:
    pace = Pace(STALL)
    for seconds in (0.1, 0.1, 0.0, 0.1, 5.0):
        pace.record(writers=0, read=200, seconds=seconds)
    assert pace.budget() == pytest.approx(200)


def test_the_writers_own_time_is_not_the_prompts() -> None:
    pace = Pace(STALL)
    assert pace.budget() == 0.0
    pace.record(writers=4, read=0, seconds=0.5)
    pace.record(writers=4, read=100, seconds=0.6)
    assert pace.budget() == pytest.approx(100)
    pace = Pace(STALL)
    pace.record(writers=4, read=0, seconds=0.5)
    pace.record(writers=4, read=100, seconds=0.4)  # it cost nothing to be seen
    assert pace.budget() == float("inf")
