"""How markers look in the text that the parser reads, and how to find them.

Bare text spells its markers out. Text decoded from token ids does not need to: there
a marker is one control token, and the same characters in ordinary tokens are only
text. The parser reads both with the same code: in flagged text each structural marker
is one lone surrogate, a code point that no decoded text can contain.

What must stay true: finding a marker looks at each character once, and the text that
waits is the shortest that may still become a marker.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from dsagent.encoding.tokens import DSML, END_THINK

if TYPE_CHECKING:
    from collections.abc import Sequence


class Match(NamedTuple):
    """Where a pattern begins; no pattern if the text ends before it is decided."""

    start: int
    pattern: str | None


class Spelling:
    """The markers as they appear in one kind of text.

    Attributes:
        open: What begins an opening tag.
        close: What begins a closing tag.
        tags: Both of them.
        value: What can end a value: its closing tag, or the next parameter or call.
        prose: What can end a stretch of reasoning or answer.
        prose_without_calls: The same where no markup is understood.
    """

    def __init__(self, *, dsml: str, end_think: str) -> None:
        self.end_think = end_think
        self.open = "<" + dsml
        self.close = "</" + dsml
        self.tags = (self.open, self.close)
        self.value = (self.close, self.open + "parameter", self.open + "invoke")
        self.prose = (end_think, self.open, self.close)
        self.prose_without_calls = (end_think,)
        self._markers = {str(DSML): dsml, str(END_THINK): end_think}
        self._start = re.compile(f"[<{end_think[0]}]")

    def marker(self, text: str) -> str:
        """A control token as it appears; only structural ones look special."""
        return self._markers.get(text, text)

    def plain(self, text: str) -> str:
        """Text for a reader, with every marker spelled out."""
        for literal, marker in self._markers.items():
            if marker != literal and marker in text:
                text = text.replace(marker, literal)
        return text

    def find(self, text: str, patterns: Sequence[str]) -> Match:
        """The first pattern in the text, or from where on the text must wait."""
        position = self._next_start(text, 0)
        while position < len(text):
            found = self.at(text, position, patterns)
            if found is not None:
                return found
            position = self._next_start(text, position + 1)
        return Match(len(text), None)

    def at(self, text: str, position: int, patterns: Sequence[str]) -> Match | None:
        """The pattern at this place; undecided if the text ends inside one."""
        for pattern in patterns:
            if text.startswith(pattern, position):
                return Match(position, pattern)
        rest = text[position : position + MAX_PATTERN]
        if any(pattern.startswith(rest) for pattern in patterns):
            return Match(position, None)
        return None

    def _next_start(self, text: str, position: int) -> int:
        """Where the next pattern could begin, the text's end if nowhere."""
        match = self._start.search(text, position)
        return match.start() if match else len(text)


MAX_PATTERN: Final = len("<" + DSML + "parameter")
"""The longest text that ever waits to be decided."""

LITERAL: Final = Spelling(dsml=str(DSML), end_think=str(END_THINK))
"""Bare text."""

FLAGGED: Final = Spelling(dsml="\ud800", end_think="\ud801")
"""Text decoded from ids."""
