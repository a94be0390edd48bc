"""Folders that load, and the error of every kind of folder that can't."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from dsagent.engine.checkpoint import Checkpoint, random_checkpoint, save_checkpoint
from dsagent.engine.tensors import tensor_shapes
from dsagent.errors import CorruptCheckpoint, MissingWeights
from tests.engine.models import FLASH
from tests.engine.oracle import native

if TYPE_CHECKING:
    from collections.abc import Callable
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
    hidden_size=160,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return random_checkpoint(CONFIG, 1, tmp_path / "model", precision="native")


def edited(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> Path:
    """The folder with its tensors changed."""
    file = folder / "model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    return folder


def test_native_storage_is_the_releases(folder: Path) -> None:
    """Dtypes and shapes of every kind of tensor, as published for V4."""
    with safe_open(str(folder / "model.safetensors"), "pt") as file:

        def stored(name: str) -> tuple[str, list[int]]:
            part = file.get_slice(name)
            return part.get_dtype(), part.get_shape()

        expert = "layers.1.ffn.experts.3.w1"
        assert stored(f"{expert}.weight") == ("I8", [32, 80])
        assert stored(f"{expert}.scale") == ("F8_E8M0", [32, 5])
        assert stored("layers.1.attn.wq_b.weight") == ("F8_E4M3", [512, 32])
        assert stored("layers.1.attn.wq_b.scale") == ("F8_E8M0", [4, 1])
        assert stored("layers.0.ffn.shared_experts.w2.weight") == ("F8_E4M3", [160, 32])
        assert stored("layers.0.ffn.gate.tid2eid") == ("I64", [50, 2])
        assert stored("layers.1.ffn.gate.bias") == ("F32", [4])
        assert stored("layers.1.ffn.gate.weight") == ("BF16", [4, 160])
        assert stored("layers.1.attn.compressor.ape") == ("F32", [4, 128])
        assert stored("layers.2.attn.compressor.ape") == ("F32", [128, 64])
        assert stored("layers.1.attn.compressor.wkv.weight") == ("BF16", [128, 160])
        assert stored("layers.1.attn.attn_sink") == ("F32", [8])
        assert stored("hc_head_fn") == ("F32", [4, 640])
        assert stored("embed.weight") == ("BF16", [50, 160])


def test_values_are_the_documented_ones(folder: Path) -> None:
    """Against the test's own float64 decoder of FP8 and FP4."""
    checkpoint = Checkpoint(folder)
    decoded = native(folder)
    assert set(decoded) == set(tensor_shapes(CONFIG))
    for name, expected in decoded.items():
        got = checkpoint.tensor(name)
        assert torch.equal(got, expected), name
        assert got.dtype == (torch.int64 if "tid2eid" in name else torch.float32)
    checkpoint.close()


def test_v4_flash_has_the_published_tensors() -> None:
    """Of the plain V4-Flash index: 69,187 tensors without its one MTP block's 1,572."""
    flash = replace(
        FLASH,
        num_hidden_layers=43,
        compress_ratios=(0, 0, *(4, 128) * 20, 4),
        n_routed_experts=256,
    )
    names = tensor_shapes(flash)
    quantised = re.compile(r"(wq_a|wq_b|wkv|wo_a|wo_b|w1|w2|w3)\.weight$")
    scales = [n for n in names if quantised.search(n) and "compressor.wkv" not in n]
    per_layer = {
        layer: sum(n.startswith(f"layers.{layer}.") for n in [*names, *scales])
        for layer in (1, 2, 3)
    }
    assert per_layer == {1: 1565, 2: 1576, 3: 1569}
    assert sum("." not in n or n.split(".")[0] != "layers" for n in names) == 6


def test_the_same_seed_writes_the_same_bytes(tmp_path: Path) -> None:
    files = [
        random_checkpoint(CONFIG, seed, tmp_path / f"{i}") / "model.safetensors"
        for i, seed in enumerate((4, 4, 5))
    ]
    one, same, other = (file.read_bytes() for file in files)
    assert one == same
    assert one != other


@pytest.mark.parametrize("index", [True, False])
def test_shards_are_found_by_index_or_by_header(tmp_path: Path, *, index: bool) -> None:
    whole = random_checkpoint(CONFIG, 2, tmp_path / "one")
    parts = random_checkpoint(CONFIG, 2, tmp_path / "three", shards=3)
    assert len(list(parts.glob("*.safetensors"))) == 3
    listing = json.loads((parts / "model.safetensors.index.json").read_text())
    assert listing["metadata"]["total_size"] > 0
    if not index:
        (parts / "model.safetensors.index.json").unlink()
        for file in parts.glob("*.safetensors"):
            file.rename(file.with_name(file.name.replace("model", "anything")))
    one, three = Checkpoint(whole), Checkpoint(parts)
    for name in tensor_shapes(CONFIG):
        assert torch.equal(one.tensor(name), three.tensor(name)), name


def test_a_drafters_tensors_are_set_aside_without_its_keys(folder: Path) -> None:
    extra = {
        "mtp.0.main_proj.weight": torch.zeros(4, 4),
        "mtp.0.attn.wkv.weight": torch.zeros(4, 4),
        "mtp.0.ffn.experts.0.w1.scale": torch.zeros(4, 4),
        "mtp.1.hc_attn_fn": torch.zeros(4, 4),
        "mtp.2.markov_head.markov_w1.weight": torch.zeros(4, 4),
        "mtp.2.confidence_head.proj.weight": torch.zeros(4, 4),
        "mtp.0.e_proj.weight": torch.zeros(4, 4),
        "mtp.0.enorm.weight": torch.zeros(4),
    }
    assert Checkpoint(edited(folder, lambda t: t.update(extra))).stages == 0


def test_one_error_names_every_tensor_that_is_wrong(folder: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        del tensors["layers.1.attn.kv_norm.weight"]
        del tensors["layers.2.ffn.experts.1.w2.scale"]
        tensors["layers.0.attn.compressor.ape"] = torch.zeros(4)
        tensors["mtp.0.attn.compressor.ape"] = torch.zeros(4)
        tensors["layers.2.attn.attn_sink"] = torch.zeros(9)
        tensors["head.weight"] = torch.zeros(50, 160, dtype=torch.int64)

    with pytest.raises(MissingWeights) as caught:
        Checkpoint(edited(folder, change))
    message = str(caught.value)
    assert (
        "missing (2): layers.1.attn.kv_norm.weight, layers.2.ffn.experts.1.w2.scale"
        in (message)
    )
    assert (
        "unknown (2): layers.0.attn.compressor.ape, mtp.0.attn.compressor.ape"
        in message
    )
    assert "layers.2.attn.attn_sink is [9], must be [8]" in message
    assert "head.weight is I64" in message


def test_unknown_and_misshapen_alone_are_corrupt(folder: Path) -> None:
    with pytest.raises(CorruptCheckpoint, match=r"unknown \(1\): layers\.9\.norm"):
        Checkpoint(
            edited(folder, lambda t: t.update({"layers.9.norm": torch.zeros(1)}))
        )


def test_packed_columns_are_counted_twice(folder: Path) -> None:
    """An I8 matrix of the logical shape holds twice the values."""
    name = "layers.1.ffn.experts.0.w1.weight"
    wide = torch.zeros(32, 160, dtype=torch.int8)
    with pytest.raises(CorruptCheckpoint, match=r"is \[32, 160\], must be \[32, 80\]"):
        Checkpoint(edited(folder, lambda t: t.update({name: wide})))


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="nowhere"):
        Checkpoint(tmp_path / "nowhere")


def test_no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingWeights, match=r"no \*\.safetensors"):
        Checkpoint(folder)


def test_no_config(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(MissingWeights, match=r"config\.json"):
        Checkpoint(folder)


@pytest.mark.parametrize("length", [0, 4, 100, -1, -1000])
def test_a_truncated_file_is_named(folder: Path, length: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(CorruptCheckpoint, match=re.escape(str(file))) as caught:
        Checkpoint(folder)
    assert "again" in str(caught.value)


def test_a_file_of_something_else_is_named(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(b"\xff" * 4096)
    with pytest.raises(CorruptCheckpoint, match=r"model\.safetensors"):
        Checkpoint(folder)


@pytest.mark.parametrize("text", ["{", "[]", '{"weight_map": 3}', '{"metadata": {}}'])
def test_a_corrupt_index_is_named(folder: Path, text: str) -> None:
    (folder / "model.safetensors.index.json").write_text(text)
    with pytest.raises(CorruptCheckpoint, match=r"index\.json"):
        Checkpoint(folder)


def test_an_index_that_names_a_file_that_is_gone(tmp_path: Path) -> None:
    folder = random_checkpoint(CONFIG, 2, tmp_path / "model", shards=3)
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(MissingWeights, match="00002-of-00003"):
        Checkpoint(folder)


def test_an_index_that_names_a_tensor_that_is_elsewhere(tmp_path: Path) -> None:
    folder = random_checkpoint(CONFIG, 2, tmp_path / "model", shards=2)
    index = folder / "model.safetensors.index.json"
    listing = json.loads(index.read_text())
    file = listing["weight_map"]["norm.weight"]
    other = {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}
    listing["weight_map"]["norm.weight"] = (other - {file}).pop()
    index.write_text(json.dumps(listing))
    with pytest.raises(MissingWeights, match=r"norm\.weight"):
        Checkpoint(folder)


def test_saved_tensors_come_back(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    tensors = {
        name: torch.randn(shape, generator=generator)
        for name, shape in tensor_shapes(CONFIG).items()
        if "tid2eid" not in name
    }
    tensors["layers.0.ffn.gate.tid2eid"] = torch.zeros(50, 2, dtype=torch.int64)
    save_checkpoint(tmp_path, CONFIG, tensors, precision="f32")
    checkpoint = Checkpoint(tmp_path)
    assert checkpoint.config == CONFIG
    for name, tensor in tensors.items():
        assert torch.equal(checkpoint.tensor(name), tensor)
