"""What every training run is made of: its numbers, its schedule, its state on disk.

A run is resumable: its folder holds the newest state as safetensors plus a line of
JSON, and the same command continues from it. What a step sees depends only on the seed
and the step's number, so a resumed run sees fresh rows.
"""

from __future__ import annotations

import argparse
import json
import logging
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dsagent.engine.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from training.model import Experts

log = logging.getLogger(__name__)

STATE = "state.safetensors"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The numbers every run has; the command line may change any of them."""

    tokens: float
    """Length of the run; the learning rate and the curriculum follow its fraction."""
    rows: int = 8
    length: int = 512
    matrix_rate: float = 0.02
    other_rate: float = 2e-3
    warm_up: int = 50
    decay_from: float = 0.55
    floor: float = 0.02
    balance: float = 1e-3
    clip: float = 1.0
    round_from: float = 0.85
    """From then on the forward pass sees the weights as they will be stored."""
    seed: int = 0
    threads: int = 1
    compiled: bool = True
    save_minutes: float = 5.0


S = TypeVar("S", bound=Schedule)


def rate(progress: float, step: int, s: Schedule) -> float:
    """Warm-up, a plateau, then a straight line down to ``floor``."""
    warm = min(1.0, (step + 1) / s.warm_up)
    late = max(0.0, (progress - s.decay_from) / (1 - s.decay_from))
    return warm * (1 - (1 - s.floor) * min(late, 1.0))


def is_matrix(name: str, p: Tensor) -> bool:
    """What Muon trains: two-dimensional maps, but no tables and no mHC."""
    tables = ("embed", "head", "hc_", "ape", "maps")
    return p.ndim == 2 and not any(t in name for t in tables)


def optimisers(model: nn.Module, s: Schedule) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for tables, heads, norms, mHC and sinks."""
    named = list(model.named_parameters())
    matrices = [p for n, p in named if is_matrix(n, p)]
    others = [p for n, p in named if not is_matrix(n, p)]
    return [
        torch.optim.Muon(matrices, lr=s.matrix_rate, weight_decay=0.0),
        torch.optim.AdamW(
            others, lr=s.other_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        ),
    ]


class Resumable(nn.Module):
    """Everything that is saved: modules, optimisers, counters.

    A run registers its modules, then calls :meth:`begin`.
    """

    optimisers: list[torch.optim.Optimizer]

    def __init__(self, s: Schedule) -> None:
        super().__init__()
        torch.manual_seed(s.seed)
        self.schedule = s
        self.step = 0
        self.seen = 0

    def begin(self) -> None:
        """Give every parameter its optimiser."""
        self.optimisers = optimisers(self, self.schedule)

    @property
    def progress(self) -> float:
        """Share of the run's tokens that were seen, 0 to 1."""
        return min(self.seen / self.schedule.tokens, 1.0)

    def update(self, experts: Iterable[Experts]) -> float:
        """One optimiser step, and the routers' bias one step towards even load.

        Returns the share of the learning rates that the step was taken with.
        """
        s = self.schedule
        factor = rate(self.progress, self.step, s)
        nn.utils.clip_grad_norm_(self.parameters(), s.clip)
        for o in self.optimisers:
            for group in o.param_groups:
                group["lr"] = factor * group.setdefault("peak", group["lr"])
            o.step()
            o.zero_grad(set_to_none=True)
        for layer in experts:
            if not layer.hashed:
                load = layer.load
                layer.gate.bias += s.balance * torch.sign(load.mean() - load)
        return factor

    def save(self, folder: Path) -> None:
        """Write the state beside the old one, then take its place."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"run.{k}": v for k, v in self.state_dict().items()}
        for i, o in enumerate(self.optimisers):
            for j, state in o.state_dict()["state"].items():
                for k, v in state.items():
                    tensors[f"optimiser.{i}.{j}.{k}"] = torch.as_tensor(v).contiguous()
        meta = {
            "step": self.step,
            "seen": self.seen,
            "settings": asdict(self.schedule),
        }
        new = folder / "state.new"
        save_file(tensors, new, metadata={"run": json.dumps(meta)})
        new.replace(folder / STATE)

    def restore(self, folder: Path) -> bool:
        """Continue from :meth:`save`; False if there is nothing to continue."""
        path = folder / STATE
        if not path.exists():
            return False
        with safe_open(path, "pt") as f:
            meta = json.loads(f.metadata()["run"])
        tensors = load_file(path)
        own = {k[4:]: v for k, v in tensors.items() if k.startswith("run.")}
        self.load_state_dict(own)
        for i, o in enumerate(self.optimisers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, v in tensors.items():
                if name.startswith(f"optimiser.{i}."):
                    j, k = name.split(".", 2)[2].split(".", 1)
                    state.setdefault(int(j), {})[k] = v
            groups = o.state_dict()["param_groups"]
            o.load_state_dict({"state": state, "param_groups": groups})
        self.step, self.seen = meta["step"], meta["seen"]
        log.info("continuing at step %d, %.2f M tokens", self.step, self.seen / 1e6)
        return True


def read_settings(folder: Path, plain: S) -> S:
    """The numbers of the run saved in ``folder``, of the kind of ``plain``."""
    with safe_open(folder / STATE, "pt") as f:
        settings = json.loads(f.metadata()["run"])["settings"]
    return replace(plain, **settings)


def load_weights(model: nn.Module, folder: Path) -> None:
    """Take a module's weights from the checkpoint in ``folder``, decoded."""
    stored = Checkpoint(folder)
    try:
        own = model.state_dict()
        model.load_state_dict({name: stored.tensor(name) for name in own})
    finally:
        stored.close()


def parse(parser: argparse.ArgumentParser, plain: S) -> tuple[S, argparse.Namespace]:
    """The command line: a flag a setting, defaults from ``plain``."""
    for name, value in asdict(plain).items():
        kind = type(value)
        if kind is bool:
            parser.add_argument(
                f"--{name}", action=argparse.BooleanOptionalAction, default=value
            )
        else:
            flag = "--" + name.replace("_", "-")
            parser.add_argument(flag, type=kind, default=value, dest=name)
    args = parser.parse_args()
    chosen = {name: getattr(args, name) for name in asdict(plain)}
    return replace(plain, **chosen), args
