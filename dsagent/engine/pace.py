"""How much of a prompt a step may read while others wait for their next token.

Bounding it in tokens alone bounds nothing a reader notices: 512 of them take a
millisecond on one machine and a second on another, and more the longer the text before
them is. So their cost is learnt from the steps that were run.

What must stay true: one step that was interrupted changes little (all that is looked at
are medians), and short prompts, whose steps cost more a token, don't pass for long ones
(the median is that of tokens, not of steps).
"""

from __future__ import annotations

from collections import deque
from math import inf
from statistics import median
from typing import Final

_READS: Final = 8
"""Steps with prefill that are looked back at."""
_PLAIN: Final = 9
"""Plain decode steps that are, for each number of requests."""


class Pace:
    """What reading costs beside writing. No clock: times are passed in."""

    def __init__(self, stall: float) -> None:
        """``stall``: seconds that reading may add to a step in which others write."""
        self._stall = stall
        self._plain: dict[int, deque[float]] = {}
        self._reads: deque[tuple[float, int]] = deque(maxlen=_READS)

    def budget(self) -> float:
        """Prompt tokens that may go into a step beside others' decodes.

        0 until a step has read anything: the least there is goes first.
        """
        if not self._reads:
            return 0.0
        cost = self._cost()
        return self._stall / cost if cost > 0.0 else inf

    def record(self, *, writers: int, read: int, seconds: float) -> None:
        """Learn from a finished step.

        Args:
            writers: requests that decoded in it.
            read: prompt tokens that were computed in it.
            seconds: what all of it took.
        """
        if read:
            added = max(0.0, seconds - self._plain_seconds(writers))
            self._reads.append((added / read, read))
        elif writers:
            recent = self._plain.setdefault(writers, deque(maxlen=_PLAIN))
            recent.append(seconds)

    def _cost(self) -> float:
        """Seconds a prompt token adds to a step: the median of those read lately."""
        half = sum(read for _, read in self._reads) / 2
        for cost, read in sorted(self._reads):
            half -= read
            if half <= 0:
                return cost
        raise AssertionError("half of the tokens are in the list")

    def _plain_seconds(self, writers: int) -> float:
        """Of a step in which so many write and nobody reads.

        Where that hasn't happened yet it is taken from fewer of them. That's less than
        the truth, so that reading looks dear rather than cheap.
        """
        known = [count for count in self._plain if count <= writers]
        return median(self._plain[max(known)]) if known else 0.0
