"""The blocking API: one thread of its own, wherever it is called from."""

from __future__ import annotations

import _thread
import inspect
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, assert_type

import anyio
import pytest
from mcp.server import MCPServer

import dsagent
from dsagent import (
    Closed,
    DSAgentError,
    EngineError,
    Reply,
    TextDelta,
    ToolFinished,
    User,
    sync,
    tool,
)
from dsagent.sync.portal import Held, wait
from dsagent.testing import Asked, ScriptedModel, Step, call, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from dsagent.testing.script import Answer

BROKEN = EngineError("it broke")


@tool
def weather(city: str) -> str:
    """Weather in a city."""
    return f"sunny in {city}"


def blocking(*script: Answer) -> sync.Model:
    return sync.Model(ScriptedModel(script))


def talk() -> str:
    """A conversation of two runs, the second one streamed."""
    with blocking(call("weather", city="Oslo"), "Sunny.", "Bye.") as model:
        reply = model.chat("How is Oslo?", tools=[weather])
        assert reply.text == "Sunny."
        messages = [*reply.messages, User("Thanks.")]
        with model.stream(messages, tools=[weather]) as stream:
            text = "".join(e.text for e in stream if isinstance(e, TextDelta))
        assert stream.reply.text == text
        return text


def test_it_waits() -> None:
    assert talk() == "Bye."


async def test_it_works_inside_a_running_loop() -> None:
    assert talk() == "Bye."  # on asyncio and on trio


def test_many_threads_share_a_model() -> None:
    def answer(asked: object) -> Step:
        return say("Yes.")

    with sync.Model(ScriptedModel(answer)) as model, ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(model.chat, ["Well?"] * 16))
    assert [reply.text for reply in replies] == ["Yes."] * 16


def test_the_same_names() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(sync.Chat) == public(dsagent.Chat) | {"notes"}
    for ours, theirs in (
        (sync.Model, dsagent.Model),
        (sync.Prefix, dsagent.Prefix),
        (sync.Chat, dsagent.Chat),
    ):
        assert public(ours) - {"notes"} == public(theirs)
        for name in public(theirs):
            mine, model = getattr(ours, name), getattr(theirs, name)
            if callable(mine) and name not in ("stats", "close"):
                assert inspect.signature(mine) == inspect.signature(model)
                assert mine.__doc__ == model.__doc__


def test_a_prefix_and_many_questions(tmp_path: Path) -> None:
    taken: list[int] = []

    def questions(model: sync.Model) -> Iterator[str]:
        for number in range(1000):
            taken.append(threading.get_ident())
            yield model.chat(f"Which is {number}?").text  # waits, and may

    def answer(asked: Asked) -> str:
        return asked.text.rpartition("<｜User｜>")[2].partition("<")[0] + "!"

    letter = dsagent.Document("letter.txt", "The ferry leaves at 9:40.")
    told: list[int] = []
    with sync.Model(ScriptedModel(answer)) as model:
        assert [reply.text for reply in model.map("abc")] == ["a!", "b!", "c!"]
        with model.prefix(
            documents=[letter], progress=lambda done, total: told.append(done)
        ) as prefix:
            assert_type(prefix, sync.Prefix[str])
            assert (prefix.source, told) == ("computed", [prefix.tokens])
            path = prefix.save(tmp_path / "kept")
            assert path.parent == tmp_path / "kept"
            reply = prefix.chat("When?")
            assert reply.usage.cached_tokens == prefix.tokens
            with prefix.stream("When?") as stream:
                assert stream.finish().usage.cached_tokens == prefix.tokens
            assert prefix.open_chat().send("Why?").usage.cached_tokens == prefix.tokens
            with prefix.map(questions(model), concurrency=2) as replies:
                first = next(replies)
            assert first.text.endswith("Which is 0?!!")
            assert len(taken) <= 4
        with pytest.raises(Closed):
            prefix.chat("?")
        chat = model.open_chat(documents=[letter])
        assert chat.keep(tmp_path / "kept") == "disk"
        with pytest.raises(StopIteration):
            next(replies)
    assert threading.get_ident() not in taken


def test_a_chat(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    cut = Step("Two and three.", cut=2)
    with blocking("One.", cut, "What if.", "Four.") as model:
        chat = model.open_chat(system="Count.", thinking="off")
        assert chat.send("Begin.").text == "One."
        with chat.stream("On.") as stream:
            said = "".join(e.text for e in stream if isinstance(e, TextDelta))
        assert (stream.reply.stop, chat.stop) == ("length", "length")
        assert [message.text for message in chat.messages] == [
            "Count.",
            "Begin.",
            "One.",
            "On.",
            said,
        ]
        other = chat.fork()
        assert other.send("What if?").text == "What if."
        assert len(chat.messages) == 5
        chat.save(path)
        loaded = model.load_chat(path)
        assert loaded.messages == chat.messages
        assert (loaded.usage, loaded.notes) == (chat.usage, ())
        loaded.messages = loaded.messages[:3]
        assert loaded.edited() == ()
        # A question without its answer is what can be resumed.
        loaded.messages = (*loaded.messages, User("On."))
        counted = loaded.count_tokens()
        assert loaded.resume().text == "Four."
        prompt = model._model._backend.engine.requests[-1].prompt  # type: ignore[attr-defined]
        assert counted.total == len(prompt)


def test_answers_are_typed() -> None:
    number = {"type": "number"}
    with blocking("1", "2", "3", "[4]", "5", "6") as model:
        assert_type(model.chat("?", output=int), Reply[int])
        with model.stream("?", output=int) as stream:
            assert_type(stream.finish(), Reply[int])
            assert stream.reply.output == 2
        chat = model.open_chat()
        assert_type(chat.send("?", output=number), Reply[object])
        reply = chat.send("?", output=list[int])
        assert_type(reply, Reply[list[int]])
        assert reply.output == [4]
        with chat.stream("?", output=int) as other:
            assert_type(other.finish().output, int)
        assert_type(chat.send("?"), Reply[str])


def test_a_stream_ends_when_its_block_is_left() -> None:
    stopped = threading.Event()

    @tool
    async def waits() -> None:
        """Waits for ever."""
        try:
            await anyio.sleep_forever()
        finally:
            stopped.set()

    scripted = ScriptedModel([call("weather", city="Oslo") + call("waits"), "never"])
    with sync.Model(scripted) as model:
        with model.stream("Go.", tools=[weather, waits]) as stream:
            for event in stream:
                if isinstance(event, ToolFinished):
                    break
        assert stopped.is_set()
        assert stream.reply.stop == "cancelled"
        assert scripted._engine.open == 0


def test_a_stream_is_one_run() -> None:
    with blocking("Yes.") as model:
        stream = model.stream("Go.")
        with pytest.raises(RuntimeError, match="inside `with"):
            next(stream)
        with stream:
            assert stream.finish().text == "Yes."
            assert list(stream) == []
        with pytest.raises(RuntimeError, match="entered once"):
            stream.__enter__()


def test_errors_are_raised_where_they_are_waited_for() -> None:
    with blocking(Step("x", error=BROKEN), Step("x", error=BROKEN), "x") as model:
        with pytest.raises(EngineError, match="it broke"):
            model.chat("Go.")
        with (
            pytest.raises(EngineError, match="it broke"),
            model.stream("Go.") as stream,
        ):
            list(stream)
        with pytest.raises(ZeroDivisionError), model.stream("Go."):
            raise ZeroDivisionError
        with pytest.raises(ValueError, match="thinking is"):
            model.stream("Go.", thinking="deep")  # type: ignore[call-overload]
        chat = model.open_chat()
    for use in (model.chat, model.stream, model.count_tokens, chat.send, chat.stream):
        with pytest.raises(Closed):
            use("Go.")
    for begin in (model.open_chat, chat.resume):
        with pytest.raises(DSAgentError):
            begin()
    model.close()


def test_the_caller_s_context_reaches_the_tools() -> None:
    user: ContextVar[str] = ContextVar("user", default="nobody")
    seen: list[str] = []

    @tool
    def who() -> None:
        """Who is asking."""
        seen.append(user.get())

    def use() -> None:
        token = user.set("Ann")
        with blocking(call("who"), "Ann.", call("who"), "Ann.") as model:
            model.chat("Who am I?", tools=[who])
            with model.stream("Who am I?", tools=[who]) as stream:
                stream.finish()
        user.reset(token)

    use()
    assert seen == ["Ann", "Ann"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals a thread")
def test_what_interrupts_a_wait_cancels_it() -> None:
    begun = threading.Event()

    class Hold:
        async def wait(self) -> None:
            begun.set()
            await anyio.sleep_forever()

    slow = Step("one two", hold=Hold(), held=2)  # type: ignore[arg-type]
    scripted = ScriptedModel([slow])
    engine = scripted._engine
    main = threading.main_thread().ident
    assert main is not None

    def interrupt() -> None:
        assert begun.wait(20)
        signal.pthread_kill(main, signal.SIGINT)

    with sync.Model(scripted) as model:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            model.chat("Count.")
        thread.join()
        assert model.context_limit == 8192  # it goes on
    assert (engine.cancelled, engine.open) == (1, 0)


def test_an_interrupt_that_wakes_nobody_is_noticed() -> None:
    """A signal that comes between a thread's last look and its sleep, which is what
    `interrupt_main` leaves behind: the handler is due, and nothing wakes the thread."""

    async def interrupt() -> None:
        _thread.interrupt_main()
        await anyio.sleep_forever()

    with pytest.raises(KeyboardInterrupt):
        wait(interrupt)


@pytest.mark.skipif(sys.platform == "win32", reason="signals a thread")
def test_a_block_whose_entry_is_interrupted_is_left() -> None:
    main = threading.main_thread().ident
    assert main is not None
    left = threading.Event()

    @asynccontextmanager
    async def block() -> AsyncIterator[None]:
        try:
            signal.pthread_kill(main, signal.SIGINT)
            await anyio.sleep_forever()
            yield
        finally:
            left.set()

    with pytest.raises(KeyboardInterrupt), Held(block()):
        pass
    assert left.is_set()


def test_the_tools_of_a_server() -> None:
    server = MCPServer("shop")
    server.add_tool(lambda item: f"{item}: 3 crowns", name="price")
    model = blocking(call("price", item="tea"), "Three.")
    with model, sync.mcp_tools(server, prefix="shop_") as tools:
        assert [made.name for made in tools] == ["shop_price"]
    with blocking(call("price", item="tea"), "Three.") as model:
        with sync.mcp_tools(server) as tools:
            reply = model.chat("How much is tea?", tools=tools)
        assert reply.text == "Three."
        with pytest.raises(ZeroDivisionError), sync.mcp_tools(server):
            raise ZeroDivisionError


def _script(code: str) -> subprocess.CompletedProcess[str]:
    head = (
        "import sys, anyio, dsagent\n"
        "from dsagent import tool, sync\n"
        "from dsagent.testing import ScriptedModel, Step, call\n"
        "@tool\n"
        "def f() -> int:\n"
        "    return 1\n"
        "slow = Step('one two three', hold=anyio.Event(), held=3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", head + code],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    # asyncio says in this mode what took long, which on a busy machine anything does.
    said = done.stderr.splitlines(keepends=True)
    done.stderr = "".join(line for line in said if not line.startswith("Executing <"))
    return done


ENDS = {
    "nothing closed, the thread of a tool idle": """
model = sync.Model(ScriptedModel([call('f'), 'ok']))
print(model.chat('?', tools=[f]).text)
""",
    "in the middle of a stream": """
model = sync.Model(ScriptedModel([slow]))
stream = model.stream('?', thinking='off')
stream.__enter__()
print(next(stream) and 'ok')
""",
    "by an exit inside of a stream": """
with sync.Model(ScriptedModel([slow])) as model, model.stream('?') as stream:
    print(next(stream) and 'ok')
    sys.exit()
""",
}


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_the_interpreter_ends_cleanly(code: str) -> None:
    done = _script(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")


@pytest.mark.usefixtures("nano_weights")
def test_the_interpreter_ends_cleanly_with_a_real_model_left_open() -> None:
    done = _script(
        "model = sync.Model.load()\n"
        "stream = model.stream('Count to a thousand.')\n"
        "stream.__enter__()\n"
        "print(next(stream) and 'ok')\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
