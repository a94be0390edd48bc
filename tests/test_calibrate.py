"""``dsagent calibrate``: what is fitted, what is shown, and what a fault says."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

import dsagent.calibrate
from dsagent.calibrate import Rounds, fit
from dsagent.cli import main
from dsagent.engine.calibration import FILE, Calibration, ece, read
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import DSparkConfig, ModelConfig
from dsagent.engine.setup import fingerprint
from dsagent.engine.transformer import Transformer
from dsagent.errors import Unsupported
from dsagent.loading import NANO
from tests.engine.models import FLASH

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = replace(
    FLASH,
    vocab_size=ModelConfig.read(NANO).vocab_size,
    num_hidden_layers=2,
    compress_ratios=(0, 4),
    num_hash_layers=1,
    n_routed_experts=4,
    num_experts_per_tok=2,
    dspark=DSparkConfig(
        block_size=3, noise_token_id=3, target_layer_ids=(0, 1), markov_rank=8
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that drafts and babbles."""
    path = tmp_path_factory.mktemp("drafting") / "model"
    random_checkpoint(CONFIG, 1, path, stages=1)
    shutil.copy(NANO / "tokenizer.json", path)
    return path


def rounds(n: int, seed: int, *factors: float) -> Rounds:
    """Drafts that stand with the probability of a logit, and that logit times a factor:
    round i has ``factors[i % len(factors)]``."""
    rng = np.random.default_rng(seed)
    true = rng.normal(1.0, 1.5, size=(n, 3))
    stood = rng.random(true.shape) < 1 / (1 + np.exp(-true))
    scale = np.array([factors[i % len(factors)] for i in range(n)])
    return Rounds(
        (true * scale[:, None]).tolist(),
        np.cumprod(stood, axis=1).sum(axis=1).tolist(),
    )


def test_what_is_fitted() -> None:
    observed = rounds(20_000, 3, 2.5)
    report = fit(observed)
    assert report.calibration.temperatures == pytest.approx((2.5, 2.5, 2.5), rel=0.12)
    assert (report.rounds, report.calibration.rounds) == (20_000, 20_000)
    assert all(
        after < before / 2
        for before, after in zip(report.before, report.after, strict=True)
    )
    accepted = observed.accepted
    assert report.length == pytest.approx(1 + sum(accepted) / len(accepted))
    stood = [sum(count >= k for count in accepted) for k in range(4)]
    expected = [stood[k] / stood[k - 1] for k in (1, 2, 3)]
    assert report.acceptance == pytest.approx(expected)


def test_errors_are_those_of_rounds_it_was_not_fitted_on() -> None:
    # Every other round is bold, the rest are right: what fits those spoils these.
    observed = rounds(10_000, 4, 4.0, 1.0)
    report = fit(observed)
    survival = Calibration((4.0, 4.0, 4.0)).survival(observed.scores[1::2])
    stood = np.array(observed.accepted[1::2])
    expected = [ece(survival[:, k], stood > k) for k in range(3)]
    assert report.after == pytest.approx(expected, rel=0.1)
    assert min(report.after) > 0.1 > 0.03 > max(report.before)


def test_too_few_rounds_are_refused() -> None:
    with pytest.raises(Unsupported, match="199 full rounds of drafts are too few"):
        fit(rounds(199, 5, 1.0))
    assert fit(rounds(200, 5, 1.0)).rounds == 200


def test_the_command_calibrates_a_model(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(dsagent.calibrate, "ANSWER", 128)
    (tmp_path / "questions.txt").write_text("Who are you?\n\n  What is new?  \n")
    assert main(["calibrate", str(folder), str(tmp_path / "questions.txt")]) == 0
    out = capsys.readouterr().out.splitlines()
    # Two questions, each at two temperatures, at most 128 tokens each.
    count = int(out[0].split()[0])
    assert 200 <= count < 4 * 128
    assert out[0].startswith(f"{count} rounds of 3 drafts, ")
    assert out[-1] == f"kept in {folder / FILE}"
    # It is what the engine reads when the model is loaded.
    kept = read(folder, model=fingerprint(Transformer.load(folder)), length=3)
    assert kept.rounds == count
    shown = [float(figure) for figure in out[4].split()[1:]]
    assert kept.temperatures == pytest.approx(shown, abs=5e-4)
    assert json.loads((folder / FILE).read_text())


def test_what_goes_wrong_is_a_line(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fault(*arguments: str) -> str:
        assert main(["calibrate", *arguments]) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err

    model, questions = str(folder), tmp_path / "questions.txt"
    assert "DocumentError" in fault(model, str(questions))
    questions.write_text("\n \n")
    assert "there are no questions in" in fault(model, str(questions))
    questions.write_text("Who?\n")
    assert "MissingWeights" in fault(str(tmp_path / "none"), str(questions))
    plain = random_checkpoint(replace(CONFIG, dspark=None), 1, tmp_path / "plain")
    shutil.copy(NANO / "tokenizer.json", plain)
    assert "has no drafter" in fault(str(plain), str(questions))
    monkeypatch.setattr("dsagent.loading.NANO", plain)
    assert f"{plain} has no drafter" in fault(str(questions))
    monkeypatch.setattr(dsagent.calibrate, "ANSWER", 16)
    assert "too few to calibrate on" in fault(model, str(questions))
    monkeypatch.setattr(os, "access", lambda *given: False)
    assert f"{folder} can't be written to" in fault(model, str(questions))
