"""Formats and regexes of strings, as those read them who validate the strings.

A grammar that reads ``pattern`` or ``format`` more narrowly than the validator refuses
values that are right, and where no right one is left, there is no way to answer. What
must stay true: what pydantic (Rust's regexes), jsonschema (Python's) or a reader of
ECMA-262 accepts is accepted here, and what all of them refuse is refused as far as that
is possible.
"""

from __future__ import annotations

import re
from typing import Final

_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]+)?)?"
_ZONE: Final = r"(?:[Zz]|[+\-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?"
_DATE: Final = (
    r"[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))"
)
_BYTE: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = rf"{_BYTE}(?:\.{_BYTE}){{3}}"
_HEX: Final = "[0-9a-fA-F]{1,4}"
_LAST: Final = f"(?:{_HEX}:{_HEX}|{_IPV4})"
"""The last 32 bits of an IPv6 address."""


def _ipv6() -> str:
    """RFC 3986's ``IPv6address``: eight groups, or fewer around one ``::``."""
    options = [f"(?:{_HEX}:){{6}}{_LAST}"]
    for before in range(8):
        left = f"(?:(?:{_HEX}:){{0,{before - 1}}}{_HEX})?" if before else ""
        after = 5 - before
        right = {-1: _HEX, -2: ""}.get(after, f"(?:{_HEX}:){{{max(after, 0)}}}{_LAST}")
        options.append(f"{left}::{right}")
    return f"(?:{'|'.join(options)})"


def _counts(units: str) -> str:
    """One or more counts of ``units``, in their order."""
    one = r"[0-9]+(?:[.,][0-9]+)?"
    options = (
        f"{one}{first}" + "".join(f"(?:{one}{unit})?" for unit in units[at + 1 :])
        for at, first in enumerate(units)
    )
    return f"(?:{'|'.join(options)})"


FORMATS: Final = {
    "date": _DATE,
    "time": _TIME + _ZONE,
    "date-time": f"{_DATE}[Tt ]{_TIME}{_ZONE}",
    "duration": (
        rf"[+\-]?P(?:{_counts('YMWD')}(?:T{_counts('HMS')})?|T{_counts('HMS')})"
    ),
    "uuid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "email": r"[^\x00-\x20@<>\x22]+@[^\x00-\x20@<>\x22.]+(?:\.[^\x00-\x20@<>\x22.]+)*",
    "uri": r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\x22\x7f]*",
    "ipv4": _IPV4,
    "ipv6": _ipv6(),
}
"""Regexes of whole strings. Wider than the standards where writers differ (a time
without zone or seconds, a letter beyond ASCII in an address), so that the grammar never
forces a value that the schema's author did not mean."""

_WIDEST: Final = {
    "w": r"\p{Alphabetic}\p{M}\x{200c}\x{200d}\p{N}\p{Pc}",
    "d": r"\p{Nd}",
    "s": r"\s\x{1c}-\x{1f}\x{feff}",
}
"""What a class of characters holds for one reader or another. ECMA-262 knows letters
and digits of ASCII only, Rust those of Unicode, Python more numbers and fewer marks."""
_NARROWEST: Final = {"w": "0-9A-Z_a-z", "d": "0-9", "s": r"\s"}
"""What a class of characters holds for all of them."""

_PLAIN: Final = {
    **{rf"\{name}": f"[{held}]" for name, held in _WIDEST.items()},
    **{rf"\{name.upper()}": f"[^{held}]" for name, held in _NARROWEST.items()},
}
_AMONG: Final = {**_PLAIN, **{rf"\{name}": held for name, held in _WIDEST.items()}}
_EXCLUDED: Final = {
    **{rf"\{name}": held for name, held in _NARROWEST.items()},
    **{rf"\{name.upper()}": f"[^{held}]" for name, held in _WIDEST.items()},
}
"""In a class that is itself negated, the fewer are named the more it holds."""

UNIT: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|.", re.DOTALL)
"""One unit of a regex, as far as anchors, alternatives and classes care: an escape, a
character class, or a character."""


def widened(pattern: str) -> str:
    r"""``pattern`` with its ``\w``, ``\d``, ``\s`` and their opposites written out, so
    that it holds whatever any reader takes it to hold."""
    return UNIT.sub(lambda unit: _widened(unit[0]), pattern)


def _widened(unit: str) -> str:
    if not unit.startswith("["):
        return _PLAIN.get(unit, unit)
    table = _EXCLUDED if unit.startswith("[^") else _AMONG
    return re.sub(r"\\.", lambda escape: table.get(escape[0], escape[0]), unit)
