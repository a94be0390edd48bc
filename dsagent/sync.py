"""dsagent without ``await``: the same names, blocking.

::

    from dsagent import tool
    from dsagent.sync import Model

    with Model.load() as model:
        print(model.chat("What is the weather in Oslo?", tools=[weather]).text)
        with model.stream("And in Rome?", tools=[weather]) as stream:
            for event in stream:
                ...

Everything else (messages, tools, limits, errors) is imported from ``dsagent``. The runs
live on an event loop of dsagent's own, in one thread that is started at the first call
and ended with the interpreter. So this works in a script, in any number of threads, in
a notebook, and in a function that is called by a running event loop, which it then
blocks. What interrupts a call, such as Ctrl-C, cancels what the call waited for.
"""

from __future__ import annotations

import atexit
import threading
from concurrent import futures
from contextlib import suppress
from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Concatenate, Generic, ParamSpec, TypeVar, cast

import anyio
from anyio.from_thread import start_blocking_portal

from dsagent import model as _model
from dsagent import stream as _stream
from dsagent.errors import Closed
from dsagent.tools import mcp as _mcp

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from types import TracebackType
    from typing import Self

    from anyio.abc import TaskStatus
    from anyio.from_thread import BlockingPortal

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.request import EngineStats
    from dsagent.events import Event
    from dsagent.reply import Reply

__all__ = ["Model", "RunStream", "mcp_tools"]

P = ParamSpec("P")
T = TypeVar("T")

_lock = threading.Lock()
_running: BlockingPortal | None = None


def _portal() -> BlockingPortal:
    """The door to the thread of dsagent's event loop, which starts it if need be."""
    global _running
    with _lock:
        if _running is None:
            thread = start_blocking_portal(name="dsagent-sync")
            _running = thread.__enter__()
            # As if the block had been left by this exception, which cancels all runs.
            atexit.register(_end, partial(thread.__exit__, SystemExit, SystemExit()))
        return _running


def _end(leave: Callable[[None], object]) -> None:
    global _running
    _running = None
    with suppress(SystemExit):  # the one that was put in
        leave(None)


def _wait(call: Callable[[], Awaitable[T]]) -> T:
    """Run ``call`` on the event loop and wait. If the wait breaks off, so does it."""
    begun: list[anyio.CancelScope] = []
    ended = threading.Event()

    async def run() -> T:
        try:
            with anyio.CancelScope() as scope:
                begun.append(scope)
                return await call()
            raise RuntimeError("nobody waits for this any more")
        finally:
            ended.set()

    async def give_up() -> None:
        for scope in begun:
            scope.cancel()

    try:
        return _portal().start_task_soon(run).result()
    except BaseException:
        if not ended.is_set():
            # The interruption may have come while the task was being started. But the
            # loop keeps the order: when this runs, that has begun or never will.
            _portal().call(give_up)
            if begun:
                ended.wait()
        raise


class _Held(Generic[T]):
    """An ``async with`` block, entered and left by one task of the event loop.

    What the body raises stays here, and wins over what leaving the block raises.
    """

    def __init__(self, block: AbstractAsyncContextManager[T]) -> None:
        self._block = block

    def __enter__(self) -> T:
        self._task, (value, self._leave) = _portal().start_task(self._hold)
        return cast("T", value)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _portal().call(self._leave.set)
        futures.wait([self._task])
        if error is None:
            self._task.result()

    async def _hold(self, *, task_status: TaskStatus[tuple[T, anyio.Event]]) -> None:
        async with self._block as value:
            leave = anyio.Event()
            task_status.started((value, leave))
            await leave.wait()


def _blocking(
    method: Callable[Concatenate[_model.Model, P], Awaitable[T]],
) -> Callable[Concatenate[Model, P], T]:
    """The method of ``Model`` that waits for what ``method`` comes back with."""

    def wait(self: Model, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return _wait(partial(method, self._open(), *args, **kwargs))

    update_wrapper(wait, method)
    return wait


def _loading(load: Callable[P, _model.Loading]) -> Callable[P, Model]:
    def wait(*args: P.args, **kwargs: P.kwargs) -> Model:
        return Model(_wait(lambda: load(*args, **kwargs)))

    update_wrapper(wait, load)
    return wait


def _streaming(
    stream: Callable[Concatenate[_model.Model, P], _stream.RunStream],
) -> Callable[Concatenate[Model, P], RunStream]:
    def start(self: Model, /, *args: P.args, **kwargs: P.kwargs) -> RunStream:
        return RunStream(stream(self._open(), *args, **kwargs))

    update_wrapper(start, stream)
    return start


class Model:
    """``dsagent.Model``, blocking. Use ``with Model.load(...)``, or ``close`` it."""

    def __init__(self, model: _model.Model) -> None:
        """Make a model's methods wait; ``model`` is closed with it."""
        self._model = model
        self._closed = False

    load = staticmethod(_loading(_model.Model.load))
    chat = _blocking(_model.Model.chat)
    stream = _streaming(_model.Model.stream)
    count_tokens = _blocking(_model.Model.count_tokens)

    @property
    def name(self) -> str:
        """What the model is called: its repository or its folder; perhaps nothing."""
        return self._model.name

    @property
    def context_limit(self) -> int:
        """Most tokens one conversation may have, the answer included."""
        return self._model.context_limit

    @property
    def tokenizer(self) -> Tokenizer:
        return self._model.tokenizer

    def stats(self) -> EngineStats:
        """What the engine is doing and has done."""
        return self._model.stats()

    def close(self) -> None:
        """End all runs as cancelled and free the model's memory. Safe to repeat."""
        if not self._closed:
            self._closed = True
            _wait(self._model.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> _model.Model:
        if self._closed:
            raise Closed("this model was closed; load it again")
        return self._model


class RunStream:
    """``dsagent.stream.RunStream``, blocking: a context manager and an iterator.

    Events may be read in another thread than the one that entered the block.
    """

    def __init__(self, stream: _stream.RunStream) -> None:
        self._stream = stream
        self._block: AbstractContextManager[_stream.RunStream] | None = None

    @property
    def reply(self) -> Reply[str]:
        """The run as a value. Inside the block: as if it were cancelled now."""

        async def reply() -> Reply[str]:
            return self._stream.reply

        return _wait(reply)

    def finish(self) -> Reply[str]:
        """Let the run go on to its end without looking at the rest of its events.

        Raises:
            RunError: what iterating would have raised.
        """
        self._check()
        return _wait(self._stream.finish)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        self._check()

        async def read() -> Event | None:
            return await anext(self._stream, None)

        event = _wait(read)
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        if self._block is not None:
            raise RuntimeError("a stream is one run and can be entered once")
        self._block = _Held(self._stream)
        self._block.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._block is not None
        self._block.__exit__(kind, error, traceback)

    def _check(self) -> None:
        if self._block is None:
            msg = "events come inside `with model.stream(...) as stream:`"
            raise RuntimeError(msg)


def _holding(
    open_block: Callable[P, AbstractAsyncContextManager[T]],
) -> Callable[P, AbstractContextManager[T]]:
    def hold(*args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[T]:
        return _Held(open_block(*args, **kwargs))

    update_wrapper(hold, open_block)
    return hold


mcp_tools = _holding(_mcp.mcp_tools)
