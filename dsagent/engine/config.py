"""What a checkpoint says of itself, and what a user asks of the engine.

Both are frozen values without torch. :class:`ModelConfig` reads ``config.json`` as it
is released (native keys) and derives nothing a key states: V4-Flash, V4-Pro, a plain V4
and nano differ in numbers only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, Literal, TypeVar, get_args

from dsagent.errors import CorruptCheckpoint, MissingWeights, Unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LayerKind = Literal["window", "csa", "hca"]

WINDOW: Final = 0
CSA: Final = 4
HCA: Final = 128
_KINDS: Final[dict[int, LayerKind]] = {WINDOW: "window", CSA: "csa", HCA: "hca"}

_FIXED: Final[dict[str, tuple[object, ...]]] = {
    "hidden_act": ("silu",),
    "scoring_func": ("sqrtsoftplus",),
    "topk_method": ("noaux_tc",),
    "norm_topk_prob": (True,),
    "num_key_value_heads": (1,),
    "n_shared_experts": (1,),
    "n_group": (None, 1),
    "topk_group": (None, 1),
    "first_k_dense_replace": (None, 0),
}
"""Keys that would change the arithmetic, with the values this engine implements."""

_MAY_BE_ZERO: Final = frozenset(
    {"num_hash_layers", "hc_eps", "rms_norm_eps", "bos_token_id", "eos_token_id"}
)

T = TypeVar("T", int, float, str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Yarn:
    """``rope_scaling``: how compressed layers stretch their rotation."""

    factor: float
    original: int
    beta_fast: float
    beta_slow: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DSparkConfig:
    """The ``dspark_*`` keys: what the drafter beside the backbone is."""

    block_size: int
    """Tokens drafted a round."""
    noise_token_id: int
    """Stands in a draft block for every token after the anchor."""
    target_layer_ids: tuple[int, ...]
    """Backbone layers whose outputs the drafter reads, ascending."""
    markov_rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The sizes and constants of a V4 model (model reference §1)."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    head_dim: int
    qk_rope_head_dim: int
    q_lora_rank: int
    o_groups: int
    o_lora_rank: int
    sliding_window: int
    compress_ratios: tuple[int, ...]
    """One per backbone layer: 0 window only, 4 with indexer, 128."""
    index_n_heads: int
    index_head_dim: int
    index_topk: int
    n_routed_experts: int
    num_experts_per_tok: int
    moe_intermediate_size: int
    num_hash_layers: int
    routed_scaling_factor: float
    swiglu_limit: float
    hc_mult: int
    hc_sinkhorn_iters: int
    hc_eps: float
    rms_norm_eps: float
    rope_theta: float
    compress_rope_theta: float
    yarn: Yarn | None
    max_position_embeddings: int
    bos_token_id: int
    eos_token_id: int
    dspark: DSparkConfig | None = None
    """How many stages the drafter has is for the tensors to say."""

    @property
    def layer_kinds(self) -> tuple[LayerKind, ...]:
        """What each backbone layer attends to besides its window."""
        return tuple(_KINDS[ratio] for ratio in self.compress_ratios)

    def to_json(self) -> dict[str, object]:
        """The ``config.json`` that reads back as this."""
        data: dict[str, object] = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("yarn", "compress_ratios", "dspark")
        }
        data |= {
            "architectures": ["DeepseekV4ForCausalLM"],
            "model_type": "deepseek_v4",
            "compress_ratios": list(self.compress_ratios),
            "hidden_act": "silu",
            "n_shared_experts": 1,
            "norm_topk_prob": True,
            "num_key_value_heads": 1,
            "scoring_func": "sqrtsoftplus",
            "tie_word_embeddings": False,
            "topk_method": "noaux_tc",
        }
        if self.yarn is not None:
            data["rope_scaling"] = {
                "type": "yarn",
                "factor": self.yarn.factor,
                "original_max_position_embeddings": self.yarn.original,
                "beta_fast": self.yarn.beta_fast,
                "beta_slow": self.yarn.beta_slow,
            }
        if self.dspark is not None:
            data |= {
                "dspark_block_size": self.dspark.block_size,
                "dspark_noise_token_id": self.dspark.noise_token_id,
                "dspark_target_layer_ids": list(self.dspark.target_layer_ids),
                "dspark_markov_rank": self.dspark.markov_rank,
            }
        return data

    @classmethod
    def read(cls, folder: Path) -> ModelConfig:
        """Read ``folder/config.json``.

        Raises:
            MissingWeights: there is no such file.
            CorruptCheckpoint: it is not JSON, or lacks a key.
            Unsupported: it describes another architecture.
        """
        path = folder / "config.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise MissingWeights(
                f"{folder} holds no config.json: name the folder of a DeepSeek-V4 "
                "checkpoint, or a repository id such as "
                "'deepseek-ai/DeepSeek-V4-Flash-DSpark'"
            ) from None
        except ValueError as error:
            raise CorruptCheckpoint(f"{path} is not JSON: {error}") from error
        if not isinstance(data, dict):
            raise CorruptCheckpoint(f"{path} holds no JSON object")
        return cls.from_json(data, source=str(path))

    @classmethod
    def from_json(
        cls, data: Mapping[str, object], *, source: str = "config"
    ) -> ModelConfig:
        """From the parsed ``config.json``. Raises as :meth:`read` does."""
        keys = _Keys(data, source)
        _check_architecture(keys)
        layers = keys.number("num_hidden_layers", int)
        ratios = keys.numbers("compress_ratios")[:layers]
        if len(ratios) < layers:
            raise CorruptCheckpoint(
                f"{source}: compress_ratios names {len(ratios)} layers of {layers}"
            )
        strange = sorted(set(ratios) - set(_KINDS))
        if strange:
            raise Unsupported(
                f"{source}: compress_ratios holds {strange}; this engine knows "
                f"{sorted(_KINDS)}"
            )
        config = cls(
            vocab_size=keys.number("vocab_size", int),
            hidden_size=keys.number("hidden_size", int),
            num_hidden_layers=layers,
            num_attention_heads=keys.number("num_attention_heads", int),
            head_dim=keys.number("head_dim", int),
            qk_rope_head_dim=keys.number("qk_rope_head_dim", int),
            q_lora_rank=keys.number("q_lora_rank", int),
            o_groups=keys.number("o_groups", int),
            o_lora_rank=keys.number("o_lora_rank", int),
            sliding_window=keys.number("sliding_window", int),
            compress_ratios=ratios,
            index_n_heads=keys.number("index_n_heads", int),
            index_head_dim=keys.number("index_head_dim", int),
            index_topk=keys.number("index_topk", int),
            n_routed_experts=keys.number("n_routed_experts", int),
            num_experts_per_tok=keys.number("num_experts_per_tok", int),
            moe_intermediate_size=keys.number("moe_intermediate_size", int),
            num_hash_layers=keys.number("num_hash_layers", int, 0),
            routed_scaling_factor=keys.number("routed_scaling_factor", float),
            swiglu_limit=keys.number("swiglu_limit", float),
            hc_mult=keys.number("hc_mult", int),
            hc_sinkhorn_iters=keys.number("hc_sinkhorn_iters", int),
            hc_eps=keys.number("hc_eps", float, 1e-6),
            rms_norm_eps=keys.number("rms_norm_eps", float),
            rope_theta=keys.number("rope_theta", float),
            compress_rope_theta=keys.number("compress_rope_theta", float),
            yarn=_yarn(keys),
            max_position_embeddings=keys.number("max_position_embeddings", int),
            bos_token_id=keys.number("bos_token_id", int, 0),
            eos_token_id=keys.number("eos_token_id", int, 1),
            dspark=_dspark(keys),
        )
        problem = _misfit(config)
        if problem:
            raise CorruptCheckpoint(f"{source}: {problem}")
        return config


CacheFormat = Literal["float32", "bfloat16", "fp8", "fp8-fp4"]
"""How compressed entries and the indexer's keys are stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How much the engine may hold and do at once."""

    max_running: int = 16
    """Requests computed together."""
    max_queue: int = 256
    """Requests that may wait; one more raises ``QueueFull``."""
    memory: int | None = None
    """Bytes for everything kept of sequences: those that run, and what earlier ones
    left for later ones to begin with. ``None``: 1 GiB, or what a conversation of
    ``context`` tokens takes."""
    cache_format: CacheFormat = "float32"
    """How compressed entries and the indexer's keys are stored. "fp8" and "fp8-fp4" are
    the formats V4 was trained with, for a quarter of the memory and slower steps on a
    CPU."""
    keep_prefixes: bool = True
    """Whether what was computed of a prompt is kept for others that begin with it."""
    context: int | None = None
    """Longest sequence; the model's own limit if ``None``."""
    prefill_chunk: int = 512
    """Prompt tokens computed in one step, at most."""
    stall: float = 0.1
    """Seconds reading prompts may add to a step in which others write. A few tokens
    are read in each step all the same, however long that takes."""
    max_unread: int = 64
    """Tokens a request may be ahead of its reader before it pauses."""
    default_max_tokens: int = 4096
    """Output of a request that names no limit."""
    threads: int | None = None
    """torch's threads, for the whole process; left as they are if ``None``."""

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name == "stall":
                if not value > 0.0:
                    raise ValueError(f"EngineConfig.stall must be above 0, not {value}")
            elif name == "cache_format":
                if value not in get_args(CacheFormat):
                    named = ", ".join(map(repr, get_args(CacheFormat)))
                    msg = f"EngineConfig.cache_format is one of {named}, not {value!r}"
                    raise ValueError(msg)
            elif isinstance(value, int) and value < 1 and value is not False:
                raise ValueError(f"EngineConfig.{name} must be at least 1, not {value}")


class _Keys:
    """Typed reading of a JSON object, with errors that name the key."""

    def __init__(self, data: Mapping[str, object], source: str) -> None:
        self.data, self.source = data, source

    def number(self, key: str, kind: type[T], default: T | None = None) -> T:
        value = self.data.get(key, default)
        if value is None:
            raise CorruptCheckpoint(f"{self.source}: the key {key!r} is missing")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CorruptCheckpoint(
                f"{self.source}: {key!r} should be a number, not {value!r}"
            )
        if kind is int and value != int(value):
            raise CorruptCheckpoint(f"{self.source}: {key!r} is {value}, not whole")
        return kind(value)

    def numbers(self, key: str) -> tuple[int, ...]:
        value = self.data.get(key)
        if value is None:
            raise CorruptCheckpoint(f"{self.source}: the key {key!r} is missing")
        if not isinstance(value, list) or not all(isinstance(v, int) for v in value):
            raise CorruptCheckpoint(
                f"{self.source}: {key!r} should be a list of whole numbers"
            )
        return tuple(value)


def _check_architecture(keys: _Keys) -> None:
    """Refuse what would load and compute something else."""
    kind = keys.data.get("model_type")
    if kind != "deepseek_v4":
        raise Unsupported(
            f"{keys.source}: model_type is {kind!r}; this engine runs 'deepseek_v4'"
        )
    for key, allowed in _FIXED.items():
        if keys.data.get(key, allowed[0]) not in allowed:
            raise Unsupported(
                f"{keys.source}: {key} is {keys.data[key]!r}, not {allowed[0]!r}"
            )
    for key in ("attention_bias", "tie_word_embeddings"):
        if keys.data.get(key):
            raise Unsupported(
                f"{keys.source}: {key} is set, which V4 models don't have"
            )


def _misfit(c: ModelConfig) -> str | None:
    """The first size that no model can have, with what it must be."""
    for name in c.__dataclass_fields__:
        value = getattr(c, name)
        if isinstance(value, int | float) and value <= 0 and name not in _MAY_BE_ZERO:
            return f"{name} is {value}, must be positive"
    rotated = c.qk_rope_head_dim
    for name in ("head_dim", "index_head_dim"):
        if rotated % 2 or getattr(c, name) % 2 or rotated > getattr(c, name):
            return f"{name} and qk_rope_head_dim must be even, the latter not larger"
    if c.num_attention_heads % c.o_groups:
        return "o_groups must divide num_attention_heads"
    if c.num_experts_per_tok > c.n_routed_experts:
        return "num_experts_per_tok is more than n_routed_experts"
    return None if c.dspark is None else _draft_misfit(c, c.dspark)


def _draft_misfit(c: ModelConfig, d: DSparkConfig) -> str | None:
    """The same for the drafter's keys."""
    for name in ("block_size", "markov_rank"):
        value = getattr(d, name)
        if value < 1:
            return f"dspark_{name} is {value}, must be positive"
    if not 0 <= d.noise_token_id < c.vocab_size:
        return f"dspark_noise_token_id is {d.noise_token_id}, of {c.vocab_size} tokens"
    layers = d.target_layer_ids
    inside = all(0 <= layer < c.num_hidden_layers for layer in layers)
    if not layers or not inside or list(layers) != sorted(set(layers)):
        return (
            f"dspark_target_layer_ids is {list(layers)}, must name some of "
            f"{c.num_hidden_layers} layers, ascending"
        )
    return None


def _dspark(keys: _Keys) -> DSparkConfig | None:
    """The drafter's keys: all, or none."""
    if not any(key.startswith("dspark_") for key in keys.data):
        return None
    return DSparkConfig(
        block_size=keys.number("dspark_block_size", int),
        noise_token_id=keys.number("dspark_noise_token_id", int),
        target_layer_ids=keys.numbers("dspark_target_layer_ids"),
        markov_rank=keys.number("dspark_markov_rank", int),
    )


def _yarn(keys: _Keys) -> Yarn | None:
    scaling = keys.data.get("rope_scaling")
    if scaling is None:
        return None
    if not isinstance(scaling, dict):
        raise CorruptCheckpoint(f"{keys.source}: rope_scaling should be an object")
    kind = scaling.get("type", scaling.get("rope_type"))
    if kind != "yarn":
        raise Unsupported(f"{keys.source}: rope_scaling of type {kind!r}, not 'yarn'")
    inner = _Keys(scaling, f"{keys.source}: rope_scaling")
    return Yarn(
        factor=inner.number("factor", float),
        original=inner.number("original_max_position_embeddings", int),
        beta_fast=inner.number("beta_fast", float, 32.0),
        beta_slow=inner.number("beta_slow", float, 1.0),
    )
