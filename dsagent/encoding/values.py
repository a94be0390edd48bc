"""How the value of one call parameter is written, from its JSON schema.

The call format has two spellings of a value: ``string="true"`` with the characters as
they are, nothing quoted and nothing escaped, up to the closing tag; and
``string="false"`` with JSON. A schema decides which of the two a value may use, and
a union with a string in it may use both. So a schema is taken apart into the strings
it allows (any, particular ones, or constrained ones) and a schema of everything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from dsagent.encoding.expressible import (
    LEFT_OUT,
    OTHER_THAN_STRING,
    Splitter,
    refusal,
    spelled,
    words,
)
from dsagent.encoding.patterns import FORMATS, UNIT, widened

ANY_TEXT: Final = "RAW"
"""The terminal of a string without constraints, defined once in every grammar."""

_STRING: Final = ("minLength", "maxLength", "pattern", "format")
_MEANING: Final = LEFT_OUT | words(
    "type enum const anyOf oneOf allOf $ref minLength maxLength pattern format "
    "properties patternProperties additionalProperties required minProperties "
    "maxProperties items prefixItems additionalItems minItems maxItems minimum "
    "maximum exclusiveMinimum exclusiveMaximum multipleOf"
)
"""The keywords that constrain; all others only describe."""
_MAX_DEPTH: Final = 32
"""References and unions followed before a schema counts as circular."""


@dataclass(slots=True)
class _Parts:
    """What a schema allows, taken apart."""

    literals: dict[str, None] = field(default_factory=dict)
    strings: list[Mapping[str, object]] = field(default_factory=list)
    others: list[object] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Value:
    """The two ways to write a value; at least one of them is there."""

    text: str | None
    """Lark terminal expression of the raw characters with the ``</`` after them.
    ``ANY_TEXT`` when there is nothing special about them."""
    json: str | None
    """Lark expression of the JSON form."""


def value_grammar(schema: object, path: str, splitter: Splitter) -> Value | None:
    """The grammar of a parameter with this schema; None if no value fits it.

    Args:
        schema: The parameter's schema, a part of the splitter's document.
        path: Where it stands, for notes.
        splitter: Collects the notes.
    """
    parts = _Parts()
    _take_apart(schema, path, splitter, parts, 0)
    text = _text(parts, path, splitter)
    other = None
    if parts.others:
        one = parts.others[0] if len(parts.others) == 1 else {"anyOf": parts.others}
        other = splitter.json_grammar(one, path)
    return Value(text, other) if text or other else None


def _take_apart(
    schema: object, path: str, splitter: Splitter, parts: _Parts, depth: int
) -> None:
    if schema is False:
        return
    if not isinstance(schema, Mapping):
        schema = {}
    schema = {k: v for k, v in schema.items() if k in _MEANING}
    if depth > _MAX_DEPTH:
        splitter.note(path, "$ref", "it refers to itself without end")
        schema = {}
    for keyword in ("$ref", "allOf"):
        if keyword in schema:
            whole = _flattened(schema, keyword, path, splitter)
            _take_apart(whole, path, splitter, parts, depth + 1)
            return
    for keyword in ("anyOf", "oneOf"):
        branches = schema.get(keyword)
        if isinstance(branches, list):
            rest = {k: v for k, v in schema.items() if k != keyword}
            for branch in branches:
                whole = _merged([rest, branch], keyword, path, splitter)
                _take_apart(whole, path, splitter, parts, depth + 1)
            if keyword == "oneOf":
                _note_overlap(parts, path, splitter)
            return
    for keyword in LEFT_OUT & schema.keys():
        splitter.leave_out(path, keyword, schema[keyword])
    _by_type(schema, parts)


def _flattened(
    schema: Mapping[str, object], keyword: str, path: str, splitter: Splitter
) -> object:
    """``schema`` with its ``$ref`` or ``allOf`` written out in place."""
    rest = {k: v for k, v in schema.items() if k != keyword}
    value = schema[keyword]
    if keyword == "allOf":
        parts = value if isinstance(value, list) else []
        return _merged([rest, *parts], keyword, path, splitter)
    try:
        target = splitter.resolve(str(value))
    except LookupError as error:
        splitter.note(path, "$ref", str(error))
        target = {}
    return _merged([rest, target], keyword, path, splitter)


def _merged(
    schemas: Iterable[object], keyword: str, path: str, splitter: Splitter
) -> object:
    """One schema that says what all of ``schemas`` say, as far as that is possible."""
    merged: dict[str, object] = {}
    for schema in schemas:
        if schema is False:
            return False
        for key, value in schema.items() if isinstance(schema, Mapping) else ():
            if key not in _MEANING or merged.get(key, value) == value:
                merged.setdefault(key, value)
            elif key == "type" and (both := _common_types(merged[key], value)):
                merged[key] = both
            elif key == "type":
                return False
            elif key == "required" or (key == "properties" and _apart(merged, value)):
                merged[key] = _both(merged[key], value)
            else:
                splitter.note(path, keyword, f"its parts disagree about `{key}`")
    return merged


def _apart(merged: Mapping[str, object], properties: object) -> bool:
    """Whether no property is described both in ``merged`` and in ``properties``."""
    known = merged["properties"]
    return (
        isinstance(known, Mapping)
        and isinstance(properties, Mapping)
        and not known.keys() & properties.keys()
    )


def _both(one: object, other: object) -> object:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return {**one, **other}
    return list(dict.fromkeys([*_listed(one), *_listed(other)]))


def _common_types(one: object, other: object) -> list[str]:
    ones, others = _types(one), _types(other)
    if "number" in ones and "integer" in others:
        ones = [*ones, "integer"]
    if "number" in others and "integer" in ones:
        others = [*others, "integer"]
    return [name for name in ones if name in others]


def _types(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(v) for v in _listed(value)]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _note_overlap(parts: _Parts, path: str, splitter: Splitter) -> None:
    """JSON branches of a ``oneOf`` become an ``anyOf``: say so where it matters."""
    if len(parts.others) > 1:
        splitter.note_overlap(parts.others, path)


def _by_type(schema: Mapping[str, object], parts: _Parts) -> None:
    """Take apart a schema without references and unions."""
    types = _types(schema["type"]) if "type" in schema else None
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else _listed(schema["enum"])
        strings = [value for value in values if isinstance(value, str)]
        others = [value for value in values if not isinstance(value, str)]
        if types is None or "string" in types:
            parts.literals.update(dict.fromkeys(strings))
        if others and types != ["string"]:
            parts.others.append({"enum": others})
        return
    if types is None or "string" in types:
        parts.strings.append({k: v for k, v in schema.items() if k in _STRING})
    names = OTHER_THAN_STRING if types is None else [t for t in types if t != "string"]
    if names:
        rest = {k: v for k, v in schema.items() if k not in _STRING}
        parts.others.append({**rest, "type": names[0] if len(names) == 1 else names})


# --- strings -----------------------------------------------------------------------


def _text(parts: _Parts, path: str, splitter: Splitter) -> str | None:
    """The terminal of all strings in ``parts``. It ends in the ``</`` of the closing
    tag, so that a value may itself hold ``<`` without the lexer having to guess."""
    options = [lark_string(literal) for literal in parts.literals]
    for constraints in parts.strings:
        option = _constrained(constraints, path, splitter)
        if option is None:
            return ANY_TEXT
        options.append(option)
    return f'({" | ".join(options)}) "</"' if options else None


def _constrained(
    constraints: Mapping[str, object], path: str, splitter: Splitter
) -> str | None:
    """A terminal expression for the strings of these constraints; None for any."""
    kept = dict(constraints)
    needed = [_length(kept)] if "minLength" in kept or "maxLength" in kept else []
    if "pattern" in kept:
        pattern = _searched(str(kept["pattern"]))
        reason = refusal(f"start: T\nT: {pattern}") if pattern else "anchors inside it"
        if pattern and not reason:
            needed.append(pattern)
        else:
            splitter.note(path, "pattern", reason)
            del kept["pattern"]
    if "format" in kept:
        regex = FORMATS.get(str(kept["format"]))
        if regex is None:
            splitter.note(path, "format", f"no rule for {kept['format']!r}")
            del kept["format"]
        else:
            needed.append(_regex(regex))
    if not needed:
        return None
    whole = f"({' & '.join(needed)})"
    if reason := refusal(f"start: T\nT: {whole}") or _contradiction(kept):
        splitter.note(path, "", reason)
        return None
    return whole


def _length(constraints: Mapping[str, object]) -> str:
    least, most = constraints.get("minLength", 0), constraints.get("maxLength", "")
    return _regex(f"(?s:.{{{least},{most}}})")


def _contradiction(constraints: Mapping[str, object]) -> str:
    """Why no string satisfies all of ``constraints``; empty if one does. A terminal
    that matches nothing is no error for the grammar engine, but the end of a turn."""
    schema = json.dumps(spelled({"type": "string", **constraints}))
    return refusal(f"start: %json {schema}")


def _searched(pattern: str) -> str | None:
    """A regex of whole strings in which ``pattern`` can be found, which is what JSON
    Schema means by it; None if it has anchors that can't be moved to the ends."""
    options = []
    for option in _alternatives(pattern):
        start = "" if option.startswith("^") else "(?s:.*)"
        option = option.removeprefix("^")
        ends = option.endswith("$") and not _escaped(option, len(option) - 1)
        option = option[:-1] if ends else option
        if _has_anchor(option):
            return None
        options.append(f"{start}(?:{widened(option)}){'' if ends else '(?s:.*)'}")
    return _regex("|".join(options))


def _alternatives(pattern: str) -> list[str]:
    """``pattern`` split at its outermost ``|``."""
    parts, depth = [""], 0
    for unit in UNIT.findall(pattern):
        depth += (unit == "(") - (unit == ")")
        if unit == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += unit
    return parts


def _has_anchor(pattern: str) -> bool:
    return any(unit in ("^", "$") for unit in UNIT.findall(pattern))


def _escaped(text: str, index: int) -> bool:
    before = text[:index]
    return (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _regex(pattern: str) -> str:
    """``pattern`` as a Lark regex literal, in which no slash may be bare."""
    units = re.findall(r"\\.|.", pattern, re.DOTALL)
    escaped = [r"\/" if unit == "/" else unit for unit in units]
    return f"/{''.join(escaped)}/"


def lark_string(text: str) -> str:
    """``text`` as a Lark string literal."""
    return json.dumps(text, ensure_ascii=True)
