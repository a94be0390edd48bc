"""Requests that have to be finished by a time, and what is said when they aren't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsagent.errors import DeadlineExceeded

if TYPE_CHECKING:
    from dsagent.engine.sequence import Sequence


class Deadlines:
    """The unfinished requests with a deadline. Belongs to the engine thread.

    Few requests have one and few are unfinished, so they are looked through and not
    kept in order; what has ended is forgotten at once, however far off its deadline is.
    """

    def __init__(self) -> None:
        self._at: dict[Sequence, float] = {}

    def add(self, sequence: Sequence) -> None:
        """Watch ``sequence``, if it has a deadline."""
        if sequence.request.deadline is not None:
            self._at[sequence] = sequence.submitted + sequence.request.deadline

    def discard(self, sequence: Sequence) -> None:
        """Forget one that has ended. Safe to repeat."""
        self._at.pop(sequence, None)

    def passed(self, now: float) -> list[Sequence]:
        """Those whose time is up."""
        return [sequence for sequence, at in self._at.items() if at <= now]

    def next(self) -> float | None:
        """When the next one's time is up; None without any."""
        return min(self._at.values(), default=None)


def exceeded(sequence: Sequence) -> DeadlineExceeded:
    """What ``sequence`` ends with: where it was, and how far it had got."""
    seconds = sequence.request.deadline
    assert seconds is not None
    prompt = len(sequence.request.prompt)
    if sequence.begun:
        written, most = len(sequence.tokens) - prompt, sequence.capacity - prompt
        return DeadlineExceeded("decoding", seconds, written, most)
    if sequence.admitted is None:
        return DeadlineExceeded("queued", seconds, 0, prompt)
    return DeadlineExceeded("prefilling", seconds, sequence.prefilled, prompt)
