"""config.json as it is released, and what it must not say."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from dsagent.engine.config import DSparkConfig, EngineConfig, ModelConfig, Yarn
from dsagent.errors import CorruptCheckpoint, MissingWeights, Unsupported
from tests.engine.models import FLASH, ODD

RELEASED: dict[str, Any] = {
    "architectures": ["DeepseekV4ForCausalLM"],
    "model_type": "deepseek_v4",
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "expert_dtype": "fp4",
    "hc_eps": 1e-6,
    "hc_mult": 4,
    "hc_sinkhorn_iters": 20,
    "head_dim": 512,
    "hidden_act": "silu",
    "hidden_size": 4096,
    "index_head_dim": 128,
    "index_n_heads": 64,
    "index_topk": 512,
    "max_position_embeddings": 1048576,
    "moe_intermediate_size": 2048,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "norm_topk_prob": True,
    "num_attention_heads": 64,
    "num_key_value_heads": 1,
    "num_experts_per_tok": 6,
    "num_hidden_layers": 43,
    "num_hash_layers": 3,
    "num_nextn_predict_layers": 1,
    "o_groups": 8,
    "o_lora_rank": 1024,
    "q_lora_rank": 1024,
    "qk_rope_head_dim": 64,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
    "rms_norm_eps": 1e-6,
    "rope_scaling": {
        "beta_fast": 32,
        "beta_slow": 1,
        "factor": 16,
        "original_max_position_embeddings": 65536,
        "type": "yarn",
    },
    "rope_theta": 10000,
    "compress_rope_theta": 160000,
    "routed_scaling_factor": 1.5,
    "scoring_func": "sqrtsoftplus",
    "sliding_window": 128,
    "swiglu_limit": 10.0,
    "tie_word_embeddings": False,
    "topk_method": "noaux_tc",
    "torch_dtype": "bfloat16",
    "vocab_size": 129280,
    "compress_ratios": [0, 0, *[4, 128] * 20, 4, 0, 0, 0],
    "dspark_block_size": 5,
    "dspark_noise_token_id": 128799,
    "dspark_target_layer_ids": [40, 41, 42],
    "dspark_markov_rank": 256,
}
"""V4-Flash with a drafter."""


def test_the_released_config() -> None:
    c = ModelConfig.from_json(RELEASED)
    assert (c.hidden_size, c.vocab_size, c.head_dim) == (4096, 129280, 512)
    assert (c.num_experts_per_tok, c.n_routed_experts) == (6, 256)
    assert len(c.compress_ratios) == 43
    kinds = c.layer_kinds
    assert kinds[:5] == ("window", "window", "csa", "hca", "csa")
    assert (kinds.count("csa"), kinds.count("hca")) == (21, 20)
    assert c.yarn == Yarn(factor=16.0, original=65536, beta_fast=32.0, beta_slow=1.0)
    assert c.compress_rope_theta == 160000.0
    assert c.num_hash_layers == 3
    assert c.dspark == DSparkConfig(
        block_size=5,
        noise_token_id=128799,
        target_layer_ids=(40, 41, 42),
        markov_rank=256,
    )


def test_no_drafter_without_its_keys() -> None:
    values = {k: v for k, v in RELEASED.items() if not k.startswith("dspark_")}
    assert ModelConfig.from_json(values).dspark is None


@pytest.mark.parametrize("key", [k for k in RELEASED if k.startswith("dspark_")])
def test_a_drafter_has_all_its_keys(key: str) -> None:
    values = {k: v for k, v in RELEASED.items() if k != key}
    with pytest.raises(CorruptCheckpoint, match=rf"{key}.*missing"):
        ModelConfig.from_json(values)


DRAFTING = replace(
    FLASH,
    dspark=DSparkConfig(
        block_size=3, noise_token_id=0, target_layer_ids=(0, 5), markov_rank=7
    ),
)


@pytest.mark.parametrize("config", [FLASH, ODD, DRAFTING])
def test_what_is_written_reads_back(config: ModelConfig) -> None:
    assert ModelConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_no_stretching_without_rope_scaling() -> None:
    assert ModelConfig.from_json({**RELEASED, "rope_scaling": None}).yarn is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_type", "deepseek_v3"),
        ("scoring_func", "sigmoid"),
        ("hidden_act", "gelu"),
        ("attention_bias", True),
        ("tie_word_embeddings", True),
        ("n_shared_experts", 2),
        ("rope_scaling", {"type": "linear", "factor": 2}),
        ("compress_ratios", [2] * 46),
        ("norm_topk_prob", False),
        ("topk_method", "greedy"),
        ("num_key_value_heads", 8),
        ("n_group", 8),
    ],
)
def test_what_would_compute_something_else_is_refused(key: str, value: object) -> None:
    with pytest.raises(Unsupported, match=key):
        ModelConfig.from_json({**RELEASED, key: value}, source="x/config.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hidden_size", None),
        ("hidden_size", "4096"),
        ("hidden_size", True),
        ("hidden_size", 0),
        ("hidden_size", 4096.5),
        ("compress_ratios", 4),
        ("compress_ratios", [0, 4]),
        ("rope_scaling", 16),
        ("qk_rope_head_dim", 63),
        ("qk_rope_head_dim", 640),
        ("head_dim", 511),
        ("o_groups", 7),
        ("num_experts_per_tok", 257),
        ("dspark_block_size", 0),
        ("dspark_block_size", "5"),
        ("dspark_markov_rank", -1),
        ("dspark_noise_token_id", 129280),
        ("dspark_noise_token_id", -1),
        ("dspark_target_layer_ids", 40),
        ("dspark_target_layer_ids", []),
        ("dspark_target_layer_ids", [41, 40]),
        ("dspark_target_layer_ids", [40, 40]),
        ("dspark_target_layer_ids", [41, 42, 43]),
        ("dspark_target_layer_ids", [-1, 40]),
    ],
)
def test_a_value_that_can_not_be_is_named(key: str, value: object) -> None:
    with pytest.raises(CorruptCheckpoint, match=key) as caught:
        ModelConfig.from_json({**RELEASED, key: value}, source="x/config.json")
    assert "x/config.json" in str(caught.value)


def test_a_missing_key_is_named() -> None:
    values = {key: value for key, value in RELEASED.items() if key != "q_lora_rank"}
    with pytest.raises(CorruptCheckpoint, match=r"q_lora_rank.*missing"):
        ModelConfig.from_json(values)


def test_files(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"config\.json"):
        ModelConfig.read(tmp_path)
    file = tmp_path / "config.json"
    for text in ("{", "", "[1]", "3"):
        file.write_text(text)
        with pytest.raises(CorruptCheckpoint, match=r"config\.json"):
            ModelConfig.read(tmp_path)
    file.write_text(json.dumps(RELEASED))
    assert ModelConfig.read(tmp_path).hidden_size == 4096


def test_importing_it_does_not_import_torch() -> None:
    code = "import sys, dsagent.engine.config; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode
        == 0
    )


@pytest.mark.parametrize("name", ["max_running", "memory", "threads", "context"])
def test_an_engine_needs_at_least_one_of_everything(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        EngineConfig(**cast("dict[str, Any]", {name: 0}))
