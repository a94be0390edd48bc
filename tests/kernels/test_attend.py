"""Attention of many queries over many rows: in parts, in bounded memory."""

from __future__ import annotations

import pytest
import torch

from dsagent.kernels import ops
from dsagent.kernels.reference.attention import PICKED, SCORES
from tests.kernels.memory import peak

HEADS, D = 8, 16


def randn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def straight(
    q: torch.Tensor, keys: list[torch.Tensor], sinks: torch.Tensor
) -> torch.Tensor:
    """The formula in float64, a query its own ``keys [L, d]``."""
    out = []
    for query, own in zip(q.double(), keys, strict=True):
        weights = (query @ own.double().T).exp()
        total = weights.sum(1) + sinks.double().exp()
        out.append(weights @ own.double() / total[:, None])
    return torch.stack(out)


@pytest.mark.parametrize("n", [1, 2, 63, 130])
@pytest.mark.parametrize("places", [1, 3])
def test_in_parts(n: int, places: int) -> None:
    """The rows are so many that only a few dozen queries fit at a time."""
    k = SCORES // (4 * HEADS * 50)
    q, rows, sinks = randn(n, HEADS, D) * 0.3, randn(k, D, seed=1), randn(HEADS, seed=2)
    rows[3] = 0.0
    hidden = randn(n, k, seed=3) > 0.2
    hidden[:, 3] = True
    bias = torch.zeros(n, k).masked_fill_(hidden, -torch.inf)
    first, *more = rows.split(-(-k // places))
    got = ops.attend(q, first, sinks, bias, more, sink=3)
    expected = straight(q, [rows[~one] for one in hidden], sinks)
    assert (got - expected).abs().max() < 1e-5


@pytest.mark.parametrize("n", [1, 40, 131])
def test_over_rows_of_their_own(n: int) -> None:
    """Shared rows, some of them hidden, and chosen ones, of which some have fewer."""
    k, sinks = PICKED // (4 * D * 30), randn(HEADS, seed=2)
    q, rows, pool = randn(n, HEADS, D) * 0.3, randn(9, D, seed=1), randn(2 * k, D)
    rows[0] = 0.0
    hidden = randn(n, 9, seed=3) > 0.5
    hidden[:, 0] = True
    bias = torch.zeros(n, 9).masked_fill_(hidden, -torch.inf)
    chosen = randn(n, 2 * k, seed=4).argsort(1)[:, :k]
    chosen[::3, k // 2 :] = -1
    got = ops.attend_own(q, rows, sinks, bias, chosen, pool.__getitem__)
    keys = [
        torch.cat((rows[~out], pool[own[own >= 0]]))
        for out, own in zip(hidden, chosen, strict=True)
    ]
    assert (got - straight(q, keys, sinks)).abs().max() < 1e-5


def test_memory_is_bounded() -> None:
    """Four times the rows take no more, and four times the queries only their own."""
    sinks = torch.zeros(HEADS)

    def taken(n: int, k: int) -> int:
        q, rows, bias = randn(n, HEADS, D), randn(k, D), torch.zeros(n, k)
        return peak(lambda: ops.attend(q, rows, sinks, bias))

    small, long, many = taken(128, 4096), taken(128, 16384), taken(512, 4096)
    assert long <= small + (1 << 20)
    assert many <= small + 2 * 4 * 512 * HEADS * D
    assert small < 6 * SCORES
