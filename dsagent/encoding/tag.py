"""One markup tag, read a character at a time.

A tag is what stands between the marker and its ``>``. What must stay true: constant
work per character, whatever the text, and a ``>`` inside a quoted name does not end
the tag.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

_CANONICAL_ENDS: Final = ('" string="true">', '" string="false">')
_TAIL: Final = max(map(len, _CANONICAL_ENDS))
_WORD: Final = re.compile(r"\w*")
_INVOKE: Final = re.compile(r'invoke\s+name\s*=\s*"([^"]+)"')
_PARAMETER: Final = re.compile(
    r'parameter name="(?P<name>.*)" string="(?P<string>true|false)">?', re.DOTALL
)
_NAME: Final = re.compile(r'\bname\s*=\s*"([^"]*)"')
_STRING: Final = re.compile(r'\bstring\s*=\s*"?(true|false)\b')


class Kind(Enum):
    """What a tag is about. Anything unknown is about the block of calls."""

    INVOKE = auto()
    PARAMETER = auto()
    BLOCK = auto()


class Tag:
    """A tag while it is read.

    Attributes:
        closing: Whether the tag began with a slash.
        quotes: How many quotation marks it has so far.
    """

    __slots__ = ("_chars", "closing", "quotes")

    def __init__(self, *, closing: bool) -> None:
        self.closing = closing
        self.quotes = 0
        self._chars: list[str] = []

    def add(self, char: str) -> bool:
        """Take one character; True if it ends the tag."""
        self._chars.append(char)
        if char == '"':
            self.quotes += 1
        return char == ">" and (self.quotes % 2 == 0 or self._ends_canonically())

    @property
    def text(self) -> str:
        """The characters after the marker."""
        return "".join(self._chars)

    @property
    def kind(self) -> Kind:
        """What the tag is about, going by its first word or the start of it.

        A closing tag is recognised by its beginning, since a tag cut off or misspelt
        still closes the thing that it began to name.
        """
        word = self.word
        if word == "invoke" or (self.closing and word.startswith("inv")):
            return Kind.INVOKE
        if word == "parameter" or (self.closing and word.startswith("par")):
            return Kind.PARAMETER
        return Kind.BLOCK

    @property
    def word(self) -> str:
        """The tag's first word."""
        match = _WORD.match(self.text)
        return match.group() if match else ""

    @property
    def closes_itself(self) -> bool:
        """Whether the tag ends in ``/>``: it has no content."""
        return "".join(self._chars[-2:]) == "/>"

    def invoked(self) -> str | None:
        """The tool name of an invoke tag whose name is complete."""
        match = _INVOKE.match(self.text)
        return match.group(1) if match else None

    def parameter(self) -> tuple[str | None, bool | None]:
        """Name and type of a parameter tag, None for what it fails to say."""
        text = self.text
        if exact := _PARAMETER.fullmatch(text):
            return exact["name"], exact["string"] == "true"
        name, string = _NAME.search(text), _STRING.search(text)
        return (
            name.group(1) if name else None,
            string.group(1) == "true" if string else None,
        )

    def _ends_canonically(self) -> bool:
        """A name may hold a quotation mark; the end of a proper tag is unmistakable."""
        return "".join(self._chars[-_TAIL:]).endswith(_CANONICAL_ENDS)
