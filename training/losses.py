"""What nano is trained on besides the next token.

Retrieval through compressed entries is what a small model finds hardest, so two
losses teach it directly: :class:`Reconstruction` asks every ratio-4 entry for the
four tokens it summarises, and :func:`indexer_loss` asks the indexer to rank entries
as attention weighs them (it gets no gradient through the selection itself).
:class:`Meaning` asks what every sentence says, asked for or not.
:func:`draft_loss` is what the drafter learns from, later and by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model import EVERY, sees_entries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.model import Attended, Backbone, Shape


def token_loss(
    model: Backbone, hidden: Tensor, targets: Tensor, weight: Tensor, keep: Tensor
) -> Tensor:
    """Weighted next-token loss over the kept positions.

    hidden ``[B, T, D]``; targets, weight, keep ``[B, T]``. Logits are made only where
    ``keep`` is set: most of a prompt is not worth the head's price.
    """
    logits = model.head(hidden[keep]).float()
    loss = F.cross_entropy(logits, targets[keep], reduction="none")
    w = weight[keep]
    return (loss * w).sum() / w.sum().clamp(min=1.0)


def indexer_loss(
    attended: Sequence[Attended], since: int, queries: slice = EVERY
) -> Tensor:
    """KL of the indexer's softmax from attention's mass on the visible entries.

    The mass is summed over heads, renormalised and detached, as are the indexer's
    inputs: only the indexer learns from this. Queries whose heads put (almost)
    nothing on entries carry no information and count by that mass. The first ``since``
    queries of a conversation, which have few entries to choose from, don't count. The
    window has no say in it: what attention looks up among entries that the window still
    covers is what it will look for when it doesn't.

    Scores of all queries are a quarter of a step's time; ``queries`` picks some.
    """
    total = torch.zeros(())
    for a in attended:
        p = a.mass[:, queries]
        mass = p.sum(-1, keepdim=True)
        target = p / mass.clamp(min=1e-6)
        s = a.attention
        x, qr = a.x.detach(), a.qr.detach()
        scores = s.indexer(x, qr, s.cos, s.sin, a.begins, queries).float()
        t = torch.arange(x.shape[1])[queries]
        closed = sees_entries(a.begins, t, p.shape[2], 4)
        scores = scores.masked_fill(~closed, -1e9)
        log_q = scores.log_softmax(-1)
        log_p = target.clamp(min=1e-9).log()
        kl = (target * (log_p - log_q)).masked_fill(~closed, 0).sum(-1)
        w = mass[..., 0] * (t - a.begins[:, queries] >= since)
        total = total + (kl * w).sum() / w.sum().clamp(min=1e-3)
    return total / max(len(attended), 1)


class Reconstruction(nn.Module):
    """Reads an entry's own four tokens back from its unrotated channels.

    A linear map a slot and layer, then the model's own head: an auxiliary teacher,
    thrown away when training ends.
    """

    def __init__(self, s: Shape, layers: int, samples: int = 32) -> None:
        super().__init__()
        inner = s.d - s.r
        self.samples = samples
        self.maps = nn.Parameter(torch.randn(layers, 4, inner, s.D) * inner**-0.5)

    def forward(
        self, model: Backbone, ids: Tensor, attended: Sequence[Attended]
    ) -> Tensor:
        """``ids [B, T]``; the mean loss over sampled entries of the first layers."""
        B, T = ids.shape
        tokens = ids.view(B, T // 4, 4)
        total = torch.zeros(())
        for maps, a in zip(self.maps, attended, strict=False):
            chosen = torch.randperm(T // 4)[: self.samples]
            e = a.entries[:, chosen, : maps.shape[1]]
            hidden = torch.einsum("bnd,sdk->bnsk", e, maps)
            logits = model.head(hidden).float()
            target = tokens[:, chosen]
            total = total + F.cross_entropy(logits.flatten(0, 2), target.flatten())
        return total / len(self.maps)


class Meaning(nn.Module):
    """Tells what a text means where it ends, from the streams of a layer half-way up.

    A linear map from normed streams to classes (`training.data.meanings`): an auxiliary
    teacher, thrown away when training ends.
    """

    def __init__(self, s: Shape, classes: int) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.zeros(classes, s.m * s.D))

    def logits(self, X: Tensor) -> Tensor:
        """``X [..., m, D]`` to ``[..., classes]``."""
        u = X.flatten(-2).float()
        return (F.rms_norm(u, u.shape[-1:]) @ self.maps.t()).float()

    def forward(self, X: Tensor, meanings: Tensor) -> tuple[Tensor, Tensor]:
        """``X [B, T, m, D]``, ``meanings [B, T]`` (-1: nothing told) to the mean
        cross-entropy and the share of classes told right."""
        told = meanings >= 0
        labels = meanings[told]
        if not len(labels):
            return torch.zeros(()), torch.ones(())
        logits = self.logits(X[told])
        right = (logits.argmax(-1) == labels).float().mean()
        return F.cross_entropy(logits, labels), right


@dataclass(frozen=True, slots=True)
class DraftLoss:
    """The loss of N drafted tokens, and what it is made of."""

    total: Tensor
    cross_entropy: Tensor
    variation: Tensor
    confidence: Tensor
    accepted: Tensor
    """The chance ``[N]`` that rejection sampling accepts each; without gradient."""


def draft_loss(
    logits: Tensor, z: Tensor, target: Tensor, labels: Tensor, weight: Tensor
) -> DraftLoss:
    """DSpark's three losses: ``0.1 CE + 0.9 |q - P| + BCE(confidence, accepted)``.

    Drafter's and target's logits ``[N, V]``, confidence logits ``z [N]``, the true next
    tokens ``labels [N]``; ``weight [N]`` counts earlier places of a block for more.
    The distance is the full L1 one. The confidence learns the acceptance and doesn't
    move it.
    """
    log_q = logits.float().log_softmax(-1)
    distance = (log_q.exp() - target.float().softmax(-1)).abs().sum(-1)
    accepted = (1 - distance.detach() / 2).clamp(0, 1)
    above = weight.sum() + 1e-6

    def mean(term: Tensor) -> Tensor:
        return (term * weight).sum() / above

    ce = mean(F.nll_loss(log_q, labels, reduction="none"))
    tv = mean(distance)
    bce = F.binary_cross_entropy_with_logits(z.float(), accepted, reduction="none")
    confidence = mean(bce)
    total = 0.1 * ce + 0.9 * tv + confidence
    return DraftLoss(total, ce.detach(), tv.detach(), confidence.detach(), accepted)
