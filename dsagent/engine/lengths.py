"""How many of its drafts each request has verified in this step.

A draft costs a row of the target's step whether or not it is accepted, so the number
verified should be the one that yields most tokens per second. What an answer may depend
on is limited: whether the k-th draft is verified must not depend on its value, or the
accepted text would no longer be distributed as the target's. The confidence in draft
k + 1 is computed from draft k, so it must not decide about draft k, nor about an
earlier one. Three rules keep to that (model reference §9.7):

* :func:`algorithm_one` admits drafts in order of survival and stops for good at the
  first that does not pay, so it never looks behind the draft it decides about.
* :func:`single_stream` is the same for one request.
* :class:`Budget` looks at all survival values, those of two steps before, to choose how
  many drafts the step verifies; :func:`admit` gives that many places to the likeliest
  drafts of now. A draft's rank among them does not depend on what comes behind it.
  Unlike the early stop it gets past rows that are locally expensive.

Words: the *confidence* c_k is the probability that draft k is accepted if those before
it were; its *survival* a_k = c_1 · … · c_k, that it is accepted at all. A step of R
requests that verifies ℓ_r drafts of each computes B = R + Σ ℓ_r rows and yields
τ = R + Σ a tokens on average. Positions count from 1 in texts and from 0 in code.
"""

from __future__ import annotations

from collections import deque
from itertools import accumulate
from operator import mul
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

Key = TypeVar("Key", bound="Hashable")

NEGLIGIBLE: Final = 1e-6
"""A draft that survives more rarely than this is no candidate of a budget."""


def survival(confidences: Sequence[float]) -> list[float]:
    """The probability that a draft and all before it are accepted, for each draft."""
    return list(accumulate(confidences, mul))


def single_stream(confidences: Sequence[float], seconds: Callable[[int], float]) -> int:
    """The length ℓ that maximises (1 + a_1 + … + a_ℓ) / seconds(1 + ℓ).

    Lengths are tried in order and the first that is no better ends the search.
    """
    (length,) = algorithm_one([confidences], lambda rows: 1.0 / seconds(rows))
    return length


def algorithm_one(
    confidences: Sequence[Sequence[float]],
    rate: Callable[[int], float],
    *,
    rows: int = 0,
    tokens: float = 0.0,
) -> list[int]:
    """The paper's Algorithm 1: the verification lengths of one step.

    Args:
        confidences: of each request's drafts; empty for a request without any.
        rate: steps per second when a step computes that many rows.
        rows: rows the step computes besides those of ``confidences``.
        tokens: tokens it is expected to yield by them.

    Returns:
        One length for each request.
    """
    survivals = [survival(each) for each in confidences]
    lengths = [0] * len(survivals)
    rows += len(survivals)
    tokens += len(survivals)
    best = tokens * rate(rows)
    for request, position in _ranked(survivals, above=0.0):
        rows += 1
        tokens += survivals[request][position]
        throughput = tokens * rate(rows)
        if throughput <= best:
            break
        best = throughput
        lengths[request] = position + 1
    return lengths


def admit(confidences: Sequence[Sequence[float]], budget: int) -> list[int]:
    """The lengths when the ``budget`` likeliest drafts of all requests are verified.

    Every request has its anchor computed besides, so a length of 0 is a plain decode.
    """
    survivals = [survival(each) for each in confidences]
    lengths = [0] * len(survivals)
    for request, position in _ranked(survivals)[: max(0, budget)]:
        lengths[request] = position + 1
    return lengths


class Budget:
    """The number of drafts to verify, from the survival values of two steps before.

    Two, because a device that runs a step ahead of the host has not told yet what the
    last one drafted.
    """

    def __init__(self, length: int) -> None:
        self._newcomer = (1.0,) * length
        self._steps: deque[dict[Hashable, list[float]]] = deque(maxlen=2)

    def choose(
        self,
        keys: Iterable[Hashable],
        rate: Callable[[int], float],
        *,
        rows: int = 0,
        tokens: float = 0.0,
    ) -> int | None:
        """How many drafts of the requests ``keys`` to verify.

        A request that had no drafts two steps before counts as a full block of drafts
        that all survive. That is a constant on purpose: how many drafts a request has
        *now* may depend on their values, where a grammar forces tokens behind them.

        Args:
            keys: names of the requests, the same from step to step.
            rate, rows, tokens: as of :func:`algorithm_one`.

        Returns:
            The number, or None when it would rest on no history at all.
        """
        keys = list(keys)
        past = self._steps[0] if len(self._steps) == 2 else {}
        if not any(key in past for key in keys):
            return None
        survivals = [past.get(key, self._newcomer) for key in keys]
        rows += len(keys)
        tokens += len(keys)
        budget, best = 0, tokens * rate(rows)
        for count, (request, position) in enumerate(_ranked(survivals), start=1):
            tokens += survivals[request][position]
            throughput = tokens * rate(rows + count)
            if throughput > best:
                budget, best = count, throughput
        return budget

    def observe(self, confidences: Mapping[Key, Sequence[float]]) -> None:
        """Keep what this step drafted, by request. Call it after :meth:`choose`.

        Steps that drafted nothing are no steps here, and are not kept.
        """
        if any(confidences.values()):
            self._steps.append({key: survival(c) for key, c in confidences.items()})


def _ranked(
    survivals: Sequence[Sequence[float]], *, above: float = NEGLIGIBLE
) -> list[tuple[int, int]]:
    """(request, position) of every draft whose survival exceeds ``above``, best first.

    Ties go to the smaller position, then to the smaller request. Survival never rises
    along a request, so its drafts keep their order, in ties as well.
    """
    candidates = [
        (-value, position, request)
        for request, values in enumerate(survivals)
        for position, value in enumerate(values)
        if value > above
    ]
    return [(request, position) for _, position, request in sorted(candidates)]
