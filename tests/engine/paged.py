"""A model whose only state is in the real cache, and whose tokens have a formula.

It writes what it is given into rings, raw rows and pages, as a real one does, and its
next token is a sum over all that it reads back: the entries of every page, the open
windows, the newest tokens. Whatever is lost, mixed up or overwritten changes the
tokens, and ``said`` says without any cache what they must be. Nothing is multiplied, so
thousands of requests take seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from dsagent.engine.cache import Cache, page_bytes, slot_bytes
from dsagent.engine.memory import PAGE
from dsagent.engine.plan import divide
from dsagent.engine.rings import read_ring, read_window, write_ring, write_window
from tests.engine.models import FLASH

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from dsagent.engine.batch import Batch, Span
    from dsagent.engine.config import CacheFormat

VOCABULARY = 97
CONFIG = replace(
    FLASH,
    vocab_size=VOCABULARY,
    num_hidden_layers=3,
    compress_ratios=(0, 4, 128),
    head_dim=2,
    index_head_dim=2,
    qk_rope_head_dim=2,
    sliding_window=24,
)
SLOT, PAGE_BYTES = slot_bytes(CONFIG, 0), page_bytes(CONFIG)


def memory(slots: int, pages: int) -> int:
    """The least bytes that give so many slots and pages."""
    found = slots * SLOT + pages * PAGE_BYTES
    while True:
        plan = divide(found, slots=slots, slot=SLOT, page=PAGE_BYTES, context=None)
        if plan.slots >= slots and plan.pages >= pages:
            return found
        found += PAGE_BYTES // 8


def said(prompt: Sequence[int], n: int) -> tuple[int, ...]:
    """The n tokens that follow, by the formula."""
    known = list(prompt)
    for _ in range(n):
        total = 0
        for ratio in (4, 128):
            entries = len(known) // ratio
            for e in range(entries):
                window = sum(known[e * ratio : (e + 1) * ratio])
                total += (e % 89 + 1) * (window % VOCABULARY)
            total += 5 * sum(known[entries * ratio :])
        near = known[-CONFIG.sliding_window :]
        total += sum((i + 2) * token for i, token in enumerate(reversed(near)))
        known.append(total % VOCABULARY)
    return tuple(known[len(prompt) :])


@dataclass(frozen=True)
class Output:
    logits: Tensor
    taps: None = None


@dataclass
class PagedFake:
    """Stands in for a transformer."""

    config: object = CONFIG
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    drafter: None = None
    fingerprint: str = "paged"
    before: Callable[[Batch], None] | None = None
    """Called in front of every step."""
    gate: threading.Event | None = None
    """Steps wait until it is set."""
    cache: Cache | None = None

    def planned_cache(
        self,
        memory: int | None,
        slots: int,
        context: int | None,
        stored: CacheFormat = "float32",
    ) -> Cache:
        plan = divide(memory, slots=slots, slot=SLOT, page=PAGE_BYTES, context=context)
        self.cache = Cache(CONFIG, plan.slots, plan.pages, self.device, 0, stored)
        self.cache.residues = plan.residues
        return self.cache

    def step(self, batch: Batch, cache: Cache) -> Output:
        assert self.gate is None or self.gate.wait(30)
        if self.before is not None:
            self.before(batch)
        wanted = set(batch.logit_rows.tolist())
        rows: list[int] = []
        for span in batch.spans:
            ids = batch.ids[span.offset : span.offset + span.length]
            self._write(cache, span, ids.to(torch.float32))
            last = span.offset + span.length - 1
            assert not wanted & set(range(span.offset, last))
            if last in wanted:
                rows.append(self._next(cache, span.slot, span.start + span.length))
        logits = torch.zeros(len(rows), VOCABULARY)
        logits[torch.arange(len(rows)), torch.tensor(rows, dtype=torch.int64)] = 9.0
        return Output(logits)

    def _write(self, cache: Cache, span: Span, ids: Tensor) -> None:
        """Rings, and what closes of the windows. Nobody else may hold those pages."""
        pages = cache._held[span.slot].pages
        for page in pages[span.start // PAGE :]:
            assert cache.pages.holders(page) == 1, "written to a page that is shared"
        end = span.start + span.length
        for layer, ratio in zip(
            cache.layers(span.slot), CONFIG.compress_ratios, strict=True
        ):
            write_window(layer.ring[:-1], ids[:, None].expand(-1, 2), end)
            if layer.raw is None or layer.entries is None:
                continue
            first = span.start // ratio * ratio
            open_ = read_ring(layer.raw, first, span.start - first)[:, 0]
            known = torch.cat((open_, ids))
            closed = len(known) // ratio
            sums = known[: closed * ratio].view(closed, ratio).sum(1) % VOCABULARY
            entries = sums[:, None].expand(-1, 2)
            layer.entries.write(first // ratio, entries)
            if layer.index is not None:
                layer.index.write(first // ratio, entries + 1)
            write_ring(
                layer.raw, ids[:, None].expand(-1, layer.raw.shape[1]), span.start
            )

    def _next(self, cache: Cache, slot: int, n: int) -> int:
        """The token behind n, of what is in the cache."""
        total = 0
        layers = cache.layers(slot)
        for layer, ratio in zip(layers, CONFIG.compress_ratios, strict=True):
            if layer.raw is None or layer.entries is None:
                continue
            count = n // ratio
            values = _column(layer.entries.read(0, count))
            if layer.index is not None:
                assert values == [v - 1 for v in _column(layer.index.read(0, count))]
            total += sum((e % 89 + 1) * value for e, value in enumerate(values))
            total += 5 * sum(_column([read_ring(layer.raw, count * ratio, n % ratio)]))
        near = min(n, CONFIG.sliding_window)
        for layer in layers:
            window = _column([read_window(layer.ring[:-1], n, near)])
        total += sum((i + 2) * token for i, token in enumerate(reversed(window)))
        return total % VOCABULARY


def _column(parts: Sequence[Tensor]) -> list[int]:
    return [int(value) for part in parts for value in part[:, 0].tolist()]
