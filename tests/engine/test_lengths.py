"""Verification lengths: the paper's algorithm, and that no rule looks ahead."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsagent.engine.lengths import (
    Budget,
    admit,
    algorithm_one,
    single_stream,
    survival,
)

if TYPE_CHECKING:
    from collections.abc import Callable

quick = settings(max_examples=150)

# Few values, so that ties and certain or impossible drafts are frequent.
confidence = st.sampled_from([0.0, 1e-4, 0.25, 0.5, 0.7, 0.9, 1.0])
block = st.lists(confidence, max_size=4)
batch = st.lists(block, min_size=1, max_size=4)


@st.composite
def rates(draw: st.DrawFn) -> Callable[[int], float]:
    """Steps per second by rows: any positive numbers, so jagged ones too."""
    table = draw(st.lists(st.floats(0.05, 2.0), min_size=3, max_size=8))
    return lambda rows: table[rows % len(table)] / (1 + rows // len(table))


def literal(
    confidences: list[list[float]], rate: Callable[[int], float]
) -> tuple[list[int], float]:
    """Algorithm 1 as it is printed, one admission at a time, without sorting."""
    requests = range(len(confidences))
    a = {
        (r, j): math.prod(confidences[r][:j])
        for r in requests
        for j in range(1, len(confidences[r]) + 1)
    }
    left = {key for key, value in a.items() if value > 0}
    lengths, tentative = dict.fromkeys(requests, 0), dict.fromkeys(requests, 0)
    rows, tau = len(confidences), float(len(confidences))
    best = tau * rate(rows)
    while left:
        r, j = min(left, key=lambda key: (-a[key], key[1], key[0]))
        left.remove((r, j))
        tentative[r] = j
        rows, tau = rows + 1, tau + a[r, j]
        if tau * rate(rows) <= best:
            break
        best = tau * rate(rows)
        lengths = dict(tentative)
    return list(lengths.values()), best


def test_survival_is_the_running_product() -> None:
    assert survival([]) == []
    assert survival([0.5, 0.5, 1.0, 0.0]) == [0.5, 0.25, 0.25, 0.0]


@quick
@given(batch, rates())
def test_algorithm_one_is_the_paper_s(
    confidences: list[list[float]], rate: Callable[[int], float]
) -> None:
    assert algorithm_one(confidences, rate) == literal(confidences, rate)[0]


@pytest.mark.parametrize("second", [0.9, 0.0])
def test_the_paper_s_counterexample_verifies_nothing(second: float) -> None:
    """Verifying both drafts would pay with c_2 = 0.9. It must not be seen."""
    rate = {1: 1.0, 2: 0.5, 3: 0.45}.__getitem__
    assert (1 + 0.8 + 0.8 * 0.9) * rate(3) > 1.0
    assert algorithm_one([[0.8, second]], rate) == [0]
    assert single_stream([0.8, second], lambda rows: 1 / rate(rows)) == 0


def test_a_draft_that_changes_nothing_is_not_verified() -> None:
    """Twice the tokens in twice the time: the rule asks for more than before."""
    assert algorithm_one([[1.0, 1.0]], lambda rows: 1 / rows) == [0]
    assert single_stream([1.0, 1.0], lambda rows: rows) == 0


@quick
@given(batch, rates(), st.data())
def test_no_draft_is_admitted_for_what_comes_behind_it(
    confidences: list[list[float]], rate: Callable[[int], float], data: st.DataObject
) -> None:
    """Another c_{k+1}, c_{k+2}, … and another number of them: the same word on k."""
    row = data.draw(st.sampled_from(range(len(confidences))))
    k = data.draw(st.integers(0, len(confidences[row])))
    other = [list(each) for each in confidences]
    other[row] = other[row][:k] + data.draw(block)
    budget = data.draw(st.integers(0, 12))

    def word(of: list[list[float]]) -> list[int]:
        """How many of the first k are admitted, by each rule."""
        lengths = [
            algorithm_one(of, rate),
            admit(of, budget),
            [single_stream(each, lambda rows: 1 / rate(rows)) for each in of],
        ]
        return [min(k, each[row]) for each in lengths]

    assert word(confidences) == word(other)


def test_a_search_that_looks_ahead_is_caught() -> None:
    """What the property above would see of the best length in hindsight."""

    def retrospective(confidences: list[float]) -> int:
        rate = {1: 1.0, 2: 0.5, 3: 0.45}.__getitem__
        tau = [1 + sum(survival(confidences)[:n]) for n in range(3)]
        return max(range(3), key=lambda n: tau[n] * rate(1 + n))

    assert min(1, retrospective([0.8, 0.9])) != min(1, retrospective([0.8, 0.0]))


@quick
@given(block, st.lists(st.floats(0.1, 3.0), min_size=6, max_size=6))
def test_single_stream_stops_at_the_first_that_does_not_pay(
    confidences: list[float], seconds: list[float]
) -> None:
    a = survival(confidences)
    rates = [(1 + sum(a[:n])) / seconds[n] for n in range(len(a) + 1)]
    # A draft that can't be accepted is no candidate, whatever its row costs.
    expected = 0
    while (
        expected < len(a)
        and a[expected] > 0
        and rates[expected + 1] > rates[expected] * (1 + 1e-12)
    ):
        expected += 1
    assert single_stream(confidences, lambda rows: seconds[rows - 1]) == expected


def test_what_the_step_holds_besides_counts() -> None:
    def rate(rows: int) -> float:
        return 1 / (10 + rows)

    # Alone: 2/11.. beats 1/11. Behind 100 rows for nothing it pays even at 0.05.
    assert algorithm_one([[0.05]], rate) == [0]
    assert algorithm_one([[0.05]], rate, rows=100) == [1]
    # But not when those rows yield as much as others do.
    assert algorithm_one([[0.05]], rate, rows=100, tokens=100.0) == [0]


def test_admission_breaks_ties_by_position_then_request() -> None:
    tied = [[1.0, 1.0], [1.0, 1.0], [1.0]]
    assert [admit(tied, n) for n in range(6)] == [
        [0, 0, 0],
        [1, 0, 0],
        [1, 1, 0],
        [1, 1, 1],
        [2, 1, 1],
        [2, 2, 1],
    ]


def test_admission_leaves_out_what_never_survives() -> None:
    assert admit([[0.5, 1e-7], [], [1e-6, 1.0], [1.1e-6]], 100) == [1, 0, 0, 1]
    assert admit([[0.5]], -1) == [0]


def flat(rows: int) -> float:
    return 1.0


def test_a_budget_rests_on_two_steps_before() -> None:
    budget = Budget(length=3)
    good, bad = [0.9] * 3, [0.0] * 3
    assert budget.choose("ab", flat) is None
    budget.observe({"a": good, "b": bad})
    assert budget.choose("ab", flat) is None
    budget.observe({"a": bad, "b": bad})
    # With rows for nothing, every draft that may survive is verified.
    assert budget.choose("ab", flat) == 3
    budget.observe({"a": good, "b": good})
    assert budget.choose("ab", flat) == 0


def test_steps_without_drafts_are_no_steps() -> None:
    budget = Budget(length=1)
    budget.observe({"a": [0.5]})
    budget.observe({"a": [], "b": []})
    assert budget.choose("a", flat) is None
    budget.observe({"a": [0.0]})
    assert budget.choose("a", flat) == 1


def test_a_request_without_history_counts_as_certain() -> None:
    def rate(rows: int) -> float:
        return 1 / (4 + rows)

    budget = Budget(length=2)
    budget.observe({"a": [0.1, 0.1]})
    budget.observe({"a": [0.1, 0.1]})
    assert budget.choose("a", rate) == 0
    assert budget.choose("ab", rate) == 2


@quick
@given(
    st.lists(block, min_size=2, max_size=4),
    rates(),
    st.integers(0, 3),
    st.floats(0.0, 3.0),
)
def test_a_budget_is_the_best_number(
    history: list[list[float]],
    rate: Callable[[int], float],
    rows: int,
    tokens: float,
) -> None:
    """Against all numbers of drafts, each with the likeliest; jagged rates included."""
    budget = Budget(length=4)
    past: dict[object, list[float]] = dict(enumerate(history))
    budget.observe({**past, "drafted": [1.0]})
    budget.observe({"drafted": [1.0]})
    values = sorted((v for each in history for v in survival(each)), reverse=True)
    values = [v for v in values if v > 1e-6]
    throughput = [
        (len(history) + tokens + sum(values[:n])) * rate(len(history) + rows + n)
        for n in range(len(values) + 1)
    ]
    chosen = budget.choose(past, rate, rows=rows, tokens=tokens)
    assert chosen is not None
    assert throughput[chosen] == pytest.approx(max(throughput), rel=1e-9)


def test_a_budget_gets_past_a_row_that_is_dear() -> None:
    """A fourth row that starts a new tile: the early stop ends there, a budget not."""
    seconds = [1.0, 1.0, 1.0, 1.4, 1.4, 1.4, 1.4]

    def rate(rows: int) -> float:
        return 1 / seconds[rows - 1]

    confidences = {"a": [0.9, 0.9, 0.9], "b": [0.9, 0.9]}
    assert sum(algorithm_one(list(confidences.values()), rate)) == 1
    budget = Budget(length=3)
    budget.observe(confidences)
    budget.observe(confidences)
    assert budget.choose(confidences, rate) == 5


def test_a_budget_ignores_the_present_and_the_step_before() -> None:
    """Two engines whose last two steps differ decide the same."""
    rng = random.Random(3)

    def drafts() -> dict[object, list[float]]:
        return {key: [rng.random() for _ in range(4)] for key in "abc"}

    def rate(rows: int) -> float:
        return 1 / (5 + rows)

    budgets = set()
    for _ in range(200):
        shared = drafts()
        one, two = Budget(length=4), Budget(length=4)
        for budget in (one, two):
            budget.observe(drafts())
            budget.observe(shared)
            budget.observe(drafts())
        chosen = one.choose("abc", rate)
        assert chosen == two.choose("abc", rate)
        budgets.add(chosen)
    assert len(budgets) > 3
