"""Saved chats: whole, versioned, replayed exactly; and every way a file can be bad."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsagent.chatfile import SavedChat, State, read, write
from dsagent.documents import Document
from dsagent.engine.request import Sampling
from dsagent.errors import ChatFileError, DefinitionError
from dsagent.messages import (
    Assistant,
    Message,
    Part,
    System,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    User,
)
from dsagent.options import Limits
from dsagent.reply import Usage
from dsagent.tools import Context, tool
from tests.fakes import Line, call, completion, say

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.encoding.tokenizer import Tokenizer
    from tests.conftest import Scripted


@tool
def weather(city: str, ctx: Context[str | None]) -> str:
    """The weather of a city."""
    return f"{ctx.deps} in {city}"


OSLO = ("weather", '{"city": "Oslo"}')

# Round trips


async def test_a_loaded_chat_goes_on_exactly_where_it_was(
    scripted: Scripted, tmp_path: Path
) -> None:
    path = tmp_path / "chat.json"
    guide = Document("guide.txt", "Oslo 🦙 is </think> a city.")
    model, engine = scripted(call(OSLO), say("Sunny."), say("One."), say("One."))
    chat = model.open_chat(
        system="Be brief.",
        tools=[weather],
        documents=[guide],
        thinking="max",
        sampling=Sampling(temperature=0.5, seed=7),
        limits=Limits(turns=5, output_tokens=300),
        deps="sunny",
    )
    await chat.send("Weather in Oslo?")
    chat.save(path)
    loaded = model.load_chat(path, tools=[weather], deps="rainy")
    assert loaded.messages == chat.messages
    assert (loaded.usage, loaded.stop, loaded.notes) == (chat.usage, "done", ())
    await chat.send("And?")
    await loaded.send("And?")
    first, second = engine.requests[2:]
    assert first.prompt == second.prompt
    assert first.sampling == second.sampling == Sampling(temperature=0.5, seed=7)
    assert first.max_tokens == second.max_tokens == 300
    known = (*engine.requests[1].prompt, *engine.sampled[1])
    assert second.prompt[: len(known)] == known


async def test_a_broken_off_turn_is_gone_on_with_in_another_process(
    scripted: Scripted, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    full = tuple(completion(tokenizer, say("one two three"), thinking=False))
    model, _ = scripted(Line(ids=full, cut=2))
    chat = model.open_chat(thinking="off")
    await chat.send("Count.")
    chat.save(tmp_path / "chat.json")
    model, engine = scripted(Line(ids=full[2:]))
    loaded = model.load_chat(tmp_path / "chat.json")
    assert loaded.stop == "length"
    assert (await loaded.resume()).text == "one two three"
    assert engine.requests[0].prompt[-2:] == full[:2]


async def test_documents_that_wait_are_saved(
    scripted: Scripted, tmp_path: Path
) -> None:
    model, engine = scripted(say("ok"))
    paged = Document("a.pdf", "One\n\nTwo", pages=(0, 5))
    model.open_chat(documents=[paged]).save(tmp_path / "chat.json")
    loaded = model.load_chat(tmp_path / "chat.json")
    await loaded.send("?")
    assert loaded.messages[0] == User("?", documents=(paged,))
    assert "Two" in engine.prompt_text(0)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
IDS = st.lists(st.integers(0, 129_279), max_size=4).map(tuple)
DOCUMENTS = st.builds(Document, st.text("abc.", min_size=1), TEXTS)
ASKS: st.SearchStrategy[Message] = st.one_of(
    st.builds(System, TEXTS),
    st.builds(User, TEXTS, documents=st.lists(DOCUMENTS, max_size=2).map(tuple)),
)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Any conversation that is valid, whether it is over or not."""
    messages: list[Message] = []
    made = 0
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            messages.append(draw(ASKS))
            continue
        parts: list[Part] = [
            *draw(st.lists(st.builds(Thinking, TEXTS), max_size=1)),
            *draw(st.lists(st.builds(Text, TEXTS), max_size=2)),
        ]
        calls = [
            ToolCall(f"c{made + n}", draw(TEXTS), draw(TEXTS))
            for n in range(draw(st.integers(0, 2)))
        ]
        made += len(calls)
        messages.append(Assistant((*parts, *calls), draw(st.none() | IDS)))
        messages += [ToolResult(c.id, draw(TEXTS), c.name) for c in calls]
    return tuple(messages)


COUNTS = st.integers(0, 10**12)
SAVED = st.builds(
    SavedChat,
    state=st.builds(
        State,
        messages=conversations(),
        documents=st.lists(DOCUMENTS, max_size=2).map(tuple),
        unfinished=st.just(()),
        stop=st.sampled_from([None, "done", "length", "error"]),
        usage=st.builds(Usage, prompt_tokens=COUNTS, output_tokens=COUNTS),
    ),
    tools=st.lists(TEXTS, max_size=2).map(tuple),
    thinking=st.sampled_from(["off", "high", "max"]),
    sampling=st.none() | st.builds(Sampling, temperature=st.floats(0, 2)),
    limits=st.none() | st.builds(Limits, turns=st.integers(1, 9)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(saved=SAVED)
def test_what_is_written_is_read_back_equal(tmp_path: Path, saved: SavedChat) -> None:
    path = tmp_path / "chat.json"
    write(path, saved)
    assert read(path) == (saved, ())
    # Equality looks at what is in the file, not only at what is read from it.
    ids = [
        message.token_ids
        for message in saved.state.messages
        if isinstance(message, Assistant)
    ]
    stored = json.loads(path.read_bytes())["state"]["messages"]
    assert [m["token_ids"] for m in stored if m["kind"] == "assistant"] == [
        None if i is None else list(i) for i in ids
    ]


def test_half_a_character_is_saved_as_the_model_reads_it(tmp_path: Path) -> None:
    state = State(messages=(User("a\ud83e"),))
    write(tmp_path / "chat.json", SavedChat(state=state))
    saved, _ = read(tmp_path / "chat.json")
    assert saved.state.messages == (User("a\ufffd"),)


# Tools


@pytest.fixture
async def with_tools(scripted: Scripted, tmp_path: Path) -> Path:
    """The file of a chat that has used a tool."""
    path = tmp_path / "chat.json"
    model, _ = scripted(call(OSLO), say("Sunny."))
    chat = model.open_chat(tools=[weather])
    await chat.send("Weather?")
    chat.save(path)
    return path


async def test_a_missing_tool_is_named(
    scripted: Scripted, with_tools: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, engine = scripted(say("ok"))
    with pytest.raises(
        DefinitionError, match=r"chat\.json was saved .*missing: weather\. Give"
    ):
        model.load_chat(with_tools)
    with caplog.at_level(logging.WARNING):
        chat = model.load_chat(with_tools, missing_tools="drop")
    assert chat.notes == ("went on without the tools weather",)
    assert "chat.json: went on without the tools weather" in caplog.text
    await chat.send("And?")
    assert "## Tools" not in engine.prompt_text(0)


# Files that are no chats


def test_a_file_that_is_not_there(scripted: Scripted, tmp_path: Path) -> None:
    model, _ = scripted()
    with pytest.raises(ChatFileError, match=r"gone\.json can't be read: No such file"):
        model.load_chat(tmp_path / "gone.json")
    with pytest.raises(ChatFileError, match="can't be read"):
        model.load_chat(tmp_path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of a small chat."""
    made = ToolCall("call_1", "weather")
    messages = (
        User("Hi", documents=(Document("a", "Grüße"),)),
        Assistant((Thinking("hm"), made), (5, 6)),
        ToolResult("call_1", "sunny", "weather"),
        Assistant((Text("Sun"),)),
    )
    state = State(messages=messages, unfinished=(7,), stop="length")
    write(tmp_path / "chat.json", SavedChat(state=state, tools=("weather",)))
    return tmp_path / "chat.json"


def test_a_file_that_was_cut_off_anywhere(path: Path) -> None:
    data = path.read_bytes()
    for length in range(0, len(data), 9):
        path.write_bytes(data[:length])
        with pytest.raises(ChatFileError, match=r"chat\.json holds no chat, or was"):
            read(path)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b'"chat"',
        b'{"format": "another"}',
        b'{"version": 1, "state": {}}',
    ],
)
def test_a_file_of_something_else(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(ChatFileError, match=r"chat\.json holds no chat: it is JSON"):
        read(path)


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x02binary", b"\xff\xfe{", b"[" * 100_000, b"{" * 10]
)
def test_a_file_that_is_not_even_json(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(ChatFileError, match=r"chat\.json holds no chat, or was cut"):
        read(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_of_the_format(path: Path, version: object) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "version": version}))
    with pytest.raises(
        ChatFileError, match=rf"chat\.json has version {version!r} .*reads version 1"
    ):
        read(path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"state": None}, "at state: "),
        ({"tools": "weather"}, "at tools: "),
        ({"surprise": 1}, "at surprise: "),
        ({"thinking": "deep"}, "at thinking: "),
        ({"limits": {"turns": 0}}, "at limits: .*turns must be at least 1"),
        ({"state": {"messages": [{"kind": "robot"}]}}, r"at state\.messages\.0: "),
        (
            {"state": {"messages": [{"kind": "user", "text": "a", "more": 1}]}},
            r"at state\.messages\.0\.user\.more: ",
        ),
        ({"state": {"unfinished": [3]}}, "at state: .*unfinished ids belong to"),
        (
            {"state": {"documents": [{"name": "a\nb", "text": ""}]}},
            "a document's name is one line",
        ),
    ],
)
def test_a_damaged_chat(path: Path, change: dict[str, object], fault: str) -> None:
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, **change}))
    with pytest.raises(ChatFileError, match=rf"chat\.json is damaged: {fault}"):
        read(path)


def test_a_conversation_that_can_not_go_on(path: Path) -> None:
    content = json.loads(path.read_text())
    del content["state"]["messages"][1]
    path.write_text(json.dumps(content))
    with pytest.raises(
        ChatFileError, match=r"chat\.json can't go on: message 1 is the result"
    ):
        read(path)


# Repairs


def _leave_calls_dangling(path: Path) -> None:
    """Take one result out; add a call that has its result, and one at the very end."""
    content = json.loads(path.read_text())
    messages = content["state"]["messages"]
    (index,) = (i for i, m in enumerate(messages) if m["kind"] == "result")
    result = messages.pop(index)
    messages[index - 1]["parts"].append({"kind": "call", "id": "x", "name": "add"})
    messages.insert(index, {**result, "call_id": "x", "name": "add"})
    messages[-1]["parts"].append({"kind": "call", "id": "y", "name": "weather"})
    path.write_text(json.dumps(content))


async def test_a_dangling_call_is_repaired_with_a_note(
    scripted: Scripted, with_tools: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _leave_calls_dangling(with_tools)
    model, engine = scripted(say("ok"))
    with caplog.at_level(logging.WARNING):
        chat = model.load_chat(with_tools, tools=[weather])
    assert [note.partition(" had")[0] for note in chat.notes] == [
        "the call 'call_1' of weather",
        "the call 'y' of weather",
    ]
    assert len(caplog.records) == 2
    results = [m for m in chat.messages if isinstance(m, ToolResult)]
    assert [(r.call_id, r.status) for r in results] == [
        ("x", "ok"),
        ("call_1", "interrupted"),
        ("y", "interrupted"),
    ]
    await chat.send("And?")
    assert engine.prompt_text(0).count("Error: interrupted") == 2


def test_a_broken_off_turn_with_a_dangling_call_is_over(
    scripted: Scripted, path: Path
) -> None:
    _leave_calls_dangling(path)
    content = json.loads(path.read_text())
    content["state"]["unfinished"] = [1]
    path.write_text(json.dumps(content))
    saved, notes = read(path)
    assert saved.state.unfinished == ()
    assert saved.state.messages[-1].text == "Error: interrupted before it finished."
    assert len(notes) == 2


# Writing


def test_a_failed_save_leaves_what_was_there(
    scripted: Scripted, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    model, _ = scripted()
    before = path.read_bytes()
    chat = model.load_chat(path, missing_tools="drop")
    chat.messages = ()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ChatFileError, match=r"saved as .*chat\.json: No space"):
            chat.save(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(ChatFileError, match="No such file"):
        chat.save(path.parent / "nowhere" / "chat.json")
    for name in ("\0", "\ud83d"):
        with pytest.raises(ChatFileError, match="can't be saved as"):
            chat.save(path.parent / name)
    chat.save(path)
    assert list(path.parent.iterdir()) == [path]
    assert model.load_chat(path).messages == ()


def test_saving_through_a_link_writes_the_file(scripted: Scripted, path: Path) -> None:
    model, _ = scripted()
    link = path.parent / "link.json"
    link.symlink_to(path)
    model.open_chat(system="New.").save(link)
    assert link.is_symlink()
    assert model.load_chat(path).messages == (System("New."),)
