"""One number of bytes, divided: rings, residues, pages.

Rings are as many as sequences may run, but never more than half of all, so that few
long sequences fit where many would not. Of what is left a third is for the residues of
checkpoints and the rest for pages. A part that isn't used isn't lent to another: what a
request may count on doesn't depend on what ran before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dsagent.engine.memory import PAGE
from dsagent.errors import MemoryTooSmall

DEFAULT: Final = 1 << 30
"""Bytes, if nobody says."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a budget is divided."""

    slots: int
    """Sequences that may run together."""
    pages: int
    residues: int
    """Bytes."""


def divide(
    memory: int | None, *, slots: int, slot: int, page: int, context: int | None
) -> Plan:
    """Divide ``memory`` bytes.

    Args:
        memory: All there is; ``None``: ``DEFAULT``, or what ``context`` takes.
        slots: Sequences that may run together, at most.
        slot: Bytes of a sequence's rings.
        page: Bytes of a page.
        context: Tokens that one sequence is to have room for, if memory isn't given.

    Raises:
        MemoryTooSmall: one sequence of one page doesn't fit.
    """
    if memory is None:
        longest = 0 if context is None else -(-context // PAGE) * page
        memory = max(DEFAULT, 2 * slot + 3 * longest)
    if memory < slot + page:
        raise MemoryTooSmall(
            f"EngineConfig.memory is {memory:,} bytes, but one conversation of this "
            f"model takes {slot + page:,} at least: {slot:,} whatever its length and "
            f"{page:,} for every {PAGE} tokens"
        )
    slots = max(1, min(slots, memory // 2 // slot, (memory - page) // slot))
    left = memory - slots * slot
    # Without compressed layers a page takes nothing; a million tokens then are enough.
    pages = max(1, left * 2 // 3 // page) if page else 4096 * slots
    return Plan(slots, pages, left - pages * page)
