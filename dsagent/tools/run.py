"""Running one tool call, whatever it does, into text for the model.

``run_call`` always ends in a ``ToolOutcome``: bad arguments, an unknown name, an
exception, a hang are all things to tell the model, never reasons for another call of
the same turn, or the run, to fail. Only cancellation passes through, because it is
not the call's. What happened to the program (the exception, its traceback) stays in
the program: the model is told the type and the message, the log gets the rest.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import anyio
import anyio.lowlevel
import anyio.to_thread

from dsagent.tools.context import Context
from dsagent.tools.result import MAX_CHARS, cap, clean, render_result
from dsagent.tools.schema import InvalidArguments
from dsagent.tools.validation import listed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dsagent.tools.context import Report
    from dsagent.tools.function import AnyTool
    from dsagent.tools.schema import Bound

log = logging.getLogger(__name__)

MAX_THREADS = 40
"""Sync tools running at the same time on one event loop; more of them wait."""
MAX_ERROR_CHARS = 2_000

_limiter: anyio.lowlevel.RunVar[anyio.CapacityLimiter] = anyio.lowlevel.RunVar(
    "dsagent.tools.threads"
)

Status = Literal[
    "ok",
    "invalid",
    "retry",
    "error",
    "timeout",
    "crashed",
    "unknown",
    "denied",
    "pending",
    "interrupted",
]
"""``ok``: it returned. ``invalid``: arguments that don't fit. ``retry``, ``error``:
the tool raised ``Retry`` or ``ToolError``. ``timeout``: it took too long. ``crashed``:
it raised something else. ``unknown``: there is no such tool. ``denied``, ``pending``:
the gate didn't let it through. ``interrupted``: whoever called had no time left for it;
never said by ``run_call``."""


class Retry(Exception):
    """Raise it in a tool when other arguments could work; say what to change.

    >>> @tool(retries=2)
    ... def find_order(number: str) -> str:
    ...     "Look up an order."
    ...     if not number.isdigit():
    ...         raise Retry("An order number has digits only.")
    ...     return "shipped"
    """


class ToolError(Exception):
    """Raise it in a tool when the call failed for good; say why, for the model.

    >>> @tool
    ... def find_order(number: int) -> str:
    ...     "Look up an order."
    ...     raise ToolError(f"Order {number} is archived.")
    """


class Call(Protocol):
    """What ``run_call`` needs to know of a call the model made."""

    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def arguments(self) -> str:
        """The text of a JSON object."""


Gate: TypeAlias = "Callable[[], Awaitable[ToolOutcome | None]]"
"""The last word before a call is made, when its arguments are known to fit. An outcome
is the call's, which is then not made."""


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """How a call ended, and what the model will read about it."""

    text: str
    status: Status = "ok"
    value: object = None
    """What the function returned; None unless ``status`` is "ok"."""
    error: BaseException | None = None
    """What it raised, traceback included, if it raised."""
    seconds: float = 0.0
    """From the start of the call, waiting for a free thread included."""

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def retryable(self) -> bool:
        """The model was asked for other arguments: this counts as an attempt."""
        return self.status in ("invalid", "retry")


async def run_call(
    tools: Mapping[str, AnyTool],
    call: Call,
    *,
    deps: object = None,
    report: Report | None = None,
    failures: int = 0,
    max_chars: int = MAX_CHARS,
    gate: Gate | None = None,
) -> ToolOutcome:
    """Run ``call`` with the tool of its name.

    Args:
        tools: The tools offered, by name (see ``toolbox``).
        call: Its arguments are validated first.
        deps: Becomes ``ctx.deps`` for a tool that takes a ``Context``.
        report: Receives what the tool passes to ``ctx.report``.
        failures: In how many turns in a row, directly before this one, the tool had
            only ``retryable`` outcomes; decides what the model is told about trying
            again.
        max_chars: Longest result text, if the tool doesn't say; the rest is cut off,
            visibly.
        gate: Asked before the call is made. Waiting for it takes none of its time.

    Returns:
        The outcome. Nothing is raised but cancellation and ``KeyboardInterrupt``.
    """
    started = time.perf_counter()
    tool = tools.get(call.name)
    if tool is None:
        outcome = _unknown(call.name, tools)
    else:
        ctx = Context(deps, call_id=call.id, report=report)
        try:
            outcome = await _attempt(tool, call, ctx, max_chars, gate)
        finally:
            ctx.close()
        if outcome.retryable:
            outcome = replace(outcome, text=_with_advice(outcome.text, tool, failures))
    return replace(outcome, seconds=time.perf_counter() - started)


def _unknown(name: str, tools: Mapping[str, AnyTool]) -> ToolOutcome:
    known = ", ".join(tools) or "none"
    return ToolOutcome(
        f"Error: there is no tool called {name!r}. The tools are: {known}.", "unknown"
    )


async def _attempt(
    tool: AnyTool,
    call: Call,
    ctx: Context[object],
    max_chars: int,
    gate: Gate | None,
) -> ToolOutcome:
    try:
        bound = tool.signature.bind(call.arguments)
        if gate is not None and (stopped := await gate()) is not None:
            return stopped
        if tool.signature.context is not None:
            bound.kwargs[tool.signature.context] = ctx
        finished, value = await _within(tool, bound)
        if finished:
            longest = tool.options.max_result or max_chars
            text = render_result(value, longest, nothing=tool.returns_nothing)
            return ToolOutcome(text, "ok", value)
    except (Exception, SystemExit, asyncio.CancelledError) as error:
        if _is_cancellation(error):
            raise
        return _failed(tool, call, _single(error))
    return ToolOutcome(
        f"Error: {tool.name} timed out after {tool.options.timeout:g} seconds.",
        "timeout",
    )


async def _within(tool: AnyTool, bound: Bound) -> tuple[bool, object]:
    """(whether it finished in time, the function's value).

    A sync function waits for a free thread before its time starts to run. When that
    time is over the thread is left behind, and no longer counts: tools that hang
    can't starve the others.
    """
    call = partial(tool.function, *bound.args, **bound.kwargs)
    async with _threads() if tool.threaded else nullcontext():
        with anyio.move_on_after(tool.options.timeout) as scope:
            try:
                if tool.threaded:
                    # In a tuple: trio lets no thread return an awaitable.
                    (value,) = await anyio.to_thread.run_sync(
                        lambda: (call(),),
                        abandon_on_cancel=True,
                        limiter=anyio.CapacityLimiter(1),
                    )
                else:
                    value = call()
                return True, await value if inspect.isawaitable(value) else value
            except Exception:
                if not scope.cancel_called:
                    raise
                log.exception("tool %s failed while being timed out", tool.name)
    return False, None


def _threads() -> anyio.CapacityLimiter:
    """The limiter of sync tools, one per event loop, apart from the application's."""
    try:
        return _limiter.get()
    except LookupError:
        _limiter.set(limiter := anyio.CapacityLimiter(MAX_THREADS))
        return limiter


def _is_cancellation(error: BaseException) -> bool:
    """Whether ``error`` is this task being cancelled, as opposed to a tool that awaited
    something which had been cancelled by somebody else (asyncio only)."""
    if not isinstance(error, anyio.get_cancelled_exc_class()):
        return False
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _single(error: BaseException) -> BaseException:
    """The one exception in a task group's group of one, which says more."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _failed(tool: AnyTool, call: Call, error: BaseException) -> ToolOutcome:
    match error:
        case InvalidArguments():
            text = f"Error: invalid arguments for {tool.name}:{listed(error.problems)}"
            return ToolOutcome(_told(text), "invalid", error=error)
        case Retry():
            return ToolOutcome(f"Error: {_words(error)}", "retry", error=error)
        case ToolError():
            return ToolOutcome(f"Error: {_words(error)}", "error", error=error)
    log.error("tool %s (call %s) failed", tool.name, call.id, exc_info=error)
    text = f"Error: {tool.name} failed with {type(error).__name__}"
    if str(error):
        text += f": {_words(error)}"
    return ToolOutcome(text, "crashed", error=error)


def _words(error: BaseException) -> str:
    return _told(str(error) or type(error).__name__)


def _told(text: str) -> str:
    return cap(clean(text), MAX_ERROR_CHARS)


def _with_advice(text: str, tool: AnyTool, failures: int) -> str:
    if failures < tool.options.retries:
        return f"{text}\nCorrect the arguments and call {tool.name} again."
    return f"{text}\nDon't call {tool.name} again for this; go on without it."
