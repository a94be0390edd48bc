"""What the next step computes: every decode, and a bounded piece of prefill.

The rules, each with its reason:

* Every sequence that decodes is in every step, unless its reader is behind. A long
  prompt therefore slows the others by one chunk per step and never stops them.
* At most ``prefill_chunk`` prompt tokens are in a step.
* A chunk ends at a multiple of ``prefill_chunk`` in its own sequence, where the prefix
  cache wants to keep what was computed, or at the end of what is pending. Where a prompt is cut depends on the prompt alone, so a request is
  computed in the same pieces alone and in company.
* Chunks go in turn to the oldest prefill and to the one with the least left. The first
  guarantees that everyone gets through; the second that a question does not wait for
  the book in front of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dsagent.engine.sequence import Sequence


@dataclass(frozen=True, slots=True)
class Work:
    """Tokens ``start`` to ``start + length`` of a sequence, to run in one step."""

    sequence: Sequence
    start: int
    length: int

    @property
    def last(self) -> bool:
        """True when nothing is pending after it and its last row yields a token."""
        sequence = self.sequence
        done = self.start + self.length == len(sequence.tokens)
        return done and sequence.request.max_tokens != 0


class Scheduler:
    """The sequences that hold storage, and the order they compute in."""

    def __init__(self, *, prefill_chunk: int, max_unread: int) -> None:
        self._chunk = prefill_chunk
        self._max_unread = max_unread
        self._running: dict[Sequence, None] = {}
        self._shortest_next = False

    @property
    def running(self) -> list[Sequence]:
        """Oldest first."""
        return list(self._running)

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, sequence: Sequence) -> bool:
        return sequence in self._running

    def add(self, sequence: Sequence) -> None:
        self._running[sequence] = None

    def remove(self, sequence: Sequence) -> None:
        del self._running[sequence]

    def is_paused(self, sequence: Sequence) -> bool:
        """True while ``sequence`` gets no work because its reader is behind."""
        return sequence.mailbox.unread >= self._max_unread

    def plan(self) -> list[Work]:
        """The work of one step, decodes first; empty when there is none."""
        work: list[Work] = []
        prefilling: list[Sequence] = []
        for sequence in self._running:
            if not sequence.decoding:
                prefilling.append(sequence)
            elif not sequence.mailbox.full(self._max_unread):
                work.append(Work(sequence, sequence.computed, 1))
        if prefilling:
            work += self._prefill(prefilling)
        return work

    def _prefill(self, prefilling: list[Sequence]) -> list[Work]:
        if self._shortest_next and len(prefilling) > 1:
            shortest = min(prefilling, key=lambda sequence: sequence.pending)
            prefilling.remove(shortest)
            prefilling.insert(0, shortest)
        self._shortest_next = not self._shortest_next
        work: list[Work] = []
        left = self._chunk
        for sequence in prefilling:
            length = self._chunk_length(sequence)
            if length <= left:
                work.append(Work(sequence, sequence.computed, length))
                left -= length
            if left == 0:
                break
        return work

    def _chunk_length(self, sequence: Sequence) -> int:
        done = sequence.computed
        boundary = (done // self._chunk + 1) * self._chunk
        cut = next((cut for cut in sequence.cuts if cut > done), boundary)
        return min(boundary, cut, len(sequence.tokens)) - done
