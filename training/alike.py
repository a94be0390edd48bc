"""Entries of the vocabulary that spell the same word, drawn together.

A byte-level vocabulary holds "price", " price" and "Price" as three entries that have
nothing in common, and a small model meets each too rarely to find out that they mean
the same, or that one is written where another was read. While it trains, a word's rows
are drawn to what they would be if the word and the way it is spelled added up: the
word's own row, and one for each manner (a leading space or none; small letters, a
capital, capitals) that all words share. It is weight decay with another origin: what a
row needs for itself it keeps as long as the loss asks for it, and what one spelling of
a word learns reaches the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_SPACE = "Ġ"
"""How a byte-level vocabulary writes a space."""
_SHORTEST = 3
"""Letters of a word: two letters are as often part of anything."""
_SWEEPS = 8
"""Turns of fitting words and manners to what the other leaves (backfitting, Hastie and
Tibshirani 1990): not every word comes in every manner."""


def spelling(text: str) -> tuple[str, int] | None:
    """The word that an entry spells, and its manner, 0 to 5; None if it is no word."""
    word = text.removeprefix(_SPACE)
    if len(word) < _SHORTEST or not (word.isascii() and word.isalpha()):
        return None
    case = 2 if word.isupper() else 1 if word[0].isupper() else 0
    return word.lower(), 2 * case + (word != text)


class Alike:
    """The families of a vocabulary: entries that spell the same word.

    Args:
        vocabulary: Entries by text, as the tokenizer writes them.
    """

    def __init__(self, vocabulary: dict[str, int]) -> None:
        words: dict[str, list[tuple[int, int]]] = {}
        for text, entry in vocabulary.items():
            spelled = spelling(text)
            if spelled is not None:
                words.setdefault(spelled[0], []).append((entry, spelled[1]))
        families = [family for family in words.values() if len(family) > 1]
        members = [
            (entry, number, manner)
            for number, family in enumerate(families)
            for entry, manner in family
        ]
        table = torch.tensor(members, dtype=torch.long).reshape(-1, 3)
        self.entries, self.family, self.manner = table.unbind(1)
        """Entry, number of its family and manner of every member."""

    @classmethod
    def read(cls, tokenizer: Path) -> Alike:
        """Those of a `tokenizer.json`."""
        return cls(Tokenizer.from_file(str(tokenizer)).get_vocab())

    @torch.no_grad()
    def draw(self, rows: Tensor, share: float) -> None:
        """Move the rows of members `share` of the way to the sum of word and manner.

        Args:
            rows: `[entries, width]`, changed in place.
            share: 0 to 1.
        """
        own = rows[self.entries]
        manners = torch.zeros_like(own)
        for _ in range(_SWEEPS):
            words = _means(own - manners, self.family)
            manners = _means(own - words, self.manner)
        rows[self.entries] = own.lerp(words + manners, share)


def _means(rows: Tensor, group: Tensor) -> Tensor:
    """For each row `[n, width]` the mean of its group `[n]`."""
    if not len(rows):
        return rows
    groups = int(group.max()) + 1
    sums = rows.new_zeros(groups, rows.shape[1]).index_add_(0, group, rows)
    return (sums / torch.bincount(group, minlength=groups).clamp(min=1)[:, None])[group]
