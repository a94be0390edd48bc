"""Small models in the proportions of real ones, and how to run them by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.config import ModelConfig, Yarn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from dsagent.engine.cache import Cache
    from dsagent.engine.transformer import Transformer

YARN = Yarn(factor=16.0, original=65536, beta_fast=32.0, beta_slow=1.0)

FLASH = ModelConfig(
    vocab_size=300,
    hidden_size=64,
    num_hidden_layers=6,
    num_attention_heads=8,
    head_dim=64,
    qk_rope_head_dim=8,
    q_lora_rank=32,
    o_groups=2,
    o_lora_rank=16,
    sliding_window=128,
    compress_ratios=(0, 0, 4, 128, 4, 128),
    index_n_heads=32,
    index_head_dim=16,
    index_topk=64,
    n_routed_experts=16,
    num_experts_per_tok=6,
    moe_intermediate_size=32,
    num_hash_layers=3,
    routed_scaling_factor=1.5,
    swiglu_limit=10.0,
    hc_mult=4,
    hc_sinkhorn_iters=20,
    hc_eps=1e-6,
    rms_norm_eps=1e-6,
    rope_theta=10000.0,
    compress_rope_theta=160000.0,
    yarn=YARN,
    max_position_embeddings=1048576,
    bos_token_id=0,
    eos_token_id=1,
)
"""V4-Flash, everything sixty-four times smaller but the windows and ratios."""

PRO = replace(
    FLASH,
    num_hidden_layers=5,
    compress_ratios=(128, 128, 4, 128, 4),
    num_attention_heads=16,
    o_groups=4,
    q_lora_rank=48,
    hidden_size=112,
    n_routed_experts=24,
    routed_scaling_factor=2.5,
    index_topk=128,
)
"""V4-Pro: no layer with a window only, more heads, groups and experts."""

ODD = replace(
    FLASH,
    num_hidden_layers=4,
    compress_ratios=(4, 0, 4, 128),
    hidden_size=51,
    num_attention_heads=6,
    head_dim=38,
    qk_rope_head_dim=6,
    q_lora_rank=27,
    o_groups=3,
    o_lora_rank=7,
    index_n_heads=33,
    index_head_dim=10,
    index_topk=7,
    sliding_window=19,
    n_routed_experts=11,
    num_experts_per_tok=3,
    moe_intermediate_size=21,
    num_hash_layers=0,
    vocab_size=97,
    hc_mult=3,
    hc_sinkhorn_iters=5,
    swiglu_limit=0.8,
    yarn=None,
)
"""Nothing is a power of two, selection is tight, and the clamp really clamps."""

NANO = replace(
    FLASH,
    head_dim=48,
    qk_rope_head_dim=16,
    num_attention_heads=4,
    compress_ratios=(0, 4, 4, 128, 4, 0),
    n_routed_experts=8,
    num_experts_per_tok=2,
    moe_intermediate_size=24,
    num_hash_layers=1,
    hc_sinkhorn_iters=4,
    index_topk=512,
)
"""The bundled model's shape: nothing is ever left out by its indexer here."""


def tokens(n: int, seed: int, vocabulary: int) -> list[int]:
    """Random token ids."""
    generator = torch.Generator().manual_seed(seed)
    ids: list[int] = torch.randint(0, vocabulary, (n,), generator=generator).tolist()
    return ids


def run(
    model: Transformer,
    cache: Cache,
    work: Iterable[tuple[int, int, Sequence[int]]],
) -> list[Tensor]:
    """One forward pass of ``(slot, start, ids)``; every row's logits, span by span."""
    ids: list[int] = []
    positions: list[int] = []
    spans: list[Span] = []
    for slot, start, part in work:
        spans.append(Span(slot, start, len(part), len(ids)))
        ids += part
        positions += range(start, start + len(part))
    rows = torch.arange(len(ids))
    batch = Batch(torch.tensor(ids), torch.tensor(positions), tuple(spans), rows)
    logits = model.forward(batch, cache)
    return [logits[span.offset : span.offset + span.length] for span in spans]


def chunked(model: Transformer, ids: Sequence[int], sizes: Iterable[int]) -> Tensor:
    """Logits of ``ids`` computed in chunks of ``sizes``, the last one as needed."""
    cache = model.new_cache(1, len(ids))
    slot = cache.alloc(len(ids))
    parts, start = [], 0
    for size in sizes:
        parts += run(model, cache, [(slot, start, ids[start : start + size])])
        start += size
        if start >= len(ids):
            break
    return torch.cat(parts)
