"""The demonstration behind ``dsagent demo``: nano, a document, two tools.

It shows what dsagent is for on any machine: a model that thinks, calls typed Python
functions and answers from a document, as it happens. It also judges: a question counts
only if the right tool was really called and the answer holds what only that tool, or
only the document, could tell. A miss is shown as one, and nano's card says how often it
misses; the exit code goes by the last question.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from dsagent.documents import Document
from dsagent.engine.config import EngineConfig
from dsagent.events import (
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
    ToolFinished,
    TurnFinished,
)
from dsagent.model import Model
from dsagent.options import Limits
from dsagent.tools import tool

if TYPE_CHECKING:
    from typing import TextIO

    from dsagent.events import Event
    from dsagent.options import ThinkingMode
    from dsagent.reply import Reply

RATES = {"EUR": 1.0, "USD": 1.25, "GBP": 0.8, "SEK": 11.5}
"""Made up, so that an answer can only come from the tool."""


@tool
def get_weather(city: Annotated[str, Field(description="Name of the city")]) -> str:
    """Get the weather in a city."""
    return f"rainy, {len(city) + 3} degrees"


@tool
async def convert_currency(amount: float, source: str, target: str) -> float:
    """Convert an amount between currencies.

    Args:
        amount: The amount.
        source: Currency to convert from.
        target: Currency to convert to.
    """
    return round(amount / RATES[source.upper()] * RATES[target.upper()], 2)


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask, and how to tell that it was answered."""

    text: str
    answer: str
    """What the answer must contain."""
    tool: str | None = None
    """The tool it takes; None: the document."""
    thinking: ThinkingMode = "off"


QUESTIONS = (
    Question("Who is the mayor of Port Marlow?", "Clara Jensen"),
    Question("Convert 250 USD to EUR.", "200.0 EUR", "convert_currency"),
    Question("What is the weather in Bergen?", "rainy, 9 degrees", "get_weather"),
)
TOOLS = (get_weather, convert_currency)
LIMITS = Limits(turns=4, output_tokens=120)
"""More than the answers take, so that a model gone astray ends soon."""


def island_guide() -> Document:
    """The document that ships with dsagent: a page of facts about an island."""
    text = (files("dsagent") / "data" / "kessary.txt").read_text("utf-8")
    return Document("kessary.txt", text)


class Narrator:
    """Writes events as plain text that reads well on a terminal and in a file."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._label = ""

    def line(self, text: str = "") -> None:
        """A line of its own."""
        self._end()
        self._say(text + "\n")

    def tell(self, event: Event) -> None:
        """Write what an event means to somebody who watches."""
        match event:
            case ThinkingDelta(text):
                self._stream("  thinking: ", text)
            case TextDelta(text):
                self._stream("  answer:   ", text)
            case ToolCallReady(call):
                self.line(f"  call:     {call.name}({call.arguments})")
            case ToolFinished(_, result):
                self.line(f"  result:   {result.text}")
            case TurnFinished():
                self._end()

    def _stream(self, label: str, text: str) -> None:
        if label != self._label:
            self._end()
            self._say(label)
            self._label = label
        self._say(text.replace("\n", "\n            "))

    def _end(self) -> None:
        """End the line that is being streamed, if one is."""
        if self._label:
            self._say("\n")
        self._label = ""

    def _say(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


async def demo(out: TextIO = sys.stdout) -> bool:
    """Ask nano the questions; whether the last was answered, and with its tool.

    Args:
        out: Where to write.
    """
    narrator = Narrator(out)
    document = island_guide()
    # One thread: nano's operations are too small to share.
    async with Model.load(engine=EngineConfig(threads=1)) as model:
        size = len(model.tokenizer.encode_text(document.text))
        narrator.line(f"nano has {document.name} ({size:,} tokens) and these tools:")
        for offered in TOOLS:
            narrator.line(f"  {offered.name}: {offered.description}")
        replies = [await _ask(model, q, document, narrator) for q in QUESTIONS]
    wrong = [
        question
        for question, reply in zip(QUESTIONS, replies, strict=True)
        if not _answered(question, reply)
    ]
    narrator.line()
    for question in wrong:
        narrator.line(f"not answered as it should be: {question.text}")
    if wrong:
        narrator.line("how often that happens: dsagent/nano/MODEL_CARD.md")
    narrator.line(_speed(replies))
    return QUESTIONS[-1] not in wrong


async def _ask(
    model: Model, question: Question, document: Document, narrator: Narrator
) -> Reply[str]:
    """Ask with what the question takes: the document, or the tools."""
    narrator.line()
    narrator.line(f"> {question.text}")
    async with model.stream(
        question.text,
        documents=[] if question.tool else [document],
        tools=TOOLS if question.tool else (),
        thinking=question.thinking,
        limits=LIMITS,
    ) as stream:
        async for event in stream:
            narrator.tell(event)
    return stream.reply


def _answered(question: Question, reply: Reply[str]) -> bool:
    called = {call.name for call in reply.calls}
    wanted = set() if question.tool is None else {question.tool}
    return called == wanted and question.answer in reply.text


def _speed(replies: list[Reply[str]]) -> str:
    """Reading and writing speed over all questions, and what drafts saved."""
    read = sum(reply.usage.prompt_tokens for reply in replies)
    reading = sum(reply.timing.prefill for reply in replies)
    written = sum(reply.usage.output_tokens for reply in replies)
    decoded = sum(reply.timing.decoded for reply in replies)
    decoding = sum(reply.timing.decode for reply in replies)
    steps = sum(reply.timing.decode_steps for reply in replies)
    return (
        f"read {read:,} tokens at {read / max(reading, 1e-9):,.0f} tokens/s, "
        f"wrote {written:,} tokens at {decoded / max(decoding, 1e-9):,.0f} tokens/s, "
        f"{decoded / max(steps, 1):.1f} tokens a step"
    )
