"""One step's tokens, of many sequences, as flat tensors.

The only place that knows raggedness: everything that works token by token sees N rows,
and what depends on a sequence walks the spans.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Span:
    """A run of consecutive tokens of one sequence.

    A later step may start before this one's end: what it recomputes replaces what was
    there, which is all that rolling back takes.
    """

    slot: int
    """Whose storage, from ``Cache.alloc``."""
    start: int
    """Absolute position of the first token."""
    length: int
    offset: int
    """Its first row in the flat batch."""

    @property
    def end(self) -> int:
        """Absolute position after the last token."""
        return self.start + self.length

    @property
    def rows(self) -> slice:
        """Its rows in the flat batch."""
        return slice(self.offset, self.offset + self.length)


@dataclass(frozen=True, slots=True)
class Batch:
    """N tokens in spans; spans are in row order and cover every row."""

    ids: Tensor
    """Token ids ``[N]``, int64."""
    positions: Tensor
    """Absolute positions ``[N]``, int64."""
    spans: tuple[Span, ...]
    logit_rows: Tensor
    """Rows whose logits are wanted ``[R]``, int64, ascending."""
    tap_rows: Tensor | None = None
    """Rows whose taps, the drafter's input, are wanted ``[P]``, int64, ascending."""
