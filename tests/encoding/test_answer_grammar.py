"""The grammar of an answer that is a value, against jsonschema and another engine."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AnyUrl, BaseModel, Field, NaiveDatetime, TypeAdapter

from dsagent.encoding.grammar import ToolSpec, turn_grammar
from dsagent.engine.constraint import GrammarBackend
from dsagent.output import output_of
from tests.encoding import dsml
from tests.encoding.dsml import block, ids_of, invoke, parameter, tokenizer

if TYPE_CHECKING:
    from dsagent.encoding.expressible import GrammarNote

WEATHER = ToolSpec(
    "weather", {"properties": {"city": {"type": "string"}}, "required": ["city"]}
)
CALL = block(invoke("weather", parameter("city", "Oslo")))
_SLOW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


class Item(BaseModel):
    name: Annotated[str, Field(max_length=12)]
    price: Annotated[float, Field(ge=0)]
    kind: Literal["tea", "cup"] | None = None


class Order(BaseModel):
    number: Annotated[str, Field(pattern="^[A-Z][0-9]+$")]
    items: Annotated[list[Item], Field(max_length=2)]


class Tree(BaseModel):
    name: str
    below: list[Tree] = []


@functools.cache
def backend() -> GrammarBackend:
    return GrammarBackend(tokenizer())


def schema_of(output: object) -> dict[str, Any]:
    return dict(output_of(output).schema or {})


def accepts(text: str, schema: dict[str, Any], **options: Any) -> bool:
    """Whether a turn without thinking may be ``text``, token by token."""
    options = {"thinking": False, "dsml_id": tokenizer().dsml, **options}
    grammar = turn_grammar(output_schema=schema, **options)
    ids = ids_of(text)
    return backend().constraint(grammar.source).accept(ids) == len(ids)


def notes_of(schema: dict[str, Any]) -> tuple[GrammarNote, ...]:
    """What the grammar of an answer leaves to validation."""
    return turn_grammar(
        output_schema=schema, thinking=False, dsml_id=tokenizer().dsml
    ).notes


FITTING = [
    '{"number": "A7", "items": []}',
    '{"number":"B12","items":[{"name":"tea","price":2.50}]}',
    '{"number": "A7", "items": [{"name": "a \\"b\\" {", "price": 0, "kind": "cup"}]}',
    '{"number": "A7", "items": [{"name": "é", "price": 1000.5, "kind": null}]}',
    '{\n  "number": "A7",\n  "items": [\n    {"name": "", "price": 3}\n  ]\n}',
]
MISSING = {
    "prose": "The number is A7.",
    "prose after": '{"number": "A7", "items": []} Done.',
    "fence": '```json\n{"number": "A7", "items": []}\n```',
    "pattern": '{"number": "7", "items": []}',
    "missing key": '{"number": "A7"}',
    "unknown key": '{"number": "A7", "items": [], "note": "x"}',
    "wrong order": '{"items": [], "number": "A7"}',
    "negative": '{"number": "A7", "items": [{"name": "a", "price": -1}]}',
    "choice": '{"number": "A7", "items": [{"name": "a", "price": 1, "kind": "pot"}]}',
    "long": '{"number": "A7", "items": [{"name": "abcdefghijklm", "price": 1}]}',
    "number as text": '{"number": "A7", "items": [{"name": "a", "price": "1"}]}',
    "cut off": '{"number": "A7", "items": [',
    "empty": "",
}
UNORDERED = {"wrong order"}
"""Texts that are fine by JSON Schema, which knows no order of keys."""
CLOSED = {"unknown key"}
"""Texts with keys that the schema doesn't forbid and the grammar doesn't offer."""


@pytest.mark.parametrize("tools", [(), (WEATHER,)], ids=["alone", "beside tools"])
@pytest.mark.parametrize("text", FITTING)
def test_what_fits_can_be_written(text: str, tools: tuple[ToolSpec, ...]) -> None:
    Order.model_validate_json(text)
    assert accepts(text, schema_of(Order), tools=tools)
    assert accepts(f"hm</think>{text}", schema_of(Order), tools=tools, thinking=True)


@pytest.mark.parametrize("tools", [(), (WEATHER,)], ids=["alone", "beside tools"])
@pytest.mark.parametrize("name", MISSING)
def test_what_does_not_fit_can_not(name: str, tools: tuple[ToolSpec, ...]) -> None:
    text, schema = MISSING[name], schema_of(Order)
    assert not accepts(text, schema, tools=tools)
    assert not accepts(f"hm</think>{text}", schema, tools=tools, thinking=True)
    assert _fits(text, schema) == (name in UNORDERED | CLOSED)


def test_an_answer_is_no_call_and_a_call_no_answer() -> None:
    schema = schema_of(Order)
    for thinking in ("", "hm</think>"):
        options = {"tools": (WEATHER,), "thinking": bool(thinking)}
        assert accepts(thinking + CALL, schema, **options)
        assert not accepts(thinking + FITTING[0] + CALL, schema, **options)
        assert not accepts(thinking + CALL + FITTING[0], schema, **options)
        assert not accepts(thinking + CALL, schema, **options, tool_choice="none")
        assert not accepts(
            thinking + FITTING[0], schema, **options, tool_choice="weather"
        )


def test_thinking_is_no_answer() -> None:
    schema = schema_of(Order)
    text = f"{FITTING[0]} or\n{FITTING[1]}?"
    assert accepts(f"{text}</think>{FITTING[0]}", schema, thinking=True)
    assert not accepts(f"{FITTING[0]}", schema, thinking=True)
    assert not accepts(f"x</think>y</think>{FITTING[0]}", schema, thinking=True)


def test_types_that_refer_to_themselves() -> None:
    schema = schema_of(Tree)
    assert accepts('{"name": "a", "below": [{"name": "b", "below": []}]}', schema)
    assert not accepts('{"name": "a", "below": [{"below": []}]}', schema)


@pytest.mark.parametrize(
    ("output", "good", "bad"),
    [
        (int, "-42", "4.5"),
        (Literal["yes", "no"], '"yes"', "yes"),
        (list[int], "[1, 2]", '[1, "2"]'),
        (int | str, '"x"', "true"),
        (bool | None, "null", "nil"),
        (tuple[int, str], '[1, "a"]', '["a", 1]'),
        (dict[str, int], '{"any": 1}', '{"any": "1"}'),
        (Order | Tree, '{"name": "a"}', '{"number": "A7"}'),
    ],
    ids=str,
)
def test_types_of_all_kinds(output: object, good: str, bad: str) -> None:
    assert accepts(good, schema_of(output))
    assert not accepts(bad, schema_of(output))


@pytest.mark.parametrize(
    ("output", "values"),
    [
        (NaiveDatetime, ["2024-05-01T09:40", "2024-05-01T09:40:00.5"]),
        (
            datetime.datetime,
            ["2024-05-01T09:40:00", "2024-05-01 09:40Z", "2024-05-01T09:40+0200"],
        ),
        (datetime.time, ["09:40", "09:40:00", "23:59:59.123+02:00"]),
        (datetime.date, ["2024-02-29", "2024-12-31"]),
        (datetime.timedelta, ["PT5M", "-PT5.5S", "P1Y35DT3H", "P2W", "PT0S"]),
        (ipaddress.IPv4Address, ["10.0.255.1"]),
        (
            ipaddress.IPv6Address,
            ["::", "::1", "1::8", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "2001:DB8::1"],
        ),
        (AnyUrl, ["https://müller.example/straße?q=ä", "urn:x:y"]),
    ],
    ids=str,
)
def test_formats_hold_every_spelling_the_type_takes(
    output: object, values: list[str]
) -> None:
    schema = schema_of(output)
    assert notes_of(schema) == ()
    for value in values:
        text = json.dumps(value, ensure_ascii=False)
        output_of(output).validate(text)
        assert accepts(text, schema), value
    for text in ('"soon"', '""', '"P"', '"24:00"', '"2024-02-30"', '"1::2::3"'):
        assert not accepts(text, schema), text


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        (r"^\w+$", ["Müller", "a_1", "東京", "e\u0301", "²"], ["a b", "", "-"]),
        (r"^[\w.-]+$", ["Jean-Müller", "a.b"], ["a b", "ü!"]),
        (r"^[^\W\d_]+$", ["Müller"], ["a b", "!"]),
        (r"^\d\d$", ["12", "٣٤"], ["1", "ab"]),
        (r"^[+\d]+$", ["+12", "٣"], ["1a"]),
        (r"^\W$", ["-", " "], ["a", "7"]),
        (r"^[^\d]$", ["a", "ü"], ["7"]),
        (r"^a\sb$", ["a b", "a\u00a0b", "a\u3000b"], ["ab", "a-b"]),
        (r"^\\w$", ["\\w"], ["a"]),
    ],
)
def test_patterns_hold_letters_of_every_language(
    pattern: str, good: list[str], bad: list[str]
) -> None:
    """As pydantic and jsonschema read a pattern: both know more than ASCII."""
    schema = {"type": "string", "pattern": pattern}
    assert notes_of(schema) == ()
    for value in good:
        text = json.dumps(value, ensure_ascii=False)
        assert _fits(text, schema) or _typed_fits(value, pattern), value
        assert accepts(text, schema), value
    for value in bad:
        text = json.dumps(value, ensure_ascii=False)
        assert not _fits(text, schema), value
        assert not accepts(text, schema), value


def _typed_fits(value: str, pattern: str) -> bool:
    try:
        TypeAdapter(Annotated[str, Field(pattern=pattern)]).validate_python(value)
    except ValueError:
        return False
    return True


def test_keys_hold_letters_of_every_language() -> None:
    schema = {
        "type": "object",
        "patternProperties": {r"^\w+$": {"type": "string", "format": "time"}},
        "additionalProperties": False,
    }
    assert accepts('{"Müller": "09:40"}', schema)
    assert not accepts('{"Müller": "early"}', schema)
    assert not accepts('{"a b": "09:40"}', schema)


def test_a_format_and_a_pattern_both_hold() -> None:
    schema = {"type": "string", "format": "date-time", "pattern": "^2024"}
    assert accepts('"2024-05-01T09:40"', schema)
    assert not accepts('"2023-05-01T09:40"', schema)
    assert not accepts('"2024"', schema)


def test_values_that_look_like_a_schema_are_left_as_they_are() -> None:
    value = {"pattern": "\\w", "format": "time"}
    assert accepts(json.dumps(value), {"const": value})


def test_a_format_that_can_not_be_held_is_noted_by_its_name() -> None:
    schema = {"type": "string", "format": "time", "maxLength": 2}
    (note,) = notes_of(schema)
    assert (note.path, note.keyword) == ("$", "format")


@pytest.mark.parametrize("ref", ["#n", "#N/x", "#%6e"])
def test_a_reference_by_name_is_noted_and_holds_nothing(ref: str) -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"$ref": ref}},
        "required": ["a"],
        "$defs": {"N": {"$anchor": "n", "type": "integer"}},
    }
    (note,) = notes_of(schema)
    assert (note.path, note.keyword) == ("$.properties.a", "$ref")
    assert accepts('{"a": 3}', schema)
    whole = {"$ref": ref, "$defs": schema["$defs"]}
    assert accepts("3", whole)


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A schema, and the text of a value that fits it."""
    schema = draw(dsml.schemas())
    text = json.dumps(draw(dsml.values(schema)), ensure_ascii=False)
    return schema, text


@given(case=answers(), thinking=st.booleans())
@_SLOW
def test_every_value_of_a_schema_can_be_written(
    case: tuple[dict[str, Any], str], thinking: bool
) -> None:
    schema, text = case
    assert _fits(text, schema)
    before = "hm</think>" if thinking else ""
    assert accepts(before + text, schema, tools=(WEATHER,), thinking=thinking)


@given(case=answers(), data=st.data())
@_SLOW
def test_what_is_damaged_fits_or_can_not_be_written(
    case: tuple[dict[str, Any], str], data: st.DataObject
) -> None:
    schema, text = case
    at = data.draw(st.integers(0, len(text)))
    other = data.draw(st.sampled_from(['"', "{", "}", "]", ",", ":", "1", "a", ""]))
    damaged = text[:at] + other + text[at + data.draw(st.integers(0, 2)) :]
    assert accepts(damaged, schema) <= _fits(damaged, schema)


def _fits(text: str, schema: dict[str, Any]) -> bool:
    try:
        jsonschema.validate(json.loads(text), schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


class Plain(BaseModel):
    """What both engines read alike: xgrammar knows no escapes in a string of limited
    length, and takes a minute for one."""

    number: Annotated[str, Field(pattern="^[A-Z][0-9]+$")]
    items: list[PlainItem]


class PlainItem(BaseModel):
    name: str
    price: float
    kind: Literal["tea", "cup"] | None = None


@functools.cache
def oracle() -> Any:
    """xgrammar's grammar of the same answer."""
    xgrammar = pytest.importorskip("xgrammar")
    table = tokenizer()
    info = xgrammar.TokenizerInfo(
        [table.token_bytes(token) for token in range(table.vocab_size)],
        vocab_type=xgrammar.VocabType.RAW,
        vocab_size=table.vocab_size,
        stop_token_ids=[table.eos],
    )
    compiler = xgrammar.GrammarCompiler(info)
    return compiler.compile_json_schema(json.dumps(schema_of(Plain)))


@pytest.mark.filterwarnings("ignore")
def test_xgrammar_agrees() -> None:
    xgrammar = pytest.importorskip("xgrammar")
    for text in [*FITTING, *MISSING.values()]:
        matcher = xgrammar.GrammarMatcher(oracle())
        theirs = all(matcher.accept_token(token) for token in ids_of(text))
        assert theirs == accepts(text, schema_of(Plain)), text
