"""Spellings of one word are drawn together, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from dsagent.engine.checkpoint import save_checkpoint
from tests.training.test_parity import small
from tests.training.test_run import SETTINGS, batch
from training.alike import Alike, families
from training.model import Shape
from training.train import Run

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY = {
    text: entry
    for entry, text in enumerate(
        ("price", "Ġ", "ĠPrice", "prices", "to", "To", "PRICE", "12", "Ã©tÃ©", "Ġ12")
    )
}


@pytest.fixture
def tokenizer(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    Tokenizer(WordLevel(VOCABULARY, unk_token="to")).save(str(path))
    return path


def test_a_family_is_a_word_with_and_without_space_and_capitals() -> None:
    family = families(VOCABULARY).tolist()
    assert family[0] == family[2] == family[6]
    others = [entry for entry in range(len(VOCABULARY)) if entry not in (0, 2, 6)]
    assert [family[entry] for entry in others] == others


def test_rows_move_a_share_of_the_way_to_their_mean(tokenizer: Path) -> None:
    rows = torch.arange(30, dtype=torch.float32).reshape(10, 3) ** 2
    before = rows.double().numpy().copy()
    Alike(tokenizer).draw(rows, 0.25)
    mean = (before[0] + before[2] + before[6]) / 3
    for entry in range(10):
        to = mean if entry in (0, 2, 6) else before[entry]
        want = 0.75 * before[entry] + 0.25 * to
        assert rows[entry].tolist() == pytest.approx(want.tolist(), rel=1e-6)


def test_a_run_draws_them_as_fast_as_it_learns(tmp_path: Path) -> None:
    spelled = {5: "price", 7: "Price"}
    vocabulary = {spelled.get(entry, f"<{entry}>"): entry for entry in range(211)}
    path = tmp_path / "tokenizer.json"
    Tokenizer(WordLevel(vocabulary, unk_token="<0>")).save(str(path))
    save_checkpoint(tmp_path, small(64), {}, precision="f32")
    shape = Shape.read(tmp_path / "config.json")
    apart, alike = Run(SETTINGS, shape), Run(SETTINGS, shape, Alike(path))
    gaps, rows = [], []
    for run in (apart, alike):
        torch.manual_seed(0)
        run.gradients(batch(0), window=64)
        run.advance()
        rows.append(run.model.embed.weight.detach())
        gaps.append(rows[-1][5] - rows[-1][7])
        assert run.step == 1
    # At the first step the learning rate is the whole one.
    share = SETTINGS.alike * SETTINGS.other_rate
    torch.testing.assert_close(gaps[1], gaps[0] * (1 - share))
    assert torch.equal(rows[0][8:], rows[1][8:])
