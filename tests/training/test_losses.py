"""The auxiliary losses, against the sentence that defines them, in float64."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.checkpoint import save_checkpoint
from tests.training.test_parity import shaken, small
from training.losses import Meaning, Reconstruction, indexer_loss, token_loss
from training.model import Attended, Shape

if TYPE_CHECKING:
    from pathlib import Path

    from training.model import Backbone


@pytest.fixture
def model(tmp_path: Path) -> Backbone:
    save_checkpoint(tmp_path, small(64), {}, precision="f32")
    return shaken(Shape.read(tmp_path / "config.json"))


def test_token_loss_is_the_weighted_mean_over_what_is_kept(model: Backbone) -> None:
    hidden = torch.randn(1, 4, model.s.D)
    targets = torch.tensor([[3, 9, 100, 7]])
    weight = torch.tensor([[1.0, 0.5, 1.0, 2.0]])
    keep = torch.tensor([[True, True, False, True]])
    logits = (hidden[0].double() @ model.head.weight.double().t()).tolist()
    total = 0.0
    for row in (0, 1, 3):
        norm = math.log(sum(math.exp(v) for v in logits[row]))
        total += weight[0, row].item() * (norm - logits[row][int(targets[0, row])])
    found = token_loss(model, hidden, targets, weight, keep)
    assert found.item() == pytest.approx(total / 3.5, rel=1e-5)


@pytest.mark.parametrize("second", [128, 60])
@pytest.mark.parametrize("queries", [slice(None), slice(3, None, 8)])
def test_indexer_loss_is_the_divergence_from_attention(
    model: Backbone, queries: slice, second: int
) -> None:
    """Of one conversation, or of two in a row."""
    ids = torch.randint(0, 211, (1, 128))
    begins = torch.zeros_like(ids)
    begins[:, second:] = second
    _, attended = model(ids, 24, begins)
    a: Attended = attended[0]
    mass = a.mass.double()[0]
    s = a.attention
    scores = s.indexer(a.x, a.qr, s.cos, s.sin, a.begins)[0].detach().double()
    above = below = 0.0
    for t in range(128)[queries]:
        began = second if t >= second else 0
        if t - began < 24:
            continue
        seen = slice(began // 4, (t + 1) // 4)
        p = mass[t, seen] / mass[t, seen].sum()
        log_q = scores[t, seen] - scores[t, seen].logsumexp(0)
        weight = float(mass[t, seen].sum())
        above += weight * float((p * (p.log() - log_q)).sum())
        below += weight
    found = indexer_loss([a], 24, queries).item()
    assert found == pytest.approx(above / below, rel=1e-3)


def test_only_the_indexer_learns_from_its_loss(model: Backbone) -> None:
    _, attended = model(torch.randint(0, 211, (1, 128)), 24)
    torch.autograd.backward(indexer_loss(attended, 24))
    learning = {n for n, p in model.named_parameters() if p.grad is not None}
    assert learning
    assert all(".indexer." in name for name in learning)


def test_reconstruction_asks_an_entry_for_its_own_four_tokens(model: Backbone) -> None:
    """With a head that reads planted tokens back, the loss is near zero."""
    s = model.s
    teacher = Reconstruction(s, layers=1, samples=8)
    ids = torch.randint(0, s.D, (1, 32))
    inner = s.d - s.r
    assert inner * 2 > s.D // 2
    with torch.no_grad():
        # An entry that holds its window's number; maps that turn it into the tokens.
        entries = torch.zeros(1, 8, s.d)
        entries[0, torch.arange(8), torch.arange(8)] = 1.0
        model.head.weight.zero_()
        model.head.weight[torch.arange(s.D), torch.arange(s.D)] = 30.0
        teacher.maps.zero_()
        for window in range(8):
            for slot in range(4):
                teacher.maps[0, slot, window, ids[0, 4 * window + slot]] = 1.0
    x = torch.zeros(1, 32, s.D)
    attended = Attended(model.layers[1].attn, x, x, x, entries, x)  # type: ignore[arg-type]
    assert teacher(model, ids, [attended]).item() < 1e-3
    assert teacher(model, ids.roll(4, 1), [attended]).item() > 5.0


def test_meaning_is_told_from_the_normed_streams_where_it_is_known(
    model: Backbone,
) -> None:
    s = model.s
    reader = Meaning(s, 5)
    torch.nn.init.normal_(reader.maps)
    X = 3 * torch.randn(2, 3, s.m, s.D)
    X.requires_grad_()
    meanings = torch.tensor([[-1, 4, -1], [0, -1, 2]])
    total, right = 0.0, 0
    for row, place in ((0, 1), (1, 0), (1, 2)):
        u = X[row, place].detach().double().flatten()
        u = u / u.square().mean().sqrt()
        logits = (reader.maps.detach().double() @ u).tolist()
        label = int(meanings[row, place])
        total += math.log(sum(math.exp(v) for v in logits)) - logits[label]
        right += logits[label] == max(logits)
    loss, share = reader(X, meanings)
    assert loss.item() == pytest.approx(total / 3, rel=1e-4)
    assert share.item() == pytest.approx(right / 3)
    torch.autograd.backward(loss)
    assert X.grad is not None
    assert ((X.grad.abs().sum((2, 3)) > 0) == (meanings >= 0)).all()
    nothing, _ = reader(X, torch.full_like(meanings, -1))
    assert nothing.item() == 0.0
