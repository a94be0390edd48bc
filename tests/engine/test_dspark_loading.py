"""Folders with a drafter, with half a one, and with none."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import Checkpoint, random_checkpoint, save_checkpoint
from dsagent.engine.config import DSparkConfig
from dsagent.engine.memory import SLACK
from dsagent.engine.tensors import tensor_shapes
from dsagent.engine.transformer import Transformer
from dsagent.errors import CorruptCheckpoint, MissingWeights, Unsupported
from tests.engine.models import FLASH
from tests.engine.oracle import native

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


CONFIG = replace(
    FLASH,
    vocab_size=50,
    num_hidden_layers=3,
    compress_ratios=(0, 4, 128),
    num_hash_layers=1,
    n_routed_experts=4,
    num_experts_per_tok=2,
    dspark=DSparkConfig(
        block_size=5, noise_token_id=3, target_layer_ids=(0, 1, 2), markov_rank=8
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    return random_checkpoint(CONFIG, 1, path, precision="native", stages=3)


def edited(folder: Path, **changes: Tensor | None) -> Path:
    """The folder with tensors replaced, added, or taken away (``None``)."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    for name, tensor in changes.items():
        if tensor is None:
            del tensors[name]
        else:
            tensors[name] = tensor
    save_file(tensors, file)
    return folder


def test_storage_is_the_releases(folder: Path) -> None:
    """Dtypes and logical shapes of what only a drafter has, as published for V4."""
    stored = load_file(folder / "model.safetensors")
    dtypes = {
        "mtp.0.main_proj.weight": torch.float8_e4m3fn,
        "mtp.0.main_proj.scale": torch.float8_e8m0fnu,
        "mtp.0.main_norm.weight": torch.bfloat16,
        "mtp.0.ffn.experts.2.w1.weight": torch.int8,
        "mtp.1.ffn.gate.bias": torch.float32,
        "mtp.2.norm.weight": torch.bfloat16,
        "mtp.2.hc_head_fn": torch.float32,
        "mtp.2.markov_head.markov_w1.weight": torch.bfloat16,
        "mtp.2.markov_head.markov_w2.weight": torch.bfloat16,
        "mtp.2.confidence_head.proj.weight": torch.bfloat16,
    }
    assert {name: stored[name].dtype for name in dtypes} == dtypes
    assert stored["mtp.0.main_proj.weight"].shape == (64, 3 * 64)
    assert stored["mtp.2.confidence_head.proj.weight"].shape == (1, 64 + 8)
    own = {name for name in stored if name.startswith("mtp.")}
    assert not any("main" in n for n in own if not n.startswith("mtp.0."))
    assert not any("tid2eid" in n or "compressor" in n for n in own)
    checkpoint, decoded = Checkpoint(folder), native(folder)
    assert checkpoint.stages == 3
    assert set(decoded) == set(tensor_shapes(CONFIG, 3))
    assert all(torch.equal(checkpoint.tensor(n), decoded[n]) for n in decoded)


def test_v4_flash_has_the_published_tensors() -> None:
    """Per stage, scales included: 1568, 1565 and 1572 (model reference §2.2)."""
    flash = replace(CONFIG, n_routed_experts=256)
    counts = [0, 0, 0]
    for name in tensor_shapes(flash, 3):
        if name.startswith("mtp."):
            stem = name.removesuffix(".weight").split(".")[-1]
            scaled = {"wq_a", "wq_b", "wkv", "wo_a", "wo_b", "w1", "w2", "w3"}
            counts[int(name.split(".")[1])] += 1 + (stem in scaled | {"main_proj"})
    assert counts == [1568, 1565, 1572]


def test_the_backbone_is_the_same_with_a_drafter(folder: Path, tmp_path: Path) -> None:
    plain = random_checkpoint(CONFIG, 1, tmp_path / "plain", precision="native")
    one, other = native(folder), native(plain)
    assert len(other) < len(one)
    assert all(torch.equal(one[name], other[name]) for name in other)


def test_stages_are_counted_not_configured(tmp_path: Path) -> None:
    for stages in (1, 2, 4):
        path = random_checkpoint(CONFIG, 1, tmp_path / f"{stages}", stages=stages)
        model = Transformer.load(path)
        assert model.drafter is not None
        assert model.drafter.stages == stages
        assert model.drafter.block_size == 5


def test_the_drafters_tensors_count_as_progress(folder: Path) -> None:
    steps: list[tuple[int, int]] = []
    Transformer.load(folder, lambda *step: steps.append(step))
    tensors = load_file(folder / "model.safetensors")
    wanted = [name for name in tensors if not name.endswith(".scale")]
    assert any(name.startswith("mtp.2.") for name in wanted)
    # Some are read twice, and move nothing then.
    assert steps == [(n, len(wanted)) for n in range(1, len(wanted) + 1)]


def test_one_error_names_every_tensor_that_is_wrong(folder: Path) -> None:
    changes: dict[str, Tensor | None] = {
        "mtp.1.attn.kv_norm.weight": None,
        "mtp.2.ffn.experts.1.w2.scale": None,
        "layers.1.attn.attn_sink": None,
        "mtp.1.main_norm.weight": torch.zeros(64),
        "mtp.0.e_proj.weight": torch.zeros(64, 64),
        "mtp.0.ffn.gate.tid2eid": torch.zeros(50, 2, dtype=torch.int64),
        "mtp.0.main_proj.weight": torch.zeros(64, 64),
        "mtp.2.markov_head.markov_w1.weight": torch.zeros(50, 9),
    }
    with pytest.raises(MissingWeights) as caught:
        Checkpoint(edited(folder, **changes))
    message = str(caught.value)
    assert (
        "missing (3): layers.1.attn.attn_sink, mtp.1.attn.kv_norm.weight, "
        "mtp.2.ffn.experts.1.w2.scale"
    ) in message
    for words in (
        "unknown (4): mtp.0.e_proj.weight, mtp.0.ffn.gate.tid2eid, mtp.0.main_proj",
        "mtp.0.main_proj.weight is [64, 64], must be [64, 192]",
        "mtp.2.markov_head.markov_w1.weight is [50, 9], must be [50, 8]",
    ):
        assert words in message


def test_a_misshapen_drafter_alone_is_corrupt(folder: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match=r"mtp\.2\.norm\.weight is \[9\]"):
        Checkpoint(edited(folder, **{"mtp.2.norm.weight": torch.zeros(9)}))


def test_a_missing_stage_is_named(folder: Path) -> None:
    names = [n for n in load_file(folder / "model.safetensors") if "mtp.1." in n]
    with pytest.raises(MissingWeights, match=r"\[0, 2\] without mtp\.1"):
        Checkpoint(edited(folder, **dict.fromkeys(names)))


def runs_undrafted(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    """Load and run ``folder``; the one line that loading logs."""
    with caplog.at_level(logging.INFO, "dsagent"):
        model = Transformer.load(folder)
    assert model.drafter is None
    cache = model.new_cache(1, 8)
    slot = cache.alloc(8)
    ids = torch.tensor([1, 2, 3])
    batch = Batch(ids, torch.arange(3), (Span(slot, 0, 3, 0),), torch.arange(3))
    assert model.forward(batch, cache).isfinite().all()
    assert cache.drafts(slot) == []
    (record,) = caplog.records
    assert str(folder) in record.getMessage()
    return f"{record.levelname}: {record.getMessage()}"


def test_keys_without_tensors(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = random_checkpoint(CONFIG, 1, tmp_path)
    line = runs_undrafted(path, caplog)
    assert line.startswith("WARNING")
    assert "without a drafter" in line
    assert "no mtp.* tensors" in line


def test_an_older_mtp_block(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tensors of one, by their names, whatever their shapes; no dspark_* keys."""
    config = replace(CONFIG, dspark=None)
    path = random_checkpoint(config, 1, tmp_path)
    block = {
        "mtp.0.e_proj.weight": torch.zeros(4, 4),
        "mtp.0.h_proj.weight": torch.zeros(4, 4),
        "mtp.0.enorm.weight": torch.zeros(4),
        "mtp.0.hnorm.weight": torch.zeros(4),
        "mtp.0.attn.wkv.weight": torch.zeros(4, 4),
        "mtp.0.ffn.experts.0.w1.weight": torch.zeros(4, 4),
        "mtp.0.hc_head_fn": torch.zeros(4, 4),
    }
    edited(path, **block)
    line = runs_undrafted(path, caplog)
    assert "without a drafter" in line
    assert "older MTP block" in line


def test_neither(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = random_checkpoint(replace(CONFIG, dspark=None), 1, tmp_path)
    assert "without a drafter" in runs_undrafted(path, caplog)


def test_a_block_longer_than_can_be_taken_back(tmp_path: Path) -> None:
    assert CONFIG.dspark is not None
    config = replace(CONFIG, dspark=replace(CONFIG.dspark, block_size=SLACK))
    path = random_checkpoint(config, 1, tmp_path, stages=1)
    with pytest.raises(Unsupported, match="dspark_block_size is 32"):
        Transformer.load(path)


def test_stages_need_a_config(tmp_path: Path) -> None:
    config = replace(CONFIG, dspark=None)
    with pytest.raises(ValueError, match="dspark"):
        random_checkpoint(config, 1, tmp_path, stages=2)


def test_saved_drafters_come_back(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    tensors = {
        name: torch.randn(shape, generator=generator)
        for name, shape in tensor_shapes(CONFIG, 2).items()
    }
    tensors["layers.0.ffn.gate.tid2eid"] = torch.zeros(50, 2, dtype=torch.int64)
    save_checkpoint(tmp_path, CONFIG, tensors, precision="f32", shards=3)
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.config == CONFIG
    assert checkpoint.stages == 2
    for name, tensor in tensors.items():
        assert torch.equal(checkpoint.tensor(name), tensor), name
