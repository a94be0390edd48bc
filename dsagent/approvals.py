"""Calls that wait for somebody's yes.

A call of a tool with ``approval=True`` is made only when the application agrees. It is
asked in one of two ways. With ``approve=`` a function of the caller's decides while the
run goes on. Without one the run ends with ``stop="approval"``, and its messages are all
that is needed to go on, later and in any process::

    reply = await model.chat("Tidy up.", tools=[delete])
    stored = messages_to_json(reply.messages)
    ...
    messages = messages_from_json(stored)
    decisions = {call.id: ask_somebody(call) for call in pending(messages)}
    reply = await model.chat(messages, tools=[delete], decisions=decisions)

A call that waits has a result like any other, which says so (``status="pending"``) and
bears a mark of the call. So a conversation with waiting calls is valid: it can be
stored, and if somebody says something else instead of deciding, the model reads that
the call wasn't made. What must stay true: no call is made without a True for exactly
this call, a decision takes the place of the waiting result and can't be made again, and
a call that was edited while it waited is not the one that somebody looked at.
"""

from __future__ import annotations

import hashlib
import inspect
import logging
from typing import TYPE_CHECKING, TypeAlias

import anyio
import anyio.to_thread

from dsagent.errors import InvalidDecision
from dsagent.messages import Assistant, ToolResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, Mapping, Sequence

    from dsagent.messages import Message, ToolCall
    from dsagent.tools.function import AnyTool

log = logging.getLogger(__name__)

Decision: TypeAlias = bool | str
"""True: make the call. False: don't. A text: don't, and tell the model this reason."""

Approver: TypeAlias = (
    "Callable[[ToolCall], Decision | Awaitable[Decision | None] | None]"
)
"""Decides about a call, or returns None to leave it waiting. It is asked about one call
at a time; one that isn't async runs in a thread, so it may block."""


def waiting_result(call: ToolCall) -> ToolResult:
    """The result of a call as long as nobody has decided about it."""
    said = f"{len(call.name)} {call.name} {call.arguments}".encode(errors="replace")
    mark = hashlib.sha256(said).hexdigest()[:12]
    text = f"Not run: this call waits for approval ({mark})."
    return ToolResult(call.id, text, call.name, "pending")


def denial(decision: Decision) -> str:
    """What the model reads about a call that somebody said no to."""
    reason = f": {decision}" if isinstance(decision, str) and decision else "."
    return f"Error: not run, because this call was denied{reason}"


def pending(messages: Sequence[Message]) -> tuple[ToolCall, ...]:
    """The calls that wait for a decision, in order.

    They are in the last turn. Once something else is said there, its calls don't wait
    any more.
    """
    turn, results = _last_turn(messages)
    waiting = {result.call_id for result in results if result.status == "pending"}
    return tuple(call for call in turn.calls if call.id in waiting)


def _last_turn(messages: Sequence[Message]) -> tuple[Assistant, list[ToolResult]]:
    """The turn that the results at the end belong to, and those."""
    results: list[ToolResult] = []
    for message in reversed(messages):
        if isinstance(message, ToolResult):
            results.insert(0, message)
        else:
            return (message if isinstance(message, Assistant) else Assistant()), results
    return Assistant(), results


def check_decisions(
    messages: Sequence[Message],
    decisions: Mapping[str, Decision],
    tools: Container[str],
    *,
    asks: bool,
) -> None:
    """Hold that ``decisions`` are about calls that wait, and all that can be said.

    Args:
        messages: The conversation to go on with.
        decisions: By the ids of calls. Those left out go on waiting.
        tools: The names of the tools offered.
        asks: There is somebody to ask about the calls that aren't decided.

    Raises:
        InvalidDecision: naming the call, and what can be done.
    """
    waiting = {call.id: call for call in pending(messages)}
    for call_id, decision in decisions.items():
        if call_id not in waiting:
            raise InvalidDecision(_why_not(messages, call_id), call_id)
        if not isinstance(decision, (bool, str)):
            raise InvalidDecision(
                f"the decision about {call_id!r} is True, False or a reason for no, "
                f"not {decision!r}",
                call_id,
            )
    for result in _last_turn(messages)[1]:
        if result.call_id in waiting:
            _check_unedited(waiting[result.call_id], result)
    for call in waiting.values():
        if call.name not in tools and decisions.get(call.id, True) is True:
            raise InvalidDecision(
                f"the call {call.id!r} waits to be made, but there is no tool "
                f"`{call.name}`; offer it again, tools=[...], or decide False",
                call.id,
            )
    if waiting and not decisions and not asks:
        raise InvalidDecision(
            f"the calls {', '.join(waiting)} wait for approval; decide with "
            f"decisions={{{next(iter(waiting))!r}: True, ...}}, or say something else "
            "to go on without them",
            next(iter(waiting)),
        )


def _why_not(messages: Sequence[Message], call_id: str) -> str:
    """Why there is nothing to decide about a call."""
    turns = (message for message in messages if isinstance(message, Assistant))
    if not any(call.id == call_id for turn in turns for call in turn.calls):
        waiting = ", ".join(call.id for call in pending(messages)) or "none"
        return f"there is no call {call_id!r} to decide about; waiting are: {waiting}"
    for message in messages:
        if isinstance(message, ToolResult) and message.call_id == call_id:
            if message.status == "pending":
                return (
                    f"the call {call_id!r} doesn't wait any more: the conversation "
                    "went on without it"
                )
            return (
                f"the call {call_id!r} doesn't wait for a decision: it has its result "
                f"already ({message.status})"
            )
    return f"the call {call_id!r} has no result, not even one that says it waits"


def _check_unedited(call: ToolCall, result: ToolResult) -> None:
    if result != waiting_result(call):
        raise InvalidDecision(
            f"the call {call.id!r} of {call.name} was edited while it waited, so it "
            "isn't the one that was asked about; if that is meant, put "
            "waiting_result(call) in the place of its result, and ask again",
            call.id,
        )


class Approvals:
    """What a run knows and asks about the calls that need a yes."""

    def __init__(
        self, decisions: Mapping[str, Decision], approve: Approver | None
    ) -> None:
        """``decisions`` by call id, of the calls that waited when the run began."""
        self.decisions = decisions
        self._approve = approve
        self._asking = anyio.Lock()

    def decided(self, call: ToolCall, tool: AnyTool) -> Decision | None:
        """What is known about a call. None: somebody has to be asked."""
        default = None if tool.options.approval else True
        return self.decisions.get(call.id, default)

    async def ask(self, call: ToolCall) -> Decision | None:
        """Ask about a call. None: it goes on waiting, because there is nobody to ask,
        or they didn't say, or asking failed, which is logged."""
        if self._approve is None:
            return None
        async with self._asking:
            try:
                decision = await _answer(self._approve, call)
            except Exception:
                log.exception("asking about the call %s failed", call.id)
                return None
        if decision is None or isinstance(decision, (bool, str)):
            return decision
        log.error("approve returned %r, which is no decision", decision)
        return None


async def _answer(approve: Approver, call: ToolCall) -> Decision | None:
    if _is_async(approve):
        answer = approve(call)
    else:
        # In a tuple: trio lets no thread return an awaitable.
        (answer,) = await anyio.to_thread.run_sync(
            lambda: (approve(call),),
            abandon_on_cancel=True,
            limiter=anyio.CapacityLimiter(1),
        )
    return await answer if inspect.isawaitable(answer) else answer


def _is_async(function: Approver) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )
