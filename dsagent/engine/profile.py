"""What a step costs on this machine.

How many drafts to verify depends on what one more row costs, so that is measured when a
model is loaded, and kept for the next time by ``profile_cache.py``.

The model: for some numbers of requests R the seconds of a step were measured at some
numbers of rows per request, 1 (a plain decode) to 1 + drafts. Between those points the
cost is bilinear in (R, rows per request). In these coordinates every batch of a size
lies on one grid line, so points can be measured in any order and left out; the result
is exact where it was measured, and needs no fit. (A sum bias + α(R) + θ(B) needs fewer
points, but gets wrong how a batch shares the reading of weights: a second row for each
of 16 requests costs less than 16 times a second row for one.) How rows are spread over
the requests is not looked at.

What must stay true: for a given number of requests, more rows never look cheaper. Along
each grid line the measurements are replaced by the closest non-decreasing ones, and the
interpolation keeps that. Jitter can therefore not make drafts look better than free.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import pairwise
from math import isfinite
from time import perf_counter
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Line = tuple[tuple[float, float], ...]
"""Points (x, seconds), x rising, seconds not falling."""

_SWEEPS: Final = 5
"""Times a point is measured, at most. The fastest counts: others were disturbed."""


@dataclass(frozen=True, slots=True)
class StepProfile:
    """Seconds of the target's steps and of drafts. Make one with :meth:`of`."""

    steps: tuple[tuple[int, Line], ...]
    """Requests, rising, and the seconds of their steps by rows per request."""
    drafts: Line
    """Seconds of a draft by number of requests."""
    _known: dict[tuple[int, int], float] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def of(
        cls,
        steps: Mapping[tuple[int, int], float],
        drafts: Mapping[int, float],
    ) -> StepProfile:
        """A profile from measurements.

        Args:
            steps: seconds by (requests, rows of all of them together); at least one.
            drafts: seconds by number of requests; at least one.
        """
        lines: dict[int, dict[float, float]] = {}
        for (requests, rows), seconds in steps.items():
            lines.setdefault(requests, {})[rows / requests] = seconds
        # One point says nothing about the cost of a row: better a neighbour's line.
        whole = {r: line for r, line in lines.items() if len(line) > 1} or lines
        return cls(
            steps=tuple((r, _line(line)) for r, line in sorted(whole.items())),
            drafts=_line(drafts),
        )

    def target(self, requests: int, rows: int) -> float:
        """Seconds of a step of the target: ``rows`` in all, for ``requests``."""
        known = self._known.get((requests, rows))
        if known is None:
            known = self._known[requests, rows] = self._target(requests, rows)
        return known

    def draft(self, requests: int) -> float:
        """Seconds to make a block of drafts for each of ``requests``."""
        return _at(self.drafts, requests)

    def _target(self, requests: int, rows: int) -> float:
        last, line = self.steps[-1]
        if len(self.steps) == 1:
            # Nothing says what a request costs: a row costs the same whoever it is for.
            return _at(line, rows / last)
        each = rows / requests
        if requests > last:
            # Scaled as plain steps grow, which keeps the order of its points.
            return _at(line, each) * max(1.0, self._plain(requests) / line[0][1])
        index = max(1, bisect_left(self.steps, requests, key=lambda step: step[0]))
        (low, below), (high, above) = self.steps[index - 1 : index + 1]
        return _between(requests, (low, _at(below, each)), (high, _at(above, each)))

    def _plain(self, requests: int) -> float:
        """Seconds of a plain decode step, from those that were measured."""
        return _at([(count, line[0][1]) for count, line in self.steps], requests)

    def to_json(self) -> dict[str, object]:
        """Plain values, that :meth:`from_json` makes the same profile of."""
        return {
            "steps": [[r, [list(point) for point in line]] for r, line in self.steps],
            "drafts": [list(point) for point in self.drafts],
        }

    @classmethod
    def from_json(cls, data: object) -> StepProfile:
        """Raises ValueError if ``data`` is no profile."""
        match data:
            case {"steps": [_, *_] as steps, "drafts": drafts}:
                pass
            case _:
                raise ValueError("not a profile: it needs steps and drafts")
        lines: list[tuple[int, Line]] = []
        for step in steps:
            match step:
                case [int(requests), line] if requests > (lines[-1][0] if lines else 0):
                    lines.append((requests, _checked(line)))
                case _:
                    raise ValueError(f"not the steps of a number of requests: {step!r}")
        return cls(tuple(lines), _checked(drafts))


def measure(
    run_step: Callable[[int, int], float],
    run_draft: Callable[[int], float],
    *,
    max_requests: int,
    max_length: int,
    seconds: float = 1.5,
    clock: Callable[[], float] = perf_counter,
) -> StepProfile:
    """Measure steps and drafts, for about as long as told.

    The points are taken in order of importance, again and again, until the time is up.
    The first three are always taken: a decode, a full verification and a draft of one
    request. What was not reached is extrapolated from them.

    Args:
        run_step: runs a step of (requests, rows); how many seconds it took.
        run_draft: makes a block of drafts for so many requests; how many seconds.
        max_requests: most requests in a step.
        max_length: most drafts verified of a request.
        seconds: time to spend. One point may exceed it, or those three.
        clock: what the time spent is read from.
    """
    start = clock()
    steps: dict[tuple[int, int], float] = {}
    drafts: dict[int, float] = {}
    points = _points(max_requests, max_length)
    for _ in range(_SWEEPS):
        for requests, rows in points:
            if drafts and clock() - start >= seconds:
                return StepProfile.of(steps, drafts)
            took = run_step(requests, rows)
            steps[requests, rows] = min(took, steps.get((requests, rows), took))
            if rows == requests * (1 + max_length):
                took = run_draft(requests)
                drafts[requests] = min(took, drafts.get(requests, took))
    return StepProfile.of(steps, drafts)


def _points(max_requests: int, max_length: int) -> list[tuple[int, int]]:
    """(requests, rows) to measure, the most important first.

    Both ends of every line come before anything inside one: a line of two points is
    right at both ends. Small and large batches come before middling ones.
    """
    counts = [2**power for power in range(max_requests.bit_length())]
    counts = sorted({*counts, max_requests})
    order = [counts[0], *reversed(counts[1:])]
    ends = [(r, r * each) for r in order for each in (1, 1 + max_length)]
    inside = [(r, r * each) for r in order for each in range(2, 1 + max_length)]
    return list(dict.fromkeys(ends[:2] + inside[: max_length - 1] + ends + inside))


def _line(points: Mapping[float, float] | Mapping[int, float]) -> Line:
    """The points in order, their seconds made non-decreasing at least change.

    Pool adjacent violators: neighbours in the wrong order become their mean, which is
    the least-squares solution.
    """
    pools: list[tuple[float, int]] = []
    for _, seconds in sorted(points.items()):
        total, size = seconds, 1
        while pools and pools[-1][0] / pools[-1][1] >= total / size:
            total, size = total + pools[-1][0], size + pools[-1][1]
            pools.pop()
        pools.append((total, size))
    smooth = [total / size for total, size in pools for _ in range(size)]
    return tuple(zip(map(float, sorted(points)), smooth, strict=True))


def _at(line: Sequence[tuple[float, float]], x: float) -> float:
    """Linear between the points of ``line``, and on beyond its ends; never below 0."""
    if len(line) == 1:
        return line[0][1]
    index = bisect_left(line, x, key=lambda point: point[0])
    index = max(1, min(index, len(line) - 1))
    return _between(x, line[index - 1], line[index])


def _between(x: float, low: tuple[float, float], high: tuple[float, float]) -> float:
    share = (x - low[0]) / (high[0] - low[0])
    return max(0.0, low[1] + share * (high[1] - low[1]))


def _checked(points: object) -> Line:
    """``points`` as a line; ValueError if they are none."""
    if not isinstance(points, list) or not points:
        raise ValueError(f"not a list of points: {points!r}")
    for point in points:
        match point:
            case [int() | float() as x, int() | float() as seconds]:
                if not (isfinite(x) and isfinite(seconds) and seconds > 0.0):
                    raise ValueError(f"not a time: {point!r}")
            case _:
                raise ValueError(f"not a point: {point!r}")
    line = tuple((float(x), float(y)) for x, y in cast("Sequence[list[float]]", points))
    for low, high in pairwise(line):
        if low[0] >= high[0] or low[1] > high[1]:
            raise ValueError(f"points out of order: {low} and {high}")
    return line
