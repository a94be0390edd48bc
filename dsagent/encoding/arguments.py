"""The arguments of one tool call, from tagged parameters to one JSON object.

The model writes each parameter in its own tag, strings raw and everything else as
JSON; callers want a JSON object. This module writes that object while the parameters
arrive: strings character by character, other values when they are whole and verified.

What must stay true: the emitted fragments concatenate to the arguments of the final
event; a complete call has valid JSON; no argument is made up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final, cast

from dsagent.encoding.events import (
    CallArgument,
    CallBroken,
    CallEnd,
    CallStart,
    ParseEvent,
    ParseWarning,
)
from dsagent.encoding.jsontext import escape, is_json, members, quote

_WRAPPERS: Final = ("arguments", "input")
"""Parameters that a model sometimes invents to hold all the real ones."""


class _Mode(Enum):
    """What happens to the characters of the current value."""

    STREAM = auto()
    BUFFER = auto()
    WITHHOLD = auto()
    DROP = auto()


class CallBuilder:
    """Writes one call's events.

    Args:
        index: The call's place among the calls of its turn.
        name: The tool that is called.
        schema: The JSON schema of the tool's arguments, None if it is not known.
        emit: Receives the events.
    """

    def __init__(
        self,
        index: int,
        name: str,
        schema: Mapping[str, object] | None,
        emit: Callable[[ParseEvent], None],
    ) -> None:
        self.name = name
        self._index = index
        self._properties = None if schema is None else _properties(schema)
        self._emit = emit
        self._written: list[str] = []
        self._seen: set[str] = set()
        self._key = ""
        self._string: bool | None = None
        self._mode = _Mode.DROP
        self._buffer: list[str] = []
        self._body: list[str] = []
        self._withheld: tuple[str, bool | None, str] | None = None
        emit(CallStart(index, name))

    def open_value(self, key: str, *, string: bool | None) -> None:
        """A parameter begins. ``string`` is None if its tag does not say the type."""
        self._release()
        self._key, self._string = key, string
        if key in self._seen:
            self._warn("duplicate parameter dropped")
            self._mode = _Mode.DROP
        elif self._may_be_wrapper(key):
            self._mode = _Mode.WITHHOLD
        else:
            self._begin(key, string)
        self._seen.add(key)

    def drop_value(self) -> None:
        """A parameter begins that has no name: its value is read and discarded."""
        self._mode = _Mode.DROP

    def add(self, text: str) -> None:
        """The current value goes on."""
        if self._mode is _Mode.STREAM:
            self._argument(text, escape(text), string=True)
        elif self._mode is not _Mode.DROP:
            self._buffer.append(text)

    def close_value(self) -> None:
        """The current value is whole."""
        text = "".join(self._buffer)
        self._buffer.clear()
        if self._mode is _Mode.STREAM:
            self._argument("", '"', string=True)
        elif self._mode is _Mode.BUFFER:
            self._json_value(text)
        elif self._mode is _Mode.WITHHOLD:
            self._withheld = (self._key, self._string, text)
        self._mode = _Mode.DROP

    def body(self, text: str) -> None:
        """Text between the call's tags: nothing, unless it is all there is.

        Kept only if it may turn out to be an object that holds the arguments.
        """
        if not self._seen and (self._body or text.strip()):
            self._body.append(text if self._is_object_so_far(text) else "")

    def _is_object_so_far(self, text: str) -> bool:
        """Whether the body, of which ``text`` is the next part, began with a brace."""
        return bool(self._body[0]) if self._body else text.lstrip().startswith("{")

    def finish(self) -> None:
        """The call is complete."""
        if any(self._body) and not self._seen and not self._take_body():
            self.abandon("the call's body is not a JSON object")
            return
        if self._withheld is not None:
            self._unwrap()
        self._written.append("}" if self._written else "{}")
        self._emit(CallEnd(self._index, self.name, self.arguments))

    def abandon(self, reason: str) -> None:
        """The call will not be completed."""
        self._emit(CallBroken(self._index, self.name, self.arguments, reason))

    @property
    def arguments(self) -> str:
        """The arguments JSON as far as it is written."""
        return "".join(self._written)

    def _begin(self, key: str, string: bool | None) -> None:
        self._mode = _Mode.STREAM if string else _Mode.BUFFER
        head = self._head(key)
        if string:
            head += '"'
        self._argument("", head, string=bool(string))

    def _head(self, key: str) -> str:
        return ("{" if not self._written else ", ") + quote(key) + ": "

    def _argument(self, text: str, delta: str, *, string: bool) -> None:
        self._written.append(delta)
        self._emit(CallArgument(self._index, self._key, text, string, delta))

    def _json_value(self, text: str) -> None:
        if is_json(text):
            self._argument(text, text, string=False)
            return
        if self._string is False:
            self._warn('string="false" value is not JSON; sent as a string')
            text = text.strip()
        self._argument(text, quote(text), string=True)

    def _may_be_wrapper(self, key: str) -> bool:
        first = not self._seen and key in _WRAPPERS
        return first and self._properties is not None and key not in self._properties

    def _release(self) -> None:
        """Write a withheld parameter after all: it is not the only one."""
        if self._withheld is None:
            return
        self._key, self._string, text = self._withheld
        self._withheld = None
        self._begin(self._key, self._string)
        self.add(text)
        self.close_value()

    def _unwrap(self) -> None:
        """Replace a lone wrapper by what it holds, if the tool knows all of that."""
        _, _, text = self._withheld or ("", None, "")
        inner = members(text)
        known = self._properties or set()
        if inner is None or not {key for key, _ in inner} <= known:
            self._release()
            return
        self._warn(f"parameters unwrapped from {quote(self._key)}")
        self._withheld = None
        self._seen.clear()
        self._members(inner)

    def _take_body(self) -> bool:
        inner = members("".join(self._body))
        if inner is not None:
            self._warn("JSON object body")
            self._members(inner)
        return inner is not None

    def _members(self, inner: list[tuple[str, str]]) -> None:
        for key, value in inner:
            if key in self._seen:
                self._warn("duplicate parameter dropped")
                continue
            self._seen.add(key)
            self._key = key
            delta = self._head(key) + value
            self._argument(value, delta, string=False)

    def _warn(self, text: str) -> None:
        self._emit(ParseWarning(text))


def _properties(schema: Mapping[str, object]) -> set[str]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return set()
    return set(cast("Mapping[str, object]", properties))
