"""Train nano's drafter: ``python -m training.draft --out runs/draft --tokens 2e6``.

The backbone is frozen: a forward pass over packed conversations gives the drafter's
context and the distributions to meet. Blocks are drafted behind anchors drawn from what
the assistant writes, many a row, and every token in them is taught with the true token
before it (DSpark paper §3.3). Resumable like the backbone's run (`training.run`).
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
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from dsagent.encoding.tokens import NOISE
from dsagent.engine.checkpoint import Checkpoint
from dsagent.errors import Unsupported
from training.attend import BLOCK
from training.drafter import DrafterModule, DraftShape, narrowed
from training.losses import draft_loss
from training.model import Backbone, Shape
from training.quantise import rounded
from training.rows import Packed, Rows
from training.run import Resumable, Schedule, load_weights, parse
from training.source import Source
from training.train import NANO

if TYPE_CHECKING:
    from collections.abc import Sequence

log = logging.getLogger(__name__)

MIX = 1.0
"""The point of the curriculum the conversations come from: its end."""


@dataclass(frozen=True, slots=True)
class Settings(Schedule):
    """The numbers of a drafter's run; ``tokens`` counts the backbone's."""

    tokens: float = 2e6
    stages: int = 2
    block: int = 5
    markov_rank: int = 128
    taps: int = 3
    """The drafter sees the outputs of that many last layers."""
    anchors: int = 32
    """Blocks a row."""


def draft_shape(s: Settings, layers: int, tokenizer: Path) -> DraftShape:
    """The drafter of ``s`` for a backbone of ``layers`` layers.

    Raises:
        Unsupported: the tokenizer has no placeholder token for unknown places.
    """
    noise = Tokenizer.from_file(str(tokenizer)).token_to_id(NOISE)
    if noise is None:
        raise Unsupported(
            f"{tokenizer} has no {NOISE}, which stands for the unknown places of a "
            "draft; add it to the tokenizer before training the backbone"
        )
    tapped = tuple(range(layers - s.taps, layers))
    return DraftShape(s.stages, s.block, s.markov_rank, tapped, noise)


@dataclass(frozen=True, slots=True)
class Observed:
    """What the frozen backbone says of a batch."""

    hidden: Tensor
    """``[B, T, D]``, ready for the head."""
    taps: Tensor
    """``[B, T, L·D]``: tapped layers' outputs, mean over the streams, side by side."""


class Target:
    """The frozen backbone. No module of the run: it is neither trained nor saved."""

    def __init__(self, model: Backbone, layers: Sequence[int]) -> None:
        self.model = model.requires_grad_(False)
        self.layers = tuple(layers)

    @staticmethod
    def load(folder: Path, layers: Sequence[int], longest: int) -> Target:
        """The checkpoint in ``folder``."""
        model = Backbone(Shape.read(folder / "config.json"), longest)
        load_weights(model, folder)
        return Target(model, layers)

    @torch.no_grad()
    def observe(self, ids: Tensor, begins: Tensor | None = None) -> Observed:
        """Run ``ids [B, T]``, whose conversations begin at ``begins [B, T]``."""
        taps = []
        for layer, (X, _) in enumerate(self.model.outputs(ids, begins=begins)):
            if layer in self.layers:
                taps.append(X.mean(2))
        return Observed(self.model.finish(X), torch.cat(taps, -1))

    @torch.no_grad()
    def logits(self, hidden: Tensor) -> Tensor:
        """``[..., D]`` to float32 ``[..., V]``."""
        return F.linear(hidden.float(), self.model.head.weight)


@dataclass(frozen=True, slots=True)
class Anchors:
    """Where a batch's blocks begin, and which of their places can be taught."""

    at: Tensor
    """``[B, n]``, positions."""
    valid: Tensor
    """``[B, n, g]``, a prefix of each block: the tokens to draft were generated."""

    @staticmethod
    def draw(batch: Packed, n: int, block: int, rng: torch.Generator) -> Anchors:
        """``n`` a row, without repetition, where two generated tokens meet.

        In a row with fewer such places the rest is valid nowhere.
        """
        generated = batch.weight >= 1.0
        able = generated.clone()
        able[:, 0] = False
        able[:, 1:] &= generated[:, :-1]
        order = torch.rand(able.shape, generator=rng).masked_fill(~able, -1.0)
        drawn = order.topk(n, -1)
        padded = F.pad(generated, (0, block - 1))
        places = drawn.indices.unsqueeze(-1) + torch.arange(block)
        follows = padded.gather(1, places.flatten(1)).view_as(places)
        able = (drawn.values >= 0).unsqueeze(-1)
        return Anchors(drawn.indices, (follows & able).cumprod(-1).bool())


@dataclass(frozen=True, slots=True)
class Marks:
    """How good a batch's drafts are."""

    length: float
    """Expected tokens a round, the target's own included: 1 to g + 1."""
    accepted: Tensor
    """Mean chance of acceptance at each place ``[g]``, given those before."""
    agreed: Tensor
    """Share of places ``[g]`` at which both would choose the same token first."""

    @staticmethod
    def of(accepted: Tensor, agreed: Tensor, valid: Tensor) -> Marks:
        """From the valid places' figures ``[N]``; the length from whole blocks only."""
        table = torch.zeros(2, *valid.shape)
        table[:, valid] = torch.stack((accepted, agreed.float()))
        flat, counted = table.flatten(1, 2), valid.flatten(0, 1)
        mean = flat.sum(1) / counted.sum(0).clamp(min=1)
        whole = flat[0][counted.all(-1)]
        length = 1 + whole.cumprod(-1).sum(-1).mean()
        return Marks(float(length), mean[0], mean[1])

    @staticmethod
    def mean(marks: Sequence[Marks]) -> Marks:
        """Over several batches; batches without a whole block have no length."""
        lengths = [m.length for m in marks if not math.isnan(m.length)]
        return Marks(
            sum(lengths) / max(len(lengths), 1),
            torch.stack([m.accepted for m in marks]).mean(0),
            torch.stack([m.agreed for m in marks]).mean(0),
        )

    def __str__(self) -> str:
        def listed(values: Tensor) -> str:
            return " ".join(f"{v:.3f}" for v in values.tolist())

        return (
            f"length {self.length:.3f} accepted {listed(self.accepted)} "
            f"agreed {listed(self.agreed)}"
        )


class DraftRun(Resumable):
    """A drafter in training."""

    def __init__(self, s: Settings, target: Target, d: DraftShape) -> None:
        super().__init__(s)
        self.s, self.target = s, target
        self.drafter = DrafterModule(target.model.s, d, longest=s.length + s.block)
        self.begin()

    def losses(self, batch: Packed, anchors: Anchors) -> tuple[Tensor, Marks]:
        """The loss of a batch's blocks, and their marks."""
        target, g = self.target, self.s.block
        at, valid = anchors.at, anchors.valid
        with torch.autocast("cpu", torch.bfloat16):
            observed = target.observe(batch.ids, batch.begins)
            context = self.drafter.context(observed.taps)
            embed = target.model.embed
            X = self.drafter.block(
                batch.ids.gather(1, at), at, batch.begins.gather(1, at), context, embed
            )
        # From here on only what is valid, flat: N tokens.
        row, block, place = valid.nonzero(as_tuple=True)
        position = at[row, block] + place
        logits, z = self.drafter.heads(
            X[valid], batch.ids[row, position], target.model.head.weight
        )
        wanted = target.logits(observed.hidden[row, position])
        weight = torch.exp(-place / g)
        labels = batch.targets[row, position]
        loss = draft_loss(logits, z, wanted, labels, weight)
        agreed = logits.detach().argmax(-1) == wanted.argmax(-1)
        return loss.total, Marks.of(loss.accepted, agreed, valid)

    def gradients(self, batch: Packed) -> tuple[float, Marks]:
        """Loss and marks of a batch, gradients accumulated.

        Anchors depend on the seed and the step's number alone.
        """
        rng = torch.Generator().manual_seed(self.s.seed * 1_000_003 + self.step)
        anchors = Anchors.draw(batch, self.s.anchors, self.s.block, rng)
        late = self.progress >= self.s.round_from
        with rounded(self.drafter) if late else nullcontext():
            loss, marks = self.losses(batch, anchors)
            torch.autograd.backward(loss)
        return float(loss.detach()), marks

    def advance(self, batch: Packed) -> tuple[float, Marks]:
        """One step."""
        loss, marks = self.gradients(batch)
        self.update(self.drafter.experts())
        self.step += 1
        self.seen += batch.ids.numel()
        return loss, marks


def train(run: DraftRun, rows: Rows, folder: Path) -> None:
    """The loop."""
    s = run.s
    rng = random.Random(s.seed * 1_000_003 + run.step)
    saved = started = time.monotonic()
    first = run.seen
    lately: list[Marks] = []
    while run.seen < s.tokens:
        loss, marks = run.advance(rows.draw(rng, MIX))
        lately.append(marks)
        if run.step % 25 == 0:
            speed = (run.seen - first) / (time.monotonic() - started)
            log.info(
                "step %d %.2f M tokens loss %.3f %s | %.0f tokens/s",
                *(run.step, run.seen / 1e6, loss, Marks.mean(lately), speed),
            )
            lately.clear()
        if time.monotonic() - saved > 60 * s.save_minutes:
            run.save(folder)
            saved = time.monotonic()
    run.save(folder)


def start_from(drafter: DrafterModule, folder: Path) -> None:
    """Take the weights of the drafter in ``folder``; its bigram table may be of a
    higher rank."""
    stored = Checkpoint(folder)
    try:
        own = {name: stored.tensor(name) for name in drafter.state_dict()}
    finally:
        stored.close()
    last, rank, D = f"mtp.{drafter.d.stages - 1}", drafter.d.rank, drafter.s.D
    tables = [f"{last}.markov_head.markov_w{i}.weight" for i in (1, 2)]
    if own[tables[0]].shape[1] > rank:
        own[tables[0]], own[tables[1]], back = narrowed(
            own[tables[0]], own[tables[1]], rank
        )
        read = own[f"{last}.confidence_head.proj.weight"]
        kept = torch.cat((read[:, :D], read[:, D:] @ back), 1)
        own[f"{last}.confidence_head.proj.weight"] = kept
    drafter.load_state_dict(own)


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=NANO, help="the backbone")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="whose drafter to train on")
    settings, args = parse(parser, Settings())
    assert settings.length % BLOCK == 0
    torch.set_num_threads(settings.threads)
    tokenizer = args.model / "tokenizer.json"
    layers = len(Shape.read(args.model / "config.json").ratios)
    shape = draft_shape(settings, layers, tokenizer)
    target = Target.load(args.model, shape.layers, settings.length)
    run = DraftRun(settings, target, shape)
    if not run.restore(args.out) and args.start:
        start_from(run.drafter, args.start)
    if settings.compiled:
        target.model.compile_blocks()
        run.drafter.compile_blocks()
    source = Source(tokenizer, settings.length)
    rows = Rows(
        source,
        rows=settings.rows,
        length=settings.length,
        pad=source.pad,
        prompt_weight=0.0,
        prompt_share=1.0,
    )
    train(run, rows, args.out)


if __name__ == "__main__":
    main()
