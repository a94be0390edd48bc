"""DSpark: a small model that guesses a few tokens ahead (model reference §9).

It reads the backbone's mind: what target layers put out for a token (its *taps*) is
projected, once, to a key of every stage, which is all the drafter remembers of the
text. To draft, a block of the *anchor* (the newest token, which the backbone hasn't
seen yet) and noise tokens goes through the stages; every row sees the window before the
block and the whole block. The rows' logits hold no word of each other; the Markov head
brings in the token before, so that drafts are chosen one after the other.

What is drafted is only ever a proposal: a wrong row here costs speed, not text.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from dsagent.engine.hyper import sublayer
from dsagent.engine.memory import SLACK
from dsagent.errors import Unsupported
from dsagent.kernels import ops

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from dsagent.engine.attention import Attention
    from dsagent.engine.batch import Batch
    from dsagent.engine.cache import Cache
    from dsagent.engine.config import ModelConfig
    from dsagent.engine.rotations import Rotations
    from dsagent.engine.transformer import Head, Layer


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a sequence is drafted on: its newest token, not computed yet."""

    slot: int
    position: int
    token: int


@dataclass(frozen=True, slots=True)
class DraftBlock:
    """What the stages make of R anchors, n rows each. Row i speaks of position + i + 1.

    Temporary: it holds the round's tensors, none of the cache's.
    """

    hidden: Tensor
    """Before the last norm, ``[R, n, D]``."""
    logits: Tensor
    """Without the Markov head's part, float32 ``[R, n, V]``."""
    confidence: Tensor
    """The hidden's part of the confidence logits ``[R, n]``."""


@dataclass(frozen=True, slots=True)
class DraftWeights:
    """The drafter's tensors. Matrices are transposed: ``x @ w``."""

    embed: Tensor
    """The backbone's ``[V, D]``."""
    main: ops.Matrix
    """main_proj ``[n·D, D]``, from the taps of n target layers."""
    context: ops.Matrix
    """Every stage's wkv side by side ``[D, S·d]``, main_norm folded in. The stages' own
    attention holds it once more, behind the norm of a block's rows."""
    context_norms: Tensor
    """kv_norm of every stage ``[S, d]``."""
    stages: tuple[Layer, ...]
    head: Head
    """The drafter's collapse and norm, and the backbone's vocabulary."""
    markov_in: Tensor
    """What a token says of the next ``[V, Rm]``."""
    markov_out: Tensor
    """``[Rm, V]``."""
    confidence: Tensor
    """``[D + Rm]``, hidden first."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a block's rows are: flat, and in the storage of every stage."""

    rows: slice
    """Its n of the ``[R·n]`` flat rows."""
    storage: list[Tensor]
    """Of every stage: a zero row, n for the block, and the context."""
    bias: Tensor
    """Which of them a row sees, all alike ``[n, K]``."""


class Drafter:
    """A loaded drafter. Belongs to its transformer's thread."""

    def __init__(
        self, config: ModelConfig, weights: DraftWeights, rotations: Rotations
    ) -> None:
        """``rotations`` are those of layers without compression.

        Raises:
            Unsupported: the block is longer than a cache can take back.
        """
        dspark = config.dspark
        assert dspark is not None
        if dspark.block_size >= SLACK:
            raise Unsupported(
                f"dspark_block_size is {dspark.block_size}; this engine drafts at most "
                f"{SLACK - 1} tokens a round"
            )
        self.block_size = dspark.block_size
        """Tokens drafted a round, as trained."""
        self.stages = len(weights.stages)
        self.confidence_head = weights.confidence
        """Its weights ``[D + Rm]``: few, and other ones after every training."""
        self._noise = dspark.noise_token_id
        self._config, self._weights, self._rotations = config, weights, rotations

    @torch.inference_mode()
    def remember(self, taps: Tensor, batch: Batch, cache: Cache) -> None:
        """Store the context keys of ``batch.tap_rows``, from their ``taps [P, n·D]``.

        An anchor at p sees positions p - W to p - 1, so all of these must have been
        remembered, and of a prompt no others need be. Rows of rejected tokens may be
        remembered as well: they are replaced before they are seen.
        """
        assert batch.tap_rows is not None
        if not len(taps):
            return
        w, eps, ring = self._weights, self._config.rms_norm_eps, cache.ring
        positions = batch.positions[batch.tap_rows]
        main = ops.normalise(ops.project(taps, w.main), eps)
        kv = ops.project(main, w.context).view(len(taps), self.stages, -1)
        kv = ops.rms_norm(kv, w.context_norms, eps)
        longest = max(span.end for span in batch.spans)
        ops.rotate_(kv, self._rotations.at(positions, longest).unsqueeze(1))
        places = positions.remainder(ring).add_(1 + SLACK)
        rows: list[int] = batch.tap_rows.tolist()
        for span in batch.spans:
            end = bisect_left(rows, span.offset + span.length)
            begin = bisect_left(rows, span.offset)
            if begin == end:
                continue
            # What the ring has no room for would take the places of newer rows.
            begin = bisect_right(rows, rows[end - 1] - ring, begin, end)
            for stage, storage in enumerate(cache.drafts(span.slot)):
                storage.index_copy_(0, places[begin:end], kv[begin:end, stage])

    @torch.inference_mode()
    def block(
        self, anchors: Sequence[Anchor], cache: Cache, rows: int | None = None
    ) -> DraftBlock:
        """Run the stages over a block behind every anchor.

        Args:
            anchors: at least one.
            cache: holds their context (see :meth:`remember`), and keeps nothing of the
                block.
            rows: length of the blocks, anchor included, which is the number of tokens
                they draft; ``block_size`` if not given.

        Raises:
            ValueError: more rows than the cache's slack, or none.
        """
        n = self.block_size if rows is None else rows
        if not 0 < n < SLACK:
            raise ValueError(f"a block has 1 to {SLACK - 1} rows, not {n}")
        w, m = self._weights, self._config.hc_mult
        noise = [self._noise] * (n - 1)
        ids = torch.tensor([token for a in anchors for token in (a.token, *noise)])
        places = [self._place(i, n, anchor, cache) for i, anchor in enumerate(anchors)]
        turns = self._rotations
        spans = [turns.every(a.position, a.position + n) for a in anchors]
        factors = (spans[0] if len(spans) == 1 else torch.cat(spans)).unsqueeze(1)
        inverse = factors.conj_physical()
        X = w.embed[ids].unsqueeze(1).expand(-1, m, -1).contiguous()
        for i, stage in enumerate(w.stages):
            attend = partial(
                self._attend,
                layer=stage.attention,
                stage=i,
                places=places,
                rotations=(factors, inverse),
            )
            X = sublayer(X, stage.attention_mix, attend)
            X = sublayer(X, stage.experts_mix, partial(stage.experts, ids=ids))
        hidden = w.head.collapse(X)
        logits = w.head.logits(hidden)
        share = torch.mv(hidden, w.confidence[: hidden.shape[1]])
        size = (len(anchors), n)
        return DraftBlock(
            hidden.view(*size, -1), logits.view(*size, -1), share.view(size)
        )

    @torch.inference_mode()
    def markov(
        self, block: DraftBlock, i: int, previous: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits ``[R, V]`` of draft i (from 0), and their confidence logits ``[R]``.

        ``previous [R]`` holds the tokens before: the anchors for i = 0, then draft
        i - 1. The sigmoid of a confidence logit estimates how likely draft i is to be
        accepted if those before it are.
        """
        w = self._weights
        e = w.markov_in[previous]
        logits = torch.addmm(block.logits[:, i], e, w.markov_out)
        own = w.confidence[block.hidden.shape[2] :]
        return logits, torch.addmv(block.confidence[:, i], e, own)

    def _place(self, i: int, n: int, anchor: Anchor, cache: Cache) -> _Place:
        """Storage and bias of the i-th block: n rows, then the context's.

        Until the ring is full, slots from the anchor's on hold nothing; from then on
        SLACK of them, from the anchor's own on and round, are older than the window.
        """
        ring, p = cache.ring, anchor.position
        seen = min(p, ring)
        storage = cache.drafts(anchor.slot)
        bias = torch.zeros(n, 1 + n + seen)
        context, slot = bias[:, 1 + n :], p % ring
        if p > cache.config.sliding_window:
            context[:, slot : slot + SLACK] = -torch.inf
            context[:, : max(0, slot + SLACK - ring)] = -torch.inf
        part = slice(SLACK - n, 1 + SLACK + seen)
        views = [rows[part] for rows in storage]
        return _Place(slice(i * n, i * n + n), views, bias)

    def _attend(
        self,
        x: Tensor,
        layer: Attention,
        stage: int,
        places: list[_Place],
        rotations: tuple[Tensor, Tensor],
    ) -> Tensor:
        """Attention of a stage, ``x [R·n, D]`` (normalised) to ``[R·n, D]``."""
        factors, inverse = rotations
        qr, kv, *_ = ops.project(x, layer.wide).split(layer.splits, 1)
        heads = layer.query_heads(qr, factors)
        kv = ops.rms_norm(kv, layer.norms.kv, layer.eps)
        kv = ops.rotate_(kv, factors.squeeze(1))
        outs = []
        for place in places:
            rows = place.storage[stage]
            own = kv[place.rows]
            # Another block, of more rows, may have lain where the zero row is now.
            rows[0].zero_()
            rows[1 : 1 + len(own)].copy_(own)
            outs.append(ops.attend(heads[place.rows], rows, layer.sinks, place.bias))
        return layer.output(outs[0] if len(outs) == 1 else torch.cat(outs), inverse)
