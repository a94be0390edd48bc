"""What the engine has read of a chat, as far as the chat knows.

The engine finds by itself what it has read of a prompt. What a chat adds: it says so
when its prompt no longer begins as the last one did, with the name of what differs; and
it can have its state kept on disk, where the same chat finds it in another process.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread

from dsagent.beginning import beginning, first_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from dsagent.engine.request import HoldProtocol, HoldSource
    from dsagent.messages import Message
    from dsagent.reply import Reply
    from dsagent.task import Backend, Task
    from dsagent.transcript import Setup

log = logging.getLogger(__name__)

_MUCH: Final = 1024
"""Tokens from which it is worth a warning that they are read anew."""


class ChatCache:
    """Of one chat."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._hold: HoldProtocol | None = None
        self._read: tuple[Setup, Sequence[Message]] | None = None
        """How the last prompt was written, and what it and its answer said."""
        self._tokens = 0
        """How long that prompt was."""

    async def keep(
        self,
        task: Task[Any],
        conversations: Sequence[Sequence[Message]],
        folder: Path,
        *,
        limit: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> HoldSource:
        """Keep what the next prompt begins with; see ``Chat.keep``.

        Args:
            task: What comes next, as if it were known.
            conversations: How it may be said; if ``task`` goes on with a turn, that is
                the first of them.
            folder: As for ``Chat.keep``, like the rest.
        """
        ids = await anyio.to_thread.run_sync(
            beginning,
            self._backend.tokenizer,
            task.setup,
            conversations,
            task.begun,
            abandon_on_cancel=True,
        )
        engine = self._backend.engine
        hold = await engine.hold(ids, folder=folder, progress=progress)
        self._release()
        self._hold = hold
        if hold.source != "disk":
            await hold.save(folder, limit=limit)
        return hold.source

    def joined(self, task: Task[Any], reply: Reply[object]) -> None:
        """A send is over: what was kept for it was used, or is out of date."""
        self._release()
        if reply.usage.turns:
            self._read = task.setup, reply.messages
            self._tokens = reply.usage.prompt_tokens // reply.usage.turns

    def tell(self, task: Task[Any]) -> None:
        """Say why the last prompt isn't the beginning of the next, if it isn't."""
        if self._read is None:
            return
        changed = first_difference(self._read, (task.setup, task.messages))
        if changed is not None:
            log.log(
                logging.WARNING if self._tokens >= _MUCH else logging.INFO,
                "this chat's prompt is read anew from %s; the last one had %d tokens",
                changed,
                self._tokens,
            )

    def copy(self) -> ChatCache:
        """That of a fork, which holds nothing of its own."""
        made = ChatCache(self._backend)
        made._read, made._tokens = self._read, self._tokens
        return made

    def _release(self) -> None:
        if self._hold is not None:
            self._hold.release()
            self._hold = None
