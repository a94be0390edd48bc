"""What an engine is told before it starts: measured once, kept, and never needed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dsagent.engine import calibration, setup
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import DSparkConfig, EngineConfig
from dsagent.engine.transformer import Transformer
from tests.engine.models import NANO

if TYPE_CHECKING:
    from pathlib import Path

DRAFTS = DSparkConfig(
    block_size=3, noise_token_id=7, target_layer_ids=(4, 5), markov_rank=8
)
CONFIG = EngineConfig(max_running=4)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DSAGENT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def model(folder: Path, seed: int = 1, stages: int = 1) -> Transformer:
    config = replace(NANO, dspark=DRAFTS if stages else None)
    return Transformer.load(random_checkpoint(config, seed, folder, stages=stages))


def test_steps_are_measured_in_under_two_seconds_and_kept(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = model(tmp_path / "model")
    started = time.thread_time()
    profile = setup.step_profile(transformer, CONFIG)
    assert time.thread_time() - started < 2.0
    assert profile is not None
    assert 0 < profile.target(1, 1) <= profile.target(1, 4) < profile.target(4, 16)
    assert 0 < profile.draft(1) < profile.target(4, 16)
    assert len(list(cache.iterdir())) == 1

    def again(*arguments: object) -> None:
        raise AssertionError("measured twice")

    monkeypatch.setattr(setup, "_measure", again)
    assert setup.step_profile(transformer, CONFIG) == profile


def test_another_batch_size_or_drafter_is_measured_anew(
    tmp_path: Path, cache: Path
) -> None:
    transformer = model(tmp_path / "one")
    setup.step_profile(transformer, CONFIG)
    setup.step_profile(transformer, replace(CONFIG, max_running=2))
    setup.step_profile(model(tmp_path / "two", stages=2), CONFIG)
    assert len(list(cache.iterdir())) == 3


def test_a_model_without_a_drafter_needs_neither(tmp_path: Path, cache: Path) -> None:
    transformer = model(tmp_path / "model", stages=0)
    assert setup.step_profile(transformer, CONFIG) is None
    assert setup.read_calibration(transformer, tmp_path / "model") is None
    assert not cache.exists()


def test_a_calibration_belongs_to_one_drafter(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    transformer = model(tmp_path / "model")
    fitted = calibration.Calibration((0.5, 2.0, 1.5), rounds=900)
    calibration.write(tmp_path / "model", fitted, model=setup.fingerprint(transformer))
    assert setup.read_calibration(transformer, tmp_path / "model") == fitted
    other = model(tmp_path / "other", seed=2)
    (tmp_path / "model" / calibration.FILE).rename(
        tmp_path / "other" / calibration.FILE
    )
    found = setup.read_calibration(other, tmp_path / "other")
    assert found == calibration.Calibration.identity(3)
    assert "made for another model" in caplog.text
