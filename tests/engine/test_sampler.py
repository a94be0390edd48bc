"""The sampler against exact probabilities, numpy's Philox and transformers' filters."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from dsagent.engine.request import Sampling
from dsagent.engine.sampler import (
    ACCEPT,
    DRAFT,
    TARGET,
    Draw,
    draft,
    philox,
    probabilities,
    sample,
    uniform,
)
from tests.engine.distributions import chi_square, exact_probabilities

V = 60


def random_logits(rows: int, vocab: int = V, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, vocab, generator=generator) * 2.0


def draw_counts(logits: torch.Tensor, sampling: Sampling, n: int) -> np.ndarray:
    """How often each id comes out of ``n`` positions that all have these logits."""
    draws = [Draw(sampling, seed=7, position=i) for i in range(n)]
    ids = sample(logits.expand(n, -1), draws)
    return np.bincount([i for i in ids if i is not None], minlength=logits.shape[-1])


@pytest.mark.parametrize(
    ("temperature", "top_p", "min_p"),
    [(1.0, 1.0, 0.0), (0.7, 0.9, 0.0), (1.3, 1.0, 0.05), (1.2, 0.8, 0.02)],
)
def test_frequencies_match_exact_probabilities(
    temperature: float, top_p: float, min_p: float
) -> None:
    logits = random_logits(1)[0]
    sampling = Sampling(temperature, top_p, min_p)
    counts = draw_counts(logits, sampling, 30_000)
    exact = exact_probabilities(logits.numpy(), temperature, top_p, min_p)
    statistic, limit = chi_square(counts, exact)
    assert statistic < limit
    # The same counts refute distributions that differ in one option.
    for wrong in ((temperature * 1.1, top_p, min_p), (temperature, 0.6, min_p)):
        refuted = exact_probabilities(logits.numpy(), *wrong)
        statistic, limit = chi_square(counts, refuted)
        assert statistic > 2 * limit


@pytest.mark.parametrize("vocab", [5, 200, 3000])
def test_kept_set_is_the_definitions(vocab: int) -> None:
    """Rows with different options at once; 3000 flat ids need the full sort."""
    logits = random_logits(12, vocab, seed=vocab)
    logits[6:] *= 0.1
    options = [
        Sampling(temperature, top_p, min_p)
        for temperature in (0.5, 1.0, 3.0)
        for top_p, min_p in ((1.0, 0.0), (0.95, 0.0), (1.0, 0.1), (0.5, 0.3))
    ]
    result = probabilities(logits, options).numpy()
    for row, option in enumerate(options):
        exact = exact_probabilities(
            logits[row].numpy(), option.temperature, option.top_p, option.min_p
        )
        np.testing.assert_array_equal(result[row] > 0, exact > 0)
        np.testing.assert_allclose(result[row], exact, rtol=2e-5)


def test_filters_agree_with_transformers() -> None:
    warpers = pytest.importorskip("transformers.generation.logits_process")
    logits = random_logits(40, 500, seed=3)
    temperature = warpers.TemperatureLogitsWarper(0.8)
    top_p = warpers.TopPLogitsWarper(0.9)
    min_p = warpers.MinPLogitsWarper(0.03)
    ids = torch.zeros(40, 1, dtype=torch.long)
    scores = logits.double()
    for warper in (temperature, top_p, min_p):
        scores = warper(ids, scores)
    ours = probabilities(logits, [Sampling(0.8, 0.9, 0.03)] * 40)
    torch.testing.assert_close(ours, scores.softmax(-1), rtol=1e-5, atol=1e-9)


def test_ties_at_the_top_p_edge_are_all_kept() -> None:
    logits = torch.tensor([[2.0, 1.0, 1.0, 1.0, -3.0]])
    kept = probabilities(logits, [Sampling(top_p=0.6)])[0] > 0
    assert kept.tolist() == [True, True, True, True, False]


def test_greedy_takes_the_first_maximum_and_no_random_number() -> None:
    logits = torch.tensor([[0.0, 3.0, 3.0, 1.0]])
    greedy = Sampling(temperature=0.0)
    assert {sample(logits, [Draw(greedy, s, 0)])[0] for s in range(50)} == {1}


def test_vanishing_temperature_is_greedy() -> None:
    logits = random_logits(30)
    for temperature in (1e-6, 1e-45, 5e-324):
        draws = [Draw(Sampling(temperature), 1, i) for i in range(30)]
        assert sample(logits, draws) == logits.argmax(-1).tolist()


def test_rows_do_not_influence_each_other() -> None:
    """Every row of a mixed batch chooses what it chooses alone."""
    options = [
        Sampling(0.0),
        Sampling(1.0),
        Sampling(1.5, top_p=0.7),
        Sampling(0.9, min_p=0.1),
        Sampling(2.0, top_p=0.9, min_p=0.01),
    ]
    logits = random_logits(50, 1000, seed=5)
    draws = [Draw(options[i % 5], seed=i // 5, position=3 * i) for i in range(50)]
    together = sample(logits, draws)
    alone = [sample(logits[i : i + 1], [draws[i]])[0] for i in range(50)]
    assert together == alone
    assert len(set(together)) > 20


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_unusable_rows_are_reported_and_others_stand(bad: float) -> None:
    logits = random_logits(4)
    logits[1, 10] = bad
    logits[3] = -math.inf
    clean = random_logits(4)
    for sampling in (Sampling(0.0), Sampling(1.0), Sampling(1.0, 0.9, 0.1)):
        draws = [Draw(sampling, 2, i) for i in range(4)]
        expected = sample(clean, draws)
        ids = sample(logits, draws)
        assert ids == [expected[0], None, expected[2], None]


def test_forbidden_ids_never_come_out() -> None:
    logits = random_logits(1)[0]
    forbidden = torch.arange(V) % 3 != 0
    counts = draw_counts(
        logits.masked_fill(forbidden, -math.inf), Sampling(5.0, 0.99), 5_000
    )
    assert not counts[forbidden.numpy()].any()
    assert (counts > 0).sum() > 10


@pytest.mark.parametrize(
    ("key", "counter"), [(0, 1), (7, 123), (2**64 + 5, 2**64), (2**128 - 1, 2**200)]
)
def test_philox_is_numpys(key: int, counter: int) -> None:
    theirs = np.random.Philox(key=key, counter=counter - 1)  # it counts up first
    assert list(philox(key, counter)) == theirs.random_raw(4).tolist()


@pytest.mark.parametrize("lane", [TARGET, DRAFT, ACCEPT])
@pytest.mark.parametrize(
    ("position", "block"), [(1, 0), (9, 0), (9, 8), (70_000, 69_999)]
)
def test_uniform_numbers_are_numpys(lane: int, position: int, block: int) -> None:
    """The key is the seed, and the counter's first two words position and block."""
    theirs = np.random.Philox(key=11, counter=[position - 1, block, 0, 0])
    word = int(theirs.random_raw(4)[lane])
    assert uniform(11, position, lane, block) == (word >> 11) / 2**53
    if (lane, block) == (TARGET, 0):
        assert uniform(11, position) == (word >> 11) / 2**53


def test_uniform_numbers_are_uniform_across_seeds_positions_lanes_and_blocks() -> None:
    values = np.array(
        [
            [uniform(seed, position, lane, block) for position in range(100)]
            for seed in range(20)
            for lane in range(4)
            for block in (0, 50)
        ]
    )
    counts = np.histogram(values, bins=50, range=(0, 1))[0]
    statistic, limit = chi_square(counts, np.full(50, 1 / 50))
    assert statistic < limit
    assert len(np.unique(values)) == values.size
    neighbours = np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.03


@pytest.mark.parametrize(
    ("temperature", "top_p", "min_p"), [(1.0, 1.0, 0.0), (1.2, 0.8, 0.02)]
)
def test_drafts_come_from_the_distribution_that_is_reported(
    temperature: float, top_p: float, min_p: float
) -> None:
    logits = random_logits(1, seed=4)[0]
    sampling = Sampling(temperature, top_p, min_p)
    draws = [Draw(sampling, seed=3, position=i + 1, block=i) for i in range(20_000)]
    ids, q = draft(logits.expand(len(draws), -1), draws)
    exact = exact_probabilities(logits.numpy(), temperature, top_p, min_p)
    assert q[0] is not None
    assert q[0].dtype == torch.float64
    assert float(q[0].sum()) == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(q[0].numpy(), exact, rtol=2e-5)
    counts = np.bincount([i for i in ids if i is not None], minlength=V)
    statistic, limit = chi_square(counts, exact)
    assert statistic < limit


def test_a_draft_inverts_its_distribution_at_the_number_of_its_block() -> None:
    """In a mixed batch; by hand from the reported distribution."""
    options = [Sampling(1.0), Sampling(0.0), Sampling(1.5, top_p=0.7, min_p=0.01)]
    logits = random_logits(60, 200, seed=6)
    draws = [Draw(options[i % 3], seed=i, position=90 + i, block=88) for i in range(60)]
    ids, q = draft(logits, draws)
    for row, (token, drawn_from, draw) in enumerate(zip(ids, q, draws, strict=True)):
        if draw.sampling.greedy:
            assert drawn_from is None
            assert token == int(logits[row].argmax())
        else:
            assert drawn_from is not None
            number = uniform(row, 90 + row, DRAFT, 88)
            edges = drawn_from.numpy().cumsum()
            assert token == int(np.searchsorted(edges, number, side="right"))


def test_a_second_draft_of_a_position_is_independent_of_the_first() -> None:
    """Joint counts of the two are the product of the marginal distributions."""
    logits = torch.tensor([0.5, 0.0, 1.0])
    drafts = [
        draft(
            logits.expand(6000, -1),
            [
                Draw(Sampling(), seed=seed, position=9, block=block)
                for seed in range(6000)
            ],
        )[0]
        for block in (5, 6)
    ]
    pairs = [3 * a + b for a, b in zip(*drafts, strict=True) if None not in (a, b)]
    p = exact_probabilities(logits.numpy(), 1.0, 1.0, 0.0)
    statistic, limit = chi_square(
        np.bincount(pairs, minlength=9), np.outer(p, p).ravel()
    )
    assert statistic < limit


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_drafters_unusable_rows_have_no_draft(bad: float) -> None:
    logits = random_logits(4)
    logits[1, 10] = bad
    logits[3] = -math.inf
    for sampling in (Sampling(0.0), Sampling(1.0, 0.9, 0.1)):
        draws = [Draw(sampling, 2, i) for i in range(4)]
        expected, _ = draft(random_logits(4), draws)
        ids, q = draft(logits, draws)
        assert ids == [expected[0], None, expected[2], None]
        assert q[1] is None
        assert q[3] is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": math.nan}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.01}, "top_p"),
        ({"min_p": -0.1}, "min_p"),
        ({"min_p": math.nan}, "min_p"),
    ],
)
def test_impossible_options_are_named(options: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named} must be"):
        Sampling(**options)  # type: ignore[arg-type]
