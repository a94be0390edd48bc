"""The streamed selection against sorting by score, and the memory it takes.

Queries, gates and keys are small whole numbers: every score is exact in float32, in
whatever order it is summed, and many are equal.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dsagent.kernels import ops
from dsagent.kernels.rows import index_rows
from tests.kernels.memory import peak

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.kernels.layout import IndexFormat


def whole(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randint(-2, 3, shape, generator=generator).float()


def by_sorting(
    q: Tensor, gates: Tensor, keys: Tensor, k: int, visible: list[int]
) -> list[list[int]]:
    """Sort by (score descending, number ascending), in float64."""
    dots = torch.einsum("nhd,ed->nhe", q.double(), keys.double()).clamp(min=0)
    scores = torch.einsum("nhe,nh->ne", dots, gates.double()).tolist()
    chosen = []
    for row, seen in zip(scores, visible, strict=True):
        best = sorted(range(seen), key=lambda i: (-row[i], i))[:k]
        chosen.append(sorted(best) + [-1] * (k - len(best)))
    return chosen


@settings(max_examples=120)
@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 40),
    heads=st.integers(1, 5),
    entries=st.integers(1, 700),
    k=st.integers(1, 90),
    budget=st.sampled_from([0, 20_000, 200_000, 64 << 20]),
)
def test_it_selects_what_sorting_selects(
    seed: int, n: int, heads: int, entries: int, k: int, budget: int
) -> None:
    g = torch.Generator().manual_seed(seed)
    q, gates = whole(g, n, heads, 6), whole(g, n, heads)
    keys = whole(g, entries, 6)
    visible = torch.randint(0, entries + 1, (n,), generator=g)
    cuts = torch.randint(0, entries + 1, (3,), generator=g).sort().values.tolist()
    runs = [*keys.tensor_split(cuts), torch.full((50, 6), torch.nan)]
    got = ops.index_topk(q, gates, runs, k, visible, budget=budget)
    assert got.dtype == torch.int64
    assert got.tolist() == by_sorting(q, gates, keys, k, visible.tolist())


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    heads=st.sampled_from([1, 5, 3000]),
    entries=st.integers(60, 700),
    k=st.integers(1, 59),
    together=st.booleans(),
)
def test_a_single_query(
    seed: int, heads: int, entries: int, k: int, *, together: bool
) -> None:
    """With entries in one piece or two, and with ones that don't count behind them."""
    g = torch.Generator().manual_seed(seed)
    q, gates = whole(g, 1, heads, 6), whole(g, 1, heads)
    keys = torch.cat((whole(g, entries, 6), torch.full((50, 6), torch.nan)))
    runs = [keys] if together else list(keys.tensor_split([40]))
    got = ops.index_topk_alone(q, gates, runs, k, entries)
    assert [got.tolist()] == by_sorting(q, gates, keys[:entries], k, [entries])
    with pytest.raises(ValueError, match="keys lack 1 of"):
        ops.index_topk_alone(q, gates, [keys[: entries - 1]], k, entries)


def test_scores_that_are_all_equal_leave_the_first() -> None:
    q, gates = torch.ones(3, 2, 4), torch.ones(3, 2)
    keys = [-torch.ones(5000, 4)]
    visible = torch.tensor([5000, 4000, 5])
    for budget in (0, 1 << 20, 64 << 20):
        got = ops.index_topk(q, gates, keys, 8, visible, budget=budget)
        assert got.tolist() == [[*range(8)], [*range(8)], [*range(5), -1, -1, -1]]


def test_real_numbers_in_tiles_of_every_kind() -> None:
    """Against float64, for queries without a near tie at the cut."""
    g = torch.Generator().manual_seed(3)
    q, gates = torch.randn(70, 8, 32, generator=g), torch.randn(70, 8, generator=g)
    keys, k = torch.randn(9000, 32, generator=g), 128
    visible = torch.arange(8931, 9001)
    dots = torch.einsum("nhd,ed->nhe", q.double(), keys.double()).clamp(min=0)
    scores = torch.einsum("nhe,nh->ne", dots, gates.double())
    scores.masked_fill_(torch.arange(9000) >= visible[:, None], -torch.inf)
    top = scores.topk(k + 1)
    clear = top.values[:, k - 1] - top.values[:, k] > 1e-4
    assert clear.sum() > 60
    wanted = top.indices[:, :k].sort().values
    for budget in (1 << 18, 1 << 20, 1 << 22, 1 << 26):
        for pages in (keys.split(64), keys.split(1000), [keys]):
            got = ops.index_topk(q, gates, list(pages), k, visible, budget=budget)
            assert torch.equal(got[clear], wanted[clear])


def test_nothing_is_scored_where_all_is_chosen() -> None:
    q, gates = torch.ones(3, 2, 4), torch.ones(3, 2)
    got = ops.index_topk(q, gates, [], 4, torch.tensor([4, 0, 2]))
    assert got.tolist() == [[0, 1, 2, 3], [-1] * 4, [0, 1, -1, -1]]
    assert ops.index_topk(q[:0], gates[:0], [], 4, torch.tensor([])).shape == (0, 4)


def test_missing_entries_are_an_error() -> None:
    keys = [torch.ones(64, 4), torch.ones(30, 4)]
    for visible in (95, 128, 1000):
        with pytest.raises(ValueError, match=f"lack {visible - 94} of {visible}"):
            ops.index_topk(
                torch.ones(1, 2, 4), torch.ones(1, 2), keys, 4, torch.tensor([visible])
            )


def test_one_query_of_nans_leaves_the_others_alone() -> None:
    g = torch.Generator().manual_seed(1)
    q, gates, keys = whole(g, 5, 3, 6), whole(g, 5, 3), whole(g, 300, 6)
    visible = torch.full((5,), 300)
    wanted = by_sorting(q, gates, keys, 20, visible.tolist())
    q[2] = gates[2] = torch.nan
    for budget in (0, 64 << 20):
        got = ops.index_topk(q, gates, [keys], 20, visible, budget=budget).tolist()
        assert got[:2] + got[3:] == wanted[:2] + wanted[3:]
        assert len(set(got[2])) == 20


def test_memory_is_bounded_whatever_the_context() -> None:
    """All scores together would be 16 MB, and 130 MB head by head."""
    g = torch.Generator().manual_seed(2)
    q, gates = torch.randn(64, 8, 16, generator=g), torch.randn(64, 8, generator=g)
    keys = torch.randn(65_536, 16, generator=g)
    visible = torch.arange(65_536 - 63, 65_537)
    for held, mega in ((keys, 2), (keys, 8), (torch.zeros_like(keys), 2)):
        choose = partial(ops.index_topk, q, gates, [held], 64, visible)
        taken = peak(partial(choose, budget=mega << 20))
        assert mega << 18 < taken < mega << 20


@pytest.mark.parametrize("kind", ["bfloat16", "fp8", "fp4"])
def test_stored_keys_score_as_what_they_read_back_as(kind: IndexFormat) -> None:
    """And not as the rows that were stored, which would be chosen otherwise."""
    g = torch.Generator().manual_seed(8)
    stored = index_rows(kind, 32)
    q, gates = torch.randn(40, 4, 32, generator=g), torch.randn(40, 4, generator=g)
    keys, visible = torch.randn(3000, 32, generator=g), torch.arange(2961, 3001)
    pool = stored.encode(keys)
    runs = [*pool.split(700), pool.new_full((64, stored.width), 255)]
    read = [stored.decode(pool)]
    for budget in (1 << 18, 64 << 20):
        choose = partial(ops.index_topk, gates=gates, k=50, visible=visible)
        got = choose(q, keys=runs, stored=stored, budget=budget)
        as_read = choose(stored.queries(q), keys=read)
        assert (got == as_read).all(1).sum() >= 39  # One near tie may fall either way.
        assert not torch.equal(got, choose(q, keys=[keys]))


@pytest.mark.parametrize(
    ("n", "heads", "entries", "mega"), [(1, 8, 16_384, 1), (64, 32, 256, 1)]
)
def test_memory_is_bounded_for_stored_keys(
    n: int, heads: int, entries: int, mega: int
) -> None:
    """Where decoding the keys takes most, and where treating the queries does."""
    g = torch.Generator().manual_seed(2)
    stored = index_rows("fp4", 64)
    q, gates = torch.randn(n, heads, 64, generator=g), torch.randn(n, heads)
    keys = stored.encode(torch.randn(entries, 64, generator=g))
    visible = torch.full((n,), entries)
    choose = partial(ops.index_topk, q, gates, [keys], 64, visible, stored=stored)
    taken = peak(partial(choose, budget=mega << 20))
    assert mega << 18 < taken < mega << 20
