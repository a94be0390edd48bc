"""Spellings of one word are drawn together, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from dsagent.engine.checkpoint import save_checkpoint
from tests.training.test_parity import small
from tests.training.test_run import SETTINGS, batch
from training.alike import Alike
from training.model import Shape
from training.train import Run

if TYPE_CHECKING:
    from pathlib import Path

SPELLED = (
    *("price", "Ġ", "ĠPrice", "prices", "to", "To", "PRICE", "12", "Ã©tÃ©", "Ġ12"),
    *("Ġcity", "City", "city"),
)
VOCABULARY = {text: entry for entry, text in enumerate(SPELLED)}


def test_a_family_is_a_word_in_all_its_spellings() -> None:
    alike = Alike(VOCABULARY)
    found: dict[int, set[str]] = {}
    for entry, family in zip(alike.entries, alike.family, strict=True):
        found.setdefault(int(family), set()).add(SPELLED[int(entry)])
    assert sorted(map(sorted, found.values())) == [
        ["City", "city", "Ġcity"],
        ["PRICE", "price", "ĠPrice"],
    ]
    # Space and capitals are told apart, and the same in every word.
    manner = {
        SPELLED[e]: int(m) for e, m in zip(alike.entries, alike.manner, strict=True)
    }
    assert manner["price"] == manner["city"]
    assert len(set(manner.values())) == 5


def test_words_whose_spellings_add_up_are_left_alone() -> None:
    g = torch.Generator().manual_seed(0)
    words, spaces, capitals = (torch.randn(8, generator=g).double() for _ in range(3))
    # Not every word comes in every manner.
    names = ["price", "Price", "Ġprice", "ĠPrice", "city", "City", "Ġcity"]
    rows = torch.stack(
        [
            words[:4] * (1 if "rice" in name else -2)
            + spaces[:4] * name.startswith("Ġ")
            + capitals[:4] * name.lstrip("Ġ")[0].isupper()
            for name in names
        ]
    )
    before = rows.clone()
    Alike({name: entry for entry, name in enumerate(names)}).draw(rows, 1.0)
    torch.testing.assert_close(rows, before, atol=0.01, rtol=0)


def test_rows_move_a_share_of_the_way_to_word_and_manner() -> None:
    # Two words in the same two manners: the least squares solution is the two-way
    # analysis of variance, row mean + column mean - mean of all.
    names = ("price", "Ġprice", "city", "Ġcity", "alone")
    rows = torch.tensor([[1.0], [5.0], [2.0], [9.0], [7.0]])
    Alike({name: entry for entry, name in enumerate(names)}).draw(rows, 0.5)
    # Words 3 and 5.5, manners 1.5 and 7, all 4.25: 0.25, 5.75, 2.75, 8.25.
    assert rows.flatten().tolist() == [0.625, 5.375, 2.375, 8.625, 7.0]


def test_a_run_draws_them_as_fast_as_it_learns(tmp_path: Path) -> None:
    spelled = {5: "price", 7: "Price", 9: "city", 11: "City"}
    vocabulary = {spelled.get(entry, f"<{entry}>"): entry for entry in range(211)}
    save_checkpoint(tmp_path, small(64), {}, precision="f32")
    shape = Shape.read(tmp_path / "config.json")
    apart, alike = Run(SETTINGS, shape), Run(SETTINGS, shape, Alike(vocabulary))
    for run in (apart, alike):
        torch.manual_seed(0)
        run.gradients(batch(0), window=64)
        run.advance()
        assert run.step == 1
    # What is neither the word's nor the manner's shrinks, at the first step by the
    # whole learning rate's share; what is stays.
    left = 1 - SETTINGS.alike * SETTINGS.other_rate
    for free, drawn in (
        (apart.model.embed.weight, alike.model.embed.weight),
        (apart.model.head.weight, alike.model.head.weight),
    ):
        own, less = (rows[5] - rows[7] - (rows[9] - rows[11]) for rows in (free, drawn))
        torch.testing.assert_close(less, own * left)
        assert not torch.equal(less, own)
        torch.testing.assert_close(drawn[5] + drawn[7], free[5] + free[7])
        assert torch.equal(drawn[12:], free[12:])
