"""A run that is listened to: an async context manager and an iterator of events.

The run is a task of its own inside the block; events come to the reader through a
short buffer, so a reader that is slow slows the run down and nothing piles up. What
must stay true: leaving the block, however it is left, ends the run, its generation and
its tools before the block is over; what the block raises is raised as it is; and
``reply`` is complete afterwards, also after a cancellation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio

from dsagent.agent import Run
from dsagent.tasks import Beside

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from anyio.streams.memory import (
        MemoryObjectReceiveStream,
        MemoryObjectSendStream,
    )

    from dsagent.events import Event
    from dsagent.reply import Reply
    from dsagent.task import Backend, Task

T_co = TypeVar("T_co", covariant=True)

_BUFFER = 16
"""Events that may wait for the reader before the run does."""


@dataclass(frozen=True, slots=True)
class _Inside:
    """What there is between entering and leaving the block."""

    tasks: Beside
    send: MemoryObjectSendStream[Event]
    receive: MemoryObjectReceiveStream[Event]


class RunStream(Generic[T_co]):
    """Made by ``Model.stream``. Enter and leave it in the same task."""

    def __init__(self, backend: Backend, task: Task[T_co]) -> None:
        self._run = Run(backend, task, self._tell)
        self._inside: _Inside | None = None
        self._error: Exception | None = None

    @property
    def reply(self) -> Reply[T_co]:
        """The run as a value. Inside the block: as if it were cancelled now."""
        return self._run.reply()

    async def finish(self) -> Reply[T_co]:
        """Let the run go on to its end without looking at the rest of its events.

        Raises:
            RunError: what iterating would have raised.
        """
        async for _ in self:
            pass
        return self.reply

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self._inside is None:
            msg = "events come inside `async with model.stream(...) as stream:`"
            raise RuntimeError(msg)
        try:
            return await self._inside.receive.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._raise_error()
            raise StopAsyncIteration from None

    async def __aenter__(self) -> Self:
        if self._inside is not None:
            raise RuntimeError("a stream is one run and can be entered once")
        tasks = Beside()
        group = await tasks.__aenter__()
        pipe = anyio.create_memory_object_stream["Event"](_BUFFER)
        self._inside = _Inside(tasks, *pipe)
        group.start_soon(self._work)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._inside is not None
        try:
            await self._inside.tasks.__aexit__(kind, error, traceback)
        finally:
            self._inside.send.close()
            self._inside.receive.close()
        if error is None:
            self._raise_error()

    async def _work(self) -> None:
        assert self._inside is not None
        with self._inside.send:
            try:
                await self._run.execute()
            except Exception as error:  # raised where the events are read
                self._error = error

    async def _tell(self, event: Event) -> None:
        assert self._inside is not None
        await self._inside.send.send(event)

    def _raise_error(self) -> None:
        """Raise what ended the run, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error
