"""Many questions, a few at a time, the answers in the order of the questions.

``async for reply in model.map(...)`` is a plain loop that may be left at any moment,
and the questions in flight need tasks to live in. A task group can't be held open
between two steps of an iterator, so the tasks are in a group inside of one task that
belongs to the iterator. What must stay true: questions are taken from where they come
only when there is room for one more; whatever ends the loop (its end, an error, a
cancellation, ``break``) ends what is in flight; and with ``async with`` around it all
of that is over when the block is.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import AsyncIterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar

import anyio

from dsagent.engine.bridge import current_portal
from dsagent.errors import DSAgentError, RunError
from dsagent.messages import User
from dsagent.reply import Reply, Timing, Usage
from dsagent.tasks import spawn

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Iterable,
        Iterator,
    )
    from types import TracebackType
    from typing import Self

    from anyio.abc import TaskGroup

    from dsagent.messages import Prompt

T = TypeVar("T")

P = TypeVar("P")

Ask: TypeAlias = "Callable[[P], Awaitable[Reply[T]]]"
Source: TypeAlias = "Iterable[P] | AsyncIterable[P]"

OnError: TypeAlias = Literal["raise", "return"]
"""What becomes of a question that can't be answered. "raise": its error is raised in
its place, with a note that has its number, and the others are cancelled. "return": it
gets a reply like the others, with ``stop="error"`` and the error in ``problems``."""


_END: Final = object()
"""Comes after the last prompt. None wouldn't do: it may be among them, by mistake."""


@dataclass(slots=True, eq=False)
class _Slot(Generic[T]):
    """A question that was taken, and what came of it."""

    index: int
    prompt: Any = None
    reply: Reply[T] | None = None
    error: Exception | None = None
    done: anyio.Event = field(default_factory=anyio.Event)


class Replies(Generic[T]):
    """The replies of ``Model.map``: iterate, and enter it to be sure that it ends."""

    def __init__(
        self, ask: Ask[P, T], prompts: Source[P], concurrency: int, on_error: OnError
    ) -> None:
        """Prepare; nothing is asked before the first reply is.

        Raises:
            ValueError: there is no such way to go about it.
        """
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        if on_error not in ("raise", "return"):
            raise ValueError(f"on_error is 'raise' or 'return', not {on_error!r}")
        self._work: _Work[T] = _Work(ask, prompts, concurrency)
        self._on_error = on_error
        self._inside = False
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Reply[T]:
        if self._over:
            raise StopAsyncIteration
        self._work.begin()
        try:
            slot = await self._work.next()
        except BaseException:
            if not self._inside:  # nobody else would end it
                await self._end()
            raise
        if slot is None:
            await self._end()
            raise StopAsyncIteration
        if slot.error is None:
            assert slot.reply is not None
            return slot.reply
        if self._on_error == "return" and isinstance(slot.error, DSAgentError):
            return _failed(slot.prompt, slot.error)
        slot.error.add_note(f"This is about prompt {slot.index} of those given to map.")
        await self._end()
        raise slot.error

    async def __aenter__(self) -> Self:
        self._inside = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._end()

    def __del__(self) -> None:
        if hasattr(self, "_work"):
            self._work.cancel()

    async def _end(self) -> None:
        self._over = True
        await self._work.end()


class _Work(Generic[T]):
    """What goes on beside the loop. Must not refer to the ``Replies`` it is for, which
    end it when nobody refers to them any more."""

    def __init__(self, ask: Ask[P, T], prompts: Source[P], concurrency: int) -> None:
        self._ask: Ask[Any, T] = ask
        self._source: AsyncIterator[Any] | Iterator[Any] = (
            aiter(prompts) if isinstance(prompts, AsyncIterable) else iter(prompts)
        )
        self._concurrency = concurrency
        self._slots: deque[_Slot[T]] = deque()
        """Those that weren't handed out, in order."""
        self._begun = False
        self._fed = False

    def begin(self) -> None:
        """Start asking, on the event loop that is running; once."""
        if self._begun:
            return
        self._begun = True
        self._portal = current_portal()
        self._scope = anyio.CancelScope()
        self._room = anyio.Semaphore(self._concurrency)
        self._news = anyio.Event()
        self._reading = anyio.Lock()
        self._ended = anyio.Event()
        spawn(self._run)

    def cancel(self) -> None:
        """End it soon, from any thread."""
        if self._begun and not self._ended.is_set():
            self._portal.call(self._scope.cancel)

    async def end(self) -> None:
        """End it, and wait until it is over."""
        if self._begun:
            self._scope.cancel()
            with anyio.CancelScope(shield=True):
                await self._ended.wait()

    async def next(self) -> _Slot[T] | None:
        """The next question that is done with, None at the end. If the wait is
        cancelled, it is still the next."""
        async with self._reading:
            while not self._slots:
                if self._fed:
                    return None
                self._news = anyio.Event()
                await self._news.wait()
            slot = self._slots[0]
            await slot.done.wait()
            if slot.reply is None and slot.error is None:  # it was ended meanwhile
                return None
            self._slots.popleft()
            self._room.release()
            return slot

    async def _run(self) -> None:
        try:
            with self._scope:
                async with anyio.create_task_group() as group:
                    await self._feed(group)
        finally:
            self._close()
            for slot in self._slots:
                slot.done.set()
            self._ended.set()

    async def _feed(self, group: TaskGroup) -> None:
        for index in itertools.count():
            await self._room.acquire()
            slot = _Slot[T](index)
            try:
                slot.prompt = await self._pull()
            except Exception as error:  # raised in the place of the question
                slot.error = error
                slot.done.set()
                self._put(slot)
                break
            if slot.prompt is _END:
                break
            self._put(slot)
            group.start_soon(self._answer, slot)
        self._close()

    async def _pull(self) -> Any:
        """The next question, ``_END`` after the last."""
        if isinstance(self._source, AsyncIterable):
            return await anext(self._source, _END)
        return next(self._source, _END)

    async def _answer(self, slot: _Slot[T]) -> None:
        try:
            slot.reply = await self._ask(slot.prompt)
        except Exception as error:  # raised where the replies are read
            slot.error = error
        slot.done.set()

    def _put(self, slot: _Slot[T]) -> None:
        self._slots.append(slot)
        self._news.set()

    def _close(self) -> None:
        self._fed = True
        self._news.set()


def _failed(prompt: Prompt | User, error: DSAgentError) -> Reply[Any]:
    """The reply of a question that has none."""
    problem = f"{type(error).__name__}: {error}"
    if isinstance(error, RunError) and error.reply is not None:
        reply: Reply[Any] = error.reply
        return replace(reply, problems=reply.problems or (problem,))
    said = [User(prompt)] if isinstance(prompt, str) else prompt
    asked = (said,) if isinstance(said, User) else tuple(said)
    return Reply(
        text="",
        thinking="",
        messages=asked,
        calls=(),
        usage=Usage(),
        stop="error",
        timing=Timing(),
        problems=(problem,),
    )
