"""A model under another tokenizer: what it knew of an entry, it still knows."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer as PlainTokenizer

from dsagent.engine.batch import Batch, Span
from dsagent.engine.transformer import Transformer
from dsagent.loading import NANO
from training.transplant import _spelling, transplant

if TYPE_CHECKING:
    from pathlib import Path

TOKENIZER = NANO / "tokenizer.json"
SIZE = PlainTokenizer.from_file(str(TOKENIZER)).get_vocab_size()


def other_tokenizer(folder: Path) -> Path:
    """Nano's tokenizer with two more entries, its two last exchanged."""
    document = json.loads(TOKENIZER.read_text("utf-8"))
    vocabulary = document["model"]["vocab"]
    last = sorted(vocabulary, key=vocabulary.__getitem__)[-2:]
    vocabulary[last[0]], vocabulary[last[1]] = (vocabulary[t] for t in reversed(last))
    for i, entry in enumerate(("Ġxylophone", "zÃŁ")):  # zß, as its bytes are written
        vocabulary[entry] = SIZE + i
    path = folder / "other.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("transplant")
    assert transplant(NANO, other_tokenizer(folder), folder / "out") == 2
    return folder / "out"


def test_known_entries_keep_their_rows_and_new_ones_begin_as_the_mean(
    made: Path,
) -> None:
    before, after = (load_file(f / "model.safetensors") for f in (NANO, made))
    plain = PlainTokenizer.from_file(str(TOKENIZER))
    spelled = [
        plain.encode(text, add_special_tokens=False).ids
        for text in (" xylophone", "zß")
    ]
    assert all(len(ids) > 1 for ids in spelled)
    order = [*range(SIZE - 2), SIZE - 1, SIZE - 2]
    tables = [n for n, t in before.items() if t.shape[0] == SIZE]
    assert len(tables) == 5  # embedding, head, two of the drafter, experts by token
    for name in tables:
        assert torch.equal(after[name][:SIZE], before[name][order])
        for row, ids in zip(after[name][SIZE:], spelled, strict=True):
            rows = before[name][ids].double()
            wanted = rows[-1] if name.endswith("tid2eid") else rows.mean(0)
            assert torch.equal(row, wanted.to(row.dtype)), name
    for name in before.keys() - set(tables):
        same = (t[name].view(torch.uint8) for t in (before, after))
        assert torch.equal(*same), name


def last_logits(folder: Path, ids: list[int]) -> torch.Tensor:
    model = Transformer.load(folder)
    n = len(ids)
    cache = model.new_cache(1, n)
    slot = cache.alloc(n)
    span = (Span(slot, 0, n, 0),)
    batch = Batch(torch.tensor(ids), torch.arange(n), span, torch.tensor([n - 1]))
    return model.forward(batch, cache)[0]


def test_text_that_both_spell_alike_is_read_alike(made: Path) -> None:
    text = "What is the weather in Lisbon?"
    logits = []
    for folder in (NANO, made):
        ids = PlainTokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids
        logits.append(last_logits(folder, ids)[: SIZE - 2])
    torch.testing.assert_close(logits[0], logits[1], rtol=0, atol=1e-4)


def test_the_tokenizer_may_lie_where_the_model_goes(made: Path, tmp_path: Path) -> None:
    """As in the recipe."""
    shutil.copy(made / "tokenizer.json", tmp_path)
    transplant(NANO, tmp_path / "tokenizer.json", tmp_path)
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / name).read_bytes() == (made / name).read_bytes(), name


def test_an_entry_may_be_part_of_a_character() -> None:
    old = PlainTokenizer.from_file(str(TOKENIZER))
    assert _spelling(old, "âĤ") == [old.token_to_id("â"), old.token_to_id("Ĥ")]


def test_a_control_token_without_a_place_is_named(tmp_path: Path) -> None:
    document = json.loads(TOKENIZER.read_text("utf-8"))
    document["model"]["vocab"]["<｜new｜>"] = SIZE
    path = tmp_path / "other.json"
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(ValueError, match=r"control token <｜new｜> has no place"):
        transplant(NANO, path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
