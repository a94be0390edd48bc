"""An end to thinking: a constraint that closes it when it has gone on for too long.

``ThinkingLimit`` wraps the constraint of a turn that begins with thinking and adds one
rule: from a certain token on, only the one that closes thinking is legal. That token is
counted off (a budget), chosen because the model goes round in circles (see
``repetition``), or asked for from outside (time is up). What must stay true:

* the wrapped constraint has the last word: where it forbids the closing token, in the
  middle of a character, it goes on as it likes until that is over, within three tokens;
* the state is a function of the ids committed, so any pattern of accepting and taking
  back, across the closing too, ends where a fresh start with the same ids would;
* what has been declared legal stays legal: a request from outside takes effect a few
  tokens later, when no draft that was checked before can still be under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from dsagent.engine.repetition import STRETCH, repetitions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.engine.constraint import Bitmask, Constraint

NOTICE: Final = 32
"""Tokens between a request to close and its effect: more than any draft is long."""


class ThinkingLimit:
    """A ``Constraint`` that lets another one think only for so long."""

    def __init__(
        self,
        constraint: Constraint,
        *,
        close: int,
        tokens: int | None = None,
        repeats: int | None = None,
    ) -> None:
        """Wrap ``constraint``, which is at the start of its thinking.

        Args:
            constraint: Belongs to this one from here on.
            close: The id that ends thinking.
            tokens: Most ids before it. None: any number.
            repeats: How often the same stretch may come up before thinking is closed
                as a loop. None: it is never looked for.
        """
        self._constraint = constraint
        self._close = close
        self._limit = tokens
        self._repeats = repeats
        self._asked = False
        self._thought: list[int] = []
        self._looped_at: int | None = None
        """How long the thinking was when it was first found to go round in circles."""
        self._after = 0
        """Ids committed from the closing one on; 0 while thinking goes on."""

    @property
    def done(self) -> bool:
        """Only the end-of-turn token may follow, or it has been accepted."""
        return self._constraint.done

    @property
    def thought(self) -> int:
        """Ids of thinking committed so far."""
        return len(self._thought)

    def ask_to_close(self) -> None:
        """Let thinking end soon. Any thread; any number of times."""
        self._asked = True

    def fill_mask(self, out: Bitmask, row: int) -> None:
        """Write the mask of the next position to ``out[row]``."""
        if self._asked and not self._after:
            self._shorten()
        self._constraint.fill_mask(out, row)
        if self._closing and _is_set(out, row, self._close):
            out[row] = 0
            out.view(np.uint32)[row, self._close // 32] = 1 << (self._close % 32)

    def accept(self, ids: Sequence[int]) -> int:
        """Commit ``ids`` up to the first illegal one; how many were committed."""
        for taken, token in enumerate(ids):
            if self._after:
                rest = self._constraint.accept(ids[taken:])
                self._after += rest
                return taken + rest
            if self._must_close() and token != self._close:
                return taken
            if self._constraint.accept((token,)) == 0:
                return taken
            self._commit(token)
        return len(ids)

    def validate(self, ids: Sequence[int]) -> int:
        """Length of the longest legal prefix of ``ids``; the state does not change."""
        if self._after:
            return self._constraint.validate(ids)
        legal = self.accept(ids)
        self.rollback(legal)
        return legal

    def rollback(self, n: int) -> None:
        """Take back the last ``n`` committed ids.

        Raises:
            ValueError: fewer than ``n`` have been committed.
        """
        self._constraint.rollback(n)
        after = min(n, self._after)
        self._after -= after
        if n > after:
            del self._thought[after - n :]
            if self._looped_at is not None and self._looped_at > len(self._thought):
                self._looped_at = None

    def forced(self) -> list[int]:
        """Ids that must come next, empty if there is a choice."""
        if self._must_close():
            return [self._close]
        # None of them is against the rule: where closing is legal there is a choice.
        return self._constraint.forced()

    @property
    def _closing(self) -> bool:
        """Whether thinking has to end as soon as it can."""
        over = self._limit is not None and len(self._thought) >= self._limit
        return (over or self._looped_at is not None) and not self._after

    def _must_close(self) -> bool:
        """Whether the closing id is the only legal one."""
        return self._closing and self._constraint.validate((self._close,)) == 1

    def _commit(self, token: int) -> None:
        if token == self._close:
            self._after = 1
            return
        self._thought.append(token)
        # Now and then is often enough, and which times those are depends on the ids
        # alone.
        if len(self._thought) % STRETCH == 0 and self._looped_at is None:
            repeats = self._repeats
            if repeats is not None and repetitions(self._thought) >= repeats:
                self._looped_at = len(self._thought)

    def _shorten(self) -> None:
        soon = len(self._thought) + NOTICE
        self._limit = soon if self._limit is None else min(self._limit, soon)
        self._asked = False


def _is_set(mask: Bitmask, row: int, token: int) -> bool:
    return bool(mask.view(np.uint32)[row, token // 32] >> (token % 32) & 1)
