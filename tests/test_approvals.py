"""Approvals: calls that wait for a yes, in this process or another one."""

from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import anyio
import pytest
from pydantic import AfterValidator

from dsagent.approvals import pending, waiting_result
from dsagent.errors import InvalidDecision, NoOutput
from dsagent.events import (
    ApprovalNeeded,
    RunFinished,
    ToolCallReady,
    ToolFinished,
)
from dsagent.messages import (
    Assistant,
    ToolCall,
    ToolResult,
    User,
    messages_from_json,
    messages_to_json,
)
from dsagent.options import Limits
from dsagent.tools import tool
from tests.fakes import Line, call, say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dsagent.messages import Message
    from dsagent.tools import AnyTool
    from tests.conftest import Scripted

DELETE_A = ("delete", '{"path": "a"}')
DELETE_B = ("delete", '{"path": "b"}')
LOOK = ("look", "{}")


@pytest.fixture
def deleted() -> list[str]:
    """The paths that the tool ``delete`` was run with."""
    return []


@pytest.fixture
def tools(deleted: list[str]) -> list[AnyTool]:
    @tool(approval=True)
    def delete(path: str) -> str:
        """Delete a file."""
        deleted.append(path)
        return f"deleted {path}"

    @tool
    def look() -> str:
        """List the files."""
        return "a, b"

    return [delete, look]


def results(messages: Sequence[Message]) -> list[tuple[str, str]]:
    return [(m.call_id, m.status) for m in messages if isinstance(m, ToolResult)]


def text_of(messages: Sequence[Message], call_id: str) -> str:
    (text,) = (
        m.text for m in messages if isinstance(m, ToolResult) and m.call_id == call_id
    )
    return text


async def test_a_call_waits_and_the_others_are_made(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    model, engine = scripted(call(DELETE_A, LOOK, DELETE_B))
    reply = await model.chat("Tidy up.", tools=tools)
    engine.assert_done()
    assert reply.stop == "approval"
    assert deleted == []
    assert reply.pending == (
        ToolCall("call_1", *DELETE_A),
        ToolCall("call_3", *DELETE_B),
    )
    assert results(reply.messages) == [
        ("call_1", "pending"),
        ("call_2", "ok"),
        ("call_3", "pending"),
    ]
    assert text_of(reply.messages, "call_2") == "a, b"
    with pytest.raises(NoOutput, match="stop='approval'"):
        _ = reply.output


async def test_decisions_are_carried_out_in_another_run(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    model, engine = scripted(call(DELETE_A, LOOK, DELETE_B))
    asked = await model.chat("Tidy up.", tools=tools)
    sampled = engine.sampled[0]
    stored = messages_to_json(asked.messages)

    messages = messages_from_json(stored)
    assert pending(messages) == asked.pending
    model, engine = scripted(say("Done."))
    reply = await model.chat(
        messages, tools=tools, decisions={"call_1": True, "call_3": "b is needed"}
    )
    assert (reply.stop, reply.text, deleted) == ("done", "Done.", ["a"])
    assert reply.pending == ()
    assert results(reply.messages) == [
        ("call_1", "ok"),
        ("call_2", "ok"),
        ("call_3", "denied"),
    ]
    # What the model reads: its own turn as it was sampled, then what came of it.
    prompt = engine.requests[0].prompt
    ids = range(len(prompt) - len(sampled))
    assert any(prompt[i : i + len(sampled)] == tuple(sampled) for i in ids)
    assert engine.prompt_text(0).endswith(
        "<tool_result>deleted a</tool_result>\n\n<tool_result>a, b</tool_result>\n\n"
        "<tool_result>Error: not run, because this call was denied: b is needed"
        "</tool_result><｜Assistant｜><think>"
    )
    assert "waits for approval" not in engine.prompt_text(0)


async def test_stored_in_one_process_listed_in_another(
    scripted: Scripted, tools: list[AnyTool]
) -> None:
    model, _ = scripted(call(DELETE_A))
    reply = await model.chat("Tidy up.", tools=tools)
    program = (
        "import sys;"
        "from dsagent.approvals import check_decisions, pending;"
        "from dsagent.messages import messages_from_json as load;"
        "m = load(sys.stdin.read());"
        "check_decisions(m, {'call_1': True}, {'delete'}, asks=False);"
        "print([(c.id, c.values()) for c in pending(m)])"
    )
    listed = await anyio.run_process(
        [sys.executable, "-c", program],
        input=messages_to_json(reply.messages).encode(),
        stderr=subprocess.PIPE,
    )
    assert listed.stdout.decode().strip() == "[('call_1', {'path': 'a'})]"


async def test_some_may_be_decided_now_and_some_later(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    model, _ = scripted(call(DELETE_A, DELETE_B))
    asked = await model.chat("Tidy up.", tools=tools)
    model, engine = scripted()
    half = await model.chat(asked.messages, tools=tools, decisions={"call_2": True})
    engine.assert_done()  # the model isn't asked before every call has its result
    assert (half.stop, deleted) == ("approval", ["b"])
    assert half.pending == asked.pending[:1]
    assert text_of(half.messages, "call_2") == "deleted b"
    model, _ = scripted(say("Done."))
    reply = await model.chat(half.messages, tools=tools, decisions={"call_1": False})
    assert results(reply.messages) == [("call_1", "denied"), ("call_2", "ok")]
    assert (reply.stop, deleted) == ("done", ["b"])


async def test_saying_something_else_leaves_the_calls_unmade(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    model, _ = scripted(call(DELETE_A))
    asked = await model.chat("Tidy up.", tools=tools)
    model, engine = scripted(say("As you like."))
    reply = await model.chat([*asked.messages, User("Never mind.")], tools=tools)
    assert (reply.text, reply.pending, deleted) == ("As you like.", (), [])
    assert "<tool_result>Not run: this call waits for approval" in engine.prompt_text(0)


@pytest.mark.parametrize("decisions", [{"call_1": True}, {"call_1": False}])
async def test_a_call_is_decided_once(
    scripted: Scripted, tools: list[AnyTool], decisions: dict[str, bool]
) -> None:
    model, _ = scripted(call(DELETE_A))
    asked = await model.chat("Tidy up.", tools=tools)
    model, _ = scripted(say("Done."))
    reply = await model.chat(asked.messages, tools=tools, decisions=decisions)
    with pytest.raises(InvalidDecision, match="has its result already") as failure:
        await model.chat(reply.messages[:-1], tools=tools, decisions={"call_1": True})
    assert failure.value.call_id == "call_1"


@pytest.mark.parametrize(
    ("decisions", "fault"),
    [
        ({"call_9": True}, "there is no call 'call_9' .*waiting are: call_1"),
        ({"call_2": True}, r"'call_2' .*has its result already \(ok\)"),
        ({"call_1": 1}, "True, False or a reason for no, not 1"),
        ({"call_1": None}, "True, False or a reason for no, not None"),
        ({}, "the calls call_1 wait for approval"),
    ],
)
async def test_what_can_not_be_decided(
    scripted: Scripted,
    tools: list[AnyTool],
    deleted: list[str],
    decisions: Any,
    fault: str,
) -> None:
    model, _ = scripted(call(DELETE_A, LOOK))
    asked = await model.chat("Tidy up.", tools=tools)
    model, engine = scripted()
    with pytest.raises(InvalidDecision, match=fault):
        await model.chat(asked.messages, tools=tools, decisions=decisions)
    assert (engine.requests, deleted) == ([], [])


async def test_a_call_that_was_passed_over_can_not_be_decided(
    scripted: Scripted, tools: list[AnyTool]
) -> None:
    model, _ = scripted(call(DELETE_A))
    asked = await model.chat("Tidy up.", tools=tools)
    later = [*asked.messages, User("Never mind.")]
    with pytest.raises(InvalidDecision, match="the conversation went on without it"):
        await model.chat(later, tools=tools, decisions={"call_1": True})


async def test_an_approved_call_needs_its_tool(
    scripted: Scripted, tools: list[AnyTool]
) -> None:
    model, _ = scripted(call(DELETE_A))
    asked = await model.chat("Tidy up.", tools=tools)
    with pytest.raises(InvalidDecision, match="there is no tool `delete`"):
        await model.chat(asked.messages, tools=[], decisions={"call_1": True})


@pytest.mark.parametrize(
    "edit", [("delete", '{"path": "/"}'), ("look", '{"path": ""}')]
)
async def test_a_call_edited_while_it_waited_is_not_made(
    scripted: Scripted,
    tools: list[AnyTool],
    deleted: list[str],
    edit: tuple[str, str],
) -> None:
    model, _ = scripted(call(DELETE_A))
    asked = await model.chat("Tidy up.", tools=tools)
    question, turn, result = asked.messages
    assert isinstance(turn, Assistant)
    edited = ToolCall("call_1", *edit)
    other = replace(turn, parts=(*turn.parts[:-1], edited))
    with pytest.raises(InvalidDecision, match="was edited while it waited"):
        await model.chat(
            [question, other, result], tools=tools, decisions={"call_1": True}
        )
    assert deleted == []
    # The way out that the message names.
    meant = [question, other, waiting_result(edited)]
    model, _ = scripted(say("Hm."))
    reply = await model.chat(meant, tools=tools, decisions={"call_1": False})
    assert results(reply.messages) == [("call_1", "denied")]


async def test_a_chat_waits_is_saved_and_decided_in_parts(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str], tmp_path: Path
) -> None:
    model, _ = scripted(call(DELETE_A, DELETE_B))
    chat = model.open_chat(tools=tools)
    asked = await chat.send("Tidy up.")
    assert chat.stop == "approval"
    chat.save(tmp_path / "chat.json")
    model, _ = scripted(say("Done."))
    chat = model.load_chat(tmp_path / "chat.json", tools=tools)
    assert pending(chat.messages) == asked.pending
    with pytest.raises(InvalidDecision, match="call_1, call_2 wait for approval"):
        await chat.resume()
    half = await chat.resume(decisions={"call_2": True})
    assert (half.stop, chat.stop, deleted) == ("approval", "approval", ["b"])
    assert results(chat.messages) == [("call_1", "pending"), ("call_2", "ok")]
    reply = await chat.resume(decisions={"call_1": False})
    assert (reply.text, chat.stop, deleted) == ("Done.", "done", ["b"])
    assert results(chat.messages) == [("call_1", "denied"), ("call_2", "ok")]


# Asking within the run


async def test_approve_decides_while_the_run_goes_on(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    asked: list[ToolCall] = []

    async def approve(call: ToolCall) -> bool | str:
        asked.append(call)
        return call.values() == {"path": "a"} or "only a"

    model, engine = scripted(call(DELETE_A, DELETE_B, LOOK), say("Done."))
    reply = await model.chat("Tidy up.", tools=tools, approve=approve)
    engine.assert_done()
    assert (reply.stop, deleted) == ("done", ["a"])
    assert asked == [ToolCall("call_1", *DELETE_A), ToolCall("call_2", *DELETE_B)]
    assert [status for _, status in results(reply.messages)] == ["ok", "denied", "ok"]
    assert text_of(reply.messages, "call_2").endswith("was denied: only a")


async def test_a_blocking_approve_leaves_the_loop_free_and_is_asked_one_by_one(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    looked = threading.Event()
    asking = threading.Lock()

    def approve(call: ToolCall) -> bool:
        assert asking.acquire(blocking=False), "asked about two calls at a time"
        try:
            return looked.wait(20)
        finally:
            asking.release()

    @tool
    async def look() -> str:
        """List the files, which lets the other calls go."""
        looked.set()
        return "a, b"

    model, _ = scripted(call(DELETE_A, DELETE_B, LOOK), say("Done."))
    reply = await model.chat("Go.", tools=[tools[0], look], approve=approve)
    assert [status for _, status in results(reply.messages)] == ["ok", "ok", "ok"]
    assert sorted(deleted) == ["a", "b"]


@pytest.mark.parametrize("answer", [None, "raises", 1])
async def test_an_approve_that_does_not_say_leaves_the_call_waiting(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str], answer: Any
) -> None:
    def approve(call: ToolCall) -> Any:
        if answer == "raises":
            raise RuntimeError("the terminal is gone")
        return answer

    model, _ = scripted(call(DELETE_A))
    reply = await model.chat("Tidy up.", tools=tools, approve=approve)
    assert (reply.stop, deleted) == ("approval", [])
    assert [c.id for c in reply.pending] == ["call_1"]
    # And one that does can be asked later.
    model, _ = scripted(say("Done."))
    reply = await model.chat(reply.messages, tools=tools, approve=lambda _: True)
    assert (reply.stop, deleted) == ("done", ["a"])


async def test_nobody_is_asked_about_a_call_that_can_not_be_made(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    asked: list[ToolCall] = []

    def even(number: int) -> int:
        if number % 2:
            raise ValueError("must be even")
        return number

    @tool(approval=True)
    def delete(age: Annotated[int, AfterValidator(even)]) -> None:
        """Delete what is older."""
        deleted.append(str(age))

    def approve(call: ToolCall) -> bool:
        asked.append(call)
        return True

    model, _ = scripted(call(("delete", '{"age": 3}')), say("Oh."))
    reply = await model.chat("Go.", tools=[delete], approve=approve)
    assert [status for _, status in results(reply.messages)] == ["invalid"]
    assert asked == []
    model, _ = scripted(call(DELETE_A, DELETE_B), say("Oh."))
    reply = await model.chat(
        "Go.", tools=tools, approve=approve, limits=Limits(tool_calls=1)
    )
    assert [status for _, status in results(reply.messages)] == ["ok", "refused"]
    assert asked == [ToolCall("call_1", *DELETE_A)]
    assert deleted == ["a"]


async def test_cancelled_while_asking_the_call_waits_on(
    scripted: Scripted, tools: list[AnyTool], deleted: list[str]
) -> None:
    async def approve(call: ToolCall) -> bool:
        await anyio.sleep_forever()
        return True

    model, engine = scripted(call(DELETE_A, LOOK))
    missing = {"approval_needed", "tool_finished"}
    async with model.stream("Go.", tools=tools, approve=approve) as stream:
        async for event in stream:
            missing -= {event.kind}
            if not missing:
                break
    assert engine.open == 0
    assert stream.reply.stop == "cancelled"
    assert [c.id for c in stream.reply.pending] == ["call_1"]
    model, _ = scripted(say("Done."))
    decisions = {"call_1": True}
    reply = await model.chat(stream.reply.messages, tools=tools, decisions=decisions)
    assert (reply.stop, deleted) == ("done", ["a"])


async def test_an_approved_call_that_was_interrupted_is_not_asked_about_again(
    scripted: Scripted,
) -> None:
    """It may have done its work: making it again is a decision of the model's."""
    running = anyio.Event()

    @tool(approval=True)
    async def wipe() -> None:
        """Wipe the disk."""
        running.set()
        await anyio.sleep_forever()

    model, _ = scripted(call(("wipe", "{}")))
    asked = await model.chat("Go.", tools=[wipe])
    model, _ = scripted()
    stream = model.stream(asked.messages, tools=[wipe], decisions={"call_1": True})
    async with stream:
        await running.wait()
        assert results(stream.reply.messages) == [("call_1", "interrupted")]
    assert stream.reply.pending == ()
    assert results(stream.reply.messages) == [("call_1", "interrupted")]


async def test_events_of_a_call_that_waits(
    scripted: Scripted, tools: list[AnyTool]
) -> None:
    model, _ = scripted(call(DELETE_A))
    made = ToolCall("call_1", *DELETE_A)
    async with model.stream("Go.", tools=tools) as stream:
        events = [event async for event in stream]
    assert ApprovalNeeded(made, turn=1) in events
    assert events.index(ToolCallReady(made, turn=1)) < events.index(
        ApprovalNeeded(made, turn=1)
    )
    assert not [event for event in events if isinstance(event, ToolFinished)]
    last = events[-1]
    assert isinstance(last, RunFinished)
    assert last.reply.stop == "approval"
    model, _ = scripted(say("Done."))
    messages = last.reply.messages
    async with model.stream(messages, tools=tools, decisions={"call_1": True}) as again:
        first = await anext(again)
    result = ToolResult("call_1", "deleted a", "delete")
    assert first == ToolFinished(made, result, turn=0)


async def test_a_sequential_call_waits_too_and_runs_alone_later(
    scripted: Scripted,
) -> None:
    order: list[str] = []

    @tool(approval=True, sequential=True)
    async def write(text: str) -> None:
        """Write."""
        order.append(f"{text} begins")
        await anyio.lowlevel.checkpoint()
        order.append(f"{text} ends")

    model, _ = scripted(call(("write", '{"text": "a"}'), ("write", '{"text": "b"}')))
    asked = await model.chat("Go.", tools=[write])
    assert len(asked.pending) == 2
    model, _ = scripted(say("Done."))
    decisions = {call.id: True for call in asked.pending}
    reply = await model.chat(asked.messages, tools=[write], decisions=decisions)
    assert order == ["a begins", "a ends", "b begins", "b ends"]
    assert reply.stop == "done"


async def test_approval_comes_before_a_limit(
    scripted: Scripted, tools: list[AnyTool]
) -> None:
    limits = Limits(turns=1, on_limit="stop")
    model, _ = scripted(call(DELETE_A))
    reply = await model.chat("Go.", tools=tools, limits=limits)
    assert reply.stop == "approval"


async def test_a_required_call_is_not_required_again(
    scripted: Scripted, tools: list[AnyTool]
) -> None:
    model, _ = scripted(call(DELETE_A))
    asked = await model.chat("Go.", tools=tools, tool_choice="required")
    model, _ = scripted(say("Done."))
    reply = await model.chat(
        asked.messages, tools=tools, tool_choice="required", decisions={"call_1": True}
    )
    assert reply.text == "Done."


async def test_a_turn_cut_short_keeps_its_call_waiting(
    scripted: Scripted, tools: list[AnyTool]
) -> None:
    model, engine = scripted(Line(calls=(DELETE_A, DELETE_B)))
    whole = await model.chat("Go.", tools=tools)
    assert len(whole.pending) == 2
    ids = tuple(engine.sampled[0])
    model, _ = scripted(Line(ids=ids, cut=len(ids) - 16))
    reply = await model.chat("Go.", tools=tools)
    assert reply.stop == "length"
    assert reply.pending == whole.pending[:1]
