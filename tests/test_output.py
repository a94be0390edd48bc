"""Answers that are values: types, tools beside them, second attempts, partial ones."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, assert_type

import anyio
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypedDict

from dsagent import rules
from dsagent.errors import DefinitionError, InvalidOutput, NoOutput
from dsagent.events import (
    PartialOutput,
    Retrying,
    RunFinished,
    TextDelta,
    TurnFinished,
)
from dsagent.messages import Assistant, Text, ToolResult, User
from dsagent.options import Limits
from dsagent.output import NOTHING, InvalidValue, output_of, partial_value
from dsagent.tools import tool
from tests.fakes import Line, call, say

if TYPE_CHECKING:
    from dsagent.events import Event
    from dsagent.model import Model
    from dsagent.stream import RunStream
    from tests.conftest import Scripted


class Item(BaseModel):
    name: str
    price: Annotated[float, Field(gt=0)]


class Invoice(BaseModel):
    """What was bought."""

    number: str
    items: list[Item]
    paid: bool = False


@dataclass
class Point:
    x: int
    y: int


class Size(TypedDict):
    width: int


class Tree(BaseModel):
    name: str
    below: list[Tree] = []


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("must be even")
    return number


Even = Annotated[int, AfterValidator(_even)]

INVOICE = '{"number": "A7", "items": [{"name": "tea", "price": 2.5}]}'
COUNTS = {
    "type": "object",
    "properties": {"counts": {"type": "array", "uniqueItems": True}},
    "required": ["counts"],
}


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


OSLO = ("weather", '{"city": "Oslo"}')


async def collect(stream: RunStream[object]) -> list[Event]:
    async with stream:
        return [event async for event in stream]


# Types


async def test_an_answer_of_a_type(scripted: Scripted) -> None:
    model, engine = scripted(say(INVOICE, thinking="Tea it is."))
    reply = await model.chat("Extract it.", system="Be exact.", output=Invoice)
    engine.assert_done()
    assert reply.output == Invoice(number="A7", items=[Item(name="tea", price=2.5)])
    assert (reply.stop, reply.text) == ("done", INVOICE)
    shown = (
        '{"type": "object", "description": "What was bought.", "properties": '
        '{"number": {"type": "string"}, "items": {"type": "array", "items": '
        '{"$ref": "#/$defs/Item"}}, "paid": {"type": "boolean", "default": false}}, '
        '"required": ["number", "items"], "$defs": {"Item": {"type": "object", '
        '"properties": {"name": {"type": "string"}, "price": {"type": "number", '
        '"exclusiveMinimum": 0}}, "required": ["name", "price"]}}}'
    )
    assert engine.prompt_text(0) == (
        "<｜begin▁of▁sentence｜>Be exact.\n\n## Response Format:\n\nYou MUST strictly "
        f"adhere to the following schema to reply:\n{shown}"
        "<｜User｜>Extract it.<｜Assistant｜><think>"
    )


@pytest.mark.parametrize(
    ("output", "text", "value"),
    [
        (Point, '{"x": 1, "y": -2}', Point(1, -2)),
        (Size, '{"width": 3}', {"width": 3}),
        (Point | Size, '{"width": 3}', {"width": 3}),
        (Literal["yes", "no"], '"no"', "no"),
        (list[Point], '[{"x": 1, "y": 2}]', [Point(1, 2)]),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (int, "-42", -42),
        (bool | None, "null", None),
        (
            Tree,
            '{"name": "a", "below": [{"name": "b"}]}',
            Tree(name="a", below=[Tree(name="b")]),
        ),
        ({"enum": [1, "two", None]}, '"two"', "two"),
        ({}, '{"any": [1.5]}', {"any": [1.5]}),
    ],
    ids=str,
)
@pytest.mark.parametrize("thinking", ["off", "high"])
async def test_answers_of_all_kinds(
    scripted: Scripted, output: Any, text: str, value: object, thinking: Any
) -> None:
    model, _ = scripted(say(text, thinking="Hm." if thinking == "high" else ""))
    reply = await model.chat("?", output=output, thinking=thinking)
    assert reply.output == value
    assert type(reply.output) is type(value)


@pytest.mark.parametrize(
    "text",
    ["The number is A7.", '{"number": "A7"}', '{"items": []}', "[]", INVOICE + "!", ""],
)
async def test_what_does_not_fit_can_not_be_written(
    scripted: Scripted, text: str
) -> None:
    model, _ = scripted(say(text))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await model.chat("?", output=Invoice)


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        (object(), "output=<object .*no type that JSON can become"),
        (type("Strange", (), {}), "output=Strange is no type"),
        ({"type": "nope"}, r"the output is no JSON schema: at \$\.type"),
        ("Nowhere", "output='Nowhere' is no type"),
    ],
    ids=str,
)
async def test_what_is_no_type(scripted: Scripted, output: Any, fault: str) -> None:
    model, engine = scripted()
    with pytest.raises(DefinitionError, match=fault):
        await model.chat("?", output=output)
    assert engine.requests == []


def test_a_schema_never_fetches_anything() -> None:
    output = output_of({"$ref": "https://example.org/schema.json"})
    with pytest.raises(DefinitionError, match="remote references are never fetched"):
        output.validate("{}")


@pytest.mark.parametrize("text", ["NaN", "{", '{"a": Infinity}'])
def test_what_is_no_json_does_not_fit(text: str) -> None:
    with pytest.raises(InvalidValue, match="Invalid JSON"):
        output_of({}).validate(text)


async def test_the_schema_is_counted(scripted: Scripted) -> None:
    model, engine = scripted(say(INVOICE))
    count = await model.count_tokens("?", output=Invoice, tools=[weather])
    await model.chat("?", output=Invoice, tools=[weather])
    assert count.total == len(engine.requests[0].prompt)
    assert count.schema > 80
    parts = (count.system, count.tools, count.documents, count.messages, count.schema)
    assert sum(parts) == count.total


async def types_as_a_checker_sees_them(model: Model) -> None:
    """Not run: it is mypy that holds this."""
    assert_type((await model.chat("?")).output, str)
    assert_type((await model.chat("?", system="s", tools=[weather])).output, str)
    assert_type((await model.chat("?", output=Invoice)).output, Invoice)
    assert_type((await model.chat("?", output=Point)).output, Point)
    assert_type((await model.chat("?", output=Size)).output, Size)
    assert_type((await model.chat("?", output=list[Invoice])).output, list[Invoice])
    assert_type((await model.chat("?", output=Point | Size)).output, Point | Size)
    assert_type((await model.chat("?", output=int | None)).output, int | None)
    reply = await model.chat("?", output=Literal["a", "b"], thinking="off")
    assert_type(reply.output, Literal["a", "b"])
    assert_type((await model.chat("?", output={"type": "object"})).output, object)
    async with model.stream("?", output=Invoice) as stream:
        assert_type((await stream.finish()).output, Invoice)
    assert_type(stream.reply.output, Invoice)
    assert_type(model.stream("?").reply.output, str)
    await model.chat("?", output=Invoice, systm="s")  # type: ignore[call-overload]
    await model.chat("?", output=3)  # type: ignore[call-overload]


# Beside tools


async def test_an_output_schema_does_not_shut_out_tools(scripted: Scripted) -> None:
    answer = '{"width": 21}'
    model, engine = scripted(
        call(OSLO, thinking="I need the weather."), say(answer, thinking="21 wide.")
    )
    reply = await model.chat("How wide?", tools=[weather], output=Size)
    engine.assert_done()
    assert reply.output == {"width": 21}
    assert [c.name for c in reply.calls] == ["weather"]
    assert engine.requests[1].prompt[: len(engine.requests[0].prompt)] == (
        engine.requests[0].prompt
    )
    model, _ = scripted(say(answer))
    assert (await model.chat("?", tools=[weather], output=Size)).calls == ()


async def test_tool_choice_beside_an_output_schema(scripted: Scripted) -> None:
    answer = say('{"width": 21}', thinking="Hm.")
    called = call(OSLO, thinking="Hm.")
    choices: tuple[Any, ...] = ("required", weather)
    for choice in choices:
        model, engine = scripted(called, answer)
        reply = await model.chat("?", tools=[weather], output=Size, tool_choice=choice)
        engine.assert_done()
        assert reply.output == {"width": 21}
        model, _ = scripted(answer)
        with pytest.raises(AssertionError, match="the grammar refuses"):
            await model.chat("?", tools=[weather], output=Size, tool_choice=choice)
    model, _ = scripted(called)
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await model.chat("?", tools=[weather], output=Size, tool_choice="none")
    model, _ = scripted(answer)
    reply = await model.chat("?", tools=[weather], output=Size, tool_choice="none")
    assert reply.output == {"width": 21}


async def test_the_last_turn_under_a_limit_is_the_answer(scripted: Scripted) -> None:
    model, _ = scripted(call(OSLO), say('{"width": 21}'))
    reply = await model.chat("?", tools=[weather], output=Size, limits=Limits(turns=2))
    assert reply.output == {"width": 21}
    model, _ = scripted(call(OSLO), call(OSLO))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await model.chat("?", tools=[weather], output=Size, limits=Limits(turns=2))


# Second attempts


async def test_a_wrong_answer_is_told_and_put_right(scripted: Scripted) -> None:
    model, engine = scripted(say("3"), say("4"))
    events = await collect(model.stream("Even?", output=Even, thinking="off"))
    engine.assert_done()
    complaint = (
        "Your answer doesn't fit the schema:\n"
        "- Value error, must be even, not 3\n"
        "Write the whole answer again, corrected."
    )
    assert engine.prompt_text(1) == (
        f"{engine.prompt_text(0)}3<｜end▁of▁sentence｜>"
        f"<｜User｜>{complaint}<｜Assistant｜></think>"
    )
    assert [e for e in events if isinstance(e, Retrying)] == [Retrying(complaint, 1)]
    assert isinstance(events[-1], RunFinished)
    reply = events[-1].reply
    assert reply.output == 4
    # What was put right leaves no trace but what it cost.
    assert reply.messages == (
        User("Even?"),
        Assistant((Text("4"),), tuple(engine.sampled[1])),
    )
    assert reply.usage.turns == 2
    assert reply.usage.output_tokens == sum(map(len, engine.sampled))
    turns = [e.usage for e in events if isinstance(e, TurnFinished)]
    assert reply.usage == turns[0] + turns[1]


async def test_failed_attempts_do_not_pile_up(scripted: Scripted) -> None:
    model, engine = scripted(
        say("31", thinking="One."), say("53", thinking="Two."), say("4")
    )
    reply = await model.chat("Even?", tools=[weather], output=Even)
    assert reply.output == 4
    second, third = engine.prompt_text(1), engine.prompt_text(2)
    assert "not 31" in second
    assert "One.</think>31" in second
    assert "not 53" in third
    assert "Two.</think>53" in third
    assert "31" not in third
    assert "One." not in third
    # The attempts are replayed as they were sampled, the beginning is the same.
    start = engine.requests[0].prompt
    for n in (1, 2):
        prompt, ids = engine.requests[n].prompt, tuple(engine.sampled[n - 1])
        assert prompt[: len(start) + len(ids)] == (*start, *ids)
    assert reply.usage.turns == 3
    assert [m.text for m in reply.messages] == ["Even?", "4"]


async def test_calls_between_attempts_are_kept(scripted: Scripted) -> None:
    model, engine = scripted(say("31"), call(OSLO), say("53"), say("4"))
    events = await collect(model.stream("Even?", tools=[weather], output=Even))
    engine.assert_done()
    assert isinstance(events[-1], RunFinished)
    reply = events[-1].reply
    assert reply.output == 4
    last = engine.prompt_text(3)
    assert "31" not in last
    assert last.index("sunny in Oslo") < last.index("</think>53") < last.index("not 53")
    assert [m.kind for m in reply.messages] == [
        "user",
        "assistant",
        "result",
        "assistant",
    ]
    assert [e.attempt for e in events if isinstance(e, Retrying)] == [1, 2]


async def test_attempts_come_to_an_end(scripted: Scripted) -> None:
    model, engine = scripted(say("1"), say("3"), say("5"))
    reply = await model.chat("Even?", output=Even)
    engine.assert_done()
    assert (reply.stop, reply.text) == ("invalid", "5")
    assert reply.problems == ("Value error, must be even, not 5",)
    assert [m.text for m in reply.messages] == ["Even?", "5"]
    assert reply.usage.turns == 3
    with pytest.raises(NoOutput, match=r"stop='invalid'[^$]*must be even, not 5"):
        _ = reply.output


@pytest.mark.parametrize(
    "limits", [Limits(output_retries=0), Limits(turns=1, output_retries=5)]
)
async def test_no_second_attempt(scripted: Scripted, limits: Limits) -> None:
    model, engine = scripted(say("1"))
    reply = await model.chat("Even?", output=Even, limits=limits)
    engine.assert_done()
    assert reply.stop == "invalid"


async def test_no_fitting_answer_can_raise(scripted: Scripted) -> None:
    model, _ = scripted(say("1"), say("3"))
    limits = Limits(output_retries=1, on_limit="raise")
    with pytest.raises(InvalidOutput, match=r"2 attempts made[^$]*not 3") as info:
        await model.chat("Even?", output=Even, limits=limits)
    assert info.value.errors == ("Value error, must be even, not 3",)
    assert info.value.reply is not None
    assert (info.value.reply.stop, info.value.reply.text) == ("invalid", "3")


async def test_a_cancelled_second_attempt_takes_the_place_of_the_first(
    scripted: Scripted,
) -> None:
    model, engine = scripted(say("1"), Line(text="4000", hold=anyio.Event(), held=1))
    async with model.stream("Even?", output=Even, thinking="off") as stream:
        async for event in stream:
            if isinstance(event, TextDelta) and event.turn == 2:
                break
    reply = stream.reply
    assert reply.stop == "cancelled"
    assert [m.text for m in reply.messages if m.kind == "assistant"] == [reply.text]
    assert [m.kind for m in reply.messages] == ["user", "assistant"]
    assert reply.text in "4000"
    assert engine.open == 0
    with pytest.raises(NoOutput, match="cancelled"):
        _ = reply.output


async def test_a_second_attempt_that_was_cut_is_gone_on_with(
    scripted: Scripted,
) -> None:
    """And what was told about the first is nothing the user said."""
    model, engine = scripted(say("1"), Line(text="4000", cut=1), Line(text="000"))
    chat = model.open_chat(thinking="off")
    reply = await chat.send("Even?", output=Even)
    assert reply.stop == "length"
    kinds = [m.kind for m in chat.messages]
    assert kinds == ["user", "assistant"]
    assert chat.messages[0] == User("Even?")
    done = await chat.resume(output=Even)
    assert done.output == int(done.text)
    assert [m.kind for m in chat.messages] == kinds
    assert "doesn't fit" not in model.tokenizer.decode(engine.requests[-1].prompt)


async def test_without_room_for_a_second_attempt_the_first_remains(
    scripted: Scripted,
) -> None:
    model, _ = scripted(say("1"))
    size = await model.count_tokens("Even?", output=Even, thinking="off")
    # Enough for the answer, not for what is wrong with it.
    model, _ = scripted(say("1"), context_limit=size.total + 8)
    reply = await model.chat("Even?", output=Even, thinking="off")
    assert (reply.stop, reply.text) == ("length", "1")
    assert [m.text for m in reply.messages] == ["Even?", "1"]


async def test_tokens_that_run_out_are_a_length_stop(scripted: Scripted) -> None:
    model, _ = scripted(Line(text=INVOICE, cut=5))
    reply = await model.chat("?", output=Invoice, thinking="off")
    assert reply.stop == "length"
    with pytest.raises(NoOutput, match="length"):
        _ = reply.output


async def test_many_problems_are_told_in_part(scripted: Scripted) -> None:
    wrong, right = json.dumps([1] * 30), json.dumps([2] * 30)
    model, engine = scripted(say(wrong), say(right))
    reply = await model.chat("?", output=list[Even])
    assert reply.output == [2] * 30
    assert engine.prompt_text(1).count("must be even") == 20
    assert "- [19]: Value error" in engine.prompt_text(1)
    assert "- and 10 more" in engine.prompt_text(1)


# What the grammar can't hold


async def test_what_the_grammar_leaves_is_validated_and_said_once(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    rules._report.cache_clear()
    wrong, right = '{"counts": [1, 1]}', '{"counts": [1, 2]}'
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(wrong), COUNTS)
    model, engine = scripted(say(wrong), say(right), say(right))
    with caplog.at_level(logging.WARNING, "dsagent"):
        reply = await model.chat("?", output=COUNTS)
        await model.chat("?", output=COUNTS)
    assert reply.output == {"counts": [1, 2]}
    assert "counts: [1, 1] has non-unique elements" in engine.prompt_text(1)
    (note,) = reply.notes
    assert (note.tool, note.path, note.keyword) == (
        None,
        "$.properties.counts",
        "uniqueItems",
    )
    assert caplog.messages == [str(note)]


async def test_a_schema_the_grammar_holds_has_no_notes(scripted: Scripted) -> None:
    model, _ = scripted(say(INVOICE))
    assert (await model.chat("?", output=Invoice, tools=[weather])).notes == ()


# Partial values


async def test_partial_values_as_they_come(scripted: Scripted) -> None:
    model, engine = scripted(say(INVOICE, thinking="Tea."))
    engine.step = 1
    events = await collect(model.stream("?", output=Invoice))
    partial = [e.value for e in events if isinstance(e, PartialOutput)]
    assert partial[0] == {}
    assert {"number": "A7", "items": []} in partial
    assert {"number": "A7", "items": [{"name": "tea"}]} in partial
    assert partial[-1] == json.loads(INVOICE)
    assert all(a != b for a, b in pairwise(partial))
    for before, event in pairwise(events):
        if isinstance(event, PartialOutput):
            assert isinstance(before, TextDelta)


async def test_a_second_attempt_starts_its_partial_values_anew(
    scripted: Scripted,
) -> None:
    model, _ = scripted(say("[1]"), say("[2]"))
    events = await collect(model.stream("?", output=list[Even]))
    partial = [(e.turn, e.value) for e in events if isinstance(e, PartialOutput)]
    assert partial[-1] == (2, [2])
    assert (1, [1]) in partial


async def test_words_have_no_partial_values(scripted: Scripted) -> None:
    model, _ = scripted(call(OSLO), say("12 and more"))
    events = await collect(model.stream("?", tools=[weather]))
    assert not [e for e in events if isinstance(e, PartialOutput)]


def _begins(part: object, whole: object) -> bool:
    """Whether ``part`` may be what can be seen of ``whole`` while it is written."""
    match part, whole:
        case dict(), dict():
            keys = list(whole)[: len(part)]
            return (
                list(part) == keys
                and all(part[key] == whole[key] for key in keys[:-1])
                and all(_begins(part[key], whole[key]) for key in keys[-1:])
            )
        case list(), list():
            heads = zip(part[:-1], whole, strict=False)
            return (
                len(part) <= len(whole)
                and all(a == b for a, b in heads)
                and (not part or _begins(part[-1], whole[len(part) - 1]))
            )
        case str(), str():
            return whole.startswith(part)
        case ((int() | float()), (int() | float())):
            return math.isfinite(part)
    return part == whole


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
@settings(max_examples=100)
def test_every_beginning_of_a_value_tells_a_part_of_it(value: object) -> None:
    text = json.dumps(value)
    for n in range(len(text)):
        part = partial_value(text[:n])
        assert part is NOTHING or _begins(part, value), text[:n]
    assert partial_value(text) == value


# The real engine


async def test_a_real_model_answers_in_a_type(nano: Model) -> None:
    """Whatever it would rather say: it thinks for so long, and answers in the form."""
    limits = Limits(thinking_tokens=6, output_tokens=40)
    reply = await nano.chat("Is tea blue?", output=Literal["yes", "no"], limits=limits)
    assert reply.output in ("yes", "no")
    answer = reply.messages[-1]
    assert isinstance(answer, Assistant)
    assert answer.token_ids is not None
    assert answer.token_ids.index(nano.tokenizer.end_think) <= 6 + 3


async def test_results_of_tools_come_before_the_answer(scripted: Scripted) -> None:
    model, _ = scripted(call(OSLO), say('{"width": 1}'))
    reply = await model.chat("?", tools=[weather], output=Size)
    assert [type(m) for m in reply.messages] == [
        User,
        Assistant,
        ToolResult,
        Assistant,
    ]
