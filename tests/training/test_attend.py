"""Attention by blocks against the formula with a mask, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.attend import attend, tiles
from training.model import sees_entries, window_bias

B, T, H, D = 2, 384, 3, 16
BEGINS = ([0, 52, 60, 300], [0, 128, 256])


def begins() -> Tensor:
    out = torch.zeros(B, T, dtype=torch.long)
    for row, starts in enumerate(BEGINS):
        for start in starts:
            out[row, start:] = start
    return out


def by_formula(
    q: Tensor, kv: Tensor, entries: Tensor, sink: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    keys = torch.cat((kv, entries), 1)
    scores = torch.einsum("bthd,bnd->bthn", q, keys) * D**-0.5 + bias.unsqueeze(2)
    sunk = sink.view(1, 1, -1, 1).expand(B, T, H, 1)
    p = torch.cat((scores, sunk), -1).softmax(-1)[..., :-1]
    return torch.einsum("bthn,bnd->bthd", p, keys), p[..., T:].sum(2)


@pytest.mark.parametrize("window", [24, 150, 1000])
@pytest.mark.parametrize("ratio", [0, 4, 128])
def test_outputs_and_gradients_are_the_formulas(window: int, ratio: int) -> None:
    torch.manual_seed(3)
    starts, E = begins(), T // ratio if ratio else 0
    near = window_bias(starts, window)
    sees = sees_entries(starts, torch.arange(T), E, max(ratio, 1))
    far = torch.where(sees, 0.0, -torch.inf)
    inputs = [
        torch.randn(*shape, requires_grad=True)
        for shape in ((B, T, H, D), (B, T, D), (B, E, D), (H,))
    ]
    exact = [x.detach().double().requires_grad_() for x in inputs]
    bias = torch.cat((near, far), 2).double()
    wanted, wanted_mass = by_formula(exact[0], exact[1], exact[2], exact[3], bias)
    q, kv, entries, sink = inputs
    found, mass = attend(q, kv, entries, sink, near, far, starts, window, ratio)
    assert not mass.requires_grad
    assert torch.allclose(found.double(), wanted, atol=1e-5)
    assert torch.allclose(mass.double(), wanted_mass, atol=1e-5)
    grad = torch.randn_like(found)
    torch.autograd.backward(found, grad)
    torch.autograd.backward(wanted, grad.double())
    for x, y in zip(inputs, exact, strict=True):
        assert x.grad is not None
        assert y.grad is not None
        assert torch.allclose(x.grad.double(), y.grad, atol=2e-5)


def test_blocks_read_no_earlier_conversations() -> None:
    read = {(t.row, t.queries.start): t.keys.start for t in tiles(begins(), 1000, 4)}
    assert read == {
        (0, 0): 0,
        (0, 128): 32,
        (0, 256): 32,
        (1, 0): 0,
        (1, 128): 128,
        (1, 256): 256,
    }
