"""The way back from the heads against its formula in float64, in one product or two."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dsagent.engine.heads import HeadsOut

GROUPS, WIDTH, RANK = 2, 24, 12


def randn(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 40])
@pytest.mark.parametrize(("hidden", "whole"), [(24, True), (25, False)])
def test_every_group_has_its_matrix(n: int, hidden: int, *, whole: bool) -> None:
    """2·24·24 numbers are as many as 2·24·12 and 24·24; one column more is too many."""
    groups = randn(GROUPS, WIDTH, RANK, seed=1) / 5
    last = randn(GROUPS * RANK, hidden, seed=2) / 5
    out = HeadsOut.of(groups, last)
    assert (out.groups is None) == whole
    o = randn(n, 6, GROUPS * WIDTH // 6, seed=3)
    parts = o.double().view(n, GROUPS, WIDTH)
    z = torch.einsum("ngk,gkr->ngr", parts, groups.double())
    expected = z.flatten(1) @ last.double()
    assert (out(o) - expected).abs().max() < 1e-5
