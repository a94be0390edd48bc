"""The grammar of a turn, against the format written down a second time."""

from __future__ import annotations

import functools
import json
import time
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsagent.encoding.events import collect
from dsagent.encoding.grammar import Grammar, ToolSpec, turn_grammar
from dsagent.encoding.parse import Parser
from dsagent.engine.constraint import GrammarBackend, GrammarConstraint, allocate_mask
from dsagent.errors import DefinitionError
from tests.encoding import dsml
from tests.encoding.dsml import MARK, block, ids_of, invoke, parameter, tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WEATHER = ToolSpec(
    "get_weather",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "unit": {"enum": ["C", "F", "a</b"]},
        },
        "required": ["city"],
    },
)
NOW = ToolSpec("now")
TOOLS = (WEATHER, NOW)
ANSWER = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "notes": {"type": "string"}},
    "required": ["total"],
}
PARIS = invoke("get_weather", parameter("city", "Paris"))
CALL = block(PARIS)


@functools.cache
def backend() -> GrammarBackend:
    return GrammarBackend(tokenizer())


def grammar(tools: Sequence[ToolSpec] = TOOLS, **options: Any) -> Grammar:
    options = {"thinking": False, "dsml_id": tokenizer().dsml, **options}
    return turn_grammar(tools=tools, **options)


def constraint(tools: Sequence[ToolSpec] = TOOLS, **options: Any) -> GrammarConstraint:
    return backend().constraint(grammar(tools, **options).source)


def accepts(text: str, tools: Sequence[ToolSpec] = TOOLS, **options: Any) -> bool:
    """Whether ``text`` and the end of the turn are legal, token by token."""
    ids = ids_of(text)
    return constraint(tools, **options).accept(ids) == len(ids)


def one(schema: dict[str, Any], *, required: bool = True) -> tuple[ToolSpec, ...]:
    """A tool ``f`` with the one parameter ``x``."""
    needed = ["x"] if required else []
    parameters = {"type": "object", "properties": {"x": schema}, "required": needed}
    return (ToolSpec("f", parameters),)


def takes(schema: dict[str, Any], value: str, *, string: bool) -> bool:
    """Whether a parameter of this schema may be written like this."""
    return accepts(
        block(invoke("f", parameter("x", value, string=string))), one(schema)
    )


# --- the shapes of a turn ----------------------------------------------------------

GOOD = [
    "Hello.",
    "",
    "a < b and </b> <tool_calls> stay text",
    "Sure.\n\nLook: <b>" + CALL,
    CALL,
    f"odd, but a call is never lost: <{CALL.lstrip()[1:]}",
    block(invoke("get_weather", parameter("city", ""))),
    block(invoke("get_weather", parameter("city", 'a "b" <c> </d> {"e": 2>&1 <'))),
    block(invoke("get_weather", parameter("city", "x\n\n<tool_calls>\n</parameter>"))),
    block(PARIS, invoke("now"), PARIS),
    block(invoke("now")),
    block(invoke("now", "\n")),
    block(
        invoke(
            "get_weather",
            parameter("city", "x"),
            parameter("days", "3", string=False),
            parameter("unit", "F"),
        )
    ),
]

BAD = {
    "wrong tool": CALL.replace("get_weather", "get_wether"),
    "wrapper misspelt": CALL.replace("tool_calls", "toolcalls"),
    "closing wrapper misspelt": CALL.replace(f"</{MARK}tool_calls>", f"</{MARK}calls>"),
    "no wrapper": "\n\n" + PARIS,
    "no invokes": block(),
    "missing required": block(invoke("get_weather", parameter("unit", "C"))),
    "no parameters at all": block(invoke("get_weather")),
    "blank call of a tool with required": block(invoke("get_weather", "\n")),
    "wrong flag": CALL.replace('"true"', '"false"'),
    "no flag": CALL.replace(' string="true"', ""),
    "flag with a space": CALL.replace('" string', '"  string'),
    "unknown parameter": CALL.replace('"city"', '"town"'),
    "parameter of a tool without any": block(invoke("now", parameter("city", "x"))),
    "twice": block(
        invoke("get_weather", parameter("city", "x"), parameter("city", "y"))
    ),
    "wrong order": block(
        invoke("get_weather", parameter("unit", "C"), parameter("city", "x"))
    ),
    "not in the enum": block(
        invoke("get_weather", parameter("city", "x"), parameter("unit", "K"))
    ),
    "quoted enum": block(
        invoke("get_weather", parameter("city", "x"), parameter("unit", '"C"'))
    ),
    "integer with a point": block(
        invoke(
            "get_weather",
            parameter("city", "x"),
            parameter("days", "1.5", string=False),
        )
    ),
    "stray closing tag in a value": CALL.replace("Paris", f"</{MARK}x>"),
    "marker in a value": CALL.replace("Paris", f"a{MARK}b"),
    "opening tag in a value": CALL.replace("Paris", f"<{MARK}invoke"),
    "text between tags": CALL.replace(">\n<", ">\nand <"),
    "missing line break": CALL.replace(">\n</", "></"),
    "extra line break": CALL.replace(">\n</", ">\n\n</", 1),
    "unfinished": CALL[: CALL.rindex("</")],
    "text after the block": CALL + " there",
    "line break after the block": CALL + "\n",
    "second block": CALL + CALL,
    "marker alone": f"a {MARK} b",
    "end of thinking outside of it": "a </think> b",
    "start of thinking": "<think> a",
}


@pytest.mark.parametrize("text", GOOD)
def test_legal_turns(text: str) -> None:
    assert accepts(text)
    assert accepts("Let me <b> think.</think>" + text, thinking=True)


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_illegal_turns(text: str) -> None:
    assert not accepts(text)
    assert not accepts("Let me <b> think.</think>" + text, thinking=True)


def test_the_marker_must_be_special() -> None:
    """Were it not, free text would match its letters, and this test would fail to
    find what the one above refuses."""

    document = json.loads(tokenizer().content_json)
    for token in document["added_tokens"]:
        token["special"] = token["content"] != MARK

    class Stock:
        vocab_size, eos = tokenizer().vocab_size, tokenizer().eos
        content_json = json.dumps(document)

    broken = GrammarBackend(Stock()).constraint(grammar().source)
    ids = ids_of(BAD["marker alone"])
    assert broken.accept(ids) == len(ids)


def test_wrapper_cannot_be_misspelt() -> None:
    """After ``<`` and the marker, only the right wrapper can be written."""
    state = constraint()
    state.accept(ids_of("Ok.\n\n<" + MARK, end=False))
    assert tokenizer().decode(state.forced()).startswith("tool_calls>\n<" + MARK)


def test_letters_of_a_marker_are_only_letters() -> None:
    spelt = tokenizer().encode_text(f"x</{MARK}parameter>\n</think>")
    before, after = CALL.split("Paris")
    ids = [*ids_of(before, end=False), *spelt, *ids_of(after)]
    assert constraint().accept(ids) == len(ids)
    assert dsml.read(ids, thinking=False).calls == [
        ("get_weather", {"city": f"x</{MARK}parameter>\n</think>"})
    ]


def test_thinking_holds_no_calls_and_must_end() -> None:
    assert not accepts(f"think{CALL}</think>done", thinking=True)
    assert not accepts("think and stop", thinking=True)
    assert not accepts("a</think>b</think>c", thinking=True)
    assert accepts("</think>", thinking=True)


@pytest.mark.parametrize("thinking", [False, True])
def test_tool_choice(thinking: bool) -> None:
    before = "hm</think>" if thinking else ""

    def check(text: str, **options: Any) -> bool:
        return accepts(before + text, thinking=thinking, **options)

    assert check("Hi.", tool_choice="none")
    assert not check(CALL, tool_choice="none")
    assert check(CALL, tool_choice="required")
    assert not check("Hi.", tool_choice="required")
    assert not check("Hi." + CALL, tool_choice="required")
    assert not check("", tool_choice="required")
    assert check(CALL, tool_choice="get_weather")
    assert check(block(PARIS, PARIS), tool_choice="get_weather")
    assert not check(block(invoke("now")), tool_choice="get_weather")
    assert not check(block(PARIS, invoke("now")), tool_choice="get_weather")
    assert not check("Hi.", tool_choice="get_weather")


def test_one_call_a_turn() -> None:
    assert accepts(CALL, parallel=False)
    assert accepts("Hi.", parallel=False)
    assert not accepts(block(PARIS, PARIS), parallel=False)
    assert not accepts(block(PARIS, PARIS), parallel=False, tool_choice="required")


def test_without_tools_there_are_no_calls() -> None:
    assert accepts("Hi.", ())
    assert not accepts(CALL, ())


@pytest.mark.parametrize("thinking", [False, True])
def test_an_output_schema_and_tools_in_one_turn(thinking: bool) -> None:
    before = "hm</think>" if thinking else ""

    def check(text: str, **options: Any) -> bool:
        options = {"output_schema": ANSWER, "thinking": thinking, **options}
        return accepts(before + text, **options)

    assert check('{"total": 3.5}')
    assert check('{"total": 3, "notes": "<b>"}')
    assert check(CALL)
    assert not check("The total is 3.")
    assert not check("The total is 3." + CALL)
    assert not check('{"notes": "x"}')
    assert not check('{"total": 3}' + CALL)
    assert not check("")
    assert check('{"total": 3}', tools=())
    assert not check(CALL, tools=())
    assert not check(CALL, tool_choice="none")
    assert check('{"total": 3}', tool_choice="none")
    assert not check('{"total": 3}', tool_choice="required")


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "string"}, '"x"'),
        ({"type": "array", "items": {"type": "integer"}}, "[1, 2]"),
        ({"enum": ["a", "b"]}, '"b"'),
        ({"type": "integer"}, "-3"),
    ],
)
def test_answers_that_are_no_objects(schema: dict[str, Any], text: str) -> None:
    assert accepts(text, output_schema=schema)
    assert accepts(CALL, output_schema=schema)
    assert not accepts("x" + text, output_schema=schema)


def test_json_whitespace_is_bounded() -> None:
    def spaced(n: int) -> bool:
        return accepts('{"total":' + " " * n + "3}", output_schema=ANSWER)

    assert accepts('{"total":3}', output_schema=ANSWER)
    assert accepts('{\n  "total": 3,\n  "notes": ""\n}', output_schema=ANSWER)
    assert spaced(20)
    assert not spaced(21)


def allowed(state: GrammarConstraint) -> NDArray[np.bool_]:
    """Whether each id may come next, bool [V]."""
    mask = allocate_mask(1, tokenizer().vocab_size)
    state.fill_mask(mask, 0)
    bits = np.unpackbits(mask[0].view(np.uint8), bitorder="little")
    return bits[: tokenizer().vocab_size].astype(bool)


def control(state: GrammarConstraint) -> set[int]:
    """The control ids that may come next."""
    bits = allowed(state)
    return {token for token in tokenizer().control_ids if bits[token]}


def test_no_added_token_slips_through_free_text() -> None:
    """1,283 added tokens; three of them are neither special nor of the form <…> in
    the stock file, and a mask made from it allows those three in free text."""
    table, state = tokenizer(), constraint(thinking=True)
    assert control(state) == {table.end_think}
    state.accept([table.end_think])
    assert control(state) == {table.eos}
    state.accept(ids_of("a <", end=False))
    assert control(state) == {table.eos, table.dsml}
    state.accept([table.dsml])
    assert control(state) == set()


def test_after_a_block_only_the_end_is_legal() -> None:
    state = constraint()
    state.accept(ids_of(CALL, end=False))
    assert state.done
    assert np.flatnonzero(allowed(state)).tolist() == [tokenizer().eos]


def test_the_end_of_thinking_waits_for_a_whole_character() -> None:
    table, state = tokenizer(), constraint(thinking=True)
    first, *rest = table.encode_text("🫠")
    assert len(rest) == 2
    state.accept([first])
    assert state.validate([table.end_think]) == 0
    state.accept(rest)
    assert state.validate([table.end_think]) == 1


# --- values ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "raw", "json_values", "refused"),
    [
        ({"type": "string"}, ["", "null", "3", "a\nb"], [], ["null", '"a"']),
        ({"type": "integer"}, [], ["3", "-3", "0"], ["3.5", "x", '"3"', "null"]),
        ({"type": "number"}, [], ["3", "-3.5", "1e9"], ["x", "NaN"]),
        ({"type": "boolean"}, [], ["true", "false"], ["True", "1"]),
        ({"type": "null"}, [], ["null"], ["None", ""]),
        ({"type": ["string", "null"]}, ["x", "null"], ["null"], ["3", '"x"']),
        (
            {"anyOf": [{"type": "string"}, {"type": "null"}]},
            ["x"],
            ["null"],
            ["3", '"x"'],
        ),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, [], ["3", "null"], ["x"]),
        ({"enum": ["a", "ab", 3, None]}, ["a", "ab"], ["3", "null"], ["4", '"a"']),
        ({"type": "string", "enum": ["a", "b", 3]}, ["a"], [], ["3", '"a"']),
        ({"type": "integer", "enum": ["a", 3]}, [], ["3"], ["4", '"a"']),
        ({"const": "x</y"}, ["x</y"], [], ['"x</y"']),
        ({"const": 3}, [], ["3"], ["4"]),
        ({"enum": ["", "a"]}, ["", "a"], [], ['""']),
        ({"type": "array"}, [], ["[]", '[1, "a"]'], ["{}"]),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            [],
            ["[]", '["a"]'],
            ["[1]", '["a", "b"]'],
        ),
        ({"type": "object"}, [], ["{}", '{"a": [1]}'], ["[]"]),
        ({}, ["x"], ["3", "null", "[]", "{}", "true"], ['"x"']),
        (
            {"oneOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]},
            ["x"],
            ["3", "true"],
            ["3.5", "null"],
        ),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, [], ["3"], ["2"]),
        ({"allOf": [{"type": "number"}, {"type": "integer"}]}, [], ["3"], ["3.5"]),
        ({"allOf": [{"type": "integer"}, {"type": "number"}]}, [], ["3"], ["3.5"]),
        (
            {
                "type": "object",
                "required": ["a"],
                "allOf": [
                    {"properties": {"a": {"type": "integer"}}},
                    {"properties": {"b": {"type": "null"}}, "required": ["b"]},
                ],
            },
            [],
            ['{"a": 1, "b": null}'],
            ['{"a": 1}', '{"b": null}', '{"a": "x", "b": null}'],
        ),
        (
            {
                "type": "array",
                "items": {"allOf": [{"required": ["a"]}, {"properties": {"b": {}}}]},
            },
            [],
            ['[{"b": 1, "a": 2}]'],
            ['[{"b": 1}]'],
        ),
        (
            {"type": "array", "items": {"properties": {"b": {}}, "required": ["a"]}},
            [],
            ['[{"b": 1, "a": 2}]'],
            ['[{"b": 1}]'],
        ),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}, "b": {}}},
            [],
            ["{}", '{"a": 1}', '{"a": 1, "b": "x"}', '{"b": null}'],
            ['{"b": 1, "a": 1}', '{"c": 1}', '{"a": "x"}'],
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer"}},
            [],
            ['{"any": 1}'],
            ['{"any": "x"}'],
        ),
    ],
)
def test_spellings_of_a_value(
    schema: dict[str, Any],
    raw: list[str],
    json_values: list[str],
    refused: list[str],
) -> None:
    assert not grammar(one(schema)).notes
    for value in raw:
        assert takes(schema, value, string=True)
    for value in json_values:
        assert takes(schema, value, string=False)
    for value in refused:
        assert not takes(schema, value, string=False)
    if not raw:
        assert not takes(schema, "x", string=True)
    if not json_values:
        assert not takes(schema, "null", string=False)


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"minLength": 2, "maxLength": 3}, ["ab", "é😀<"], ["a", "abcd", ""]),
        ({"minLength": 1}, ["a", "a" * 60], [""]),
        ({"pattern": "^[A-Z]{3}$"}, ["ABC"], ["AB", "ABCD", "abc"]),
        ({"pattern": "[0-9]{3}"}, ["x123y", "000"], ["12a3"]),
        ({"pattern": "^a|b$"}, ["ax", "xb", "a"], ["xa", "bx"]),
        ({"pattern": r"^/x\|y/[$^]\$$"}, ["/x|y/^$"], ["/x|y/a$"]),
        ({"pattern": "^a\\$"}, ["a$", "a$b"], ["a", "ab"]),
        ({"pattern": "a\nb"}, ["xa\nby"], ["anb", "a b"]),
        ({"pattern": "^a+$", "maxLength": 2}, ["aa"], ["aaa", "b"]),
        ({"pattern": r"^\w+$"}, ["Müller", "²"], ["a b", ""]),
        ({"pattern": r"^[^\W|$]+$"}, ["Müller"], ["a|b", "$"]),
        ({"format": "date"}, ["2026-11-23"], ["2026-13-01", "2026-02-30", "tomorrow"]),
        ({"format": "date-time"}, ["2026-11-23T09:30", "2026-11-23T09:30:00Z"], ["x"]),
        ({"format": "date-time", "pattern": "0$"}, ["2026-11-23T09:30"], ["0"]),
        ({"format": "duration"}, ["PT5M", "-P1DT5.5S"], ["P", "PT", "5 minutes"]),
        ({"format": "uuid"}, ["123e4567-e89b-12d3-a456-426614174000"], ["123"]),
        ({"format": "email"}, ["a.b@c.example", "a@b"], ["a@", "a b@c.d"]),
        ({"format": "uri"}, ["https://a.example/b?c=1#d"], ["a.example"]),
        ({"format": "ipv4"}, ["10.0.255.1"], ["10.0.256.1"]),
        ({"format": "ipv6"}, ["::1", "fe80::a:1"], ["1:2", ":::", "12345::"]),
        ({"pattern": "^2026", "format": "date"}, ["2026-01-01"], ["2025-01-01"]),
    ],
)
def test_constrained_raw_strings(
    schema: dict[str, Any], good: list[str], bad: list[str]
) -> None:
    schema = {"type": "string", **schema}
    assert not grammar(one(schema)).notes
    for value in good:
        assert takes(schema, value, string=True), value
        jsonschema.validate(value, schema)
    for value in bad:
        assert not takes(schema, value, string=True), value


def test_references_count_from_the_document_s_root() -> None:
    parameters = {
        "type": "object",
        "properties": {
            "tree": {"$ref": "#/$defs/a~1b c"},
            "name": {"$ref": "#/$defs/name"},
            "same": {"$ref": "#/properties/name"},
        },
        "$defs": {
            "a/b c": {
                "type": "object",
                "properties": {
                    "kids": {"type": "array", "items": {"$ref": "#/$defs/a~1b%20c"}}
                },
            },
            "name": {"type": "string", "maxLength": 2},
        },
    }
    tools = (ToolSpec("f", parameters),)
    assert not grammar(tools).notes

    def check(key: str, value: str, *, string: bool) -> bool:
        return accepts(block(invoke("f", parameter(key, value, string=string))), tools)

    assert check("tree", '{"kids": [{"kids": []}]}', string=False)
    assert not check("tree", '{"kids": [{"kid": []}]}', string=False)
    assert check("name", "ab", string=True)
    assert check("same", "ab", string=True)
    assert not check("same", "abc", string=True)


@pytest.mark.parametrize("whole", [False, True])
def test_references_by_name_are_noted_and_hold_nothing(whole: bool) -> None:
    by_name = {"$ref": "#n"}
    parameters = {
        "type": "object",
        "properties": {
            "a": by_name,
            "b": {"type": "array", "items": by_name},
        },
        "$defs": {"N": {"$anchor": "n", "type": "integer"}},
    }
    if whole:
        parameters["$ref"] = "#n"
    tools = (ToolSpec("f", parameters),)
    paths = [note.path for note in grammar(tools).notes if note.keyword == "$ref"]
    assert paths == [
        *(["$"] if whole else []),
        "$.properties.a",
        "$.properties.b.items",
    ]
    a, b = (
        parameter(key, value, string=False) for key, value in (("a", "3"), ("b", "[3]"))
    )
    assert accepts(block(invoke("f", a, b)), tools)


def test_parameters_keep_the_order_of_the_schema() -> None:
    """Required and optional ones interleaved: p0? p1 p2? p3."""
    parameters = {
        "type": "object",
        "properties": {key: {"type": "string"} for key in "abcd"},
        "required": ["d", "b"],
    }
    tools = (ToolSpec("f", parameters),)
    for keys, legal in {
        "bd": True, "abcd": True, "abd": True, "bcd": True,
        "ab": False, "db": False, "bdc": False, "bad": False, "": False,
    }.items():  # fmt: skip
        text = block(invoke("f", *(parameter(key, "x") for key in keys)))
        assert accepts(text, tools) is legal, keys


def test_optional_parameters_only() -> None:
    tools = one({"type": "string"}, required=False)
    assert accepts(block(invoke("f")), tools)
    assert accepts(block(invoke("f", "\n")), tools)
    assert accepts(block(invoke("f", parameter("x", "y"))), tools)
    assert not accepts(block(invoke("f", "\n", parameter("x", "y"))), tools)
    assert not accepts(block(invoke("f", parameter("x", "y"), "\n")), tools)


def test_undeclared_parameters_only_where_the_schema_asks() -> None:
    def check(text: str, **more: object) -> bool:
        parameters = {"properties": {"aa": {"type": "integer"}}, **more}
        return accepts(block(invoke("f", text)), (ToolSpec("f", parameters),))

    assert not check(parameter("b", "x"))
    assert not check(parameter("b", "x"), additionalProperties=False)
    for key in ("b", "a", "aab", "é <"):
        assert check(parameter(key, "x"), additionalProperties=True)
    assert check(parameter("b", "[1]", string=False), additionalProperties=True)
    assert not check(parameter("aa", "x"), additionalProperties=True)
    assert check(parameter("aa", "3", string=False), additionalProperties=True)
    only_integers = {"additionalProperties": {"type": "integer"}}
    assert check(parameter("b", "3", string=False), **only_integers)
    assert not check(parameter("b", "x"), **only_integers)


def test_a_required_parameter_that_is_not_declared() -> None:
    tools = (ToolSpec("f", {"required": ["x"]}),)
    assert accepts(block(invoke("f", parameter("x", "y"))), tools)
    assert not accepts(block(invoke("f")), tools)


ODD = [
    "a'b",
    "a\\b",
    "a/b",
    "日本 😀",
    "<b>",
    "$x{y}",
    "a|b",
    "a b",
    "t0",
    "start",
    "\u2028",
]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_carried(name: str) -> None:
    values = [f"{name} 'q' \\n / | \n\t\x01", '"']
    parameters = {
        "properties": {name: {"enum": values}, "x": {"properties": {name: {}}}},
        "additionalProperties": {"type": "string"},
    }
    tools = (ToolSpec(name, parameters),)
    nested = json.dumps({name: 1}, ensure_ascii=False)
    for value in values:
        text = invoke(
            name, parameter(name, value), parameter("x", nested), parameter("y", "z")
        )
        nested_text = text.replace('"x" string="true"', '"x" string="false"')
        assert accepts(block(text), tools)
        assert accepts(block(nested_text), tools)
        assert not accepts(block(text.replace(name, name + "_", 1)), tools)


@pytest.mark.parametrize(
    ("tools", "options", "message"),
    [
        ((ToolSpec('a"b'),), {}, "double quote"),
        ((ToolSpec(""),), {}, "is empty"),
        ((ToolSpec("a\nb"),), {}, "line break"),
        ((ToolSpec("a\ud800"),), {}, "surrogate"),
        ((ToolSpec(f"a{MARK}"),), {}, "control token"),
        (
            (ToolSpec("f", {"properties": {'a"b': {}}}),),
            {},
            "parameter name 'a\"b' of tool `f` contains a double quote",
        ),
        (TOOLS, {"tool_choice": "nowhere"}, "offered: get_weather, now"),
        ((), {"tool_choice": "required"}, "no tools are offered"),
        ((NOW, NOW), {}, "two tools are called `now`"),
    ],
)
def test_what_the_format_cannot_carry_is_refused(
    tools: tuple[ToolSpec, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        grammar(tools, **options)


# --- what the grammar can't hold ---------------------------------------------------

S = {"type": "string"}
UNHELD = [
    ({"type": "array", "uniqueItems": True}, "", "uniqueItems", "[1, 1]"),
    ({"type": "integer", "not": {"const": 3}}, "", "not", "3"),
    ({"type": "object", "propertyNames": S}, "", "propertyNames", '{"a": 1}'),
    ({"type": "object", "dependentRequired": {}}, "", "dependentRequired", "{}"),
    ({"type": "array", "contains": S}, "", "contains", "[1]"),
    ({"type": "array", "items": {"not": {}}}, ".items", "not", "[1]"),
    (
        {"type": "object", "properties": {"a": {**S, "pattern": "(?=a)b"}}},
        ".properties.a",
        "pattern",
        '{"a": "x"}',
    ),
    (
        {"type": "object", "properties": {"a": {**S, "format": "made-up"}}},
        ".properties.a",
        "format",
        '{"a": "x"}',
    ),
    (
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        "",
        "oneOf",
        "3",
    ),
    (
        {"type": "array", "items": {"oneOf": [{"minimum": 1}, {"maximum": 5}]}},
        ".items",
        "oneOf",
        "[3]",
    ),
    ({"type": "integer", "minimum": 5, "maximum": 3}, "", "minimum", "3"),
    (
        {"type": "array", "items": {"$ref": "http://a.example/b"}},
        ".items",
        "$ref",
        "[1]",
    ),
    ({"type": "array", "items": {"$ref": "#/$defs/no"}}, ".items", "$ref", "[1]"),
    ({"type": "wrong"}, "", "", "3"),
]


@pytest.mark.parametrize(("schema", "where", "keyword", "value"), UNHELD)
def test_what_is_left_out_is_noted_and_the_rest_still_holds(
    schema: dict[str, Any], where: str, keyword: str, value: str
) -> None:
    tools = one(schema)
    (note,) = grammar(tools).notes
    assert (note.tool, note.keyword) == ("f", keyword)
    assert note.path == "$.properties.x" + where
    assert note.reason
    assert takes(schema, value, string=False)
    assert not takes(schema, "oops", string=False)


def test_what_is_left_out_of_a_definition_is_noted_where_it_stands() -> None:
    parameters = {
        "properties": {
            "x": {"type": "array", "items": {"$ref": "#/$defs/M"}},
            "y": {"$ref": "#/$defs/M"},
        },
        "$defs": {"M": {"type": "object", "properties": {"z": {"pattern": "(?=a)b"}}}},
    }
    tools = (ToolSpec("f", parameters),)
    assert [(note.path, note.keyword) for note in grammar(tools).notes] == [
        ("$.$defs.M.properties.z", "pattern"),
        ("$.properties.y.properties.z", "pattern"),
    ]
    value = parameter("x", '[{"z": "c"}]', string=False)
    assert accepts(block(invoke("f", value)), tools)


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({"pattern": "a(?!b)"}, "pattern"),
        ({"pattern": "a(^b)"}, "pattern"),
        ({"pattern": "(a)\\1"}, "pattern"),
        ({"pattern": "["}, "pattern"),
        ({"format": "made-up"}, "format"),
        ({"not": {"const": "a"}}, "not"),
        ({"minLength": 5, "maxLength": 3}, ""),
        ({"minLength": 1, "allOf": [{"minLength": 2}]}, "allOf"),
        ({"pattern": "^aaa$", "maxLength": 2}, ""),
    ],
)
def test_string_constraints_that_are_left_out(
    schema: dict[str, Any], keyword: str
) -> None:
    """Also what can't be satisfied: a grammar of it would be a dead end."""
    schema = {"type": "string", **schema}
    (note,) = grammar(one(schema)).notes
    assert (note.path, note.keyword) == ("$.properties.x", keyword)
    assert takes(schema, "anything", string=True)


def test_notes_name_the_output_schema_and_parameters() -> None:
    noted = grammar(
        (ToolSpec("f", {"properties": {}, "minProperties": 1, "anyOf": [{}]}),),
        output_schema={"type": "array", "uniqueItems": True},
    ).notes
    assert [(note.tool, note.path, note.keyword) for note in noted] == [
        ("f", "$", "anyOf"),
        ("f", "$", "minProperties"),
        (None, "$", "uniqueItems"),
    ]
    assert str(noted[0]) == (
        "tool `f`: `anyOf` at $ is left to validation: the grammar has no such rule "
        "for parameters"
    )
    assert str(noted[2]).startswith("the output schema: `uniqueItems` at $ is left")


def test_descriptions_constrain_nothing_and_are_not_noted() -> None:
    schema = {
        "type": "array",
        "title": "T",
        "description": "D",
        "default": [1],
        "examples": [[1]],
        "deprecated": True,
        "x-anything": 1,
        "uniqueItems": False,
        "$comment": "C",
        "items": {"type": "integer", "description": "D", "title": "T"},
    }
    assert grammar(one(schema)).notes == ()


def test_impossible_parameters_are_not_offered() -> None:
    nothing = {"allOf": [{"type": "string"}, {"type": "integer"}]}
    parameters = {"properties": {"a": False, "b": {"type": "string"}, "c": nothing}}
    tools = (ToolSpec("f", parameters),)
    assert accepts(block(invoke("f", parameter("b", "x"))), tools)
    assert not accepts(block(invoke("f", parameter("a", "x"))), tools)
    assert not accepts(block(invoke("f", parameter("c", "x"))), tools)
    assert not accepts(block(invoke("f", parameter("c", "3", string=False))), tools)


def test_endless_references_do_not_loop() -> None:
    parameters: dict[str, Any] = {"properties": {"a": {"$ref": "#/$defs/a"}}}
    parameters["$defs"] = {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}]}}
    tools = (ToolSpec("f", parameters),)
    assert accepts(block(invoke("f", parameter("a", "null", string=False))), tools)
    assert [note.keyword for note in grammar(tools).notes] == ["$ref"]


KEYWORDS = (
    "type properties required items anyOf oneOf allOf enum const $ref not minLength "
    "maxLength pattern format minimum additionalProperties $defs minItems prefixItems "
    "patternProperties"
)


def nonsense() -> st.SearchStrategy[Any]:
    """Anything in the place of anything."""
    words = st.sampled_from(["string", "object", "#/$defs/a", "#", "array", "("])
    leaves = st.none() | st.booleans() | st.integers(-3, 3) | words
    keywords = st.sampled_from(KEYWORDS.split())
    return st.recursive(
        leaves,
        lambda inner: (
            st.dictionaries(keywords, inner, max_size=4) | st.lists(inner, max_size=3)
        ),
        max_leaves=8,
    )


@given(schema=nonsense())
@settings(max_examples=100)
def test_no_schema_makes_a_call_impossible_to_start(schema: Any) -> None:
    """Nonsense included: a grammar comes out, and it compiles."""
    made = grammar(one(schema, required=False), output_schema={"properties": schema})
    backend().constraint(made.source)


def test_equal_requests_share_one_grammar_and_order_counts() -> None:
    assert grammar() is grammar()
    first, second = (
        grammar((ToolSpec("f", {"properties": dict.fromkeys(keys, True)}),))
        for keys in ("ab", "ba")
    )
    assert first.source != second.source


def test_many_tools_compile_in_a_moment() -> None:
    tools = [ToolSpec(f"tool_{i}", WEATHER.parameters) for i in range(40)]
    started = time.perf_counter()
    state = constraint(tools, thinking=True)
    assert time.perf_counter() - started < 2.0
    ids = ids_of("x</think>" + CALL.replace("get_weather", "tool_39"))
    assert state.accept(ids) == len(ids)


# --- properties --------------------------------------------------------------------

_NAME = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"'),
    min_size=1,
    max_size=8,
)
_SLOW = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def assert_parser_agrees(ids: list[int], *, thinking: bool) -> None:
    """The package's own parser reads a legal turn without a repair, except that text
    may run into a block."""
    turn = dsml.read(ids, thinking=thinking)
    parser = Parser(thinking=thinking, tokenizer=tokenizer())
    read = collect([*parser.feed_ids(ids), *parser.finish()])
    apart = not turn.calls or turn.text.endswith("\n\n")
    assert read.warnings == (() if apart else ("separator is not two newlines",))
    assert read.reasoning_content == (turn.thinking or "")
    before_calls = turn.text
    for _ in range(2 if turn.calls else 0):
        before_calls = before_calls.removesuffix("\n")
    assert read.content == before_calls
    calls = [(call.name, json.loads(call.arguments)) for call in read.tool_calls]
    assert calls == turn.calls


@st.composite
def cases(draw: st.DrawFn) -> tuple[ToolSpec, dict[str, Any]]:
    schema = draw(dsml.objects())
    return ToolSpec(draw(_NAME), schema), draw(dsml.values(schema))


@given(case=cases(), thinking=st.booleans())
@_SLOW
def test_every_rendered_call_is_legal(
    case: tuple[ToolSpec, dict[str, Any]], thinking: bool
) -> None:
    spec, arguments = case
    jsonschema.validate(arguments, dict(spec.parameters))
    made = grammar((spec,), thinking=thinking)
    assert made.notes == ()
    calls = invoke(spec.name, *dsml.arguments_as_parameters(arguments))
    ids = ids_of(("hm</think>" if thinking else "") + block(calls, calls))
    state = backend().constraint(made.source)
    for index, token in enumerate(ids):
        assert state.accept([token]) == 1, tokenizer().decode(ids[: index + 1])
    assert dsml.read(ids, thinking=thinking).calls == [(spec.name, arguments)] * 2
    assert_parser_agrees(ids, thinking=thinking)


@given(case=cases(), data=st.data())
@_SLOW
def test_every_damaged_call_is_refused(
    case: tuple[ToolSpec, dict[str, Any]], data: st.DataObject
) -> None:
    """Damage the ids anywhere; what stays legal must still be a legal turn."""
    spec, arguments = case
    calls = invoke(spec.name, *dsml.arguments_as_parameters(arguments))
    ids = ids_of(block(calls))
    at = data.draw(st.integers(0, len(ids) - 1))
    marks = [tokenizer().dsml, tokenizer().eos, tokenizer().end_think]
    other = data.draw(st.sampled_from([*ids, *marks, *tokenizer().encode_text('x>"1')]))
    damaged = data.draw(
        st.sampled_from(
            [
                [*ids[:at], *ids[at + 1 :]],
                [*ids[:at], other, *ids[at:]],
                [*ids[:at], other, *ids[at + 1 :]],
                [*ids[:at], *ids[at : at + 2][::-1], *ids[at + 2 :]],
            ]
        )
    )
    made = grammar((spec,), tool_choice="required")
    accepted = backend().constraint(made.source).accept(damaged)
    try:
        turn = dsml.read(damaged, thinking=False)
        legal = turn.text == "\n\n" and all(
            name == spec.name and _fits(values, spec) for name, values in turn.calls
        )
    except (dsml.Malformed, ValueError):
        legal = False
    assert (accepted == len(damaged)) <= legal


def _fits(arguments: dict[str, Any], spec: ToolSpec) -> bool:
    try:
        jsonschema.validate(arguments, dict(spec.parameters))
    except jsonschema.ValidationError:
        return False
    return True


WALKED = ToolSpec(
    "walk it",
    {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "short": {"type": "string", "minLength": 2, "maxLength": 5},
            "unit": {"enum": ["C", "Celsius", "a</b", 3, None]},
            "count": {"type": "integer", "minimum": 1, "maximum": 12},
            "flag": {"type": ["boolean", "string"]},
            "list": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"k": {"type": "number"}, "v": {"type": "string"}},
                    "required": ["v"],
                },
                "maxItems": 2,
            },
            "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
        },
        "required": ["short", "count", "code"],
    },
)


def walk(
    state: GrammarConstraint, rng: np.random.Generator, patience: int = 40
) -> list[int]:
    """Ids drawn evenly from the masks; after ``patience`` steps, whatever helps to
    come to an end is taken whenever it is legal."""
    table = tokenizer()
    closing = [table.eos, table.dsml, table.end_think]
    closing += [
        table.encode_text(text)[0] for text in ("</", "<", '"', "]", "}", ">\n")
    ]
    ids: list[int] = []
    while not ids or ids[-1] != table.eos:
        legal = allowed(state)
        helpful = [token for token in closing if legal[token]]
        if helpful and (len(ids) > patience or rng.random() < 0.15):
            token = int(rng.choice(helpful))
        else:
            token = int(rng.choice(np.flatnonzero(legal)))
        assert state.accept([token]) == 1
        ids.append(token)
        assert len(ids) < 1_000, table.decode(ids)
    return ids


@pytest.mark.parametrize(
    "options",
    [
        {"thinking": True},
        {"thinking": False},
        {"thinking": True, "tool_choice": "required", "parallel": False},
        {"thinking": False, "tool_choice": "walk it"},
        {"thinking": True, "output_schema": ANSWER},
        {"thinking": False, "output_schema": ANSWER, "tool_choice": "none"},
    ],
    ids=str,
)
def test_whatever_the_masks_allow_is_a_legal_turn(options: dict[str, Any]) -> None:
    rng = np.random.default_rng(7)
    source = grammar((WALKED, NOW), **options).source
    for _ in range(6):
        ids = walk(backend().constraint(source), rng)
        turn = dsml.read(ids, thinking=options["thinking"])
        assert_parser_agrees(ids, thinking=options["thinking"])
        for name, arguments in turn.calls:
            spec = {"walk it": WALKED, "now": NOW}[name]
            jsonschema.validate(arguments, dict(spec.parameters))
        if not turn.calls and "output_schema" in options:
            jsonschema.validate(json.loads(turn.text), ANSWER)
        if options.get("tool_choice", "auto") not in ("auto", "none"):
            assert turn.calls


# --- a second opinion --------------------------------------------------------------

DISAGREES = {
    "stray closing tag in a value": "there, only the letters of the right tag close it",
    "marker in a value": "there, the marker is letters like any other",
    "opening tag in a value": "the same",
    "extra line break": "there, white space may stand between the tags of parameters",
}
"""Where xgrammar accepts a call that we refuse, and why."""


@functools.cache
def oracle() -> Any:
    """xgrammar's own grammar for this format, compiled for the same tools."""
    xgrammar = pytest.importorskip("xgrammar")
    table = tokenizer()
    info = xgrammar.TokenizerInfo(
        [table.token_bytes(token) for token in range(table.vocab_size)],
        vocab_type=xgrammar.VocabType.RAW,
        vocab_size=table.vocab_size,
        stop_token_ids=[table.eos],
    )
    tag = xgrammar.get_model_structural_tag(
        "deepseek_v4",
        [spec.as_openai() for spec in TOOLS],
        tool_choice="required",
        reasoning="disabled",
    )
    return xgrammar.GrammarCompiler(info).compile_structural_tag(tag)


CALLS = {str(index): text for index, text in enumerate(GOOD)} | BAD


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_xgrammar_agrees(name: str) -> None:
    """With calls required: in free text its marker is letters like any other, so that
    a misspelt wrapper counts as text there."""
    xgrammar = pytest.importorskip("xgrammar")
    matcher = xgrammar.GrammarMatcher(oracle())
    theirs = all(matcher.accept_token(token) for token in ids_of(CALLS[name]))
    ours = accepts(CALLS[name], tool_choice="required")
    assert theirs == (ours or name in DISAGREES)
