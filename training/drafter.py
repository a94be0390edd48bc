"""The DSpark drafter as a trainable module.

From the frozen backbone's layer outputs it makes keys for every token (*context*);
behind an anchor token it fills a *block* of unknown places in one pass; its *heads*
turn the block into logits, with what the token before says added, and confidences.
It shares the backbone's embedding and head and holds neither.

``state_dict()`` carries the checkpoint's native names (``mtp.S.…``), and stages are
blocks of :mod:`training.model` with another attention.

Shapes: B rows of T tokens, n blocks a row, g places a block, m streams of width D,
V entries, R the Markov head's rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.model import (
    Block,
    Experts,
    Linear,
    Norm,
    Projections,
    Shape,
    head_collapse,
    product_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class DraftShape:
    """What a drafter adds to the backbone's sizes."""

    stages: int
    block: int
    """Tokens drafted at once; the anchor's place drafts, too."""
    rank: int
    """Of the Markov head."""
    layers: tuple[int, ...]
    """Backbone layers whose outputs the drafter sees."""
    noise: int
    """The id that stands for an unknown token."""

    def to_json(self) -> dict[str, object]:
        """The keys of ``config.json``; the number of stages is in the tensors."""
        return {
            "dspark_block_size": self.block,
            "dspark_noise_token_id": self.noise,
            "dspark_target_layer_ids": list(self.layers),
            "dspark_markov_rank": self.rank,
        }


def context_bias(at: Tensor, begins: Tensor, tokens: int, window: int) -> Tensor:
    """0 where the block behind anchor ``at [B, n]`` sees a token: ``[B, n, T]``.

    Those are the ``window`` tokens before the anchor, from where its conversation
    ``begins [B, n]``, the same for all its places. The anchor itself is seen within the
    block.
    """
    t = torch.arange(tokens)
    before = at.unsqueeze(-1) - t
    seen = (before > 0) & (before <= window) & (t >= begins.unsqueeze(-1))
    return torch.where(seen, 0.0, -torch.inf)


class DraftAttention(Projections):
    """A block's places attend to the context and to each other, in both directions."""

    def __init__(self, s: Shape, block: int, longest: int) -> None:
        super().__init__(s, longest, compressed=False)
        self.block = block

    def context(self, main: Tensor) -> Tensor:
        """Keys of tokens 0 to T-1, ``main [B, T, D]`` to ``[B, T, d]``."""
        T = main.shape[1]
        return self.keys(main, self.cos[:T], self.sin[:T])

    def forward(
        self, x: Tensor, context: Tensor, bias: Tensor, positions: Tensor
    ) -> tuple[Tensor, None]:
        """``x [B, n·g, D]``; context ``[B, T, d]``, bias ``[B, n, T]``."""
        s, g, low = self.s, self.block, product_type()
        B, places, _ = x.shape
        n, T = places // g, context.shape[1]
        cos, sin = self.cos[positions], self.sin[positions]
        _, q = self.queries(x, cos, sin)
        own = self.keys(x, cos, sin).to(low).view(B * n, g, s.d)
        far = context.to(low)
        # A block's g·H queries share its keys, a row's n·g·H the context.
        q = q.to(low).view(B * n, g * s.H, s.d)
        wide = (B, n, g * s.H)
        scores = torch.bmm(q.view(B, -1, s.d), far.transpose(1, 2)).view(*wide, T)
        scores = scores.float() * s.d**-0.5 + bias.unsqueeze(2)
        inner = torch.bmm(q, own.transpose(1, 2)).view(*wide, g).float() * s.d**-0.5
        sink = self.attn_sink.repeat(g).view(1, 1, -1, 1).expand(*wide, 1)
        p = torch.cat((scores, inner, sink), -1).softmax(-1).to(low)
        o = torch.bmm(p[..., :T].reshape(B, -1, T), far).view(B * n, -1, s.d)
        o = o + torch.bmm(p[..., T:-1].reshape(B * n, -1, g), own)
        return self.output(o.view(B, places, s.H, s.d), cos, sin), None


class MarkovHead(nn.Module):
    """What the token before says about the next: a bigram table of low rank."""

    def __init__(self, vocab: int, rank: int) -> None:
        super().__init__()
        self.markov_w1 = nn.Embedding(vocab, rank)
        self.markov_w2 = Linear(vocab, rank, gain=0.1)


def narrowed(w1: Tensor, w2: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """The nearest bigram table of a lower ``rank``, and the way back from its rows.

    w1, w2 ``[V, R]``. Returns both factors ``[V, rank]`` of the best approximation of
    ``w1 @ w2.T`` (Eckart and Young), and ``back [R, rank]`` with ``w1 ≈ new @ back.T``,
    which takes what reads an embedding to what reads a new one.
    """
    q1, r1 = torch.linalg.qr(w1.double())
    q2, r2 = torch.linalg.qr(w2.double())
    u, strength, v = torch.linalg.svd(r1 @ r2.T)
    root = strength[:rank].sqrt()
    new1, new2 = (q1 @ u[:, :rank]) * root, (q2 @ v[:rank].T) * root
    back = torch.linalg.lstsq(new1, w1.double()).solution.T
    return new1.to(w1.dtype), new2.to(w2.dtype), back.to(w1.dtype)


class ConfidenceHead(nn.Module):
    """The chance that a draft is accepted if those before it are, as a logit."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        self.proj = Linear(1, inner)


class Stage(Block):
    """One pass over the block. The first also reads the taps, the last has the heads.

    Attributes exist where the checkpoint has the tensors.
    """

    attn: DraftAttention

    def __init__(self, s: Shape, d: DraftShape, stage: int, longest: int) -> None:
        super().__init__(s, DraftAttention(s, d.block, longest), hashed=False)
        if stage == 0:
            self.main_proj = Linear(s.D, len(d.layers) * s.D)
            self.main_norm = Norm(s.D, s.eps)
        if stage == d.stages - 1:
            self.norm = Norm(s.D, s.eps)
            fn = torch.randn(s.m, s.m * s.D) * 0.02 * s.m**-0.5
            self.hc_head_fn = nn.Parameter(fn)
            self.hc_head_base = nn.Parameter(torch.zeros(s.m))
            self.hc_head_scale = nn.Parameter(torch.ones(1))
            self.markov_head = MarkovHead(s.vocab, d.rank)
            self.confidence_head = ConfidenceHead(s.D + d.rank)


class DrafterModule(nn.Module):
    """All stages, as ``mtp.0`` and so on."""

    def __init__(self, s: Shape, d: DraftShape, longest: int = 32768) -> None:
        super().__init__()
        self.s, self.d = s, d
        self.mtp = nn.ModuleList(Stage(s, d, i, longest) for i in range(d.stages))

    def stages(self) -> Iterator[Stage]:
        """The stages, first to last."""
        for stage in self.mtp:
            assert isinstance(stage, Stage)
            yield stage

    def experts(self) -> Iterator[Experts]:
        """Every stage's experts."""
        return (stage.ffn for stage in self.stages())

    def compile_blocks(self) -> None:
        """Compile every stage's element-wise half."""
        for stage in self.stages():
            stage.compile()

    def context(self, taps: Tensor) -> list[Tensor]:
        """Each stage's keys ``[B, T, d]`` of all tokens.

        ``taps [B, T, L·D]``: the tapped layers' outputs, mean over the streams, side by
        side. All stages read the same projection of them.
        """
        first = next(self.stages())
        main = first.main_norm(first.main_proj(taps))
        return [stage.attn.context(main) for stage in self.stages()]

    def block(
        self,
        anchors: Tensor,
        at: Tensor,
        begins: Tensor,
        context: Sequence[Tensor],
        embed: nn.Module,
    ) -> Tensor:
        """Streams ``[B, n, g, m, D]`` of the blocks behind ``anchors [B, n]``.

        ``at [B, n]`` are the anchors' positions, ``begins [B, n]`` where their
        conversations begin; blocks of a row don't see each other.
        """
        s, g = self.s, self.d.block
        ids = F.pad(anchors.unsqueeze(-1), (0, g - 1), value=self.d.noise).flatten(1)
        positions = (at.unsqueeze(-1) + torch.arange(g)).flatten(1)
        bias = context_bias(at, begins, context[0].shape[1], s.window)
        X = embed(ids).unsqueeze(2).expand(-1, -1, s.m, -1).contiguous()
        for stage, keys in zip(self.stages(), context, strict=True):
            X, _ = stage(X, ids, keys, bias, positions)
        blocks: Tensor = X.unflatten(1, (-1, g))
        return blocks

    def heads(self, X: Tensor, previous: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
        """Logits ``[..., V]`` and confidence logits ``[...]``, in float32.

        X ``[..., m, D]``, ``previous [...]`` the token before the drafted one, ``head
        [V, D]`` the backbone's. The confidence reads the hidden before its norm.
        """
        last = list(self.stages())[-1]
        parts = last.hc_head_fn, last.hc_head_base, last.hc_head_scale
        with torch.autocast("cpu", enabled=False):
            hidden = head_collapse(X, *parts, self.s.eps)
            e = last.markov_head.markov_w1(previous)
            logits = F.linear(last.norm(hidden), head) + last.markov_head.markov_w2(e)
            z = last.confidence_head.proj(torch.cat((hidden, e), -1))
        return logits, z.squeeze(-1)
