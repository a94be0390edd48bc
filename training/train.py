"""Train nano's backbone: ``python -m training.train --out runs/nano --tokens 12e6``.

One process, no server, resumable: the run's folder holds the newest state as
safetensors plus a line of JSON, and the same command continues from it. What a step
sees depends only on the seed and the step's number, so a resumed run sees fresh rows.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import random
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dsagent.engine.checkpoint import Checkpoint
from training.exchange import Exchange
from training.losses import Reconstruction, indexer_loss, token_loss
from training.model import BLOCK, Backbone, Shape
from training.quantise import rounded
from training.rows import Packed, Rows
from training.source import Source

log = logging.getLogger(__name__)
NANO = Path(__file__).parents[1] / "dsagent" / "nano"
INDEX_SINCE = 64
"""Earlier queries have too few entries for their ranking to matter."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A run's numbers; the command line may change any of them."""

    tokens: float = 12e6
    """Length of the run; the learning rate and the curriculum follow its fraction."""
    rows: int = 8
    length: int = 512
    matrix_rate: float = 0.02
    other_rate: float = 2e-3
    warm_up: int = 50
    decay_from: float = 0.55
    floor: float = 0.02
    prompt_weight: float = 0.1
    prompt_share: float = 0.3
    """Share of the positions nobody generates that the loss looks at."""
    reconstruction: float = 0.2
    reconstruct_until: float = 0.7
    index_from: float = 0.6
    narrow_from: float = 0.5
    narrow: float = 0.25
    """From then on, the share of batches that draw a window below the real one."""
    smallest_window: int = 12
    widest_narrow: int = 128
    balance: float = 1e-3
    clip: float = 1.0
    round_from: float = 0.85
    """From then on the forward pass sees the weights as they will be stored."""
    seed: int = 0
    threads: int = 1
    compiled: bool = True
    save_minutes: float = 5.0
    peers: int = 1
    """Processes that train together, started with a ``rank`` each."""
    rank: int = 0
    exchange_every: int = 8


def rate(progress: float, step: int, s: Settings) -> float:
    """Warm-up, a plateau, then a straight line down to ``floor``."""
    warm = min(1.0, (step + 1) / s.warm_up)
    late = max(0.0, (progress - s.decay_from) / (1 - s.decay_from))
    return warm * (1 - (1 - s.floor) * min(late, 1.0))


def draw_window(rng: random.Random, real: int, progress: float, s: Settings) -> int:
    """The window of a batch: the real one, or log-uniform between the narrow bounds.

    With the real window nearly every answer lies inside it and compressed entries
    are never needed; a narrow one makes them the only way.
    """
    if progress < s.narrow_from or rng.random() >= s.narrow:
        return real
    low, high = math.log(s.smallest_window), math.log(s.widest_narrow)
    return round(math.exp(rng.uniform(low, high)))


def is_matrix(name: str, p: Tensor) -> bool:
    """What Muon trains: two-dimensional maps, but no tables and no mHC."""
    tables = ("embed", "head", "hc_", "ape", "maps")
    return p.ndim == 2 and not any(t in name for t in tables)


def optimisers(model: nn.Module, s: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices, AdamW for embeddings, head, norms, mHC and sinks."""
    named = list(model.named_parameters())
    matrices = [p for n, p in named if is_matrix(n, p)]
    others = [p for n, p in named if not is_matrix(n, p)]
    return [
        torch.optim.Muon(matrices, lr=s.matrix_rate, weight_decay=0.0),
        torch.optim.AdamW(
            others, lr=s.other_rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True
        ),
    ]


class Run(nn.Module):
    """Everything that is saved: model, auxiliary teacher, optimisers, counters."""

    def __init__(self, s: Settings, shape: Shape) -> None:
        super().__init__()
        torch.manual_seed(s.seed)
        self.s = s
        self.model = Backbone(shape)
        self.teacher = Reconstruction(shape, layers=2)
        self.optimisers = optimisers(self, s)
        self.step = 0
        self.seen = 0

    @property
    def progress(self) -> float:
        return min(self.seen / self.s.tokens, 1.0)

    def losses(self, batch: Packed, window: int) -> tuple[Tensor, Tensor]:
        """The total loss of a batch, and the hidden states for the log."""
        s = self.s
        with torch.autocast("cpu", torch.bfloat16):
            hidden, attended = self.model(batch.ids, window)
            loss = token_loss(
                self.model, hidden, batch.targets, batch.weight, batch.keep
            )
            if s.reconstruction and self.progress < s.reconstruct_until:
                aux = self.teacher(self.model, batch.ids, attended)
                loss = loss + s.reconstruction * aux
            if self.progress >= s.index_from:
                loss = loss + 0.1 * indexer_loss(attended, since=INDEX_SINCE)
        return loss, hidden

    def gradients(self, batch: Packed, window: int) -> tuple[Tensor, Tensor]:
        """Loss and hidden states of a batch, gradients accumulated."""
        late = self.progress >= self.s.round_from
        with rounded(self.model) if late else nullcontext():
            loss, hidden = self.losses(batch, window)
            torch.autograd.backward(loss)
        return loss.detach(), hidden.detach()

    def update(self) -> None:
        """One optimiser step, and the router's bias one step towards even load."""
        factor = rate(self.progress, self.step, self.s)
        nn.utils.clip_grad_norm_(self.parameters(), self.s.clip)
        for o in self.optimisers:
            for group in o.param_groups:
                group["lr"] = factor * group.setdefault("peak", group["lr"])
            o.step()
            o.zero_grad(set_to_none=True)
        for experts in self.model.experts():
            if not experts.hashed:
                load = experts.load
                experts.gate.bias += self.s.balance * torch.sign(load.mean() - load)

    def start_from(self, folder: Path) -> None:
        """Take the weights of a checkpoint; optimisers and counters begin afresh."""
        stored = Checkpoint(folder)
        try:
            own = self.model.state_dict()
            self.model.load_state_dict({name: stored.tensor(name) for name in own})
        finally:
            stored.close()

    def save(self, folder: Path) -> None:
        """Write the state beside the old one, then take its place."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"run.{k}": v for k, v in self.state_dict().items()}
        for i, o in enumerate(self.optimisers):
            for j, state in o.state_dict()["state"].items():
                for k, v in state.items():
                    tensors[f"optimiser.{i}.{j}.{k}"] = torch.as_tensor(v).contiguous()
        meta = {"step": self.step, "seen": self.seen, "settings": asdict(self.s)}
        new = folder / "state.new"
        save_file(tensors, new, metadata={"run": json.dumps(meta)})
        new.replace(folder / "state.safetensors")

    def restore(self, folder: Path) -> bool:
        """Continue from :meth:`save`; False if there is nothing to continue."""
        path = folder / "state.safetensors"
        if not path.exists():
            return False
        from safetensors import safe_open

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


@torch.no_grad()
def accuracy(run: Run, batch: Packed, hidden: Tensor) -> float:
    """Share of the answer tokens (weight 1) predicted first."""
    answers = batch.weight >= 1.0
    logits = run.model.head(hidden[answers].to(torch.float32))
    right = logits.argmax(-1) == batch.targets[answers]
    return float(right.float().mean())


def train(run: Run, rows: Rows, folder: Path) -> None:
    """The loop."""
    s = run.s
    rng = random.Random(s.seed * 1_000_003 + run.step * s.peers + s.rank)
    torch.manual_seed(rng.randrange(2**31))
    exchange = Exchange(folder / "exchange", s.rank, s.peers, s.exchange_every)
    saved = started = time.monotonic()
    first = run.seen
    marks: dict[str, list[float]] = {}
    while run.seen < s.tokens:
        batch = rows.draw(rng, run.progress)
        window = draw_window(rng, run.model.s.window, run.progress, s)
        loss, hidden = run.gradients(batch, window)
        run.update()
        run.step += 1
        run.seen += batch.ids.numel() * s.peers
        if exchange.due(run.step):
            exchange.average(run, run.step)
        kind = "full" if window == run.model.s.window else ("mid", "low")[window < 40]
        if run.step % 5 == 0:
            marks.setdefault(kind, []).append(accuracy(run, batch, hidden))
        if run.step % 25 == 0:
            speed = (run.seen - first) / (time.monotonic() - started)
            seen = " ".join(
                f"{k} {sum(v) / len(v):.3f}" for k, v in sorted(marks.items())
            )
            log.info(
                "step %d %.2f M tokens loss %.3f answers: %s | %.0f tokens/s",
                *(run.step, run.seen / 1e6, loss.item(), seen, speed),
            )
            marks.clear()
        if s.rank == 0 and time.monotonic() - saved > 60 * s.save_minutes:
            run.save(folder)
            saved = time.monotonic()
    if s.rank == 0:
        run.save(folder)


def rows(nano: Path, s: Settings) -> Rows:
    """The generated conversations, encoded and packed."""
    source = Source(nano / "tokenizer.json", s.length)
    return Rows(
        source,
        rows=s.rows,
        length=s.length,
        pad=source.pad,
        prompt_weight=s.prompt_weight,
        prompt_share=s.prompt_share,
    )


def parse() -> tuple[Settings, argparse.Namespace]:
    """The command line: a flag a setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--nano", type=Path, default=NANO, help="config, tokenizer")
    parser.add_argument("--start", type=Path, help="a checkpoint to start from")
    plain = Settings()
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


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    settings, args = parse()
    torch.set_num_threads(settings.threads)
    run = Run(settings, Shape.read(args.nano / "config.json"))
    if not run.restore(args.out) and args.start:
        run.start_from(args.start)
    assert settings.length % BLOCK == 0
    if settings.compiled:
        run.model.compile_blocks()
    train(run, rows(args.nano, settings), args.out)


if __name__ == "__main__":
    main()
