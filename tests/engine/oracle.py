"""transformers' DeepseekV4ForCausalLM on a folder in native names, in float32.

The other implementation this one is held to. It is loaded from the same files, through
a decoder of its own (float64, written from the format's definition) and a table of
names, so that no code of dsagent stands between the files and the oracle.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import Tensor

if TYPE_CHECKING:
    from pathlib import Path

RENAMES = (
    ("attn_norm.", "input_layernorm."),
    ("ffn_norm.", "post_attention_layernorm."),
    ("hc_attn_", "attn_hc."),
    ("hc_ffn_", "ffn_hc."),
    ("attn.indexer.weights_proj", "attn.compressor.indexer.scorer.weights_proj"),
    ("attn.indexer.compressor.", "attn.compressor.indexer."),
    ("attn.indexer.", "attn.compressor.indexer."),
    ("compressor.norm", "compressor.kv_norm"),
    ("indexer.norm", "indexer.kv_norm"),
    ("attn.", "self_attn."),
    ("ffn.", "mlp."),
    ("wq_a", "q_a_proj"),
    ("q_norm", "q_a_norm"),
    ("wq_b", "q_b_proj"),
    ("wkv", "kv_proj"),
    ("wgate", "gate_proj"),
    (".ape", ".position_bias"),
    ("attn_sink", "sinks"),
    ("wo_a", "o_a_proj"),
    ("wo_b", "o_b_proj"),
    ("gate.bias", "gate.e_score_correction_bias"),
    ("shared_experts.w1", "shared_experts.gate_proj"),
    ("shared_experts.w2", "shared_experts.down_proj"),
    ("shared_experts.w3", "shared_experts.up_proj"),
)


def oracle(path: Path, experts: str = "eager") -> Any:
    """The oracle's model of the folder at ``path``.

    ``experts`` is its way of running them: "eager" takes any width, "grouped_mm" is
    its fastest on a CPU.
    """
    from transformers import DeepseekV4Config, DeepseekV4ForCausalLM

    values = json.loads((path / "config.json").read_text())
    config = DeepseekV4Config(
        **values, attn_implementation="eager", experts_implementation=experts
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = DeepseekV4ForCausalLM(config).float().eval()
    state = renamed(native(path), values["n_routed_experts"])
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert not unexpected, unexpected
    assert all("rotary" in name for name in missing), missing
    return model


def native(path: Path) -> dict[str, Tensor]:
    """Every tensor of a folder, decoded to float32."""
    stored: dict[str, Tensor] = {}
    for file in path.glob("*.safetensors"):
        with safe_open(str(file), "pt") as handle:
            stored |= {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118
    return {
        name: decoded(tensor, stored.get(name.removesuffix(".weight") + ".scale"))
        for name, tensor in stored.items()
        if not name.endswith(".scale")
    }


def decoded(tensor: Tensor, scale: Tensor | None) -> Tensor:
    """A stored tensor's values, in float64 on the way."""
    if scale is None:
        return tensor if tensor.dtype == torch.int64 else tensor.float()
    factor = 2.0 ** (scale.view(torch.uint8).double() - 127)
    if tensor.dtype == torch.int8:
        codes = tensor.view(torch.uint8).int()
        nibbles = torch.stack((codes % 16, codes // 16), 2).flatten(1)
        size = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6], dtype=torch.float64)[
            nibbles % 8
        ]
        values = torch.where(nibbles >= 8, -size, size)
        return (values * factor.repeat_interleave(32, 1)).float()
    byte = tensor.view(torch.uint8).int()
    sign, exponent, mantissa = byte // 128, byte // 8 % 16, (byte % 8).double() / 8
    normal = (1 + mantissa) * 2.0 ** (exponent.double() - 7)
    values = torch.where(exponent == 0, mantissa * 2.0**-6, normal) * (1.0 - 2.0 * sign)
    o, i = values.shape
    factor = factor.repeat_interleave(128, 0)[:o].repeat_interleave(128, 1)[:, :i]
    return (values * factor).float()


def renamed(tensors: dict[str, Tensor], experts: int) -> dict[str, Tensor]:
    """Native names to the oracle's."""
    state: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if ".experts." in name or name.startswith("mtp."):
            continue
        if name == "head.weight":
            state["lm_head.weight"] = tensor
            continue
        new = name
        if name.startswith("layers."):
            _, layer, rest = name.split(".", 2)
            for old, other in RENAMES:
                rest = rest.replace(old, other)
            new = f"layers.{layer}.{rest}"
        new = new.replace("embed.", "embed_tokens.").replace("hc_head_", "hc_head.hc_")
        state["model." + new] = tensor
    layers = {name.split(".")[1] for name in tensors if name.startswith("layers.")}
    for layer in layers:
        prefix, to = (
            f"layers.{layer}.ffn.experts.",
            f"model.layers.{layer}.mlp.experts.",
        )
        part = {
            w: [tensors[f"{prefix}{e}.{w}.weight"] for e in range(experts)]
            for w in ("w1", "w2", "w3")
        }
        both = zip(part["w1"], part["w3"], strict=True)
        state[to + "gate_up_proj"] = torch.stack([torch.cat(pair) for pair in both])
        state[to + "down_proj"] = torch.stack(part["w2"])
    return state
