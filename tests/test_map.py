"""``map``: order, how many at a time, what ends it, and that nothing is left behind."""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING, Any, assert_type

import anyio
import anyio.lowlevel
import pytest

from dsagent import (
    EngineError,
    Limits,
    NoOutput,
    Reply,
    Sampling,
    User,
    tool,
)
from dsagent.testing import Asked, ScriptedModel, Step, call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from dsagent.messages import Prompt
    from dsagent.replies import Replies
    from dsagent.testing.engine import ScriptedEngine


class Bench:
    """A model that answers "<n>!" to "<n>", each once it is let."""

    def __init__(self, *, free: bool = False) -> None:
        self.free = free
        self.gates: dict[str, anyio.Event] = {}
        self.model = ScriptedModel(self._answer)
        self.taken: list[str] = []

    @property
    def engine(self) -> ScriptedEngine:
        return self.model._engine

    def _answer(self, asked: Asked) -> Step:
        number = asked.text.rpartition("<｜User｜>")[2].partition("<")[0]
        gate = self.gates.setdefault(number, anyio.Event())
        if self.free:
            gate.set()
        return Step(f"{number}!", hold=gate, held=1)

    def questions(self, count: int = 1000) -> Iterator[str]:
        for number in range(count):
            self.taken.append(str(number))
            yield str(number)

    async def quiet(self) -> None:
        """Until nothing moves but what is let."""
        await anyio.wait_all_tasks_blocked()


async def until(true: Callable[[], object]) -> None:
    with anyio.fail_after(20):
        while not true():
            await anyio.lowlevel.checkpoint()


async def test_replies_come_in_the_order_of_the_prompts() -> None:
    bench = Bench()
    texts: list[str] = []

    async def read() -> None:
        async for reply in bench.model.map(bench.questions(5), concurrency=3):
            assert_type(reply, Reply[str])
            texts.append(reply.text)

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await until(lambda: len(bench.gates) == 3)
        bench.gates["2"].set()
        bench.gates["1"].set()
        await bench.quiet()
        assert texts == []
        bench.gates["0"].set()
        await until(lambda: len(bench.gates) == 5)
        assert texts == ["0!", "1!", "2!"]
        for gate in bench.gates.values():
            gate.set()
    assert texts == ["0!", "1!", "2!", "3!", "4!"]
    assert bench.engine.open == 0


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_no_more_are_in_flight_or_unread(concurrency: int) -> None:
    bench = Bench(free=True)
    async with bench.model.map(bench.questions(), concurrency=concurrency) as replies:
        assert bench.taken == []
        for read in range(1, 6):
            await anext(replies)
            await bench.quiet()
            assert len(bench.taken) == len(bench.engine.requests) == read + concurrency
    assert bench.engine.open == 0
    assert len(bench.taken) == 5 + concurrency


async def test_several_may_read() -> None:
    bench = Bench(free=True)
    texts: list[str] = []

    async def read(replies: Replies[str]) -> None:
        texts.extend([reply.text async for reply in replies])

    async with (
        bench.model.map(bench.questions(20), concurrency=4) as replies,
        anyio.create_task_group() as group,
    ):
        for _ in range(3):
            group.start_soon(read, replies)
    assert sorted(texts) == sorted(f"{number}!" for number in range(20))


async def test_prompts_may_come_slowly() -> None:
    bench = Bench(free=True)
    more = anyio.Event()

    async def questions() -> AsyncIterator[list[User]]:
        yield [User("0")]
        await more.wait()
        yield [User("1")]

    texts = []
    async for reply in bench.model.map(questions()):
        texts.append(reply.text)
        more.set()
    assert texts == ["0!", "1!"]


async def test_there_may_be_none() -> None:
    bench = Bench()
    replies = bench.model.map([])
    assert [reply async for reply in replies] == []
    assert [reply async for reply in replies] == []


async def test_a_loop_that_is_left_ends_what_is_in_flight() -> None:
    bench = Bench()
    bench.gates["0"] = anyio.Event()
    bench.gates["0"].set()
    async for reply in bench.model.map(bench.questions(), concurrency=4):
        assert reply.text == "0!"
        await until(lambda: bench.engine.open == 4)
        break
    gc.collect()
    await until(lambda: bench.engine.open == 0)
    assert bench.engine.cancelled == 4
    assert len(bench.taken) == 5


async def test_a_block_that_is_left_is_over() -> None:
    bench = Bench()
    bench.gates["0"] = anyio.Event()
    bench.gates["0"].set()
    replies = bench.model.map(bench.questions(), concurrency=4)

    async def fail() -> None:
        async with replies:
            async for _ in replies:
                await until(lambda: bench.engine.open == 4)
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert bench.engine.open == 0
    with pytest.raises(StopAsyncIteration):
        await anext(replies)


@pytest.mark.parametrize("inside", [True, False])
async def test_a_cancelled_loop_is_over(inside: bool) -> None:
    bench = Bench()
    replies = bench.model.map(bench.questions(), concurrency=4)
    with anyio.CancelScope() as scope:

        async def read() -> None:
            if inside:
                async with replies:
                    await anext(replies)
            await anext(replies)

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            await until(lambda: bench.engine.open == 4)
            scope.cancel()
    assert scope.cancelled_caught
    assert bench.engine.open == 0


async def test_inside_a_block_a_cancelled_read_takes_nothing() -> None:
    bench = Bench()
    async with bench.model.map(bench.questions(3), concurrency=2) as replies:
        with anyio.move_on_after(0):
            await anext(replies)
        await until(lambda: len(bench.gates) == 2)
        with anyio.move_on_after(0):
            await anext(replies)
        bench.free = True
        for gate in bench.gates.values():
            gate.set()
        assert [reply.text async for reply in replies] == ["0!", "1!", "2!"]


async def test_an_error_is_raised_in_its_place() -> None:
    def answer(asked: Asked) -> Step:
        if "<｜User｜>2<" in asked.text:
            return Step("Hm", error=EngineError("it broke"))
        late = re.search("<｜User｜>[01]<", asked.text) is None
        return Step("Yes.", hold=never if late else None)

    never = anyio.Event()
    model = ScriptedModel(answer)
    replies = model.map(map(str, range(1000)), concurrency=4)
    assert [(await anext(replies)).text for _ in range(2)] == ["Yes."] * 2
    with pytest.raises(EngineError, match="it broke") as failure:
        await anext(replies)
    note = "This is about prompt 2 of those given to map."
    assert failure.value.__notes__ == [note]
    assert failure.value.reply is not None
    model.assert_done()


async def test_an_error_of_the_prompts_is_raised_in_its_place() -> None:
    def questions() -> Iterator[str]:
        yield "0"
        raise LookupError("no more")

    bench = Bench(free=True)
    replies = bench.model.map(questions(), on_error="return")
    assert (await anext(replies)).text == "0!"
    with pytest.raises(LookupError, match="no more"):
        await anext(replies)


@pytest.mark.parametrize("wrong", [5, None])
async def test_what_is_no_prompt_fails_in_its_place(wrong: object) -> None:
    async def slowly() -> AsyncIterator[Any]:
        for prompt in prompts:
            yield prompt

    prompts: list[Any] = ["a", wrong, "b"]
    for source in (prompts, slowly()):
        replies = ScriptedModel(lambda _: "Yes.").map(source, on_error="return")
        assert (await anext(replies)).text == "Yes."
        with pytest.raises(TypeError) as failure:
            await anext(replies)
        note = "This is about prompt 1 of those given to map."
        assert failure.value.__notes__ == [note]


async def test_errors_may_be_returned() -> None:
    def answer(asked: Asked) -> Step:
        if "broken" in asked.text:
            return Step("Hm, it", error=EngineError("it broke"))
        return call("look") if "look at" in asked.text else Step("Yes.")

    @tool
    def look() -> None:
        """Look."""

    model = ScriptedModel(answer)
    prompts: list[Prompt] = ["fine", "broken", "word " * 9000, "look at it", [], "fine"]
    limits = Limits(turns=1, on_limit="raise")
    replies = [
        reply
        async for reply in model.map(
            prompts, tools=[look], limits=limits, on_error="return"
        )
    ]
    assert [reply.stop for reply in replies] == [
        "done",
        "error",
        "error",
        "limit",
        "error",
        "done",
    ]
    assert replies[1].problems == ("EngineError: it broke",)
    assert replies[1].text.startswith("Hm")
    assert replies[2].problems[0].startswith("ContextOverflow: ")
    assert replies[2].messages == (User("word " * 9000),)
    assert replies[3].problems[0].startswith("LimitReached: ")
    assert replies[4].problems[0].startswith("InvalidMessages: ")
    with pytest.raises(NoOutput, match="EngineError: it broke"):
        _ = replies[1].output
    model.assert_done()


async def test_a_mistake_of_the_program_is_not_returned() -> None:
    def answer(asked: Asked) -> Step:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async for _ in ScriptedModel(answer).map(["?"], on_error="return"):
            pass


async def test_options_are_those_of_a_run() -> None:
    model = ScriptedModel(lambda asked: '{"n": 3}')
    tools = (made for made in [tool(name="t", description="T.")(lambda: None)])
    sampling = Sampling(temperature=0)
    replies = model.map(
        ["a", "b"], output=dict[str, int], tools=tools, sampling=sampling
    )
    values = [reply.output async for reply in replies]
    assert_type(values[0], dict[str, int])
    assert values == [{"n": 3}] * 2
    assert all('"name": "t"' in asked.text for asked in model.asked)
    assert {asked.sampling for asked in model.asked} == {sampling}


def test_what_can_not_be_is_said_at_once() -> None:
    model = ScriptedModel([])
    with pytest.raises(ValueError, match="at least 1, not 0"):
        model.map(["?"], concurrency=0)
    with pytest.raises(ValueError, match="on_error is 'raise' or 'return'"):
        model.map(["?"], on_error="ignore")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="there is no option 'colour'"):
        model.map(["?"], colour="red")  # type: ignore[call-overload]
