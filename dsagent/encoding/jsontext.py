"""JSON that stays text: checked and taken apart without being re-written.

Arguments go from the model to the caller as the model wrote them. Parsing and dumping
again would change number formats and lose precision, so values are verified and copied
verbatim. What must stay true: strictly RFC 8259 (no NaN), and no limit of the Python
number types leaks in.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, NoReturn

from dsagent.encoding.pieces import scalars

if TYPE_CHECKING:
    from collections.abc import Iterator


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER: Final = json.JSONDecoder(
    parse_int=str, parse_float=str, parse_constant=_no_constant
)
_SPACE: Final = re.compile(r"[ \t\n\r]*")


def is_json(text: str) -> bool:
    """Whether the text is one JSON value, white space around it allowed."""
    try:
        _DECODER.decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def dump(value: object) -> str:
    """Plain data as JSON that can be encoded.

    A text may hold half a surrogate pair, which UTF-8 can't; it becomes what the model
    reads, U+FFFD.
    """
    return scalars(json.dumps(value, ensure_ascii=False))


def quote(text: str) -> str:
    """The text as a JSON string, non-ASCII characters kept."""
    return json.dumps(text, ensure_ascii=False)


def escape(text: str) -> str:
    """The text as it stands inside the quotes of a JSON string.

    Escaping is per character, so the escapes of fragments concatenate.
    """
    return quote(text)[1:-1]


def members(text: str) -> list[tuple[str, str]] | None:
    """The members of a JSON object as (key, value's JSON text), None if it is none."""
    start = _SPACE.match(text, 0)
    if start is None or not text.startswith("{", start.end()) or not is_json(text):
        return None
    return list(_walk(text, start.end() + 1))


def _walk(text: str, position: int) -> Iterator[tuple[str, str]]:
    """Members of a valid object whose opening brace is before ``position``."""
    while text[position := _skip(text, position)] != "}":
        key, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)  # past the colon
        begin = position
        _, position = _DECODER.raw_decode(text, position)
        yield key, text[begin:position]
        position = _skip(text, position)
        if text[position] == ",":
            position += 1


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position
