"""Reading ahead: what is read beside the tools begins the next prompt."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from dsagent.errors import EngineError, QueueFull
from dsagent.options import Limits
from dsagent.tools import tool
from tests.fakes import ScriptedEngine, call, completion, say

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.request import Request
    from dsagent.testing.engine import ScriptedGeneration
    from tests.conftest import Scripted

LONG = "The ferry leaves at 9:40. " * 100


@pytest.fixture
def gates() -> dict[str, anyio.Event]:
    """Named calls end when theirs is set."""
    return {}


@pytest.fixture
def read(gates: dict[str, anyio.Event]) -> Any:
    @tool
    async def read(name: str, text: str = "") -> str:
        """Read something."""
        await gates.setdefault(name, anyio.Event()).wait()
        return text or LONG

    return read


def reads(*names: str, **more: Any) -> Any:
    """A turn that reads all of these."""
    return call(*(("read", f'{{"name": "{name}"}}') for name in names), **more)


async def until(true: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not true():
            await anyio.lowlevel.checkpoint()


async def test_results_are_read_while_the_others_run(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event]
) -> None:
    model, engine = scripted(reads("a", "b", "c", thinking="Look."), say("Done."))
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: model.chat("?", tools=[read]))
        await until(lambda: len(gates) == 3)
        gates["b"].set()
        await anyio.wait_all_tasks_blocked()
        assert engine.prefilled == []  # it is behind a, which isn't known
        gates["a"].set()
        await until(lambda: engine.prefilled)
        await anyio.wait_all_tasks_blocked()
        gates["c"].set()
    engine.assert_done()
    (ahead,) = engine.prefilled
    first, following = (request.prompt for request in engine.requests)
    turn = len(first) + len(engine.sampled[0])
    assert following[: len(ahead.prompt)] == ahead.prompt
    assert (ahead.max_tokens, ahead.priority < 0) == (0, True)
    # Both results, and all that stands before the third but what may merge with it.
    shown = engine.tokenizer.decode(ahead.prompt[turn:])
    assert shown.count(LONG) == 2
    assert shown.endswith(f"{LONG}</tool_result>\n\n<tool_result")


async def test_each_result_is_read_once_it_is_next(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event]
) -> None:
    model, engine = scripted(reads("a", "b", "c"), say("Done."))
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: model.chat("?", tools=[read]))
        await until(lambda: len(gates) == 3)
        for name in "ab":
            seen = len(engine.prefilled)
            gates[name].set()
            await until(lambda: len(engine.prefilled) > seen)  # noqa: B023
            await anyio.wait_all_tasks_blocked()
        gates["c"].set()
    one, two = (request.prompt for request in engine.prefilled)
    assert two[: len(one)] == one
    assert engine.requests[1].prompt[: len(two)] == two


@pytest.mark.parametrize("after", ["a", "…", "\n\n", " ", ")", "7", "中", "\u0301"])
async def test_no_result_merges_with_what_was_read(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event], after: str
) -> None:
    @tool(sequential=True)
    async def later() -> str:
        """Runs when the others are over."""
        await until(lambda: engine.prefilled)
        return after

    model, engine = scripted(call(("read", '{"name": "a"}'), ("later", "{}")), say("."))
    gates["a"] = anyio.Event()
    gates["a"].set()
    await model.chat("?", tools=[read, later])
    (ahead,) = engine.prefilled
    assert engine.requests[1].prompt[: len(ahead.prompt)] == ahead.prompt


async def test_little_is_not_read_ahead(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event]
) -> None:
    short = ("read", '{"name": "a", "text": "Nothing."}')
    model, engine = scripted(call(short, ("read", '{"name": "b"}')), say("Done."))
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: model.chat("?", tools=[read]))
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await anyio.wait_all_tasks_blocked()
        gates["b"].set()
    assert engine.prefilled == []


class Slow(ScriptedEngine):
    """Never comes to the end of a request for no tokens."""

    def submit(self, request: Request) -> ScriptedGeneration:
        generation = super().submit(request)
        if request.max_tokens == 0:
            self.chunk = 0
        return generation


async def test_it_ends_with_the_tools(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event]
) -> None:
    model, engine = scripted(reads("a", "b"), say("Done."))
    engine.__class__ = Slow
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: model.chat("?", tools=[read]))
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await until(lambda: engine.prefilled)
        engine.chunk = 1 << 20
        gates["b"].set()
    engine.assert_done()


async def test_a_run_that_is_left_leaves_no_reading(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event]
) -> None:
    model, engine = scripted(reads("a", "b"), say("never"))
    engine.__class__ = Slow
    async with model.stream("?", tools=[read]):
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await until(lambda: engine.prefilled)
    assert engine.open == 0


@pytest.mark.parametrize("error", [QueueFull("full"), EngineError("it broke")])
async def test_its_failure_hurts_nobody(
    scripted: Scripted,
    read: Any,
    gates: dict[str, anyio.Event],
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[Request] = []
    submit = ScriptedEngine.submit

    def refuse(engine: ScriptedEngine, request: Request) -> ScriptedGeneration:
        if request.max_tokens == 0:
            tried.append(request)
            raise error
        return submit(engine, request)

    monkeypatch.setattr(ScriptedEngine, "submit", refuse)
    model, engine = scripted(reads("a", "b"), say("Done."))
    replies = []

    async def ask() -> None:
        replies.append(await model.chat("?", tools=[read]))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await until(lambda: tried)
        gates["b"].set()
    engine.assert_done()
    assert replies[0].text == "Done."


async def test_what_waits_for_a_yes_is_not_known(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event]
) -> None:
    @tool(approval=True)
    async def delete() -> str:
        """Delete everything."""
        return LONG

    script = call(
        ("delete", "{}"), ("read", '{"name": "a"}'), ("read", '{"name": "b"}')
    )
    model, engine = scripted(script)
    replies = []

    async def ask() -> None:
        replies.append(await model.chat("?", tools=[read, delete]))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await anyio.wait_all_tasks_blocked()
        gates["b"].set()
    assert (replies[0].stop, engine.prefilled) == ("approval", [])


async def test_a_turn_that_was_cut_off_has_no_next_one(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event], tokenizer: Tokenizer
) -> None:
    two = completion(tokenizer, reads("a", "b"), thinking=False)
    cut = replace(reads("a", "b", "c"), cut=len(two))
    model, engine = scripted(cut)
    replies = []

    async def ask() -> None:
        replies.append(await model.chat("?", tools=[read], thinking="off"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await anyio.wait_all_tasks_blocked()
        gates["b"].set()
    assert (replies[0].stop, engine.prefilled) == ("length", [])


@pytest.mark.parametrize(("priority", "ahead"), [(5, -1), (0, -1), (-3, -4)])
async def test_it_goes_behind_all_that_is_waited_for(
    scripted: Scripted,
    read: Any,
    gates: dict[str, anyio.Event],
    priority: int,
    ahead: int,
) -> None:
    model, engine = scripted(reads("a", "b"), say("Done."))
    ask = partial(model.chat, "?", tools=[read], priority=priority)
    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await until(lambda: engine.prefilled)
        gates["b"].set()
    assert [request.priority for request in engine.prefilled] == [ahead]


async def test_behind_the_last_turn_nothing_is_read(
    scripted: Scripted, read: Any, gates: dict[str, anyio.Event]
) -> None:
    model, engine = scripted(reads("a", "b"))
    limits = Limits(turns=1, on_limit="stop")
    async with anyio.create_task_group() as group:
        group.start_soon(partial(model.chat, "?", tools=[read], limits=limits))
        await until(lambda: len(gates) == 2)
        gates["a"].set()
        await anyio.wait_all_tasks_blocked()
        gates["b"].set()
    assert engine.prefilled == []
