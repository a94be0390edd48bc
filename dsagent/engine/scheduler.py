"""What the next step computes: every decode, and a bounded piece of prefill.

The rules, each with its reason:

* Every sequence that decodes is in every step, unless its reader is behind. A long
  prompt therefore slows the others by one piece per step and never stops them.
* At most ``prefill_chunk`` prompt tokens are in a step. Beside decodes there are no
  more than are read in ``stall`` seconds, as far as can be told from the steps before
  (``pace.py``): that is what a reader may notice of somebody else's prompt. ``PIECE``
  tokens are read all the same, or a long prompt would never get through.
* A piece ends at a multiple of ``PIECE`` in its own sequence, at the next place whose
  state the prefix cache wants, or at the end of what is to be read: shapes of tensors
  are few that way.
* Who begins with what an older one is about to read waits for that (following.py).
* Pieces go in turn to the oldest prefill and to the most urgent: of the highest rank,
  the one with the least left. The first guarantees that everyone gets through; the
  second that a question does not wait for the book in front of it. Where there is a
  difference in rank the oldest gets fewer turns.

Where a prompt is cut depends on its company, then, and on the clock. Nothing a token's
state is made of depends on the cut: the model computes the same sums, in another order.
They agree within rounding, like those of batches of different sizes, and like those
behind a prefix that was found in a cache (``tests/engine/test_cuts.py``). To compute
the pieces of a fixed grid as spans of their own, several a step, would not make them
more alike, as the products of a step run over all of its rows.

A sequence that was displaced reads its prompt again, and what it had written but for
the newest token. With that it goes on decoding as if nothing had been: the same
guesses are verified, and the same random numbers used.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from dsagent.engine.following import Following
from dsagent.engine.pace import Pace

if TYPE_CHECKING:
    from dsagent.engine.sequence import Sequence

PIECE: Final = 64
"""Prompt tokens that are read in a step whatever it takes."""
_TURNS: Final = 8
"""Where there are more urgent ones, the oldest prefill has one turn of so many."""


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

    @property
    def decodes(self) -> bool:
        """True when it goes on from a token that was generated. Asked before the step's
        tokens are appended."""
        return self.last and self.sequence.begun


class Scheduler:
    """The sequences that hold storage, and the order they compute in."""

    def __init__(
        self, *, prefill_chunk: int, max_unread: int, stall: float = 0.1
    ) -> None:
        """``stall``: seconds that prefill may add to a step in which others decode."""
        self._chunk = prefill_chunk
        self._piece = min(PIECE, prefill_chunk)
        self._max_unread = max_unread
        self._pace = Pace(stall)
        self._running: dict[Sequence, None] = {}
        self._following = Following()
        self._turn = 0

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
        self._following.forget(sequence)

    def follow(self, sequence: Sequence) -> None:
        """Let ``sequence``, which has been opened and not begun, wait for an older one
        that is about to read the same, if there is one."""
        older = takewhile(lambda each: each is not sequence, self._running)
        self._following.look(sequence, older)

    def caught_up(self) -> list[Sequence]:
        """Those who have waited and can be opened again, farther on."""
        return self._following.over()

    def is_paused(self, sequence: Sequence) -> bool:
        """True while ``sequence`` gets no work because its reader is behind."""
        return sequence.mailbox.unread >= self._max_unread

    def plan(self) -> list[Work]:
        """The work of one step, decodes first; empty when there is none."""
        work: list[Work] = []
        prefilling: list[Sequence] = []
        for sequence in self._running:
            if sequence in self._following:
                continue
            if not sequence.decoding:
                prefilling.append(sequence)
            elif not sequence.mailbox.full(self._max_unread):
                work.append(Work(sequence, sequence.computed, 1))
        if prefilling:
            work += self._prefill(prefilling, self._budget(beside=bool(work)))
        return work

    def record(self, work: list[Work], seconds: float) -> None:
        """Learn from a step what it took. Before its tokens are appended."""
        writers = sum(piece.decodes for piece in work)
        read = sum(piece.length for piece in work if not piece.decodes)
        self._pace.record(writers=writers, read=read, seconds=seconds)

    def _budget(self, *, beside: bool) -> int:
        """Prompt tokens of a step, ``beside`` decodes or not."""
        if not beside:
            return self._chunk
        return int(min(max(self._pace.budget(), self._piece), self._chunk))

    def _prefill(self, prefilling: list[Sequence], budget: int) -> list[Work]:
        """Pieces of no more than ``budget`` tokens, at least one."""
        work: list[Work] = []
        for sequence in self._in_turn(prefilling):
            length = self._length(sequence, budget)
            if length:
                work.append(Work(sequence, sequence.computed, length))
                budget -= length
            if not budget:
                break
        return work

    def _in_turn(self, prefilling: list[Sequence]) -> list[Sequence]:
        """Oldest first, or the most urgent and then the others."""
        ranks = {sequence.rank for sequence in prefilling}
        turn, self._turn = self._turn, self._turn + 1
        if turn % (2 if len(ranks) == 1 else _TURNS) == 0:
            return prefilling
        first = min(prefilling, key=lambda each: (-each.rank, each.to_prefill))
        return [first, *(each for each in prefilling if each is not first)]

    def _length(self, sequence: Sequence, budget: int) -> int:
        """How much of ``sequence`` fits into the budget; 0 if no piece does."""
        start = sequence.computed
        kept = next((cut - start for cut in sequence.cuts if cut > start), None)
        whole = min(sequence.to_prefill, kept or sequence.to_prefill)
        if whole <= budget:
            return whole
        cut = (start + budget) // self._piece * self._piece
        return max(0, cut - start)
