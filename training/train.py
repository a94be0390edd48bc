"""Train nano's backbone: ``python -m training.train --out runs/nano --tokens 12e6``.

One process, no server, resumable (`training.run`).
"""

from __future__ import annotations

import argparse
import logging
import math
import random
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.alike import Alike
from training.attend import BLOCK
from training.data.meanings import CLASSES
from training.exchange import Exchange
from training.losses import Meaning, Reconstruction, indexer_loss, token_loss
from training.model import Backbone, Shape
from training.quantise import rounded
from training.rows import Packed, Rows
from training.run import Resumable, Schedule, load_weights, parse
from training.source import Source

log = logging.getLogger(__name__)
NANO = Path(__file__).parents[1] / "dsagent" / "nano"
INDEX_EVERY = 8
"""One query in so many teaches the indexer in a step, others in the next."""
INDEX_SINCE = 64
"""Earlier queries have too few entries for their ranking to matter."""


@dataclass(frozen=True, slots=True)
class Settings(Schedule):
    """The numbers of a backbone's run."""

    tokens: float = 12e6
    prompt_weight: float = 0.1
    prompt_share: float = 0.3
    """Share of the positions nobody generates that the loss looks at."""
    reconstruction: float = 0.2
    reconstruct_until: float = 0.7
    meaning: float = 0.15
    """Weight of telling what texts mean."""
    cards: float = 45.0
    """Weight of texts without an answer, which teach nothing else."""
    meaning_from: float = 0.03
    """Until then the teacher learns to read what is there, and teaches nothing."""
    meaning_layer: int = 3
    """The layer whose output has to show it: those above look for it."""
    index_from: float = 0.6
    narrow_from: float = 0.5
    narrow: float = 0.25
    """From then on, the share of batches that draw a window below the real one."""
    smallest_window: int = 12
    widest_narrow: int = 128
    curriculum: float = -1.0
    """Hold the mix at this point of a run's course, as suits a model that is trained
    on; below 0 it follows the course."""
    peers: int = 1
    """Processes that train together, started with a ``rank`` each."""
    rank: int = 0
    exchange_every: int = 8
    alike: float = 0.5
    """How strongly spellings of one word are drawn together: times the learning rate,
    the share of the way in a step, as weight decay counts."""


def draw_window(rng: random.Random, real: int, progress: float, s: Settings) -> int:
    """The window of a batch: the real one, or log-uniform between the narrow bounds.

    With the real window nearly every answer lies inside it and compressed entries
    are never needed; a narrow one makes them the only way.
    """
    if progress < s.narrow_from or rng.random() >= s.narrow:
        return real
    low, high = math.log(s.smallest_window), math.log(s.widest_narrow)
    return round(math.exp(rng.uniform(low, high)))


class Run(Resumable):
    """A backbone in training, with its auxiliary teacher."""

    def __init__(self, s: Settings, shape: Shape, alike: Alike | None = None) -> None:
        super().__init__(s)
        self.s = s
        self.alike = alike
        self.model = Backbone(shape)
        self.teacher = Reconstruction(shape, layers=2)
        self.reader = Meaning(shape, len(CLASSES))
        self.understood = 0.0
        self.begin()

    def losses(self, batch: Packed, window: int) -> tuple[Tensor, Tensor]:
        """The total loss of a batch, and the hidden states for the log."""
        s = self.s
        with torch.autocast("cpu", torch.bfloat16):
            outputs = list(self.model.outputs(batch.ids, window, batch.begins))
            hidden = self.model.finish(outputs[-1][0])
            attended = [left for _, left in outputs if left is not None]
            loss = token_loss(
                self.model, hidden, batch.targets, batch.weight, batch.keep
            )
            if s.reconstruction and self.progress < s.reconstruct_until:
                aux = self.teacher(self.model, batch.ids, attended)
                loss = loss + s.reconstruction * aux
            if self.progress >= s.index_from:
                some = slice(self.step % INDEX_EVERY, None, INDEX_EVERY)
                loss = loss + 0.1 * indexer_loss(attended, INDEX_SINCE, some)
        if s.meaning:
            X = outputs[s.meaning_layer][0]
            X = X.detach() if self.progress < s.meaning_from else X
            told, right = self.reader(X, batch.meanings)
            loss = loss + s.meaning * told
            self.understood += 0.05 * (right.item() - self.understood)
        return loss, hidden

    def gradients(self, batch: Packed, window: int) -> tuple[Tensor, Tensor]:
        """Loss and hidden states of a batch, gradients accumulated."""
        late = self.progress >= self.s.round_from
        with rounded(self.model) if late else nullcontext():
            loss, hidden = self.losses(batch, window)
            torch.autograd.backward(loss)
        return loss.detach(), hidden.detach()

    def advance(self) -> None:
        """One step of the optimisers, and the spellings of a word a step closer."""
        factor = self.update(self.model.experts())
        share = self.s.alike * self.s.other_rate * factor
        if self.alike is not None and share:
            for table in (self.model.embed.weight, self.model.head.weight):
                self.alike.draw(table, share)
        self.step += 1

    def start_from(self, folder: Path) -> None:
        """Take the weights of a checkpoint; optimisers and counters begin afresh."""
        load_weights(self.model, folder)


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
        point = run.progress if s.curriculum < 0 else s.curriculum
        batch = rows.draw(rng, point)
        window = draw_window(rng, run.model.s.window, run.progress, s)
        loss, hidden = run.gradients(batch, window)
        run.advance()
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
                "step %d %.2f M tokens loss %.3f answers: %s "
                "meanings: %.3f | %.0f tokens/s",
                *(run.step, run.seen / 1e6, loss.item(), seen, run.understood, speed),
            )
            marks.clear()
        if s.rank == 0 and time.monotonic() - saved > 60 * s.save_minutes:
            run.save(folder)
            saved = time.monotonic()
    if s.rank == 0:
        run.save(folder)


def rows(nano: Path, s: Settings) -> Rows:
    """The generated conversations, encoded and packed."""
    source = Source(nano / "tokenizer.json", s.length, s.cards if s.meaning else 0.0)
    return Rows(
        source,
        rows=s.rows,
        length=s.length,
        pad=source.pad,
        prompt_weight=s.prompt_weight,
        prompt_share=s.prompt_share,
    )


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--nano", type=Path, default=NANO, help="config, tokenizer")
    parser.add_argument("--start", type=Path, help="a checkpoint to start from")
    settings, args = parse(parser, Settings())
    torch.set_num_threads(settings.threads)
    alike = Alike.read(args.nano / "tokenizer.json")
    run = Run(settings, Shape.read(args.nano / "config.json"), alike)
    if not run.restore(args.out) and args.start:
        run.start_from(args.start)
    assert settings.length % BLOCK == 0
    if settings.compiled:
        run.model.compile_blocks()
    train(run, rows(args.nano, settings), args.out)


if __name__ == "__main__":
    main()
