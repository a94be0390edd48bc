"""A transformer small enough to predict, and strict enough to catch mix-ups.

The logits of a row are a pseudo-random function of its position and of the last tokens
*as they stand in the slot's storage*. Reading another slot's rows, a wrong position, a
token that was never written, or rows left by a previous owner therefore changes every
following token, and ``reference`` says from the formula what the tokens must be.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dsagent.engine.batch import Batch
    from dsagent.engine.dspark import Anchor
    from dsagent.engine.request import Sampling

MEMORY = 6
"""How many tokens back the fake looks."""
UNWRITTEN = -1
WINDOW = 8
"""How far back a fake drafter must have been told of."""


@dataclass(frozen=True)
class FakeConfig:
    vocab_size: int = 97
    max_position_embeddings: int = 4096
    sliding_window: int = WINDOW


class FakeCache:
    """One int64 row of storage per slot, poisoned when it changes hands.

    Its page is a token, of a byte, and nothing is kept for others.
    """

    page = 1
    page_bytes = 1
    residues = 0

    def __init__(self, slots: int, max_tokens: int) -> None:
        self.capacity = max_tokens
        self.slots = slots
        self.free_slots = list(range(slots))
        self.rows: dict[int, np.ndarray] = {}
        self.frees = 0

    def alloc(self, capacity_tokens: int, start: None = None) -> int:
        assert start is None
        used = sum(len(row) for row in self.rows.values())
        assert used + capacity_tokens <= self.capacity, "over the token budget"
        slot = self.free_slots.pop()
        self.rows[slot] = np.full(capacity_tokens, UNWRITTEN)
        return slot

    def free(self, slot: int) -> None:
        del self.rows[slot]
        self.free_slots.append(slot)
        self.frees += 1

    @property
    def nbytes(self) -> int:
        return sum(row.nbytes for row in self.rows.values())


@dataclass
class FakeTransformer:
    """Counts what it is given. ``gate`` holds a step back, ``before`` looks at it."""

    config: FakeConfig = field(default_factory=FakeConfig)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    scale: float = 3.0
    before: Callable[[Batch], None] | None = None
    gate: threading.Semaphore | None = None
    """One release lets one step through; None lets all through."""
    entered: threading.Event = field(default_factory=threading.Event)
    """Set when a step has begun."""
    batches: list[tuple[tuple[int, int, int], ...]] = field(default_factory=list)
    """(slot, start, length) of every span of every forward."""
    cache: FakeCache | None = None
    memory: int = MEMORY
    fingerprint: str = "fake"
    drafter: FakeDrafter | None = None

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(11)
        self.table = torch.randn(4096, self.config.vocab_size, generator=generator)
        self.table *= self.scale

    def new_cache(self, slots: int, max_tokens: int) -> FakeCache:
        self.cache = FakeCache(slots, max_tokens)
        return self.cache

    def planned_cache(
        self,
        memory: int | None,
        slots: int,
        context: int | None,
        stored: str = "float32",
    ) -> FakeCache:
        return self.new_cache(slots, memory or 131_072)

    def step(self, batch: Batch, cache: FakeCache) -> FakeOutput:
        self.batches.append(tuple((s.slot, s.start, s.length) for s in batch.spans))
        self.entered.set()
        gate = self.gate
        if gate is not None:
            assert gate.acquire(timeout=30)
        if self.before is not None:
            self.before(batch)
        ids, positions = batch.ids.tolist(), batch.positions.tolist()
        wanted = set(batch.logit_rows.tolist())
        rows: dict[int, int] = {}
        for span in batch.spans:
            storage = cache.rows[span.slot]
            if span.start == 0 and self.drafter is not None:
                self.drafter.remembered.pop(span.slot, None)
            for row in range(span.offset, span.offset + span.length):
                position = span.start + row - span.offset
                assert positions[row] == position
                storage[position] = ids[row]
                if row in wanted:
                    known = storage[: position + 1].tolist()
                    rows[row] = fingerprint(known, self.memory)
        logits = self.table[[rows[row] for row in batch.logit_rows.tolist()]]
        # As the real one does, whose config then has no layers to tap.
        assert self.drafter is not None or batch.tap_rows is None
        return FakeOutput(logits, batch.tap_rows)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No step ends inside the block, so what is submitted there is together."""
        self.gate = threading.Semaphore(0)
        yield
        self.open_gate()

    def open_gate(self) -> None:
        """Let every step through from now on."""
        gate, self.gate = self.gate, None
        if gate is not None:
            gate.release()

    def logits_after(self, tokens: Sequence[int]) -> torch.Tensor:
        """What the model says after ``tokens``, without any storage: [V]."""
        return self.table[fingerprint(tokens, self.memory)]


@dataclass(frozen=True)
class FakeOutput:
    logits: torch.Tensor
    taps: torch.Tensor | None
    """The rows themselves: what a fake drafter has to remember is only that."""


@dataclass
class FakeBlock:
    """The anchors' positions."""

    positions: list[int]


@dataclass
class FakeDrafter:
    """Drafts from the token before and its position, well or badly.

    ``guess`` gives the logits ``[V]`` of a draft, ``score`` its confidence logit, both
    from (the position drafted for, the token before).
    """

    guess: Callable[[int, int], torch.Tensor]
    score: Callable[[int, int], float] = lambda position, token: 1.0
    block_size: int = 5
    remembered: dict[int, set[int]] = field(default_factory=dict)
    """Positions by slot; a block must find the window before it complete."""
    blocks: int = 0

    def remember(self, taps: torch.Tensor, batch: Batch, cache: FakeCache) -> None:
        assert batch.tap_rows is not None
        assert torch.equal(taps, batch.tap_rows)
        rows = set(batch.tap_rows.tolist())
        for span in batch.spans:
            known = self.remembered.setdefault(span.slot, set())
            known |= {
                span.start + row - span.offset
                for row in range(span.offset, span.offset + span.length)
                if row in rows
            }

    def block(
        self, anchors: Sequence[Anchor], cache: FakeCache, rows: int | None = None
    ) -> FakeBlock:
        self.blocks += 1
        for anchor in anchors:
            window = range(max(0, anchor.position - WINDOW), anchor.position)
            assert self.remembered.get(anchor.slot, set()).issuperset(window)
        return FakeBlock([anchor.position for anchor in anchors])

    def markov(
        self, block: FakeBlock, i: int, previous: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        places = [position + i + 1 for position in block.positions]
        pairs = list(zip(places, previous.tolist(), strict=True))
        logits = torch.stack([self.guess(*pair) for pair in pairs])
        return logits, torch.tensor([self.score(*pair) for pair in pairs])


def fingerprint(tokens: Sequence[int], memory: int = MEMORY) -> int:
    """A row of the fake's table, from the length and the last few tokens."""
    last = tokens[-memory:]
    assert UNWRITTEN not in last, "read a position that was never written"
    value = len(tokens)
    for token in last:
        value = (value * 1_000_003 + token + 1) % 2_147_483_647
    return value % 4096


def reference(
    fake: FakeTransformer,
    prompt: Sequence[int],
    length: int,
    sampling: Sampling,
    stop_ids: frozenset[int] = frozenset(),
) -> tuple[int, ...]:
    """The ids a request must produce, one by one from the definition."""
    from dsagent.engine.sampler import Draw, sample

    tokens = list(prompt)
    for _ in range(length):
        logits = fake.logits_after(tokens).unsqueeze(0)
        if sampling.greedy:
            token: int | None = int(logits.argmax())
        else:
            assert sampling.seed is not None
            token = sample(logits, [Draw(sampling, sampling.seed, len(tokens))])[0]
        assert token is not None
        tokens.append(token)
        if token in stop_ids:
            break
    return tuple(tokens[len(prompt) :])
