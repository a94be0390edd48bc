"""Reading the next prompt while tools still run.

A turn of several calls waits for the slowest of them, and the results of the others can
be read meanwhile, as far as they stand in front of it: results are written in the order
of the calls. What must stay true: what is read ahead is a true beginning of the next
prompt; it goes behind everything that somebody waits for; and whatever becomes of it,
the run doesn't notice but by its speed.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from dsagent.beginning import ENDINGS, shared
from dsagent.engine.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsagent.engine.request import EngineProtocol
    from dsagent.messages import Assistant, ToolResult
    from dsagent.transcript import Transcript

log = logging.getLogger(__name__)

_WORTH: Final = 256
"""Tokens that are worth a request; fewer are read as fast with all the others."""


class ReadAhead:
    """Reads the beginning of the prompt that follows one turn. Made on an event loop.

    Args:
        engine: Reads it.
        transcript: The prompt that the turn was written behind; must stay as it is.
        results: What is known of the turn's first calls, in order, up to the first
            that isn't over.
        priority: Below that of all that somebody waits for.
    """

    def __init__(
        self,
        engine: EngineProtocol,
        transcript: Transcript,
        results: Callable[[Assistant], Sequence[ToolResult]],
        *,
        priority: int = -1,
    ) -> None:
        self._engine = engine
        self._priority = priority
        self._transcript = transcript
        self._results = results
        self._news = anyio.Event()

    def look(self) -> None:
        """Say that there may be one more result."""
        self._news.set()

    async def run(self, turn: Assistant, sampled: Sequence[int]) -> None:
        """Read what is known as it comes to be known, until cancelled.

        Args:
            turn: The turn, which is written to its end.
            sampled: All of its ids.
        """
        has_read = len(self._transcript.prompt) + len(sampled)
        while True:
            known = await self._known(turn, sampled)
            if len(known) - has_read >= _WORTH:
                if not await self._read(known):
                    return
                has_read = len(known)
            await self._news.wait()
            self._news = anyio.Event()

    async def _known(self, turn: Assistant, sampled: Sequence[int]) -> tuple[int, ...]:
        """What the next prompt begins with; nothing, if that is little more than this
        turn, or if it is all of it: then it comes by itself."""
        results = self._results(turn)
        short = sum(len(result.text) for result in results) < _WORTH
        if short or len(results) == len(turn.calls):
            return ()
        foresee = partial(self._transcript.foresee, turn, sampled, results)
        return await anyio.to_thread.run_sync(
            lambda: shared([foresee(ending) for ending in ENDINGS]),
            abandon_on_cancel=True,
        )

    async def _read(self, ids: tuple[int, ...]) -> bool:
        """Have these ids read; whether that went well."""
        request = Request(ids, max_tokens=0, priority=self._priority)
        try:
            async with self._engine.submit(request) as generation:
                async for _ in generation:
                    pass
        except Exception as error:  # the next turn finds out, if it matters
            log.info("the next prompt is not read ahead: %s", error)
            return False
        return True
