"""One request on its way through the engine.

The page every other part of the engine reads: the scheduler advances ``computed``, the
runner appends to ``tokens``, the worker decides when it has ended. Only the engine
thread changes a sequence; other threads read its times and counts. One invariant holds
between steps:

    computed <= len(tokens) <= capacity

``computed`` tokens have their state in the cache and the rest is pending. A sequence
with one pending token decodes, one with more prefills; nothing else tells them apart,
so forced tokens and rejected drafts need no states of their own. Nor does a sequence
that made room for another: ``set_aside`` leaves all of its tokens pending, and when it
has storage again it prefills them, up to the one it goes on from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING

from dsagent.engine.request import GenerationStats

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.engine.bridge import Mailbox
    from dsagent.engine.hold import Lease
    from dsagent.engine.prefix import Checkpoint
    from dsagent.engine.prefixfile import Saved
    from dsagent.engine.request import Request, Stop

_numbers = count()


@dataclass(slots=True, eq=False)
class Sequence:
    request: Request
    seed: int
    capacity: int
    """Tokens its storage must hold: prompt + max_tokens."""
    mailbox: Mailbox
    storage: int = 0
    """Tokens to reserve for it: whole pages, those of a lease excepted."""
    number: int = field(default_factory=lambda: next(_numbers))
    """Its name: no other sequence of the process has it."""
    tokens: list[int] = field(default_factory=list)
    """Prompt and generated ids. Filled from the request."""
    computed: int = 0
    prefilled: int = 0
    """Prompt tokens that have been computed; stays when they have to be once more."""
    slot: int | None = None
    """Its storage in the cache; None before admission and after the end."""
    cached: int = 0
    """Tokens it began behind, computed by others."""
    cuts: tuple[int, ...] = ()
    """Positions in its prompt that chunks end at, for what is computed up to there to
    be kept."""
    keep: bool = False
    """Whether what was computed of it is to be pinned at its end."""
    kept: Checkpoint | None = None
    """The pinned checkpoint, then."""
    saved: Saved | None = None
    """What was computed of its beginning by another process."""
    lease: Lease | None = None
    """What keeps the pages of its beginning, which it doesn't reserve."""
    rank: int = field(init=False)
    """What its priority counts for, once admitted: see admission.py."""
    displaced: int = 0
    """How often it made room for a more urgent one."""
    decode_steps: int = 0
    drafted: int = 0
    """Drafted tokens verified so far."""
    accepted: int = 0
    """Those among them that stood."""
    clock: Callable[[], float] = perf_counter
    submitted: float = field(init=False)
    admitted: float | None = None
    """When it got storage for the first time."""
    first_token: float | None = None
    last_token: float | None = None

    def __post_init__(self) -> None:
        self.tokens = list(self.request.prompt)
        self.storage = self.storage or self.capacity
        self.rank = self.request.priority
        self.submitted = self.clock()

    @property
    def pending(self) -> int:
        """Tokens not yet in the cache."""
        return len(self.tokens) - self.computed

    @property
    def decoding(self) -> bool:
        return len(self.tokens) - self.computed == 1

    @property
    def to_prefill(self) -> int:
        """Pending tokens that are prefilled: all of them, as long as there are only the
        prompt's. Later the newest one decodes, with the drafts behind it."""
        return self.pending - 1 if self.begun else self.pending

    @property
    def begun(self) -> bool:
        """Whether it has been given a token. Until then a last pending token is its
        prompt's."""
        return len(self.tokens) > len(self.request.prompt)

    def begin_at(self, position: int) -> None:
        """Take what others computed of its first tokens."""
        self.computed = position
        self.prefilled = max(self.prefilled, min(position, len(self.request.prompt)))
        if not self.displaced:
            self.cached = position

    @property
    def ended(self) -> bool:
        """Whether it asked for no more than its prompt to be read, and it has been."""
        return self.request.max_tokens == 0 and not self.pending

    @property
    def room(self) -> int:
        """Tokens it may still be given."""
        return self.capacity - len(self.tokens)

    def append(self, token: int) -> Stop | None:
        """Take a generated token. Returns why that ends the sequence, if it does."""
        self.tokens.append(token)
        self.last_token = self.clock()
        if self.first_token is None:
            self.first_token = self.last_token
        if token in self.request.stop_ids:
            return "stop"
        return "length" if len(self.tokens) >= self.capacity else None

    def set_aside(self) -> None:
        """Go back to where nothing was computed. Its storage must have been freed."""
        self.computed = 0
        self.displaced += 1

    def stats(self) -> GenerationStats:
        """Counts and times so far. Safe from any thread."""
        now = self.clock()
        admitted, first, last = self.admitted, self.first_token, self.last_token
        end = self.mailbox.ended or now
        return GenerationStats(
            prompt_tokens=len(self.request.prompt),
            cached_tokens=min(self.cached, len(self.request.prompt)),
            output_tokens=len(self.tokens) - len(self.request.prompt),
            seed=self.seed,
            queued=(admitted or end) - self.submitted,
            prefill=(first or end) - admitted if admitted else 0.0,
            decode=last - first if first and last else 0.0,
            prefilled=self.prefilled,
            decode_steps=self.decode_steps,
            drafted=self.drafted,
            accepted=self.accepted,
            displaced=self.displaced,
        )
