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


def test_the_drafter_reads_the_layers_it_has_read(tmp_path: Path) -> None:
    taps = CONFIG["dspark_target_layer_ids"]
    config = deepen(NANO, 4, 5, tmp_path)
    assert config["dspark_target_layer_ids"] == [t + (t >= 3) for t in taps]
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
