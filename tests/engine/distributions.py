"""What sampling has to produce, from the definitions, and whether counts agree."""

from __future__ import annotations

import math

import numpy as np


def exact_probabilities(
    logits: np.ndarray, temperature: float, top_p: float, min_p: float
) -> np.ndarray:
    """The definition, one row, in float64 and plain loops."""
    weights = np.exp((logits.astype(np.float64) - logits.max()) / temperature)
    p = weights / weights.sum()
    keep = np.zeros(len(p), dtype=bool)
    mass = 0.0
    for i in sorted(range(len(p)), key=lambda i: -p[i]):
        if mass >= top_p:
            break
        keep[i] = True
        mass += p[i]
    keep &= p >= min_p * p.max()
    p = np.where(keep, p, 0.0)
    result: np.ndarray = p / p.sum()
    return result


def chi_square(counts: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Pearson's statistic of ``counts`` against ``p``, and the value it exceeds once
    in a thousand when ``p`` is true.

    Seeds are fixed, so a test that passes goes on passing; once in a thousand says how
    surprised to be when one fails after a change of numbers that should not matter.
    The limit is Wilson and Hilferty's approximation, at most three per cent too high
    (with one degree of freedom). It supposes cells that are not too rare, so those of
    fewer than 5 expected counts are pooled. A count where ``p`` is 0 refutes it
    outright.
    """
    possible = p > 0
    if counts[~possible].any():
        return math.inf, 0.0
    observed, expected = _pooled(counts[possible], counts.sum() * p[possible])
    k = len(expected) - 1
    limit = k * (1 - 2 / (9 * k) + 3.09 * math.sqrt(2 / (9 * k))) ** 3
    return float(((observed - expected) ** 2 / expected).sum()), limit


def _pooled(
    observed: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both with the cells of fewer than 5 expected counts added up into one."""
    rare = expected < 5.0
    if not rare.any():
        return observed, expected
    return (
        np.append(observed[~rare], observed[rare].sum()),
        np.append(expected[~rare], expected[rare].sum()),
    )
