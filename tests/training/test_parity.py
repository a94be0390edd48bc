"""The trainable backbone and drafter and the engine's are one model.

The trainer has a forward pass of its own (dense rows, gradients); the checkpoint it
exports runs on the engine's. Both must give the same logits, also where the window is
shorter than the row and entries must be selected by mask; and the same drafts.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import save_checkpoint
from dsagent.engine.config import DSparkConfig, ModelConfig, Yarn
from dsagent.engine.dspark import Anchor
from dsagent.engine.transformer import Transformer
from training.draft import Target
from training.drafter import DrafterModule, DraftShape
from training.model import Backbone, Shape
from training.train import NANO

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

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
    model = Backbone(shape, longest=512)
    shake(model)
    return model


@torch.no_grad()
def shake(module: nn.Module) -> None:
    """Move what starts at zero or one."""
    for name, p in module.named_parameters():
        if p.ndim == 1 or "ape" in name:
            p.add_(torch.randn_like(p), alpha=0.2)
    for name, b in module.named_buffers():
        if name.endswith("gate.bias"):
            b.add_(torch.randn_like(b), alpha=0.1)


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


@torch.no_grad()
@pytest.mark.parametrize("window", [24, 1000])
def test_conversations_of_a_row_are_as_if_alone(window: int, tmp_path: Path) -> None:
    """The last two begin inside an entry of ratio 128 and are too short for one."""
    save_checkpoint(tmp_path, small(window), {}, precision="f32")
    model = shaken(Shape.read(tmp_path / "config.json"))
    ids = torch.randint(0, 211, (1, 512))
    bounds = [0, 128, 384, 384 + 52, 512]
    begins = torch.zeros_like(ids)
    for start, stop in itertools.pairwise(bounds):
        begins[0, start:stop] = start
    together = model(ids, begins=begins)[0]
    for start, stop in itertools.pairwise(bounds):
        alone = ids[:, start:stop]
        padded = torch.nn.functional.pad(alone, (0, -alone.shape[1] % 128))
        wanted = model(padded)[0][:, : stop - start]
        assert torch.allclose(together[:, start:stop], wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(("window", "stages"), [(24, 1), (128, 2), (1000, 3)])
def test_the_trainer_and_the_engine_draft_the_same(
    window: int, stages: int, tmp_path: Path
) -> None:
    """Anchors before and behind a full window; logits and confidences of every draft,
    each with the token before it given."""
    shape = DraftShape(stages, block=4, rank=6, layers=(2, 5), noise=17)
    config = replace(
        small(window),
        dspark=DSparkConfig(
            block_size=4, noise_token_id=17, target_layer_ids=(2, 5), markov_rank=6
        ),
    )
    save_checkpoint(tmp_path, config, {}, precision="f32")
    sizes = Shape.read(tmp_path / "config.json")
    backbone, drafter = shaken(sizes), DrafterModule(sizes, shape, longest=LENGTH)
    shake(drafter)
    tensors = {**backbone.state_dict(), **drafter.state_dict()}
    save_checkpoint(tmp_path, config, tensors, precision="f32")

    ids = torch.randint(0, config.vocab_size, (1, LENGTH))
    at = torch.tensor([[3, 50, 300]])
    given = torch.randint(0, config.vocab_size, (3, 4))
    given[:, 0] = ids[0, at[0]]
    with torch.no_grad():
        context = drafter.context(Target(backbone, shape.layers).observe(ids).taps)
        X = drafter.block(ids.gather(1, at), at, 0 * at, context, backbone.embed)[0]
        wanted, z = drafter.heads(
            X.flatten(0, 1), given.flatten(), backbone.head.weight
        )

    transformer = Transformer.load(tmp_path)
    assert transformer.drafter is not None
    cache = transformer.new_cache(3, 3 * LENGTH)
    for i, position in enumerate(at[0].tolist()):
        slot, rows = cache.alloc(LENGTH), torch.arange(position)
        span = Span(slot, 0, position, 0)
        batch = Batch(ids[0, :position], rows, (span,), rows[-1:], rows)
        taps = transformer.step(batch, cache).taps
        assert taps is not None
        transformer.drafter.remember(taps, batch, cache)
        anchor = Anchor(slot, position, int(given[i, 0]))
        block = transformer.drafter.block([anchor], cache)
        for k in range(4):
            logits, score = transformer.drafter.markov(block, k, given[i, k : k + 1])
            assert torch.allclose(logits[0], wanted[4 * i + k], atol=1e-4, rtol=0)
            assert torch.allclose(score[0], z[4 * i + k], atol=1e-4, rtol=0)
