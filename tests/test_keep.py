"""Chats kept on disk: what is kept begins the next prompt, and who differs is named."""

from __future__ import annotations

import gc
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dsagent import Document, Limits, Text, User, tool
from dsagent.messages import Assistant
from dsagent.model import Model
from tests.fakes import ScriptedEngine, call, say

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from dsagent import Chat, Reply
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import GrammarBackend
    from dsagent.testing import Step
    from tests.conftest import Scripted

    Use = Callable[[Chat], Awaitable[Reply[str]]]

LETTER = Document("letter.txt", "The ferry leaves at 9:40.\nTickets are 12 euros.")


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@tool(approval=True)
def delete(path: str) -> str:
    """Delete a file."""
    return f"{path} is gone"


OSLO = ("weather", '{"city": "Oslo"}')
THOUGHT = [say("At 9:40.", "The letter says so."), say("12 euros.", "Again.")]


async def ask(chat: Chat) -> Reply[str]:
    return await chat.send("How much?")


async def resume(chat: Chat) -> Reply[str]:
    return await chat.resume()


async def decide(chat: Chat) -> Reply[str]:
    return await chat.resume(decisions={"call_1": True})


CASES: dict[str, tuple[dict[str, Any], list[Step], Limits | None, Use, int]] = {
    # Options of the chat, its turns, limits of the first send, what is done next, and
    # how many tokens at most the next prompt has beside what was kept.
    "thinking that is dropped": ({}, THOUGHT, None, ask, 12),
    "thinking that stays": ({"tools": [weather]}, THOUGHT, None, ask, 12),
    "no thinking": ({"thinking": "off", "system": "Hm."}, THOUGHT[:0], None, ask, 12),
    "documents": ({"documents": [LETTER]}, THOUGHT, None, ask, 12),
    "calls": (
        {"tools": [weather]},
        [call(OSLO, thinking="Look."), say("Sunny."), say("No.")],
        None,
        ask,
        12,
    ),
    "a turn that was cut off": (
        {"thinking": "off"},
        [say("one two three four five six seven"), say("done")],
        Limits(output_tokens=4),
        resume,
        0,
    ),
    "a turn that was cut off, and asked on": (
        {"thinking": "off", "documents": [LETTER]},
        [say("one two three four five six seven"), say("done")],
        Limits(output_tokens=4),
        ask,
        12,
    ),
    "thinking that was cut off": (
        {"documents": [LETTER]},
        [say("Hm.", "one two three four five six seven"), say("done")],
        Limits(output_tokens=4, on_limit="stop"),
        ask,
        16,
    ),
    "a call that waits": (
        {"tools": [weather, delete]},
        [call(("delete", '{"path": "a"}'), OSLO, thinking="Well."), say("Gone.")],
        None,
        decide,
        40,
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_the_next_prompt_begins_with_what_was_kept(
    case: str, tokenizer: Tokenizer, grammars: GrammarBackend, tmp_path: Path
) -> None:
    options, script, limits, use, rest = CASES[case]
    script = script or [say("Yes."), say("No.")]
    engine = ScriptedEngine(tokenizer, script)
    model = Model(engine, tokenizer, grammars=grammars)
    chat = model.open_chat(**options)
    await chat.send("When does it leave?", limits=limits)
    assert await chat.keep(tmp_path / "cache") == "computed"
    assert await chat.keep(tmp_path / "cache") == "memory"
    chat.save(tmp_path / "chat.json")
    (hold,) = engine.holds

    other = ScriptedEngine(tokenizer, engine.script)
    other.requests += engine.requests
    other.sampled += engine.sampled
    elsewhere = Model(other, tokenizer, grammars=grammars)
    tools = options.get("tools", ())
    loaded = elsewhere.load_chat(tmp_path / "chat.json", tools=tools)
    assert await loaded.keep(tmp_path / "cache") == "disk"
    reply = await use(loaded)
    prompt = other.requests[-1].prompt
    assert prompt[: len(hold.ids)] == hold.ids
    assert len(prompt) - len(hold.ids) <= rest
    assert reply.usage.cached_tokens == min(len(hold.ids), len(prompt) - 1)
    assert len(other.holds) == 0  # it was used


async def test_a_chat_that_has_not_begun(scripted: Scripted, tmp_path: Path) -> None:
    model, engine = scripted(say("At 9:40."))
    chat = model.open_chat(documents=[LETTER], system="Be brief.", tools=[weather])
    assert await chat.keep(tmp_path) == "computed"
    (hold,) = engine.holds
    async with model.prefix(
        documents=[LETTER], system="Be brief.", tools=[weather]
    ) as prefix:
        assert (prefix.source, prefix.tokens) == ("memory", len(hold.ids))
    reply = await chat.send("When?")
    assert reply.usage.cached_tokens == len(hold.ids)


async def test_documents_wait_for_a_question(
    scripted: Scripted, tmp_path: Path
) -> None:
    model, engine = scripted(say("At 9:40."))
    chat = model.open_chat(documents=[LETTER])
    chat.messages = [User("When?")]
    await chat.keep(tmp_path)
    reply = await chat.resume()
    assert reply.usage.cached_tokens == len(engine.requests[0].prompt) - 1


async def test_only_the_latest_is_held(scripted: Scripted, tmp_path: Path) -> None:
    model, engine = scripted(say("Yes."), say("No."), say("Well."))
    chat = model.open_chat()
    await chat.keep(tmp_path)
    await chat.keep(tmp_path)
    assert len(engine.holds) == 1
    await chat.send("?")
    assert len(engine.holds) == 0
    await chat.keep(tmp_path)
    async with chat.stream("And?") as stream:
        await stream.finish()
    assert len(engine.holds) == 0
    await chat.keep(tmp_path)
    other = chat.fork()
    await other.send("?")
    assert len(engine.holds) == 1
    del chat, stream
    gc.collect()
    assert len(engine.holds) == 0


WORDS = "word " * 1100


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [r.getMessage() for r in caplog.records if r.name == "dsagent.chatcache"]
    caplog.clear()
    return found


async def test_what_differs_is_named(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    off = say("Yes.")
    turns = (off if turn == 2 else say("Yes.", "Hm.") for turn in range(8))
    model, engine = scripted(*turns)
    chat = model.open_chat(system="Be brief.")
    caplog.set_level(logging.WARNING, "dsagent")
    await chat.send(WORDS)
    await chat.send("And?")
    await chat.send("Off.", thinking="off")
    await chat.fork().send("What if?")
    assert warnings(caplog) == []  # dropped thinking is the format's, and no news
    await chat.send("And?", tools=[weather])
    (said,) = warnings(caplog)
    assert "read anew from the tools, which the conversation begins with" in said
    assert said.endswith(f"had {len(engine.requests[2].prompt)} tokens")
    await chat.send("And?")
    assert "from the tools" in warnings(caplog)[0]
    answer = chat.messages[2]
    assert isinstance(answer, Assistant)
    changed = replace(answer, parts=(Text("No."),))
    chat.messages = [*chat.messages[:2], changed, *chat.messages[3:]]
    async with chat.stream("And?") as stream:
        await stream.finish()
    assert "from message 2 (assistant), which was changed" in warnings(caplog)[0]
    chat.messages = chat.messages[:3]
    await chat.send("And then?")
    assert warnings(caplog) == []  # back at an earlier place, all was read already


async def test_little_is_no_warning(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = scripted(say("Yes."), say("{}"), say("No."))
    chat = model.open_chat(thinking="off")
    caplog.set_level(logging.WARNING, "dsagent")
    await chat.send("?")
    await chat.send("?", output={"type": "object", "properties": {}})
    assert warnings(caplog) == []
    caplog.set_level(logging.INFO, "dsagent")
    await chat.send("?")
    assert "from the output's schema" in warnings(caplog)[0]


async def test_going_on_with_a_turn_is_no_difference(
    scripted: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    model, _ = scripted(
        say("one two three four five"),
        say("three"),
        call(("delete", '{"path": "a"}')),
        say("Gone."),
    )
    chat = model.open_chat(thinking="off", tools=[delete])
    caplog.set_level(logging.INFO, "dsagent")
    await chat.send("Count.", limits=Limits(output_tokens=2))
    await chat.resume()
    await chat.send("Tidy up.")
    await chat.resume(decisions={"call_1": True})
    assert warnings(caplog) == []
    assert chat.messages[0] == User("Count.")
