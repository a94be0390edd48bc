"""Whether drafting pays: requests, batches and engines that draft well, badly, or both.

``World`` is a machine and a drafter with costs and acceptance of their own, which may
differ from what the profile and the confidences say. Its randomness is seeded.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from dsagent.engine.lengths import algorithm_one, single_stream
from dsagent.engine.policy import Candidate, Policy, Worth
from dsagent.engine.profile import StepProfile

LENGTH = 5


def profile(
    *, row: float, draft: float, step: float = 1.0, most: int = 16
) -> StepProfile:
    """A step is ``step`` plus ``row`` a row; a draft ``draft`` plus a tenth a request.

    The unit is a second, so that the numbers can be read.
    """
    return StepProfile.of(
        {(r, r * n): step + row * r * n for r in (1, most) for n in (1, 1 + LENGTH)},
        {r: draft * (0.9 + 0.1 * r) for r in (1, most)},
    )


CHEAP = profile(row=0.02, draft=0.1)
"""Rows are nearly free, as where reading the weights is what a step waits for."""
DEAR = profile(row=1.0, draft=0.5)
"""A row costs as much as a step: drafting can't pay."""


def auto(count: int, **changes: object) -> list[Candidate]:
    requests = [Candidate(key=key, room=100) for key in range(count)]
    return [replace(each, **changes) for each in requests]  # type: ignore[arg-type]


@dataclass
class World:
    """Plays rounds under a policy and adds up tokens and seconds."""

    policy: Policy
    requests: list[Candidate]
    truth: StepProfile
    """What steps really take."""
    accept: float
    """The real probability that a draft is accepted if those before it were."""
    believed: float | None = None
    """What the confidences say; the truth if None."""
    jitter: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(11))
    drafted_steps: list[bool] = field(default_factory=list)

    def play(self, steps: int) -> float:
        """Tokens a second over so many steps."""
        tokens = seconds = 0.0
        for _ in range(steps):
            drafted = self.policy.drafting(self.requests)
            said = self.accept if self.believed is None else self.believed
            confidences = [[said] * LENGTH if each else [] for each in drafted]
            lengths = self.policy.choose(self.requests, confidences)
            accepted = [self.run_of_luck(length) for length in lengths]
            count = len(self.requests)
            took = self.truth.target(count, count + sum(lengths))
            if any(drafted):
                took += self.truth.draft(sum(drafted))
            took *= 1 + self.jitter * self.rng.expovariate(1.0)
            self.policy.record(self.requests, drafted, lengths, accepted, took)
            self.drafted_steps.append(any(drafted))
            tokens += count + sum(accepted)
            seconds += took
        return tokens / seconds

    def run_of_luck(self, most: int) -> int:
        for count in range(most):
            if self.rng.random() >= self.accept:
                return count
        return most


def plain_speed(count: int, truth: StepProfile, jitter: float = 0.0) -> float:
    return count / (truth.target(count, count) * (1 + jitter))


def full_speed(count: int, truth: StepProfile, accept: float) -> float:
    """Verifying everything: expected tokens over time."""
    gained = sum(accept**k for k in range(1 + LENGTH))
    return (
        count
        * gained
        / (truth.draft(count) + truth.target(count, count * (1 + LENGTH)))
    )


@pytest.mark.parametrize("count", [1, 4, 16])
@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_auto_costs_little_where_drafting_never_pays(count: int, jitter: float) -> None:
    """Confident drafts that are mostly wrong, and a profile that says rows are cheap.
    Nothing but what steps yielded can tell."""
    world = World(
        Policy(CHEAP, length=LENGTH), auto(count), DEAR, 0.3, 0.9, jitter=jitter
    )
    assert full_speed(count, DEAR, 0.3) < 0.5 * plain_speed(count, DEAR)
    world.play(40)
    steps = 4000
    # Jitter moves this mean by about 1 %.
    assert world.play(steps) > 0.95 * plain_speed(count, DEAR, jitter)
    assert 0 < sum(world.drafted_steps[-steps:]) < steps / 32


@pytest.mark.parametrize("count", [1, 4, 16])
@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_auto_keeps_what_drafting_gains(count: int, jitter: float) -> None:
    world = World(Policy(CHEAP, length=LENGTH), auto(count), CHEAP, 0.8, jitter=jitter)
    goal = full_speed(count, CHEAP, 0.8) / (1 + jitter)
    assert goal > 1.5 * plain_speed(count, CHEAP, jitter)
    assert world.play(4000) > 0.96 * goal
    # Plain steps are tried, rarely: what is remembered of them must not get too old.
    assert 0 < world.drafted_steps.count(False) < 4000 / 32


def test_the_first_steps_draft_even_after_bad_luck() -> None:
    world = World(Policy(CHEAP, length=LENGTH), auto(1), CHEAP, 0.0, 0.9)
    world.play(16)
    assert all(world.drafted_steps)


def test_auto_follows_a_change() -> None:
    """A drafter that was useless for a while, and then isn't, and back."""
    world = World(Policy(CHEAP, length=LENGTH), auto(4), DEAR, 0.1, 0.9)
    world.play(600)
    assert not any(world.drafted_steps[-20:])
    world.truth, world.accept = CHEAP, 0.9
    world.play(4000)
    goal = full_speed(4, CHEAP, 0.9)
    assert world.play(1000) > 0.95 * goal
    world.truth, world.accept = DEAR, 0.1
    world.play(100)
    assert world.play(1000) > 0.95 * plain_speed(4, DEAR)


def test_trials_get_rarer_while_they_are_lost() -> None:
    worth = Worth(requests=16)
    drafted = []
    for _ in range(20_000):
        drafted.append(worth.drafting)
        # Half as many tokens a second with drafts as without.
        gain, cost = (2.0, 4.0) if worth.drafting else (1.0, 1.0)
        worth.record(worth.drafting, gain=gain, cost=cost, pace=1.0)
    starts = [
        step
        for step, now in enumerate(drafted)
        if now and (step == 0 or not drafted[step - 1])
    ]
    gaps = [b - a for a, b in pairwise(starts)]
    assert starts[0] == 0
    assert gaps == sorted(gaps)
    assert gaps[0] >= 128
    assert gaps[-1] >= 3 * gaps[0]


def test_a_stall_does_not_end_drafting() -> None:
    """A step that took a thousand times as long says nothing about drafting."""
    policy = Policy(CHEAP, length=LENGTH)
    world = World(policy, auto(2), CHEAP, 0.8)
    world.play(50)
    for _ in range(2):
        requests = world.requests
        policy.record(requests, [True, True], [5, 5], [3, 3], 1000.0)
    world.drafted_steps.clear()
    world.play(50)
    assert world.drafted_steps.count(False) <= 4


def test_a_stall_in_a_trial_does_not_put_the_next_one_off() -> None:
    """The first step of a trial of drafting stalls; another trial follows in time."""
    worth = Worth(requests=16)
    lost = 0
    for _ in range(3000):
        stalled = worth.drafting and lost in (8, 16)
        lost += worth.drafting
        gain, cost = (2.0, 4.0) if worth.drafting else (1.0, 1.0)
        pace = 1000.0 if stalled else 1.0
        worth.record(worth.drafting, gain=gain, cost=cost, pace=pace)
    assert lost >= 24


def test_a_slow_hour_is_not_held_against_drafting() -> None:
    """Everything takes twice as long from here on; drafting still pays."""
    world = World(Policy(CHEAP, length=LENGTH), auto(1), CHEAP, 0.8)
    world.play(200)
    world.truth = profile(row=0.04, draft=0.2, step=2.0)
    goal = full_speed(1, world.truth, 0.8)
    assert world.play(3000) > 0.95 * goal


def test_times_that_say_nothing_leave_the_profile_s_word() -> None:
    """Without measured times a dear profile ends drafting just so."""
    policy, requests = Policy(DEAR, length=LENGTH), auto(4)
    for _ in range(40):
        drafted = policy.drafting(requests)
        lengths = [2 if each else 0 for each in drafted]
        policy.record(requests, drafted, lengths, [0] * 4, None)
    assert policy.drafting(requests) == [False] * 4


def test_the_draft_s_own_time_counts() -> None:
    """Verifying nothing costs no row, but a draft that takes as long as a step."""
    policy, requests = Policy(profile(row=0.1, draft=1.0), length=LENGTH), auto(4)
    for _ in range(40):
        drafted = policy.drafting(requests)
        policy.record(requests, drafted, [0] * 4, [0] * 4, None)
    assert policy.drafting(requests) == [False] * 4


def test_sizes_of_batches_are_judged_apart() -> None:
    policy = Policy(CHEAP, length=LENGTH)
    World(policy, auto(16), DEAR, 0.1, 0.9).play(50)
    assert policy.drafting(auto(16)) == [False] * 16
    assert policy.drafting(auto(1)) == [True]


def test_modes_are_obeyed() -> None:
    policy = Policy(CHEAP, length=LENGTH)
    requests = [
        Candidate(key="off", speculation="off", room=9),
        Candidate(key="zero", speculation=0, room=9),
        Candidate(key="two", speculation=2, room=9),
        Candidate(key="many", speculation=99, room=9),
        Candidate(key="short", speculation=4, room=1),
        Candidate(key="last", speculation=4, room=0),
        Candidate(key="auto", room=2),
        Candidate(key="done", room=0),
    ]
    drafting = policy.drafting(requests)
    assert drafting == [False, False, True, True, True, False, True, False]
    # An engine may offer drafts nobody asked for, such as forced tokens.
    assert policy.choose(requests, [[0.9] * 5] * 8) == [0, 0, 2, 5, 1, 0, 2, 0]


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="speculation must be 'auto', 'off' or a num"):
        Candidate(key=1, speculation=-1, room=5)


def test_one_request_goes_by_the_single_stream_rule() -> None:
    costs = profile(row=0.3, draft=0.2)
    rng = random.Random(2)
    policy, seen = Policy(costs, length=LENGTH), set()
    for _ in range(100):
        confidences = [rng.random() for _ in range(LENGTH)]
        chosen = policy.choose(auto(1), [confidences])
        # 0.2 for the draft, 1 for the step, 0.3 for each row.
        expected = single_stream(confidences, lambda rows: 1.2 + 0.3 * rows)
        assert chosen == [expected]
        seen.add(expected)
    assert len(seen) > 3


def test_a_batch_without_history_goes_by_algorithm_one() -> None:
    confidences = [[0.9, 0.8], [0.5, 0.5, 0.5], []]
    costs = profile(row=0.3, draft=0.2)
    expected = algorithm_one(
        confidences, lambda rows: 1 / (0.2 * (0.9 + 0.1 * 2) + 1 + 0.3 * rows)
    )
    chosen = Policy(costs, length=LENGTH).choose(auto(3), confidences)
    assert chosen == expected
    assert 0 < sum(chosen) < 5


def test_a_batch_with_history_goes_by_its_budget() -> None:
    """Two hopeless steps leave a budget of none, whatever the drafts look like now."""
    policy = Policy(profile(row=0.3, draft=0.2), length=LENGTH)
    hopeless, fine = [[0.01] * 3] * 4, [[0.99] * 3] * 4
    policy.choose(auto(4), hopeless)
    policy.choose(auto(4), hopeless)
    assert policy.choose(auto(4), fine) == [0] * 4
    assert policy.choose(auto(4), fine) == [0] * 4
    assert policy.choose(auto(4), fine) == [3] * 4


def test_rows_of_others_are_paid_for() -> None:
    """Fixed lengths beside it make a step dear already, so one row more adds less."""
    costs = profile(row=1.0, draft=0.1)
    little = [0.3]
    alone = [Candidate(key="a", room=9), Candidate(key="b", speculation="off", room=9)]
    beside = [
        Candidate(key="a", room=9),
        Candidate(key="b", speculation=5, room=9),
    ]
    assert Policy(costs, length=LENGTH).choose(alone, [little, []]) == [0, 0]
    wrong = [0.01] * 5
    assert Policy(costs, length=LENGTH).choose(beside, [little, wrong]) == [1, 5]
    # Unless those rows bring tokens: then a row should, too.
    right = [1.0] * 5
    assert Policy(costs, length=LENGTH).choose(beside, [little, right]) == [0, 5]


def test_a_reproducible_request_is_independent_of_company() -> None:
    """Its drafting and lengths, under random company and histories, are those alone."""
    rng = random.Random(9)
    costs = profile(row=0.3, draft=0.2)
    own = Candidate(key="own", reproducible=True, room=50)
    blocks = [[rng.random() for _ in range(LENGTH)] for _ in range(300)]
    lone = Policy(costs, length=LENGTH)
    alone = [lone.choose([own], [each])[0] for each in blocks]
    assert len(set(alone)) > 3

    crowded = Policy(costs, length=LENGTH)
    for each, expected in zip(blocks, alone, strict=True):
        company = rng.sample(
            [*auto(6), Candidate(key="fixed", speculation=3, room=9)], rng.randint(0, 7)
        )
        place = rng.randint(0, len(company))
        requests = [*company[:place], own, *company[place:]]
        drafted = crowded.drafting(requests)
        assert drafted[place]
        confidences = [[rng.random()] * LENGTH if drafts else [] for drafts in drafted]
        confidences[place] = each
        lengths = crowded.choose(requests, confidences)
        assert lengths[place] == expected
        # Drafting is hopeless for everyone, so that others stop.
        crowded.record(requests, drafted, lengths, [0] * len(requests), 500.0)
    assert crowded.drafting([*auto(3), own]) == [False, False, False, True]


def test_the_same_calls_give_the_same_answers() -> None:
    def played() -> tuple[float, list[bool]]:
        world = World(Policy(CHEAP, length=LENGTH), auto(3), DEAR, 0.6, 0.9, jitter=0.2)
        return world.play(300), world.drafted_steps

    assert played() == played()
