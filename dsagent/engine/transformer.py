"""The backbone: a flat batch of token ids in, logits of the wanted rows out.

Weights are laid out once, when loading: matrices transposed, those that read the same
input side by side, the weights of norms folded into what follows them. After that a
layer is a few dozen operations, which on a CPU is what a token costs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from dsagent.engine.attention import Attention, Norms, Step, Tails, ring_bias
from dsagent.engine.cache import Cache
from dsagent.engine.checkpoint import Checkpoint
from dsagent.engine.config import CSA
from dsagent.engine.experts import Experts
from dsagent.engine.hyper import sublayer
from dsagent.kernels import ops

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from dsagent.engine.batch import Batch
    from dsagent.engine.config import ModelConfig


@dataclass(frozen=True, slots=True)
class Layer:
    """Attention, then experts, each with its mixing of the streams."""

    attention: Attention
    experts: Experts
    attention_mix: ops.HyperWeights
    experts_mix: ops.HyperWeights


@dataclass(frozen=True, slots=True)
class Head:
    """The last collapse and the vocabulary."""

    fn: Tensor
    scale: Tensor
    base: Tensor
    vocabulary: Tensor
    """``[D, V]``, the final norm's weight folded in."""


class Transformer:
    """A loaded model. Not thread-safe: one engine thread owns it."""

    def __init__(self, weights: Checkpoint) -> None:
        config = self.config = weights.config
        self.device = torch.device("cpu")
        self.drafts = weights.stages > 0
        """Whether the checkpoint holds a drafter (``mtp.*``)."""
        build = _Builder(config, weights)
        self._embed = weights.tensor("embed.weight")
        self._layers = [build.layer(i) for i in range(config.num_hidden_layers)]
        self._head = build.head()
        yarn, width = config.yarn, config.qk_rope_head_dim
        self._near = _Rotations(ops.frequencies(config.rope_theta, width, None))
        self._far = _Rotations(ops.frequencies(config.compress_rope_theta, width, yarn))

    @classmethod
    def load(cls, folder: str | Path) -> Transformer:
        """Read a native checkpoint folder.

        Raises:
            MissingWeights, CorruptCheckpoint, Unsupported: as the files deserve; every
                tensor that is unknown, missing or of another shape is named at once.
        """
        weights = Checkpoint(folder)
        try:
            return cls(weights)
        finally:
            weights.close()

    def new_cache(self, slots: int, max_tokens: int) -> Cache:
        """Storage for ``slots`` sequences of together ``max_tokens`` tokens."""
        return Cache(self.config, slots, max_tokens, self.device)

    @torch.inference_mode()
    def forward(self, batch: Batch, cache: Cache) -> Tensor:
        """Compute ``batch``, store its keys, and return float32 logits ``[R, V]``.

        Spans may be prompts' chunks, decoded tokens or drafts to verify, mixed. Each
        must begin at or before the end of what was computed of its sequence.
        """
        c = self.config
        near, far = self._steps(batch, cache)
        X = self._embed[batch.ids].unsqueeze(1).expand(-1, c.hc_mult, -1).contiguous()
        ids, rows = batch.ids, batch.logit_rows
        for i, layer in enumerate(self._layers):
            step = far if c.compress_ratios[i] else near
            last = i == len(self._layers) - 1
            tails = _tails(batch) if last else None
            if tails is not None:
                step = _ended(step, tails)
                ids = ids[tails.rows]
                rows = torch.searchsorted(tails.rows, rows)
            attention = partial(layer.attention, layer=i, step=step)
            chosen = None if tails is None else tails.rows
            X = sublayer(X, layer.attention_mix, attention, chosen)
            if not len(X):
                return X.new_empty(0, c.vocab_size)
            X = sublayer(X, layer.experts_mix, partial(layer.experts, ids=ids))
        return self._logits(X if len(rows) == len(X) else X[rows])

    def _logits(self, X: Tensor) -> Tensor:
        c, h = self.config, self._head
        x = ops.head_collapse(X, h.fn, h.scale, h.base, c.hc_eps, c.rms_norm_eps)
        return torch.mm(ops.normalise(x, c.rms_norm_eps), h.vocabulary)

    def _steps(self, batch: Batch, cache: Cache) -> tuple[Step, Step]:
        """What layers without and with compression share in this pass."""
        biases = tuple(ring_bias(s, self.config.sliding_window) for s in batch.spans)
        longest = max(s.end for s in batch.spans)
        steps = []
        for rotations in (self._near, self._far):
            table = rotations.upto(longest)
            flat = table[batch.positions]
            factors = flat.unsqueeze(1)
            inverse = factors.conj_physical()
            steps.append(Step(batch, cache, factors, inverse, flat, table, biases, {}))
        return steps[0], steps[1]


def _tails(batch: Batch) -> Tails | None:
    """The queries of the last layer, unless they are all tokens.

    A span's are the ones from its first wanted row on.
    """
    if len(batch.logit_rows) == len(batch.ids):
        return None
    wanted = batch.logit_rows.tolist()
    rows: list[int] = []
    spans: list[slice] = []
    for span in batch.spans:
        end = span.offset + span.length
        first = min((row for row in wanted if span.offset <= row < end), default=end)
        spans.append(slice(len(rows), len(rows) + end - first))
        rows += range(first, end)
    if len(rows) == len(batch.ids):
        return None
    return Tails(torch.tensor(rows, dtype=torch.int64), tuple(spans))


def _ended(step: Step, tails: Tails) -> Step:
    """``step`` for the queries that ``tails`` leaves."""
    rows = tails.rows
    return replace(
        step, factors=step.factors[rows], inverse=step.inverse[rows], tails=tails
    )


class _Rotations:
    """A table of rotations that grows with the longest sequence seen."""

    def __init__(self, frequency: Tensor) -> None:
        self._frequency = frequency
        self._table = ops.rotations(frequency, torch.arange(1024))

    def upto(self, n: int) -> Tensor:
        """Rotations of at least the positions below ``n``."""
        if n > len(self._table):
            size = 1 << (n - 1).bit_length()
            self._table = ops.rotations(self._frequency, torch.arange(size))
        return self._table


class _Builder:
    """Lays a checkpoint's tensors out for the forward pass."""

    def __init__(self, config: ModelConfig, weights: Checkpoint) -> None:
        self.c, self.w = config, weights

    def layer(self, i: int) -> Layer:
        name = f"layers.{i}"
        return Layer(
            self._attention(
                f"{name}.attn", self.w.tensor(f"{name}.attn_norm.weight"), i
            ),
            self._experts(f"{name}.ffn", self.w.tensor(f"{name}.ffn_norm.weight"), i),
            self._mix(f"{name}.hc_attn"),
            self._mix(f"{name}.hc_ffn"),
        )

    def head(self) -> Head:
        norm = self.w.tensor("norm.weight")
        return Head(
            self.w.tensor("hc_head_fn"),
            self.w.tensor("hc_head_scale"),
            self.w.tensor("hc_head_base"),
            _folded(norm, self.w.tensor("head.weight")),
        )

    def _mix(self, name: str) -> ops.HyperWeights:
        return ops.HyperWeights.of(
            self.w.tensor(f"{name}_fn"),
            self.w.tensor(f"{name}_scale"),
            self.w.tensor(f"{name}_base"),
            iterations=self.c.hc_sinkhorn_iters,
            eps=self.c.hc_eps,
            norm_eps=self.c.rms_norm_eps,
        )

    def _attention(self, name: str, norm: Tensor, i: int) -> Attention:
        c, w = self.c, self.w
        ratio = c.compress_ratios[i]
        indexed = ratio == CSA
        compressors = [f"{name}.compressor"] if ratio else []
        compressors += [f"{name}.indexer.compressor"] if indexed else []
        raw = [
            w.tensor(f"{compressor}.{part}.weight")
            for compressor in compressors
            for part in ("wkv", "wgate")
        ]
        gates = [w.tensor(f"{name}.indexer.weights_proj.weight")] if indexed else []
        wide = [w.tensor(f"{name}.wq_a.weight"), w.tensor(f"{name}.wkv.weight")]
        q_norm = w.tensor(f"{name}.q_norm.weight")
        wo_a = w.tensor(f"{name}.wo_a.weight").view(c.o_groups, c.o_lora_rank, -1)
        ape = [w.tensor(f"{compressor}.ape") for compressor in compressors]
        norms = [w.tensor(f"{compressor}.norm.weight") for compressor in compressors]
        return Attention(
            ratio=ratio,
            heads=c.num_attention_heads,
            groups=c.o_groups,
            topk=c.index_topk,
            window=c.sliding_window,
            eps=c.rms_norm_eps,
            wide=_folded(norm, torch.cat(wide + raw + gates)),
            splits=(
                *(len(m) for m in wide),
                sum(len(m) for m in raw),
                sum(len(m) for m in gates),
            ),
            queries=_folded(q_norm, w.tensor(f"{name}.wq_b.weight")),
            index_queries=_folded(q_norm, w.tensor(f"{name}.indexer.wq_b.weight"))
            if indexed
            else None,
            wo_a=wo_a.transpose(1, 2).contiguous(),
            wo_b=w.tensor(f"{name}.wo_b.weight").t().contiguous(),
            sinks=w.tensor(f"{name}.attn_sink"),
            norms=Norms(w.tensor(f"{name}.kv_norm.weight"), *_pair(norms)),
            ape=_pair(ape)[0],
            index_ape=_pair(ape)[1],
        )

    def _experts(self, name: str, norm: Tensor, i: int) -> Experts:
        c, w = self.c, self.w
        hashed = i < c.num_hash_layers
        every = [f"{name}.experts.{e}" for e in range(c.n_routed_experts)]
        every.append(f"{name}.shared_experts")
        width, d = c.moe_intermediate_size, c.hidden_size
        gate_up = torch.empty(len(every), d, 2 * width)
        down = torch.empty(len(every), width, d)
        for e, expert in enumerate(every):
            gate_up[e, :, :width] = _folded(norm, w.tensor(f"{expert}.w1.weight"))
            gate_up[e, :, width:] = _folded(norm, w.tensor(f"{expert}.w3.weight"))
            down[e] = w.tensor(f"{expert}.w2.weight").t()
        return Experts(
            router=_folded(norm, w.tensor(f"{name}.gate.weight")),
            bias=None if hashed else w.tensor(f"{name}.gate.bias"),
            table=w.tensor(f"{name}.gate.tid2eid") if hashed else None,
            gate_up=gate_up,
            down=down,
            k=c.num_experts_per_tok,
            scale=c.routed_scaling_factor,
            limit=c.swiglu_limit,
        )


def _folded(norm: Tensor, matrix: Tensor) -> Tensor:
    """``matrix [out, in]`` transposed, with the norm before it: ``[in, out]``."""
    return (matrix * norm).t().contiguous()


def _pair(tensors: list[Tensor]) -> tuple[Tensor | None, Tensor | None]:
    first, second, *_ = [*tensors, None, None]
    return first, second
