"""Quotes: which stretches of a text are one, and the terminal that allows only those.

A quote is a stretch of whole words of one text, with whatever stands between them. It
is written as a JSON string, and JSON has escapes: a line end in the text is a ``\\n``
in the answer. So the automaton is not built over the text but over its words as JSON
spells them, each a chunk that is taken whole or not at all. Spelling is per character,
so chunks that follow each other spell what they say together. Of the several spellings
JSON has for a character, the usual one is allowed.

Words rather than characters, because half a word is no quotation, and an automaton
over the characters has four times the states; words rather than sentences, because
where a sentence ends is a guess.

What must stay true: a string that the terminal allows reads as a text that ``is_whole``
somewhere in one of the texts, and no quote runs from one text into the next.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from dsagent.encoding.jsontext import escape

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = "verbatim-quote"
"""The ``format`` by which a JSON schema says that a string is a quote."""
TERMINAL: Final = "QUOTE"
"""The Lark terminal of a quote with its quotation marks."""

_UNSPACED: Final = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    r"\U00020000-\U0003ffff"
)
"""Scripts written without spaces: each character is a word."""
_MARKS: Final = (
    r"\u0300-\u036f\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u200c\u200d\ufe00-\ufe0f"
)
"""What goes on a letter, or joins two, and no letter by itself to ``re``."""
_LETTER: Final = rf"[^\W{_UNSPACED}]|[{_MARKS}]"
_INSIDE: Final = re.compile(f"(?<={_LETTER})(?={_LETTER})")
"""A place inside of a word."""
_CHUNKS: Final = re.compile(rf"(?:{_LETTER})+|.", re.DOTALL)

_BREAK: Final = "\n"
"""A chunk that no quote can hold: JSON has a line end only as an escape."""
_BEGIN: Final = r'([^\s\\]|\\["\\])'
"""How a quote begins: not with white space or a control character, of which all that
JSON escapes is one of but quotation marks and backslashes."""


def is_quote(schema: Mapping[str, object]) -> bool:
    """Whether a JSON schema says of itself, not of a part, that it is a quote."""
    return schema.get("format") == FORMAT


def is_whole(text: str, start: int, stop: int) -> bool:
    """Whether ``text[start:stop]`` is a quote of ``text``: it cuts no word in two and
    begins with something to be seen."""
    return (
        start < stop
        and _begins_quote(text[start])
        and not _INSIDE.match(text, start)
        and not _INSIDE.match(text, stop)
    )


def is_quotable(text: str) -> bool:
    """Whether anything in ``text`` can be quoted."""
    return any(map(_begins_quote, text))


def _begins_quote(char: str) -> bool:
    return char > " " and not char.isspace() and not _is_surrogate(char)


def _is_surrogate(char: str) -> bool:
    """Half a character: Python's texts may hold one, UTF-8 can't."""
    return "\ud800" <= char <= "\udfff"


@lru_cache(maxsize=4)
def quote_terminal(texts: tuple[str, ...]) -> str:
    """The definition of ``TERMINAL``: the quotes of ``texts``, as JSON strings.

    Cached, because a long text takes a while and every turn of a run asks for it.
    """
    pieces = _spelled(texts)
    automaton = json.dumps({"substring_chunks": pieces}, ensure_ascii=False)
    return (
        f'{TERMINAL}: "\\"" ( QUOTED & /{_BEGIN}[^\\n]*/ ) "\\""\n'
        f"QUOTED: %regex {automaton}\n"
    )


def _spelled(texts: tuple[str, ...]) -> list[str]:
    """The chunks of ``texts`` as JSON spells them, a break behind each text."""
    spellings: dict[str, str] = {}
    pieces: list[str] = []
    for text in texts:
        chunks = _CHUNKS.findall(text)
        for chunk in set(chunks) - spellings.keys():
            broken = any(map(_is_surrogate, chunk))
            spellings[chunk] = _BREAK if broken else escape(chunk)
        pieces += [spellings[chunk] for chunk in chunks]
        pieces.append(_BREAK)
    return pieces
