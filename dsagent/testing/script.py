"""What a scripted model says, turn by turn.

A turn is written as a sum, in the order in which the model writes one::

    think("I should look.") + say("One moment.") + call("weather", city="Oslo")

What must stay true: a step says what the model writes and nothing about tokens; its
ids come from the encoder that writes real conversations.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from dsagent.encoding.render import render

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import anyio

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.request import Request, Sampling
    from dsagent.errors import DSAgentError


@dataclass(frozen=True)
class Step:
    """One turn of the model, and how it ends."""

    text: str = ""
    thinking: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """(name, arguments as JSON text)"""
    ids: tuple[int, ...] | None = None
    """Exactly these token ids instead."""
    cut: int | None = None
    """End after so many ids, as if there were no room for more."""
    hold: anyio.Event | None = None
    """Wait for this before the last ``held`` ids, as a model that is slow."""
    held: int = 1
    error: DSAgentError | None = None
    """Break with this instead of ending."""
    yields: bool = False
    """Where the constraint forces the end of thinking, sample that and go on behind
    the step's own, as a model would; otherwise a forced id is a failure."""

    def __add__(self, other: Step) -> Step:
        """The turn that goes on with what ``other`` writes.

        Raises:
            ValueError: no turn can be written in that order.
        """
        late = (self.calls and (other.text or other.thinking)) or (
            self.text and other.thinking
        )
        if late:
            msg = "a turn is thinking, then words, then calls, in this order"
            raise ValueError(msg)
        return replace(
            self,
            text=self.text + other.text,
            thinking=self.thinking + other.thinking,
            calls=self.calls + other.calls,
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What the model was asked in one turn."""

    request: Request
    text: str
    """The prompt, exactly as the model would read it, control tokens spelled out."""

    @property
    def ids(self) -> tuple[int, ...]:
        """The prompt's token ids."""
        return self.request.prompt

    @property
    def sampling(self) -> Sampling:
        return self.request.sampling


Answer: TypeAlias = "str | Step | Callable[[Asked], str | Step]"
"""A turn: its words, all of it, or what makes it from what was asked."""


def say(text: str, thinking: str = "") -> Step:
    """A turn that says this, perhaps after some thinking."""
    return Step(text, thinking)


def think(text: str) -> Step:
    """A turn that begins by thinking this. Add what comes of it."""
    return Step(thinking=text)


def call(name: str, /, **arguments: object) -> Step:
    """A turn that calls a tool. Add more of them for several calls in one turn."""
    return Step(calls=((name, json.dumps(arguments, ensure_ascii=False)),))


def step_of(answer: Answer, asked: Asked) -> Step:
    """The turn that ``answer`` stands for."""
    made = answer(asked) if callable(answer) else answer
    return Step(made) if isinstance(made, str) else made


def completion(tokenizer: Tokenizer, step: Step, *, thinking: bool) -> list[int]:
    """The ids of a turn as the chat format writes it."""
    message: Mapping[str, object] = {
        "role": "assistant",
        "content": step.text,
        "reasoning_content": step.thinking,
        "tool_calls": [
            {"id": "", "function": {"name": name, "arguments": arguments}}
            for name, arguments in step.calls
        ],
    }
    context = [{"role": "user", "content": "?"}]
    return tokenizer.encode(render([message], thinking=thinking, context=context))
