"""Calibrating a drafter from traffic: what ``dsagent calibrate`` does.

The model answers questions with every block of drafts verified in full, and what the
drafter's confidence said is compared with what happened. The temperatures that fit are
kept beside the checkpoint (``engine/calibration.py``); they change how far the engine
drafts ahead, and nothing it says.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from dsagent.engine import calibration
from dsagent.engine.config import EngineConfig
from dsagent.engine.request import Sampling
from dsagent.errors import LoadError, Unsupported
from dsagent.options import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dsagent.engine.calibration import Calibration
    from dsagent.engine.transformer import Transformer

ENOUGH = 200
"""Rounds below which a calibration is noise."""
ANSWER = 512
"""Most tokens of an answer, so that no question outweighs the others."""


@dataclass
class Rounds:
    """An engine's observer: the fully verified blocks."""

    scores: list[list[float]] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)

    def __call__(self, scores: list[float], accepted: int) -> None:
        self.scores.append(scores)
        self.accepted.append(accepted)


@dataclass(frozen=True, slots=True)
class Report:
    """What came out. Lists have a figure a place of the block."""

    rounds: int
    length: float
    """Tokens a round, the target's own included."""
    acceptance: list[float]
    """Share of the drafts that stood where those before them did."""
    before: list[float]
    """Expected calibration error of survival, all temperatures 1."""
    after: list[float]
    """The same, calibrated, on the half of the rounds it was not fitted on."""
    calibration: Calibration

    def lines(self) -> list[str]:
        """As a table to read."""

        def listed(values: Iterable[float]) -> str:
            return "  ".join(f"{value:6.3f}" for value in values)

        return [
            (
                f"{self.rounds} rounds of {len(self.before)} drafts, "
                f"{self.length:.2f} tokens a round"
            ),
            f"accepted if those before were  {listed(self.acceptance)}",
            f"calibration error before       {listed(self.before)}",
            f"calibration error after        {listed(self.after)}",
            f"temperatures                   {listed(self.calibration.temperatures)}",
        ]


def fit(rounds: Rounds) -> Report:
    """The temperatures that fit the rounds, and how well they do.

    The errors are measured on every other round with temperatures fitted on the rest;
    the calibration itself uses all.

    Raises:
        Unsupported: there are too few rounds.
    """
    if len(rounds.scores) < ENOUGH:
        raise Unsupported(
            f"{len(rounds.scores)} full rounds of drafts are too few to calibrate on; "
            f"ask more, so that there are {ENOUGH} or more"
        )
    z, counts = np.array(rounds.scores), np.array(rounds.accepted)
    length = z.shape[1]
    half = calibration.fit(z[::2], counts[::2])
    identity = calibration.Calibration.identity(length)

    def errors(of: Calibration) -> list[float]:
        survival = of.survival(z[1::2])
        return [
            calibration.ece(survival[:, k], counts[1::2] > k) for k in range(length)
        ]

    return Report(
        rounds=len(counts),
        length=1.0 + float(counts.mean()),
        acceptance=calibration.conditional_acceptance(counts, length),
        before=errors(identity),
        after=errors(half),
        calibration=calibration.fit(z, counts),
    )


def store(report: Report, transformer: Transformer, folder: Path) -> Path:
    """Keep the calibration beside the checkpoint it is for; the file."""
    from dsagent.engine.setup import fingerprint

    return calibration.write(folder, report.calibration, model=fingerprint(transformer))


async def calibrate(folder: Path, questions: Iterable[str]) -> tuple[Report, Path]:
    """Calibrate the model in ``folder`` on ``questions``; the report and the file.

    Raises:
        LoadError: there is no such model, or its folder can't be written to.
        Unsupported: the model has no drafter, or the questions gave too few rounds.
    """
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.engine import Engine
    from dsagent.engine.transformer import Transformer
    from dsagent.model import Model

    if not os.access(folder, os.W_OK):  # said now, not when all is answered
        raise LoadError(
            f"{folder} can't be written to, and a calibration is kept beside the "
            "weights; copy the folder and calibrate the copy"
        )
    transformer = Transformer.load(folder)
    if transformer.drafter is None:
        raise Unsupported(f"{folder} has no drafter, so there is nothing to calibrate")
    rounds = Rounds()
    engine = Engine(transformer, EngineConfig(), observe=rounds)
    tokenizer = Tokenizer.from_file(folder / "tokenizer.json")
    length = transformer.drafter.block_size
    limits = Limits(output_tokens=ANSWER)
    async with Model(engine, tokenizer) as model:
        for question in questions:
            for temperature in (0.0, 1.0):
                sampling = Sampling(temperature, speculation=length)
                await model.chat(question, sampling=sampling, limits=limits)
    report = fit(rounds)
    return report, store(report, transformer, folder)
