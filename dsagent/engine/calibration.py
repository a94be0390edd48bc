"""Confidences that mean what they say.

The drafter's confidence head gives a logit z_k for each draft, and σ(z_k) is meant to
be the probability that draft k is accepted if those before it were. Trained heads are
overconfident or shy, more so at later positions, and products of such numbers go wrong
faster than the numbers. Sequential temperature scaling (model reference §9.8) divides
each position's logits by one temperature T_k. The temperatures are chosen in order of
position, so that σ(z_1/T_1) · … · σ(z_k/T_k) matches how often the first k drafts were
accepted, with those before k already fixed.

Positions k count from 1, as in the formulas. Letters: N rounds, γ drafts a round.

A calibration changes how fast a model is and nothing it says. So a ``calibration.json``
that is broken, or was made for another model, is a warning that names it and not an
error: the model runs as if there were none.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import exp, isfinite
from typing import TYPE_CHECKING, Final

import numpy as np

from dsagent.engine.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from dsagent.engine.config import ModelConfig

    Floats = NDArray[np.float64]

logger = logging.getLogger(__name__)

FILE: Final = "calibration.json"
"""Its name, in the folder of the checkpoint."""
_FORMAT: Final = 1
_GRID: Final = np.geomspace(0.1, 10.0, 401)
"""Temperatures tried. The steps are 1.2 %; beyond the ends a logit means nothing."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The temperatures of one drafter."""

    temperatures: tuple[float, ...]
    """T_1 … T_γ."""
    rounds: int = 0
    """Rounds they were fitted on; 0 for none, when all are 1."""

    @classmethod
    def identity(cls, length: int) -> Calibration:
        """What a drafter of ``length`` drafts has before it is calibrated."""
        return cls((1.0,) * length)

    def confidence(self, k: int, z: float) -> float:
        """The probability that draft ``k`` is accepted if those before it were.

        Raises:
            IndexError: there is no draft ``k``; the first is 1.
        """
        if not 1 <= k <= len(self.temperatures):
            raise IndexError(f"draft {k} of a block of {len(self.temperatures)}")
        scaled = z / self.temperatures[k - 1]
        # Either form is exact where it is used, and neither overflows there.
        if scaled >= 0.0:
            return 1.0 / (1.0 + exp(-scaled))
        return exp(scaled) / (1.0 + exp(scaled))

    def confidences(self, logits: Sequence[float]) -> list[float]:
        """c_1, c_2, … of one request's z_1, z_2, …, of which there may be fewer."""
        return [self.confidence(k, z) for k, z in enumerate(logits, start=1)]

    def survival(self, logits: ArrayLike) -> Floats:
        """[N, γ]: the probability that a draft and all before it are accepted.

        ``logits`` is [N, γ].
        """
        scaled = np.asarray(logits, dtype=np.float64) / np.array(self.temperatures)
        return np.asarray(_sigmoid(scaled).cumprod(axis=1), dtype=np.float64)


def fit(logits: ArrayLike, accepted: ArrayLike) -> Calibration:
    """Choose the temperatures from rounds whose drafts were all verified.

    Of the temperatures on a grid the one with the least expected calibration error is
    wanted. That error is blind to how well accepted and rejected drafts are told apart
    (predicting the mean for all has none), and on N rounds it is itself known to about
    1 / (2 √N). Among all that come this close to the least, the one with the least log
    loss is taken.

    Args:
        logits: [N, γ], z_1 … z_γ of each round.
        accepted: [N], how many of its γ drafts were accepted.

    Raises:
        ValueError: the shapes or counts don't fit, or there are no rounds.
    """
    z, counts = _rounds(logits, accepted)
    rounds, length = z.shape
    slack = 0.5 / rounds**0.5
    before = np.ones(rounds)
    temperatures = []
    for k in range(1, length + 1):
        happened = counts >= k
        tried = [before * _sigmoid(z[:, k - 1] / t) for t in _GRID]
        errors = np.array([ece(predicted, happened) for predicted in tried])
        losses = np.array([_log_loss(predicted, happened) for predicted in tried])
        losses[errors > errors.min() + slack] = np.inf
        best = int(losses.argmin())
        temperatures.append(float(_GRID[best]))
        before = tried[best]
    return Calibration(tuple(temperatures), rounds)


def ece(predicted: ArrayLike, happened: ArrayLike, bins: int = 20) -> float:
    """The expected calibration error of predicted probabilities, in [0, 1].

    Predictions are put in ``bins`` equal intervals of [0, 1]; the error is the mean,
    over predictions, of how far their bin's mean prediction is from the share that
    happened. The right end of an interval belongs to the next one, 1 to the last.
    """
    p = np.asarray(predicted, dtype=np.float64)
    if p.size == 0:
        raise ValueError("the calibration error of no predictions is not defined")
    index = np.minimum((p * bins).astype(np.int64), bins - 1)
    missed = np.bincount(index, weights=p - np.asarray(happened), minlength=bins)
    return float(np.abs(missed).sum() / p.size)


def conditional_acceptance(accepted: ArrayLike, length: int) -> list[float]:
    """For each position, the share of its drafts accepted when those before it were.

    NaN where none came that far.
    """
    counts = np.asarray(accepted)
    reached = [int((counts >= k).sum()) for k in range(length + 1)]
    return [
        after / before if before else float("nan")
        for before, after in pairwise(reached)
    ]


def fingerprint(config: ModelConfig, confidence_head: bytes) -> str:
    """Names the drafter a calibration is for.

    It is the confidence head that is calibrated, and a few kilobytes: its weights, as
    they are stored, tell one training run from the next.
    """
    digest = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode())
    digest.update(confidence_head)
    return digest.hexdigest()[:32]


def write(folder: Path, calibration: Calibration, *, model: str) -> Path:
    """Store ``calibration`` beside the checkpoint; the file's path.

    Args:
        folder: of the checkpoint.
        model: the drafter's :func:`fingerprint`.

    Raises:
        OSError: the folder can't be written to.
    """
    path = folder / FILE
    data = {
        "format": _FORMAT,
        "model": model,
        "rounds": calibration.rounds,
        "temperatures": list(calibration.temperatures),
    }
    write_whole(path, json.dumps(data, indent=2) + "\n")
    return path


def read(folder: Path, *, model: str, length: int) -> Calibration:
    """The calibration stored in ``folder``, or the identity if there is none for us.

    Args:
        folder: of the checkpoint.
        model: the drafter's :func:`fingerprint`.
        length: drafts in a round.
    """
    path = folder / FILE
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")), model, length)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, RecursionError) as error:
        logger.warning(
            "%s is not used: %s. The model runs without; `dsagent calibrate` makes a "
            "new one.",
            path,
            error,
        )
    return Calibration.identity(length)


def _parse(data: object, model: str, length: int) -> Calibration:
    """The file's content as a calibration; ValueError says why it isn't one."""
    match data:
        case {"format": int(found)} if found != _FORMAT:
            raise ValueError(f"its format is {found}, and {_FORMAT} is known here")
        case {
            "format": int(),
            "model": str(name),
            "rounds": int(rounds),
            "temperatures": [*numbers],
        }:
            pass
        case _:
            raise ValueError("it is no calibration")
    if name != model:
        raise ValueError("it was made for another model")
    temperatures = [float(t) for t in numbers if isinstance(t, int | float)]
    if len(temperatures) != len(numbers) or not all(
        isfinite(t) and t > 0.0 for t in temperatures
    ):
        raise ValueError("its temperatures are not all positive numbers")
    if len(temperatures) != length:
        raise ValueError(
            f"it has {len(temperatures)} temperatures for a block of {length} drafts"
        )
    return Calibration(tuple(temperatures), rounds)


def _rounds(logits: ArrayLike, accepted: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    z = np.asarray(logits, dtype=np.float64)
    counts = np.asarray(accepted, dtype=np.int64)
    if z.ndim != 2 or counts.shape != z.shape[:1] or z.size == 0:
        raise ValueError(
            "a calibration needs rounds: logits [rounds, drafts] and accepted [rounds],"
            f" not {list(z.shape)} and {list(counts.shape)}"
        )
    if not np.isfinite(z).all():
        raise ValueError("the confidence logits are not all finite")
    if counts.min() < 0 or counts.max() > z.shape[1]:
        raise ValueError(f"accepted counts must be between 0 and {z.shape[1]}")
    return z, counts


def _sigmoid(x: Floats) -> Floats:
    # exp(-|x|) can't overflow; σ(x) = 1 / (1 + e) or e / (1 + e).
    e = np.exp(-np.abs(x))
    result: Floats = np.where(x >= 0.0, 1.0, e) / (1.0 + e)
    return result


def _log_loss(predicted: Floats, happened: NDArray[np.bool_]) -> float:
    """The mean of -log of the probability given to what happened."""
    p = np.clip(np.where(happened, predicted, 1.0 - predicted), 1e-12, 1.0)
    return float(-np.log(p).mean())
