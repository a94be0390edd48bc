"""One more layer: what a model knew, it still knows, and says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer as PlainTokenizer

from dsagent.engine.batch import Batch, Span
from dsagent.engine.transformer import Transformer
from dsagent.loading import NANO
from training import deepen as module
from training.deepen import deepen

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = json.loads((NANO / "config.json").read_text("utf-8"))
LAYERS = CONFIG["num_hidden_layers"]
TEXT = "<｜User｜>What is the weather in Lisbon?<｜Assistant｜></think>It is"


def logits(folder: Path) -> torch.Tensor:
    """Of every place of a short text, [places, vocabulary]."""
    ids = PlainTokenizer.from_file(str(folder / "tokenizer.json")).encode(TEXT).ids
    model = Transformer.load(folder)
    n = len(ids)
    cache = model.new_cache(1, n)
    span = (Span(cache.alloc(n), 0, n, 0),)
    batch = Batch(torch.tensor(ids), torch.arange(n), span, torch.arange(n))
    return model.forward(batch, cache)


@pytest.mark.parametrize(("at", "like"), [(4, 5), (1, 1), (LAYERS, 3)])
def test_a_layer_that_writes_nothing_changes_nothing(
    tmp_path: Path, at: int, like: int
) -> None:
    config = deepen(NANO, at, like, tmp_path, kept=30.0)
    assert config["num_hidden_layers"] == LAYERS + 1
    before = CONFIG["compress_ratios"]
    assert config["compress_ratios"] == [*before[:at], before[like], *before[at:]]
    torch.testing.assert_close(logits(tmp_path), logits(NANO), rtol=0, atol=1e-2)


def test_streams_that_may_move_hardly_do(tmp_path: Path) -> None:
    deepen(NANO, 4, 5, tmp_path)
    now, before = logits(tmp_path), logits(NANO)
    assert (now.argmax(-1) == before.argmax(-1)).float().mean() > 0.85
    assert (now - before).square().mean() < 0.01 * before.square().mean()


def test_one_that_writes_is_another_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the copy is silent is what keeps it."""
    monkeypatch.setattr(module, "_LAST_MAPS", ("none",))
    deepen(NANO, 4, 5, tmp_path, kept=30.0)
    assert (logits(tmp_path) - logits(NANO)).abs().max() > 1


def test_the_streams_of_a_new_layer_pass_whatever_is_in_them(tmp_path: Path) -> None:
    """The mixing of model.md: rows 8 to 24 say where a stream goes."""
    deepen(NANO, 4, 5, tmp_path, kept=7.0)
    made = load_file(tmp_path / "model.safetensors")
    for part in ("attn", "ffn"):
        assert not made[f"layers.4.hc_{part}_fn"][8:].any()
        assert made[f"layers.4.hc_{part}_fn"][:8].any()
        base = made[f"layers.4.hc_{part}_base"][8:].view(4, 4)
        assert torch.equal(base, 7 * torch.eye(4))


def test_the_drafter_reads_what_it_has_read(tmp_path: Path) -> None:
    """A tap right before the new layer moves behind it, where the same comes out."""
    first, *others = CONFIG["dspark_target_layer_ids"]
    config = deepen(NANO, first + 1, LAYERS - 1, tmp_path)
    moved = [first + 1, *(tap + 1 for tap in others)]
    assert config["dspark_target_layer_ids"] == moved
    before, after = (load_file(f / "model.safetensors") for f in (NANO, tmp_path))
    drafter = {name for name in before if name.startswith("mtp.")}
    assert drafter == {name for name in after if name.startswith("mtp.")} != set()


@pytest.mark.parametrize(("at", "like"), [(0, 3), (4, 0), (LAYERS + 1, 3), (4, LAYERS)])
def test_a_layer_that_is_not_there_is_an_error(
    tmp_path: Path, at: int, like: int
) -> None:
    with pytest.raises(ValueError, match=f"layers {at} and {like}"):
        deepen(NANO, at, like, tmp_path / "out")
    assert not (tmp_path / "out").exists()
