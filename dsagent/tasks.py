"""Tasks beside a block, and tasks that no block holds.

``async with`` blocks own their tasks nearly everywhere here. What must stay true where
they can't: a task that no block holds catches what it raises, can be cancelled from any
thread by whoever owns its scope, and doesn't outlive its event loop.
"""

from __future__ import annotations

import asyncio
import sys
from contextvars import copy_context
from typing import TYPE_CHECKING, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from anyio.abc import TaskGroup

_running: Final[set[asyncio.Task[None]]] = set()
"""An asyncio loop refers to its tasks weakly."""


class Beside:
    """A block with tasks beside it, which are cancelled when it is over.

    What the block raises is raised as it is, and not as a group of one.
    """

    async def __aenter__(self) -> TaskGroup:
        self._group = anyio.create_task_group()
        await self._group.__aenter__()
        return self._group

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._group.cancel_scope.cancel()
        if isinstance(error, Exception):
            # The group would wrap it; it goes on by itself when this returns.
            await self._group.__aexit__(None, None, None)
        else:
            await self._group.__aexit__(kind, error, traceback)


def spawn(work: Callable[[], Coroutine[object, object, None]]) -> None:
    """Start a task of the running event loop that ends by itself, or with the loop.

    Args:
        work: Must not raise an exception of its own.
    """
    # Trio first: it may run as a guest inside asyncio.
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        trio.lowlevel.spawn_system_task(work, context=copy_context())
        return
    task = asyncio.get_running_loop().create_task(work())
    _running.add(task)
    task.add_done_callback(_running.discard)
