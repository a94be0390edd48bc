"""The trainable backbone and the engine's are one model.

The trainer has a forward pass of its own (dense rows, gradients); the checkpoint it
exports runs on the engine's. Both must give the same logits, also where the window is
shorter than the row and entries must be selected by mask.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import save_checkpoint
from dsagent.engine.config import ModelConfig, Yarn
from dsagent.engine.transformer import Transformer
from training.model import Backbone, Shape
from training.train import NANO

if TYPE_CHECKING:
    from pathlib import Path

LENGTH = 384


def small(window: int) -> ModelConfig:
    """Every kind of layer, nothing square."""
    return replace(
        ModelConfig.read(NANO),
        vocab_size=211,
        hidden_size=48,
        num_attention_heads=3 * 2,
        head_dim=40,
        qk_rope_head_dim=16,
        q_lora_rank=24,
        o_groups=3,
        o_lora_rank=10,
        index_n_heads=5,
        index_head_dim=32,
        moe_intermediate_size=20,
        n_routed_experts=5,
        sliding_window=window,
        yarn=Yarn(factor=16, original=65536, beta_fast=32, beta_slow=1),
    )


def shaken(shape: Shape) -> Backbone:
    """A backbone in which every parameter matters."""
    torch.manual_seed(5)
    model = Backbone(shape, longest=LENGTH)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1 or "ape" in name:
                p.add_(torch.randn_like(p), alpha=0.2)
        for name, b in model.named_buffers():
            if name.endswith("gate.bias"):
                b.add_(torch.randn_like(b), alpha=0.1)
    return model


@pytest.mark.parametrize("window", [24, 128, 1000])
def test_the_trainer_and_the_engine_give_the_same_logits(
    window: int, tmp_path: Path
) -> None:
    config = small(window)
    save_checkpoint(tmp_path, config, {}, precision="f32")
    model = shaken(Shape.read(tmp_path / "config.json"))
    save_checkpoint(tmp_path, config, model.state_dict(), precision="f32")
    ids = torch.randint(0, config.vocab_size, (1, LENGTH))
    with torch.no_grad():
        wanted = model.head(model(ids)[0])[0]

    transformer = Transformer.load(tmp_path)
    cache = transformer.new_cache(1, LENGTH)
    slot = cache.alloc(LENGTH)
    rows = []
    for start, n in ((0, 300), (300, 83), (383, 1)):
        positions = torch.arange(start, start + n)
        batch = Batch(
            ids[0, start : start + n],
            positions,
            (Span(slot, start, n, 0),),
            torch.arange(n),
        )
        rows.append(transformer.forward(batch, cache))
    assert torch.allclose(torch.cat(rows), wanted, atol=1e-4, rtol=0)
