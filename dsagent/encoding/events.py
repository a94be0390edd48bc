"""What a completion turns into: events as it streams, a message when it is whole.

What must stay true: events carry each character once and in order, so a message is
the concatenation of its events and no chunking of the stream can change it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class ThinkingText:
    """More reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class ThinkingEnd:
    """The reasoning is over; whatever follows is the answer."""


@dataclass(frozen=True, slots=True)
class ContentText:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """A tool call has begun; its arguments follow."""

    index: int
    name: str


@dataclass(frozen=True, slots=True)
class CallArgument:
    """More of one parameter's value.

    The first event of a parameter may have no ``text``: it says that the value begins.
    """

    index: int
    parameter: str
    text: str
    """The value's next characters: of the string itself, or of its JSON."""
    string: bool
    """Whether the value is a string, of which text arrives as it is written."""
    delta: str = ""
    """The same as a fragment of the call's arguments JSON. The fragments of a call
    concatenate to a prefix of ``CallEnd.arguments``; only the last brace is missing."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """A tool call is complete."""

    index: int
    name: str
    arguments: str
    """A JSON object, as text."""


@dataclass(frozen=True, slots=True)
class CallBroken:
    """A tool call began and will not be completed. It must not be run."""

    index: int
    name: str
    arguments: str
    """The unfinished arguments JSON, as far as it came."""
    reason: str


@dataclass(frozen=True, slots=True)
class ParseWarning:
    """The completion was not well-formed here, and how it was read."""

    text: str


ParseEvent: TypeAlias = (
    ThinkingText
    | ThinkingEnd
    | ContentText
    | CallStart
    | CallArgument
    | CallEnd
    | CallBroken
    | ParseWarning
)


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A tool call that the model wrote."""

    name: str
    arguments: str
    """JSON text: an object if the call is complete, a prefix of one otherwise."""


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A completion, read."""

    reasoning_content: str
    content: str
    tool_calls: tuple[ParsedCall, ...]
    """The complete calls, in order."""
    incomplete_call: ParsedCall | None
    """A call that was cut short, if there was one."""
    warnings: tuple[str, ...]
    finish_reason: str
    """``tool_calls`` or ``stop`` for a completion that the model ended; otherwise why
    it ended, ``length`` for one that reached its token limit."""


def coalesce(events: Iterable[ParseEvent]) -> list[ParseEvent]:
    """Join neighbouring events that continue each other, as any chunking would."""
    joined: list[ParseEvent] = []
    for continued, run in groupby(events, key=_continued):
        if continued is None:
            joined += run
        else:
            joined.append(_joined(list(run)))
    return joined


def _continued(event: ParseEvent) -> object:
    """What the event is a part of, None if it stands for itself."""
    if isinstance(event, ThinkingText | ContentText):
        return type(event)
    if isinstance(event, CallArgument):
        return event.index, event.parameter
    return None


def _joined(run: list[ParseEvent]) -> ParseEvent:
    last = run[-1]
    if not isinstance(last, ThinkingText | ContentText | CallArgument):
        raise TypeError(f"{type(last).__name__} events do not join")
    text = "".join(getattr(event, "text", "") for event in run)
    if not isinstance(last, CallArgument):
        return replace(last, text=text)
    delta = "".join(getattr(event, "delta", "") for event in run)
    return replace(last, text=text, delta=delta)


def collect(events: Iterable[ParseEvent], finish: str = "stop") -> ParsedMessage:
    """The message that these events add up to.

    Args:
        events: All events of one completion.
        finish: Why the engine stopped: ``stop`` if the model ended its turn.
    """
    thinking: list[str] = []
    content: list[str] = []
    calls: list[ParsedCall] = []
    warnings: list[str] = []
    broken: ParsedCall | None = None
    for event in events:
        if isinstance(event, ThinkingText):
            thinking.append(event.text)
        elif isinstance(event, ContentText):
            content.append(event.text)
        elif isinstance(event, CallEnd):
            calls.append(ParsedCall(event.name, event.arguments))
        elif isinstance(event, CallBroken):
            broken = ParsedCall(event.name, event.arguments)
        elif isinstance(event, ParseWarning):
            warnings.append(event.text)
    return ParsedMessage(
        reasoning_content="".join(thinking),
        content="".join(content),
        tool_calls=tuple(calls),
        incomplete_call=broken,
        warnings=tuple(warnings),
        finish_reason=finish_reason(finish, calls=len(calls)),
    )


def finish_reason(finish: str, *, calls: int) -> str:
    """What a client is told: complete calls turn ``stop`` into ``tool_calls``."""
    return "tool_calls" if finish == "stop" and calls else finish
