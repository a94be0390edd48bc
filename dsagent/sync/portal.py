"""The thread in which ``dsagent.sync`` runs its event loop, and how to wait for it.

There is one for the process. It is started when somebody first waits and ended by the
interpreter. What must stay true: a wait that is broken off, by Ctrl-C for one, leaves
nothing running that it waited for.
"""

from __future__ import annotations

import atexit
import threading
from concurrent import futures
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
from anyio.from_thread import start_blocking_portal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from anyio.from_thread import BlockingPortal

T = TypeVar("T")

NAP = 0.25
"""Seconds until a wait looks whether it was interrupted."""

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


@contextmanager
def _cancelling(
    begun: list[anyio.CancelScope], ended: threading.Event
) -> Iterator[None]:
    """A wait for a task. If it breaks off, so does the task, and it is waited for.

    Args:
        begun: Gets the task's scope, as the first thing that the task does.
        ended: Set as the last.
    """

    async def give_up() -> None:
        for scope in begun:
            scope.cancel()

    try:
        yield
    except BaseException:
        if not ended.is_set():
            # The interruption may have come while the task was being started. But the
            # loop keeps the order: when this runs, that has begun or never will.
            _portal().call(give_up)
            if begun:
                ended.wait()
        raise


def _outcome(future: futures.Future[T]) -> T:
    """The future's result, when it is there.

    Waited for in naps: a signal that arrives just before a thread sleeps for a lock
    doesn't wake it (nor does any on Windows), and Ctrl-C would be lost.
    """
    while not futures.wait([future], NAP).done:
        pass
    return future.result()


def wait(call: Callable[[], Awaitable[T]]) -> T:
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

    with _cancelling(begun, ended):
        return _outcome(_portal().start_task_soon(run))


class Held(Generic[T]):
    """An ``async with`` block, entered and left by one task of the event loop.

    What the body raises stays here, and wins over what leaving the block raises. If
    entering is interrupted, the block is left again.
    """

    def __init__(self, block: AbstractAsyncContextManager[T]) -> None:
        self._block = block
        self._begun: list[anyio.CancelScope] = []
        self._ended = threading.Event()
        self._entered: futures.Future[T] = futures.Future()

    def __enter__(self) -> T:
        with _cancelling(self._begun, self._ended):
            self._task = _portal().start_task_soon(self._hold)
            return _outcome(self._entered)

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

    async def _hold(self) -> None:
        try:
            with anyio.CancelScope() as scope:
                self._begun.append(scope)
                async with self._block as value:
                    self._leave = anyio.Event()
                    self._entered.set_result(value)
                    await self._leave.wait()
        except Exception as error:
            if not self._entered.done():
                self._entered.set_exception(error)
            raise
        finally:
            self._entered.cancel()  # if nobody has entered, nobody will
            self._ended.set()
