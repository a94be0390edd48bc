"""The loop: render, generate, parse, run tools, again, until there is an answer.

There is one loop. Streaming is a listener on it, and ``chat`` is the same loop with
nobody listening. What must stay true:

* a call's tool starts as soon as the call is written, while the turn goes on;
* before the next turn every call of this one has its result, in the order of the
  calls, so no conversation that leaves here has a dangling call;
* the state of a run can be read as a ``Reply`` at any moment, also after it was
  cancelled in the middle of a word;
* at a limit the tools are closed by the grammar of the next turn, never by taking them
  out of the prompt, which would be read anew;
* a run is done only with an answer that fits what was asked for. One that doesn't is
  told to the model, which then sees no other failed attempt than this.

Cancellation is the event loop's: it passes through here unwrapped, and leaving the
generation's ``async with`` is what stops the engine.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio
import anyio.to_thread

from dsagent import telemetry
from dsagent.answer import AnswerCheck
from dsagent.approvals import Approvals, pending
from dsagent.budget import Budget, Stopwatch, usage_of
from dsagent.calls import CallRunner
from dsagent.engine.request import Request
from dsagent.errors import (
    ContextOverflow,
    DeadlineExceeded,
    InvalidOutput,
    LimitReached,
    RunError,
)
from dsagent.events import (
    PrefillProgress,
    Retrying,
    RunFinished,
    ToolCallReady,
    TurnFinished,
)
from dsagent.messages import Assistant, User
from dsagent.readahead import ReadAhead
from dsagent.reply import Reply, Usage
from dsagent.rules import Start, write_rules
from dsagent.tasks import Beside
from dsagent.transcript import Transcript
from dsagent.turn import TurnReader, last_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup

    from dsagent.encoding.grammar import GrammarNote
    from dsagent.engine.request import (
        GenerationProtocol,
        TokenStep,
    )
    from dsagent.engine.request import Stop as Ending
    from dsagent.engine.thinking import ThinkingLimit
    from dsagent.events import Event
    from dsagent.reply import Stop
    from dsagent.task import Backend, Task

    Emit = Callable[[Event], Awaitable[None]]

T = TypeVar("T")

log = logging.getLogger(__name__)

_LONG = 20_000
"""Characters from which a prompt is encoded in a thread, to keep the loop running."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn that is not over."""

    number: int
    reader: TurnReader
    request: Request
    generation: GenerationProtocol
    thinking: ThinkingLimit | None
    """What can end its thinking; None if it doesn't think."""


class Run(Generic[T]):
    """One run of the loop. ``execute`` once; ``reply`` whenever."""

    def __init__(self, backend: Backend, task: Task[T], emit: Emit) -> None:
        self._backend = backend
        self._task = task
        self._emit = emit
        self._budget = Budget(task.limits, backend.clock, task.deadline)
        self._stopwatch = Stopwatch(backend.clock)
        self._calls = CallRunner(
            task.tools,
            task.limits,
            self._budget,
            approvals=Approvals(task.decisions, task.approve),
            deps=task.deps,
            emit=emit,
        )
        self._check = AnswerCheck(task.output, task.quotable)
        self._notes: tuple[GrammarNote, ...] = ()
        self._messages = task.messages
        self._usage = Usage()
        self._answer = Assistant()
        self._number = 0
        self._current: _Turn | None = None
        """The turn being made; not yet in the fields above."""
        self._unfinished: tuple[int, ...] = ()
        self._stop: Stop | None = None
        self._final: Reply[T] | None = None

    async def execute(self) -> Reply[T]:
        """Run until there is an answer or a reason to stop.

        Raises:
            ContextOverflow: the prompt can't fit; nothing was done.
            RunError: with the reply so far in ``reply``; also ``DeadlineExceeded``.
        """
        name, asked = self._backend.name, self._task.messages
        with telemetry.invoke_agent(name, asked, self.reply):
            return await self._execute()

    async def _execute(self) -> Reply[T]:
        try:
            await self._loop()
        except Exception as error:
            if not isinstance(error, (LimitReached, InvalidOutput)):
                self._stop = "error"
            if isinstance(error, DeadlineExceeded):
                error.seconds = self._task.deadline or error.seconds
            reply = self._finish()
            if isinstance(error, RunError):
                error.reply = reply
            await self._emit(RunFinished(reply, turn=self._number))
            raise
        reply = self._finish()
        await self._emit(RunFinished(reply, turn=self._number))
        return reply

    def reply(self) -> Reply[T]:
        """The run as a value: as it ended, or as if it were cancelled now."""
        return self._final or self._snapshot(self._stop or "cancelled")

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Ids of the last turn if it was broken off, by which it can be gone on with;
        empty if it ended by itself."""
        current = self._current
        return self._unfinished if current is None else current.reader.unended

    async def _loop(self) -> None:
        self._messages = await self._calls.go_on(self._messages)
        if self._calls.waits:
            self._stop = "approval"
        transcript = await self._write_prompt()
        while self._stop is None:
            self._number += 1
            room = await self._room(transcript)
            if room == 0:
                self._stop = "length"
            else:
                await self._turn(transcript, room)
            if self._stop is None and not self._answer.calls:
                transcript = await self._ask_again()
        if self._task.limits.on_limit != "raise":
            return
        if self._stop == "invalid":
            raise self._check.error()
        if self._stop == "limit":
            raise LimitReached(
                f"the run reached its limits ({self._number} turns and "
                f"{self._usage.tool_calls} calls made in {self._budget.elapsed:.1f} "
                "seconds) without an answer; raise them, or use on_limit='answer'"
            )

    async def _ask_again(self) -> Transcript:
        """Have the model put its answer right. The prompt is written anew, without
        what it was told about an earlier attempt."""
        complaint = self._check.reject(self._answer)
        self._messages += (complaint,)
        await self._emit(
            Retrying(complaint.text, self._check.failures, turn=self._number)
        )
        return await self._write_prompt()

    async def _write_prompt(self) -> Transcript:
        size = sum(
            len(message.content if isinstance(message, User) else message.text)
            for message in self._messages
        )
        arguments = (self._backend.tokenizer, self._task.setup, self._messages)
        if size < _LONG:
            return Transcript(*arguments)
        return await anyio.to_thread.run_sync(
            Transcript, *arguments, abandon_on_cancel=True
        )

    async def _room(self, transcript: Transcript) -> int:
        """Tokens the next turn may have, 0 if it can't be.

        Raises:
            ContextOverflow: on the first turn, if the prompt alone is too long. Later
                there is work that must not be lost, so the run just ends.
        """
        engine = self._backend.engine
        limit = engine.context_limit
        begun = len(self._task.begun) if self._number == 1 else 0
        room = limit - len(transcript.prompt) - begun
        if room < 1 and self._number == 1:
            parts = await anyio.to_thread.run_sync(
                self._task.measure, abandon_on_cancel=True
            )
            parts = {**parts, "output": begun + 1}
            raise ContextOverflow(sum(parts.values()), limit, parts)
        left = self._budget.output(self._usage.output_tokens)
        return max(min(room, engine.default_max_tokens if left is None else left), 0)

    async def _turn(self, transcript: Transcript, room: int) -> None:
        """Make one turn: write it, run its calls, add both to the conversation."""
        turn = await self._begin(transcript, room)
        self._current = turn
        await self._write_and_call(turn, transcript)
        ended = turn.generation.stop or "cancelled"
        usage = self._settle(turn, ended)
        self._stop = self._why_stop(ended)
        await self._emit(TurnFinished(usage, turn=turn.number))
        if self._stop is None and self._answer.calls:
            results = self._calls.results(self._answer)
            transcript.add(self._answer, turn.reader.ids, results)

    async def _begin(self, transcript: Transcript, room: int) -> _Turn:
        task, backend = self._task, self._backend
        tokenizer, setup, grammars = backend.tokenizer, task.setup, backend.grammars
        reader = TurnReader(
            tokenizer,
            setup,
            turn=self._number,
            calls_before=last_call(self._messages),
        )
        begun = task.begun if self._number == 1 else ()
        grammar = await write_rules(
            setup, self._choice(), tokenizer, grammars, task.quotable
        )
        self._notes = tuple(dict.fromkeys((*self._notes, *grammar.notes)))
        start = Start.of(
            partial(grammars.constraint, grammar.source, large=grammar.quotes),
            task.limits,
            tokenizer,
            thinks=setup.thinks,
            tokens=self._budget.thinking(room),
            begun=begun,
        )
        reader.feed(start.begun)
        request = Request(
            (*transcript.prompt, *start.begun),
            max_tokens=room,
            sampling=task.sampling,
            stop_ids=frozenset({tokenizer.eos}),
            constraint=start.constraint,
            priority=task.priority,
            deadline=self._budget.next_deadline(self._number - 1, self._usage),
        )
        generation = backend.engine.submit(request)
        return _Turn(self._number, reader, request, generation, start.thinking)

    def _choice(self) -> str:
        """What this turn may do with the tools."""
        choice = self._task.tool_choice
        last = self._calls.exhausted or self._budget.is_last(
            self._number, self._usage.output_tokens
        )
        if self._calls.repeats or (last and self._budget.answers):
            return "none"
        first = self._number == 1 and not pending(self._task.messages)
        return choice if first or choice == "none" else "auto"

    async def _write_and_call(self, turn: _Turn, transcript: Transcript) -> None:
        """Write the turn and run its calls beside it; return when both are over."""
        failure: Exception | None = None
        ahead = ReadAhead(
            self._backend.engine,
            transcript,
            self._calls.first_results,
            priority=min(self._task.priority, 0) - 1,
        )
        self._calls.on_result = ahead.look
        async with Beside() as beside:
            async with anyio.create_task_group() as tools:
                try:
                    await self._write(turn, tools)
                    if len(turn.reader.calls) > 1 and self._goes_on(turn):
                        answer = turn.reader.message(whole=True)
                        beside.start_soon(ahead.run, answer, turn.reader.ids)
                except Exception as error:  # carried out of the group as it is
                    failure = error
                    tools.cancel_scope.cancel()
            if failure is not None:
                raise failure
            await self._calls.run_later()
            self._calls.end_turn()

    def _goes_on(self, turn: _Turn) -> bool:
        """Whether a turn that was written may have a next one."""
        used = self._usage.output_tokens + turn.generation.stats.output_tokens
        over = self._budget.is_over(turn.number, used)
        return turn.generation.stop == "stop" and not over

    async def _write(self, turn: _Turn, tools: TaskGroup) -> None:
        generation = turn.generation
        with telemetry.chat(self._backend.name, turn.request, generation):
            async with generation:
                async for step in generation:
                    await self._take(step, turn, tools)
        events = turn.reader.finish(turn.generation.stop or "cancelled")
        await self._pass_on(events, turn, tools)

    async def _take(self, step: TokenStep, turn: _Turn, tools: TaskGroup) -> None:
        if step.prefilled is not None:
            stats = turn.generation.stats
            progress = PrefillProgress(
                step.prefilled,
                step.prompt_tokens,
                stats.cached_tokens,
                tokens_per_second=stats.prefill_tokens_per_second,
                turn=turn.number,
            )
            await self._emit(progress)
        if step.ids:
            self._stopwatch.saw_token()
            await self._pass_on(turn.reader.feed(step.ids), turn, tools)
        if self._budget.time_is_up:
            self._hurry(turn)

    def _hurry(self, turn: _Turn) -> None:
        """Time is up: come to the answer, or to the end."""
        if not self._budget.answers:
            turn.generation.cancel()
        elif turn.thinking is not None:
            turn.thinking.ask_to_close()

    async def _pass_on(
        self, events: Sequence[Event], turn: _Turn, tools: TaskGroup
    ) -> None:
        for event in events:
            await self._emit(event)
            if isinstance(event, ToolCallReady):
                broken = turn.reader.broken.get(event.call.id, "")
                self._calls.start(event.call, turn.number, tools, broken=broken)

    def _settle(self, turn: _Turn, ended: Ending) -> Usage:
        """Make the current turn a part of the conversation; its usage."""
        self._answer = turn.reader.message(whole=ended == "stop")
        self._unfinished = () if ended == "stop" else turn.reader.unended
        self._messages += (self._answer, *self._calls.results(self._answer))
        usage = usage_of(turn.generation.stats, self._answer)
        self._usage += usage
        self._stopwatch.add(turn.generation.stats)
        self._current = None
        return usage

    def _why_stop(self, ended: Ending) -> Stop | None:
        """Why there is no further turn; None if there is one."""
        limits, stops = self._task.limits, not self._budget.answers
        late = stops and self._budget.time_is_up
        if ended in ("length", "cancelled"):
            return "limit" if late and ended == "cancelled" else ended
        if not self._answer.calls:
            return self._why_stop_answering()
        if self._calls.waits:
            return "approval"
        refused = stops and self._calls.refused
        return "limit" if refused or late or self._number >= limits.turns else None

    def _why_stop_answering(self) -> Stop | None:
        """Why there is no further attempt at the answer; None if there is one."""
        self._messages = self._check.without_rejected(self._messages, self._answer)
        if self._check.fits(self._answer):
            return "done"
        often = self._check.failures > self._task.limits.output_retries
        over = self._budget.is_over(self._number, self._usage.output_tokens)
        return "invalid" if often or over else None

    def _finish(self) -> Reply[T]:
        self._final = self._snapshot(self._stop or "error")
        log.debug("run ended: %s, %s", self._final.stop, self._final.usage)
        return self._final

    def _snapshot(self, stop: Stop) -> Reply[T]:
        """The run so far, the unfinished turn included."""
        answer, usage = self._answer, self._usage
        messages = self._calls.settle(self._messages)
        stats = None
        if self._current is not None:
            answer = self._current.reader.message(whole=False)
            stats = self._current.generation.stats
            usage += usage_of(stats, answer)
            if answer.parts:
                messages += (answer, *self._calls.results(answer))
        messages = self._check.without_rejected(messages, answer)
        made = messages[len(self._task.messages) :]
        return Reply(
            text=answer.text,
            thinking=answer.thinking,
            messages=messages,
            calls=tuple(c for m in made if isinstance(m, Assistant) for c in m.calls),
            usage=usage,
            stop=stop,
            timing=self._stopwatch.timing(stats),
            value=self._check.value if stop == "done" else None,
            problems=self._check.problems if stop == "invalid" else (),
            notes=self._notes,
        )
