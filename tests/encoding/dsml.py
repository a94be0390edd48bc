"""The call format, written down a second time for the grammar's tests.

A writer that puts calls together from strings, a reader made of regular expressions
over token ids, and a sampler of JSON schemas with values that fit them. None of it
shares code with ``dsagent.encoding``, so that agreement means something.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.encoding.support import v4

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MARK = "｜DSML｜"


tokenizer = v4


# --- writing -----------------------------------------------------------------------


def parameter(name: str, value: str, *, string: bool = True) -> str:
    flag = "true" if string else "false"
    return f'<{MARK}parameter name="{name}" string="{flag}">{value}</{MARK}parameter>\n'


def invoke(name: str, *parameters: str) -> str:
    return f'<{MARK}invoke name="{name}">\n{"".join(parameters)}</{MARK}invoke>\n'


def block(*invokes: str) -> str:
    return f"\n\n<{MARK}tool_calls>\n{''.join(invokes)}</{MARK}tool_calls>"


def arguments_as_parameters(arguments: dict[str, Any]) -> list[str]:
    return [
        parameter(key, value)
        if isinstance(value, str)
        else parameter(key, json.dumps(value, ensure_ascii=False), string=False)
        for key, value in arguments.items()
    ]


def ids_of(text: str, *, end: bool = True) -> list[int]:
    """The ids a model would write: markers by id, the rest as plain text."""
    table = tokenizer()
    markers = {MARK: table.dsml, "</think>": table.end_think, "<think>": table.think}
    ids: list[int] = []
    for part in re.split(f"({'|'.join(map(re.escape, markers))})", text):
        ids += [markers[part]] if part in markers else table.encode_text(part)
    return [*ids, table.eos] if end else ids


# --- reading -----------------------------------------------------------------------

_D, _T, _E, _X = "\ue000", "\ue001", "\ue002", "\ue003"
_VALUE = f"((?:(?!</{_D}).)*)</{_D}parameter>\n"
_PARAMETER = f'<{_D}parameter name="([^"]*)" string="(true|false)">{_VALUE}'
_INVOKE = f'<{_D}invoke name="([^"]*)">\n((?:<{_D}parameter .*?)*?|\n)</{_D}invoke>\n'
_BLOCK = f"<{_D}tool_calls>\n((?:{_INVOKE})+)</{_D}tool_calls>"


class Malformed(Exception):
    """The ids are no turn."""


@dataclass(frozen=True)
class Turn:
    thinking: str | None
    text: str
    calls: list[tuple[str, dict[str, Any]]]


def read(ids: Sequence[int], *, thinking: bool) -> Turn:
    """Read a finished turn; markers count only as tokens, never as letters."""
    text = _as_text(ids)
    whole = re.fullmatch(f"([^{_X}]*){_E}", text, re.DOTALL)
    if not whole:
        raise Malformed(
            f"no end, or a control token that is none of a turn's: {text!r}"
        )
    text, thought = whole[1], None
    if thinking:
        thought, found, text = text.partition(_T)
        if not found or _D in thought:
            raise Malformed(f"thinking does not end well: {thought!r}")
    if _T in text or _E in text:
        raise Malformed(f"a second end in {text!r}")
    if _D not in text:
        return Turn(thought, text, [])
    found_block = re.fullmatch(f"([^{_D}]*?){_BLOCK}", text, re.DOTALL)
    if not found_block:
        raise Malformed(f"no well-formed block: {text!r}")
    invokes = re.findall(_INVOKE, found_block[2], re.DOTALL)
    return Turn(
        thought, found_block[1], [(name, _read(body)) for name, body in invokes]
    )


def _as_text(ids: Iterable[int]) -> str:
    table = tokenizer()
    stand_ins = {table.dsml: _D, table.end_think: _T, table.eos: _E}
    parts: list[bytes] = []
    for token in ids:
        if token in table.control_ids:
            parts.append(stand_ins.get(token, _X).encode())
        else:
            parts.append(table.token_bytes(token))
    return b"".join(parts).decode("utf-8")


def _read(body: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    rest = re.sub(_PARAMETER, "", body, flags=re.DOTALL)
    if rest.strip("\n") or len(rest) > 1:
        raise Malformed(f"between parameters: {rest!r}")
    for name, flag, value in re.findall(_PARAMETER, body, re.DOTALL):
        if name in arguments:
            raise Malformed(f"{name!r} twice")
        arguments[name] = value if flag == "true" else json.loads(value)
    return arguments


# --- sampling ----------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_KEY = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"'), max_size=6
)


@st.composite
def schemas(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """A schema of the kinds that tools use, all of which a grammar can hold."""
    kinds = [
        "string",
        "integer",
        "number",
        "boolean",
        "null",
        "enum",
        "bounded",
        "mixed",
    ]
    if depth:
        kinds += ["array", "object", "union"]
    kind = draw(st.sampled_from(kinds))
    if kind == "enum":
        values = st.lists(_TEXT | st.integers(-9, 9), min_size=1, unique_by=repr)
        return {"enum": draw(values)}
    if kind == "bounded":
        least = draw(st.integers(0, 3))
        return {"type": "string", "minLength": least, "maxLength": least + 3}
    if kind == "mixed":
        return {"type": draw(st.permutations(["string", "null", "integer"]))}
    if kind == "array":
        return {"type": "array", "items": draw(schemas(depth - 1)), "maxItems": 3}
    if kind == "object":
        return draw(objects(depth - 1))
    if kind == "union":
        return {"anyOf": [draw(schemas(depth - 1)), draw(schemas(depth - 1))]}
    return {"type": kind}


@st.composite
def objects(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """An object schema with some keys required, in any mixture."""
    keys = draw(st.lists(_KEY, max_size=4, unique=True))
    return {
        "type": "object",
        "properties": {key: draw(schemas(depth)) for key in keys},
        "required": [key for key in keys if draw(st.booleans())],
        "additionalProperties": False,
    }


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit ``schema``, object keys in its order."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of(*map(values, schema["anyOf"]))
    if isinstance(schema["type"], list):
        return st.one_of(*(values({"type": kind}) for kind in schema["type"]))
    match schema["type"]:
        case "string":
            least, most = schema.get("minLength", 0), schema.get("maxLength", 20)
            characters = st.characters(exclude_categories=["Cs"])
            return st.text(characters, min_size=least, max_size=most)
        case "integer":
            return st.integers(-(10**12), 10**12)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
        case "array":
            return st.lists(values(schema["items"]), max_size=schema["maxItems"])
    return _objects_of(schema)


@st.composite
def _objects_of(draw: st.DrawFn, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        key: draw(values(sub))
        for key, sub in schema["properties"].items()
        if key in schema["required"] or draw(st.booleans())
    }
