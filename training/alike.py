"""Entries of the vocabulary that spell the same word, drawn together.

A byte-level vocabulary holds "price", " price" and "Price" as three entries that have
nothing in common, and a small model meets each too rarely to find out that they mean
the same. While it trains, their embeddings are drawn to their mean, as weight decay
draws weights to zero: what tells them apart stays as far as it is needed, and what one
of them learns reaches the others. Only what is read is drawn together; the head, which
has to spell exactly, is left alone.
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


def families(vocabulary: dict[str, int]) -> Tensor:
    """The family of every entry, `[entries]` int64; most entries are alone in theirs.

    Entries are of one family if they differ in capitals and a leading space only, and
    have three letters or more and nothing else.
    """
    family = torch.arange(max(vocabulary.values()) + 1)
    first: dict[str, int] = {}
    for text, entry in sorted(vocabulary.items(), key=lambda item: item[1]):
        word = text.removeprefix(_SPACE).lower()
        if len(word) >= _SHORTEST and word.isascii() and word.isalpha():
            family[entry] = first.setdefault(word, entry)
    return family


class Alike:
    """Draws the embeddings of a vocabulary's families together."""

    def __init__(self, tokenizer: Path) -> None:
        self.family = families(Tokenizer.from_file(str(tokenizer)).get_vocab())
        self.members = torch.bincount(self.family, minlength=len(self.family))

    @torch.no_grad()
    def draw(self, embedding: Tensor, share: float) -> None:
        """Move each row `share` of the way to its family's mean, in place.

        Args:
            embedding: `[entries, width]`.
            share: 0 to 1.
        """
        sums = torch.zeros_like(embedding).index_add_(0, self.family, embedding)
        means = sums / self.members.clamp(min=1)[:, None]
        embedding.lerp_(means[self.family], share)
