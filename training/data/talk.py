"""A conversation being written, and what nano says in any of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.data import texts
from training.data import words as w

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from training.data.concepts import Schema
    from training.data.meanings import Mark
    from training.data.phrases import Source
    from training.data.tools import Ask

Message = dict[str, object]


@dataclass(frozen=True, slots=True)
class Example:
    """One conversation, OpenAI style, and the mode it is rendered in.

    `answers` holds, per assistant turn, the value its answer has to contain ("" if
    none), `others` the values it must not contain: what the evaluation scores by.
    """

    messages: list[Message]
    thinking: bool
    effort: str | None
    skill: str
    answers: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    marks: tuple[tuple[int, Mark], ...] = ()
    """(message, mark): what pieces of the messages mean (`meanings`)."""


@dataclass(slots=True)
class Talk:
    """A conversation being written."""

    s: Source
    skill: str
    thinking: bool = False
    effort: str | None = None
    messages: list[Message] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    marks: list[tuple[int, Mark]] = field(default_factory=list)
    calls: int = 0

    def __post_init__(self) -> None:
        roll = self.s.rng.random()
        self.thinking = roll > 0.55
        if self.thinking:
            self.effort = "max" if roll > 0.88 else self.s.rng.choice((None, "high"))

    def system(
        self, tools: Sequence[Schema] = (), response_format: object = None, marks: Iterable[Mark] = ()
    ) -> None:
        """What stands above the conversation; `marks` tell what pieces of it mean."""
        self.marks += [(len(self.messages), mark) for mark in marks]
        content = self.s.phrase(SYSTEMS, {"n": self.s.word(w.NOUNS)}) if self.s.chance(0.25) else ""
        message: Message = {"role": "system", "content": content}
        if tools:
            message["tools"] = list(tools)
        if response_format is not None:
            message["response_format"] = response_format
        if content or tools or response_format is not None:
            self.messages.append(message)

    def user(self, text: str, marks: Iterable[Mark] = ()) -> None:
        """The user's next message; `marks` tell what pieces of it mean."""
        self.marks += [(len(self.messages), mark) for mark in marks]
        self.messages.append({"role": "user", "content": text})

    def say(self, text: str, thought: str, value: str = "") -> None:
        self._assistant({"role": "assistant", "content": text}, thought, value)

    def call(self, asks: Sequence[Ask], thought: str) -> None:
        calls = []
        for ask in asks:
            calls.append({
                "id": f"call_{self.calls}",
                "type": "function",
                "function": {"name": ask.name, "arguments": json.dumps(ask.arguments, ensure_ascii=False)},
            })
            self.calls += 1
        self._assistant({"role": "assistant", "content": "", "tool_calls": calls}, thought, "")

    def results(self, texts: Sequence[str]) -> None:
        for index, text in enumerate(texts):
            identifier = f"call_{self.calls - len(texts) + index}"
            self.messages.append({"role": "tool", "tool_call_id": identifier, "content": text})

    def _assistant(self, message: Message, thought: str, value: str) -> None:
        if self.thinking:
            message["reasoning_content"] = thought
        self.messages.append(message)
        self.answers.append(value)

    def done(self) -> Example:
        return Example(
            self.messages, self.thinking, self.effort, self.skill,
            tuple(self.answers), tuple(self.others), tuple(self.marks),
        )


SYSTEMS = texts.entries(
    "requests", "SYSTEMS",
    "You are a helpful assistant.", "You are nano.", "Answer briefly.", "Be concise.", "Use the tools when they help.",
    "You help customers of a shop.", "You are the assistant of a {n} club.", "Answer in one sentence.", "You answer questions.",
    "Be polite and short.", "You are an office assistant.", "Help the user.", "Keep it short.", "You work for the {n} office.",
)
UNKNOWN = "The document doesn't say."
NO_TOOL = "I don't have a tool for that."

_SMALL: tuple[tuple[tuple[str, ...], str], ...] = (
    (("Hello[!|.|]", "Hi[!|.| there|]", "hey", "Good [morning|evening|afternoon][!|]", "hello there", "Hi nano[!|]", "greetings"), "Hello! How can I help?"),
    (("Thanks[!|.|]", "Thank you[!|.|]", "thanks a lot", "great, thanks", "Perfect, thank you.", "thx", "Many thanks!"), "You're welcome!"),
    (("Who are you?", "What are you?", "what is your name", "Introduce yourself.", "Are you a person?", "who am I talking to?", "What's your name?", "which model are you"), "I'm nano, the small model bundled with dsagent."),
    (("What can you do?", "How can you help me?", "what are you good at", "Help", "What are your skills?"), "I can call your tools, answer questions about documents and fill in schemas."),
    (("Bye[!|.|]", "Goodbye[!|.|]", "see you [later|]", "That's all.", "Good night[!|.|]"), "Goodbye!"),
    (("How are you?", "how's it going", "Are you well?", "How do you do?", "what's up"), "I'm fine, thank you. How can I help?"),
    (("ok", "OK.", "Great!", "nice", "cool", "Good.", "I see."), "Anything else?"),
    (("Tell me a joke.", "Write a poem.", "Sing a song.", "what do you think about life", "Do you love me?", "Write me a story."), "I'm a small model and can't do that well. Give me a document or a tool."),
)
_SMALL_NAMES = ("hello", "thanks", "who", "can", "bye", "how", "ok", "joke")
SMALL_TALK = tuple(
    (texts.entries("requests", f"SMALL {name}", *asked), answer)
    for name, (asked, answer) in zip(_SMALL_NAMES, _SMALL, strict=True)
)
