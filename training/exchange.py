"""Two or more processes train one model: local steps, then the mean of the weights.

On a few shared cores a process a core beats threads, which wait for each other at every
operation. Each process takes a few steps on rows of its own, then all replace their
weights by the mean (local SGD). They meet in a folder: a file a process and round.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

PATIENCE = 300.0
"""Seconds to wait for the others."""


class Exchange:
    """One process's place among ``peers``."""

    def __init__(self, folder: Path, rank: int, peers: int, every: int) -> None:
        self.folder, self.rank, self.peers, self.every = folder, rank, peers, every
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.glob(f"*.{rank}.safetensors"):  # of a run that was stopped
            stale.unlink()

    def due(self, step: int) -> bool:
        """Whether weights are averaged after this step."""
        return self.peers > 1 and step % self.every == 0

    @torch.no_grad()
    def average(self, model: nn.Module, step: int) -> None:
        """Replace the parameters by the mean over all processes at this step.

        Raises:
            TimeoutError: a process didn't come.
        """
        own = {n: p.detach().contiguous() for n, p in model.named_parameters()}
        new = self.folder / f"new.{self.rank}"
        save_file(own, new)
        new.replace(self._file(step, self.rank))
        others = [self._wait(step, r) for r in range(self.peers) if r != self.rank]
        for name, p in model.named_parameters():
            p.copy_((p + sum(other[name] for other in others)) / self.peers)
        self._file(step - self.every, self.rank).unlink(missing_ok=True)

    def _file(self, step: int, rank: int) -> Path:
        return self.folder / f"{step}.{rank}.safetensors"

    def _wait(self, step: int, rank: int) -> dict[str, torch.Tensor]:
        path = self._file(step, rank)
        until = time.monotonic() + PATIENCE
        while not path.exists():
            if time.monotonic() > until:
                raise TimeoutError(f"process {rank} hasn't reached step {step}")
            time.sleep(0.05)
        return load_file(path)
