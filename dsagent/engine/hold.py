"""Beginnings of prompts that are kept until somebody lets go of them.

What a request leaves in the prefix cache may be forgotten for something newer. A hold
pins it, with two consequences: the pages it is made of aren't given to anybody, and a
request that begins with its ids needs none in their place, which is why it is let in
where it otherwise would have to wait. The second must stay true after the hold was
released, so a :class:`Lease` is shared by the hold and the requests that count on it,
and the last of them gives the pages back.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

import anyio.to_thread

from dsagent.engine.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from dsagent.engine.request import HoldSource


class Lease:
    """What a hold's pages are kept by. Any thread."""

    def __init__(
        self,
        ids: tuple[int, ...],
        end: Callable[[], None],
        *,
        tokens: int,
        storage: int,
        parent: Lease | None = None,
    ) -> None:
        """
        Args:
            ids: The prefix.
            end: Called once, when nobody needs it any more.
            tokens: Of its full pages, which others share.
            storage: Tokens that are reserved for it.
            parent: What keeps its beginning, which is reserved for that.
        """
        self.ids = ids
        self.tokens = tokens
        self.storage = storage
        self.parent = parent
        self.held = True
        """Whether the hold wasn't released."""
        self._end = end
        # Reentrant: a hold that is collected may be dropped inside any of this.
        self._lock = threading.RLock()
        self._users = 1

    def begins(self, prompt: tuple[int, ...], most: int) -> bool:
        """Whether a prompt, of which ``most`` tokens may be known, goes on from here.

        One that is to be given tokens has to have its last one computed.
        """
        return len(self.ids) <= most and prompt[: len(self.ids)] == self.ids

    def take(self) -> bool:
        """Count on it; False if it has ended."""
        with self._lock:
            self._users += bool(self._users)
            return self._users > 0

    def drop(self) -> None:
        """Count on it no longer: once for every ``take``, and once for the hold."""
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self._end()

    def release(self) -> None:
        """Drop it for the hold."""
        self.held = False
        self.drop()


class Leases:
    """Those of one engine. Any thread."""

    def __init__(self) -> None:
        # Not to be iterated over while another thread adds one.
        self._lock = threading.Lock()
        self._all: weakref.WeakSet[Lease] = weakref.WeakSet()

    def add(self, lease: Lease) -> None:
        """Remember it until it is collected."""
        with self._lock:
            self._all.add(lease)

    def take(self, prompt: tuple[int, ...], most: int) -> Lease | None:
        """The longest held beginning of a prompt, taken."""
        held = [lease for lease in self._now() if lease.begins(prompt, most)]
        for lease in sorted(held, key=lambda lease: -len(lease.ids)):
            if lease.take():
                return lease
        return None

    @property
    def tokens(self) -> int:
        """Tokens reserved for holds that weren't released and for what they extend."""
        kept: set[Lease] = set()
        for lease in self._now():
            each = lease if lease.held else None
            while each is not None and each not in kept:
                kept.add(each)
                each = each.parent
        return sum(lease.storage for lease in kept)

    def _now(self) -> list[Lease]:
        with self._lock:
            return list(self._all)


class Hold:
    """A kept prefix. Release it, or drop it."""

    def __init__(
        self,
        lease: Lease,
        source: HoldSource,
        nbytes: int,
        fingerprint: str,
        export: Callable[[], dict[str, Tensor]],
    ) -> None:
        """
        Args:
            lease: Its pages'.
            source: Where its state came from.
            nbytes: Bytes of it.
            fingerprint: The model's.
            export: Its state; may be called while it is held, in any thread.
        """
        self._lease = lease
        self._source: HoldSource = source
        self._nbytes = nbytes
        self._fingerprint = fingerprint
        self._export = export
        self._finalizer = weakref.finalize(self, lease.release)

    @property
    def ids(self) -> tuple[int, ...]:
        return self._lease.ids

    @property
    def source(self) -> HoldSource:
        """Where its state came from."""
        return self._source

    @property
    def nbytes(self) -> int:
        """Bytes of its state, those shared with others included."""
        return self._nbytes

    async def save(self, folder: Path, *, limit: int | None = None) -> Path:
        """Write the state to a file, as ``HoldProtocol.save`` says.

        Raises:
            PrefixFileError: it can't be written. What was there is as it was.
            Closed: the engine was closed.
            ValueError: it was released.
        """
        if not self._lease.take():
            raise ValueError("this prefix was released, so there is nothing to save")
        try:
            return await anyio.to_thread.run_sync(self._save, folder, limit)
        finally:
            self._lease.drop()

    def release(self) -> None:
        """Keep it no longer. Any thread; any number of times."""
        self._finalizer()

    def _save(self, folder: Path, limit: int | None) -> Path:
        store = Store(folder, model=self._fingerprint, limit=limit)
        return store.save(self.ids, self._export())
