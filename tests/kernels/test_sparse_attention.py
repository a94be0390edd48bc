"""Attention over listed rows: the formula in float64, and the five ways it is used."""

from __future__ import annotations

from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.kernels import ops
from dsagent.kernels.reference import attention
from dsagent.kernels.rows import kv_rows
from tests.kernels.memory import peak

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.kernels.layout import KvFormat

HEADS, D, WINDOW = 4, 16, 32


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


SINKS = torch.tensor([-2.0, 0.0, 1.0, 20.0])


def by_formula(q: Tensor, pool: Tensor, lists: list[list[int]]) -> Tensor:
    """Model reference §4.4, query by query and head by head, in float64."""
    out = torch.zeros(q.shape, dtype=torch.float64)
    for i, listed in enumerate(lists):
        keys = pool[listed].double()
        for h in range(q.shape[1]):
            weights = (keys @ q[i, h].double()).exp()
            total = weights.sum() + SINKS[h].double().exp()
            out[i, h] = (weights[:, None] * keys).sum(0) / total
    return out


def flat(lists: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Lists as rows and row pointers."""
    rows = [row for listed in lists for row in listed]
    starts = [0, *accumulate(len(listed) for listed in lists)]
    return torch.tensor(rows, dtype=torch.int64), torch.tensor(starts)


def assert_attends(lists: list[list[int]], pool: Tensor, budget: int = 1 << 20) -> None:
    q = randn(len(lists), HEADS, D, seed=9)
    rows, starts = flat(lists)
    got = ops.sparse_attention(q, pool, rows, starts, SINKS, budget=budget)
    assert (got - by_formula(q, pool, lists)).abs().max() < 2e-5


@pytest.mark.parametrize("budget", [0, 20_000, 1 << 26])
def test_lists_of_any_length_in_any_order(budget: int) -> None:
    """Some empty, most ragged, with rows listed by several and rows full of NaN."""
    g = torch.Generator().manual_seed(4)
    pool = randn(90, D)
    pool[80:] = pool[0] = torch.nan
    lengths = torch.randint(0, 40, (60,), generator=g).tolist()
    lengths[0] = lengths[7] = lengths[8] = lengths[59] = 0
    lists = [
        (1 + torch.randperm(79, generator=g)[:length]).tolist() for length in lengths
    ]
    assert_attends(lists, pool, budget)


def test_nothing_at_all() -> None:
    pool = torch.full((3, D), torch.nan)
    none = torch.tensor([], dtype=torch.int64)
    q = randn(4, HEADS, D)
    out = ops.sparse_attention(q, pool, none, torch.zeros(5, dtype=torch.int64), SINKS)
    assert torch.equal(out, torch.zeros_like(q))
    assert not len(ops.sparse_attention(q[:0], pool, none, torch.tensor([0]), SINKS))


def shuffled(n: int) -> list[int]:
    """Where n rows lie in a pool of 400: anywhere, no two together."""
    order = torch.randperm(400, generator=torch.Generator().manual_seed(n))
    places: list[int] = order[:n].tolist()
    return places


def scattered(rows: Tensor, places: list[int]) -> Tensor:
    pool = torch.full((400, D), torch.nan)
    pool[places] = rows
    return pool


def attended(q: Tensor, rows: Tensor, seen: Tensor) -> Tensor:
    """The dense way: every row, and a bias over those that aren't seen."""
    bias = torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf)
    bias = torch.cat((torch.zeros(len(seen), 1), bias), 1)
    return ops.attend(q, torch.cat((torch.zeros(1, D), rows)), SINKS, bias)


def window(positions: Tensor, keys: int) -> Tensor:
    held = torch.arange(keys)
    return (held <= positions[:, None]) & (held > positions[:, None] - WINDOW)


def closed(positions: Tensor, entries: int, ratio: int) -> Tensor:
    return torch.arange(entries) < (positions[:, None] + 1) // ratio


def assert_same(q: Tensor, keys: Tensor, seen: Tensor) -> None:
    """One case, dense and listed, its rows anywhere in a pool."""
    places = shuffled(len(keys))
    lists = [[places[i] for i in row.nonzero().flatten().tolist()] for row in seen]
    rows, starts = flat(lists)
    got = ops.sparse_attention(q, scattered(keys, places), rows, starts, SINKS)
    assert (got - attended(q, keys, seen)).abs().max() < 1e-5
    numbers = [row.nonzero().flatten().tolist() for row in seen]
    assert (got - by_formula(q, keys, numbers)).abs().max() < 2e-5


def test_window() -> None:
    """A prompt from its first token on: lists grow to the window's width."""
    positions = torch.arange(50)
    assert_same(randn(50, HEADS, D), randn(50, D, seed=1), window(positions, 50))


def test_selected_entries_and_the_window() -> None:
    """CSA: what the indexer chose of the closed entries, beside the window."""
    positions, k = torch.arange(60, 100), 8
    keys, entries = randn(100, D, seed=1), randn(25, D, seed=2)
    q, gates = randn(40, 2, D, seed=3), randn(40, 2, seed=4)
    ids = ops.index_topk(q, gates, [randn(25, D, seed=5)], k, (positions + 1) // 4)
    chosen = torch.zeros(40, 25, dtype=torch.bool).scatter_(1, ids, value=True)
    seen = torch.cat((window(positions, 100), chosen), 1)
    assert (chosen.sum(1) == k).all()
    assert_same(randn(40, HEADS, D), torch.cat((keys, entries)), seen)


def test_all_entries_and_the_window() -> None:
    """HCA (here a token in five), from where there is no entry yet."""
    positions = torch.arange(70)
    keys, entries = randn(70, D, seed=1), randn(14, D, seed=2)
    seen = torch.cat((window(positions, 70), closed(positions, 14, 5)), 1)
    assert_same(randn(70, HEADS, D), torch.cat((keys, entries)), seen)


def test_verification() -> None:
    """A few tokens of several sequences in one pool, each with its own past."""
    lists: list[list[int]] = []
    places, begin = shuffled(300), 0
    for end in (1, 40, 99):
        own = places[begin : begin + end + 6]
        begin += end + 6
        lists += [own[max(0, t - WINDOW + 1) : t + 1] for t in range(end, end + 6)]
    assert_attends(lists, scattered(randn(300, D), places))


def test_a_draft_block() -> None:
    """Every row sees the context's last window and the whole block, later rows too."""
    context, block = randn(WINDOW, D, seed=1), randn(5, D, seed=2)
    seen = torch.ones(5, WINDOW + 5, dtype=torch.bool)
    assert_same(randn(5, HEADS, D), torch.cat((context, block)), seen)


def test_lists_of_one_length_are_one_product() -> None:
    bounds = list(range(0, 31 * 7, 7))
    assert list(attention._tiles(bounds, 1 << 20)) == [(0, 30, 7)]
    tiles = list(attention._tiles(bounds, 7 * 12 + 6))
    assert tiles == [(0, 12, 7), (12, 24, 7), (24, 30, 7)]


def test_tiles_are_full_of_what_was_asked_for() -> None:
    g = torch.Generator().manual_seed(6)
    lengths = (torch.rand(500, generator=g) ** 6 * 900).int().tolist()
    bounds = [0, *accumulate(lengths)]
    covered: list[int] = []
    for i, j, longest in attention._tiles(bounds, 2000):
        part = [b - a for a, b in pairwise(bounds[i : j + 1])]
        assert max(part) == longest
        assert min(part) > 0
        assert longest * len(part) <= 2 * sum(part)
        assert longest * len(part) <= 2000 or len(part) == 1
        covered += range(i, j)
    assert covered == [i for i, length in enumerate(lengths) if length]


@pytest.mark.parametrize("kind", ["float32", "bfloat16", "fp8"])
def test_stored_rows_are_attended_as_what_they_read_back_as(kind: KvFormat) -> None:
    g = torch.Generator().manual_seed(7)
    stored = kv_rows(kind, D, 4)
    pool = stored.encode(randn(300, D))
    lists = [torch.randperm(300, generator=g)[:length].tolist() for length in range(40)]
    rows, starts = flat(lists)
    q = randn(40, HEADS, D, seed=9)
    wanted = by_formula(q, stored.decode(pool), lists)
    for budget in (0, 50_000, 1 << 26):
        got = ops.sparse_attention(
            q, pool, rows, starts, SINKS, stored=stored, budget=budget
        )
        assert (got - wanted).abs().max() < 2e-5


def test_memory_is_bounded_while_rows_are_decoded() -> None:
    stored = kv_rows("fp8", 128, 16)
    q, pool = randn(128, HEADS, 128), stored.encode(randn(500, 128))
    rows, starts = torch.arange(128 * 256) % 500, torch.arange(129) * 256
    attend = partial(ops.sparse_attention, q, pool, rows, starts, SINKS, stored=stored)
    for mega in (1, 4):
        out = q.numel() * 4
        assert mega << 18 < peak(partial(attend, budget=mega << 20)) - out < mega << 20


def test_memory_is_bounded_whatever_is_listed() -> None:
    """All queries' rows at once would be 34 MB."""
    q, pool = randn(256, HEADS, 64), randn(500, 64)
    lists = [torch.arange(i, i + 512 - i % 3) % 500 for i in range(256)]
    starts = torch.tensor([0, *[len(rows) for rows in lists]]).cumsum(0)
    attend = partial(ops.sparse_attention, q, pool, torch.cat(lists), starts, SINKS)
    for mega in (1, 4):
        out = q.numel() * 4
        assert mega << 19 < peak(partial(attend, budget=mega << 20)) - out < mega << 20
