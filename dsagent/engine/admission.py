"""The engine's door: who holds storage, who waits for it, who is turned away.

A sequence is let in only when storage for its whole length is set aside, so a running
sequence never has to wait for memory half way. Who is next is for ``waiting.py`` to
say, and a next that doesn't fit is waited for. All of it is arithmetic under one lock,
so the answer to a submission (in, queued, refused) is given on the caller's thread and
does not depend on what the engine thread is doing.

A next that wouldn't fit even if nobody ran, because of what is kept for those who hold
prefixes, is *barred*: it lets the others pass until some of that is given back, since
one of them may be what keeps it. If only barred ones are left, those may be what keeps
each other, and they go on without what they counted on (``unmoved``).

One that is let in keeps its storage to its end, with one exception: when the next is
strictly more urgent and there is no room, the least urgent of those that run make some,
the newest first, and wait again at the head of their priority. What keeps this from
going round in circles is the ``rank`` of those that run. It begins as what their
priority counted for when they got in, and rises to that of whoever displaced them: a
request makes room at most once for each priority above its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dsagent.engine.waiting import Waiting
from dsagent.errors import Closed, QueueFull

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dsagent.engine.hold import Lease
    from dsagent.engine.sequence import Sequence


class Admission:
    """Reserves slots and tokens, the most urgent first. Every method: any thread."""

    def __init__(self, *, slots: int, tokens: int, queue: int) -> None:
        """``slots`` and ``tokens`` may be in use at once; ``queue`` may wait."""
        self._lock = threading.Lock()
        self._slots = slots
        self._tokens = tokens
        self._queue = queue
        self._reserved_slots = 0
        self._reserved_tokens = 0
        self._kept_tokens = 0
        self._waiting = Waiting()
        self._barred: dict[Sequence, None] = {}
        # A dict as an ordered set: leaving from the middle is O(1).
        self._admitted: dict[Sequence, None] = {}
        self._closed: tuple[str, BaseException | None] | None = None

    @property
    def waiting(self) -> int:
        """Sequences without a reservation."""
        return len(self._waiting) + len(self._barred)

    @property
    def waiting_since(self) -> float | None:
        """When the one that waits longest was submitted; None if nobody waits."""
        with self._lock:
            waiting = (*self._waiting, *self._barred)
            return min((each.submitted for each in waiting), default=None)

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
            self._waiting.add(sequence)
            self._let_in()
            if sequence not in self._admitted and self.waiting > self._queue:
                self._leave(sequence)
                raise QueueFull(self._full())

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
                self._kept_tokens += sequence.storage
            self._unreserve(sequence)
            self._let_in()

    def displace(self, running: Iterable[Sequence]) -> list[Sequence]:
        """Have the first of the queue let in at the cost of less urgent ones.

        Nobody is displaced for one that then still wouldn't fit. Those that are
        returned wait again and must let go of their storage before ``take`` is called.

        Args:
            running: of what ``take`` returned, all that may be displaced.
        """
        if not self._waiting:
            return []
        with self._lock:
            first = self._waiting.first
            if first is None:
                return []
            urgency = first.request.priority
            displaced = self._room_for(first, (s for s in running if s.rank < urgency))
            for sequence in displaced:
                sequence.rank = urgency
                self._waiting.add(sequence, front=True)
            self._let_in()
            return displaced

    def give_back(self, sequence: Sequence) -> None:
        """Give back the tokens that ``release`` kept."""
        with self._lock:
            self._reserved_tokens -= sequence.storage
            self._kept_tokens -= sequence.storage
            for each in reversed(self._barred):
                self._waiting.add(each, front=True)
            self._barred.clear()
            self._let_in()

    def unmoved(self) -> Lease | None:
        """A lease in the way of another of those at the door, if nobody runs, all are
        barred, and no hold has to be released for that.

        The one that counted on it does so no longer: it is the caller's to drop.
        """
        with self._lock:
            if self._reserved_slots or self._admitted or self._waiting:
                return None
            released = {lease for each in self._barred for lease in _released(each)}
            held = self._kept_tokens - sum(lease.storage for lease in released)
            for first in self._barred:
                own = set(_released(first))
                needs = first.storage + sum(lease.storage for lease in own)
                if held + needs > self._tokens:
                    continue
                for other in reversed(self._barred):
                    lease = other.lease
                    if lease in released and lease not in own:
                        other.storage += lease.tokens
                        other.lease = None
                        return lease
            return None

    def withdraw(self, sequence: Sequence) -> bool:
        """Forget a sequence that ``take`` has not returned yet; False if it has."""
        with self._lock:
            if sequence in self._admitted:
                del self._admitted[sequence]
                self._unreserve(sequence)
            elif not self._leave(sequence):
                return False
            self._let_in()
            return True

    def close(self, reason: str, cause: BaseException | None = None) -> list[Sequence]:
        """Refuse newcomers with ``Closed`` and return everyone still at the door."""
        with self._lock:
            self._closed = (reason, cause)
            left = [*self._admitted, *self._waiting, *self._barred]
            for sequence in self._admitted:
                self._unreserve(sequence)
            self._admitted.clear()
            self._waiting = Waiting()
            self._barred.clear()
            return left

    def _let_in(self) -> None:
        """Reserve for the first of the queue, as long as it fits."""
        while (first := self._waiting.first) is not None:
            if self._fits(first):
                self._waiting.pop()
                self._reserve(first)
                self._admitted[first] = None
            elif self._kept_tokens + first.storage > self._tokens:
                self._waiting.remove(first)
                self._barred[first] = None
            else:
                return

    def _leave(self, sequence: Sequence) -> bool:
        """Take one that waits out of the queue; False if it doesn't."""
        if sequence in self._barred:
            del self._barred[sequence]
        elif sequence in self._waiting:
            self._waiting.remove(sequence)
        else:
            return False
        return True

    def _room_for(self, first: Sequence, running: Iterable[Sequence]) -> list[Sequence]:
        """Give back reservations until ``first`` fits; whose. None if that's in vain.

        The least urgent go first and of these the newest, which lose the least.
        """
        given: list[Sequence] = []
        for sequence in sorted(running, key=lambda each: (each.rank, -each.number)):
            if self._fits(first):
                break
            self._unreserve(sequence)
            given.append(sequence)
        if self._fits(first):
            return given
        for sequence in given:
            self._reserve(sequence)
        return []

    def _full(self) -> str:
        """What a refusal says."""
        return (
            f"the queue is full: {self._reserved_slots} requests run and "
            f"{self.waiting} wait, the most EngineConfig.max_queue allows; try "
            "again when some have finished, or ask for less output (max_tokens) so "
            "that more of them run together"
        )

    def _fits(self, sequence: Sequence) -> bool:
        return (
            self._reserved_slots < self._slots
            and self._reserved_tokens + sequence.storage <= self._tokens
        )

    def _reserve(self, sequence: Sequence) -> None:
        self._reserved_slots += 1
        self._reserved_tokens += sequence.storage

    def _unreserve(self, sequence: Sequence) -> None:
        self._reserved_slots -= 1
        self._reserved_tokens -= sequence.storage


def _released(sequence: Sequence) -> Iterator[Lease]:
    """What a sequence counts on and nobody else holds: it ends with those that do."""
    lease = sequence.lease
    while lease is not None:
        if not lease.held:
            yield lease
        lease = lease.parent
