"""``RunStream``, blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from dsagent.sync.portal import Held, wait

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from dsagent import stream as _stream
    from dsagent.events import Event
    from dsagent.reply import Reply

T_co = TypeVar("T_co", covariant=True)


class RunStream(Generic[T_co]):
    """``dsagent.stream.RunStream``, blocking: a context manager and an iterator.

    Events may be read in another thread than the one that entered the block.
    """

    def __init__(self, stream: _stream.RunStream[T_co]) -> None:
        self._stream = stream
        self._block: AbstractContextManager[_stream.RunStream[T_co]] | None = None

    @property
    def reply(self) -> Reply[T_co]:
        """The run as a value. Inside the block: as if it were cancelled now."""

        async def reply() -> Reply[T_co]:
            return self._stream.reply

        return wait(reply)

    def finish(self) -> Reply[T_co]:
        """Let the run go on to its end without looking at the rest of its events.

        Raises:
            RunError: what iterating would have raised.
        """
        self._check()
        return wait(self._stream.finish)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        self._check()

        async def read() -> Event | None:
            return await anext(self._stream, None)

        event = wait(read)
        if event is None:
            raise StopIteration
        return event

    def __enter__(self) -> Self:
        if self._block is not None:
            raise RuntimeError("a stream is one run and can be entered once")
        self._block = Held(self._stream)
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
