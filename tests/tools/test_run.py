"""Whatever a tool does, its call ends in an outcome, and only its call."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest

from dsagent.tools import (
    Context,
    Retry,
    Tool,
    ToolError,
    ToolOutcome,
    run_call,
    tool,
    toolbox,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.tools import ToolLike


@dataclass(frozen=True)
class Call:
    name: str
    arguments: str = "{}"
    id: str = "call-1"


async def run(item: ToolLike, arguments: str = "{}", **options: Any) -> ToolOutcome:
    box = toolbox([item])
    return await run_call(box, Call(next(iter(box)), arguments), **options)


def text_of(outcome: ToolOutcome) -> tuple[str, str]:
    return outcome.status, outcome.text


async def test_sync_and_async_tools_return_their_value() -> None:
    def double(n: int) -> int:
        return n * 2

    async def triple(n: int) -> list[int]:
        await anyio.lowlevel.checkpoint()
        return [n] * 3

    outcome = await run(double, '{"n": "21"}')
    assert (outcome.text, outcome.value, outcome.status) == ("42", 42, "ok")
    assert outcome.ok
    assert not outcome.retryable
    assert outcome.seconds > 0
    assert (await run(triple, '{"n": 1}')).text == "[1, 1, 1]"


async def test_sync_tools_leave_the_event_loop_free() -> None:
    loop_thread = threading.get_ident()
    went_on = threading.Event()

    def wait() -> bool:
        return threading.get_ident() != loop_thread and went_on.wait(10)

    async def go_on() -> None:
        went_on.set()

    outcomes: list[ToolOutcome] = []

    async def call() -> None:
        outcomes.append(await run(wait))

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await anyio.lowlevel.checkpoint()
        group.start_soon(go_on)
    assert outcomes[0].value is True


async def test_thread_false_runs_on_the_event_loop() -> None:
    def thread() -> int:
        return threading.get_ident()

    where = await run(tool(thread=False)(thread))
    assert where.value == threading.get_ident()


async def test_a_sync_function_may_return_an_awaitable() -> None:
    async def later(n: int) -> int:
        return n + 1

    def now(n: int) -> object:
        return later(n)

    assert (await run(now, '{"n": 1}')).value == 2


async def test_a_raw_tool_gets_the_dict_and_the_context() -> None:
    def call(arguments: dict[str, int], *, ctx: Context[int]) -> int:
        return arguments["a"] + ctx.deps

    raw = Tool.from_schema(
        call, name="raw", parameters={"properties": {"a": {"type": "integer"}}}
    )
    assert (await run(raw, '{"a": 1}', deps=10)).value == 11
    assert (await run(raw, '{"a": "1"}')).status == "invalid"


async def test_invalid_arguments_go_back_with_path_and_advice() -> None:
    ran = []

    @tool(retries=1)
    def buy(items: list[int], count: int) -> None:
        ran.append(items)

    first = await run(buy, '{"items": [1, "x"]}')
    assert first.status == "invalid"
    assert first.text == (
        "Error: invalid arguments for buy:\n"
        "- items[1]: Input should be a valid integer, unable to parse string as an "
        'integer, not "x"\n'
        "- count: Field required\n"
        "Correct the arguments and call buy again."
    )
    assert first.retryable
    second = await run(buy, "{}", failures=1)
    assert second.text.endswith("Don't call buy again for this; go on without it.")
    assert ran == []


async def test_retry_and_tool_error() -> None:
    async def fail(hard: bool) -> None:
        if hard:
            raise ToolError("The archive is closed.")
        raise Retry("Give at least one word.")

    soft = await run(fail, '{"hard": false}')
    assert text_of(soft) == (
        "retry",
        "Error: Give at least one word.\nCorrect the arguments and call fail again.",
    )
    assert soft.retryable
    hard = await run(fail, '{"hard": true}')
    assert text_of(hard) == ("error", "Error: The archive is closed.")
    assert not hard.retryable
    assert isinstance(hard.error, ToolError)


async def test_an_unknown_name_lists_the_known_ones() -> None:
    box = toolbox([leave, run_sync_nothing])
    outcome = await run_call(box, Call("serch"))
    assert outcome.status == "unknown"
    assert outcome.text == (
        "Error: there is no tool called 'serch'. "
        "The tools are: leave, run_sync_nothing."
    )
    assert "none" in (await run_call({}, Call("serch"))).text


def run_sync_nothing() -> None:
    """A procedure."""


async def test_a_procedure_is_done() -> None:
    assert (await run(run_sync_nothing)).text == "done"


def crash() -> NoReturn:
    secret = "the traceback's local"
    raise KeyError(len(secret))


def leave() -> NoReturn:
    sys.exit(3)


def stop() -> NoReturn:
    raise StopIteration("no more")


async def cancelled_elsewhere() -> None:
    raise asyncio.CancelledError


async def grouped() -> None:
    async with anyio.create_task_group():
        raise Retry("from a group")


async def test_an_exception_is_told_by_type_and_message_and_logged_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "dsagent.tools"):
        outcome = await run(crash)
    assert text_of(outcome) == ("crashed", "Error: crash failed with KeyError: 21")
    assert isinstance(outcome.error, KeyError)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is outcome.error
    assert "call-1" in record.getMessage()


async def test_no_exit_and_no_stray_cancellation_escapes() -> None:
    assert (await run(leave)).text == "Error: leave failed with SystemExit: 3"
    assert (await run(stop)).status == "crashed"
    stray = await run(cancelled_elsewhere)
    assert stray.text == "Error: cancelled_elsewhere failed with CancelledError"


async def test_a_group_of_one_is_what_it_holds() -> None:
    assert (await run(grouped)).status == "retry"


async def test_a_result_that_cannot_be_rendered_is_a_crash() -> None:
    def loop() -> list[object]:
        inner: list[object] = []
        inner.append(inner)
        return inner

    assert (await run(loop)).status == "crashed"


async def test_long_results_and_messages_are_cut() -> None:
    def long() -> str:
        return "x" * 100

    def wordy() -> NoReturn:
        raise ToolError("y" * 10_000)

    cut = await run(long, max_chars=10)
    assert cut.text == "x" * 10 + "\n[cut: the first 10 of 100 characters]"
    assert cut.value == "x" * 100
    assert len((await run(wordy)).text) < 2_100
    # A tool that says how long its results may be knows better than the run.
    for size in (5, 20):
        told = await run(tool(max_result=size)(long), max_chars=10)
        assert told.text.startswith("x" * size + "\n[cut: ")


async def test_what_is_wrong_everywhere_is_told_twenty_times() -> None:
    def total(prices: list[int]) -> int:
        return sum(prices)

    outcome = await run(total, json.dumps({"prices": ["?"] * 300}))
    lines = outcome.text.splitlines()
    assert [line for line in lines if line.startswith("- prices[")] == lines[1:21]
    assert lines[21:] == [
        "- and 280 more",
        "Correct the arguments and call total again.",
    ]


@pytest.mark.parametrize(
    ("items", "value", "told"),
    [
        ({"uniqueItems": True}, ["row one"] * 700, "has non-unique elements"),
        ({"maxItems": 1}, ["x" * 50_000, "y" * 50_000], "is too long"),
        ({"items": {"maxLength": 3}}, ["x" * 50_000] * 3, "is too long"),
        ({"items": {"enum": [1]}}, [{"a": ["x" * 5_000]}], "is not one of [1]"),
    ],
    ids=lambda case: str(case)[:20],
)
async def test_invalid_arguments_are_told_without_the_whole_of_them(
    items: dict[str, Any], value: list[object], told: str
) -> None:
    raw = Tool.from_schema(
        lambda arguments: len(arguments),
        name="put",
        parameters={"properties": {"rows": {"type": "array", **items}}},
    )
    outcome = await run(raw, json.dumps({"rows": value}))
    assert outcome.status == "invalid"
    assert told in outcome.text
    assert len(outcome.text) < 500


async def test_the_text_about_invalid_arguments_has_a_limit() -> None:
    def count(words: dict[str, int]) -> int:
        return sum(words.values())

    outcome = await run(count, json.dumps({"words": {"x" * 50_000: "?", "y": "?"}}))
    assert len(outcome.text) < 2_200
    assert outcome.text.endswith("\nCorrect the arguments and call count again.")


async def test_timeout_of_an_async_tool() -> None:
    stopped = []

    @tool(timeout=0.02)
    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            stopped.append(True)

    outcome = await run(hang)
    assert text_of(outcome) == ("timeout", "Error: hang timed out after 0.02 seconds.")
    assert stopped == [True]


async def test_timeout_of_a_sync_tool() -> None:
    release = threading.Event()

    @tool(timeout=0.02)
    def hang() -> None:
        release.wait(20)

    try:
        assert (await run(hang)).status == "timeout"
    finally:
        release.set()


async def test_a_tool_s_own_timeout_error_is_a_crash_not_a_timeout() -> None:
    @tool(timeout=30)
    async def impatient() -> None:
        raise TimeoutError("upstream")

    assert (await run(impatient)).text == (
        "Error: impatient failed with TimeoutError: upstream"
    )


async def test_an_exception_while_being_timed_out_is_a_timeout() -> None:
    @tool(timeout=0.02)
    async def messy() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise RuntimeError("while closing")

    assert (await run(messy)).status == "timeout"


async def test_hanging_tools_do_not_starve_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dsagent.tools.run.MAX_THREADS", 2)
    release = threading.Event()

    @tool(timeout=0.02)
    def hang() -> None:
        release.wait(20)

    def quick() -> str:
        return "ok"

    try:
        for _ in range(3):
            assert (await run(hang)).status == "timeout"
        with anyio.fail_after(10):
            assert (await run(quick)).text == "ok"
    finally:
        release.set()


async def test_tools_don_t_wait_for_the_application_s_threads() -> None:
    def quick() -> str:
        return "ok"

    theirs = anyio.to_thread.current_default_thread_limiter()
    owners = [object() for _ in range(int(theirs.total_tokens))]
    for owner in owners:
        theirs.acquire_on_behalf_of_nowait(owner)
    try:
        with anyio.fail_after(20):
            assert (await run(quick)).text == "ok"
    finally:
        for owner in owners:
            theirs.release_on_behalf_of(owner)


async def test_waiting_for_a_thread_does_not_count_as_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dsagent.tools.run.MAX_THREADS", 1)
    release = threading.Event()
    outcomes: dict[str, ToolOutcome] = {}

    def slow() -> None:
        release.wait(20)

    @tool(timeout=0.05)
    def quick() -> None:
        pass

    async def call(item: ToolLike, name: str) -> None:
        outcomes[name] = await run(item)

    async with anyio.create_task_group() as group:
        group.start_soon(call, slow, "slow")
        await anyio.lowlevel.checkpoint()
        group.start_soon(call, quick, "quick")
        with anyio.move_on_after(0.1):
            await anyio.sleep_forever()
        release.set()
    assert outcomes["quick"].status == "ok"


async def test_one_failing_tool_keeps_the_others() -> None:
    @tool(timeout=0.02)
    async def hang() -> None:
        await anyio.sleep_forever()

    async def good() -> str:
        await anyio.sleep(0.03)
        return "good"

    items: list[Callable[..., object]] = [
        crash,
        hang,
        good,
        leave,
        cancelled_elsewhere,
        grouped,
    ]
    box = toolbox(items)
    outcomes: dict[str, ToolOutcome] = {}

    async def call(name: str) -> None:
        outcomes[name] = await run_call(box, Call(name))

    async with anyio.create_task_group() as group:
        for name in (*box, "missing"):
            group.start_soon(call, name)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {
        "crash": "crashed",
        "hang": "timeout",
        "good": "ok",
        "leave": "crashed",
        "cancelled_elsewhere": "crashed",
        "grouped": "retry",
        "missing": "unknown",
    }


@pytest.mark.parametrize("kind", ["async", "sync"])
async def test_cancellation_passes_through(kind: str) -> None:
    release = threading.Event()
    started = anyio.Event()

    async def hang() -> None:
        started.set()
        await anyio.sleep_forever()

    def hang_sync() -> None:
        anyio.from_thread.run_sync(started.set)
        release.wait(20)

    ended: list[object] = []

    async def call() -> None:
        try:
            ended.append(await run(hang if kind == "async" else hang_sync))
        except BaseException as error:
            ended.append(type(error))
            raise

    try:
        async with anyio.create_task_group() as group:
            group.start_soon(call)
            await started.wait()
            group.cancel_scope.cancel()
        assert ended == [anyio.get_cancelled_exc_class()]
    finally:
        release.set()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_task_s_own_cancellation_passes_through(anyio_backend: str) -> None:
    async def hang() -> None:
        await anyio.sleep_forever()

    task = asyncio.create_task(run(hang))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_reports_reach_the_listener_until_the_call_ends() -> None:
    heard: list[tuple[str, float | None]] = []
    kept: list[Context[str]] = []

    async def listen(message: str, fraction: float | None) -> None:
        heard.append((message, fraction))

    async def work(ctx: Context[str]) -> str:
        kept.append(ctx)
        await ctx.report(ctx.deps, 0.5)
        await ctx.report(ctx.call_id)
        return "ok"

    def sync_work(ctx: Context[str]) -> None:
        ctx.report_sync("from a thread", 1.0)

    async def bad(ctx: Context[str]) -> None:
        await ctx.report("x", 1.5)

    await run(work, deps="half", report=listen)
    await kept[0].report("too late", 1.0)
    await run(sync_work, report=listen)
    assert heard == [("half", 0.5), ("call-1", None), ("from a thread", 1.0)]
    assert (await run(work, deps="nobody listens")).text == "ok"
    assert "from 0 to 1, not 1.5" in (await run(bad)).text


def test_a_tool_called_as_plain_python_reports_to_nobody() -> None:
    async def listen(message: str, fraction: float | None) -> None:
        raise AssertionError(message)

    @tool
    def half(ctx: Context[str], done: float) -> str:
        ctx.report_sync("half", done)
        return ctx.deps

    assert half(Context.for_test("d"), 0.5) == "d"
    closed = Context("d", report=listen)
    closed.close()
    assert half(closed, 0.5) == "d"
    for ctx in (Context.for_test("d"), closed):
        with pytest.raises(ValueError, match=r"from 0 to 1, not 1\.5"):
            half(ctx, 1.5)


async def test_an_outcome_is_a_value() -> None:
    outcome = await run(run_sync_nothing)
    assert replace(outcome, seconds=0.0) == ToolOutcome("done", "ok", None)
