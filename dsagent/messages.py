"""A conversation as values: what was said, called and answered.

Four kinds of message, all frozen, each tagged by ``kind`` and read with ``match``. A
list of them is the whole state of a conversation: it can be compared, edited, stored
as JSON and sent again. What must stay true of a list that goes to a model: it ends in
something to answer, and every tool call is followed by its result before anybody else
speaks; ``check_messages`` holds that. An assistant message also keeps the token ids it
was sampled as, so that sending it again replays it exactly (see ``transcript``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, cast

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from dsagent.documents import Document, with_documents
from dsagent.encoding import jsontext
from dsagent.errors import DocumentError, InvalidMessages

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Text:
    """Words for the user.

    >>> Assistant((Text("Sunny "), Text("in Oslo."))).text
    'Sunny in Oslo.'
    """

    text: str
    kind: Literal["text"] = field(default="text", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class Thinking:
    """What the model wrote for itself before it answered.

    >>> Assistant((Thinking("Look it up."), Text("Sunny."))).thinking
    'Look it up.'
    """

    text: str
    kind: Literal["thinking"] = field(default="thinking", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asking for a tool to be run.

    >>> ToolCall("call_1", "get_weather", '{"city": "Oslo"}').values()
    {'city': 'Oslo'}
    """

    id: str
    """Links the call to its result; unique in a conversation, never shown to it."""
    name: str
    arguments: str = "{}"
    """The text of a JSON object, as the model wrote it."""
    kind: Literal["call"] = field(default="call", kw_only=True, repr=False)

    def values(self) -> dict[str, object]:
        """The arguments by name, parsed and not yet validated."""
        return cast("dict[str, object]", json.loads(self.arguments))


Part: TypeAlias = Annotated[Text | Thinking | ToolCall, Field(discriminator="kind")]
"""A stretch of an assistant message."""


@dataclass(frozen=True, slots=True)
class System:
    """Standing instructions. Several of them are read as one, at the beginning.

    >>> reply = await model.chat([System("Be brief."), User("How is Oslo?")])
    >>> reply.messages[0]
    System(text='Be brief.')
    """

    text: str
    kind: Literal["system"] = field(default="system", kw_only=True, repr=False)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody speaking to the model.

    >>> letter = Document("letter.txt", "Dear Ada,")
    >>> question = User("Who is it for?", documents=(letter,))
    >>> question.content.endswith("[file content end]\\nWho is it for?")
    True
    """

    text: str
    documents: Annotated[
        tuple[Document, ...], Field(exclude_if=lambda documents: not documents)
    ] = field(default=(), kw_only=True)
    """What the text is about; written in front of it."""
    kind: Literal["user"] = field(default="user", kw_only=True, repr=False)

    @property
    def content(self) -> str:
        """What the model reads: the documents, then the text."""
        return with_documents(self.text, self.documents)


@dataclass(frozen=True, slots=True)
class Assistant:
    """One turn of the model: thinking, then words, then calls, each optional.

    >>> reply = await model.chat("How is Oslo?", tools=[get_weather])
    >>> turns = [m for m in reply.messages if isinstance(m, Assistant)]
    >>> [call.name for call in turns[0].calls], turns[1].text
    (['get_weather'], 'Sunny in Oslo.')
    """

    parts: tuple[Part, ...] = ()
    token_ids: tuple[int, ...] | None = field(default=None, repr=False)
    """The turn as it was sampled, end-of-turn token included; None if it was written
    by somebody else, or broken off."""
    kind: Literal["assistant"] = field(default="assistant", kw_only=True, repr=False)

    @property
    def text(self) -> str:
        """All words for the user."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Thinking))

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


Status: TypeAlias = Literal[
    "ok",
    "invalid",
    "retry",
    "error",
    "timeout",
    "crashed",
    "unknown",
    "interrupted",
    "refused",
    "denied",
    "pending",
]
"""How a call ended. Up to "unknown" as in ``tools.run``; "interrupted": the run was
cancelled first, or its time was up; "refused": a limit of the run kept it from being
made; "denied": somebody did; "pending": somebody has to decide (see ``approvals``)."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool had to say, as the model reads it.

    >>> reply = await model.chat("How is Oslo?", tools=[get_weather])
    >>> [m.text for m in reply.messages if isinstance(m, ToolResult) and m.ok]
    ['sunny in Oslo']
    """

    call_id: str
    text: str
    name: str = ""
    """The tool that was called, for people; the model goes by the order of calls."""
    status: Status = "ok"
    kind: Literal["result"] = field(default="result", kw_only=True, repr=False)

    @property
    def ok(self) -> bool:
        return self.status == "ok"


Message: TypeAlias = Annotated[
    System | User | Assistant | ToolResult, Field(discriminator="kind")
]
"""What a conversation is made of.

>>> history: list[Message] = [User("I am Ada."), Assistant((Text("Hello, Ada."),))]
>>> reply = await model.chat([*history, User("How is Oslo?")])
>>> [message.kind for message in reply.messages]
['user', 'assistant', 'user', 'assistant']
"""
Prompt: TypeAlias = "str | Sequence[System | User | Assistant | ToolResult]"
"""What a model is asked: one question, or a conversation that ends in one."""

_MESSAGES: Final = TypeAdapter(
    tuple[Message, ...], config=ConfigDict(extra="forbid", strict=False)
)


def messages_to_json(messages: Iterable[Message]) -> str:
    """A conversation as JSON text, which ``messages_from_json`` reads back equal.

    Half a surrogate pair is written as the model reads it, U+FFFD.
    """
    return jsontext.dump(_MESSAGES.dump_python(tuple(messages), mode="json"))


def messages_from_json(text: str | bytes) -> tuple[Message, ...]:
    """The conversation that ``messages_to_json`` wrote.

    Raises:
        InvalidMessages: the text is no such JSON; the message says where.
    """
    try:
        return _MESSAGES.validate_json(text)
    except (ValidationError, DocumentError) as error:
        raise InvalidMessages(
            f"this JSON holds no conversation: {fault(error)}"
        ) from None


def fault(error: ValidationError | DocumentError) -> str:
    """The first thing that is wrong with some JSON, and where."""
    if isinstance(error, DocumentError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"]) or "the whole text"
    return f"at {place}: {first['msg']}"


def check_messages(messages: Sequence[Message]) -> None:
    """Hold that a model can continue this conversation.

    Raises:
        InvalidMessages: naming the message that is wrong and what would be right.
    """
    if not messages:
        raise InvalidMessages("there are no messages; ask something: [User('...')]")
    check_history(messages)
    if not isinstance(messages[-1], (User, ToolResult)):
        raise InvalidMessages(
            f"the conversation ends in a {type(messages[-1]).__name__} message, which "
            "leaves nothing to answer; end it in a User message or a ToolResult"
        )


def check_history(messages: Sequence[Message]) -> None:
    """Hold that this conversation, which may be over or not begun, is a valid one.

    Raises:
        InvalidMessages: naming the message that is wrong and what would be right.
    """
    waiting: dict[str, ToolCall] = {}
    seen: set[str] = set()
    for index, message in enumerate(messages):
        if isinstance(message, ToolResult):
            _answer(waiting, message, index)
            continue
        _expect_none(waiting, f"before message {index}")
        if isinstance(message, Assistant):
            waiting = _asked(message, index, seen)
        elif not isinstance(message, (System, User)):
            raise InvalidMessages(
                f"message {index} is {type(message).__name__}, expected System, User, "
                "Assistant or ToolResult"
            )
    _expect_none(waiting, "at the end")


def _asked(message: Assistant, index: int, seen: set[str]) -> dict[str, ToolCall]:
    for call in message.calls:
        if call.id in seen:
            raise InvalidMessages(
                f"message {index} has a second call with the id {call.id!r}; give "
                "every call of a conversation an id of its own"
            )
        seen.add(call.id)
    return {call.id: call for call in message.calls}


def _answer(waiting: dict[str, ToolCall], message: ToolResult, index: int) -> None:
    if waiting.pop(message.call_id, None) is None:
        raise InvalidMessages(
            f"message {index} is the result of the call {message.call_id!r}, which "
            "the assistant message before it doesn't make; remove it or put it "
            "directly after its call"
        )


def _expect_none(waiting: dict[str, ToolCall], where: str) -> None:
    for call in waiting.values():
        raise InvalidMessages(
            f"the call {call.id!r} of {call.name} has no result {where}; add "
            f"ToolResult({call.id!r}, ...) after the assistant message that made it"
        )


def interrupted(call: ToolCall) -> ToolResult:
    """The result of a call that was never finished."""
    text = "Error: interrupted before it finished."
    return ToolResult(call.id, text, call.name, "interrupted")


def with_results(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The conversation with a result for every call that has none.

    The added results say that the call was interrupted, and stand behind those that
    the turn has. A conversation without dangling calls is returned as it is.
    """
    repaired: list[Message] = []
    waiting: dict[str, ToolCall] = {}
    for message in messages:
        if isinstance(message, ToolResult):
            waiting.pop(message.call_id, None)
        else:
            repaired += map(interrupted, waiting.values())
            waiting = {}
        if isinstance(message, Assistant):
            waiting = {call.id: call for call in message.calls}
        repaired.append(message)
    return (*repaired, *map(interrupted, waiting.values()))
