"""From the engine thread to whoever awaits: results cross, and nobody blocks anybody.

The engine thread drops what a step produced into the generation's mailbox and goes on.
A reader that was waiting is woken through its own event loop, asyncio or trio, with one
call per loop and step however many generations moved; a reader that was busy finds the
news when it comes back, merged into one ``TokenStep``. What must stay true:

* the engine thread never waits for a reader: it takes only a mailbox's lock, which no
  one holds across an await or a call into foreign code;
* a mailbox is bounded because the scheduler stops giving a sequence work while
  ``unread`` is at its limit, and taking the news calls ``on_room``;
* a read that is cancelled takes nothing: the news stays for the next read.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import anyio
import anyio.lowlevel

from dsagent.engine.request import TokenStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from trio.lowlevel import TrioToken

    from dsagent.engine.request import Stop
    from dsagent.errors import DSAgentError


class Portal(Protocol):
    """A way into a running event loop from another thread."""

    def call(self, function: Callable[[], None]) -> bool:
        """Schedule ``function`` on the loop; False if the loop is gone."""


@dataclass(frozen=True, slots=True)
class AsyncioPortal:
    loop: asyncio.AbstractEventLoop

    def call(self, function: Callable[[], None]) -> bool:
        try:
            self.loop.call_soon_threadsafe(function)
        except RuntimeError:  # the loop is closed
            return False
        return True


@dataclass(frozen=True, slots=True)
class TrioPortal:
    token: TrioToken

    def call(self, function: Callable[[], None]) -> bool:
        try:
            self.token.run_sync_soon(function)
        except sys.modules["trio"].RunFinishedError:
            return False
        return True


def current_portal() -> Portal:
    """The portal of the loop this code runs in. Equal portals mean the same loop."""
    # Trio first: it may run as a guest inside asyncio. It is never imported here,
    # because code that runs in it has imported it.
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return TrioPortal(trio.lowlevel.current_trio_token())
    return AsyncioPortal(asyncio.get_running_loop())


@dataclass(frozen=True, slots=True, eq=False)
class Waiter:
    """A reader asleep in ``Mailbox.take``."""

    portal: Portal
    event: anyio.Event


def wake(waiters: Iterable[Waiter]) -> None:
    """Wake readers from any thread: one crossing per event loop.

    A loop that has ended took its readers with it, so there is no one left to tell.
    """
    by_loop: dict[Portal, list[anyio.Event]] = {}
    for waiter in waiters:
        by_loop.setdefault(waiter.portal, []).append(waiter.event)
    for portal, events in by_loop.items():
        portal.call(_Setter(events))


@dataclass(frozen=True, slots=True)
class _Setter:
    events: list[anyio.Event]

    def __call__(self) -> None:
        for event in self.events:
            event.set()


class Mailbox:
    """The news of one generation, from the engine thread to one reader at a time."""

    __slots__ = (
        "_clock",
        "_closers",
        "_ended",
        "_error",
        "_ids",
        "_lock",
        "_on_room",
        "_prefilled",
        "_prompt_tokens",
        "_reader",
        "_room_wanted",
        "_stop",
    )

    def __init__(
        self,
        prompt_tokens: int,
        on_room: Callable[[], None],
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._prompt_tokens = prompt_tokens
        self._on_room = on_room
        self._ids: list[int] = []
        self._prefilled: int | None = None
        self._stop: Stop | None = None
        self._error: DSAgentError | None = None
        self._ended: float | None = None
        self._reader: Waiter | None = None
        self._closers: list[Waiter] = []
        self._room_wanted = False

    @property
    def stop(self) -> Stop | None:
        """Why the generation ended; unread news may remain after it has."""
        return self._stop

    @property
    def error(self) -> DSAgentError | None:
        return self._error

    @property
    def ended(self) -> float | None:
        """The clock's time of the stop."""
        return self._ended

    @property
    def unread(self) -> int:
        """Ids nobody has taken yet."""
        return len(self._ids)

    # Engine thread.

    def full(self, limit: int) -> bool:
        """True while ``limit`` ids are unread; then the next read calls ``on_room``."""
        if len(self._ids) < limit:
            return False
        with self._lock:
            self._room_wanted = len(self._ids) >= limit
            return self._room_wanted

    def put(
        self,
        ids: Sequence[int] = (),
        *,
        prefilled: int | None = None,
        stop: Stop | None = None,
        error: DSAgentError | None = None,
    ) -> list[Waiter]:
        """Add news; with ``stop``, the last. Returns the readers to ``wake``.

        Once stopped, a mailbox ignores what still arrives.
        """
        with self._lock:
            if self._stop is not None:
                return []
            self._ids.extend(ids)
            if prefilled is not None:
                self._prefilled = prefilled
            self._error = error
            woken = [] if self._reader is None else [self._reader]
            self._reader = None
            if stop is not None:
                self._ended = self._clock()
                self._stop = stop
                woken += self._closers
                self._closers = []
            return woken

    # Event loop.

    async def take(self) -> TokenStep | None:
        """Everything new since the last call, waiting for something; None at the end.

        Always a checkpoint. Takes nothing when it is cancelled.
        """
        while True:
            waiter = self._register_reader()
            if waiter is None:
                await anyio.lowlevel.checkpoint()
            else:
                try:
                    await waiter.event.wait()
                finally:
                    self._forget(waiter)
            # In this order: what was put before the stop is seen by the take after it.
            ended = self._stop is not None
            step = self.take_nowait()
            if step is not None or ended:
                return step

    def take_nowait(self) -> TokenStep | None:
        """Everything new since the last call, or None."""
        with self._lock:
            if not self._has_news:
                return None
            step = TokenStep(tuple(self._ids), self._prefilled, self._prompt_tokens)
            self._ids.clear()
            self._prefilled = None
            room_wanted, self._room_wanted = self._room_wanted, False
        if room_wanted:
            self._on_room()
        return step

    async def finished(self) -> None:
        """Wait for the last ``put``. News is left alone; any number may wait."""
        portal = current_portal()
        with self._lock:
            if self._stop is not None:
                return
            waiter = Waiter(portal, anyio.Event())
            self._closers.append(waiter)
        try:
            await waiter.event.wait()
        finally:
            with self._lock:
                if waiter in self._closers:
                    self._closers.remove(waiter)

    @property
    def _has_news(self) -> bool:
        return bool(self._ids) or self._prefilled is not None

    def _register_reader(self) -> Waiter | None:
        """None when there is something to read already."""
        portal = current_portal()
        with self._lock:
            if self._stop is not None or self._has_news:
                return None
            if self._reader is not None:
                raise anyio.BusyResourceError("reading from")
            self._reader = Waiter(portal, anyio.Event())
            return self._reader

    def _forget(self, waiter: Waiter) -> None:
        with self._lock:
            if self._reader is waiter:
                self._reader = None
