"""The loop: turns, tools, limits, cancellation, exact replay; on a scripted engine."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from dsagent.encoding.render import render
from dsagent.engine.request import Sampling
from dsagent.errors import (
    ContextOverflow,
    EngineError,
    LimitReached,
    NoOutput,
)
from dsagent.events import (
    PrefillProgress,
    Retrying,
    RunFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStarted,
    ToolFinished,
    ToolProgress,
    TurnFinished,
)
from dsagent.messages import (
    Assistant,
    System,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    User,
)
from dsagent.options import Limits
from dsagent.tools import Context, Retry, tool
from dsagent.transcript import Setup, Transcript
from tests.fakes import Line, call, completion, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.events import Event
    from dsagent.messages import Message
    from dsagent.options import ThinkingMode
    from dsagent.stream import RunStream
    from tests.conftest import Scripted


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


OSLO = ("weather", '{"city": "Oslo"}')
ADD = ("add", '{"a": 2, "b": 40}')


async def collect(stream: RunStream[object]) -> list[Event]:
    async with stream:
        return [event async for event in stream]


# Answers


async def test_a_plain_answer(scripted: Scripted) -> None:
    model, engine = scripted(say("It is four.", thinking="2 + 2"))
    reply = await model.chat("What is 2 + 2?", system="Be brief.")
    engine.assert_done()
    assert engine.prompt_text(0) == (
        "<｜begin▁of▁sentence｜>Be brief.<｜User｜>What is 2 + 2?<｜Assistant｜><think>"
    )
    assert (reply.text, reply.thinking, reply.stop) == ("It is four.", "2 + 2", "done")
    assert reply.output == "It is four."
    assert reply.calls == ()
    assert reply.messages == (
        System("Be brief."),
        User("What is 2 + 2?"),
        Assistant((Thinking("2 + 2"), Text("It is four.")), tuple(engine.sampled[0])),
    )


@pytest.mark.parametrize(
    ("mode", "start", "end"),
    [
        ("off", "<｜begin▁of▁sentence｜><｜User｜>", "<｜Assistant｜></think>"),
        ("high", "<｜begin▁of▁sentence｜><｜User｜>", "<｜Assistant｜><think>"),
        (
            "max",
            "<｜begin▁of▁sentence｜>Reasoning Effort: Absolute maximum",
            "<｜Assistant｜><think>",
        ),
    ],
)
async def test_three_thinking_modes(
    scripted: Scripted, mode: ThinkingMode, start: str, end: str
) -> None:
    model, engine = scripted(say("Yes.", thinking="" if mode == "off" else "Hm."))
    reply = await model.chat("Really?", thinking=mode)
    assert engine.prompt_text(0).startswith(start)
    assert engine.prompt_text(0).endswith(end)
    assert reply.thinking == ("" if mode == "off" else "Hm.")
    assert reply.text == "Yes."


async def test_options_reach_the_engine(scripted: Scripted) -> None:
    model, engine = scripted(say("ok"))
    sampling = Sampling(temperature=0.5, seed=3)
    await model.chat("?", sampling=sampling, limits=Limits(output_tokens=40))
    request = engine.requests[0]
    assert request.sampling is sampling
    assert request.max_tokens == 40
    assert request.stop_ids == {engine.tokenizer.eos}


async def test_output_tokens_are_cut_to_the_room_there_is(scripted: Scripted) -> None:
    model, engine = scripted(say("ok"), context_limit=100)
    await model.chat("?", limits=Limits(output_tokens=100_000))
    request = engine.requests[0]
    assert request.max_tokens == 100 - len(request.prompt)


async def test_a_long_prompt_is_the_same_prompt(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    model, engine = scripted(say("ok"), context_limit=20_000)
    text = "All work and no play. " * 1000
    await model.chat(text, thinking="off")
    wire = [{"role": "user", "content": text}]
    assert list(engine.requests[0].prompt) == tokenizer.encode(
        render(wire, thinking=False)
    )


async def test_usage_and_timing_add_up_over_turns(scripted: Scripted) -> None:
    model, engine = scripted(call(OSLO), say("Sunny."))
    reply = await model.chat("Weather?", tools=[weather])
    first, second = engine.requests
    written = [len(ids) for ids in engine.sampled]
    assert reply.usage.prompt_tokens == len(first.prompt) + len(second.prompt)
    assert reply.usage.output_tokens == sum(written)
    assert (reply.usage.turns, reply.usage.tool_calls) == (2, 1)
    # The fake takes 0.75 s to the first token of a turn and 1/8 s for each token.
    assert reply.timing.prefill == pytest.approx(1.5)
    assert reply.timing.decode == pytest.approx(sum(written) / 8)
    # It writes the first token of a turn by itself, the others three a step.
    steps = sum((n - 1 + 2) // 3 for n in written)
    assert reply.timing.decode_steps == steps
    assert reply.timing.accepted == sum(written) - len(written) - steps
    assert reply.timing.tokens_per_step == (sum(written) - len(written)) / steps
    assert reply.timing.tokens_per_second == pytest.approx(
        (sum(written) - 2) / (sum(written) / 8)
    )


async def test_a_prompt_that_cannot_fit_is_refused_by_part(scripted: Scripted) -> None:
    model, engine = scripted(say("never"), context_limit=40)
    with pytest.raises(
        ContextOverflow, match=r"40 fit .*tools \d+.*messages \d+"
    ) as info:
        await model.chat("word " * 30, system="Be brief.", tools=[weather])
    error = info.value
    assert engine.requests == []
    assert sum(error.parts.values()) == error.needed
    count = await model.count_tokens("word " * 30, system="Be brief.", tools=[weather])
    assert error.needed == count.total + 1
    assert error.parts["tools"] == count.tools


# Tools


async def test_a_call_is_run_and_its_result_is_read(scripted: Scripted) -> None:
    model, engine = scripted(
        call(OSLO, thinking="I need the weather."),
        say("It is sunny.", thinking="Good."),
    )
    reply = await model.chat("Weather in Oslo?", tools=[weather])
    engine.assert_done()
    made = ToolCall("call_1", "weather", '{"city": "Oslo"}')
    assert reply.calls == (made,)
    assert reply.text == "It is sunny."
    assert reply.messages[1:] == (
        Assistant((Thinking("I need the weather."), made), tuple(engine.sampled[0])),
        ToolResult("call_1", "sunny in Oslo", "weather"),
        Assistant((Thinking("Good."), Text("It is sunny.")), tuple(engine.sampled[1])),
    )
    assert engine.prompt_text(1).endswith(
        "<｜User｜><tool_result>sunny in Oslo</tool_result><｜Assistant｜><think>"
    )


async def test_calls_of_one_turn_run_together_and_results_keep_call_order(
    scripted: Scripted,
) -> None:
    first_may_end = anyio.Event()

    @tool
    async def slow() -> str:
        """Waits for the other."""
        await first_may_end.wait()
        return "slow"

    @tool
    async def fast() -> str:
        """Lets the other go."""
        first_may_end.set()
        return "fast"

    model, _ = scripted(call(("slow", "{}"), ("fast", "{}")), say("Done."))
    events = await collect(model.stream("Go.", tools=[slow, fast]))
    finished = [e.result.text for e in events if isinstance(e, ToolFinished)]
    assert finished == ["fast", "slow"]
    (last,) = (e for e in events if isinstance(e, RunFinished))
    results = [m.text for m in last.reply.messages if isinstance(m, ToolResult)]
    assert results == ["slow", "fast"]


async def test_a_tool_starts_while_the_turn_goes_on(scripted: Scripted) -> None:
    started = anyio.Event()

    @tool
    async def signal() -> str:
        """Says that it runs."""
        started.set()
        return "on"

    # The second call is only written once the first one's tool has run.
    line = Line(calls=(("signal", "{}"), OSLO), hold=started, held=6)
    model, engine = scripted(line, say("Done."))
    with anyio.fail_after(20):
        reply = await model.chat("Go.", tools=[signal, weather])
    engine.assert_done()
    assert [c.name for c in reply.calls] == ["signal", "weather"]


async def test_a_sequential_tool_runs_alone(scripted: Scripted) -> None:
    all_written = anyio.Event()
    running: list[str] = []
    seen: list[tuple[str, ...]] = []

    @tool
    async def shared() -> None:
        """May run beside others."""
        running.append("shared")
        await all_written.wait()
        running.remove("shared")

    @tool(sequential=True)
    async def alone() -> None:
        """Must not."""
        seen.append(tuple(running))
        running.append("alone")
        await anyio.lowlevel.checkpoint()
        running.remove("alone")

    model, _ = scripted(
        call(("shared", "{}"), ("alone", "{}"), ("alone", "{}")), say("Done.")
    )
    async with model.stream("Go.", tools=[shared, alone]) as stream:
        async for event in stream:
            if isinstance(event, ToolCallReady) and event.call.id == "call_3":
                all_written.set()
    assert seen == [(), ()]


async def test_one_failing_tool_keeps_the_others(scripted: Scripted) -> None:
    @tool
    def fails() -> str:
        """Raises."""
        raise RuntimeError("no luck")

    model, engine = scripted(call(("fails", "{}"), OSLO), say("Half."))
    reply = await model.chat("Go.", tools=[fails, weather])
    results = [m for m in reply.messages if isinstance(m, ToolResult)]
    assert [r.status for r in results] == ["crashed", "ok"]
    assert results[0].text == "Error: fails failed with RuntimeError: no luck"
    assert "no luck</tool_result>" in engine.prompt_text(1)
    assert reply.stop == "done"


async def test_a_hanging_tool_times_out(scripted: Scripted) -> None:
    @tool(timeout=0.01)
    async def hangs() -> str:
        """Never returns."""
        await anyio.sleep_forever()
        return "never"

    model, _ = scripted(call(("hangs", "{}")), say("It took too long."))
    reply = await model.chat("Go.", tools=[hangs])
    (result,) = (m for m in reply.messages if isinstance(m, ToolResult))
    assert result.status == "timeout"
    assert "hangs timed out after 0.01 seconds" in result.text
    assert reply.text == "It took too long."


async def test_a_long_result_is_cut_and_the_model_is_told(scripted: Scripted) -> None:
    @tool
    def names() -> list[str]:
        """Many names."""
        return ["Ada", "Bo", "Cy"] * 50

    @tool(max_result=12)
    def words() -> str:
        """Many words."""
        return "one two three four"

    model, engine = scripted(call(("names", "{}"), ("words", "{}")), say("Many."))
    limits = Limits(result_chars=20)
    events = await collect(model.stream("?", tools=[names, words], limits=limits))
    texts = {e.call.name: e.result.text for e in events if isinstance(e, ToolFinished)}
    whole = len(json.dumps(["Ada", "Bo", "Cy"] * 50))
    assert texts == {
        "names": '["Ada", "Bo", "Cy"]\n[cut: the first 3 of 150 items, 19 of '
        f"{whole:,} characters]",
        "words": "one two thre\n[cut: the first 12 of 18 characters]",
    }
    for text in texts.values():
        assert f"<tool_result>{text}</tool_result>" in engine.prompt_text(1)


async def test_bad_arguments_are_told_to_the_model(scripted: Scripted) -> None:
    @tool
    def book(seats: int) -> str:
        """Book an even number of seats."""
        if seats % 2:
            raise Retry("seats must be even")
        return f"booked {seats}"

    model, engine = scripted(
        call(("book", '{"seats": 3}')), call(("book", '{"seats": 4}')), say("Booked.")
    )
    events = await collect(model.stream("Go.", tools=[book]))
    (retrying,) = (e for e in events if isinstance(e, Retrying))
    assert (retrying.attempt, retrying.turn) == (1, 1)
    assert "seats must be even" in engine.prompt_text(1)
    finished = [e.result.status for e in events if isinstance(e, ToolFinished)]
    assert finished == ["retry", "ok"]


@pytest.mark.parametrize("sequential", [False, True])
async def test_failures_are_counted_by_turns(
    scripted: Scripted, sequential: bool
) -> None:
    """Calls of one turn are written before any of them is answered, so none of them
    corrects another: they are one attempt together, which one success saves."""

    @tool(sequential=sequential)
    def book(seats: int) -> str:
        """Book an even number of seats."""
        if seats % 2:
            raise Retry("seats must be even")
        return f"booked {seats}"

    def turn(*seats: int) -> Line:
        return call(*(("book", f'{{"seats": {number}}}') for number in seats))

    model, _ = scripted(
        turn(1, 3, 5), turn(7, 9), turn(11, 2, 13), turn(15, 17), say("Booked none.")
    )
    events = await collect(model.stream("Go.", tools=[book], thinking="off"))
    again = "Correct the arguments and call book again."
    over = "Don't call book again for this; go on without it."
    told: dict[int, list[str]] = {}
    for event in events:
        if isinstance(event, ToolFinished) and event.result.status == "retry":
            told.setdefault(event.turn, []).append(event.result.text.splitlines()[1])
    assert told == {1: [again] * 3, 2: [over] * 2, 3: [over] * 2, 4: [again] * 2}
    retrying = [(e.turn, e.attempt) for e in events if isinstance(e, Retrying)]
    assert retrying == [*[(1, 1)] * 3, *[(4, 1)] * 2]


async def test_a_turn_that_leaves_a_tool_alone_leaves_its_failures(
    scripted: Scripted,
) -> None:
    @tool
    def book(seats: int) -> str:
        """Book an even number of seats."""
        raise Retry("seats must be even")

    model, _ = scripted(
        call(("book", '{"seats": 1}')),
        call(OSLO),
        call(("book", '{"seats": 3}')),
        say("Booked none."),
    )
    reply = await model.chat("Go.", tools=[book, weather])
    texts = [m.text for m in reply.messages if isinstance(m, ToolResult)]
    assert texts[0].endswith("call book again.")
    assert texts[2].endswith("go on without it.")


async def test_an_unknown_tool_is_a_result(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The grammar makes this impossible, so it is taken away: what comes from an
    # engine without one must still be told to the model, not raised.
    model, _ = scripted(call(("no_such_tool", "{}")), say("Sorry."))

    class Anything:
        def fill_mask(self, out: object, row: int) -> None:
            pass

        def accept(self, ids: Sequence[int]) -> int:
            return len(ids)

    grammars = model._backend.grammars
    monkeypatch.setattr(grammars, "constraint", lambda _, large: Anything())
    reply = await model.chat("Go.", tools=[weather])
    (result,) = (m for m in reply.messages if isinstance(m, ToolResult))
    assert result.status == "unknown"
    assert "there is no tool called 'no_such_tool'" in result.text
    assert "weather" in result.text


async def test_the_grammar_refuses_an_unknown_tool(scripted: Scripted) -> None:
    model, _ = scripted(call(("no_such_tool", "{}")))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await model.chat("Go.", tools=[weather])


async def test_deps_reach_the_tool_and_progress_the_listener(
    scripted: Scripted,
) -> None:
    @tool
    async def count(ctx: Context[list[int]]) -> int:
        """Count."""
        await ctx.report("half way", 0.5)
        return len(ctx.deps)

    model, _ = scripted(call(("count", "{}")), say("Three."))
    events = await collect(model.stream("Go.", tools=[count], deps=[1, 2, 3]))
    (progress,) = (e for e in events if isinstance(e, ToolProgress))
    assert (progress.message, progress.fraction) == ("half way", 0.5)
    (finished,) = (e for e in events if isinstance(e, ToolFinished))
    assert finished.result.text == "3"


# tool_choice and limits


@pytest.mark.parametrize("choice", ["required", weather])
async def test_a_required_call_holds_for_the_first_turn(
    scripted: Scripted, choice: object
) -> None:
    model, engine = scripted(call(OSLO), say("Sunny."))
    reply = await model.chat("Hi.", tools=[weather, add], tool_choice=choice)  # type: ignore[call-overload]
    engine.assert_done()
    assert reply.text == "Sunny."
    refusing, _ = scripted(say("No."))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await refusing.chat("Hi.", tools=[weather, add], tool_choice=choice)  # type: ignore[call-overload]


async def test_tool_choice_none_keeps_the_prompt_and_closes_the_tools(
    scripted: Scripted,
) -> None:
    model, engine = scripted(call(OSLO))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await model.chat("Hi.", tools=[weather], tool_choice="none")
    assert '"name": "weather"' in engine.prompt_text(0)


async def test_limit_closes_tools_without_reprefill(scripted: Scripted) -> None:
    model, engine = scripted(call(OSLO), call(ADD), say("Enough."))
    limits = Limits(turns=3)
    reply = await model.chat("Go.", tools=[weather, add], limits=limits)
    assert (reply.stop, reply.text) == ("done", "Enough.")
    for earlier, later in zip(engine.requests, engine.requests[1:], strict=False):
        assert later.prompt[: len(earlier.prompt)] == earlier.prompt
    insistent, _ = scripted(call(OSLO), call(ADD), call(OSLO))
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await insistent.chat("Go.", tools=[weather, add], limits=limits)


async def test_a_limit_can_stop_the_run(scripted: Scripted) -> None:
    model, engine = scripted(call(OSLO), call(ADD))
    limits = Limits(turns=2, on_limit="stop")
    reply = await model.chat("Go.", tools=[weather, add], limits=limits)
    engine.assert_done()
    assert reply.stop == "limit"
    assert [c.name for c in reply.calls] == ["weather", "add"]
    assert isinstance(reply.messages[-1], ToolResult)
    with pytest.raises(NoOutput, match="stop='limit'"):
        _ = reply.output


async def test_a_limit_can_raise_and_the_error_has_the_work(scripted: Scripted) -> None:
    model, _ = scripted(call(OSLO))
    limits = Limits(turns=1, on_limit="raise")
    with pytest.raises(LimitReached, match="1 turns and 1 calls") as info:
        await model.chat("Go.", tools=[weather], limits=limits)
    assert info.value.reply is not None
    assert info.value.reply.stop == "limit"
    assert info.value.reply.messages[-1] == ToolResult(
        "call_1", "sunny in Oslo", "weather"
    )


async def test_calls_beyond_the_limit_are_refused(scripted: Scripted) -> None:
    model, engine = scripted(call(OSLO, ADD, OSLO), say("Two will do."))
    reply = await model.chat("Go.", tools=[weather, add], limits=Limits(tool_calls=2))
    engine.assert_done()
    results = [m for m in reply.messages if isinstance(m, ToolResult)]
    assert [r.status for r in results] == ["ok", "ok", "refused"]
    assert "limit of 2 calls" in results[2].text


async def test_the_limit_on_calls_can_stop_the_run(scripted: Scripted) -> None:
    model, engine = scripted(call(OSLO, ADD))
    limits = Limits(tool_calls=1, on_limit="stop")
    reply = await model.chat("Go.", tools=[weather, add], limits=limits)
    engine.assert_done()
    assert reply.stop == "limit"
    results = [m.status for m in reply.messages if isinstance(m, ToolResult)]
    assert results == ["ok", "refused"]


async def test_identical_calls_are_noted_then_stopped(scripted: Scripted) -> None:
    again = ("weather", '{"city": "Oslo"}')
    model, engine = scripted(call(OSLO), call(again), call(again), say("I give up."))
    reply = await model.chat("Go.", tools=[weather], limits=Limits(identical_calls=2))
    engine.assert_done()
    results = [m for m in reply.messages if isinstance(m, ToolResult)]
    assert results[0].text == "sunny in Oslo"
    assert "has now been made 2 times" in results[1].text
    assert results[2].status == "refused"
    stubborn, _ = scripted(*[call(OSLO)] * 4)
    with pytest.raises(AssertionError, match="the grammar refuses"):
        await stubborn.chat("Go.", tools=[weather], limits=Limits(identical_calls=2))


async def test_running_out_of_tokens_is_a_length_stop(scripted: Scripted) -> None:
    model, _ = scripted(Line(text="one two three four five six", cut=4))
    reply = await model.chat("Count.", thinking="off")
    assert reply.stop == "length"
    assert reply.text == "one two three four"
    assert reply.messages[-1] == Assistant((Text("one two three four"),))


async def test_a_call_cut_short_is_dropped(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    whole = completion(tokenizer, call(OSLO, ADD), thinking=False)
    line = Line(calls=(OSLO, ADD), cut=len(whole) - 12)
    model, engine = scripted(line)
    events = await collect(model.stream("Go.", tools=[weather, add], thinking="off"))
    started = [e.name for e in events if isinstance(e, ToolCallStarted)]
    assert started == ["weather", "add"]
    assert isinstance(events[-1], RunFinished)
    reply = events[-1].reply
    assert reply.stop == "length"
    assert reply.calls == (ToolCall("call_1", *OSLO),)
    assert reply.messages[-1] == ToolResult("call_1", "sunny in Oslo", "weather")
    assert engine.open == 0


# Events


async def test_events_in_order(scripted: Scripted) -> None:
    model, engine = scripted(call(OSLO, thinking="Look."), say("Sunny."))
    events = await collect(model.stream("Go.", tools=[weather]))
    prompt = len(engine.requests[0].prompt)
    assert isinstance(events[0], PrefillProgress)
    assert events[0] == PrefillProgress(prompt, prompt, turn=1)
    # The scripted engine says it took half a second.
    assert events[0].tokens_per_second == prompt / 0.5
    assert events[0].seconds_left == 0.0
    kinds = [event.kind for event in events]
    order = dict.fromkeys(kinds)
    assert list(order) == [
        "prefill_progress",
        "thinking_delta",
        "tool_call_started",
        "tool_call_delta",
        "tool_call_ready",
        "tool_finished",
        "turn_finished",
        "text_delta",
        "run_finished",
    ]
    assert [e.turn for e in events] == sorted(e.turn for e in events)
    thinking = "".join(e.text for e in events if isinstance(e, ThinkingDelta))
    text = "".join(e.text for e in events if isinstance(e, TextDelta))
    assert (thinking, text) == ("Look.", "Sunny.")
    assert [e for e in events if isinstance(e, ToolCallStarted)] == [
        ToolCallStarted("call_1", "weather", turn=1)
    ]
    deltas = [e for e in events if isinstance(e, ToolCallDelta)]
    assert "".join(e.text for e in deltas) == "Oslo"
    assert {(e.id, e.parameter) for e in deltas} == {("call_1", "city")}
    made = ToolCall("call_1", "weather", '{"city": "Oslo"}')
    assert ToolCallReady(made, turn=1) in events
    result = ToolResult("call_1", "sunny in Oslo", "weather")
    assert ToolFinished(made, result, turn=1) in events
    usages = [e.usage for e in events if isinstance(e, TurnFinished)]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reply.usage == usages[0] + usages[1]


async def test_stream_and_chat_are_one_loop(scripted: Scripted) -> None:
    script = (call(OSLO, thinking="Look."), say("Sunny.", thinking="Nice."))
    model, _ = scripted(*script)
    waited = await model.chat("Go.", tools=[weather])
    model, _ = scripted(*script)
    async with model.stream("Go.", tools=[weather]) as stream:
        listened = await stream.finish()
    assert listened.messages == waited.messages
    assert listened.usage == waited.usage
    assert stream.reply == listened


# Breaking off


async def test_cancel_keeps_partial_reply(scripted: Scripted) -> None:
    never = anyio.Event()
    line = Line(text="one two three", thinking="Hm.", hold=never, held=3)
    model, engine = scripted(line)
    with anyio.CancelScope() as scope:
        async with model.stream("Count.") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    scope.cancel()
    assert scope.cancelled_caught
    reply = stream.reply
    assert reply.stop == "cancelled"
    assert reply.thinking == "Hm."
    assert reply.text
    assert "one two three".startswith(reply.text)
    assert reply.usage.output_tokens == len(engine.sampled[0])
    assert reply.messages[-1] == Assistant((Thinking("Hm."), Text(reply.text)))
    assert (engine.cancelled, engine.open) == (1, 0)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asyncio_s_own_cancellation_keeps_the_reply_too(
    scripted: Scripted,
) -> None:
    model, engine = scripted(
        Line(text="one two three", hold=anyio.Event(), held=3), say("unasked")
    )
    stream = model.stream("Count.", thinking="off")
    words = asyncio.Event()

    async def listen() -> None:
        async with stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    words.set()

    task = asyncio.create_task(listen())
    await words.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stream.reply.stop == "cancelled"
    assert "one two three".startswith(stream.reply.text)
    assert engine.open == 0


async def test_a_waiting_chat_can_be_cancelled(scripted: Scripted) -> None:
    model, engine = scripted(Line(text="one two", hold=anyio.Event(), held=3))
    async with anyio.create_task_group() as group:
        group.start_soon(model.chat, "Count.")
        while not engine.sampled or not engine.sampled[0]:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert (engine.cancelled, engine.open) == (1, 0)


async def test_leaving_the_block_stops_tools_and_closes_their_calls(
    scripted: Scripted,
) -> None:
    started = anyio.Event()
    stopped: list[str] = []

    @tool
    async def waits() -> None:
        """Waits for ever."""
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append("waits")

    model, engine = scripted(call(OSLO, ("waits", "{}")), say("never"))
    async with model.stream("Go.", tools=[weather, waits]) as stream:
        async for event in stream:
            if isinstance(event, ToolFinished):
                await started.wait()
                break
    assert stopped == ["waits"]
    assert engine.open == 0
    assert stream.reply.stop == "cancelled"
    results = [m for m in stream.reply.messages if isinstance(m, ToolResult)]
    assert [r.status for r in results] == ["ok", "interrupted"]
    # So the conversation can go on.
    model, engine = scripted(say("Fine."))
    reply = await model.chat([*stream.reply.messages, User("Never mind.")])
    assert reply.text == "Fine."


async def test_cancelling_before_the_first_token_leaves_the_question(
    scripted: Scripted,
) -> None:
    never = anyio.Event()
    model, engine = scripted(Line(text="x", hold=never, held=3))
    async with model.stream("Hello?") as stream:
        await anext(aiter(stream))
    assert stream.reply.messages == (User("Hello?"),)
    assert stream.reply.text == ""
    assert engine.open == 0


async def test_what_the_block_raises_is_raised(scripted: Scripted) -> None:
    model, engine = scripted(Line(text="x", hold=anyio.Event(), held=3))

    async def fail() -> None:
        async with model.stream("Hello?") as stream:
            await anext(aiter(stream))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert engine.open == 0


async def test_an_engine_error_carries_the_reply(scripted: Scripted) -> None:
    line = Line(text="one two three", cut=2, error=EngineError("it broke"))
    model, _ = scripted(line)
    with pytest.raises(EngineError, match="it broke") as info:
        await model.chat("Count.", thinking="off")
    assert info.value.reply is not None
    assert (info.value.reply.text, info.value.reply.stop) == ("one two", "error")


async def test_an_engine_error_does_not_wait_for_tools(scripted: Scripted) -> None:
    @tool
    async def waits() -> None:
        """Waits for ever."""
        await anyio.sleep_forever()

    line = Line(calls=(("waits", "{}"),), error=EngineError("it broke"))
    model, _ = scripted(line)
    with anyio.fail_after(20), pytest.raises(EngineError) as info:
        await model.chat("Go.", tools=[waits])
    assert info.value.reply is not None
    (result,) = (m for m in info.value.reply.messages if isinstance(m, ToolResult))
    assert result.status == "interrupted"


async def test_a_stream_raises_what_ended_it_once(scripted: Scripted) -> None:
    model, _ = scripted(
        Line(text="one two three", cut=2, error=EngineError("it broke"))
    )
    events: list[Event] = []
    caught: list[EngineError] = []
    stream = model.stream("Count.", thinking="off")
    async with stream:
        try:
            async for event in stream:
                events.append(event)  # noqa: PERF401
        except EngineError as error:
            caught.append(error)
    assert isinstance(events[-1], RunFinished)
    assert (stream.reply.stop, stream.reply.text) == ("error", "one two")
    assert [str(error) for error in caught] == ["it broke"]


async def test_an_error_nobody_saw_is_raised_at_the_end(scripted: Scripted) -> None:
    model, _ = scripted(Line(text="one two three", cut=2, error=EngineError("broke")))

    async def overlook() -> None:
        async with model.stream("Count.", thinking="off") as stream:
            async for event in stream:
                if isinstance(event, RunFinished):
                    break
            for _ in range(5):
                await anyio.lowlevel.checkpoint()

    with pytest.raises(EngineError, match="broke"):
        await overlook()


async def test_a_stream_is_one_run(scripted: Scripted) -> None:
    model, _ = scripted(say("ok"))
    stream = model.stream("Hello?")
    with pytest.raises(RuntimeError, match="async with"):
        await anext(aiter(stream))
    async with stream:
        await stream.finish()
    with pytest.raises(RuntimeError, match="entered once"):
        await stream.__aenter__()


# Exact replay


def _history(
    tokenizer: Tokenizer, mode: ThinkingMode, *, calls: bool
) -> tuple[list[Message], list[Message]]:
    """A conversation as sampled (with ids), and the same as somebody wrote it."""
    thinks = mode != "off"
    lines = [
        say("Paris.", thinking="Capital." if thinks else ""),
        call(OSLO, thinking="Look." if thinks else "", text="One moment."),
        say("Sunny — 21 °C.", thinking="Read." if thinks else ""),
    ]
    if not calls:
        lines[1] = say("I can't look.", thinking="No tool." if thinks else "")
    sampled: list[Message] = [System("Be brief."), User("France?")]
    for line, follow in zip(
        lines,
        ([User("And Oslo's weather?")], [], [User("Thanks. "), User("Bye?")]),
        strict=True,
    ):
        parts: list[Thinking | Text | ToolCall] = []
        if line.thinking:
            parts.append(Thinking(line.thinking))
        if line.text:
            parts.append(Text(line.text))
        parts += [ToolCall("call_1", *made) for made in line.calls]
        ids = tuple(completion(tokenizer, line, thinking=thinks))
        sampled.append(Assistant(tuple(parts), ids))
        if line.calls:
            sampled.append(ToolResult("call_1", "sunny, 21", "weather"))
        elif not follow:
            follow = [User("Guess.")]
        sampled += follow
    written = [Assistant(m.parts) if isinstance(m, Assistant) else m for m in sampled]
    return sampled, written


@pytest.mark.parametrize("mode", ["off", "high", "max"])
@pytest.mark.parametrize("calls", [True, False])
def test_the_splice_is_the_canonical_rendering(
    tokenizer: Tokenizer, mode: ThinkingMode, calls: bool
) -> None:
    sampled, written = _history(tokenizer, mode, calls=calls)
    tools = (weather.spec,) if calls else ()
    setup = Setup(mode, tools)
    spliced = Transcript(tokenizer, setup, sampled).prompt
    rendered = Transcript(tokenizer, setup, written).prompt
    assert spliced == rendered
    # And both are what rendering the wire form at once gives.
    wire: list[dict[str, object]] = [{"role": "system", "content": "Be brief."}]
    if calls:
        wire[0]["tools"] = [weather.spec.as_openai()]
    for message in written[1:]:
        match message:
            case User(text):
                wire.append({"role": "user", "content": text})
            case ToolResult(call_id, text):
                wire.append({"role": "tool", "tool_call_id": call_id, "content": text})
            case Assistant():
                wire.append(
                    {
                        "role": "assistant",
                        "content": message.text,
                        "reasoning_content": message.thinking,
                        "tool_calls": [
                            {
                                "id": c.id,
                                "function": {"name": c.name, "arguments": c.arguments},
                            }
                            for c in message.calls
                        ],
                    }
                )
    thinks = mode != "off"
    pieces = render(wire, thinking=thinks, effort=mode if thinks else None)
    assert list(spliced) == tokenizer.encode(pieces)


@pytest.mark.parametrize(("before", "after"), [("off", "high"), ("high", "off")])
def test_the_splice_survives_a_change_of_mode(
    tokenizer: Tokenizer, before: ThinkingMode, after: ThinkingMode
) -> None:
    sampled, written = _history(tokenizer, before, calls=True)
    setup = Setup(after, (weather.spec,))
    spliced = Transcript(tokenizer, setup, sampled).prompt
    assert spliced == Transcript(tokenizer, setup, written).prompt


async def test_sampled_ids_are_replayed_and_never_encoded_again(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    # A call as no renderer would write it: "Oslo" letter by letter.
    usual = completion(tokenizer, call(OSLO, thinking="Hm."), thinking=True)
    letters = [i for letter in "Oslo" for i in tokenizer.encode_text(letter)]
    oslo = tokenizer.encode_text("Oslo")
    starts = [i for i in range(len(usual)) if usual[i : i + len(oslo)] == oslo]
    assert len(starts) == 1
    assert len(letters) == 4 > len(oslo)
    odd = (*usual[: starts[0]], *letters, *usual[starts[0] + len(oslo) :])
    model, engine = scripted(Line(ids=odd), say("Sunny."), say("Bye."))
    reply = await model.chat("Go.", tools=[weather])
    assert reply.calls[0].arguments == '{"city": "Oslo"}'
    first, second = engine.requests
    assert second.prompt[: len(first.prompt) + len(odd)] == (*first.prompt, *odd)
    # The next run continues from the messages alone, and still has the same ids.
    await model.chat([*reply.messages, User("Bye?")], tools=[weather])
    third = engine.requests[2]
    known = (*second.prompt, *engine.sampled[1])
    assert third.prompt[: len(known)] == known


@pytest.mark.parametrize("mode", ["off", "high"])
@pytest.mark.parametrize("calls", [True, False])
def test_the_splice_of_any_window_is_its_rendering(
    tokenizer: Tokenizer, mode: ThinkingMode, calls: bool
) -> None:
    """Also of one that begins with a turn of the model, or has two in a row."""
    sampled, written = _history(tokenizer, mode, calls=calls)
    asked: list[Message] = [User("And now?")]
    turn = next(i for i, m in enumerate(sampled) if isinstance(m, Assistant))
    system = [m for m in sampled if isinstance(m, System)]
    plain = Assistant((Thinking("Well."), Text("First.")))
    windows = {
        "from a turn": (system + sampled[turn:], system + written[turn:]),
        "without a system": (sampled[turn:], written[turn:]),
        "two turns": (
            [User("a"), plain, *sampled[turn:]],
            [User("a"), plain, *written[turn:]],
        ),
    }
    tools = (weather.spec,) if calls else ()
    for output in (None, {"type": "object"}):
        setup = Setup(mode, tools, output=output)
        for name, (kept, shown) in windows.items():
            spliced = Transcript(tokenizer, setup, [*kept, *asked]).prompt
            rendered = Transcript(tokenizer, setup, [*shown, *asked]).prompt
            # As text: where a turn follows no marker, tokens could join with it.
            assert tokenizer.decode(spliced) == tokenizer.decode(rendered), name
            assert spliced[0] == tokenizer.bos


def test_an_edited_message_is_rendered_as_edited(tokenizer: Tokenizer) -> None:
    ids = tuple(completion(tokenizer, say("Paris."), thinking=False))
    edited: list[Message] = [
        User("France?"),
        Assistant((Text("Lyon."),), ids),
        User("Sure?"),
    ]
    prompt = Transcript(tokenizer, Setup("off"), edited).prompt
    assert "Lyon." in tokenizer.decode(prompt)
    assert "Paris." not in tokenizer.decode(prompt)


def test_ids_of_another_tokenizer_are_not_replayed(tokenizer: Tokenizer) -> None:
    foreign: list[Message] = [
        User("France?"),
        Assistant((Text("Paris."),), (tokenizer.vocab_size + 7,)),
        User("Sure?"),
    ]
    prompt = Transcript(tokenizer, Setup("off"), foreign).prompt
    assert "Paris." in tokenizer.decode(prompt)
