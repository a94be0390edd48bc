"""``Replies``, blocking."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import anyio.to_thread

from dsagent.sync.portal import wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from dsagent import replies as _replies
    from dsagent.replies import Source
    from dsagent.reply import Reply

P = TypeVar("P")
T_co = TypeVar("T_co", covariant=True)


class Replies(Generic[T_co]):
    """``dsagent.replies.Replies``, blocking: an iterator and a context manager."""

    def __init__(self, replies: _replies.Replies[T_co]) -> None:
        self._replies = replies

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Reply[T_co]:
        async def read() -> Reply[T_co] | None:
            return await anext(self._replies, None)

        reply = wait(read)
        if reply is None:
            raise StopIteration
        return reply

    def __enter__(self) -> Self:
        wait(self._replies.__aenter__)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        wait(lambda: self._replies.__aexit__(kind, error, traceback))


def from_threads(prompts: Source[P]) -> AsyncIterable[P]:
    """Prompts that are taken in threads, where taking one may block."""
    return prompts if isinstance(prompts, AsyncIterable) else _FromThreads(prompts)


class _FromThreads(AsyncIterator[P]):
    def __init__(self, prompts: Iterable[P]) -> None:
        self._prompts: Iterator[P] = iter(prompts)

    async def __anext__(self) -> P:
        end = object()
        taken = await anyio.to_thread.run_sync(
            next, self._prompts, end, abandon_on_cancel=True
        )
        if taken is end:
            raise StopAsyncIteration
        return cast("P", taken)
