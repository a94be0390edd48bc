"""Calibration: known miscalibration is found, and the error is what its formula says.

Rounds are simulated: true probabilities are drawn, drafts are accepted by them, and the
logits shown are the true ones times a temperature per position. Scaling can undo that
exactly, so the temperatures have a right answer.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from dsagent.engine.calibration import (
    FILE,
    Calibration,
    conditional_acceptance,
    ece,
    fingerprint,
    fit,
    read,
    write,
)
from tests.engine.models import FLASH

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TRUE = (0.5, 0.8, 1.25, 2.0, 3.0)
"""What the logits shown were multiplied with."""


def rounds(
    n: int, seed: int, temperatures: tuple[float, ...] = TRUE
) -> tuple[Floats, NDArray[np.int64]]:
    """Logits [n, γ] as shown, and how many drafts were accepted."""
    rng = np.random.default_rng(seed)
    true = rng.normal(1.5, 1.5, size=(n, len(temperatures)))
    happens = rng.random(true.shape) < 1 / (1 + np.exp(-true))
    accepted = np.cumprod(happens, axis=1).sum(axis=1)
    return true * np.array(temperatures), accepted


def test_ece_by_hand() -> None:
    """Bins [0, ¼), [¼, ½), [½, ¾), [¾, 1]. The second: mean 0.35, one of two happened,
    off by 0.15 for two of five. The last: mean 0.9, two of three, off by 0.2333."""
    predicted = [0.3, 0.4, 0.75, 0.95, 1.0]
    happened = [True, False, True, False, True]
    by_hand = 2 / 5 * abs(0.35 - 1 / 2) + 3 / 5 * abs(0.9 - 2 / 3)
    assert ece(predicted, happened, bins=4) == pytest.approx(by_hand)
    # One bin: the means, 0.68 against 0.6.
    assert ece(predicted, happened, bins=1) == pytest.approx(0.08)


def test_ece_agrees_with_its_definition() -> None:
    """Against plain loops over twenty bins, on numbers that don't lie on edges."""
    rng = np.random.default_rng(4)
    p, happened = rng.random(500), rng.random(500) < 0.4
    total = 0.0
    for low in range(20):
        inside = [i for i in range(500) if low / 20 <= p[i] < (low + 1) / 20]
        if inside:
            mean = sum(p[i] for i in inside) / len(inside)
            share = sum(bool(happened[i]) for i in inside) / len(inside)
            total += len(inside) / 500 * abs(mean - share)
    assert ece(p, happened) == pytest.approx(total)


def test_ece_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no predictions"):
        ece([], [])


def test_known_temperatures_are_recovered() -> None:
    calibration = fit(*rounds(30_000, seed=1))
    assert calibration.rounds == 30_000
    # Few rounds reach the later positions, so those are known less well: a fifth of the
    # rounds reach the last. Seeds 1 to 5 stay within half of these.
    assert calibration.temperatures[:2] == pytest.approx(TRUE[:2], rel=0.1)
    assert calibration.temperatures[2:] == pytest.approx(TRUE[2:], rel=0.2)


def test_calibrated_logits_are_left_alone() -> None:
    calibration = fit(*rounds(20_000, seed=2, temperatures=(1.0, 1.0, 1.0)))
    assert calibration.temperatures == pytest.approx((1.0, 1.0, 1.0), rel=0.15)


def test_positions_are_not_mixed_up() -> None:
    """The same rounds, with the temperatures the other way round."""
    calibration = fit(*rounds(20_000, seed=3, temperatures=(3.0, 0.5)))
    assert calibration.temperatures == pytest.approx((3.0, 0.5), rel=0.15)


def test_error_drops_on_rounds_held_out() -> None:
    calibration = fit(*rounds(20_000, seed=5))
    logits, accepted = rounds(20_000, seed=6)
    for k in range(1, 6):
        happened = accepted >= k
        before = ece(Calibration.identity(5).survival(logits)[:, k - 1], happened)
        after = ece(calibration.survival(logits)[:, k - 1], happened)
        assert after < 0.015
        assert after < before
    # At the first position, where nothing hides it, the error was several times that.
    first = accepted >= 1
    assert ece(Calibration.identity(5).survival(logits)[:, 0], first) > 0.05


def test_few_rounds_give_moderate_temperatures() -> None:
    """Where the calibration error is all noise, the log loss decides."""
    for seed in range(10):
        found = fit(*rounds(200, seed=seed, temperatures=(1.0, 1.0)))
        assert all(0.4 < t < 2.5 for t in found.temperatures)


def test_the_mean_of_all_is_no_calibration() -> None:
    """With half the drafts accepted, flat predictions of a half have no calibration
    error at all; a temperature that tells drafts apart is taken nevertheless."""
    rng = np.random.default_rng(8)
    true = rng.normal(0.0, 2.0, size=(5000, 1))
    accepted = (rng.random(true.shape) < 1 / (1 + np.exp(-true))).sum(axis=1)
    assert fit(true, accepted).temperatures == pytest.approx((1.0,), rel=0.15)


def test_confidence_is_the_scaled_sigmoid() -> None:
    calibration = Calibration((2.0, 0.5), rounds=9)
    assert calibration.confidence(1, 3.0) == pytest.approx(1 / (1 + math.exp(-1.5)))
    assert calibration.confidence(2, -1.0) == pytest.approx(1 / (1 + math.exp(2.0)))
    assert calibration.confidence(2, 1000.0) == 1.0
    assert calibration.confidence(2, -1000.0) == 0.0
    assert calibration.confidences([3.0]) == [calibration.confidence(1, 3.0)]
    assert calibration.confidences([]) == []
    survival = calibration.survival([[3.0, -1.0]])
    assert survival.shape == (1, 2)
    first, second = calibration.confidences([3.0, -1.0])
    assert survival[0].tolist() == pytest.approx([first, first * second])


@pytest.mark.parametrize("k", [0, -1, 3])
def test_there_are_only_so_many_drafts(k: int) -> None:
    with pytest.raises(IndexError, match=f"draft {k} of a block of 2"):
        Calibration.identity(2).confidence(k, 0.0)


def test_conditional_acceptance_by_hand() -> None:
    """Of 5 rounds 4 had their first draft accepted, 2 of those the second, none the
    third, so nothing is known of a fourth."""
    shares = conditional_acceptance([0, 1, 1, 2, 2], 4)
    assert shares[:3] == [4 / 5, 2 / 4, 0 / 2]
    assert math.isnan(shares[3])


@pytest.mark.parametrize(
    ("logits", "accepted", "message"),
    [
        ([], [], "needs rounds"),
        ([[1.0]], [1, 1], "needs rounds"),
        ([1.0], [1], "needs rounds"),
        ([[1.0, math.nan]], [1], "not all finite"),
        ([[1.0, 1.0]], [3], "between 0 and 2"),
        ([[1.0, 1.0]], [-1], "between 0 and 2"),
    ],
)
def test_what_are_no_rounds_is_refused(
    logits: list[object], accepted: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit(logits, accepted)  # type: ignore[arg-type]


# The file.


def test_a_calibration_is_kept_beside_the_checkpoint(tmp_path: Path) -> None:
    stored = Calibration((0.5, 1.0, 2.5), rounds=1234)
    assert write(tmp_path, stored, model="abc") == tmp_path / FILE
    assert read(tmp_path, model="abc", length=3) == stored
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_without_a_file_nothing_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read(tmp_path, model="abc", length=3) == Calibration((1.0, 1.0, 1.0))
    assert not caplog.records


GOOD = {"format": 1, "model": "abc", "rounds": 5, "temperatures": [1.5, 2.0]}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "no calibration"),
        ("[" * 100_000, "recursion"),
        (json.dumps(GOOD | {"format": 2}), "format is 2"),
        (json.dumps(GOOD | {"model": "xyz"}), "another model"),
        (json.dumps(GOOD | {"temperatures": [1.0]}), "1 temperatures for a block of 2"),
        (json.dumps(GOOD | {"temperatures": [1.0, 0.0]}), "not all positive"),
        (json.dumps(GOOD | {"temperatures": [1.0, math.nan]}), "not all positive"),
        (json.dumps(GOOD | {"temperatures": [1.0, "2"]}), "not all positive"),
        (json.dumps({"temperatures": [1.0, 1.0]}), "no calibration"),
    ],
)
def test_a_file_of_no_use_is_a_warning_that_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str, reason: str
) -> None:
    (tmp_path / FILE).write_text(content)
    with caplog.at_level(logging.WARNING, logger="dsagent"):
        found = read(tmp_path, model="abc", length=2)
    assert found == Calibration.identity(2)
    (record,) = caplog.records
    message = record.getMessage()
    assert str(tmp_path / FILE) in message
    assert reason in message
    assert "dsagent calibrate" in message


def test_a_fingerprint_tells_drafters_apart() -> None:
    prints = {
        fingerprint(FLASH, b"\x00\x01"),
        fingerprint(FLASH, b"\x00\x02"),
        fingerprint(replace(FLASH, vocab_size=301), b"\x00\x01"),
    }
    assert len(prints) == 3
    assert fingerprint(FLASH, b"\x00\x01") in prints
