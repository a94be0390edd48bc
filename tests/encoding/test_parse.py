"""Reading completions, beyond the vectors: malformed calls, streaming, wrapping."""

from __future__ import annotations

import json

import pytest

from dsagent.encoding.jsontext import is_json, members
from dsagent.encoding.machine import Machine
from dsagent.encoding.parse import (
    CallArgument,
    CallBroken,
    CallEnd,
    CallStart,
    ContentText,
    ParsedCall,
    ParsedMessage,
    ParseEvent,
    Parser,
    ParseWarning,
    ThinkingEnd,
    ThinkingText,
    coalesce,
    collect,
    parse,
)
from dsagent.encoding.pieces import template
from dsagent.encoding.spelling import Match, Spelling
from dsagent.encoding.tag import Tag
from dsagent.encoding.tokens import EOS, USER, Piece
from tests.encoding.support import toy, v4

OPEN = "\n\n<｜DSML｜tool_calls>\n"
CLOSE = "\n</｜DSML｜tool_calls>"


def invoke(name: str, *parameters: str) -> str:
    body = "\n".join(parameters)
    return f'<｜DSML｜invoke name="{name}">\n{body}\n</｜DSML｜invoke>'


def parameter(name: str, value: str, *, string: bool = True) -> str:
    kind = str(string).lower()
    return (
        f'<｜DSML｜parameter name="{name}" string="{kind}">{value}</｜DSML｜parameter>'
    )


def read(text: str, *, finish: str = "stop", **options: object) -> ParsedMessage:
    return parse(text, thinking=False, finish=finish, **options)  # type: ignore[arg-type]


def calls(text: str, **options: object) -> list[tuple[str, str]]:
    return [(c.name, c.arguments) for c in read(text, **options).tool_calls]  # type: ignore[arg-type]


def test_events_of_a_whole_turn() -> None:
    text = (
        "why</think>So:"
        + OPEN
        + invoke("f", parameter("a", 'x"y'), parameter("n", "[1]", string=False))
        + CLOSE
    )
    parser = Parser(thinking=True)
    assert parser.feed(text) + parser.finish() == [
        ThinkingText("why"),
        ThinkingEnd(),
        ContentText("So:"),
        CallStart(0, "f"),
        CallArgument(0, "a", 'x"y', True, '{"a": "x\\"y"'),
        CallArgument(0, "n", "[1]", False, ', "n": [1]'),
        CallEnd(0, "f", '{"a": "x\\"y", "n": [1]}'),
    ]
    assert parser.done
    assert parser.call_count == 1
    assert parser.finish_reason("stop") == "tool_calls"
    assert parser.finish_reason("length") == "length"


def test_a_string_argument_streams_by_the_character() -> None:
    parser = Parser(thinking=False)
    parser.feed(OPEN + '<｜DSML｜invoke name="f">\n')
    head = parser.feed('<｜DSML｜parameter name="a" string="true">')
    assert head == [CallArgument(0, "a", "", True, '{"a": "')]
    for char in 'a "quoted"\nline 2>&1':
        (event,) = parser.feed(char)
        assert isinstance(event, CallArgument)
        assert event.text == char
        assert json.loads(f'"{event.delta}"') == char
    assert parser.feed("</") == []
    (event,) = parser.feed("b>")
    assert isinstance(event, CallArgument)
    assert event.text == "</b>"


def test_a_number_waits_until_it_is_whole() -> None:
    parser = Parser(thinking=False)
    parser.feed(OPEN + '<｜DSML｜invoke name="f">\n')
    head = parser.feed('<｜DSML｜parameter name="n" string="false">')
    assert head == [CallArgument(0, "n", "", False, '{"n": ')]
    assert parser.feed("12") == []
    assert parser.feed("</｜DSML｜parameter") == []
    assert parser.feed(">") == [CallArgument(0, "n", "12", False, "12")]


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("1e400", "1e400"),
        ("1.50", "1.50"),
        ("9" * 5000, "9" * 5000),
        (' {"b":1,\t"a" : [ ] } ', ' {"b":1,\t"a" : [ ] } '),
        ("-Infinity", '"-Infinity"'),
        ("[" * 100_000, '"' + "[" * 100_000 + '"'),
        ("", '""'),
        ("True", '"True"'),
        ("1 2", '"1 2"'),
    ],
    ids=["huge", "zeros", "digits", "spaces", "inf", "deep", "empty", "word", "two"],
)
def test_json_values_are_checked_and_copied(value: str, kept: str) -> None:
    text = OPEN + invoke("f", parameter("v", value, string=False)) + CLOSE
    assert calls(text) == [("f", f'{{"v": {kept}}}')]


def test_names_may_hold_anything_but_a_quotation_mark() -> None:
    text = OPEN + invoke("a>b \n<c", parameter("k>\n</x", "v"))
    assert calls(text + CLOSE) == [("a>b \n<c", '{"k>\\n</x": "v"}')]
    # The renderer does not escape a quotation mark in a key; it is still readable.
    text = OPEN + invoke("f", parameter('a"b', "v"), parameter("c", "w")) + CLOSE
    assert calls(text) == [("f", '{"a\\"b": "v", "c": "w"}')]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (OPEN + invoke("f", " {", "more") + CLOSE, []),
        (OPEN + invoke("f", "noise", "{ more") + CLOSE, "f"),
        (OPEN + invoke("f", "just words") + CLOSE, [("f", "{}")]),
        (OPEN + invoke("f", '{"a": 1, "a": 2, "b": "x"}') + CLOSE, "a1"),
        (OPEN + '<｜DSML｜invoke name="f"/>' + invoke("g") + CLOSE, "fg"),
        (OPEN + "<｜DSML｜invoke>\n" + parameter("a", "1") + CLOSE, []),
        (OPEN + '<｜DSML｜invoke name="">\n' + CLOSE, []),
        (OPEN + "<｜DSML｜invoke>" + invoke("g") + CLOSE, [("g", "{}")]),
        (OPEN + parameter("a", "1") + invoke("g") + CLOSE, [("g", "{}")]),
        (invoke("f", parameter("a", "1")), [("f", '{"a": "1"}')]),
        (OPEN + invoke("f", '<｜DSML｜parameter string="true">1') + CLOSE, "f"),
        (
            OPEN + invoke("f", '<｜DSML｜parameter name="a" string="true"/>') + CLOSE,
            [("f", '{"a": ""}')],
        ),
        (
            OPEN + invoke("f", "<｜DSML｜parameter name='a'>1") + CLOSE,
            [("f", "{}")],
        ),
        (
            OPEN + invoke("f", '<｜DSML｜parameter name="a">word') + CLOSE,
            [("f", '{"a": "word\\n"}')],
        ),
        (
            OPEN + '<｜DSML｜invoke name="f"\n' + parameter("a", "1") + CLOSE,
            [("f", '{"a": "1"}')],
        ),
        (
            OPEN + invoke("f", parameter("a", "1") + "</｜DSML｜parameter>") + CLOSE,
            [("f", '{"a": "1"}')],
        ),
        (
            OPEN + invoke("f", "<｜DSML｜note>" + parameter("a", "1")) + CLOSE,
            [("f", '{"a": "1"}')],
        ),
        (
            OPEN + invoke("f", parameter("a", "1")[:-10] + "meter>") + CLOSE,
            [("f", '{"a": "1"}')],
        ),
        (
            OPEN
            + invoke("f", '<｜DSML｜parameter name="a" string="true">1')[:-16]
            + '<｜DSML｜invoke name="g">\n</｜DSML｜invoke>'
            + CLOSE,
            [("f", '{"a": "1"}'), ("g", "{}")],
        ),
    ],
    ids=[
        "body_not_json",
        "prose_before_a_brace",
        "prose_body",
        "json_body",
        "self_closing",
        "nameless_invoke",
        "empty_name",
        "nameless_then_good",
        "parameter_without_invoke",
        "no_block",
        "nameless_parameter",
        "self_closing_parameter",
        "single_quotes",
        "no_string_attribute",
        "tag_without_end",
        "stray_parameter_close",
        "unknown_tag",
        "misspelt_close",
        "value_and_invoke_left_open",
    ],
)
def test_malformed_calls(block: str, expected: object) -> None:
    shorthand = {
        "a1": [("f", '{"a": 1, "b": "x"}')],
        "fg": [("f", "{}"), ("g", "{}")],
        "f": [("f", "{}")],
    }
    wanted = (
        shorthand.get(expected, expected) if isinstance(expected, str) else expected
    )
    found = read(block)
    assert [(c.name, c.arguments) for c in found.tool_calls] == wanted
    assert found.content == ""
    for call in found.tool_calls:
        assert isinstance(json.loads(call.arguments), dict)


def test_a_body_that_is_no_object_is_a_broken_call() -> None:
    """A call whose arguments could not be read must not run without them."""
    found = read(OPEN + invoke("f", '{"a": ') + CLOSE)
    assert found.tool_calls == ()
    assert found.incomplete_call == ParsedCall("f", "")
    assert found.finish_reason == "stop"


WEATHER = {"f": {"type": "object", "properties": {"city": {}, "unit": {}}}}


@pytest.mark.parametrize(
    ("schemas", "wrapped", "expected"),
    [
        (WEATHER, parameter("arguments", '{"city": "P"}'), '{"city": "P"}'),
        (
            WEATHER,
            parameter("input", '{"city": 1.50}', string=False),
            '{"city": 1.50}',
        ),
        (WEATHER, parameter("arguments", "{}", string=False), "{}"),
        (
            WEATHER,
            parameter("arguments", '{"town": 1}', string=False),
            '{"arguments": {"town": 1}}',
        ),
        (WEATHER, parameter("arguments", "[1]"), '{"arguments": "[1]"}'),
        (WEATHER, parameter("args", '{"city": 1}'), '{"args": "{\\"city\\": 1}"}'),
        (
            {"f": {"properties": {"city": {}, "input": {}}}},
            parameter("input", '{"city": 1}', string=False),
            '{"input": {"city": 1}}',
        ),
        (
            {"g": {}},
            parameter("input", '{"city": 1}', string=False),
            '{"input": {"city": 1}}',
        ),
        (
            WEATHER,
            parameter("input", '{"city": 1}', string=False) + parameter("city", "P"),
            '{"input": {"city": 1}, "city": "P"}',
        ),
    ],
    ids=[
        "text",
        "json",
        "empty",
        "unknown_key",
        "not_an_object",
        "other_name",
        "a_real_parameter",
        "unknown_tool",
        "not_alone",
    ],
)
def test_wrapped_arguments_are_unwrapped_only_by_the_schema(
    schemas: object, wrapped: str, expected: str
) -> None:
    text = OPEN + invoke("f", wrapped) + CLOSE
    assert calls(text, schemas=schemas) == [("f", expected)]
    events = Parser(thinking=False, schemas=schemas).feed(text)  # type: ignore[arg-type]
    deltas = "".join(e.delta for e in events if isinstance(e, CallArgument))
    assert deltas + "}" == expected or (deltas, expected) == ("", "{}")


@pytest.mark.parametrize("finish", ["stop", "length", "cancelled"])
def test_stopping_inside_a_call_breaks_it(finish: str) -> None:
    text = OPEN + invoke("f", parameter("a", "x")) + "\n" + invoke("g", "x")
    for cut in range(len(text) + 1):
        found = read(text[:cut], finish=finish)
        whole = text[:cut].count("</｜DSML｜invoke>")
        if finish != "stop":
            assert len(found.tool_calls) == whole
            assert found.finish_reason == finish
        for call in found.tool_calls:
            assert call in (ParsedCall("f", '{"a": "x"}'), ParsedCall("g", "{}")) or (
                # Ended between header and parameter: nothing was lost.
                call == ParsedCall("f", "{}") and '"f">' in text[:cut]
            )
        if found.tool_calls and '<｜DSML｜parameter name="a"' in text[:cut]:
            assert found.tool_calls[0].arguments == '{"a": "x"}'


def test_a_broken_call_says_why() -> None:
    parser = Parser(thinking=False)
    events = parser.feed(OPEN + '<｜DSML｜invoke name="f">\n')
    events += parser.finish("length")
    assert CallBroken(0, "f", "", "length") in events


def test_a_call_whose_own_tag_is_cut_is_broken() -> None:
    """Also when the call before it was never closed."""
    first = '<｜DSML｜invoke name="f">\n'
    for start in (OPEN, OPEN + first):
        found = read(start + '<｜DSML｜invoke name="g"')
        assert found.incomplete_call == ParsedCall("g", "")
        assert len(found.tool_calls) == (start != OPEN)


def test_without_tools_markup_is_text() -> None:
    text = "a\n\n" + (OPEN + invoke("f") + CLOSE).strip()
    found = parse(text + "</think>b", thinking=False, calls=False)
    assert found.content == text + "b"
    assert found.tool_calls == ()
    parser = Parser(thinking=False, calls=False)
    assert parser.feed("x\n\n<") == [ContentText("x\n\n")]
    assert parser.feed("｜DSML｜") == [ContentText("<｜DSML｜")]


def test_stray_closing_tags_take_only_themselves() -> None:
    found = read("a</｜DSML｜tool_calls>b</｜DSML｜ c<｜x")
    assert found.content == "ab c<｜x"
    assert found.warnings == ("stray closing tag",)
    assert read("a</｜DSML｜too").content == "a"


def test_held_text_is_released_at_the_end() -> None:
    for held in ("2 <", "a</thin", "a\n\n", "a\n\n<｜DSM"):
        assert read(held).content == held
        assert parse(held, thinking=True).reasoning_content == held
    assert read(f"a{EOS}").content == "a"


def test_feeding_ids() -> None:
    """A marker in ordinary tokens is text; the end of sentence ends everything."""
    quoted = "say </think> and <｜DSML｜tool_calls> <｜User｜>"
    ids = v4().encode([Piece(quoted), *template(f"</think>ok{EOS}")])
    parser = Parser(thinking=True, tokenizer=v4())
    events = parser.feed_ids([*ids, *v4().encode_text("ignored")])
    assert events == [ThinkingText(quoted), ThinkingEnd(), ContentText("ok")]
    assert parser.done
    assert parser.feed("more") == parser.feed_ids([5]) == parser.finish() == []


def test_control_tokens_without_a_meaning_are_spelled_out() -> None:
    ids = [toy().user, toy().think, toy().dsml, *toy().encode_text("x")]
    found = parse(ids, thinking=False, tokenizer=toy())
    assert found.content == f"{USER}<think>｜DSML｜x"


def test_a_marker_ends_an_unfinished_character() -> None:
    first = v4().encode_text("😀")[0]
    found = parse([first, v4().end_think, first], thinking=True, tokenizer=v4())
    assert (found.reasoning_content, found.content) == ("\ufffd", "\ufffd")


def test_dsml_inside_a_value_is_text_unless_it_closes() -> None:
    """As ids: the single token in the middle of a value, not after ``<``."""
    pieces = [
        *template(OPEN + '<｜DSML｜invoke name="f">\n'),
        *template('<｜DSML｜parameter name="a" string="true">x ｜DSML｜ y'),
        Piece("</｜DSML｜parameter>"),  # spelled, not meant
        *template("</think></｜DSML｜parameter>\n</｜DSML｜invoke>"),
    ]
    value = "x ｜DSML｜ y</｜DSML｜parameter></think>"
    expected = json.dumps({"a": value}, ensure_ascii=False)
    parser = Parser(thinking=False, tokenizer=v4())
    found = collect(parser.feed_pieces(pieces) + parser.finish())
    assert [call.arguments for call in found.tool_calls] == [expected]
    found = parse(v4().encode(pieces), thinking=False, tokenizer=v4())
    assert [call.arguments for call in found.tool_calls] == [expected]


def test_ids_need_a_tokenizer() -> None:
    with pytest.raises(TypeError, match="give it a tokenizer"):
        Parser(thinking=False).feed_ids([1])
    with pytest.raises(TypeError, match="give it a tokenizer"):
        Parser(thinking=False).feed_pieces([Piece(USER, True)])


def test_lone_surrogates_cannot_pose_as_markers() -> None:
    parser = Parser(thinking=True, tokenizer=v4())
    events = parser.feed("a\ud801b<\ud800tool_calls>") + parser.finish()
    assert events[0] == ThinkingText("a\ufffdb<\ufffdtool_calls>")


def test_coalescing_keeps_what_differs_apart() -> None:
    events: list[ParseEvent] = [
        ContentText("a"),
        ContentText("b"),
        ParseWarning("w"),
        ParseWarning("w"),
        ContentText("c"),
        CallArgument(0, "a", "x", True, "x"),
        CallArgument(0, "b", "y", True, "y"),
        CallArgument(1, "b", "z", True, "z"),
    ]
    assert coalesce(events) == [ContentText("ab"), *events[2:]]


def test_members_of_an_object() -> None:
    assert members(' {"a" : [1, {"b":2}] , "\\u00e9":1.0 }\n') == [
        ("a", '[1, {"b":2}]'),
        ("é", "1.0"),
    ]
    assert members("{}") == []
    assert members("[]") is None
    assert members('{"a": NaN}') is None
    assert members('{"a": 1} x') is None
    assert is_json('"\\ud800"')


ADVERSARIES = {
    "text": "a",
    "angle": "<",
    "close": "</",
    "newlines": "\n",
    "near": "<｜DSML",
    "tags": "<｜DSML｜",
    "closers": "</｜DSML｜",
    "quotes": '"',
    "ends": ">",
    "thinks": "</think>",
}


@pytest.mark.parametrize("place", ["thinking", "content", "block", "call", "value"])
@pytest.mark.parametrize("filler", ADVERSARIES.values(), ids=ADVERSARIES.keys())
@pytest.mark.parametrize("step", [1, 3, 10**9], ids=["char", "three", "whole"])
def test_work_is_linear(
    filler: str, place: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts characters looked at, so the result does not depend on the machine."""
    call = OPEN + '<｜DSML｜invoke name="f">\n'
    starts = {
        "thinking": "",
        "content": "</think>",
        "block": "</think>" + OPEN,
        "call": "</think>" + call,
        "value": "</think>" + call + '<｜DSML｜parameter name="a" string="true">',
    }
    looked = 0
    find, add = Spelling.find, Tag.add

    def counting_find(self: Spelling, text: str, patterns: tuple[str, ...]) -> Match:
        nonlocal looked
        found = find(self, text, patterns)
        assert len(text) <= 4200, "what is left is copied, so it must stay short"
        looked += min(len(text), found.start + 20)
        return found

    def counting_add(self: Tag, char: str) -> bool:
        nonlocal looked
        looked += 1
        return add(self, char)

    monkeypatch.setattr(Spelling, "find", counting_find)
    monkeypatch.setattr(Tag, "add", counting_add)
    text = filler * (6_000 // len(filler))
    parser = Parser(thinking=True)
    parser.feed(starts[place])
    for start in range(0, len(text), step):
        parser.feed(text[start : start + step])
        assert len(_pending(parser)) <= 24
    parser.finish("length")
    assert looked <= 30 * len(text)


def _pending(parser: Parser) -> str:
    machine = parser._machine
    assert isinstance(machine, Machine)
    return machine._pending


def test_a_long_argument_streams_steadily() -> None:
    """100 KB a character at a time: every character comes out as it goes in."""
    parser = Parser(thinking=False)
    parser.feed(OPEN + '<｜DSML｜invoke name="f">\n')
    parser.feed('<｜DSML｜parameter name="a" string="true">')
    late = 0
    for char in "ab<c" * 25_000:
        late += 1 - sum(len(_text(event)) for event in parser.feed(char))
        assert late <= 1
    assert late == 0


def _text(event: ParseEvent) -> str:
    assert isinstance(event, CallArgument)
    return event.text
