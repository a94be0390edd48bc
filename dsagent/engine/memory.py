"""How many bytes sequences take: arithmetic on sizes, without torch or a model.

Of every sequence the engine keeps two kinds of state (model reference §8). What grows
with it is paged: a page holds the entries of 256 tokens, in all layers together. What
doesn't are rings: the window's rows, what is not compressed yet, the drafter's context.
A checkpoint is as much of the rings as it takes to go on from a position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dsagent.engine.config import CSA, HCA
from dsagent.kernels.layout import index_bytes, kv_bytes

if TYPE_CHECKING:
    from dsagent.engine.config import ModelConfig
    from dsagent.kernels.layout import IndexFormat, KvFormat

PAGE: Final = 256
"""Tokens of a page: 64 entries of every ratio-4 layer, 2 of every ratio-128 layer."""
SLACK: Final = 32
"""Rows that rings are longer than what is read back: how far one may roll back."""
FLOAT: Final = 4
"""Bytes of a float32, which raw rows always are."""


def raw_rows(ratio: int) -> int:
    """Raw rows that one entry pools: those of its window, for ratio 4 of two."""
    return 2 * ratio if ratio == CSA else ratio


def raw_width(config: ModelConfig, ratio: int) -> int:
    """Channels of a raw row: kv and z of the layer's compressor and indexer."""
    if ratio == CSA:
        return 4 * (config.head_dim + config.index_head_dim)
    return 2 * config.head_dim


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What sequences of one model take, stored in one way."""

    kv_row: int
    """Bytes of a row of an entry."""
    ring_row: int
    """Bytes of a row of a window, the drafter's too."""
    index_row: int
    window: int
    """Rows that a token sees of the window."""
    layers: int
    csa: int
    """Layers of ratio 4."""
    hca: int
    """Layers of ratio 128."""
    stages: int
    """Stages of the drafter."""
    csa_raw: int
    """Bytes of a raw row of a ratio-4 layer."""
    hca_raw: int

    @classmethod
    def of(
        cls,
        config: ModelConfig,
        *,
        stages: int = 0,
        kv: KvFormat = "float32",
        index: IndexFormat = "float32",
        rings: KvFormat | None = None,
    ) -> Footprint:
        """Of a model with so many drafter stages, in formats by name.

        ``rings`` is the format of windows, like that of entries unless named.
        """
        row = (config.head_dim, config.qk_rope_head_dim)
        return cls(
            kv_row=kv_bytes(kv, *row),
            ring_row=kv_bytes(rings or kv, *row),
            index_row=index_bytes(index, config.index_head_dim),
            window=config.sliding_window,
            layers=config.num_hidden_layers,
            csa=config.compress_ratios.count(CSA),
            hca=config.compress_ratios.count(HCA),
            stages=stages,
            csa_raw=FLOAT * raw_width(config, CSA),
            hca_raw=FLOAT * raw_width(config, HCA),
        )

    @property
    def page(self) -> int:
        """Bytes of a page: 256 tokens' entries and index rows."""
        csa = self.csa * (self.kv_row + self.index_row) * (PAGE // CSA)
        return csa + self.hca * self.kv_row * (PAGE // HCA)

    @property
    def token(self) -> float:
        """Bytes by which a sequence grows with a token."""
        return self.page / PAGE

    @property
    def windows(self) -> int:
        """Bytes of a sequence's window rings."""
        return self.layers * (self.window + SLACK) * self.ring_row

    @property
    def raw(self) -> int:
        """Bytes of a sequence's rings of raw rows."""
        csa = self.csa * (raw_rows(CSA) + SLACK) * self.csa_raw
        return csa + self.hca * (raw_rows(HCA) + SLACK) * self.hca_raw

    @property
    def drafts(self) -> int:
        """Bytes of a sequence's rings of the drafter's context."""
        return self.stages * (self.window + SLACK) * self.ring_row

    @property
    def rings(self) -> int:
        """Bytes that every sequence takes, however short."""
        return self.windows + self.raw + self.drafts

    def pages(self, tokens: int) -> int:
        """Pages that a sequence of so many tokens needs."""
        return -(-tokens // PAGE)

    def sequence(self, tokens: int) -> int:
        """Bytes of a sequence of so many tokens, in pages of its own."""
        return self.rings + self.pages(tokens) * self.page

    def checkpoint(self, position: int) -> int:
        """Bytes without which a sequence can't go on from ``position``.

        The window before the next token, raw rows of the windows that aren't closed and
        of the closed one that the next ratio-4 entry also pools, and the drafter's
        context. At the end of a page no ratio-128 window is open.
        """
        seen = min(position, self.window - 1)
        open_csa = position - max(0, position // CSA - 1) * CSA
        open_hca = position % HCA
        return (
            self.layers * seen * self.ring_row
            + self.csa * open_csa * self.csa_raw
            + self.hca * open_hca * self.hca_raw
            + self.stages * min(position, self.window) * self.ring_row
        )


@dataclass(frozen=True, slots=True)
class Share:
    """Bytes of one kind: how many there are, and may be."""

    held: int
    limit: int | None = None
    """``None`` where only the budget limits it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Where an engine's bytes are. ``str`` of it is a table."""

    budget: int
    """What sequences, checkpoints and pages may take together."""
    weights: Share
    """The model's; not part of the budget."""
    sequences: Share
    """Rings of the sequences that run."""
    checkpoints: Share
    """What is kept to go on from the end of a prefix."""
    pages: Share
    """Entries, of running sequences and of prefixes."""

    @property
    def held(self) -> int:
        """Bytes of the budget that are in use."""
        return self.sequences.held + self.checkpoints.held + self.pages.held

    @property
    def free(self) -> int:
        """Bytes of the budget that are not."""
        return self.budget - self.held

    def __str__(self) -> str:
        rows = [
            ("weights", self.weights),
            ("sequences", self.sequences),
            ("checkpoints", self.checkpoints),
            ("pages", self.pages),
            ("budget", Share(self.held, self.budget)),
        ]
        lines = [f"{'':11} {'held':>10} {'limit':>10}"]
        for name, share in rows:
            limit = "" if share.limit is None else readable(share.limit)
            lines.append(f"{name:11} {readable(share.held):>10} {limit:>10}".rstrip())
        return "\n".join(lines)


def readable(n: int) -> str:
    """Bytes in the unit that leaves the fewest digits before the point."""
    if n < 1024:
        return f"{n} B"
    size, unit = n / 1024, "KiB"
    for larger in ("MiB", "GiB", "TiB"):
        if size < 999.95:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f} {unit}"
