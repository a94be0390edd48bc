"""The engine thread: one loop that owns the model and everything a request holds.

A turn of the loop reads its inbox, ends what is too late, lets sequences in, runs one
step and posts what came out. Other threads never touch its state: they put a function
in the inbox, and the loop runs it between steps. That is why a cancellation takes
effect within one step, and why freeing is never in a race with computing. The inbox is
a ``SimpleQueue`` because its ``put`` may be called from a finalizer that interrupts any
code, this loop's included.

Failures, from the inside out:

* of one row (its constraint, its logits): that request ends with ``EngineError``;
* of a forward pass or of an allocation: the requests in it end with ``EngineError``
  and the engine goes on, since storage is rewritten before it is read;
* of the loop itself: every request ends with ``EngineError``, the engine is closed and
  ``submit`` says why.

Nobody waits on the outside world here, so ``stop`` followed by ``join`` takes at most
one step. Where there is nothing to compute it sleeps until there is news, or until the
next deadline.
"""

from __future__ import annotations

import atexit
import logging
import threading
import traceback
from queue import Empty, SimpleQueue
from time import perf_counter
from typing import TYPE_CHECKING, Final

import torch

from dsagent.engine.bridge import wake
from dsagent.engine.deadlines import Deadlines, exceeded
from dsagent.engine.request import EngineStats
from dsagent.errors import Closed, EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from dsagent.engine.admission import Admission
    from dsagent.engine.bridge import Waiter
    from dsagent.engine.memory import Memory
    from dsagent.engine.request import Stop
    from dsagent.engine.runner import Result, Runner
    from dsagent.engine.scheduler import Scheduler, Work
    from dsagent.engine.sequence import Sequence
    from dsagent.errors import DSAgentError

logger = logging.getLogger(__name__)

_LONG: Final = 3600.0
"""Seconds to sleep at most until a deadline: there is a limit to what threads take."""


class Worker:
    """Runs the loop. ``send``, ``stop``, ``join`` and ``stats``: any thread."""

    def __init__(
        self,
        runner: Runner,
        admission: Admission,
        scheduler: Scheduler,
        *,
        threads: int | None,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        self._runner: Runner | None = runner
        self._admission = admission
        self._scheduler = scheduler
        self._threads = threads
        self._clock = clock
        self._deadlines = Deadlines()
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = False
        self._waiters: list[Waiter] = []
        self._kept: set[Sequence] = set()
        """Those that ended and of which something is held."""
        self._steps = self._prefill_tokens = self._decode_tokens = 0
        self._drafted = self._accepted = self._cached_tokens = 0
        self._displaced = self._expired = 0
        self._busy = 0.0
        # Daemon, or a forgotten engine would keep the process alive; stopped at exit,
        # because a thread inside a tensor operation must not outlive the interpreter.
        self._thread = threading.Thread(
            target=self._main, name="dsagent-engine", daemon=True
        )
        atexit.register(self._stop_at_exit)
        self._thread.start()

    # Any thread.

    def send(self, function: Callable[[], None]) -> None:
        """Run ``function`` on the engine thread before its next step."""
        self._inbox.put(function)

    def watch(self, sequence: Sequence) -> None:
        """Look at a sequence that has entered, and keep an eye on its deadline."""
        self._inbox.put(lambda: self._watch(sequence))

    def nudge(self) -> None:
        """Have the loop look at its sequences again."""
        self._inbox.put(_nothing)

    def cancel(self, sequence: Sequence) -> None:
        """End ``sequence`` within one step. Safe after its end."""
        self._inbox.put(lambda: self._end(sequence, "cancelled"))

    def let_go(self, sequence: Sequence) -> None:
        """Forget what was kept of ``sequence``. Once."""
        self._inbox.put(lambda: self._let_go(sequence))

    def export(self, sequence: Sequence) -> dict[str, Tensor]:
        """The state that is kept of ``sequence``.

        Raises:
            Closed: the engine has ended.
        """
        runner, kept = self._runner, sequence.kept
        if runner is None or kept is None:
            raise Closed("the engine is closed, so there is no prefix to save")
        return runner.export(kept)

    def memory(self) -> Memory:
        """Where the engine's bytes are.

        Raises:
            Closed: the engine has ended.
        """
        runner = self._runner
        if runner is None:
            raise Closed("the engine is closed, so it holds nothing")
        return runner.memory()

    @property
    def closed(self) -> bool:
        """Whether the loop has ended."""
        return self._runner is None

    def stop(self) -> None:
        """Ask the loop to end after the current step."""
        self._inbox.put(self._set_stopping)

    def join(self) -> None:
        """Wait for the loop to end; a no-op on the engine thread itself."""
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def stats(self) -> EngineStats:
        runner = self._runner
        running = self._scheduler.running
        since = self._admission.waiting_since
        return EngineStats(
            running=len(running),
            paused=sum(map(self._scheduler.is_paused, running)),
            waiting=self._admission.waiting,
            cache_tokens=self._admission.reserved_tokens,
            cache_bytes=runner.cache_bytes if runner is not None else 0,
            steps=self._steps,
            prefill_tokens=self._prefill_tokens,
            decode_tokens=self._decode_tokens,
            busy=self._busy,
            drafted=self._drafted,
            accepted=self._accepted,
            cached_tokens=self._cached_tokens,
            prefilling=sum(not sequence.decoding for sequence in running),
            waited=0.0 if since is None else max(0.0, self._clock() - since),
            displaced=self._displaced,
            expired=self._expired,
        )

    # Engine thread.

    def _main(self) -> None:
        error: EngineError | None = None
        try:
            if self._threads is not None:
                torch.set_num_threads(self._threads)
            while not self._stopping:
                self._turn()
        except BaseException as cause:
            logger.exception("the engine thread failed")
            error = _engine_error("the engine failed", cause)
        self._shut(error)

    def _turn(self) -> None:
        while not self._inbox.empty():
            self._inbox.get()()
        if self._stopping:
            return
        self._expire()
        self._let_in()
        while self._catch_up():  # that ends some, which frees others, and room
            self._let_in()
        self._wake()
        work = self._scheduler.plan()
        if work:
            self._step(work)
        self._wake()
        if not work and not self._free():
            self._sleep()

    def _free(self) -> bool:
        """Have one go on that waits for what others keep who wait for it."""
        lease = self._admission.unmoved()
        if lease is not None:
            lease.drop()
        return lease is not None

    def _sleep(self) -> None:
        """Wait for something in the inbox, or for the next deadline."""
        until = self._deadlines.next()
        timeout = None if until is None else min(until - self._clock(), _LONG)
        try:
            self._inbox.get(timeout=None if timeout is None else max(0.0, timeout))()
        except Empty:
            return

    def _watch(self, sequence: Sequence) -> None:
        if sequence.mailbox.stop is None:
            self._deadlines.add(sequence)

    def _expire(self) -> None:
        """End those whose time is up, before they take room or work."""
        for sequence in self._deadlines.passed(self._clock()):
            self._expired += 1
            self._end(sequence, "error", exceeded(sequence))

    def _let_in(self) -> None:
        """Give storage to whoever got in, at the cost of less urgent ones if need be.

        It ends because nobody is displaced twice for the same priority.
        """
        while True:
            for sequence in self._admission.displace(self._scheduler.running):
                self._set_aside(sequence)
            newcomers = self._admission.take()
            if not newcomers:
                return
            for sequence in newcomers:
                self._open(sequence)

    def _set_aside(self, sequence: Sequence) -> None:
        """Free what a sequence holds that has to wait again."""
        assert self._runner is not None
        self._displaced += 1
        self._scheduler.remove(sequence)
        self._runner.close(sequence)
        sequence.set_aside()

    def _open(self, sequence: Sequence) -> None:
        assert self._runner is not None
        if sequence.admitted is None:
            sequence.admitted = self._clock()
        self._scheduler.add(sequence)
        try:
            self._runner.open(sequence)
        except Exception as cause:
            self._fail(sequence, "no storage could be allocated", cause)
            return
        if not sequence.displaced:
            self._cached_tokens += sequence.cached
        if sequence.ended:  # all of what it asked for was known
            self._end(sequence, "length")
            return
        self._scheduler.follow(sequence)

    def _catch_up(self) -> bool:
        """Have those begin who waited for another one to read what they begin with;
        whether there were any."""
        assert self._runner is not None
        sequences = self._scheduler.caught_up()
        for sequence in sequences:
            before = sequence.cached
            try:
                self._runner.reopen(sequence)
            except Exception as cause:
                self._fail(sequence, "no storage could be allocated", cause)
                continue
            self._cached_tokens += sequence.cached - before
            if sequence.ended:
                self._end(sequence, "length")
                continue
            self._scheduler.follow(sequence)
        return bool(sequences)

    def _step(self, work: list[Work]) -> None:
        assert self._runner is not None
        started = self._clock()
        try:
            results = self._runner.run(work)
        except Exception as cause:
            logger.exception("a step of %d sequences failed", len(work))
            for piece in work:
                self._fail(piece.sequence, "the model failed on a step", cause)
            return
        seconds = self._clock() - started
        self._scheduler.record(work, seconds)
        for piece, result in zip(work, results, strict=True):
            self._post(piece, result)
        self._steps += 1
        self._busy += seconds

    def _post(self, piece: Work, result: Result) -> None:
        sequence = piece.sequence
        if not piece.decodes:
            self._prefill_tokens += piece.length
        prefilled = self._progress(piece)
        stop: Stop | None = None
        for token in result.tokens:
            stop = sequence.append(token)
        self._decode_tokens += len(result.tokens)
        self._drafted += result.drafted
        self._accepted += result.accepted
        if sequence.ended:
            stop = "length"
        if stop is None and result.error is not None:
            stop = "error"
        if stop is not None:
            self._release(sequence, sound=stop != "error")
        self._waiters += sequence.mailbox.put(
            result.tokens, prefilled=prefilled, stop=stop, error=result.error
        )

    def _progress(self, piece: Work) -> int | None:
        """How much of its prompt has been read, if that is more than before."""
        sequence = piece.sequence
        done = min(piece.start + piece.length, len(sequence.request.prompt))
        if done <= sequence.prefilled:
            return None
        sequence.prefilled = done
        return done

    def _fail(self, sequence: Sequence, what: str, cause: BaseException) -> None:
        assert self._runner is not None
        self._runner.close(sequence, sound=False)
        self._end(sequence, "error", _engine_error(what, cause))

    def _end(
        self, sequence: Sequence, stop: Stop, error: DSAgentError | None = None
    ) -> None:
        """Free what ``sequence`` holds, then say so. Safe to repeat."""
        if sequence.mailbox.stop is not None:
            return
        self._deadlines.discard(sequence)
        if self._admission.withdraw(sequence):
            _unlease(sequence)
        elif sequence in self._scheduler:
            self._release(sequence)
        self._waiters += sequence.mailbox.put(stop=stop, error=error)

    def _release(self, sequence: Sequence, *, sound: bool = True) -> None:
        assert self._runner is not None
        self._deadlines.discard(sequence)
        self._scheduler.remove(sequence)
        self._runner.close(sequence, sound=sound)
        self._admission.release(sequence, keep=sequence.kept is not None)
        if sequence.kept is None:
            _unlease(sequence)
        else:
            self._kept.add(sequence)

    def _let_go(self, sequence: Sequence) -> None:
        if sequence in self._kept:
            assert self._runner is not None
            assert sequence.kept is not None
            self._runner.release(sequence.kept)
            self._forget(sequence)
            _unlease(sequence)

    def _forget(self, sequence: Sequence) -> None:
        """Refer to nothing any more that is kept of it: its hold may live for long."""
        self._kept.remove(sequence)
        sequence.kept = None
        self._admission.give_back(sequence)

    def _wake(self) -> None:
        if self._waiters:
            waiters, self._waiters = self._waiters, []
            wake(waiters)

    def _set_stopping(self) -> None:
        self._stopping = True

    def _shut(self, error: EngineError | None) -> None:
        """End everyone and let go of the model and the cache."""
        reason = "the engine is closed"
        if error is not None:
            reason += f", because {error}"
        running = self._scheduler.running
        left = self._admission.close(reason, error) + running
        for sequence in running:
            self._scheduler.remove(sequence)
            sequence.slot = None
            self._admission.release(sequence)
        for sequence in list(self._kept):
            self._forget(sequence)
        self._runner = None
        stop: Stop = "cancelled" if error is None else "error"
        for sequence in left:
            self._waiters += sequence.mailbox.put(stop=stop, error=error)
        self._wake()
        atexit.unregister(self._stop_at_exit)

    def _stop_at_exit(self) -> None:
        self.stop()
        self.join()


def _unlease(sequence: Sequence) -> None:
    """Count no longer on what keeps its beginning."""
    if sequence.lease is not None:
        sequence.lease.drop()
        sequence.lease = None


def _nothing() -> None:
    pass


def _engine_error(what: str, cause: BaseException) -> EngineError:
    """The error a request ends with. It may be kept for long, so the frames in its
    traceback let go of the tensors they hold; the lines stay."""
    error = EngineError(f"{what}: {_named(cause)}")
    error.__cause__ = cause
    traceback.clear_frames(cause.__traceback__)
    return error


def _named(cause: BaseException) -> str:
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
