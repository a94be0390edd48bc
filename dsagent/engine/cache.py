"""What the model keeps of a sequence: rings and pools addressed by absolute position.

State is a function of position. A ring slot is ``position mod size``; an entry is
``position // ratio``. Rings are ``SLACK`` wider than what is ever read back, so that a
token computed and then given up is overwritten before its place is read again: rolling
back is starting the next span earlier, and nothing else (model reference §8.3).

Row layout of a layer's ``rows [ring + 1 + entries, d]``: the window ring, a zero row
(the sink's), the compressed entries. The ring fills from its end, position p in slot
``-1 - p mod ring``, so that all a decoded token sees is one contiguous slice, of a
short sequence, too: ``used`` slots before the zero row, and the entries after it.

A stage of the drafter keeps rows ``[1 + SLACK + ring, d]``: a place for the block that
is being drafted, then the ring of its context, position p in slot p mod ring. The
block's n rows end where the ring begins and a zero row stands before them, so that what
a draft sees is one slice, too, while nothing of a block is ever among the context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from dsagent.engine.config import CSA
from dsagent.errors import QueueFull

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.engine.config import ModelConfig

SLACK = 32
"""Longest span that is computed against the rings, and how far one may roll back."""


@dataclass(slots=True)
class LayerState:
    """One layer's storage for one sequence."""

    rows: Tensor
    """Window ring, sink row, entries: ``[W + SLACK + 1 + entries, d]``."""
    raw: Tensor | None
    """Ring of projected compressor rows (kv and z of every compressor of the layer)."""
    index: Tensor | None
    """Index keys, one an entry ``[entries, di]`` (ratio 4)."""

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        return sum(
            t.numel() * t.element_size()
            for t in (self.rows, self.raw, self.index)
            if t is not None
        )


class Cache:
    """Storage for up to ``slots`` sequences of together ``max_tokens`` tokens."""

    def __init__(
        self,
        config: ModelConfig,
        slots: int,
        max_tokens: int,
        device: torch.device,
        stages: int = 0,
    ) -> None:
        self.config = config
        self.stages = stages
        self.capacity = max_tokens
        self.ring = config.sliding_window + SLACK
        self._device = device
        self._slots = slots
        self._free = list(range(slots))[::-1]
        self._states: dict[int, list[LayerState]] = {}
        self._drafts: dict[int, list[Tensor]] = {}
        self._reserved: dict[int, int] = {}

    def alloc(self, capacity_tokens: int) -> int:
        """Storage for a sequence that will never be longer than this.

        Raises:
            QueueFull: no slot is left, or not so many tokens.
        """
        room = self.capacity - sum(self._reserved.values())
        if not self._free or capacity_tokens > room:
            raise QueueFull(
                f"the cache has {len(self._free)} of {self._slots} slots and {room} of "
                f"{self.capacity} tokens left; {capacity_tokens} tokens were asked for"
            )
        slot = self._free.pop()
        self._reserved[slot] = capacity_tokens
        self._states[slot] = [
            self._layer(ratio, capacity_tokens) for ratio in self.config.compress_ratios
        ]
        drafts = (1 + SLACK + self.ring, self.config.head_dim)
        self._drafts[slot] = [self._zeros(*drafts) for _ in range(self.stages)]
        return slot

    def free(self, slot: int) -> None:
        """Give a sequence's storage back."""
        del self._states[slot], self._drafts[slot], self._reserved[slot]
        self._free.append(slot)

    def layers(self, slot: int) -> list[LayerState]:
        """A sequence's storage, layer by layer."""
        return self._states[slot]

    def drafts(self, slot: int) -> list[Tensor]:
        """What the drafter keeps of a sequence, stage by stage."""
        return self._drafts[slot]

    @property
    def nbytes(self) -> int:
        """Bytes held for sequences now."""
        layers = sum(s.nbytes for states in self._states.values() for s in states)
        stages = sum(rows.nbytes for each in self._drafts.values() for rows in each)
        return layers + stages

    def _layer(self, ratio: int, tokens: int) -> LayerState:
        c = self.config
        entries = tokens // ratio if ratio else 0
        rows = self._zeros(self.ring + 1 + entries, c.head_dim)
        if not ratio:
            return LayerState(rows, None, None)
        raw = self._zeros(raw_ring(ratio), raw_width(c, ratio))
        index = self._zeros(entries, c.index_head_dim) if ratio == CSA else None
        return LayerState(rows, raw, index)

    def _zeros(self, n: int, width: int) -> Tensor:
        return torch.zeros(n, width, device=self._device)


def raw_ring(ratio: int) -> int:
    """Size of the ring of raw rows: what an entry pools, and the slack."""
    return (2 * ratio if ratio == CSA else ratio) + SLACK


def raw_width(config: ModelConfig, ratio: int) -> int:
    """Channels of a raw row: kv and z of the layer's compressor and indexer."""
    if ratio == CSA:
        return 4 * (config.head_dim + config.index_head_dim)
    return 2 * config.head_dim
