"""What a run may still use, and what it has used: tokens, turns, seconds.

``Budget`` knows the limits of a run and turns them into what the next turn may do;
``Stopwatch`` adds up where the time went. Both read the one clock they are given, which
tests replace. What must stay true: whatever runs out, something is kept for the answer,
so that a run with ``on_limit="answer"`` comes to one: the last turns go without tools
and thinking ends while there are tokens left.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from dsagent.errors import DeadlineExceeded
from dsagent.reply import Timing, Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.engine.request import GenerationStats
    from dsagent.messages import Assistant
    from dsagent.options import Limits

    Clock = Callable[[], float]
    """Seconds since whenever."""

_KEPT: Final = 4096
"""Most tokens that are kept from thinking for the answer."""


class Budget:
    """The limits of one run, from its start on."""

    def __init__(
        self, limits: Limits, clock: Clock, deadline: float | None = None
    ) -> None:
        """``deadline``: seconds; that one is kept by raising, which others do."""
        self._limits = limits
        self._clock = clock
        self._deadline = deadline
        self._started = clock()

    @property
    def answers(self) -> bool:
        """Whether a limit leads to an answer, and not to a stop."""
        return self._limits.on_limit == "answer"

    @property
    def elapsed(self) -> float:
        """Seconds since the run started."""
        return self._clock() - self._started

    @property
    def seconds_left(self) -> float:
        """Seconds until time is up, at least 0; infinite without a limit."""
        if self._limits.seconds is None:
            return math.inf
        return max(self._limits.seconds - self.elapsed, 0.0)

    @property
    def for_calls(self) -> float | None:
        """Seconds that a call may take; None: any number."""
        least = min(self.seconds_left, max(self._until_deadline, 0.0))
        return None if math.isinf(least) else least

    def next_deadline(self, turns: int, usage: Usage) -> float | None:
        """Seconds that the next turn, after so many, has to be finished in.

        Raises:
            DeadlineExceeded: none.
        """
        if self._deadline is None:
            return None
        left = self._until_deadline
        if left <= 0.0:
            raise DeadlineExceeded("between", self._deadline, turns, usage.tool_calls)
        return left

    @property
    def _until_deadline(self) -> float:
        return math.inf if self._deadline is None else self._deadline - self.elapsed

    @property
    def time_is_up(self) -> bool:
        return self.seconds_left == 0.0

    def output(self, used: int) -> int | None:
        """Tokens the run may still write after ``used``; None: no limit."""
        limit = self._limits.output_tokens
        return None if limit is None else max(limit - used, 0)

    def is_last(self, turn: int, used: int) -> bool:
        """Whether the turn of this number, after ``used`` tokens, has to answer."""
        left = self.output(used)
        short = left is not None and left <= self._kept(left)
        return turn >= self._limits.turns or self.time_is_up or short

    def is_over(self, turn: int, used: int) -> bool:
        """Whether there can be no turn after this one, with ``used`` tokens by then."""
        return turn >= self._limits.turns or self.time_is_up or self.output(used) == 0

    def thinking(self, room: int) -> int | None:
        """Tokens that a turn of at most ``room`` may think; None: no limit."""
        limit = self._limits.thinking_tokens
        if not self.answers:
            return limit
        if self.time_is_up:
            return 0
        most = room - min(self._kept(room), room // 2)
        return most if limit is None else min(limit, most)

    def _kept(self, room: int) -> int:
        """Tokens kept for the answer: a quarter of all there may be."""
        return min((self._limits.output_tokens or room) // 4, _KEPT)


class Stopwatch:
    """Adds up the times and tokens of a run."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started = clock()
        self._first_token = 0.0
        self._sums = Timing()

    def saw_token(self) -> None:
        """A token has come; only the first one matters."""
        self._first_token = self._first_token or self._elapsed()

    def add(self, stats: GenerationStats) -> None:
        """Count a turn that is over."""
        self._sums = self._with(stats)

    def timing(self, current: GenerationStats | None) -> Timing:
        """The times so far, those of the current turn included."""
        sums = self._sums if current is None else self._with(current)
        return replace(sums, total=self._elapsed(), first_token=self._first_token)

    def _with(self, stats: GenerationStats) -> Timing:
        return replace(
            self._sums,
            prefill=self._sums.prefill + stats.first_token,
            decode=self._sums.decode + stats.decode,
            decoded=self._sums.decoded + max(stats.output_tokens - 1, 0),
            decode_steps=self._sums.decode_steps + stats.decode_steps,
            accepted=self._sums.accepted + stats.accepted,
        )

    def _elapsed(self) -> float:
        return self._clock() - self._started


def usage_of(stats: GenerationStats, answer: Assistant) -> Usage:
    """What one turn has cost."""
    return Usage(
        prompt_tokens=stats.prompt_tokens,
        cached_tokens=stats.cached_tokens,
        output_tokens=stats.output_tokens,
        turns=1,
        tool_calls=len(answer.calls),
    )
