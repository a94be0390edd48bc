"""Whether to draft in a step, and how much of the drafts to verify.

The engine asks twice in each step and reports once: :meth:`Policy.drafting` before the
drafter runs, :meth:`Policy.choose` when the confidences are known, and
:meth:`Policy.record` when the step is over. What must stay true:

* **No decision looks ahead.** Whether a request drafts depends on finished steps only,
  and the lengths on what the rules of ``lengths.py`` may look at.
* **A reproducible request keeps to itself.** A draft that is verified and the same
  token sampled without one take different random numbers. So a request with a seed of
  its own always drafts, and its lengths come from its own confidences and the cost of
  a step it would have to itself, whoever else is in the batch. They do depend on the
  profile: with another one (another machine, or measured anew) the same seed may give
  another text, of the same distribution.
* **Drafting that doesn't pay stops.** Confidences and profile can both be wrong, and
  the draft itself costs time, so ``Worth`` compares what steps with and without drafts
  yielded.
* **No clock, no randomness.** Times are passed in: the same calls give the same
  answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf
from typing import TYPE_CHECKING, Final

from dsagent.engine.lengths import (
    Budget,
    admit,
    algorithm_one,
    single_stream,
    survival,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from dsagent.engine.profile import StepProfile
    from dsagent.engine.request import Speculation

_SAMPLES: Final = 16
"""Rounds of single requests that a trial of drafting looks at, at least."""
_STEPS: Final = 8
"""Steps of a trial, at least."""
_SPACING: Final = 32
"""A trial takes one part in this many of the time, or less."""
_PATIENCE: Final = 4
"""Times that spacing, at most, after trial upon trial was lost."""
_MEMORY: Final = 32
"""Steps a running mean looks back."""
_CLEARLY: Final = 0.9
"""A trial is lost clearly if it yielded less than this share of the leader's."""
_OUTLIER: Final = 3.0
"""A step counts as at most this much slower than those before it: one that was
interrupted says nothing about drafting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A request that decodes in this step, as far as drafting is concerned."""

    key: Hashable
    """Names the request, the same in all its steps."""
    speculation: Speculation = "auto"
    reproducible: bool = False
    """It is sampled (temperature > 0) with a seed its user gave."""
    room: int
    """Most drafts of use to it: one less than the tokens it may still generate."""

    def __post_init__(self) -> None:
        if isinstance(self.speculation, int) and self.speculation < 0:
            raise ValueError(
                "speculation must be 'auto', 'off' or a number of tokens from 0 up, "
                f"not {self.speculation}"
            )

    @property
    def shared(self) -> bool:
        """True when it takes what is best for the batch."""
        return self.speculation == "auto" and not self.reproducible and self.room > 0


class Policy:
    """The decisions about drafting of one engine."""

    def __init__(self, profile: StepProfile, *, length: int) -> None:
        """``profile`` says what steps cost; a block of drafts has ``length``."""
        self._profile = profile
        self._budget = Budget(length)
        self._worth: dict[int, Worth] = {}

    def drafting(self, requests: Sequence[Candidate]) -> list[bool]:
        """For which of the requests of a step drafts should be made."""
        shared = self._worth_of(len(requests)).drafting
        return [_wants_drafts(request, shared) for request in requests]

    def choose(
        self,
        requests: Sequence[Candidate],
        confidences: Sequence[Sequence[float]],
    ) -> list[int]:
        """How many of its drafts each request has verified.

        Args:
            requests: all that decode in the step.
            confidences: of their drafts, calibrated; 1 for a forced token, empty where
                nothing was drafted. Not looked at twice: calling this again for the
                same step would count it as two.
        """
        usable = [
            list(each[: request.room]) if request.speculation != "off" else []
            for request, each in zip(requests, confidences, strict=True)
        ]
        lengths = [
            self._own_length(request, each)
            for request, each in zip(requests, usable, strict=True)
        ]
        shared = [row for row, request in enumerate(requests) if request.shared]
        if len(requests) > 1 and shared:
            others = (
                sum(lengths),
                sum(
                    sum(survival(usable[row])[:length])
                    for row, length in enumerate(lengths)
                ),
            )
            drafted = sum(map(bool, confidences))
            chosen = self._share(requests, usable, shared, drafted, others)
            for row, length in zip(shared, chosen, strict=True):
                lengths[row] = length
        elif shared:
            lengths = [single_stream(usable[0], self._alone)]
        return lengths

    def record(
        self,
        requests: Sequence[Candidate],
        drafted: Sequence[bool],
        lengths: Sequence[int],
        accepted: Sequence[int],
        seconds: float | None,
    ) -> None:
        """Learn from a finished step.

        Args:
            requests: all that decoded in it.
            drafted: for which of them drafts were made.
            lengths: how many of the drafts were verified.
            accepted: how many were accepted.
            seconds: what draft and step took; None when the step did other work too,
                such as prefill, and its time says nothing.
        """
        shared = [d for r, d in zip(requests, drafted, strict=True) if r.shared]
        if not shared:
            return
        count, rows = len(requests), len(requests) + sum(lengths)
        predicted = self._profile.draft(sum(drafted)) if any(drafted) else 0.0
        predicted += self._profile.target(count, rows)
        self._worth_of(count).record(
            any(shared),
            gain=1.0 + sum(accepted) / count,
            cost=predicted / self._profile.target(count, count),
            pace=None if seconds is None else seconds / predicted,
        )

    def _own_length(self, request: Candidate, confidences: Sequence[float]) -> int:
        """The length of a request that the rest of the batch doesn't matter to."""
        if isinstance(request.speculation, int):
            return min(request.speculation, len(confidences))
        if request.reproducible:
            return single_stream(confidences, self._alone)
        return 0

    def _alone(self, rows: int) -> float:
        """Seconds of a round of one request. The draft is part of a round: shorter
        verification makes rounds cheaper, and more of them."""
        return self._profile.draft(1) + self._profile.target(1, rows)

    def _share(
        self,
        requests: Sequence[Candidate],
        confidences: Sequence[Sequence[float]],
        shared: Sequence[int],
        drafted: int,
        others: tuple[int, float],
    ) -> list[int]:
        """The lengths of the ``shared`` requests of a batch.

        ``others`` are the drafts of the rest that are verified, and how many of those
        should be accepted.
        """
        draft = self._profile.draft(drafted) if drafted else 0.0
        rest = len(requests) - len(shared)
        rows, tokens = rest + others[0], rest + others[1]

        def rate(rows: int) -> float:
            return 1.0 / (draft + self._profile.target(len(requests), rows))

        keys = [requests[row].key for row in shared]
        now = [confidences[row] for row in shared]
        budget = self._budget.choose(keys, rate, rows=rows, tokens=tokens)
        self._budget.observe(dict(zip(keys, now, strict=True)))
        if budget is None:
            return algorithm_one(now, rate, rows=rows, tokens=tokens)
        return admit(now, budget)

    def _worth_of(self, count: int) -> Worth:
        """What is known about batches of about ``count`` requests: 1, 2-3, 4-7, …"""
        size = count.bit_length()
        if size not in self._worth:
            self._worth[size] = Worth(2 ** max(0, size - 1))
        return self._worth[size]


class Worth:
    """Whether steps with drafts yield more than steps without, at one size of batch.

    Both kinds have running means; the better one leads and is used. Now and then the
    other gets a trial: a few steps whose means start afresh, since what was measured
    long ago may hold no more. One that is won makes the other kind the leader, and one
    that is lost clearly doubles the time to the next. When the leader falls behind what
    is remembered of the other, a trial comes at once. The first steps draft, and a
    trial without follows, so that no comparison rests on the profile alone.
    """

    def __init__(self, requests: int) -> None:
        self._trial_rounds = {
            True: max(_STEPS, ceil(_SAMPLES / requests)),
            False: _STEPS,
        }
        self._yield = {True: Yield(), False: Yield()}
        self._leader = True
        self._trial_left = 0
        self._wait = self._trial_rounds[True]
        self._patience = 1

    @property
    def drafting(self) -> bool:
        """Whether the next step should draft."""
        return self._leader != (self._trial_left > 0)

    def record(
        self, drafted: bool, *, gain: float, cost: float, pace: float | None
    ) -> None:
        """Take a step into account; the arguments are those of ``Yield.add``."""
        self._yield[drafted].add(gain, cost, pace)
        trailing = not self._leader
        if self._trial_left:
            if drafted is trailing:
                self._trial_left -= 1
                if not self._trial_left:
                    self._settle()
            return
        self._wait -= 1
        other = self._yield[trailing]
        if self._wait <= 0 or other.rate > self._yield[self._leader].rate:
            other.restart()
            self._trial_left = self._trial_rounds[trailing]

    def _settle(self) -> None:
        """End a trial."""
        tried, leader = self._yield[not self._leader], self._yield[self._leader]
        rounds = self._trial_rounds[not self._leader]
        spent = rounds * max(1.0, tried.seconds / leader.seconds)
        if tried.rate > leader.rate:
            self._leader = not self._leader
            self._patience = 1
        elif tried.rate < _CLEARLY * leader.rate:
            self._patience = min(2 * self._patience, _PATIENCE)
        self._wait = ceil(_SPACING * spent * self._patience)


class Yield:
    """What one kind of step gives for its time; nothing, until one was taken."""

    def __init__(self) -> None:
        self._gain, self._cost, self._pace = 0.0, 1.0, 1.0
        self._slowest = inf
        self._steps = 0

    @property
    def seconds(self) -> float:
        """Time a step takes, in units of what the profile gives a plain one."""
        return self._cost * self._pace

    @property
    def rate(self) -> float:
        """Tokens per request, in that unit of time."""
        return self._gain / self.seconds

    def restart(self) -> None:
        """Let the next steps replace what is known instead of blending into it."""
        self._steps = 0

    def add(self, gain: float, cost: float, pace: float | None) -> None:
        """Blend a step in.

        Args:
            gain: tokens per request it yielded.
            cost: its time by the profile, in plain steps of as many requests.
            pace: its measured time over the profile's, if it was measured.
        """
        self._steps += 1
        weight = 1.0 / min(self._steps, _MEMORY)
        self._gain += weight * (gain - self._gain)
        self._cost += weight * (cost - self._cost)
        if pace is not None:
            self._pace += weight * (min(pace, self._slowest) - self._pace)
            self._slowest = _OUTLIER * self._pace


def _wants_drafts(request: Candidate, shared: bool) -> bool:
    if request.room <= 0 or request.speculation == "off":
        return False
    if isinstance(request.speculation, int):
        return request.speculation > 0
    return request.reproducible or shared
