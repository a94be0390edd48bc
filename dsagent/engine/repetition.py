"""Whether a model has begun to go round in circles.

A model that loops writes the same stretch of tokens over and over, sometimes with
small changes between, and nothing in it ever makes it stop. What it wrote last is
therefore looked for in what it wrote lately: text that says something new doesn't
repeat sixteen tokens in a row eight times within a thousand.

What must stay true: the answer depends on the ids alone, so that taking ids back (a
rejected draft) needs no bookkeeping; and looking is cheap enough to do all the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

STRETCH: Final = 16
"""Tokens that have to come up again in the same order to count as a repetition."""
WINDOW: Final = 1024
"""Tokens looked back."""


def repetitions(ids: Sequence[int]) -> int:
    """How often the last ``STRETCH`` of ``ids`` occur in the last ``WINDOW``.

    The last occurrence counts, overlapping ones count once: a single token repeated
    for ever comes to one more every sixteen tokens. 0 if there are fewer ids.
    """
    if len(ids) < STRETCH:
        return 0
    # A character an id makes this a search in a string, which is fast.
    lately = "".join(map(chr, ids[-WINDOW:]))
    return lately.count(lately[-STRETCH:])
