"""Who waits until somebody else has read what both begin with.

Questions about one document are often asked together, before any of them has left
something in the prefix cache. Each would read the document for itself. Instead all but
the first wait, and begin where that one has come to. What must stay true:

* it ends: whom one waits for is older, and reads or waits for somebody older still;
  when that one leaves, those who waited for it are free at once;
* it costs little: one waits for a place in the other's prompt that one would have to
  read up to as well, and never for somebody less urgent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dsagent.engine.sequence import Sequence


class Following:
    """Sequences that wait for another one's prompt. Belongs to the engine thread."""

    def __init__(self) -> None:
        self._leaders: dict[Sequence, tuple[Sequence, int]] = {}
        """Whom one waits for, and to compute how many tokens."""
        self._left: dict[Sequence, None] = {}
        """Those who waited for one that has left."""

    def __contains__(self, sequence: Sequence) -> bool:
        """Whether it waits."""
        return sequence in self._leaders

    def look(self, sequence: Sequence, older: Iterable[Sequence]) -> None:
        """Have ``sequence``, of which nothing was computed since it was opened, wait
        for the one of ``older`` that will leave most of what it begins with."""
        most = 0
        for leader in older:
            place = _common(leader, sequence)
            if place > most:
                most = place
                self._leaders[sequence] = leader, place

    def forget(self, sequence: Sequence) -> None:
        """``sequence`` has left."""
        self._leaders.pop(sequence, None)
        self._left.pop(sequence, None)
        for each, (leader, _) in list(self._leaders.items()):
            if leader is sequence:
                del self._leaders[each]
                self._left[each] = None

    def over(self) -> list[Sequence]:
        """Those who wait no longer, each once, in their order."""
        if not self._leaders and not self._left:
            return []
        done = [
            each
            for each, (leader, place) in self._leaders.items()
            if leader.computed >= place
        ]
        for each in done:
            del self._leaders[each]
        done += self._left
        self._left = {}
        return sorted(done, key=lambda each: each.number)


def _common(leader: Sequence, sequence: Sequence) -> int:
    """The last place that ``leader`` will leave for others, has not come to, and that
    ``sequence`` can begin at; 0 if there is none it gains by."""
    if leader.rank < sequence.rank or (_drafted(sequence) and not _drafted(leader)):
        return 0
    begin = max(leader.computed, sequence.computed)
    most = len(sequence.tokens) - 1
    for cut in reversed(leader.cuts):
        if not begin < cut:
            break
        if cut <= most and leader.tokens[:cut] == sequence.tokens[:cut]:
            return cut
    return 0


def _drafted(sequence: Sequence) -> bool:
    """Whether the drafter is told of it: without that it can't be gone on from by those
    of which it is."""
    return sequence.request.sampling.speculation != "off"
