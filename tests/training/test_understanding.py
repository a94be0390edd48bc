"""What a run understands is counted where its reader learnt to read it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from tokenizers import Tokenizer

from dsagent.engine.checkpoint import save_checkpoint
from dsagent.loading import NANO
from tests.training.test_parity import shake, small
from training.data.meanings import CLASSES, NAME
from training.model import Shape
from training.rows import Rows
from training.train import Run, Settings
from training.understanding import conversations, count, family

if TYPE_CHECKING:
    from pathlib import Path

TOKENIZER = Tokenizer.from_file(str(NANO / "tokenizer.json"))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    config = replace(small(2048), vocab_size=4096)
    save_checkpoint(tmp_path, config, {}, precision="f32")
    run = Run(Settings(compiled=False), Shape.read(tmp_path / "config.json"))
    shake(run.model)
    return run


def test_a_reader_without_an_idea_says_the_first_class(run: Run) -> None:
    drawn = conversations(TOKENIZER, 2, 1, held=False)
    names = sum(c.meanings.count(CLASSES[NAME]) for c in drawn)
    marks = sum(number >= 0 for c in drawn for number in c.meanings)
    found = count(run, drawn)
    assert found.pop("name") == (names, names)
    assert all(right == 0 for _, right in found.values())
    assert sum(n for n, _ in found.values()) == marks - names


def test_what_was_learnt_from_packed_rows_is_told_of_each_conversation(
    run: Run,
) -> None:
    """Features and places are those that training reads, many conversations a row."""
    drawn = [c for c in conversations(TOKENIZER, 1, 2, held=False) if len(c.ids) < 700]
    stream = iter(drawn * 40)
    rows = Rows(
        lambda _rng, _progress: next(stream),
        rows=1,
        length=1024,
        pad=2,
        prompt_weight=0.0,
        prompt_share=1.0,
    )
    batches = [rows.draw(random.Random(0), 0.0) for _ in range(4)]
    streams, labels = [], []
    with torch.no_grad():
        for batch in batches:
            layers = [X for X, _ in run.model.outputs(batch.ids, None, batch.begins)]
            at = batch.meanings >= 0
            streams.append(layers[run.s.meaning_layer][at].flatten(-2).double())
            labels.append(batch.meanings[at])
    u = torch.cat(streams)
    u = u / u.square().mean(-1, keepdim=True).sqrt()
    wanted = torch.nn.functional.one_hot(torch.cat(labels), len(CLASSES)).double()
    # The linear reader that tells these marks, by least squares.
    solved = torch.linalg.lstsq(u, wanted, driver="gelsd").solution
    with torch.no_grad():
        run.reader.maps.copy_(solved.t())
    found = count(run, drawn)
    assert sum(right for _, right in found.values()) >= 0.9 * sum(
        n for n, _ in found.values()
    )


def test_families_are_few() -> None:
    names = {family(meaning) for meaning in CLASSES}
    assert names == {
        *("name", "relation", "field", "tool", "argument", "mention", "yes or no"),
    }
    assert family("field paid yes") == family("mention no") == "yes or no"
