"""Conversations packed into rows of equal length.

A row is a train of whole conversations, each from its own BOS and seeing nothing of
those before it; what is left at the end is padding without weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from training.data.mix import Tokens

GRID = 4
"""Conversations begin at multiples of it, so that no ratio-4 entry holds two."""
WAITING = 48
"""Conversations held back to fill gaps with."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch, all ``[B, T]``: inputs, what follows, its weight, whether to look.

    ``begins`` is where the conversation of each token begins, ``meanings`` what a text
    means up to a token, -1 where nothing is told.
    """

    ids: Tensor
    begins: Tensor
    targets: Tensor
    weight: Tensor
    keep: Tensor
    meanings: Tensor


class Rows:
    """Draws batches from a source of conversations.

    Args:
        source: Makes one conversation, given a generator and the run's progress.
        rows, length: The batch's shape.
        pad: The id that fills a row's end.
        prompt_weight: Weight of tokens nobody generates.
        prompt_share: Share of those the loss looks at.
    """

    def __init__(
        self,
        source: Callable[[random.Random, float], Tokens],
        *,
        rows: int,
        length: int,
        pad: int,
        prompt_weight: float,
        prompt_share: float,
    ) -> None:
        self.source = source
        self.rows, self.length, self.pad = rows, length, pad
        self.prompt_weight, self.prompt_share = prompt_weight, prompt_share
        self.waiting: list[Tokens] = []

    def draw(self, rng: random.Random, progress: float) -> Packed:
        """A batch of fresh rows."""
        lines = [self._row(rng, progress) for _ in range(self.rows)]
        ids = torch.tensor([line[0] for line in lines])
        weight = torch.tensor([line[1] for line in lines])[:, 1:]
        begins = torch.tensor([line[2] for line in lines])[:, :-1]
        meanings = torch.tensor([line[3] for line in lines])[:, :-1]
        generated = weight >= 1.0
        text = (weight >= 0.0) & (torch.rand(weight.shape) < self.prompt_share)
        weight = torch.where(generated, weight, self.prompt_weight / self.prompt_share)
        keep = generated | text
        return Packed(ids[:, :-1], begins, ids[:, 1:], weight, keep, meanings)

    def _row(
        self, rng: random.Random, progress: float
    ) -> tuple[list[int], list[float], list[int], list[int]]:
        """Whole conversations, the longest that still fits first, then padding."""
        while len(self.waiting) < WAITING:
            tokens = self.source(rng, progress)
            if len(tokens.ids) <= self.length + 1:
                self.waiting.append(tokens)
        ids: list[int] = []
        weight: list[float] = []
        begins: list[int] = []
        meanings: list[int] = []
        room = self.length + 1
        first = True
        while True:
            i = 0 if first else self._longest(room)
            if i is None:
                break
            first = False
            more, w, told = self.waiting.pop(i)
            gap = min(-len(more) % GRID, room - len(more))
            begins += [len(ids)] * (len(more) + gap)
            ids += more + [self.pad] * gap
            weight += [-1.0, *w[1:]] + [-1.0] * gap
            meanings += told + [-1] * gap
            room = self.length + 1 - len(ids)
        return (
            ids + [self.pad] * room,
            weight + [-1.0] * room,
            begins + begins[-1:] * room,
            meanings + [-1] * room,
        )

    def _longest(self, room: int) -> int | None:
        sizes: Sequence[int] = [len(t.ids) for t in self.waiting]
        fitting = [i for i, n in enumerate(sizes) if n <= room]
        return max(fitting, key=sizes.__getitem__, default=None)
