"""Who is next of those that wait: priorities, owners, and nobody for ever.

The rules, each with its reason:

* Of the requests that wait, the ones of the highest priority are next. Whenever some
  request gets in, every other priority somebody waits at has been passed over once
  more, and counts as one higher for every ``AGING`` times. So a stream of urgent
  requests slows the others down and doesn't shut them out: a priority d below it gets
  at least one admission in ``AGING * d + 1`` (of two priorities). It is counted in
  admissions and not in seconds, so an engine that stands still makes nobody urgent.
* Within a priority the owners take turns, however many requests each of them has:
  somebody's thousand prompts don't keep another's question waiting. An owner who
  comes back takes the last turn.
* Of one owner's, the first come is the first served.
* The next is next until it is let in, or one of a higher priority comes. It isn't
  overtaken because others are smaller, or they could keep a large one out for ever.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsagent.engine.sequence import Sequence

AGING = 16
"""How often a priority is passed over until it counts as one higher."""


@dataclass(slots=True)
class _Level:
    """The requests of one priority."""

    owners: OrderedDict[str, OrderedDict[Sequence, None]] = field(
        default_factory=OrderedDict
    )
    """Those who wait, by turn; of each the requests in order. None are empty."""
    passed: int = 0
    """Admissions of others since the last one from here."""


class Waiting:
    """The queue. Not locked: it belongs to ``Admission``."""

    def __init__(self) -> None:
        self._levels: dict[int, _Level] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, sequence: Sequence) -> bool:
        level = self._levels.get(sequence.request.priority)
        return level is not None and sequence in level.owners.get(
            sequence.request.owner, ()
        )

    def __iter__(self) -> Iterator[Sequence]:
        """Everyone, in no order that means anything."""
        for level in self._levels.values():
            for own in level.owners.values():
                yield from own

    @property
    def first(self) -> Sequence | None:
        """The next to get in; None if nobody waits."""
        if not self._levels:
            return None
        owners = self._levels[self._next_priority()].owners
        return next(iter(next(iter(owners.values()))))

    def add(self, sequence: Sequence, *, front: bool = False) -> None:
        """Let ``sequence`` wait: behind its owner's others, or before all of its
        priority, where one belongs that had been let in already."""
        request = sequence.request
        owners = self._levels.setdefault(request.priority, _Level()).owners
        own = owners.setdefault(request.owner, OrderedDict())
        own[sequence] = None
        if front:
            own.move_to_end(sequence, last=False)
            owners.move_to_end(request.owner, last=False)
        self._count += 1

    def remove(self, sequence: Sequence) -> None:
        """Take out one that doesn't want to wait any longer."""
        request = sequence.request
        level = self._levels[request.priority]
        own = level.owners[request.owner]
        del own[sequence]
        self._count -= 1
        if not own:
            del level.owners[request.owner]
        if not level.owners:
            del self._levels[request.priority]

    def pop(self) -> Sequence:
        """Take out the first, to be let in. There must be one.

        Its ``rank`` becomes what its priority counted for: one that got in because it
        had been passed over often enough isn't put out by those it had waited for.
        """
        sequence = self.first
        assert sequence is not None
        priority, owner = sequence.request.priority, sequence.request.owner
        level = self._levels[priority]
        sequence.rank = max(sequence.rank, _rank(priority, level))
        self.remove(sequence)
        if owner in level.owners:
            level.owners.move_to_end(owner)
        for other in self._levels.values():
            other.passed += 1
        level.passed = 0
        return sequence

    def _next_priority(self) -> int:
        """The level that counts most; of two alike, the one passed over more often."""
        return max(
            self._levels,
            key=lambda priority: (
                _rank(priority, self._levels[priority]),
                self._levels[priority].passed,
            ),
        )


def _rank(priority: int, level: _Level) -> int:
    """What a priority counts for by now."""
    return priority + level.passed // AGING
