"""The loop: render, generate, parse, run tools, again, until there is an answer.

There is one loop. Streaming is a listener on it, and ``chat`` is the same loop with
nobody listening. What must stay true:

* a call's tool starts as soon as the call is written, while the turn goes on;
* before the next turn every call of this one has its result, in the order of the
  calls, so no conversation that leaves here has a dangling call;
* the state of a run can be read as a ``Reply`` at any moment, also after it was
  cancelled in the middle of a word;
* at a limit the tools are closed by the grammar of the next turn, never by taking them
  out of the prompt, which would be read anew.

Cancellation is the event loop's: it passes through here unwrapped, and leaving the
generation's ``async with`` is what stops the engine.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from dsagent.calls import CallRunner
from dsagent.encoding.grammar import turn_grammar
from dsagent.engine.request import Request
from dsagent.errors import ContextOverflow, LimitReached, RunError
from dsagent.events import PrefillProgress, RunFinished, ToolCallReady, TurnFinished
from dsagent.messages import Assistant
from dsagent.reply import Reply, Timing, Usage
from dsagent.transcript import Transcript
from dsagent.turn import TurnReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from anyio.abc import TaskGroup

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import Constraint, GrammarBackend
    from dsagent.engine.request import (
        EngineProtocol,
        GenerationProtocol,
        GenerationStats,
        Sampling,
    )
    from dsagent.engine.request import Stop as Ending
    from dsagent.events import Event
    from dsagent.messages import Message, ToolCall
    from dsagent.options import Limits
    from dsagent.reply import Stop
    from dsagent.tools.function import AnyTool
    from dsagent.transcript import Setup

    Emit = Callable[[Event], Awaitable[None]]

log = logging.getLogger(__name__)

_LONG = 20_000
"""Characters from which a prompt is encoded in a thread, to keep the loop running."""


@dataclass(frozen=True, slots=True)
class Backend:
    """What a run needs of a loaded model."""

    engine: EngineProtocol
    tokenizer: Tokenizer
    grammars: GrammarBackend


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a run is to do. All of it is decided before the run starts."""

    messages: tuple[Message, ...]
    setup: Setup
    tools: dict[str, AnyTool]
    tool_choice: str
    """"auto", "none", "required" or a tool's name."""
    sampling: Sampling
    limits: Limits
    deps: object = None
    measure: Callable[[], dict[str, int]] = dict
    """Counts the tokens of the prompt's parts; only asked when it doesn't fit."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn that is not over."""

    number: int
    reader: TurnReader
    generation: GenerationProtocol


class _Clock:
    """Adds up the times and tokens of a run."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._first_token = 0.0
        self._sums = Timing()

    def saw_token(self) -> None:
        """A token has come; only the first one matters."""
        self._first_token = self._first_token or self._elapsed()

    def add(self, stats: GenerationStats) -> None:
        """Count a turn that is over."""
        self._sums = self._with(stats)

    def timing(self, current: GenerationStats | None) -> Timing:
        """The times so far, those of the current turn included."""
        sums = self._sums if current is None else self._with(current)
        return replace(sums, total=self._elapsed(), first_token=self._first_token)

    def _with(self, stats: GenerationStats) -> Timing:
        return replace(
            self._sums,
            prefill=self._sums.prefill + stats.first_token,
            decode=self._sums.decode + stats.decode,
            decoded=self._sums.decoded + max(stats.output_tokens - 1, 0),
        )

    def _elapsed(self) -> float:
        return time.perf_counter() - self._started


class Run:
    """One run of the loop. ``execute`` once; ``reply`` whenever."""

    def __init__(self, backend: Backend, task: Task, emit: Emit) -> None:
        self._backend = backend
        self._task = task
        self._emit = emit
        self._calls = CallRunner(task.tools, task.limits, deps=task.deps, emit=emit)
        self._clock = _Clock()
        self._messages = task.messages
        self._usage = Usage()
        self._answer = Assistant()
        self._number = 0
        self._current: _Turn | None = None
        """The turn being made; not yet in the fields above."""
        self._stop: Stop | None = None
        self._final: Reply[str] | None = None

    async def execute(self) -> Reply[str]:
        """Run until there is an answer or a reason to stop.

        Raises:
            ContextOverflow: the prompt can't fit; nothing was done.
            RunError: with the reply so far in ``reply``.
        """
        try:
            await self._loop()
        except Exception as error:
            self._stop = "limit" if isinstance(error, LimitReached) else "error"
            reply = self._finish()
            if isinstance(error, RunError):
                error.reply = reply
            await self._emit(RunFinished(reply, turn=self._number))
            raise
        reply = self._finish()
        await self._emit(RunFinished(reply, turn=self._number))
        return reply

    def reply(self) -> Reply[str]:
        """The run as a value: as it ended, or as if it were cancelled now."""
        return self._final or self._snapshot("cancelled")

    async def _loop(self) -> None:
        transcript = await self._write_prompt()
        while self._stop is None:
            self._number += 1
            room = self._room(transcript)
            if room == 0:
                self._stop = "length"
            else:
                await self._turn(transcript, room)
        if self._stop == "limit" and self._task.limits.on_limit == "raise":
            raise LimitReached(
                f"the run reached its limits ({self._number} turns and "
                f"{self._usage.tool_calls} calls made) without an answer; raise them, "
                "or use on_limit='answer'"
            )

    async def _write_prompt(self) -> Transcript:
        size = sum(len(message.text) for message in self._messages)
        arguments = (self._backend.tokenizer, self._task.setup, self._messages)
        if size < _LONG:
            return Transcript(*arguments)
        return await anyio.to_thread.run_sync(
            Transcript, *arguments, abandon_on_cancel=True
        )

    def _room(self, transcript: Transcript) -> int | None:
        """Tokens the next turn may have, 0 if it can't be; None: what the engine likes.

        Raises:
            ContextOverflow: on the first turn, if the prompt alone is too long. Later
                there is work that must not be lost, so the run just ends.
        """
        limit = self._backend.engine.context_limit
        room = limit - len(transcript.prompt)
        if room < 1 and self._number == 1:
            needed = len(transcript.prompt) + 1
            raise ContextOverflow(needed, limit, {**self._task.measure(), "output": 1})
        wanted = self._task.limits.output_tokens
        if room < 1 or wanted is None:
            return 0 if room < 1 else None
        return max(min(room, wanted - self._usage.output_tokens), 0)

    async def _turn(self, transcript: Transcript, room: int | None) -> None:
        """Make one turn: write it, run its calls, add both to the conversation."""
        turn = self._begin(transcript, room)
        self._current = turn
        await self._write_and_call(turn)
        ended = turn.generation.stop or "cancelled"
        usage = self._settle(turn, ended)
        self._stop = self._why_stop(ended)
        await self._emit(TurnFinished(usage, turn=turn.number))
        if self._stop is None:
            results = self._calls.results(self._answer)
            transcript.add(self._answer, turn.reader.ids, results)

    def _begin(self, transcript: Transcript, room: int | None) -> _Turn:
        tokenizer, setup = self._backend.tokenizer, self._task.setup
        turns = (m for m in self._messages if isinstance(m, Assistant))
        reader = TurnReader(
            tokenizer,
            setup,
            turn=self._number,
            calls_before=sum(len(turn.calls) for turn in turns),
        )
        request = Request(
            transcript.prompt,
            max_tokens=room,
            sampling=self._task.sampling,
            stop_ids=frozenset({tokenizer.eos}),
            constraint=self._constraint(),
        )
        return _Turn(self._number, reader, self._backend.engine.submit(request))

    def _constraint(self) -> Constraint:
        setup = self._task.setup
        grammar = turn_grammar(
            tools=setup.tools,
            tool_choice=self._choice(),
            thinking=setup.thinks,
            dsml_id=self._backend.tokenizer.dsml,
        )
        if self._number == 1:
            for note in grammar.notes:
                log.info("left to validation: %s", note)
        return self._backend.grammars.constraint(grammar.source)

    def _choice(self) -> str:
        """What this turn may do with the tools."""
        limits, choice = self._task.limits, self._task.tool_choice
        last = self._number >= limits.turns or self._calls.exhausted
        if self._calls.repeats or (last and limits.on_limit == "answer"):
            return "none"
        return choice if self._number == 1 or choice == "none" else "auto"

    async def _write_and_call(self, turn: _Turn) -> None:
        """Write the turn and run its calls beside it; return when both are over."""
        failure: Exception | None = None
        later: list[ToolCall] = []
        async with anyio.create_task_group() as tools:
            try:
                await self._write(turn, tools, later)
            except Exception as error:  # carried out of the group as it is
                failure = error
                tools.cancel_scope.cancel()
        if failure is not None:
            raise failure
        for call in later:
            await self._call(turn, call)

    async def _write(
        self, turn: _Turn, tools: TaskGroup, later: list[ToolCall]
    ) -> None:
        async with turn.generation:
            async for step in turn.generation:
                if step.prefilled is not None:
                    done, total = step.prefilled, step.prompt_tokens
                    await self._emit(PrefillProgress(done, total, turn=turn.number))
                if step.ids:
                    self._clock.saw_token()
                    await self._pass_on(turn.reader.feed(step.ids), turn, tools, later)
        events = turn.reader.finish(turn.generation.stop or "cancelled")
        await self._pass_on(events, turn, tools, later)

    async def _pass_on(
        self,
        events: Sequence[Event],
        turn: _Turn,
        tools: TaskGroup,
        later: list[ToolCall],
    ) -> None:
        for event in events:
            await self._emit(event)
            if isinstance(event, ToolCallReady):
                if self._calls.sequential(event.call):
                    later.append(event.call)
                else:
                    tools.start_soon(self._call, turn, event.call)

    async def _call(self, turn: _Turn, call: ToolCall) -> None:
        broken = turn.reader.broken.get(call.id, "")
        await self._calls.run(call, turn.number, broken=broken)

    def _settle(self, turn: _Turn, ended: Ending) -> Usage:
        """Make the current turn a part of the conversation; its usage."""
        self._answer = turn.reader.message(whole=ended == "stop")
        self._messages += (self._answer, *self._calls.results(self._answer))
        usage = _usage(turn.generation.stats, self._answer)
        self._usage += usage
        self._clock.add(turn.generation.stats)
        self._current = None
        return usage

    def _why_stop(self, ended: Ending) -> Stop | None:
        """Why there is no further turn; None if there is one."""
        if ended in ("length", "cancelled"):
            return ended
        if not self._answer.calls:
            return "done"
        refused = self._calls.refused and self._task.limits.on_limit != "answer"
        return "limit" if refused or self._number >= self._task.limits.turns else None

    def _finish(self) -> Reply[str]:
        self._final = self._snapshot(self._stop or "error")
        return self._final

    def _snapshot(self, stop: Stop) -> Reply[str]:
        """The run so far, the unfinished turn included."""
        answer, messages, usage = self._answer, self._messages, self._usage
        stats = None
        if self._current is not None:
            answer = self._current.reader.message(whole=False)
            stats = self._current.generation.stats
            usage += _usage(stats, answer)
            if answer.parts:
                messages += (answer, *self._calls.results(answer))
        made = messages[len(self._task.messages) :]
        return Reply(
            text=answer.text,
            thinking=answer.thinking,
            messages=messages,
            calls=tuple(c for m in made if isinstance(m, Assistant) for c in m.calls),
            usage=usage,
            stop=stop,
            timing=self._clock.timing(stats),
            value=answer.text if stop == "done" else None,
        )


def _usage(stats: GenerationStats, answer: Assistant) -> Usage:
    return Usage(
        prompt_tokens=stats.prompt_tokens,
        cached_tokens=stats.cached_tokens,
        output_tokens=stats.output_tokens,
        turns=1,
        tool_calls=len(answer.calls),
    )
