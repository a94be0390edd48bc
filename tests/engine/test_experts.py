"""The mixture against its formula in float64, for one row, few and many."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dsagent.engine.experts import DENSE, FEW, Experts

D, K, WIDTH, LIMIT = 96, 3, 40, 1.5


def randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def expert(x: Tensor, gate_up: Tensor, down: Tensor) -> Tensor:
    gate, up = (x @ gate_up).chunk(2)
    gate, up = gate.clamp(max=LIMIT), up.clamp(-LIMIT, LIMIT)
    return (gate / (1 + torch.exp(-gate)) * up) @ down


@pytest.mark.parametrize("n", [1, 2, 5, DENSE, DENSE + 1, FEW, FEW + 1, 700])
@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("E", [7, 30])
def test_every_row_gets_its_experts(n: int, E: int, *, hashed: bool) -> None:
    router = randn(D, E, seed=1) / 5
    bias = randn(E, seed=2) / 5
    # Wanted by nobody, in the middle; and no number of rows is a round one.
    bias[3] = -100.0
    table = randn(11, E, seed=6).argsort(1)[:, :K]
    gate_up, down = randn(E + 1, D, 2 * WIDTH, seed=3), randn(E + 1, WIDTH, D, seed=4)
    experts = Experts(
        router=router,
        bias=None if hashed else bias,
        table=table if hashed else None,
        gate_up=gate_up / 10,
        down=down / 6,
        k=K,
        scale=1.7,
        limit=LIMIT,
    )
    assert (experts.whole is None) == (E == 30)
    x, ids = randn(n, D, seed=5), torch.arange(n) % 11
    got = experts(x, ids)
    for i in {*range(0, n, 1 + n // 20), n - 1}:
        row = x[i].double()
        score = torch.log1p(torch.exp(row @ router.double())).sqrt()
        chosen = table[ids[i]] if hashed else (score + bias).topk(K).indices
        total = score[chosen].sum()
        weights = {int(e): 1.7 * score[e] / total for e in chosen} | {E: 1.0}
        expected = sum(
            weight * expert(row, experts.gate_up[e].double(), experts.down[e].double())
            for e, weight in weights.items()
        )
        assert (got[i] - expected).abs().max() < 1e-5


def test_one_row_of_large_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where their outputs are added up apart, for threads to share them."""
    weights = (randn(D, 7, seed=1), None, torch.tensor([[2, 0, 5]]))
    stacks = (randn(8, D, 2 * WIDTH, seed=3), randn(8, WIDTH, D, seed=4))
    x, ids = randn(1, D, seed=5), torch.zeros(1, dtype=torch.int64)
    together = Experts(*weights, *stacks, k=K, scale=1.7, limit=LIMIT)
    monkeypatch.setattr("dsagent.engine.experts.TOGETHER", 0)
    apart = Experts(*weights, *stacks, k=K, scale=1.7, limit=LIMIT)
    assert len(apart.stacks[1].starts) == K + 1
    expected = together(x.repeat(2, 1), ids.repeat(2))[:1]  # another way of computing
    for experts in (together, apart):
        torch.testing.assert_close(experts(x, ids), expected, rtol=1e-4, atol=1e-3)
