"""``Chat``: sends that join, whatever becomes of them; resuming, forking, editing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsagent.documents import Document, block
from dsagent.engine.request import Sampling
from dsagent.errors import (
    ChatBusy,
    ContextOverflow,
    DefinitionError,
    EngineError,
    InvalidMessages,
    LimitReached,
)
from dsagent.events import TextDelta, ToolCallReady, TurnFinished
from dsagent.messages import (
    Assistant,
    System,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    User,
    check_history,
)
from dsagent.model import Model
from dsagent.options import Limits
from dsagent.reply import Usage
from dsagent.tools import Context, tool
from tests.fakes import Line, ScriptedEngine, call, completion, say

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.chat import Chat
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import GrammarBackend
    from dsagent.engine.request import Request
    from dsagent.events import Event
    from dsagent.messages import Message
    from dsagent.options import ThinkingMode
    from dsagent.reply import Reply
    from tests.conftest import Scripted
    from tests.fakes import ScriptedGeneration


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


OSLO = ("weather", '{"city": "Oslo"}')
BRIEF = System("Be brief.")


# Sending


async def test_what_was_said_is_what_the_next_prompt_begins_with(
    scripted: Scripted,
) -> None:
    model, engine = scripted(call(OSLO), say("Sunny."), say("Welcome."))
    chat = model.open_chat(system="Be brief.", tools=[weather])
    assert chat.messages == (BRIEF,)
    first = await chat.send("Weather in Oslo?")
    assert (first.text, chat.stop) == ("Sunny.", "done")
    assert chat.messages == first.messages
    second = await chat.send(User("Thanks."))
    engine.assert_done()
    assert chat.messages == second.messages
    assert [type(m) for m in chat.messages] == [
        System,
        User,
        Assistant,
        ToolResult,
        Assistant,
        User,
        Assistant,
    ]
    for earlier, later, ids in zip(
        engine.requests, engine.requests[1:], engine.sampled, strict=False
    ):
        known = (*earlier.prompt, *ids)
        assert later.prompt[: len(known)] == known


async def test_a_stream_joins_when_its_block_is_over(scripted: Scripted) -> None:
    model, _ = scripted(say("One."), say("Two."))
    chat = model.open_chat()
    async with chat.stream("1?", thinking="off") as stream:
        async for _ in stream:
            assert chat.messages == ()
        assert stream.reply.text == "One."
    assert chat.messages == stream.reply.messages
    assert (await chat.send("2?")).messages[:2] == stream.reply.messages


async def test_settings_hold_for_every_send_and_can_be_overridden(
    scripted: Scripted,
) -> None:
    seen: list[object] = []

    @tool
    def note(ctx: Context[str]) -> None:
        """Take a note."""
        seen.append(ctx.deps)

    sampling = Sampling(temperature=0.25)
    model, engine = scripted(*[call(("note", "{}")), say("ok")] * 2, say("ok"))
    chat = model.open_chat(
        tools=[note],
        thinking="off",
        sampling=sampling,
        limits=Limits(output_tokens=400),
        deps="first",
    )
    await chat.send("?")
    await chat.send("?", deps="second", sampling=Sampling(seed=1), thinking="high")
    await chat.send("?", tool_choice="none")
    assert seen == ["first", "second"]
    assert [r.sampling.seed for r in engine.requests] == [None, None, 1, 1, None]
    thinks = [r.prompt[-1] == engine.tokenizer.think for r in engine.requests]
    assert thinks == [False, False, True, True, False]
    assert engine.requests[0].max_tokens == 400
    with pytest.raises(TypeError, match="colour"):
        await chat.send("?", colour="red")  # type: ignore[call-overload]


async def test_a_chat_that_can_not_work_is_refused_when_it_is_opened(
    scripted: Scripted,
) -> None:
    model, _ = scripted()
    with pytest.raises(DefinitionError, match="two tools are called `weather`"):
        model.open_chat(tools=[weather, weather])
    with pytest.raises(ValueError, match="'off', 'low', 'high' or 'max'"):
        model.open_chat(thinking="deep")  # type: ignore[arg-type]


# Sends that don't come to an end


async def test_a_cancelled_send_keeps_what_was_written(scripted: Scripted) -> None:
    line = Line(text="one two three", hold=anyio.Event(), held=3)
    model, engine = scripted(line, say("Four."))
    chat = model.open_chat(thinking="off")
    async with anyio.create_task_group() as group:
        group.start_soon(chat.send, "Count.")
        while not engine.sampled or not engine.sampled[0]:
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()
    assert chat.stop == "cancelled"
    asked, answer = chat.messages
    assert asked == User("Count.")
    assert isinstance(answer, Assistant)
    assert "one two three".startswith(answer.text)
    assert answer.text
    assert (await chat.send("Go on.")).text == "Four."


async def test_a_stream_left_early_keeps_its_calls_answered(
    scripted: Scripted,
) -> None:
    @tool
    async def waits() -> None:
        """Waits for ever."""
        await anyio.sleep_forever()

    model, engine = scripted(call(OSLO, ("waits", "{}")), say("Fine."))
    chat = model.open_chat(tools=[weather, waits])
    both = {"tool_finished", "waits"}  # the first has ended, the second is written
    async with chat.stream("Go.") as stream:
        async for event in stream:
            both.discard(event.kind)
            if isinstance(event, ToolCallReady):
                both.discard(event.call.name)
            if not both:
                break
    assert engine.open == 0
    assert chat.messages == stream.reply.messages
    statuses = [m.status for m in chat.messages if isinstance(m, ToolResult)]
    assert statuses == ["ok", "interrupted"]
    assert (await chat.resume()).text == "Fine."


async def test_an_answer_that_is_whole_is_done_though_it_was_cancelled(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gives_up(event: Event) -> None:
        if isinstance(event, TurnFinished):
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    monkeypatch.setattr("dsagent.chat.to_nobody", gives_up)
    model, engine = scripted(say("one two three"))
    chat = model.open_chat(thinking="off")
    with anyio.CancelScope() as scope:
        await chat.send("Count.")
    assert scope.cancelled_caught
    whole = Assistant((Text("one two three"),), tuple(engine.sampled[0]))
    assert (chat.messages[-1], chat.stop) == (whole, "done")


async def test_what_the_block_raises_is_raised_and_the_reply_kept(
    scripted: Scripted,
) -> None:
    model, _ = scripted(say("one two three"), say("ok"))
    chat = model.open_chat(thinking="off")

    async def fail() -> None:
        async with chat.stream("Count.") as stream:
            async for event in stream:
                if isinstance(event, TextDelta):
                    raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert isinstance(chat.messages[-1], Assistant)
    await chat.send("Again.")


async def test_an_error_keeps_what_was_done(scripted: Scripted) -> None:
    broken = Line(text="one two three", cut=2, error=EngineError("it broke"))
    model, engine = scripted(call(OSLO), broken, say("Done."))
    chat = model.open_chat(tools=[weather], thinking="off")
    with pytest.raises(EngineError, match="it broke"):
        await chat.send("Go.")
    assert chat.stop == "error"
    assert [type(m) for m in chat.messages] == [User, Assistant, ToolResult, Assistant]
    tokens = sum(map(len, engine.sampled))
    assert (chat.usage.output_tokens, chat.usage.turns) == (tokens, 2)
    await chat.send("And?")
    assert chat.usage.turns == 3


async def test_a_send_that_did_nothing_leaves_no_trace(scripted: Scripted) -> None:
    broken = Line(text="one", cut=0, ids=(), error=EngineError("it broke"))
    model, engine = scripted(broken, say("ok"), context_limit=60)
    document = Document("long.txt", "word " * 100)
    chat = model.open_chat(system="Be brief.")
    with pytest.raises(EngineError):
        await chat.send("One?")
    assert chat.messages == (BRIEF,)
    assert chat.usage.prompt_tokens == len(engine.requests[0].prompt)
    with pytest.raises(ContextOverflow):
        await chat.send("Two?", documents=[document])
    with pytest.raises(ContextOverflow):
        async with chat.stream("Two?", documents=[document]) as stream:
            await stream.finish()
    assert chat.messages == (BRIEF,)
    assert (await chat.send("Three?")).text == "ok"


async def test_a_question_that_was_cancelled_is_kept(scripted: Scripted) -> None:
    model, _ = scripted(Line(text="x", hold=anyio.Event(), held=3), say("Hello."))
    chat = model.open_chat()
    async with chat.stream("Hello?") as stream:
        await anext(aiter(stream))
    assert chat.messages == (User("Hello?"),)
    assert (await chat.resume()).text == "Hello."


# One thing at a time


async def test_a_second_send_is_refused(scripted: Scripted) -> None:
    model, _ = scripted(say("One."), say("Forked."), say("Two."))
    chat = model.open_chat()
    async with chat.stream("1?") as stream:
        with pytest.raises(ChatBusy, match=r"fork\(\) the chat to ask two things"):
            await chat.send("2?")
        with pytest.raises(ChatBusy):
            chat.stream("2?")
        with pytest.raises(ChatBusy):
            chat.messages = ()
        await stream.finish()
        fork = chat.fork()
        assert (await fork.send("1, too?")).text == "Forked."
    assert (await chat.send("2?")).text == "Two."


async def test_sends_side_by_side(scripted: Scripted) -> None:
    model, _ = scripted(say("One."))
    chat = model.open_chat()
    errors: list[ChatBusy] = []

    async def ask() -> None:
        try:
            await chat.send("?")
        except ChatBusy as error:
            errors.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert len(errors) == 1
    assert len(chat.messages) == 2


async def test_a_stream_is_of_the_conversation_it_was_made_in(
    scripted: Scripted,
) -> None:
    model, _ = scripted(say("One."), say("Two."))
    chat = model.open_chat()
    late = chat.stream("2?")
    await chat.send("1?")
    with pytest.raises(ChatBusy, match="has gone on since this stream was made"):
        await late.__aenter__()
    async with chat.stream("2?") as stream:
        with pytest.raises(ChatBusy):
            await stream.__aenter__()
        await stream.finish()
    assert len(chat.messages) == 4


# Resuming


@pytest.mark.parametrize("thinking", ["off", "high"])
@pytest.mark.parametrize("how", ["length", "cancelled"])
async def test_a_turn_is_gone_on_with_wherever_it_broke_off(
    scripted: Scripted, tokenizer: Tokenizer, thinking: ThinkingMode, how: str
) -> None:
    # The thinking holds a character of several tokens, the text one that looks like
    # the begin of a call: both are held back while they are incomplete.
    thought = "Hm 🦙." if thinking == "high" else ""
    line = call(OSLO, text="5 < 6, so 🦉:", thinking=thought)
    full = completion(tokenizer, line, thinking=thinking == "high")
    for cut in range(1, len(full)):
        hold = anyio.Event() if how == "cancelled" else None
        stops = cut if how == "length" else None
        begin = Line(ids=tuple(full), cut=stops, hold=hold, held=len(full) - cut)
        model, engine = scripted(begin, Line(ids=tuple(full[cut:])), say("Sunny."))
        chat = model.open_chat(tools=[weather], thinking=thinking)
        async with chat.stream("Go.") as stream:
            if hold is None:
                await stream.finish()
            else:
                while len(engine.sampled) == 0 or len(engine.sampled[0]) < cut:
                    await anyio.lowlevel.checkpoint()
                for _ in range(5):
                    await anyio.lowlevel.checkpoint()
        assert chat.stop == how
        if any(isinstance(m, ToolResult) for m in chat.messages):
            break  # The call was complete: its result is what is answered.
        reply = await chat.resume()
        engine.assert_done()
        assert engine.requests[1].prompt == (*engine.requests[0].prompt, *full[:cut])
        whole = Assistant(
            (
                *([Thinking(thought)] if thought else []),
                Text("5 < 6, so 🦉:"),
                ToolCall("call_1", *OSLO),
            ),
            tuple(full),
        )
        assert chat.messages[1] == whole, tokenizer.decode(full[:cut])
        assert reply.text == "Sunny."
        assert chat.edited() == ()
    else:
        assert cut == len(full) - 1


async def test_resuming_streams_only_what_is_new(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    full = tuple(completion(tokenizer, say("one two three four"), thinking=False))
    model, _ = scripted(Line(ids=full, cut=2), Line(ids=full[2:]))
    chat = model.open_chat(thinking="off")
    first = await chat.send("Count.")
    assert (first.text, first.stop) == ("one two", "length")
    async with chat.stream() as stream:
        deltas = [e.text async for e in stream if isinstance(e, TextDelta)]
    assert "".join(deltas) == " three four"
    assert stream.reply.text == "one two three four"
    assert chat.usage.output_tokens == len(full)


async def test_a_turn_cut_off_twice(scripted: Scripted, tokenizer: Tokenizer) -> None:
    full = tuple(completion(tokenizer, say("one two three four"), thinking=False))
    never = anyio.Event()
    model, engine = scripted(
        Line(ids=full, cut=2),
        Line(ids=full[2:], hold=never, held=len(full) - 2),
        Line(ids=full[2:], cut=1),
        Line(ids=full[3:]),
    )
    chat = model.open_chat(thinking="off")
    await chat.send("Count.")
    before = chat.messages
    async with chat.stream() as stream:
        await anext(aiter(stream))
    assert chat.messages == before
    await chat.resume()
    assert (await chat.resume()).text == "one two three four"
    engine.assert_done()


@pytest.mark.parametrize("change", [{}, {"thinking": "high"}])
async def test_a_resumption_that_never_began_loses_nothing(
    scripted: Scripted, change: dict[str, object]
) -> None:
    # A prompt this long is encoded in a thread, where the run can be cancelled.
    long = Document("long.txt", "word " * 5000)
    model, engine = scripted(Line(text="one two three", cut=2))
    chat = model.open_chat(thinking="off", documents=[long])
    await chat.send("Count.")
    before = chat.messages
    async with chat.stream(**change):  # type: ignore[call-overload]
        pass
    engine.assert_done()
    assert chat.messages == before
    assert chat.fork().messages == before


async def test_a_budget_of_thinking_counts_what_is_thought_from_here_on(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    line = say("Four.", thinking="one two three four five six seven")
    full = tuple(completion(tokenizer, line, thinking=True))
    model, engine = scripted(
        Line(ids=full, cut=4), Line(ids=full[4:], yields=True), say("unasked")
    )
    chat = model.open_chat()
    await chat.send("Count.")
    reply = await chat.resume(limits=Limits(thinking_tokens=2))
    assert engine.requests[1].prompt[-4:] == full[:4]
    assert (reply.thinking, reply.text) == ("one two three four five six", "Four.")


async def test_answers_of_a_chat_are_typed(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    full = tuple(completion(tokenizer, say("[1, 2, 3]"), thinking=False))
    model, engine = scripted(
        say("5"), Line(ids=full, cut=3), Line(ids=full[3:]), say("{}"), say("ok")
    )
    chat = model.open_chat(thinking="off")
    number: Reply[int] = await chat.send("A number?", output=int)
    assert number.output == 5
    await chat.send("Several?", output=list[int])
    several: Reply[list[int]] = await chat.resume(output=list[int])
    assert several.output == [1, 2, 3]
    async with chat.stream("And?", output={"type": "object"}) as stream:
        await stream.finish()
    assert stream.reply.output == {}
    text: Reply[str] = await chat.send("Well?")
    assert text.output == "ok"
    engine.assert_done()
    count = await chat.count_tokens("?", output=int)
    assert count.schema > 0


async def test_there_must_be_something_to_resume(scripted: Scripted) -> None:
    model, _ = scripted(say("One."))
    chat = model.open_chat(system="Be brief.")
    chat.messages = ()
    with pytest.raises(InvalidMessages, match="nothing to resume"):
        await chat.resume()
    await chat.send("1?")
    with pytest.raises(InvalidMessages, match=r"nothing to resume.*send\(\.\.\.\)"):
        await chat.resume()


@pytest.mark.parametrize("on_limit", ["stop", "raise"])
async def test_a_limit_can_be_gone_beyond(scripted: Scripted, on_limit: str) -> None:
    model, _ = scripted(call(OSLO), say("Sunny."))
    chat = model.open_chat(tools=[weather])
    limits = Limits(turns=1, on_limit=on_limit)  # type: ignore[arg-type]
    if on_limit == "stop":
        await chat.send("Go.", limits=limits)
    else:
        with pytest.raises(LimitReached):
            await chat.send("Go.", limits=limits)
    assert chat.stop == "limit"
    assert isinstance(chat.messages[-1], ToolResult)
    assert (await chat.resume()).text == "Sunny."


@pytest.mark.parametrize(
    "change", [{"thinking": "off"}, {"tool_choice": "required", "tools": [weather]}]
)
async def test_a_turn_that_would_be_written_otherwise_now_is_written_anew(
    scripted: Scripted, change: dict[str, object]
) -> None:
    thinks = "thinking" not in change
    then = [call(OSLO, thinking="Look.")] if thinks else []
    model, engine = scripted(
        Line("one two three", "Hm, well.", cut=7 if thinks else 2), *then, say("Three.")
    )
    chat = model.open_chat()
    await chat.send("Count.")
    partial = chat.messages[-1]
    reply = await chat.resume(**change)  # type: ignore[call-overload]
    assert reply.text == "Three."
    engine.assert_done()
    assert partial not in chat.messages
    marks = (engine.tokenizer.think, engine.tokenizer.end_think)
    assert engine.requests[1].prompt[-1] in marks
    assert [m for m in chat.messages if isinstance(m, User)] == [User("Count.")]


async def test_a_broken_off_turn_that_was_edited_is_not_gone_on_with(
    scripted: Scripted,
) -> None:
    model, _ = scripted(Line(text="one two three", cut=2))
    chat = model.open_chat(thinking="off")
    await chat.send("Count.")
    chat.messages = (*chat.messages[:-1], Assistant((Text("one, two, three"),)))
    with pytest.raises(InvalidMessages, match="nothing to resume"):
        await chat.resume()


# Forks and edits


async def test_a_fork_goes_its_own_way(scripted: Scripted) -> None:
    model, engine = scripted(say("One."), say("Two."), say("Deux."))
    chat = model.open_chat(system="Be brief.")
    await chat.send("1?")
    fork = chat.fork()
    assert (fork.messages, fork.usage) == (chat.messages, Usage())
    await chat.send("2?")
    await fork.send("2, in French?")
    assert fork.messages[:3] == chat.messages[:3]
    texts = [m.text for m in fork.messages if isinstance(m, Assistant)]
    assert texts == ["One.", "Deux."]
    prompts = [len(request.prompt) for request in engine.requests]
    assert chat.usage.prompt_tokens == prompts[0] + prompts[1]
    assert fork.usage.prompt_tokens == prompts[2]


async def test_an_edit_is_told_and_read_as_edited(scripted: Scripted) -> None:
    model, engine = scripted(say("Paris."), say("Lima."), say("ok"))
    chat = model.open_chat(thinking="off")
    await chat.send("France?")
    await chat.send("Peru?")
    assert chat.edited() == ()
    first = chat.messages[1]
    assert isinstance(first, Assistant)
    edited = replace(first, parts=(Text("Lyon."),))
    chat.messages = (chat.messages[0], edited, *chat.messages[2:])
    assert chat.edited() == (1,)
    assert chat.stop is None
    await chat.send("Sure?")
    assert engine.prompt_text(2) == (
        "<｜begin▁of▁sentence｜><｜User｜>France?<｜Assistant｜></think>Lyon."
        "<｜end▁of▁sentence｜><｜User｜>Peru?<｜Assistant｜></think>Lima."
        "<｜end▁of▁sentence｜><｜User｜>Sure?<｜Assistant｜></think>"
    )


async def test_a_conversation_that_is_none_can_not_be_assigned(
    scripted: Scripted,
) -> None:
    model, _ = scripted()
    chat = model.open_chat(system="Be brief.")
    with pytest.raises(InvalidMessages, match="'call_1' of weather has no result"):
        chat.messages = (User("Hi"), Assistant((ToolCall("call_1", "weather"),)))
    assert chat.messages == (BRIEF,)


async def test_ids_of_calls_are_not_given_twice_after_an_edit(
    scripted: Scripted,
) -> None:
    model, _ = scripted(*[call(OSLO), say("ok")] * 3)
    chat = model.open_chat(tools=[weather])
    await chat.send("1?")
    second = await chat.send("2?")
    chat.messages = second.messages[4:]
    reply = await chat.send("3?")
    assert [made.id for made in reply.calls] == ["call_3"]


# Documents


async def test_documents_stay_with_the_first_question(scripted: Scripted) -> None:
    model, engine = scripted(say("Blue."), say("Red."), say("Both."))
    sky, rose = Document("sky.txt", "Blue sky."), Document("rose.txt", "Red rose.")
    chat = model.open_chat(documents=[sky], thinking="off")
    await chat.send("Sky?")
    await chat.send(User("Rose?", documents=(rose,)))
    assert chat.messages[0] == User("Sky?", documents=(sky,))
    assert engine.prompt_text(1).endswith(
        f"<｜User｜>{block(sky)}Sky?<｜Assistant｜></think>Blue.<｜end▁of▁sentence｜>"
        f"<｜User｜>{block(rose)}Rose?<｜Assistant｜></think>"
    )
    known = (*engine.requests[0].prompt, *engine.sampled[0])
    assert engine.requests[1].prompt[: len(known)] == known
    count = await chat.count_tokens("Both?")
    await chat.send("Both?")
    assert count.total == len(engine.requests[2].prompt)
    assert set(count.by_document) == {"sky.txt", "rose.txt"}


async def test_what_does_not_fit_is_named_before_anything_is_read(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    model, engine = scripted(context_limit=400)
    short, long = Document("a.txt", "Short."), Document("b.txt", "A word. " * 300)
    chat = model.open_chat(system="Be brief.", documents=[short], thinking="off")
    with pytest.raises(ContextOverflow, match=r"document 'b\.txt' \d") as info:
        await chat.send("Which?", documents=[long, short])
    assert engine.requests == []
    parts = info.value.parts
    assert sum(parts.values()) == info.value.needed
    assert parts["document 'a.txt'"] == 2 * len(tokenizer.encode_text(block(short)))
    assert parts["document 'b.txt'"] == len(tokenizer.encode_text(block(long)))
    assert set(parts) == {
        "system",
        "document 'a.txt'",
        "document 'b.txt'",
        "messages",
        "output",
    }
    # The document that waits still waits for a question that fits.
    assert (await chat.count_tokens("Which?")).by_document.keys() == {"a.txt"}


# The real engine


def _said(messages: tuple[Message, ...]) -> list[object]:
    """Messages without ids, which a turn that was cut off behind its call has not."""
    return [m.parts if isinstance(m, Assistant) else m for m in messages]


async def test_resuming_writes_what_would_have_been_written(
    nano: Model, tmp_path: Path
) -> None:
    @tool
    def weather(city: str) -> str:
        """The weather of a city."""
        return "cloudy, 12 degrees"

    path = tmp_path / "chat.json"
    question = "What is the weather in Oslo?"
    chat = nano.open_chat(tools=[weather], sampling=Sampling(temperature=0.0))
    whole = await chat.fork().send(question, limits=Limits(output_tokens=150))
    await chat.send(question, limits=Limits(output_tokens=2, on_limit="stop"))
    for _ in range(50):
        if chat.stop == "done":
            break
        chat.save(path)
        chat = nano.load_chat(path, tools=[weather])
        await chat.resume(limits=Limits(output_tokens=5, on_limit="stop"))
    assert _said(chat.messages) == _said(whole.messages)


async def test_the_sizes_of_documents_add_up_whatever_they_merge_with(
    scripted: Scripted, tokenizer: Tokenizer
) -> None:
    model, _ = scripted()
    first, second = Document("a", "A word. " * 20), Document("b", "Another.\n")
    count = await model.count_tokens("\n\nWhich?", documents=[first, second])
    assert sum(count.by_document.values()) == count.documents
    # The line ends of the question become one token with that of the last document.
    alone = [len(tokenizer.encode_text(block(d))) for d in (first, second)]
    assert count.documents != sum(alone)


# Whatever happens


@dataclass
class Writer(ScriptedEngine):
    """Writes one answer after another; if a prompt ends in the begin of the last one,
    it goes on with that, as a model would."""

    lines: list[Line] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    """How the next generation ends: {"cut": n} or {"error": n}; {}: by itself."""

    def submit(self, request: Request) -> ScriptedGeneration:
        rest = self._rest(request.prompt)
        if rest is None:
            number = len(self.lines)
            thoughts = f"thought {number} 🦙"
            line = say(f"answer {number}: 5 < 6", thoughts)
            if number % 3 == 1:
                line = call(OSLO, OSLO, thinking=thoughts)
            self.lines.append(line)
            rest = self._full(line)
        at = self.ends.get("cut", self.ends.get("error"))
        error = EngineError("it broke") if "error" in self.ends else None
        assert not callable(self.script)
        self.script = (*self.script, Line(ids=tuple(rest), cut=at, error=error))
        self.ends = {}
        return super().submit(request)

    def _rest(self, prompt: tuple[int, ...]) -> list[int] | None:
        if not self.lines:
            return None
        full = self._full(self.lines[-1])
        for length in range(len(full), 0, -1):
            if list(prompt[-length:]) == full[:length]:
                return full[length:]
        return None

    def _full(self, line: Line) -> list[int]:
        return completion(self.tokenizer, line, thinking=True)


async def _leave(chat: Chat, prompt: str | None, events: int) -> None:
    async with chat.stream(prompt) as stream:
        async for _ in stream:
            events -= 1
            if events < 0:
                break


async def _cancel(chat: Chat, prompt: str | None, steps: int) -> None:
    async def ask() -> None:
        await (chat.resume() if prompt is None else chat.send(prompt))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        for _ in range(steps):
            await anyio.lowlevel.checkpoint()
        group.cancel_scope.cancel()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["whole", "cut", "error", "leave", "cancel", "fork"]),
        st.integers(1, 30),
        st.booleans(),
    ),
    max_size=6,
)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@settings(max_examples=30)
@given(steps=STEPS)
def test_no_interruption_breaks_a_chat(
    backend: str,
    tokenizer: Tokenizer,
    grammars: GrammarBackend,
    steps: list[tuple[str, int, bool]],
) -> None:
    anyio.run(_interrupt, tokenizer, grammars, steps, backend=backend)


async def _interrupt(
    tokenizer: Tokenizer, grammars: GrammarBackend, steps: list[tuple[str, int, bool]]
) -> None:
    engine = Writer(tokenizer, [])
    chat = Model(engine, tokenizer, grammars=grammars).open_chat(tools=[weather])
    before: tuple[Message, ...] = ()
    counted = 0  # Requests that earlier chats have paid for.
    for step, (action, at, resumes) in enumerate(steps):
        can_resume = bool(before) and chat.stop != "done"
        prompt = None if resumes and can_resume else f"question {step}"
        try:
            match action:
                case "whole":
                    await (chat.resume() if prompt is None else chat.send(prompt))
                    assert chat.stop == "done"
                case "cut" | "error":
                    engine.ends = {action: at}
                    await (chat.resume() if prompt is None else chat.send(prompt))
                case "leave":
                    await _leave(chat, prompt, at)
                case "cancel":
                    await _cancel(chat, prompt, at)
                case "fork":
                    counted, chat = len(engine.requests), chat.fork()
        except EngineError:
            assert action == "error"
        check_history(chat.messages)
        assert engine.open == 0
        assert chat.edited() == ()
        assert chat.usage.output_tokens == sum(map(len, engine.sampled[counted:]))
        prompts = [len(request.prompt) for request in engine.requests[counted:]]
        assert chat.usage.prompt_tokens == sum(prompts)
        # Only a turn that was broken off is ever replaced.
        kept = before[:-1] if prompt is None else before
        assert chat.messages[: len(kept)] == kept
        before = chat.messages
    engine.ends = {}
    if chat.stop not in (None, "done"):
        await chat.resume()
        assert chat.stop == "done"
    texts = {line.text for line in engine.lines}
    for message in chat.messages:
        if isinstance(message, Assistant) and message.token_ids:
            assert message.text in texts
        elif isinstance(message, Assistant):
            # What may be the begin of a call is text until the call has begun.
            text = message.text.rstrip("\n<")
            assert any(whole.startswith(text) for whole in texts)
