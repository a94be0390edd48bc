"""What the model keeps of sequences: rings of their own, and pages of shared pools.

State is a function of position. A ring slot is ``position mod size`` (``rings.py``); an
entry is ``position // ratio`` and lies in the page of its tokens (``pages.py``). Rings
are ``SLACK`` wider than what is ever read back, so that a token computed and then given
up is overwritten before its place is read again: rolling back is starting the next span
earlier, and nothing else (model reference §8.3).

What a sequence leaves behind is therefore two things. Its *pages* hold what the whole
past is compressed to and are shared as they are. Its *residue* at a position is the
rest, what the rings hold of the rows just before it; it doesn't grow with the text, and
whoever goes on from there begins with a copy.

A layer's window ring ``[W + SLACK + 1, d]`` ends in a zero row, the sink's. A stage of
the drafter keeps rows ``[1 + SLACK + ring, d]``: a place for the block that is being
drafted, then the ring of its context, position p in slot p mod ring. The block's n rows
end where the ring begins and a zero row stands before them, so that what a draft sees
is one slice, too, while nothing of a block is ever among the context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from dsagent.engine.config import CSA
from dsagent.engine.memory import FLOAT, PAGE, SLACK, Footprint, raw_rows, raw_width
from dsagent.engine.pages import Entries, Pages, Table
from dsagent.engine.rings import read_ring, read_window, write_ring, write_window
from dsagent.errors import QueueFull
from dsagent.kernels.rows import index_rows, kv_rows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeGuard

    from torch import Tensor

    from dsagent.engine.config import CacheFormat, ModelConfig
    from dsagent.kernels.layout import IndexFormat, KvFormat
    from dsagent.kernels.rows import RowFormat

FORMATS: Final[Mapping[CacheFormat, tuple[KvFormat, IndexFormat]]] = {
    "float32": ("float32", "float32"),
    "bfloat16": ("bfloat16", "bfloat16"),
    "fp8": ("fp8", "fp8"),
    "fp8-fp4": ("fp8", "fp4"),
}
"""How entries and index keys are stored, by the name of both."""


@dataclass(slots=True)
class LayerState:
    """One layer's storage for one sequence."""

    ring: Tensor
    """Window ring and sink row ``[W + SLACK + 1, d]``."""
    raw: Tensor | None
    """Ring of projected compressor rows (kv and z of every compressor of the layer)."""
    entries: Entries | None
    """Compressed entries, ``d`` wide."""
    index: Entries | None
    """Index keys, one an entry (ratio 4)."""


@dataclass(frozen=True, slots=True)
class Residue:
    """What rings hold just before a position, in order of position. Never changed."""

    position: int
    windows: tuple[Tensor, ...]
    """A layer: rows of the window ``[min(position, W), d]``."""
    raw: tuple[Tensor | None, ...]
    """A layer: the rows that entries yet to come are made of."""
    drafts: tuple[Tensor, ...] | None
    """A stage: rows of its context. ``None`` if the drafter wasn't told of them."""

    @property
    def nbytes(self) -> int:
        """Bytes of all of it."""
        parts = (*self.windows, *self.raw, *(self.drafts or ()))
        return sum(part.nbytes for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a sequence goes on: what another one left at a position."""

    pages: tuple[int, ...]
    """Those of the tokens before it; the last may be full in part."""
    residue: Residue

    @property
    def position(self) -> int:
        return self.residue.position

    @property
    def full(self) -> tuple[int, ...]:
        """The pages that are full: nobody writes to them again, so they are shared."""
        return self.pages[: self.position // PAGE]


@dataclass(slots=True)
class _Rings:
    """One sequence's rings: as large for all, so that they serve one after another."""

    windows: list[Tensor]
    raw: list[Tensor | None]
    drafts: list[Tensor]


@dataclass(slots=True)
class _Held:
    """An open sequence."""

    rings: _Rings
    pages: list[int]
    layers: list[LayerState]


class Cache:
    """Rings for up to ``slots`` sequences, and ``pages`` pages for all of them.

    The pools are laid out at once, but on a CPU a page takes memory when it is first
    written to.
    """

    page = PAGE
    """Tokens of a page."""

    def __init__(
        self,
        config: ModelConfig,
        slots: int,
        pages: int,
        device: torch.device,
        stages: int = 0,
        stored: CacheFormat = "float32",
    ) -> None:
        self.config = config
        self.stored: CacheFormat = stored
        self.stages = stages
        self.slots = slots
        self.ring = config.sliding_window + SLACK
        self.pages = Pages(pages)
        self.residues = 0
        """Bytes that residues may take, if they are kept."""
        self._device = device
        self._free = list(range(slots))[::-1]
        self._held: dict[int, _Held] = {}
        self._spare: list[_Rings] = []
        kv, index = FORMATS[stored]
        self._entry = kv_rows(kv, config.head_dim, config.qk_rope_head_dim)
        self._key = index_rows(index, config.index_head_dim)
        self._pools = [self._pool(ratio) for ratio in config.compress_ratios]

    @property
    def capacity(self) -> int:
        """Tokens that all pages together have room for."""
        return self.pages.count * PAGE

    def alloc(self, capacity_tokens: int, start: Start | None = None) -> int:
        """Storage for a sequence that will never be longer than this.

        Args:
            capacity_tokens: Its length, at most.
            start: What it goes on from; its pages that are full are shared, not copied,
                and must be held by somebody. The last one is copied, and may be free
                by now: what lies in a page stays until somebody writes there.

        Raises:
            QueueFull: no slot is left, or not so many pages.
        """
        if not self._free:
            raise QueueFull(f"all {self.slots} slots of the cache are in use")
        shared = start.full if start else ()
        pages = [*shared, *self.pages.take(self.needs(capacity_tokens, start))]
        self.pages.hold(shared)
        slot = self._free.pop()
        table = Table(pages)
        rings = self._spare.pop() if self._spare else self._new_rings()
        layers = [
            self._layer(i, ratio, rings, table)
            for i, ratio in enumerate(self.config.compress_ratios)
        ]
        self._held[slot] = _Held(rings, pages, layers)
        if start is not None:
            if start.position % PAGE:
                self._copy_page(start.pages[len(shared)], pages[len(shared)])
            self._refill(rings, start.residue)
        return slot

    def needs(self, capacity_tokens: int, start: Start | None = None) -> int:
        """How many free pages ``alloc`` takes."""
        shared = start.position // PAGE if start else 0
        return -(-capacity_tokens // PAGE) - shared

    def free(self, slot: int) -> None:
        """Give a sequence's storage back."""
        held = self._held.pop(slot)
        self.pages.drop(held.pages)
        self._spare.append(held.rings)
        self._free.append(slot)

    def layers(self, slot: int) -> list[LayerState]:
        """A sequence's storage, layer by layer."""
        return self._held[slot].layers

    def drafts(self, slot: int) -> list[Tensor]:
        """What the drafter keeps of a sequence, stage by stage."""
        return self._held[slot].rings.drafts

    def start(self, slot: int, position: int, *, drafts: bool = True) -> Start:
        """What somebody needs to go on from ``position`` as the sequence stands now.

        That must be its newest position, or one of the last few (``SLACK``). Its pages
        are named, not held.
        """
        held, c = self._held[slot], self.config
        rings, near = held.rings, min(position, c.sliding_window)
        windows = tuple(
            read_window(ring[:-1], position, near).clone() for ring in rings.windows
        )
        raw = tuple(
            None if ring is None else _read_raw(ring, position, ratio)
            for ring, ratio in zip(rings.raw, c.compress_ratios, strict=True)
        )
        context = None
        if drafts:
            context = tuple(
                read_ring(rows[1 + SLACK :], position - near, near).clone()
                for rows in rings.drafts
            )
        pages = held.pages[: -(-position // PAGE)]
        return Start(tuple(pages), Residue(position, windows, raw, context))

    def export(self, start: Start) -> dict[str, Tensor]:
        """All that :meth:`load` needs to make the same of a fresh sequence.

        Pages that are held don't change, so this may be asked for in any thread.
        """
        p, residue = start.position, start.residue
        found: dict[str, Tensor] = {}
        table = Table(start.pages)
        for i, ratio in enumerate(self.config.compress_ratios):
            found[f"layers.{i}.window"] = residue.windows[i]
            raw = residue.raw[i]
            if raw is None:
                continue
            found[f"layers.{i}.raw"] = raw
            for name, pool in zip(("entries", "index"), self._pools[i], strict=True):
                if pool is not None:
                    rows = Entries(pool, PAGE // ratio, table).as_stored(0, p // ratio)
                    found[f"layers.{i}.{name}"] = torch.cat([pool[:0], *rows])
        for i, context in enumerate(residue.drafts or ()):
            found[f"stages.{i}.context"] = context
        return found

    def load(
        self, slot: int, position: int, tensors: Mapping[str, Tensor], first: int = 0
    ) -> None:
        """Put what ``export`` gave into the storage of a sequence.

        Args:
            slot: The sequence's.
            position: Where it goes on.
            tensors: What was exported there.
            first: Tokens, in whole pages, whose entries it shares with others already.

        Raises:
            ValueError: it isn't what this model leaves behind at that position. Nothing
                was changed.
        """
        residue = self._residue(position, tensors)
        layers = enumerate(self._held[slot].layers)
        found: list[tuple[Entries, int, Tensor]] = []
        for i, state in layers:
            ratio = self.config.compress_ratios[i]
            for name, entries in (("entries", state.entries), ("index", state.index)):
                if entries is None:
                    continue
                rows = tensors.get(f"layers.{i}.{name}")
                if not _is(rows, position // ratio, entries.width, entries.dtype):
                    raise ValueError(f"the {name} of layer {i} have another shape")
                found.append((entries, first // ratio, rows))
        for entries, start, rows in found:
            entries.restore(start, rows[start:])
        self._refill(self._held[slot].rings, residue)

    def _residue(self, position: int, tensors: Mapping[str, Tensor]) -> Residue:
        """That of what was exported, checked."""
        c, get = self.config, tensors.get
        near, layers = min(position, c.sliding_window), range(len(c.compress_ratios))
        windows = [get(f"layers.{i}.window") for i in layers]
        raw = [get(f"layers.{i}.raw") for i in layers]
        stages = [get(f"stages.{i}.context") for i in range(self.stages)]
        whole = [rows for rows in windows if _is(rows, near, c.head_dim)]
        context = [rows for rows in stages if _is(rows, near, c.head_dim)]
        if len(whole) < len(layers) or len(context) < self.stages:
            raise ValueError("a window isn't there or has another shape")
        for i, ratio in enumerate(c.compress_ratios):
            n = position - _raw_from(position, ratio) if ratio else 0
            if ratio and not _is(raw[i], n, raw_width(c, ratio)):
                raise ValueError(f"the raw rows of layer {i} have another shape")
        return Residue(position, tuple(whole), tuple(raw), tuple(context))

    @property
    def nbytes(self) -> int:
        """Bytes that open sequences hold now, pages they share counted once."""
        pages = {page for held in self._held.values() for page in held.pages}
        return len(self._held) * self.slot_bytes + len(pages) * self.page_bytes

    @property
    def slot_bytes(self) -> int:
        """Bytes of one sequence's rings."""
        return slot_bytes(self.config, self.stages)

    @property
    def page_bytes(self) -> int:
        """Bytes of a page."""
        return page_bytes(self.config, self.stored)

    @property
    def rings_held(self) -> int:
        """Sequences' rings there are, spare ones included."""
        return len(self._held) + len(self._spare)

    def _pool(self, ratio: int) -> tuple[Tensor | None, Tensor | None]:
        """A layer's entries and index keys, of all pages."""
        if not ratio:
            return None, None
        rows = self.pages.count * (PAGE // ratio)
        index = self._rows(rows, self._key) if ratio == CSA else None
        return self._rows(rows, self._entry), index

    def _new_rings(self) -> _Rings:
        c = self.config
        return _Rings(
            [self._zeros(self.ring + 1, c.head_dim) for _ in c.compress_ratios],
            [
                self._zeros(raw_rows(ratio) + SLACK, raw_width(c, ratio))
                if ratio
                else None
                for ratio in c.compress_ratios
            ],
            [
                self._zeros(1 + SLACK + self.ring, c.head_dim)
                for _ in range(self.stages)
            ],
        )

    def _layer(self, i: int, ratio: int, rings: _Rings, table: Table) -> LayerState:
        window, raw = rings.windows[i], rings.raw[i]
        entries, index = self._pools[i]
        if entries is None:
            return LayerState(window, None, None, None)
        each = PAGE // ratio
        keys = None
        if index is not None:
            keys = Entries(index, each, table, _unless_plain(self._key))
        rows = Entries(entries, each, table, _unless_plain(self._entry))
        return LayerState(window, raw, rows, keys)

    def _copy_page(self, source: int, target: int) -> None:
        for ratio, pools in zip(self.config.compress_ratios, self._pools, strict=True):
            each = PAGE // ratio if ratio else 0
            for pool in pools:
                if pool is not None:
                    rows = pool[source * each : (source + 1) * each]
                    pool[target * each : (target + 1) * each] = rows

    def _refill(self, rings: _Rings, residue: Residue) -> None:
        """Put a residue's rows in their places."""
        p, ratios = residue.position, self.config.compress_ratios
        for ring, rows in zip(rings.windows, residue.windows, strict=True):
            write_window(ring[:-1], rows, p)
        for ratio, raw, pooled in zip(ratios, rings.raw, residue.raw, strict=True):
            if raw is not None and pooled is not None:
                write_ring(raw, pooled, _raw_from(p, ratio))
        for context, rows in zip(rings.drafts, residue.drafts or (), strict=False):
            write_ring(context[1 + SLACK :], rows, p - len(rows))

    def _rows(self, n: int, stored: RowFormat) -> Tensor:
        return torch.zeros(n, stored.width, dtype=stored.dtype, device=self._device)

    def _zeros(self, n: int, width: int) -> Tensor:
        return torch.zeros(n, width, device=self._device)


def _is(
    rows: Tensor | None, n: int, width: int, dtype: torch.dtype = torch.float32
) -> TypeGuard[Tensor]:
    """Whether there are n rows of a width."""
    return rows is not None and rows.shape == (n, width) and rows.dtype == dtype


def _unless_plain(stored: RowFormat) -> RowFormat | None:
    return None if stored.dtype == torch.float32 else stored


def slot_bytes(config: ModelConfig, stages: int) -> int:
    """Bytes of one sequence's rings, with a drafter of so many stages: those of the
    arithmetic, the sinks' rows, and room for a block in every stage."""
    spare = config.num_hidden_layers + stages * (1 + SLACK)
    rings = Footprint.of(config, stages=stages, rings="float32").rings
    return rings + FLOAT * spare * config.head_dim


def page_bytes(config: ModelConfig, stored: CacheFormat = "float32") -> int:
    """Bytes of one page in the pools of all layers."""
    kv, index = FORMATS[stored]
    return Footprint.of(config, kv=kv, index=index).page


def _raw_from(position: int, ratio: int) -> int:
    """The first raw row that an entry closing after ``position`` is made of."""
    window = position // ratio - (ratio == CSA)
    return max(0, window) * ratio


def _read_raw(ring: Tensor, position: int, ratio: int) -> Tensor:
    first = _raw_from(position, ratio)
    return read_ring(ring, first, position - first).clone()
