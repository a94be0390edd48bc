"""The calls of one run: whether each may be made, and what came of it.

What must stay true: every call gets exactly one result, whatever happens to its tool;
results are kept by call, so that they can be told to the model in the order of the
calls; and a model that repeats itself is told so before it is stopped.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import anyio

from dsagent.events import Retrying, ToolFinished, ToolProgress
from dsagent.messages import ToolResult, interrupted
from dsagent.telemetry import execute_tool
from dsagent.tools.run import ToolOutcome, run_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from dsagent.budget import Budget
    from dsagent.events import Event
    from dsagent.messages import Assistant, ToolCall
    from dsagent.options import Limits
    from dsagent.tools.function import AnyTool

    Emit = Callable[[Event], Awaitable[None]]


class CallRunner:
    """Runs calls within the limits of a run and remembers their results."""

    def __init__(
        self,
        tools: Mapping[str, AnyTool],
        limits: Limits,
        budget: Budget,
        *,
        deps: object,
        emit: Emit,
    ) -> None:
        self._tools = tools
        self._limits = limits
        self._budget = budget
        self._deps = deps
        self._emit = emit
        self._results: dict[str, ToolResult] = {}
        self._failures: Counter[str] = Counter()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._started = 0
        self.refused = False
        """A call was refused because a limit was reached."""
        self.repeats = False
        """The model went on repeating itself after it was told."""

    @property
    def exhausted(self) -> bool:
        """Whether the next call would be refused."""
        return self._started >= self._limits.tool_calls

    def sequential(self, call: ToolCall) -> bool:
        """Whether the call must wait until no other is running."""
        tool = self._tools.get(call.name)
        return tool is not None and tool.options.sequential

    def result(self, call: ToolCall) -> ToolResult:
        """The call's result. One that has none yet was interrupted."""
        return self._results.get(call.id) or interrupted(call)

    def results(self, turn: Assistant) -> tuple[ToolResult, ...]:
        """The results of a turn's calls, in the order of the calls."""
        return tuple(self.result(call) for call in turn.calls)

    async def run(self, call: ToolCall, turn: int, *, broken: str = "") -> None:
        """Run a call and announce its result; only cancellation is raised.

        Args:
            call: A complete call.
            turn: For the events.
            broken: Why it can't be run at all, if so.
        """
        result = self._refusal(call, broken)
        if result is None:
            result = await self._outcome(call, turn)
        self._results[call.id] = result
        await self._emit(ToolFinished(call, result, turn=turn))

    async def _outcome(self, call: ToolCall, turn: int) -> ToolResult:
        count = self._count(call)
        with execute_tool(call) as ended:
            outcome = await self._run(call, turn)
            ended(outcome)
        if outcome.status == "interrupted":
            return ToolResult(call.id, outcome.text, call.name, outcome.status)
        await self._note_failure(call, outcome, turn)
        text = outcome.text
        if count >= self._limits.identical_calls:
            text += (
                f"\n[Note: this exact call has now been made {count} times. Its result "
                "won't change; use it.]"
            )
        return ToolResult(call.id, text, call.name, outcome.status)

    async def _run(self, call: ToolCall, turn: int) -> ToolOutcome:
        """The call's outcome, "interrupted" if the run has no more time for it."""
        left = self._budget.seconds_left
        with anyio.move_on_after(None if math.isinf(left) else left):
            return await run_call(
                self._tools,
                call,
                deps=self._deps,
                report=partial(self._progress, call, turn),
                failures=self._failures[call.name],
            )
        text = "Error: stopped, because the time is up. Answer with what you know."
        return ToolOutcome(text, "interrupted")

    async def _note_failure(
        self, call: ToolCall, outcome: ToolOutcome, turn: int
    ) -> None:
        if not outcome.retryable:
            del self._failures[call.name]
            return
        self._failures[call.name] += 1
        attempt = self._failures[call.name]
        if attempt <= self._tools[call.name].options.retries:
            await self._emit(Retrying(outcome.text, attempt, turn=turn))

    async def _progress(
        self, call: ToolCall, turn: int, message: str, fraction: float | None
    ) -> None:
        await self._emit(ToolProgress(call, message, fraction, turn=turn))

    def _count(self, call: ToolCall) -> int:
        self._started += 1
        key = _identity(call)
        self._seen[key] += 1
        return self._seen[key]

    def _refusal(self, call: ToolCall, broken: str) -> ToolResult | None:
        """The result of a call that must not be run, None if it may."""
        if broken:
            text = f"Error: this call is malformed: {broken}. Write it again."
            return ToolResult(call.id, text, call.name, "invalid")
        if self._budget.time_is_up:
            self.refused = True
            text = "Error: not run, because the time is up. Answer with what you know."
            return ToolResult(call.id, text, call.name, "refused")
        if self.exhausted:
            self.refused = True
            text = (
                f"Error: not run, because the limit of {self._limits.tool_calls} calls "
                "is reached. Answer with what you know."
            )
            return ToolResult(call.id, text, call.name, "refused")
        if self._seen[_identity(call)] >= self._limits.identical_calls:
            self.repeats = True
            text = "Error: not run, because this exact call was made too often already."
            return ToolResult(call.id, text, call.name, "refused")
        return None


def _identity(call: ToolCall) -> tuple[str, str]:
    """What makes two calls the same: the name and the arguments, in any order."""
    try:
        arguments = json.dumps(json.loads(call.arguments), sort_keys=True)
    except ValueError:
        arguments = call.arguments
    return call.name, arguments
