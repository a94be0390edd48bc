"""The curriculum: which conversations a run sees when.

Short ones first: format, copying and calls. Long documents join once short ones are
being learned, and grow; a share of everything stays to the end, which leans on calls.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from dsagent.encoding.render import render
from dsagent.encoding.tokens import PAD
from training.data.mix import DEFAULT_WEIGHTS, Stage, encode_batch, sample

if TYPE_CHECKING:
    import random
    from pathlib import Path

    from training.data.mix import Tokens

AT_ONCE = 64
EVERY_THOUGHT = 0.8
"""Share of the conversations that show what was thought in every turn. A prompt leaves
out the thoughts of the turns before unless there are tools; then a conversation teaches
one thought, and the document it is about is paid for a dozen answers.
"""


def stage(progress: float, length: int, cards: float = 0.0) -> Stage:
    """The mix at a point of the run, for rows of ``length`` tokens.

    ``long`` documents take as many sentences as a row can hold (about twenty-five
    tokens each, with the questions), from an eighth of that upwards.
    """
    weights = {**DEFAULT_WEIGHTS, "cards": cards}
    if progress < 0.15:
        weights["copy"] *= 2
        weights["lookup"] *= 2
        return Stage(weights)
    room = (length - 120) // 25
    grown = min(1.0, (progress - 0.15) / 0.35)
    longest = max(8, round(room * (0.3 + 0.7 * grown)))
    weights["long"] = 5 + 6 * grown
    if progress > 0.8:
        weights |= {"call": 45, "long": 6}
    return Stage(weights, sentences=(max(4, longest // 8), longest))


class Source:
    """Encoded conversations, made in batches.

    ``cards`` is the weight of texts that nobody answers (`training.data.cards`), beside
    the skills' own (`training.data.mix`).
    """

    def __init__(self, tokenizer: Path, length: int, cards: float = 0.0) -> None:
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        pad = self.tokenizer.token_to_id(PAD)
        assert pad is not None
        self.pad = pad
        self.length = length
        self.cards = cards
        self._made: deque[Tokens] = deque()

    def __call__(self, rng: random.Random, progress: float) -> Tokens:
        """One conversation: ids, loss weights, meanings."""
        if not self._made:
            now = stage(progress, self.length, self.cards)
            examples = [sample(rng, stage=now) for _ in range(AT_ONCE)]
            self._made.extend(
                encode_batch(
                    examples,
                    self.tokenizer,
                    render,
                    0.0,
                    every_thought=EVERY_THOUGHT,
                )
            )
        return self._made.popleft()
