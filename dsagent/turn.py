"""One turn of the model, read as it is written.

Token ids go in, events come out, and what has been read so far can be looked at any
time as a message: that is what makes a cancelled run's reply complete. What must stay
true: events and message say the same, and a message carries its token ids only if the
turn ended by itself, so that what is replayed later is a whole turn.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

from dsagent.encoding.parse import (
    CallArgument,
    CallBroken,
    CallEnd,
    CallStart,
    ContentText,
    Parser,
    ParseWarning,
    ThinkingText,
)
from dsagent.events import (
    PartialOutput,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStarted,
)
from dsagent.messages import Assistant, Text, Thinking, ToolCall
from dsagent.output import NOTHING, partial_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dsagent.encoding.parse import ParseEvent
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.request import Stop
    from dsagent.events import Event
    from dsagent.messages import Message
    from dsagent.transcript import Setup

log = logging.getLogger(__name__)

_CALL_ID = re.compile(r"call_([0-9]{1,18})")


def last_call(messages: Iterable[Message]) -> int:
    """The highest number among the call ids of a conversation, 0 without calls.

    Not their count: calls may have been taken out, or come from elsewhere, and an id
    must not be given twice.
    """
    turns = (message for message in messages if isinstance(message, Assistant))
    ids = (_CALL_ID.fullmatch(call.id) for turn in turns for call in turn.calls)
    return max((int(found[1]) for found in ids if found), default=0)


class TurnReader:
    """Collects one turn.

    Args:
        tokenizer: Whose ids will come.
        setup: How the prompt was written.
        turn: The number of this turn, for its events.
        calls_before: The number of the conversation's last call; ids count on from it.
    """

    def __init__(
        self, tokenizer: Tokenizer, setup: Setup, *, turn: int, calls_before: int
    ) -> None:
        self._parser = Parser(
            thinking=setup.thinks,
            tokenizer=tokenizer,
            calls=bool(setup.tools),
            schemas={spec.name: spec.parameters for spec in setup.tools},
        )
        self._eos = tokenizer.eos
        self._turn = turn
        self._calls_before = calls_before
        self._is_value = setup.output is not None
        """The answer is JSON, of which parts can be told before it is whole."""
        self._told: object = NOTHING
        self._thinking: list[str] = []
        self._text: list[str] = []
        self.ids: list[int] = []
        """Everything sampled."""
        self.calls: list[ToolCall] = []
        """The calls that are complete, and at the end those that never will be."""
        self.broken: dict[str, str] = {}
        """Why a call can't be run, by its id: the model wrote it wrongly."""

    @property
    def unended(self) -> tuple[int, ...]:
        """The ids so far, to go on with. A turn that was cancelled between its last
        token and its end has to be ended again."""
        return tuple(token for token in self.ids if token != self._eos)

    def feed(self, ids: Sequence[int]) -> list[Event]:
        """Read the next ids."""
        self.ids += ids
        return self._with_partial(self._events(self._parser.feed_ids(ids)))

    def finish(self, stop: Stop) -> list[Event]:
        """There is no more. A call that was cut off by the end of the tokens is
        dropped; one that the model ended without completing it is its mistake."""
        events = self._parser.finish(stop)
        if stop != "stop":
            events = [event for event in events if not isinstance(event, CallBroken)]
        return self._with_partial(self._events(events))

    def message(self, *, whole: bool) -> Assistant:
        """The turn so far, or the ``whole`` of it."""
        parts: list[Thinking | Text | ToolCall] = []
        if thinking := "".join(self._thinking):
            parts.append(Thinking(thinking))
        if text := "".join(self._text):
            parts.append(Text(text))
        ids = tuple(self.ids) if whole and not self.broken else None
        return Assistant((*parts, *self.calls), ids)

    def _events(self, parsed: Sequence[ParseEvent]) -> list[Event]:
        events = [self._event(event) for event in parsed]
        return [event for event in events if event is not None]

    def _with_partial(self, events: list[Event]) -> list[Event]:
        """``events`` and what of the value can be told after them, if that is new."""
        if self._is_value and any(isinstance(event, TextDelta) for event in events):
            value = partial_value("".join(self._text))
            if value is not NOTHING and value != self._told:
                self._told = value
                events.append(PartialOutput(value, turn=self._turn))
        return events

    def _event(self, event: ParseEvent) -> Event | None:
        match event:
            case ThinkingText(text) if text:
                self._thinking.append(text)
                return ThinkingDelta(text, turn=self._turn)
            case ContentText(text) if text:
                self._text.append(text)
                return TextDelta(text, turn=self._turn)
            case CallStart(index, name):
                return ToolCallStarted(self._call_id(index), name, turn=self._turn)
            case CallArgument(index, parameter, text) if text:
                call_id = self._call_id(index)
                return ToolCallDelta(call_id, parameter, text, turn=self._turn)
            case CallEnd(index, name, arguments):
                return self._complete(ToolCall(self._call_id(index), name, arguments))
            case CallBroken(index, name, arguments, reason):
                call_id = self._call_id(index)
                wrapped = json.dumps({"arguments": arguments}, ensure_ascii=False)
                self.broken[call_id] = reason
                return self._complete(ToolCall(call_id, name, wrapped))
            case ParseWarning(text):
                log.info("turn %d: %s", self._turn, text)
        return None

    def _complete(self, call: ToolCall) -> Event:
        self.calls.append(call)
        return ToolCallReady(call, turn=self._turn)

    def _call_id(self, index: int) -> str:
        return f"call_{self._calls_before + index + 1}"


def goes_on(
    tokenizer: Tokenizer, setup: Setup, begun: Sequence[int], turn: Assistant
) -> bool:
    """Whether a turn that reads ``begun`` so far is ``turn``, so that it can be gone
    on with; it is not if the turn was edited or is written in another mode now."""
    reader = TurnReader(tokenizer, setup, turn=1, calls_before=0)
    if not begun or not all(0 <= i < tokenizer.vocab_size for i in begun):
        return False
    reader.feed(begun)
    if reader.message(whole=False).parts == turn.parts:
        return True
    # A turn cut short shows what it held back; a cancelled one doesn't.
    reader.finish("length")
    return reader.message(whole=False).parts == turn.parts
