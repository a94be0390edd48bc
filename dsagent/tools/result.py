"""What a tool returned, as text for the model.

The same value must always give the same text: the text is history, and history that
changes between two renderings throws the prefix cache away. Strings go as they are;
everything else as JSON, in the spelling the chat format uses everywhere (a space
after ``,`` and ``:``, characters beyond ASCII kept).
"""

from __future__ import annotations

import dataclasses
import json
import re
import unicodedata

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

MAX_CHARS = 40_000
"""Longest result by default, about ten thousand tokens."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def render_result(
    value: object, max_chars: int = MAX_CHARS, *, nothing: bool = False
) -> str:
    """``value`` as text of at most ``max_chars`` characters plus a note on the cut.

    A list is cut between its items, so what is left of it is JSON; everything else is
    cut between characters.

    Args:
        value: Anything; what has no JSON form goes by its ``repr``.
        max_chars: Where to cut.
        nothing: The function is declared to return None, so a None means that it did
            its work, where otherwise it means that there is no value.
    """
    if value is None and nothing:
        return "done"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        return cap(clean(value), max_chars)
    plain = _plain(value)
    text = clean(json.dumps(plain, ensure_ascii=False))
    if isinstance(plain, list) and len(text) > max_chars:
        return _cap_items(plain, text, max_chars)
    return cap(text, max_chars)


def to_json(value: object) -> str:
    """JSON of ``value``; sets are sorted, so that the order never depends on hashes."""
    return json.dumps(_plain(value), ensure_ascii=False)


def _plain(value: object) -> object:
    """``value`` in terms of dict, list, str, int, float, bool and None."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", fallback=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(item) for item in value), key=to_json)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return to_jsonable_python(value, fallback=repr)


def _key(key: object) -> str:
    """A dict's key as JSON needs it; ``json.dumps`` refuses tuples, dates and enums."""
    plain = to_jsonable_python(key, fallback=repr)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def clean(text: str) -> str:
    """``text`` without lone surrogates, which no tokenizer can encode."""
    return _SURROGATE.sub("\ufffd", text)


def cap(text: str, max_chars: int) -> str:
    """``text``, cut to ``max_chars`` with a note that says so, or a few less, where the
    cut would come between a letter and its accents."""
    if len(text) <= max_chars:
        return text
    cut = next((n for n in range(max_chars, 0, -1) if not _joins(text, n)), max_chars)
    note = f"[cut: the first {cut:,} of {len(text):,} characters]"
    return f"{text[:cut]}\n{note}"


def _joins(text: str, index: int) -> bool:
    """Whether the characters before and at ``index`` are seen as one."""
    joiner, left, right = "\u200d", text[index - 1], text[index]
    return joiner in (left, right) or unicodedata.category(right)[0] == "M"


def _cap_items(items: list[object], text: str, max_chars: int) -> str:
    """The first of ``items``, as many as fit, and a note on the rest.

    ``text`` is what all of them come to; if not even one fits, it is cut as it is.
    """
    kept: list[str] = []
    size = len("[]")
    for item in items:
        part = clean(json.dumps(item, ensure_ascii=False))
        size += len(part) + len(", " if kept else "")
        if size > max_chars:
            break
        kept.append(part)
    if not kept:
        return cap(text, max_chars)
    left = f"[{', '.join(kept)}]"
    note = (
        f"[cut: the first {len(kept):,} of {len(items):,} items, "
        f"{len(left):,} of {len(text):,} characters]"
    )
    return f"{left}\n{note}"
