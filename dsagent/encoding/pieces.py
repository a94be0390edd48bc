"""A prompt as a sequence of pieces: control tokens apart from text.

The prompt is never one string on its way to the tokenizer. Once a control token and a
user's spelling of it are characters in the same string, nothing can tell them apart;
kept as pieces, nothing can confuse them. What must stay true: a piece with ``marker``
set holds exactly one control token's text, and only the template makes such pieces.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from dsagent.encoding.tokens import ControlToken, Piece

if TYPE_CHECKING:
    from collections.abc import Iterable


__all__ = ["Piece", "prompt_text", "scalars", "template"]

_MARKERS: Final = re.compile("|".join(re.escape(token) for token in ControlToken))


def template(text: str) -> tuple[Piece, ...]:
    """Cut a text of the *template itself* into markers and plain text.

    Only for constants of this package: used on text from anywhere else it would turn
    spelled-out markers into control tokens, which pieces exist to prevent.
    """
    pieces: list[Piece] = []
    end = 0
    for match in _MARKERS.finditer(text):
        if match.start() > end:
            pieces.append(Piece(text[end : match.start()]))
        pieces.append(Piece(match.group(), marker=True))
        end = match.end()
    if end < len(text):
        pieces.append(Piece(text[end:]))
    return tuple(pieces)


def prompt_text(pieces: Iterable[Piece]) -> str:
    """The prompt as one string, for people and comparison; not for tokenising."""
    return "".join(piece.text for piece in pieces)


def scalars(text: str) -> str:
    """The text without lone surrogates (paired ones become their character)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
