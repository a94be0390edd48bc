"""The backbone: a flat batch of token ids in, logits of the wanted rows out.

Weights are laid out once, when loading: matrices transposed, those that read the same
input side by side, the weights of norms folded into what follows them. After that a
layer is a few dozen operations, which on a CPU is what a token costs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from dsagent.engine.attention import Attention, Norms, Step, Tails, ring_bias
from dsagent.engine.cache import Cache, page_bytes, slot_bytes
from dsagent.engine.checkpoint import Checkpoint
from dsagent.engine.config import CSA, WINDOW
from dsagent.engine.dspark import Drafter, DraftWeights
from dsagent.engine.experts import Experts
from dsagent.engine.heads import HeadsOut
from dsagent.engine.hyper import sublayer
from dsagent.engine.memory import PAGE
from dsagent.engine.plan import divide
from dsagent.engine.rotations import Rotations
from dsagent.kernels import ops

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from dsagent.engine.batch import Batch
    from dsagent.engine.config import CacheFormat, ModelConfig


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
    norm: Tensor
    vocabulary: ops.Matrix
    """``[D, V]``, without the norm's weight: a drafter shares it."""
    eps: float
    norm_eps: float

    def collapse(self, X: Tensor) -> Tensor:
        """Streams ``[N, m, D]`` to the hidden ``[N, D]`` that goes into the norm."""
        fn, scale, base = self.fn, self.scale, self.base
        return ops.head_collapse(X, fn, scale, base, self.eps, self.norm_eps)

    def logits(self, hidden: Tensor) -> Tensor:
        """``[N, D]`` to ``[N, V]``."""
        x = ops.rms_norm(hidden, self.norm, self.norm_eps)
        return ops.project(x, self.vocabulary)


@dataclass(frozen=True, slots=True)
class Output:
    """What a step computes for the rows that its batch asks for."""

    logits: Tensor
    """Float32 ``[R, V]``, of ``Batch.logit_rows``."""
    taps: Tensor | None
    """Of ``Batch.tap_rows``, ``[P, n·D]``: the mean over the streams of every target
    layer's output, side by side. ``None`` if none were asked for."""


class Transformer:
    """A loaded model. Not thread-safe: one engine thread owns it."""

    def __init__(self, weights: Checkpoint) -> None:
        config = self.config = weights.config
        self.fingerprint = weights.fingerprint()
        """What tells its weights from others."""
        self.device = torch.device("cpu")
        build = _Builder(config, weights)
        self._embed = weights.tensor("embed.weight")
        self._layers = [build.layer(i) for i in range(config.num_hidden_layers)]
        self._head = build.head()
        yarn, width = config.yarn, config.qk_rope_head_dim
        self._near = Rotations(ops.frequencies(config.rope_theta, width, None))
        self._far = Rotations(ops.frequencies(config.compress_rope_theta, width, yarn))
        self.drafter: Drafter | None = None
        """If the checkpoint holds one (``mtp.*``)."""
        self.nbytes = _bytes([self._embed, self._layers, self._head], set())
        """Bytes of the weights as they are laid out."""
        if weights.stages:
            parts = build.drafter(weights.stages, self._embed, self._head)
            self.drafter = Drafter(config, parts, self._near)
            self.nbytes = _bytes([self._embed, self._layers, self._head, parts], set())

    @classmethod
    def load(
        cls, folder: str | Path, progress: Callable[[int, int], None] | None = None
    ) -> Transformer:
        """Read a native checkpoint folder.

        Args:
            folder: The folder.
            progress: Called as (tensors read, tensors there are).

        Raises:
            MissingWeights, CorruptCheckpoint, Unsupported: as the files deserve; every
                tensor that is unknown, missing or of another shape is named at once.
        """
        weights = Checkpoint(folder, progress)
        try:
            return cls(weights)
        finally:
            weights.close()

    def new_cache(self, slots: int, max_tokens: int) -> Cache:
        """Storage for ``slots`` sequences of together ``max_tokens`` tokens."""
        # Every sequence may leave most of a page empty.
        return self.paged_cache(slots, max_tokens // PAGE + slots)

    def planned_cache(
        self,
        memory: int | None,
        slots: int,
        context: int | None,
        stored: CacheFormat = "float32",
    ) -> Cache:
        """Storage that keeps to ``memory`` bytes (``plan.py``), for up to ``slots``
        sequences of ``context`` tokens.

        Raises:
            MemoryTooSmall: not one sequence fits.
        """
        stages = 0 if self.drafter is None else self.drafter.stages
        plan = divide(
            memory,
            slots=slots,
            slot=slot_bytes(self.config, stages),
            page=page_bytes(self.config, stored),
            context=context,
        )
        cache = self.paged_cache(plan.slots, plan.pages, stored)
        cache.residues = plan.residues
        return cache

    def paged_cache(
        self, slots: int, pages: int, stored: CacheFormat = "float32"
    ) -> Cache:
        """Storage for ``slots`` sequences that have so many pages together."""
        stages = 0 if self.drafter is None else self.drafter.stages
        return Cache(self.config, slots, pages, self.device, stages, stored)

    def forward(self, batch: Batch, cache: Cache) -> Tensor:
        """The logits ``[R, V]`` of :meth:`step`."""
        return self.step(batch, cache).logits

    @torch.inference_mode()
    def step(self, batch: Batch, cache: Cache) -> Output:
        """Compute ``batch``, store its keys, and return what it asks for.

        Spans may be prompts' chunks, decoded tokens or drafts to verify, mixed. Each
        must begin at or before the end of what was computed of its sequence.
        """
        c = self.config
        near, far = self._steps(batch, cache)
        X = self._embed.index_select(0, batch.ids)
        X = X.unsqueeze(1).expand(-1, c.hc_mult, -1).contiguous()
        ids, rows, tapped = batch.ids, batch.logit_rows, batch.tap_rows
        targets = () if tapped is None else self._targets()
        taps: list[Tensor] = []
        for i, layer in enumerate(self._layers):
            step = far if c.compress_ratios[i] else near
            last = i == len(self._layers) - 1
            tails = _tails(batch, taps=i in targets) if last else None
            if tails is not None:
                step = _ended(step, tails)
                ids = ids[tails.rows]
                rows = torch.searchsorted(tails.rows, rows)
                if tapped is not None and i in targets:
                    tapped = torch.searchsorted(tails.rows, tapped)
            attention = partial(layer.attention, layer=i, step=step)
            chosen = None if tails is None else tails.rows
            X = sublayer(X, layer.attention_mix, attention, chosen)
            if X.shape[0]:
                X = sublayer(X, layer.experts_mix, partial(layer.experts, ids=ids))
            if tapped is not None and i in targets:
                taps.append(_picked(X, tapped).mean(1))
        X = _picked(X, rows)
        found = torch.cat(taps, 1) if taps else None
        if not len(X):
            return Output(X.new_empty(0, c.vocab_size), found)
        return Output(self._head.logits(self._head.collapse(X)), found)

    def _targets(self) -> tuple[int, ...]:
        dspark = self.config.dspark
        if dspark is None:
            raise ValueError("taps of a model whose config has no dspark_* keys")
        return dspark.target_layer_ids

    def _steps(self, batch: Batch, cache: Cache) -> tuple[Step, Step]:
        """What layers without and with compression share in this pass."""
        biases = tuple(ring_bias(s, self.config.sliding_window) for s in batch.spans)
        longest = max(s.end for s in batch.spans)
        steps = []
        for turns in (self._near, self._far):
            flat = turns.at(batch.positions, longest)
            factors = flat.unsqueeze(1)
            inverse = factors.conj_physical()
            steps.append(Step(batch, cache, factors, inverse, flat, turns, biases, {}))
        return steps[0], steps[1]


def _bytes(part: object, seen: set[int]) -> int:
    """Bytes of all tensors in ``part``, each once, without views made of others."""
    if id(part) in seen:
        return 0
    seen.add(id(part))
    if isinstance(part, torch.Tensor):
        return part.numel() * part.element_size()
    if isinstance(part, list | tuple):
        return sum(_bytes(each, seen) for each in part)
    if is_dataclass(part):
        return sum(_bytes(getattr(part, f.name), seen) for f in fields(part) if f.init)
    return 0


def _picked(X: Tensor, rows: Tensor) -> Tensor:
    """``X[rows]`` of ascending rows: often all of them."""
    return X if len(rows) == len(X) else X[rows]


def _tails(batch: Batch, *, taps: bool) -> Tails | None:
    """The queries of the last layer, unless they are all tokens.

    A span's are the ones from its first wanted row on: wanted for logits, or as
    ``taps``, if the layer is a target of the drafter.
    """
    n = len(batch.ids)
    asked = (batch.logit_rows, batch.tap_rows if taps else None)
    kinds = [rows for rows in asked if rows is not None]
    if any(len(rows) == n for rows in kinds):
        return None
    wanted = [row for rows in kinds for row in rows.tolist()]
    rows: list[int] = []
    spans: list[slice] = []
    for span in batch.spans:
        end = span.offset + span.length
        first = min((row for row in wanted if span.offset <= row < end), default=end)
        spans.append(slice(len(rows), len(rows) + end - first))
        rows += range(first, end)
    if len(rows) == n:
        return None
    return Tails(torch.tensor(rows, dtype=torch.int64), tuple(spans))


def _ended(step: Step, tails: Tails) -> Step:
    """``step`` for the queries that ``tails`` leaves."""
    rows = tails.rows
    return replace(
        step, factors=step.factors[rows], inverse=step.inverse[rows], tails=tails
    )


class _Builder:
    """Lays a checkpoint's tensors out for the forward pass."""

    def __init__(self, config: ModelConfig, weights: Checkpoint) -> None:
        self.c, self.w = config, weights

    def layer(self, i: int) -> Layer:
        name = f"layers.{i}"
        hashed = i < self.c.num_hash_layers
        return self._block(name, self.c.compress_ratios[i], hashed=hashed)

    def head(self) -> Head:
        vocabulary = self.w.tensor("head.weight").t().contiguous()
        return self._head("", ops.Matrix.of(vocabulary))

    def drafter(self, stages: int, embed: Tensor, head: Head) -> DraftWeights:
        """``mtp.*``, beside the backbone's ``embed`` and the vocabulary of ``head``."""
        w, names = self.w, [f"mtp.{stage}" for stage in range(stages)]
        first, last = names[0], names[-1]
        wkv = torch.cat([w.tensor(f"{name}.attn.wkv.weight") for name in names])
        norms = [w.tensor(f"{name}.attn.kv_norm.weight") for name in names]
        out = w.tensor(f"{last}.markov_head.markov_w2.weight")
        return DraftWeights(
            embed=embed,
            main=ops.Matrix.of(w.tensor(f"{first}.main_proj.weight").t().contiguous()),
            context=ops.Matrix.of(_folded(w.tensor(f"{first}.main_norm.weight"), wkv)),
            context_norms=torch.stack(norms),
            stages=tuple(self._block(name, WINDOW, hashed=False) for name in names),
            head=self._head(f"{last}.", head.vocabulary),
            markov_in=w.tensor(f"{last}.markov_head.markov_w1.weight"),
            markov_out=out.t().contiguous(),
            confidence=w.tensor(f"{last}.confidence_head.proj.weight")[0],
        )

    def _block(self, name: str, ratio: int, *, hashed: bool) -> Layer:
        norm = self.w.tensor(f"{name}.ffn_norm.weight")
        return Layer(
            self._attention(
                f"{name}.attn", self.w.tensor(f"{name}.attn_norm.weight"), ratio
            ),
            self._experts(f"{name}.ffn", norm, hashed=hashed),
            self._mix(f"{name}.hc_attn"),
            self._mix(f"{name}.hc_ffn"),
        )

    def _head(self, prefix: str, vocabulary: ops.Matrix) -> Head:
        return Head(
            self.w.tensor(f"{prefix}hc_head_fn"),
            self.w.tensor(f"{prefix}hc_head_scale"),
            self.w.tensor(f"{prefix}hc_head_base"),
            self.w.tensor(f"{prefix}norm.weight"),
            vocabulary,
            self.c.hc_eps,
            self.c.rms_norm_eps,
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

    def _attention(self, name: str, norm: Tensor, ratio: int) -> Attention:
        c, w = self.c, self.w
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
        kv_norm, eps = w.tensor(f"{name}.kv_norm.weight"), c.rms_norm_eps
        wo_a = w.tensor(f"{name}.wo_a.weight").view(c.o_groups, c.o_lora_rank, -1)
        ape = [w.tensor(f"{compressor}.ape") for compressor in compressors]
        norms = [w.tensor(f"{compressor}.norm.weight") for compressor in compressors]
        return Attention(
            ratio=ratio,
            heads=c.num_attention_heads,
            topk=c.index_topk,
            window=c.sliding_window,
            eps=eps,
            wide=ops.Matrix.of(_folded(norm, torch.cat(wide + raw + gates))),
            splits=(
                *(len(m) for m in wide),
                sum(len(m) for m in raw),
                sum(len(m) for m in gates),
            ),
            queries=ops.Matrix.of(_folded(q_norm, w.tensor(f"{name}.wq_b.weight"))),
            index_queries=ops.Matrix.of(
                _folded(q_norm, w.tensor(f"{name}.indexer.wq_b.weight"))
            )
            if indexed
            else None,
            out=HeadsOut.of(
                wo_a.transpose(1, 2).contiguous(),
                w.tensor(f"{name}.wo_b.weight").t().contiguous(),
            ),
            sinks=w.tensor(f"{name}.attn_sink"),
            norms=Norms(
                kv_norm,
                ops.RowNorms.of(kv_norm, c.num_attention_heads, len(q_norm), eps),
                *_pair(norms),
            ),
            ape=_pair(ape)[0],
            index_ape=_pair(ape)[1],
        )

    def _experts(self, name: str, norm: Tensor, *, hashed: bool) -> Experts:
        c, w = self.c, self.w
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
