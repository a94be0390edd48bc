"""Things that take a while to open: awaited, or entered and closed again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from types import TracebackType


class _Closable(Protocol):
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...


C = TypeVar("C", bound=_Closable)


class Opening(Generic[C]):
    """Something on its way: ``await`` it, or enter it with ``async with``."""

    def __init__(self, start: Callable[[], Awaitable[C]]) -> None:
        """Prepare; nothing is begun before it is awaited or entered."""
        self._start = start
        self._opened: C | None = None

    def __await__(self) -> Generator[object, None, C]:
        return self._start().__await__()

    async def __aenter__(self) -> C:
        self._opened = await self._start()
        return self._opened

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(kind, error, traceback)
