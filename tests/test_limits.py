"""Limits that end in an answer: thinking, tokens, time; and how efforts are written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from dsagent.encoding.render import render
from dsagent.engine.thinking import NOTICE
from dsagent.errors import DeadlineExceeded, LimitReached
from dsagent.events import ToolFinished, TurnFinished
from dsagent.messages import ToolResult
from dsagent.model import Model
from dsagent.options import Limits
from dsagent.tools import tool
from dsagent.transcript import Setup
from tests.fakes import Line, ScriptedEngine, call, say

if TYPE_CHECKING:
    from typing import Any

    from dsagent.encoding.templates import Profile
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import GrammarBackend
    from dsagent.options import ThinkingMode
    from tests.conftest import Scripted

LONG = " ".join(f"Thought {n} leads to the next." for n in range(200))


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


OSLO = ("weather", '{"city": "Oslo"}')
ROME = ("weather", '{"city": "Rome"}')


def thinks(text: str, answer: str = "Yes.", *calls: tuple[str, str]) -> Line:
    """A turn whose thinking ends where it is made to."""
    return Line("" if calls else answer, text, calls, yields=True)


def thought(engine: ScriptedEngine, turn: int = 0) -> int:
    """Tokens of thinking in a turn."""
    return engine.sampled[turn].index(engine.tokenizer.end_think)


# Thinking


async def test_thinking_is_closed_at_its_budget_in_every_turn(
    scripted: Scripted,
) -> None:
    model, engine = scripted(thinks(LONG, "", OSLO), thinks(LONG, "Sunny."))
    limits = Limits(thinking_tokens=10)
    reply = await model.chat("?", tools=[weather], limits=limits)
    engine.assert_done()
    assert (thought(engine, 0), thought(engine, 1)) == (10, 10)
    assert (reply.text, reply.stop) == ("Sunny.", "done")
    tokenizer = engine.tokenizer
    assert reply.thinking == tokenizer.decode(tokenizer.encode_text(LONG)[:10])


async def test_no_thinking_tokens_keep_the_prompt(scripted: Scripted) -> None:
    model, engine = scripted(thinks(LONG), thinks(LONG))
    reply = await model.chat("?", limits=Limits(thinking_tokens=0))
    assert (reply.thinking, reply.text) == ("", "Yes.")
    await model.chat("?")
    assert engine.requests[0].prompt == engine.requests[1].prompt


async def test_thinking_ends_in_time_for_an_answer(scripted: Scripted) -> None:
    """Without limits of the run, too: the answer isn't empty when tokens run out."""
    model, engine = scripted(thinks(LONG), thinks(LONG))
    reply = await model.chat("?", limits=Limits(output_tokens=80))
    assert (thought(engine), reply.text, reply.stop) == (60, "Yes.", "done")
    engine.default_max_tokens = 100
    reply = await model.chat("?")
    assert (thought(engine, 1), reply.text, reply.stop) == (75, "Yes.", "done")


async def test_thinking_ends_before_the_context_does(scripted: Scripted) -> None:
    model, engine = scripted(thinks(LONG), context_limit=60)
    reply = await model.chat("?")
    room = 60 - len(engine.requests[0].prompt)
    assert thought(engine) == room - room // 4
    assert reply.stop == "done"


async def test_a_run_that_is_to_stop_thinks_to_its_end(scripted: Scripted) -> None:
    model, _ = scripted(Line("Yes.", LONG))
    limits = Limits(output_tokens=80, on_limit="stop")
    reply = await model.chat("?", limits=limits)
    assert (reply.stop, reply.text) == ("length", "")


async def test_a_loop_in_thinking_is_closed(scripted: Scripted) -> None:
    loop = "No. Wait, let me read that once more. " * 100
    model, engine = scripted(thinks(loop), Line("Yes.", loop))
    reply = await model.chat("?")
    assert (reply.text, reply.stop) == ("Yes.", "done")
    assert 8 * 8 <= thought(engine) < 200
    patient = Limits(thinking_repeats=None)
    reply = await model.chat("?", limits=patient)
    assert reply.thinking == loop


# Tokens


async def test_tools_are_closed_when_the_tokens_are_for_the_answer(
    scripted: Scripted,
) -> None:
    model, engine = scripted(call(OSLO), say("Sunny."))
    await model.chat("?", tools=[weather], limits=Limits(thinking_tokens=0))
    spent = len(engine.sampled[0])
    # A quarter of the tokens is for the answer: here that, or one token more, is left.
    tokens = spent * 4 // 3
    model, engine = scripted(call(OSLO), call(ROME))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await model.chat("?", tools=[weather], limits=Limits(output_tokens=tokens))
    model, engine = scripted(call(OSLO), call(ROME), say("Sunny."))
    await model.chat("?", tools=[weather], limits=Limits(output_tokens=3 * tokens))
    engine.assert_done()


# Time


class Watch:
    """A clock that counts the tokens an engine has written, a second each."""

    def __init__(self, engine: ScriptedEngine) -> None:
        self.engine = engine
        self.extra = 0.0

    def __call__(self) -> float:
        return sum(map(len, self.engine.sampled)) + self.extra


@pytest.fixture
def timed(scripted: Scripted, tokenizer: Tokenizer, grammars: GrammarBackend) -> Any:
    """``timed(line, ...)``: a model on such a clock, its engine, and the clock."""

    def make(*script: Line) -> tuple[Model, ScriptedEngine, Watch]:
        engine = ScriptedEngine(tokenizer, list(script))
        watch = Watch(engine)
        return Model(engine, tokenizer, grammars=grammars, clock=watch), engine, watch

    return make


async def test_when_time_is_up_thinking_is_closed(timed: Any) -> None:
    model, engine, _ = timed(thinks(LONG))
    reply = await model.chat("?", limits=Limits(seconds=50))
    assert 50 <= thought(engine) <= 50 + NOTICE + 2 * engine.step
    assert (reply.text, reply.stop) == ("Yes.", "done")
    assert reply.timing.total == len(engine.sampled[0])


async def test_when_time_is_up_the_next_turn_answers(timed: Any) -> None:
    model, engine, _ = timed(thinks("Hm.", "", OSLO), thinks(LONG, "Sunny."))
    reply = await model.chat("?", tools=[weather], limits=Limits(seconds=5))
    engine.assert_done()
    # The call came too late, and there is nothing more to think about.
    (result,) = (m for m in reply.messages if isinstance(m, ToolResult))
    assert (result.status, "time is up" in result.text) == ("refused", True)
    assert thought(engine, 1) == 0
    assert (reply.text, reply.stop) == ("Sunny.", "done")
    model, engine, _ = timed(call(OSLO), call(ROME))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await model.chat("?", tools=[weather], limits=Limits(seconds=5))


async def test_an_answer_that_has_begun_is_finished(timed: Any) -> None:
    model, _, _ = timed(say(LONG))
    reply = await model.chat("?", thinking="off", limits=Limits(seconds=3))
    assert (reply.text, reply.stop) == (LONG, "done")


async def test_time_can_stop_a_run(timed: Any) -> None:
    model, engine, _ = timed(say(LONG))
    limits = Limits(seconds=10, on_limit="stop")
    reply = await model.chat("?", thinking="off", limits=limits)
    assert reply.stop == "limit"
    assert LONG.startswith(reply.text)
    assert 10 <= len(engine.sampled[0]) <= 10 + 2 * engine.step
    assert engine.open == 0


async def test_time_can_raise(timed: Any) -> None:
    model, _, _ = timed(call(OSLO), say("never"))
    limits = Limits(seconds=10, on_limit="raise")
    with pytest.raises(LimitReached, match="1 turns and") as info:
        await model.chat("?", tools=[weather], limits=limits)
    assert info.value.reply is not None
    assert info.value.reply.stop == "limit"


async def test_no_second_attempt_after_time_is_up(timed: Any) -> None:
    model, engine, _ = timed(say("[1, 2]"))
    output = {"type": "array", "uniqueItems": True, "not": {"const": [1, 2]}}
    reply = await model.chat("?", output=output, limits=Limits(seconds=1))
    engine.assert_done()
    assert reply.stop == "invalid"


async def test_no_second_attempt_without_tokens_for_it(scripted: Scripted) -> None:
    model, engine = scripted(say("[1, 2]"))
    tokens = len(engine.tokenizer.encode_text("[1, 2]")) + 1
    limits = Limits(output_tokens=tokens)
    output = {"type": "array", "not": {"const": [1, 2]}}
    reply = await model.chat("?", output=output, thinking="off", limits=limits)
    engine.assert_done()
    assert (reply.stop, reply.text) == ("invalid", "[1, 2]")


async def test_a_tool_that_hangs_is_stopped_when_time_is_up(
    scripted: Scripted,
) -> None:
    ended: list[str] = []

    @tool
    async def hangs() -> None:
        """Waits for ever."""
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("hangs")

    model, _ = scripted(Line(calls=(("hangs", "{}"),)), say("So be it."))
    limits = Limits(seconds=0.05)
    async with model.stream("?", tools=[hangs], limits=limits, thinking="off") as run:
        events = [event async for event in run]
    (finished,) = (e for e in events if isinstance(e, ToolFinished))
    assert finished.result.status in ("interrupted", "refused")
    assert "time is up" in finished.result.text
    assert run.reply.text == "So be it."
    assert len([e for e in events if isinstance(e, TurnFinished)]) == 2


# Efforts


@pytest.mark.parametrize(
    ("profile", "mode", "effort"),
    [
        ("preview", "off", None),
        ("preview", "low", None),
        ("preview", "high", "high"),
        ("preview", "max", "max"),
        ("0731", "off", None),
        ("0731", "low", "low"),
        ("0731", "high", "high"),
        ("0731", "max", "max"),
    ],
)
async def test_efforts_are_written_by_profile(
    tokenizer: Tokenizer,
    grammars: GrammarBackend,
    profile: Profile,
    mode: ThinkingMode,
    effort: str | None,
) -> None:
    engine = ScriptedEngine(tokenizer, [say("Yes.")])
    model = Model(engine, tokenizer, grammars=grammars, profile=profile)
    await model.chat("Really?", thinking=mode)
    wire = [{"role": "user", "content": "Really?"}]
    pieces = render(wire, thinking=mode != "off", effort=effort, profile=profile)
    assert list(engine.requests[0].prompt) == tokenizer.encode(pieces)
    # Tokens that the effort adds, as published: none, 79 or 92.
    added = {
        ("preview", "max"): 79,
        ("0731", "high"): 79,
        ("0731", "max"): 92,
    }.get((profile, mode), 0)
    bare = tokenizer.encode(render(wire, thinking=True))
    assert len(engine.requests[0].prompt) == len(bare) + added


def test_low_is_no_effort_of_the_first_release() -> None:
    assert Setup("low").thinks
    assert Setup("low").effort is None
    assert Setup("low", profile="0731").effort == "low"


# Priorities and deadlines


async def test_every_turn_has_the_priority_and_what_is_left_of_the_deadline(
    timed: Any,
) -> None:
    model, engine, _ = timed(call(OSLO), say("Sunny."))
    await model.chat("?", tools=[weather], priority=3, deadline=1000.0)
    first, second = engine.requests
    assert (first.priority, second.priority) == (3, 3)
    assert first.deadline == 1000.0
    assert second.deadline == 1000.0 - len(engine.sampled[0])
    model, engine, _ = timed(say("Sunny."))
    await model.chat("?")
    assert (engine.requests[0].priority, engine.requests[0].deadline) == (0, None)


async def test_between_turns_a_deadline_ends_the_run(timed: Any) -> None:
    model, engine, _ = timed(call(OSLO), say("never"))
    with pytest.raises(DeadlineExceeded, match="5 s passed when 1 turns") as info:
        await model.chat("?", tools=[weather], deadline=5.0)
    assert (info.value.phase, info.value.done, info.value.total) == ("between", 1, 1)
    assert info.value.reply is not None
    assert [made.name for made in info.value.reply.calls] == ["weather"]
    assert isinstance(info.value.reply.messages[-1], ToolResult)
    assert len(engine.requests) == 1


async def test_a_deadline_stops_tools(scripted: Scripted) -> None:
    """By the real clock, which is waited for."""

    @tool
    async def wait() -> str:
        """Wait."""
        await anyio.sleep_forever()
        return "never"

    model, _ = scripted(call(("wait", "{}")), say("never"))
    with anyio.fail_after(20), pytest.raises(DeadlineExceeded) as info:
        await model.chat("?", tools=[wait], deadline=0.3)
    assert info.value.phase == "between"


async def test_a_turn_that_is_late_says_the_runs_deadline(scripted: Scripted) -> None:
    late = DeadlineExceeded("decoding", 0.25, 3, 100)
    model, _ = scripted(replace(say("Sun"), error=late))
    with pytest.raises(DeadlineExceeded, match="of 9 s passed when 3 of") as info:
        await model.chat("?", deadline=9.0)
    assert info.value.reply is not None
    assert info.value.reply.text == "Sun"


@pytest.mark.parametrize("deadline", [0.0, -1.0, float("nan")])
async def test_a_deadline_must_be_ahead(scripted: Scripted, deadline: float) -> None:
    model, _ = scripted()
    with pytest.raises(ValueError, match="deadline is in seconds from now"):
        await model.chat("?", deadline=deadline)
