"""What goes into the engine and what comes out: the tokens-to-tokens seam.

A request is token ids, sampling options and perhaps a constraint; its answer is a
stream of token ids and, at the end, why it stopped and what it cost. Everything above
this page (messages, tools, schemas) and everything below it (scheduling, tensors)
changes without the other noticing, so this module must stay free of torch and of
text. ``EngineProtocol`` and ``GenerationProtocol`` are the whole surface the layers
above may use: an engine in another process, or a scripted one in a test, stands in by
implementing them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from dsagent.engine.constraint import Constraint
    from dsagent.engine.memory import Memory
    from dsagent.errors import DSAgentError

Stop = Literal["stop", "length", "cancelled", "error"]
"""Why a generation ended: a stop token, its ``max_tokens``, a cancellation, a fault."""

Speculation: TypeAlias = Literal["auto", "off"] | int
"""Whether tokens are drafted and verified several at a time. "auto": as many as pay
at the moment. "off": none. A number: up to that many a step, always."""

HoldSource: TypeAlias = Literal["computed", "memory", "disk"]
"""Where the state of a held prefix came from."""

LONGEST_DRAFT = 16
"""The most tokens a request may ask to have drafted."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen from the logits.

    The distribution is ``softmax(logits / temperature)`` over the tokens the
    constraint allows; ``top_p`` and ``min_p`` both look at that distribution and a
    token must pass both.

    >>> Sampling(temperature=0).greedy
    True
    >>> reply = await model.chat("How is Oslo?", sampling=Sampling(top_p=0.9, seed=7))
    """

    temperature: float = 1.0
    """0 takes the most probable token (the smallest id on a tie); 1 is as trained."""
    top_p: float = 1.0
    """Keep the most probable tokens until their mass reaches this; 1 keeps all."""
    min_p: float = 0.0
    """Keep tokens at least this fraction as probable as the most probable one."""
    seed: int | None = None
    """Fixes the random draws; None lets the engine pick one and report it."""
    speculation: Speculation = "auto"
    """How far ahead to draft. It changes the speed and never the distribution; under
    ``temperature=0`` not even the text."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature < float("inf"):
            msg = f"temperature must be finite and at least 0, not {self.temperature}"
            raise ValueError(msg)
        if not 0.0 < self.top_p <= 1.0:
            msg = f"top_p must be above 0 and at most 1, not {self.top_p}"
            raise ValueError(msg)
        if not 0.0 <= self.min_p <= 1.0:
            msg = f"min_p must be between 0 and 1, not {self.min_p}"
            raise ValueError(msg)
        ahead = self.speculation
        number = isinstance(ahead, int) and not isinstance(ahead, bool)
        if ahead not in ("auto", "off") and not (
            number and 1 <= int(ahead) <= LONGEST_DRAFT
        ):
            msg = (
                f"speculation is 'auto', 'off' or a number from 1 to {LONGEST_DRAFT}, "
                f"not {ahead!r}"
            )
            raise ValueError(msg)

    @property
    def greedy(self) -> bool:
        """True when no random draw is needed."""
        return self.temperature == 0.0

    @property
    def reproducible(self) -> bool:
        """True when the same tokens are expected another time, in any company."""
        return self.seed is not None and not self.greedy


@dataclass(frozen=True, slots=True)
class Request:
    """One generation to run."""

    prompt: tuple[int, ...]
    """Token ids to continue, at least one."""
    max_tokens: int | None = None
    """Most ids to generate, stop id included; None: what the engine allows. 0: none.
    The prompt is read, what was computed of it is left in the prefix cache, and the
    generation ends with "length"."""
    sampling: Sampling = field(default_factory=Sampling)
    stop_ids: frozenset[int] = frozenset()
    """Ids that end the generation. The one that did is the last id delivered, so that
    prompt + ids replays the sequence exactly."""
    constraint: Constraint | None = None
    """Says which ids may come next. It is stateful and belongs to this request: the
    engine calls it from its own thread until the generation has ended."""
    parts: tuple[tuple[str, int], ...] = ()
    """What the prompt is made of, (name, tokens), for ContextOverflow to show."""
    priority: int = 0
    """Higher ones are let in and read first, and may displace lower ones that run:
    these go on later, where they were. Whoever waits long enough gets in all the same.
    """
    owner: str = ""
    """On whose account it is. Of one priority, owners take turns in the queue."""
    deadline: float | None = None
    """Seconds from its submission it has to be finished in; after that it ends with
    ``DeadlineExceeded``, within a step, or without ever having begun."""

    def __post_init__(self) -> None:
        if not self.prompt:
            msg = "a request needs at least one prompt token"
            raise ValueError(msg)
        if self.max_tokens is not None and self.max_tokens < 0:
            msg = f"max_tokens must be at least 0, not {self.max_tokens}"
            raise ValueError(msg)
        if self.deadline is not None and not self.deadline > 0.0:
            msg = f"deadline is in seconds from now, above 0, not {self.deadline}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class TokenStep:
    """What one read of a generation returns: all that happened since the last read."""

    ids: tuple[int, ...] = ()
    """New token ids, in order; empty while the prompt is being processed."""
    prefilled: int | None = None
    """Prompt tokens processed so far, on reads where that number moved."""
    prompt_tokens: int = 0
    """The total ``prefilled`` runs up to."""


@dataclass(frozen=True, slots=True)
class GenerationStats:
    """Counts and times of one generation, so far or final. Times are in seconds."""

    prompt_tokens: int
    output_tokens: int
    """Ids generated, the stop id included."""
    seed: int
    """The seed in use: the request's, or the one the engine picked. Asked for, it gives
    the same text every time; a request that named none is drafted for as suits its
    company, so its seed need not repeat its text on a model with a drafter."""
    queued: float
    """From submission until storage was reserved."""
    prefill: float
    """From then until the first token: the whole prompt, other work included."""
    decode: float
    """From the first token to the latest."""
    cached_tokens: int = 0
    """Prompt tokens that needed no work because they were already in a cache."""
    prefilled: int = 0
    """Prompt tokens processed so far, those included."""
    decode_steps: int = 0
    """Steps of the model that gave tokens after the first one."""
    drafted: int = 0
    """Tokens those steps verified."""
    accepted: int = 0
    """Those among them that stood."""
    displaced: int = 0
    """How often it made room for a more urgent request, and waited again."""

    @property
    def accepted_length(self) -> float:
        """Tokens a decode step gave, the target's own included; 0 without any step."""
        if not self.decode_steps:
            return 0.0
        # Not by the drafts that stood: behind a stop token there is no target's own.
        return (self.output_tokens - 1) / self.decode_steps

    @property
    def first_token(self) -> float:
        """Seconds from submission to the first token."""
        return self.queued + self.prefill

    @property
    def prefill_tokens_per_second(self) -> float:
        """Speed of reading the prompt, without what was cached; 0 before any was read.
        Other work of the steps counts, as it does for whoever waits."""
        read = self.prefilled - self.cached_tokens
        return read / self.prefill if read > 0 and self.prefill > 0.0 else 0.0

    @property
    def tokens_per_second(self) -> float:
        """Decode speed, the first token excluded; 0 with fewer than two tokens."""
        if self.output_tokens < 2 or self.decode <= 0.0:
            return 0.0
        return (self.output_tokens - 1) / self.decode


@dataclass(frozen=True, slots=True)
class EngineStats:
    """A snapshot of an engine. Counters run from its start; times are in seconds."""

    running: int
    """Requests that hold storage: prefilling, decoding or paused."""
    paused: int
    """Those among them that wait for their reader."""
    waiting: int
    """Requests in the queue, without storage."""
    cache_tokens: int
    """Token capacity reserved by running requests and held prefixes, in whole pages."""
    cache_bytes: int
    """Bytes of storage that running requests hold now."""
    steps: int
    prefill_tokens: int
    decode_tokens: int
    busy: float
    """Time spent in steps."""
    drafted: int = 0
    """Drafted tokens verified."""
    accepted: int = 0
    """Those among them that stood."""
    cached_tokens: int = 0
    """Prompt tokens that were in the cache already."""
    prefilling: int = 0
    """Running requests whose prompt is being read."""
    waited: float = 0.0
    """How long the request that was submitted first of the waiting ones has waited."""
    displaced: int = 0
    """Times a request made room for a more urgent one."""
    expired: int = 0
    """Requests that ended because their deadline passed."""

    @property
    def tokens_per_second(self) -> float:
        """Tokens generated per busy second."""
        return self.decode_tokens / self.busy if self.busy > 0.0 else 0.0


@runtime_checkable
class GenerationProtocol(Protocol):
    """A running generation: an async iterator of steps that can be cancelled.

    Reading it as an async context manager guarantees that its memory is free after
    the block, however the block is left. A read that is itself cancelled cancels the
    generation. When ``stop`` is "error" the iteration ends by raising ``error``; any
    other ending just ends it.
    """

    @property
    def stop(self) -> Stop | None:
        """Why it ended; None while ids may still come."""

    @property
    def error(self) -> DSAgentError | None:
        """The fault, when ``stop`` is "error"."""

    @property
    def stats(self) -> GenerationStats: ...

    def cancel(self) -> None:
        """Ask it to end within one step. Any thread; any number of times."""

    async def aclose(self) -> None:
        """Cancel it if it still runs, and wait until its memory is free."""

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> TokenStep: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


@runtime_checkable
class HoldProtocol(Protocol):
    """A beginning of prompts whose computed state is kept until it is released.

    Nothing has to name it: any request whose prompt begins with its ids starts behind
    them.
    """

    @property
    def ids(self) -> tuple[int, ...]: ...

    @property
    def source(self) -> HoldSource:
        """Where its state came from."""

    @property
    def nbytes(self) -> int:
        """Bytes of its state, those shared with others included."""

    async def save(self, folder: Path, *, limit: int | None = None) -> Path:
        """Write the state to a file that ``EngineProtocol.hold`` finds again.

        Args:
            folder: Where such files are; several processes may share it.
            limit: Bytes that all of them may have; what wasn't used for longest goes.

        Returns:
            The file.

        Raises:
            PrefixFileError: it can't be written. What was there is as it was.
            Closed: the engine was closed.
            ValueError: it was released.
        """

    def release(self) -> None:
        """Keep it no longer. Any thread; any number of times. A hold that is dropped
        releases itself."""


@runtime_checkable
class EngineProtocol(Protocol):
    """What the layers above need of an engine."""

    @property
    def fingerprint(self) -> str:
        """What tells states of this model from those of others: a hash of its weights
        and its configuration."""

    @property
    def context_limit(self) -> int:
        """Most tokens one sequence may have, prompt and output together."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def default_max_tokens(self) -> int:
        """Ids a request without ``max_tokens`` may have, if there is room."""

    def submit(self, request: Request) -> GenerationProtocol:
        """Start ``request``. Returns at once; does no work on the caller's thread.

        Raises:
            ContextOverflow: prompt + max_tokens can never fit.
            QueueFull: too many requests are waiting already, or it doesn't fit beside
                the prefixes that are held.
            Closed: the engine was closed.
        """

    async def hold(
        self,
        ids: Sequence[int],
        *,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> HoldProtocol:
        """Have ``ids`` read, and what was computed of them kept.

        Args:
            ids: Token ids, at least one.
            folder: Where to look for a file of theirs, if they aren't in memory. One
                that can't be used is as good as none.
            progress: Called as (tokens done, tokens there are) while they are read.

        Raises:
            ContextOverflow: they can never fit.
            QueueFull: too many requests are waiting already, or too much is held.
            Closed: the engine was closed.
        """

    def stats(self) -> EngineStats: ...

    def memory(self) -> Memory:
        """Where its bytes are.

        Raises:
            Closed: it was closed, and holds nothing.
        """

    def close(self) -> None:
        """End every request as cancelled and free everything. Safe to repeat."""

    async def aclose(self) -> None:
        """``close`` without blocking the event loop."""
