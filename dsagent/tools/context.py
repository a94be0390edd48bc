"""What a running tool may know about the run it is part of.

A tool asks for it by annotating a parameter ``Context[Deps]``, under any name and at
any place in its signature where it can be passed by name; the parameter is left out
of the schema, so the model never sees it. The context lives exactly as long as the
call: reports made after the call has its outcome (by a thread that was abandoned at a
timeout, say) go nowhere, so that a listener never hears of a call again once it has
finished.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import anyio.from_thread

DepsT = TypeVar("DepsT")

Report = Callable[[str, "float | None"], Awaitable[None]]
"""Takes a progress message and the fraction done (0 to 1), or None if unknown."""


async def _to_nobody(message: str, fraction: float | None) -> None:
    """The report function of a context that nobody listens to."""


def _check(fraction: float | None) -> None:
    if fraction is not None and not 0.0 <= fraction <= 1.0:
        msg = f"fraction is how much is done, from 0 to 1, not {fraction}"
        raise ValueError(msg)


class Context(Generic[DepsT]):
    """The application's own objects, and a line back to whoever watches the run.

    >>> @tool
    ... def greet(ctx: Context[dict[str, str]]) -> str:
    ...     "Greet the user."
    ...     return f"Hello, {ctx.deps['name']}"
    >>> greet.spec.parameters["properties"]
    {}
    >>> greet(Context.for_test({"name": "Ada"}))
    'Hello, Ada'
    """

    __slots__ = ("_open", "_report", "call_id", "deps")

    def __init__(
        self, deps: DepsT, *, call_id: str = "", report: Report | None = None
    ) -> None:
        self.deps = deps
        """What the caller passed as ``deps=``: connections, settings, the user."""
        self.call_id = call_id
        """The id of the call being run; empty outside a run."""
        self._report = report or _to_nobody
        self._open = True

    @classmethod
    def for_test(cls, deps: DepsT) -> Context[DepsT]:
        """A context with no run around it, for calling a tool as plain Python."""
        return cls(deps)

    async def report(self, message: str, fraction: float | None = None) -> None:
        """Tell the run how far along this call is.

        Args:
            message: A few words for a person to read.
            fraction: How much is done, 0 to 1; None if that can't be known.

        Raises:
            ValueError: ``fraction`` is outside 0 to 1.
        """
        _check(fraction)
        if self._open:
            await self._report(message, fraction)

    def report_sync(self, message: str, fraction: float | None = None) -> None:
        """``report`` for a tool that is not async and runs in its own thread, or is
        called as plain Python with nobody listening."""
        _check(fraction)
        if self._open and self._report is not _to_nobody:
            anyio.from_thread.run(self.report, message, fraction)

    def close(self) -> None:
        """Ignore reports from now on: the call has its outcome."""
        self._open = False
