"""How much of which skill, and a conversation as token ids with weights.

`Stage` is what the training run turns over its course: the mix, and how long the
documents are. The weights of `encode` follow the rendered ids alone: everything after
`<｜Assistant｜>` and its `<think>` or `</think>`, up to the end-of-sentence token, is
what nano generates.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from training.data.meanings import CLASSES
from training.data.phrases import Source
from training.data.reading import document, documents_and_tools
from training.data.skills import SKILLS
from training.data.talk import Example, Talk

if TYPE_CHECKING:
    from random import Random

    from tokenizers import Tokenizer

Render = Callable[..., Iterable[object]]

DEFAULT_WEIGHTS: Mapping[str, float] = {
    "talk": 5, "copy": 5, "lookup": 5, "call": 34, "calls": 22, "no_tool": 18,
    "chain": 4, "document": 64, "document_tools": 4, "schema": 40, "long": 0,
    "open_document": 45, "open_form": 25, "open_tools": 35,
    "everyday_document": 40, "everyday_form": 35, "everyday_tools": 60,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stage:
    """The mix of a part of training.

    `weights` per skill ("long" is a document of `sentences` facts); `thinking` forces
    a mode when given; `short` the number of facts of the skill "document" (0: its own
    choice of 1 to 8).
    """

    weights: Mapping[str, float] = field(default_factory=lambda: DEFAULT_WEIGHTS)
    sentences: tuple[int, int] = (8, 30)


def sample(rng: Random, *, stage: Stage, held: bool = False) -> Example:
    """Draw one conversation."""
    names = list(stage.weights)
    skill = rng.choices(names, [stage.weights[name] for name in names])[0]
    return make(rng, skill, stage, held=held)


def make(
    rng: Random,
    skill: str,
    stage: Stage,
    *,
    held: bool = False,
    seen_phrasings: bool = False,
) -> Example:
    """Draw one conversation of `skill`."""
    source = Source(rng, held, seen_phrasings)
    talk = Talk(source, skill)
    if skill == "long":
        document(source, talk, rng.randint(*stage.sentences))
    elif skill == "document_tools" and stage.weights["long"] and rng.random() < 0.6:
        documents_and_tools(source, talk, rng.randint(*stage.sentences) * 2 // 3)
    else:
        SKILLS[skill](source, talk)
    return talk.done()


def prompt(example: Example, render: Render, *, every_thought: bool = False) -> str:
    """The conversation as one string. `render` is `dsagent.encoding.render.render`.

    Without tools a prompt shows the last turn's thought only, whatever was thought
    before; with `every_thought` it shows all of them.
    """
    pieces = render(
        example.messages,
        thinking=example.thinking,
        effort=example.effort,
        drop_thinking=not every_thought,
    )
    return "".join(str(getattr(piece, "text", piece)) for piece in pieces)


DECISIVE = 3.0
_BOOLEAN = re.compile('":Ġ(true|false)')


@dataclass(frozen=True, slots=True)
class Weights:
    """Loss weights from ids: 1.0 on what nano generates, `rest` on everything else.

    A boolean is one token of an answer of sixty, and all there is to learn of a
    sentence that affirms or denies: it counts for `DECISIVE`.
    """

    assistant: int
    eos: int
    rest: float = 0.2
    booleans: frozenset[int] = frozenset()

    @classmethod
    def of(cls, tokenizer: Tokenizer, rest: float = 0.2) -> Weights:
        assistant = tokenizer.token_to_id("<｜Assistant｜>")
        eos = tokenizer.token_to_id("<｜end▁of▁sentence｜>")
        assert assistant is not None
        assert eos is not None
        booleans = (
            token
            for text, token in tokenizer.get_vocab().items()
            if _BOOLEAN.match(text)
        )
        return cls(assistant, eos, rest, frozenset(booleans))

    def __call__(self, ids: Sequence[int]) -> list[float]:
        weights = [self.rest] * len(ids)
        start = -1
        for index, token in enumerate(ids):
            if token == self.assistant:
                start = index + 2
            elif token == self.eos and start >= 0:
                weights[start : index + 1] = [
                    DECISIVE if of in self.booleans else 1.0
                    for of in ids[start : index + 1]
                ]
                start = -1
        return weights


class Tokens(NamedTuple):
    """An encoded conversation, three lists of equal length."""

    ids: list[int]
    weights: list[float]
    """Of predicting each."""
    meanings: list[int]
    """What a text means up to there (`meanings.CLASSES`); -1 where nothing is told."""


class Places:
    """Which of a text's tokens hold which of its characters."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        special = tokenizer.get_added_tokens_decoder()
        self.sizes = {
            # An entry is written with a character a byte, a special one as it is.
            token: len(str(special[token]).encode() if token in special else entry)
            for entry, token in tokenizer.get_vocab().items()
        }

    def __call__(
        self, text: str, ids: Sequence[int], characters: Sequence[int]
    ) -> list[int]:
        """For each of `characters`, the index of the token it is in."""
        ends = list(accumulate(self.sizes[token] for token in ids))
        return [bisect_right(ends, len(text[:at].encode())) for at in characters]


def _marked(example: Example, text: str) -> tuple[list[int], list[int]]:
    """Where in its prompt an example's marks are, and the numbers of their classes."""
    spans: list[tuple[int, int]] = []
    end = 0
    for message in example.messages:
        content = str(message["content"])
        if message["role"] == "user":
            begin = text.index(content, end)
            end = begin + len(content)
            spans.append((begin, end))
        else:
            # What stands above a conversation begins its text.
            spans.append((0, len(text)))
    places: list[int] = []
    classes: list[int] = []
    for number, (piece, meaning) in example.marks:
        at = text.find(piece, *spans[number])
        if piece and at >= 0:
            places.append(at + len(piece) - 1)
            classes.append(CLASSES[meaning])
    return places, classes


def encode(
    example: Example, tokenizer: Tokenizer, render: Render, rest: float = 0.2
) -> tuple[list[int], list[float]]:
    """(ids, loss weights), both `[tokens]`."""
    ids = tokenizer.encode(prompt(example, render), add_special_tokens=False).ids
    return ids, Weights.of(tokenizer, rest)(ids)


def encode_batch(
    examples: Sequence[Example],
    tokenizer: Tokenizer,
    render: Render,
    rest: float = 0.2,
    *,
    every_thought: float = 0.0,
) -> list[Tokens]:
    """`encode` of many at once; a share `every_thought` of them shows all thoughts."""
    weigh = Weights.of(tokenizer, rest)
    kept = round(every_thought * len(examples))
    texts = [
        prompt(example, render, every_thought=place < kept)
        for place, example in enumerate(examples)
    ]
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    find = Places(tokenizer)
    made: list[Tokens] = []
    for example, text, item in zip(examples, texts, encoded, strict=True):
        characters, classes = _marked(example, text)
        meanings = [-1] * len(item.ids)
        for place, number in zip(
            find(text, item.ids, characters), classes, strict=True
        ):
            meanings[place] = number
        made.append(Tokens(item.ids, weigh(item.ids), meanings))
    return made


__all__ = [
    *("Example", "Stage", "Tokens"),
    *("encode", "encode_batch", "make", "sample"),
]
