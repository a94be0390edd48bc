"""The bundled model drafts: the same text in fewer steps, and well-formed all the same.

Everything here runs on the trained weights, drafter included.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import anyio
import pytest
from pydantic import BaseModel

from dsagent import Limits, Sampling, ToolResult, tool
from dsagent.demo import island_guide
from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.request import Request
from dsagent.engine.speculation import Block
from dsagent.engine.transformer import Transformer
from dsagent.loading import NANO

if TYPE_CHECKING:
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.request import Speculation
    from dsagent.model import Model

pytestmark = [
    pytest.mark.parametrize("anyio_backend", ["asyncio"]),
    pytest.mark.timeout(300),
]
"""Both event loops are covered elsewhere; the weights don't know of them."""

PROMPTS = 200
AHEAD = 12
ROUNDS = 150


@pytest.fixture
def tokenizer(nano: Model) -> Tokenizer:
    return nano.tokenizer


async def continued(
    transformer: Transformer, prompts: list[tuple[int, ...]], drafting: bool
) -> list[tuple[int, ...]]:
    """What greedy decoding says behind each prompt, 1 to 8 drafts a step or none."""

    def ahead(i: int) -> Speculation:
        return 1 + i % 8 if drafting else "off"

    texts: dict[int, tuple[int, ...]] = {}

    async def read(i: int) -> None:
        sampling = Sampling(0.0, speculation=ahead(i))
        generation = engine.submit(Request(prompts[i], AHEAD, sampling))
        texts[i] = tuple([token async for step in generation for token in step.ids])

    async with (
        Engine(transformer, EngineConfig(max_running=8)) as engine,
        anyio.create_task_group() as group,
    ):
        for i in range(len(prompts)):
            group.start_soon(read, i)
    return [texts[i] for i in range(len(prompts))]


async def test_greedy_text_is_the_same_with_and_without_drafts(
    tokenizer: Tokenizer,
) -> None:
    """200 prompts of lengths 60 to 259, so of every residue modulo 4 and 128."""
    guide = tuple(tokenizer.encode_text(island_guide().text))
    prompts = [guide[i : i + 60 + i] for i in range(PROMPTS)]
    assert {len(p) % 128 for p in prompts} == set(range(128))
    transformer = Transformer.load(NANO)
    assert transformer.drafter is not None
    plain = await continued(transformer, prompts, drafting=False)
    drafted = await continued(transformer, prompts, drafting=True)
    assert drafted == plain


@dataclass
class Seen:
    """Which tokens stood as drafts, over all blocks of a test."""

    accepted: set[int] = field(default_factory=set)
    verified: int = 0


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    found = Seen()
    settle = Block.settle

    def watched(self: Block, accepted: int, token: int | None) -> tuple[int, ...]:
        found.accepted.update(self.tokens[:accepted])
        found.verified += self.length
        return settle(self, accepted, token)

    monkeypatch.setattr(Block, "settle", watched)
    return found


class Trip(BaseModel):
    """Where somebody goes."""

    city: str
    days: int
    transport: Literal["train", "ship", "plane"]
    alone: bool
    stops: list[str]


@tool
def book(city: str, nights: int, breakfast: bool, names: list[str]) -> str:
    """Book a hotel."""
    return f"{city} {nights} {breakfast} {names}"


@tool
def forecast(place: str, unit: Literal["celsius", "fahrenheit"]) -> str:
    """The weather of tomorrow."""
    return f"{place} {unit}"


QUESTIONS = (
    "Book a hotel in {city} for {n} nights for Ana and Tom.",
    "What will the weather be in {city}?",
    "{n} days in {city} by train, alone, with a stop in Rome.",
    "Tell me about {city}, and be quick, I have {n} minutes.",
)
LENGTHS: tuple[Speculation, ...] = (5, 8, "auto")
CITIES = ("Lisbon", "Oslo", "Kassel", "New York", "Zürich", "Wuxi", "O'Higgins", '"X"')


async def answered(nano: Model, i: int, problems: list[str]) -> None:
    """One sampled answer: calls, then arguments that fit; or an object that does."""
    question = QUESTIONS[i % len(QUESTIONS)].format(
        city=CITIES[i // 3 % len(CITIES)], n=i
    )
    sampling = Sampling(1.0, top_p=0.95, seed=i, speculation=LENGTHS[i % 3])
    limits = Limits(turns=1, output_tokens=160, output_retries=0, on_limit="stop")
    thinking: Literal["off", "high"] = "high" if i % 4 == 3 else "off"
    if i % 2:
        reply = await nano.chat(
            question, output=Trip, thinking=thinking, sampling=sampling, limits=limits
        )
        # Long enough is not in the grammar's power; if it ended, it must fit.
        if reply.stop not in ("done", "length"):
            problems.append(f"{reply.stop}: {reply.text}")
        return
    called = await nano.chat(
        question,
        tools=[book, forecast],
        tool_choice="required",
        thinking=thinking,
        sampling=sampling,
        limits=limits,
    )
    problems += [
        f"{called.calls}: {message.text}"
        for message in called.messages
        if isinstance(message, ToolResult) and message.status == "invalid"
    ]
    if not called.calls and called.stop != "length":
        problems.append(f"no call: {called.text}")


async def test_calls_and_answers_are_well_formed_with_drafts(
    nano: Model, tokenizer: Tokenizer, seen: Seen
) -> None:
    """300 sampled turns: half required calls, half typed answers, some with thought."""
    problems: list[str] = []
    limit = anyio.CapacityLimiter(12)

    async def one(i: int) -> None:
        async with limit:
            await answered(nano, i, problems)

    async with anyio.create_task_group() as group:
        for i in range(2 * ROUNDS):
            group.start_soon(one, i)
    assert problems == []
    assert seen.verified > 2000
    # The end of the turn and of the thought were drafted, and stood.
    assert tokenizer.eos in seen.accepted
    assert tokenizer.id_of("</think>") in seen.accepted
