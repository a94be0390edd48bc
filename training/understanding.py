"""What a backbone in training understands.

``python -m training.understanding --run DIR`` prints a table: of the marks of some
conversations (`training.data.meanings`), how many the run's reader tells right from the
streams, in words and phrasings of training's and in those held out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import torch
from tokenizers import Tokenizer
from torch import Tensor

from dsagent.encoding.render import render
from training.attend import BLOCK
from training.data.meanings import CLASSES
from training.data.mix import Stage, Tokens, encode_batch, make
from training.model import Shape
from training.run import read_settings
from training.train import NANO, Run, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SKILLS = ("document", "schema", "call", "calls")
_NAMES = list(CLASSES)


def family(meaning: str) -> str:
    """What kind of meaning it is, as a line of the table calls it."""
    first = meaning.split()[0]
    return "yes or no" if meaning.endswith((" yes", " no")) else first


def conversations(
    tokenizer: Tokenizer, n: int, seed: int, *, held: bool
) -> list[Tokens]:
    """``n`` of every skill that has marks."""
    rng = Random(f"{seed} understanding")
    stage = Stage()
    drawn = [make(rng, skill, stage, held=held) for skill in SKILLS for _ in range(n)]
    return encode_batch(drawn, tokenizer, render)


@torch.no_grad()
def told(run: Run, conversation: Tokens) -> Iterator[tuple[str, bool]]:
    """Of every mark of a conversation, its meaning and whether the run tells it."""
    length = -(-len(conversation.ids) // BLOCK) * BLOCK
    ids = torch.zeros(1, length, dtype=torch.long)
    ids[0, : len(conversation.ids)] = torch.tensor(conversation.ids)
    layers = [X for X, _ in run.model.outputs(ids)]
    X: Tensor = layers[run.s.meaning_layer][0]
    for place, number in enumerate(conversation.meanings):
        if number >= 0:
            said = int(run.reader.logits(X[place]).argmax())
            yield _NAMES[number], said == number


def count(run: Run, drawn: list[Tokens]) -> dict[str, tuple[int, int]]:
    """For every family, how many marks there were and how many were told right."""
    marks: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for conversation in drawn:
        for meaning, known in told(run, conversation):
            marks[family(meaning)] += 1
            right[family(meaning)] += known
    return {name: (marks[name], right[name]) for name in sorted(marks)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--nano", type=Path, default=NANO, help="config, tokenizer")
    parser.add_argument("--n", type=int, default=30, help="conversations a skill")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    run = Run(
        read_settings(args.run, Settings()), Shape.read(args.nano / "config.json")
    )
    assert run.restore(args.run), f"no state in {args.run}"
    tokenizer = Tokenizer.from_file(str(args.nano / "tokenizer.json"))
    seen, held = (
        count(run, conversations(tokenizer, args.n, args.seed, held=held))
        for held in (False, True)
    )
    print("| meaning | marks | told right, % | held out | told right, % |")
    print("|---|--:|--:|--:|--:|")
    for name, (n, right) in seen.items():
        m, known = held.get(name, (0, 0))
        share = f"{100 * known / m:.0f}" if m else ""
        print(f"| {name} | {n} | {100 * right / n:.0f} | {m} | {share} |")


if __name__ == "__main__":
    main()
