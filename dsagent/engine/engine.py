"""The engine as its users see it: submit a request, read a generation, close.

``Engine`` checks a request and answers at once, on the caller's thread; the work
happens on one engine thread (worker.py). What must stay true:

* the thread holds no reference to the ``Engine``, so an engine that is dropped without
  ``close`` stops by itself, and a ``Generation`` holds one, so it is not dropped while
  someone still reads;
* a ``Generation`` that is dropped cancels itself: the engine side never refers to it;
* a request that can never fit is refused before anything is stored for it.

On reproducibility: a request draws the same random numbers alone, in company, and after
it was displaced, so it gets the same tokens whenever the model gives a row the same
logits in every batch. It does so within rounding: a prompt may be cut elsewhere (see
scheduler.py), and matrix products may round a row differently in batches of different
sizes. The sampler is built so that this changes a token only when a random number falls
within that rounding (about 1e-7 of the time), and greedy decoding only when two logits
tie within it.
"""

from __future__ import annotations

import logging
import secrets
import weakref
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from dsagent.engine.admission import Admission
from dsagent.engine.bridge import Mailbox
from dsagent.engine.config import EngineConfig
from dsagent.engine.hold import Hold, Lease, Leases
from dsagent.engine.request import Request
from dsagent.engine.runner import Runner
from dsagent.engine.scheduler import Scheduler
from dsagent.engine.sequence import Sequence
from dsagent.engine.store import Store
from dsagent.engine.worker import Worker
from dsagent.errors import Closed, ContextOverflow, PrefixFileError, QueueFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from dsagent.engine.calibration import Calibration
    from dsagent.engine.memory import Memory
    from dsagent.engine.prefixfile import Saved
    from dsagent.engine.profile import StepProfile
    from dsagent.engine.request import (
        EngineStats,
        GenerationStats,
        HoldSource,
        Stop,
        TokenStep,
    )
    from dsagent.engine.speculation import Observer
    from dsagent.engine.transformer import Transformer
    from dsagent.errors import DSAgentError


logger = logging.getLogger(__name__)


class Generation:
    """A running request: ``async for step in generation``, under asyncio or trio.

    One task reads at a time. A read that is cancelled, leaving ``async with``, and
    dropping the object all cancel the request; after ``async with`` or ``aclose``
    its memory is free. The ids generated before a ``cancel`` can still be read.
    """

    __slots__ = ("__weakref__", "_engine", "_mailbox", "_sequence", "_worker")

    def __init__(self, engine: Engine, worker: Worker, sequence: Sequence) -> None:
        self._engine = engine
        self._worker = worker
        self._sequence = sequence
        self._mailbox = sequence.mailbox

    @property
    def stop(self) -> Stop | None:
        """Why it ended; None while it runs. Unread ids may remain after the end."""
        return self._mailbox.stop

    @property
    def error(self) -> DSAgentError | None:
        """The fault, when ``stop`` is "error"."""
        return self._mailbox.error

    @property
    def stats(self) -> GenerationStats:
        """Counts and times, so far or final."""
        return self._sequence.stats()

    def cancel(self) -> None:
        """Ask it to end within one step. Any thread; any number of times."""
        if self._mailbox.stop is None:
            self._worker.cancel(self._sequence)

    async def aclose(self) -> None:
        """Cancel it if it still runs, and wait until its memory is free.

        The wait is one step at most and is not itself cancellable.
        """
        self.cancel()
        with anyio.CancelScope(shield=True):
            await self._mailbox.finished()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> TokenStep:
        try:
            step = await self._mailbox.take()
        except anyio.BusyResourceError:
            raise  # a second reader is a mistake; the first one goes on
        except BaseException:
            self.cancel()
            raise
        if step is not None:
            return step
        if self._mailbox.error is not None:
            raise self._mailbox.error
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self.cancel()


class Engine:
    """Runs requests together on one model.

    Usable from any thread and any number of event loops; ``async with`` closes it.
    """

    def __init__(
        self,
        transformer: Transformer,
        config: EngineConfig | None = None,
        *,
        profile: StepProfile | None = None,
        calibration: Calibration | None = None,
        observe: Observer | None = None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """Start the engine thread.

        Args:
            transformer: Belongs to the engine until ``close``.
            config: How much it may hold and do at once.
            profile: What its steps cost here, for deciding how far to draft ahead.
            calibration: How far the drafter's confidences can be trusted.
            observe: Told of fully verified blocks, on the engine thread.
            clock: Seconds from anywhere on: of deadlines, and what steps take.
        """
        config = config or EngineConfig()
        self._config = config
        self._clock = clock
        self._vocab_size: int = transformer.config.vocab_size
        cache = transformer.planned_cache(
            config.memory, config.max_running, config.context, config.cache_format
        )
        self._page = cache.page
        self._tokens = cache.capacity
        self._keeps = config.keep_prefixes and cache.residues > 0
        self._context_limit: int = min(
            config.context or transformer.config.max_position_embeddings,
            cache.capacity,
        )
        runner = Runner(
            transformer,
            cache=cache,
            keep_prefixes=config.keep_prefixes,
            profile=profile,
            calibration=calibration,
            observe=observe,
        )
        self._admission = Admission(
            slots=cache.slots, tokens=cache.capacity, queue=config.max_queue
        )
        scheduler = Scheduler(
            prefill_chunk=config.prefill_chunk,
            max_unread=config.max_unread,
            stall=config.stall,
        )
        self._page_bytes = cache.page_bytes
        self.fingerprint: str = f"{transformer.fingerprint} {config.cache_format}"
        """What tells states of this model from those of others."""
        self._leases = Leases()
        self._worker = Worker(
            runner, self._admission, scheduler, threads=config.threads, clock=clock
        )
        # The interpreter's exit is the worker's business: it also waits.
        weakref.finalize(self, self._worker.stop).atexit = False

    @property
    def config(self) -> EngineConfig:
        return self._config

    @property
    def context_limit(self) -> int:
        """Most tokens one sequence may have, prompt and output together."""
        return self._context_limit

    @property
    def vocab_size(self) -> int:
        return self._vocab_size

    @property
    def default_max_tokens(self) -> int:
        """Ids a request without ``max_tokens`` may have, if there is room."""
        return self._config.default_max_tokens

    def submit(self, request: Request) -> Generation:
        """Start ``request``. Returns at once; does no work on the caller's thread.

        Raises:
            ContextOverflow: prompt + max_tokens can never fit.
            QueueFull: too many requests are waiting already, or it doesn't fit beside
                the prefixes that are held now, however long it waits.
            Closed: the engine was closed, or closed itself after a failure.
            ValueError: the prompt holds an id the model doesn't have.
        """
        return self._start(self._sequence(request))

    async def hold(
        self,
        ids: Iterable[int],
        *,
        folder: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Hold:
        """Have ``ids`` read, and what was computed of them kept.

        Args:
            ids: Token ids, at least one.
            folder: Where to look for a file of theirs, if they aren't in memory. One
                that can't be used is as good as none.
            progress: Called as (tokens done, tokens there are) while they are read.

        Raises:
            ContextOverflow: they can never fit.
            QueueFull: too many requests are waiting already, too much is held, or
                this engine keeps nothing at all.
            Closed: the engine was closed.
        """
        if not self._keeps:
            raise QueueFull(
                "this engine keeps no prefixes: EngineConfig.keep_prefixes is False, "
                "or EngineConfig.memory too small for any"
            )
        request = Request(tuple(ids), max_tokens=0)
        sequence = self._sequence(request)
        sequence.keep = True
        if folder is not None:
            sequence.saved = await anyio.to_thread.run_sync(
                self._saved, folder, request.prompt
            )
        try:
            async with self._start(sequence) as reading:
                async for step in reading:
                    if progress is not None and step.prefilled is not None:
                        progress(step.prefilled, step.prompt_tokens)
            return self._held(sequence)
        except BaseException:
            self._worker.let_go(sequence)
            raise

    def _held(self, sequence: Sequence) -> Hold:
        kept = sequence.kept
        if sequence.mailbox.stop == "cancelled" or self._worker.closed:
            raise Closed("the engine was closed before the prefix was read")
        if kept is None:
            raise QueueFull(
                "there is no room to hold another prefix: release one, or raise "
                "EngineConfig.memory"
            )
        ids, pages = sequence.request.prompt, -(-kept.position // self._page)
        worker = self._worker
        lease = Lease(
            ids,
            partial(worker.let_go, sequence),
            tokens=kept.position // self._page * self._page,
            storage=sequence.storage,
            parent=sequence.lease,
        )
        self._leases.add(lease)
        source: HoldSource = "computed"
        if sequence.computed == sequence.cached:
            source = "disk" if sequence.saved is not None else "memory"
        nbytes = kept.residue.nbytes + pages * self._page_bytes
        export = partial(worker.export, sequence)
        return Hold(lease, source, nbytes, self.fingerprint, export)

    def _saved(self, folder: Path, ids: tuple[int, ...]) -> Saved | None:
        """The longest saved beginning of ``ids``, if there is one that can be used."""
        store = Store(folder, model=self.fingerprint)
        try:
            entry = store.find(ids)
            return None if entry is None else store.load(ids[: entry.length])
        except PrefixFileError as error:
            logger.warning("%s", error)
            return None

    def _sequence(self, request: Request) -> Sequence:
        self._check_ids(request)
        seed = request.sampling.seed
        capacity = self._capacity(request)
        return Sequence(
            request,
            seed=secrets.randbits(63) if seed is None else seed,
            capacity=capacity,
            mailbox=Mailbox(len(request.prompt), self._worker.nudge, self._clock),
            storage=-(-capacity // self._page) * self._page,
            clock=self._clock,
        )

    def _start(self, sequence: Sequence) -> Generation:
        request = sequence.request
        known = len(request.prompt) - (request.max_tokens != 0)
        lease = sequence.lease = self._leases.take(request.prompt, known)
        if lease is not None:
            sequence.storage -= lease.tokens
        try:
            self._check_room(sequence)
            self._admission.enter(sequence)
        except BaseException:
            if lease is not None:
                lease.drop()
            raise
        self._worker.watch(sequence)
        return Generation(self, self._worker, sequence)

    def _check_room(self, sequence: Sequence) -> None:
        """Refuse what would wait until somebody releases a prefix, perhaps for ever."""
        left = self._tokens - self._leases.tokens
        if sequence.storage > left:
            raise QueueFull(
                f"this needs room for {sequence.storage:,} tokens, and prefixes that "
                f"are held leave room for {left:,}: release one, or ask for less "
                "output (max_tokens), or raise EngineConfig.memory"
            )

    def stats(self) -> EngineStats:
        """What it does now and has done so far. Any thread, also after ``close``."""
        return self._worker.stats()

    def memory(self) -> Memory:
        """Where its bytes are: ``print(engine.memory())`` shows a table. Any thread.

        Raises:
            Closed: it has ended, and holds nothing.
        """
        return self._worker.memory()

    def close(self) -> None:
        """End every request as cancelled, free model and caches, end the thread.

        Waits for the step in progress, no longer. Safe to repeat, and from any thread.
        """
        self._worker.stop()
        self._worker.join()

    async def aclose(self) -> None:
        """``close`` without blocking the event loop."""
        # Told here and not in the thread, which may be a while in coming: no step
        # begins after this call has.
        self._worker.stop()
        # A limiter of its own: tools may be holding every thread of the default one.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.close, limiter=anyio.CapacityLimiter(1))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def _capacity(self, request: Request) -> int:
        """Tokens to reserve: the prompt and as much output as was asked for."""
        prompt = len(request.prompt)
        room = self._context_limit - prompt
        wanted = request.max_tokens
        if wanted is None:
            wanted = max(1, min(self._config.default_max_tokens, room))
        if wanted > room:
            parts = dict(request.parts) or {"prompt": prompt}
            raise ContextOverflow(
                prompt + wanted, self._context_limit, {**parts, "output": wanted}
            )
        return prompt + wanted

    def _check_ids(self, request: Request) -> None:
        if min(request.prompt) < 0 or max(request.prompt) >= self._vocab_size:
            index, token = next(
                (index, token)
                for index, token in enumerate(request.prompt)
                if not 0 <= token < self._vocab_size
            )
            msg = (
                f"prompt token {index} is id {token}, but the model's vocabulary has "
                f"{self._vocab_size} ids: this tokenizer belongs to another model"
            )
            raise ValueError(msg)
