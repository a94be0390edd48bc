"""Which tensors a model has: native names and logical shapes, from its configuration.

Scales of quantised matrices are not listed: a matrix stored in FP8 or FP4 brings one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dsagent.engine.config import CSA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dsagent.engine.config import DSparkConfig, ModelConfig

Shape = tuple[int, ...]

_STAGE = re.compile(r"mtp\.(\d+)\.(.+)")
_STAGE_BLOCK = re.compile(
    r"hc_(attn|ffn)_(fn|base|scale)|(attn|ffn)_norm\.weight|attn\.attn_sink"
    r"|attn\.(wq_a|wq_b|wkv|wo_a|wo_b)\.(weight|scale)|attn\.(q|kv)_norm\.weight"
    r"|ffn\.gate\.(weight|bias|tid2eid)"
    r"|ffn\.(experts\.\d+|shared_experts)\.w[123]\.(weight|scale)"
)
_STAGE_EXTRAS = re.compile(
    r"(main_proj|e_proj|h_proj)\.(weight|scale)"
    r"|(main_norm|norm|enorm|hnorm)\.weight"
    r"|hc_head_(fn|base|scale)"
    r"|markov_head\.markov_w[12]\.weight"
    r"|confidence_head\.proj\.weight"
    r"|(emb\.tok_emb|embed|head|shared_head\.head|shared_head\.norm)\.weight"
)


def tensor_shapes(config: ModelConfig, stages: int = 0) -> dict[str, Shape]:
    """Every tensor of the backbone, and of a drafter of so many stages."""
    c = config
    shapes: dict[str, Shape] = {
        "embed.weight": (c.vocab_size, c.hidden_size),
        "head.weight": (c.vocab_size, c.hidden_size),
        **_head_shapes(c),
    }
    for layer, ratio in enumerate(c.compress_ratios):
        block = {**_block_shapes(c), **_ratio_shapes(c, ratio)}
        if layer < c.num_hash_layers:
            block["ffn.gate.tid2eid"] = (c.vocab_size, c.num_experts_per_tok)
        else:
            block["ffn.gate.bias"] = (c.n_routed_experts,)
        shapes |= {f"layers.{layer}.{name}": shape for name, shape in block.items()}
    if stages and c.dspark is None:
        raise ValueError("a drafter's stages need a config with dspark")
    for stage in range(stages):
        assert c.dspark is not None
        block = _stage_shapes(c, c.dspark, stage, last=stage == stages - 1)
        shapes |= {f"mtp.{stage}.{name}": shape for name, shape in block.items()}
    return shapes


def stage_indices(names: Iterable[str]) -> list[int]:
    """The N of every ``mtp.N`` among ``names``, ascending."""
    return sorted({int(match[1]) for name in names if (match := _STAGE.match(name))})


def is_stage_tensor(name: str) -> bool:
    """Whether a DSpark stage, or the older MTP block, has a tensor of this name."""
    match = _STAGE.fullmatch(name)
    if match is None:
        return False
    return bool(_STAGE_BLOCK.fullmatch(match[2]) or _STAGE_EXTRAS.fullmatch(match[2]))


def _stage_shapes(
    c: ModelConfig, d: DSparkConfig, stage: int, *, last: bool
) -> dict[str, Shape]:
    """A stage of the drafter, without a prefix: a block, and what the ends have."""
    D, rank = c.hidden_size, d.markov_rank
    shapes = _block_shapes(c)
    shapes["ffn.gate.bias"] = (c.n_routed_experts,)
    if stage == 0:
        shapes["main_proj.weight"] = (D, len(d.target_layer_ids) * D)
        shapes["main_norm.weight"] = (D,)
    if last:
        shapes |= _head_shapes(c)
        shapes["markov_head.markov_w1.weight"] = (c.vocab_size, rank)
        shapes["markov_head.markov_w2.weight"] = (c.vocab_size, rank)
        shapes["confidence_head.proj.weight"] = (1, D + rank)
    return shapes


def _head_shapes(c: ModelConfig) -> dict[str, Shape]:
    """The collapse of the streams and the norm before the vocabulary."""
    m, D = c.hc_mult, c.hidden_size
    return {
        "norm.weight": (D,),
        "hc_head_fn": (m, m * D),
        "hc_head_base": (m,),
        "hc_head_scale": (1,),
    }


def _block_shapes(c: ModelConfig) -> dict[str, Shape]:
    """What every block has, without a prefix."""
    m, D, H, d = c.hc_mult, c.hidden_size, c.num_attention_heads, c.head_dim
    mix = (2 + m) * m
    shapes: dict[str, Shape] = {
        "attn_norm.weight": (D,),
        "ffn_norm.weight": (D,),
        "attn.attn_sink": (H,),
        "attn.wq_a.weight": (c.q_lora_rank, D),
        "attn.q_norm.weight": (c.q_lora_rank,),
        "attn.wq_b.weight": (H * d, c.q_lora_rank),
        "attn.wkv.weight": (d, D),
        "attn.kv_norm.weight": (d,),
        "attn.wo_a.weight": (c.o_groups * c.o_lora_rank, H * d // c.o_groups),
        "attn.wo_b.weight": (D, c.o_groups * c.o_lora_rank),
        "ffn.gate.weight": (c.n_routed_experts, D),
    }
    for part in ("attn", "ffn"):
        shapes[f"hc_{part}_fn"] = (mix, m * D)
        shapes[f"hc_{part}_base"] = (mix,)
        shapes[f"hc_{part}_scale"] = (3,)
    experts = {
        f"experts.{e}": c.moe_intermediate_size for e in range(c.n_routed_experts)
    }
    experts["shared_experts"] = c.moe_intermediate_size
    for name, width in experts.items():
        shapes[f"ffn.{name}.w1.weight"] = (width, D)
        shapes[f"ffn.{name}.w3.weight"] = (width, D)
        shapes[f"ffn.{name}.w2.weight"] = (D, width)
    return shapes


def _ratio_shapes(c: ModelConfig, ratio: int) -> dict[str, Shape]:
    """What a layer has beside, for its ratio."""
    if ratio == 0:
        return {}
    series = 2 if ratio == CSA else 1
    shapes = _compressor_shapes("attn.compressor", c, ratio, series, c.head_dim)
    if ratio == CSA:
        di = c.index_head_dim
        shapes["attn.indexer.wq_b.weight"] = (c.index_n_heads * di, c.q_lora_rank)
        shapes["attn.indexer.weights_proj.weight"] = (c.index_n_heads, c.hidden_size)
        shapes |= _compressor_shapes("attn.indexer.compressor", c, ratio, series, di)
    return shapes


def _compressor_shapes(
    prefix: str, c: ModelConfig, ratio: int, series: int, width: int
) -> dict[str, Shape]:
    return {
        f"{prefix}.ape": (ratio, series * width),
        f"{prefix}.wkv.weight": (series * width, c.hidden_size),
        f"{prefix}.wgate.weight": (series * width, c.hidden_size),
        f"{prefix}.norm.weight": (width,),
    }
