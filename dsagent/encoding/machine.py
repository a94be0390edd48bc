"""The state machine behind the parser: text in, events out.

Each step takes text from the front of what is pending and says whether the rest can be
read yet. What must stay true: a step that cannot go on leaves at most the beginning of
a marker pending, so text is never read twice; and no state lets markup through to the
reader of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias

from dsagent.encoding.arguments import CallBuilder
from dsagent.encoding.events import (
    CallEnd,
    ContentText,
    ParseEvent,
    ParseWarning,
    ThinkingEnd,
    ThinkingText,
    coalesce,
)
from dsagent.encoding.tag import Kind, Tag

if TYPE_CHECKING:
    from dsagent.encoding.spelling import Spelling

Schemas: TypeAlias = Mapping[str, Mapping[str, object]]
"""Tool name to the JSON schema of its arguments."""

_SEPARATOR: Final = 2
"""Newlines that stand between an answer and its block of calls."""

_CHUNK: Final = 4096
"""Text is read in pieces of this many characters, so taking from its front is cheap."""


class _State(Enum):
    THINKING = auto()
    CONTENT = auto()
    BLOCK = auto()
    """Inside the block, between calls."""
    CALL = auto()
    """Inside a call, between parameters."""
    VALUE = auto()
    TAG = auto()
    """Inside a tag; ``Machine._outer`` says what the tag stands in."""
    DONE = auto()
    """After the block: nothing more can follow."""


_PROSE: Final = (_State.THINKING, _State.CONTENT)


class Machine:
    """Reads the text of one completion.

    Args:
        spelling: How markers look in the text.
        thinking: Whether the text begins inside reasoning.
        calls: Whether markup means calls; if not it is text.
        schemas: Argument schemas of the offered tools, where known.
    """

    def __init__(
        self, spelling: Spelling, *, thinking: bool, calls: bool, schemas: Schemas
    ) -> None:
        self.completed = 0
        self._spelling = spelling
        self._schemas = schemas
        self._calls = calls
        self._state = _State.THINKING if thinking else _State.CONTENT
        self._outer = self._state
        self._opening_block = False  # the current tag is the one that names the block
        self._tag = Tag(closing=False)
        self._call: CallBuilder | None = None
        self._started = 0
        self._pending = ""
        self._events: list[ParseEvent] = []
        self._warned: set[str] = set()

    @property
    def done(self) -> bool:
        """Whether the block of calls is over: nothing that follows can matter."""
        return self._state is _State.DONE

    def read(self, text: str) -> list[ParseEvent]:
        """Go as far as the text reaches."""
        for start in range(0, len(text), _CHUNK):
            self._pending += text[start : start + _CHUNK]
            while self._pending and self._step():
                pass
        return self._drain()

    def finish(self, reason: str) -> list[ParseEvent]:
        """The text is over; ``stop`` says that the model meant it to be."""
        stray_tag = self._state is _State.TAG and self._outer in _PROSE
        if self._state in _PROSE:
            if self._state is _State.THINKING and reason == "stop":
                self._warn("missing </think>")
            self._take_prose(len(self._pending))
        elif not (self.done or stray_tag):
            self._finish_block(reason)
        return self._drain()

    # -- states ------------------------------------------------------------------------

    def _step(self) -> bool:
        """Go on as far as one state reaches; False if more text is needed."""
        match self._state:
            case _State.THINKING | _State.CONTENT:
                return self._read_prose()
            case _State.BLOCK | _State.CALL:
                return self._read_between()
            case _State.VALUE:
                return self._read_value()
            case _State.TAG:
                return self._read_tag()
            case _State.DONE:
                return self._discard()

    def _read_prose(self) -> bool:
        spelling = self._spelling
        patterns = spelling.prose if self._calls else spelling.prose_without_calls
        found = spelling.find(self._pending, patterns)
        if found.pattern is None:
            waiting = found.start - self._newlines_before(found.start)
            self._take_prose(waiting)
            return False
        if found.pattern == spelling.end_think:
            self._take_prose(found.start)
            self._skip(found.pattern)
            self._end_thinking()
        elif found.pattern == spelling.open:
            self._open_block(found.start)
        else:
            self._take_prose(found.start)
            self._warn("stray closing tag")
            self._enter_tag(found.pattern)
        return True

    def _newlines_before(self, end: int) -> int:
        """How many newlines before ``end`` may belong to the block's separator."""
        if not self._calls:
            return 0
        text = self._pending[max(0, end - _SEPARATOR) : end]
        return len(text) - len(text.rstrip("\n"))

    def _take_prose(self, end: int) -> None:
        """Release the first ``end`` characters to the reader."""
        text, self._pending = self._pending[:end], self._pending[end:]
        if not text:
            return
        text = self._spelling.plain(text)
        thinking = self._state is _State.THINKING
        self._emit(ThinkingText(text) if thinking else ContentText(text))

    def _end_thinking(self) -> None:
        if self._state is _State.THINKING:
            self._emit(ThinkingEnd())
            self._state = _State.CONTENT
        else:
            self._warn("stray </think>")

    def _open_block(self, start: int) -> None:
        newlines = self._newlines_before(start)
        self._take_prose(start - newlines)
        if newlines != _SEPARATOR:
            self._warn("separator is not two newlines")
        if self._state is _State.THINKING:
            self._warn("missing </think>")
            self._emit(ThinkingEnd())
        self._pending = self._pending[newlines:]
        self._state = _State.BLOCK
        self._enter_tag(self._spelling.open)
        self._opening_block = True

    def _read_between(self) -> bool:
        """Skip text between tags, keeping what may be a call's JSON body."""
        found = self._spelling.find(self._pending, self._spelling.tags)
        between = self._pending[: found.start]
        if self._state is _State.CALL and self._call is not None and between:
            self._call.body(self._spelling.plain(between))
        self._pending = self._pending[found.start :]
        if found.pattern is None:
            return False
        self._enter_tag(found.pattern)
        return True

    def _read_value(self) -> bool:
        spelling = self._spelling
        found = spelling.find(self._pending, spelling.value)
        text, self._pending = self._pending[: found.start], self._pending[found.start :]
        if text and self._call is not None:
            self._call.add(spelling.plain(text))
        if found.pattern is None:
            return False
        if found.pattern == spelling.close:
            self._enter_tag(found.pattern)
        else:  # the next parameter or call begins: this value was never closed
            self._warn("missing </parameter>")
            self._close_value()
            self._state = _State.CALL
        return True

    def _read_tag(self) -> bool:
        """Read up to the tag's end, or to the next tag if it has none."""
        spelling = self._spelling
        for position, char in enumerate(self._pending):
            if char == "<":
                found = spelling.at(self._pending, position, spelling.tags)
                if found is not None:
                    self._pending = self._pending[position:]
                    if found.pattern is None:
                        return False
                    self._end_tag()
                    return True
            if self._tag.add(char) or self._is_after_stray_tag(char):
                kept = position if self._is_after_stray_tag(char) else position + 1
                self._pending = self._pending[kept:]
                self._end_tag()
                return True
            if char == '"' and self._tag.quotes == 2:
                self._maybe_start_call()
        self._pending = ""
        return False

    def _is_after_stray_tag(self, char: str) -> bool:
        """A tag that has no place in prose takes only its own name with it."""
        in_name = char.isalnum() or char in "_>"
        return self._outer in _PROSE and not in_name

    def _discard(self) -> bool:
        if not self._pending.isspace():
            self._warn("text after the tool-call block discarded")
        self._pending = ""
        return False

    # -- tags --------------------------------------------------------------------------

    def _enter_tag(self, pattern: str) -> None:
        """Begin the tag whose first characters are at the front of what is pending."""
        self._skip(pattern)
        self._outer, self._state = self._state, _State.TAG
        self._tag = Tag(closing=pattern == self._spelling.close)

    def _skip(self, pattern: str) -> None:
        self._pending = self._pending[len(pattern) :]

    def _maybe_start_call(self) -> None:
        """A name is complete: tell of the call before its tag is."""
        tag = self._tag
        if tag.closing or self._outer not in (_State.BLOCK, _State.CALL):
            return
        name = tag.invoked()
        if name is None:
            return
        if self._opening_block:
            self._warn("call without a block")
        if self._call is not None:
            self._warn("missing </invoke>")
            self._finish_call()
        self._outer = _State.BLOCK
        name = self._spelling.plain(name)
        schema = self._schemas.get(name)
        self._call = CallBuilder(self._started, name, schema, self._emit)
        self._started += 1

    def _end_tag(self) -> None:
        tag, self._state = self._tag, self._outer
        opening_block, self._opening_block = self._opening_block, False
        if self._state in _PROSE:
            return
        if tag.closing:
            self._end_closing_tag(tag)
        elif tag.kind is Kind.INVOKE:
            self._end_invoke_tag(tag)
        elif tag.kind is Kind.PARAMETER and self._state is _State.CALL:
            self._end_parameter_tag(tag)
        elif opening_block and tag.word != "tool_calls":
            self._warn("block tag is not tool_calls")

    def _end_invoke_tag(self, tag: Tag) -> None:
        if tag.invoked() is None or self._call is None:
            self._warn("invoke without a name")
            self._finish_call()
            self._state = _State.BLOCK
        elif tag.closes_itself:
            self._warn("self-closing invoke")
            self._finish_call()
        else:
            self._state = _State.CALL

    def _end_parameter_tag(self, tag: Tag) -> None:
        if self._call is None:
            return
        name, string = tag.parameter()
        if name is None:
            self._warn("parameter without a name")
            self._call.drop_value()
        else:
            if string is None:
                self._warn("missing or invalid string attribute")
            self._call.open_value(self._spelling.plain(name), string=string)
        self._state = _State.VALUE
        if tag.closes_itself:
            self._close_value()
            self._state = _State.CALL

    def _end_closing_tag(self, tag: Tag) -> None:
        if self._state is _State.VALUE:
            if tag.kind is not Kind.PARAMETER:
                self._warn("missing </parameter>")
            self._close_value()
            self._state = _State.CALL
        elif tag.kind is Kind.BLOCK and self._call is not None:
            self._warn("missing </invoke>")
        if tag.kind is Kind.PARAMETER:
            return
        self._finish_call()
        self._state = _State.BLOCK if tag.kind is Kind.INVOKE else _State.DONE

    def _close_value(self) -> None:
        if self._call is not None:
            self._call.close_value()

    def _finish_call(self) -> None:
        if self._call is not None:
            self._call.finish()
        self._call = None

    # -- the end -----------------------------------------------------------------------

    def _finish_block(self, reason: str) -> None:
        self._warn("unterminated tool-call block")
        call, self._call = self._call, None
        if call is None:
            return
        if reason == "stop" and not self._mid_parameter():
            call.finish()
        else:
            call.abandon(reason)

    def _mid_parameter(self) -> bool:
        """Whether stopping here loses a part of the call's arguments."""
        if self._state is not _State.TAG:
            return self._state is _State.VALUE
        if self._outer is not _State.CALL:
            return True
        return not (self._tag.closing or self._tag.word.startswith("inv"))

    def _drain(self) -> list[ParseEvent]:
        events = coalesce(self._events)
        self._events.clear()
        return events

    def _emit(self, event: ParseEvent) -> None:
        if isinstance(event, ParseWarning):
            if event.text in self._warned:
                return
            self._warned.add(event.text)
        if isinstance(event, CallEnd):
            self.completed += 1
        self._events.append(event)

    def _warn(self, text: str) -> None:
        self._emit(ParseWarning(text))
