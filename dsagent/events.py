"""What happens in a run, as it happens.

Every event is frozen, tagged by ``kind`` and read with ``match``; its own fields come
first, so ``case TextDelta(text)`` works. ``turn`` counts the model's turns from 1.

What a listener can rely on, and nothing else:

1. Turns don't overlap: an event of a turn comes after all events of those before. Turn
   0 is what the run does before the model's first one: it makes calls that had waited
   for approval.
2. In a turn the model's words come in the order it wrote them: ``PrefillProgress``,
   then ``ThinkingDelta``, then ``TextDelta``, each ``PartialOutput`` behind the
   ``TextDelta`` it was told from, then one call after another. Each call is
   ``ToolCallStarted``, its ``ToolCallDelta``, ``ToolCallReady``.
3. Tools run beside that and beside each other, so their events come in between, in
   whatever order. Those of one call come in theirs: ``ToolCallReady``, then perhaps
   ``ApprovalNeeded``, any ``ToolProgress``, perhaps ``Retrying``, ``ToolFinished``.
   Nothing is heard of a call after its ``ToolFinished``.
4. Every ``ToolCallReady`` has one ``ToolFinished``, before the ``TurnFinished`` of its
   turn, unless the run ends with the call waiting: then ``ApprovalNeeded`` is its last.
5. ``TurnFinished`` is the last event of a turn, but for the ``Retrying`` of an answer
   that didn't fit. The usages of all of them add up to the reply's.
6. ``RunFinished`` is the last event of a run that ends by itself. If that is with an
   exception of the engine's, the turn it broke off in has no ``TurnFinished``, and its
   tools that were running no ``ToolFinished``. Of a run that is cancelled there are no
   more events from then on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from dsagent.messages import ToolCall, ToolResult
    from dsagent.reply import Reply, Usage


@dataclass(frozen=True, slots=True)
class PrefillProgress:
    """The prompt is being read. Counts are tokens.

    >>> match PrefillProgress(2000, 8000, tokens_per_second=1500.0):
    ...     case PrefillProgress(done, total) as progress:
    ...         print(f"{done / total:.0%}, {progress.seconds_left:.0f} s left")
    25%, 4 s left
    """

    done: int
    total: int
    cached: int = 0
    """Those of ``done`` that cost nothing."""
    tokens_per_second: float = field(default=0.0, kw_only=True, compare=False)
    """How fast the others were read so far; 0 if that isn't known yet."""
    turn: int = field(default=1, kw_only=True)
    kind: Literal["prefill_progress"] = field(
        default="prefill_progress", init=False, repr=False
    )

    @property
    def seconds_left(self) -> float | None:
        """Until it is read, at this speed; None if that isn't known yet."""
        if self.tokens_per_second <= 0.0:
            return None
        return (self.total - self.done) / self.tokens_per_second


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """More thinking: whole characters, never empty.

    >>> match ThinkingDelta("Oslo. Let me"):
    ...     case ThinkingDelta(text):
    ...         print(text)
    Oslo. Let me
    """

    text: str
    turn: int = field(default=1, kw_only=True)
    kind: Literal["thinking_delta"] = field(
        default="thinking_delta", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer: whole characters, never empty.

    >>> async with model.stream("How is Oslo?") as stream:
    ...     async for event in stream:
    ...         match event:
    ...             case TextDelta(text):
    ...                 print(text, end="")
    Sunny in Oslo.
    """

    text: str
    turn: int = field(default=1, kw_only=True)
    kind: Literal["text_delta"] = field(default="text_delta", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class PartialOutput:
    """More of an answer that is to be a value: what of it can be told by now.

    >>> match PartialOutput({"city": "Oslo", "sky": "sun"}):
    ...     case PartialOutput({"city": city}):
    ...         print(city)
    Oslo
    """

    value: object
    """Plain data, not validated: members that are complete, and the one that is being
    written as far as it got. It differs from the turn's last one."""
    turn: int = field(default=1, kw_only=True)
    kind: Literal["partial_output"] = field(
        default="partial_output", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """The model has begun a call and named the tool."""

    id: str
    name: str
    turn: int = field(default=1, kw_only=True)
    kind: Literal["tool_call_started"] = field(
        default="tool_call_started", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of one argument: raw text for strings, JSON text for all else."""

    id: str
    parameter: str
    text: str
    turn: int = field(default=1, kw_only=True)
    kind: Literal["tool_call_delta"] = field(
        default="tool_call_delta", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class ToolCallReady:
    """A call is complete. Its tool starts now, unless a limit says no, somebody has to
    be asked, or it has to run alone.

    >>> async with model.stream("How is Oslo?", tools=[get_weather]) as stream:
    ...     async for event in stream:
    ...         match event:
    ...             case ToolCallReady(call):
    ...                 print(call.name, call.values())
    get_weather {'city': 'Oslo'}
    """

    call: ToolCall
    turn: int = field(default=1, kw_only=True)
    kind: Literal["tool_call_ready"] = field(
        default="tool_call_ready", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class ApprovalNeeded:
    """Somebody has to decide about a call before its tool may start."""

    call: ToolCall
    turn: int = field(default=1, kw_only=True)
    kind: Literal["approval_needed"] = field(
        default="approval_needed", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class ToolProgress:
    """A running tool says how far it is, by ``ctx.report``."""

    call: ToolCall
    message: str
    fraction: float | None = None
    turn: int = field(default=1, kw_only=True)
    kind: Literal["tool_progress"] = field(
        default="tool_progress", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A call has its result: a value, an error, a timeout, a refusal, a denial.

    >>> async with model.stream("How is Oslo?", tools=[get_weather]) as stream:
    ...     async for event in stream:
    ...         match event:
    ...             case ToolFinished(call, result):
    ...                 print(call.name, "->", result.text)
    get_weather -> sunny in Oslo
    """

    call: ToolCall
    result: ToolResult
    turn: int = field(default=1, kw_only=True)
    kind: Literal["tool_finished"] = field(
        default="tool_finished", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class Retrying:
    """The model is asked to do something again, and told what was wrong."""

    reason: str
    attempt: int
    """How many times in a row it has been asked, this one included. Calls of the same
    turn are one time together."""
    turn: int = field(default=1, kw_only=True)
    kind: Literal["retrying"] = field(default="retrying", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The model has ended a turn and its tools have finished."""

    usage: Usage
    """Of this turn."""
    turn: int = field(default=1, kw_only=True)
    kind: Literal["turn_finished"] = field(
        default="turn_finished", init=False, repr=False
    )


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over.

    >>> async with model.stream("How is Oslo?") as stream:
    ...     *_, last = [event async for event in stream]
    >>> match last:
    ...     case RunFinished(reply):
    ...         print(reply.stop)
    done
    """

    reply: Reply[object]
    turn: int = field(default=1, kw_only=True)
    kind: Literal["run_finished"] = field(
        default="run_finished", init=False, repr=False
    )


Event: TypeAlias = (
    PrefillProgress
    | ThinkingDelta
    | TextDelta
    | PartialOutput
    | ToolCallStarted
    | ToolCallDelta
    | ToolCallReady
    | ApprovalNeeded
    | ToolProgress
    | ToolFinished
    | Retrying
    | TurnFinished
    | RunFinished
)
"""Any of them.

>>> def shown(event: Event) -> str:
...     match event:
...         case ThinkingDelta(text) | TextDelta(text):
...             return text
...         case _:
...             return f"[{event.kind}, turn {event.turn}]"
>>> shown(TextDelta("Sunny")), shown(PartialOutput(21, turn=2))
('Sunny', '[partial_output, turn 2]')
"""


async def to_nobody(event: Event) -> None:
    """The listener of a run that nobody listens to."""
