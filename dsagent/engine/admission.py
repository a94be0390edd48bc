"""The engine's door: who holds storage, who waits for it, who is turned away.

A sequence is let in only when storage for its whole length is set aside, so a running
sequence never has to be evicted or to wait for memory half way. Order is first come,
first served: a large request at the head is not overtaken, or a stream of small ones
could keep it out for ever. All of it is arithmetic under one lock, so the answer
to a submission (in, queued, refused) is given on the caller's thread and does not
depend on what the engine thread is doing.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dsagent.errors import Closed, QueueFull

if TYPE_CHECKING:
    from dsagent.engine.sequence import Sequence


class Admission:
    """Reserves slots and tokens, first come first served. Every method: any thread."""

    def __init__(self, *, slots: int, tokens: int, queue: int) -> None:
        """``slots`` and ``tokens`` may be in use at once; ``queue`` may wait."""
        self._lock = threading.Lock()
        self._slots = slots
        self._tokens = tokens
        self._queue = queue
        self._reserved_slots = 0
        self._reserved_tokens = 0
        # Dicts as ordered sets: leaving from the middle is O(1).
        self._waiting: dict[Sequence, None] = {}
        self._admitted: dict[Sequence, None] = {}
        self._closed: tuple[str, BaseException | None] | None = None

    @property
    def waiting(self) -> int:
        """Sequences without a reservation."""
        return len(self._waiting)

    @property
    def reserved_tokens(self) -> int:
        return self._reserved_tokens

    def enter(self, sequence: Sequence) -> None:
        """Reserve storage for ``sequence``, or let it wait.

        Raises:
            QueueFull: it would have to wait and the queue is full.
            Closed: the door is closed.
        """
        with self._lock:
            if self._closed is not None:
                reason, cause = self._closed
                raise Closed(reason) from cause
            if not self._waiting and self._fits(sequence):
                self._reserve(sequence)
            elif len(self._waiting) >= self._queue:
                msg = (
                    f"{len(self._waiting)} requests are waiting already, the most "
                    "EngineConfig.max_queue allows; try again when one has finished"
                )
                raise QueueFull(msg)
            else:
                self._waiting[sequence] = None

    def take(self) -> list[Sequence]:
        """The sequences that got a reservation since the last call, in order."""
        if not self._admitted:
            return []
        with self._lock:
            taken = list(self._admitted)
            self._admitted.clear()
            return taken

    def release(self, sequence: Sequence, *, keep: bool = False) -> None:
        """Give back the reservation of a sequence that ``take`` returned.

        Args:
            sequence: Whose.
            keep: All but its tokens, which go on being held (``give_back``).
        """
        with self._lock:
            if keep:
                self._reserved_tokens += sequence.storage
            self._unreserve(sequence)

    def give_back(self, sequence: Sequence) -> None:
        """Give back the tokens that ``release`` kept."""
        with self._lock:
            self._reserved_tokens -= sequence.storage
            self._let_in()

    def withdraw(self, sequence: Sequence) -> bool:
        """Forget a sequence that ``take`` has not returned yet; False if it has."""
        with self._lock:
            if sequence in self._waiting:
                del self._waiting[sequence]
                self._let_in()
            elif sequence in self._admitted:
                del self._admitted[sequence]
                self._unreserve(sequence)
            else:
                return False
            return True

    def close(self, reason: str, cause: BaseException | None = None) -> list[Sequence]:
        """Refuse newcomers with ``Closed`` and return everyone still at the door."""
        with self._lock:
            self._closed = (reason, cause)
            left = [*self._admitted, *self._waiting]
            for sequence in self._admitted:
                self._reserved_slots -= 1
                self._reserved_tokens -= sequence.storage
            self._admitted.clear()
            self._waiting.clear()
            return left

    def _fits(self, sequence: Sequence) -> bool:
        return (
            self._reserved_slots < self._slots
            and self._reserved_tokens + sequence.storage <= self._tokens
        )

    def _reserve(self, sequence: Sequence) -> None:
        self._reserved_slots += 1
        self._reserved_tokens += sequence.storage
        self._admitted[sequence] = None

    def _unreserve(self, sequence: Sequence) -> None:
        self._reserved_slots -= 1
        self._reserved_tokens -= sequence.storage
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            first = next(iter(self._waiting))
            if not self._fits(first):
                return
            del self._waiting[first]
            self._reserve(first)
