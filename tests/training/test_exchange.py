"""Processes that train together end a round with the mean of their weights."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from training import exchange
from training.exchange import Exchange

if TYPE_CHECKING:
    from pathlib import Path


def test_all_get_the_mean_round_after_round(tmp_path: Path) -> None:
    models = [nn.Linear(3, 2) for _ in range(3)]
    peers = [Exchange(tmp_path, rank, 3, every=4) for rank in range(3)]
    for step in (4, 8):
        with torch.no_grad():
            for i, model in enumerate(models):
                model.weight += i
        wanted = torch.stack([m.weight.detach() for m in models]).mean(0)
        threads = [
            threading.Thread(target=peer.average, args=(model, step))
            for peer, model in zip(peers, models, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for model in models:
            assert torch.allclose(model.weight, wanted)
    assert len(list(tmp_path.iterdir())) == 3


def test_what_a_stopped_run_left_is_not_waited_for(tmp_path: Path) -> None:
    for rank in range(2):
        (tmp_path / f"8.{rank}.safetensors").write_bytes(b"old")
    Exchange(tmp_path, 1, 2, every=4)
    assert [path.name for path in tmp_path.iterdir()] == ["8.0.safetensors"]


def test_one_process_never_waits(tmp_path: Path) -> None:
    assert not Exchange(tmp_path, 0, 1, every=1).due(1)


def test_a_process_that_does_not_come_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 0.0)
    with pytest.raises(TimeoutError, match="process 1 hasn't reached step 4"):
        Exchange(tmp_path, 0, 2, every=4).average(nn.Linear(1, 1), 4)
