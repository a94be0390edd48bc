"""Token ids to text, one token at a time.

A byte-level token may end inside a character and even finish one character while
starting the next, so text can only be released up to the last character boundary. What
must stay true: every byte is looked at once, at most three bytes wait, and the
concatenated output equals decoding all tokens at once. An incomplete character is
waited for; a replacement character appears only for bytes that no continuation can
save.
"""

from __future__ import annotations

from codecs import IncrementalDecoder, getincrementaldecoder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_utf8 = getincrementaldecoder("utf-8")


class StreamDecoder:
    """Turns token ids into whole characters as they become complete.

    Args:
        token_bytes: The bytes that a token id stands for.
    """

    __slots__ = ("_decoder", "_token_bytes")

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        self._token_bytes = token_bytes
        self._decoder: IncrementalDecoder = _utf8(errors="replace")

    def feed(self, token_id: int) -> str:
        """The text that this token completes; empty while a character is open."""
        return self._decoder.decode(self._token_bytes(token_id))

    def finish(self) -> str:
        """What is left when no token follows: one U+FFFD for an open character."""
        return self._decoder.decode(b"", final=True)
