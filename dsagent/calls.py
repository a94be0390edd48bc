"""The calls of one run: whether each may be made, and what came of it.

What must stay true: every call gets exactly one result, whatever happens to its tool;
results are kept by call, so that they can be told to the model in the order of the
calls; and a model that repeats itself is told so before it is stopped.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

import anyio

from dsagent.approvals import denial, pending, waiting_result
from dsagent.events import ApprovalNeeded, Retrying, ToolFinished, ToolProgress
from dsagent.messages import ToolResult, interrupted
from dsagent.telemetry import execute_tool
from dsagent.tools.run import ToolOutcome, run_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from anyio.abc import TaskGroup

    from dsagent.approvals import Approvals
    from dsagent.budget import Budget
    from dsagent.events import Event
    from dsagent.messages import Assistant, Message, ToolCall
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
        approvals: Approvals,
        deps: object,
        emit: Emit,
    ) -> None:
        self._tools = tools
        self._limits = limits
        self._budget = budget
        self._approvals = approvals
        self._deps = deps
        self._emit = emit
        self._begun: dict[str, ToolCall] = {}
        self._later: list[Callable[[], Awaitable[None]]] = []
        """Calls that must wait until no other is running."""
        self._results: dict[str, ToolResult] = {}
        self._failures: Counter[str] = Counter()
        """Turns in a row, up to the one before this, in which a tool failed."""
        self._ended: defaultdict[str, list[ToolOutcome]] = defaultdict(list)
        """How this turn's calls ended so far, by their tool."""
        self._seen: Counter[tuple[str, str]] = Counter()
        self._started = 0
        self.on_result: Callable[[], None] = lambda: None
        """Called when there is one more result."""
        self.refused = False
        """A call was refused because a limit was reached."""
        self.repeats = False
        """The model went on repeating itself after it was told."""

    @property
    def exhausted(self) -> bool:
        """Whether the next call would be refused."""
        return self._started >= self._limits.tool_calls

    @property
    def waits(self) -> bool:
        """Whether a call waits for somebody's decision."""
        return any(result.status == "pending" for result in self._results.values())

    def start(
        self, call: ToolCall, turn: int, group: TaskGroup, *, broken: str = ""
    ) -> None:
        """Run a call in ``group``, or in ``run_later`` if it has to run alone.

        Args:
            call: A complete call.
            turn: For the events.
            group: Where its task goes.
            broken: Why it can't be run at all, if so.
        """
        self._begun[call.id] = call
        tool = self._tools.get(call.name)
        run = partial(self._run, call, turn, broken)
        if tool is not None and tool.options.sequential:
            self._later.append(run)
        else:
            group.start_soon(run)

    async def run_later(self) -> None:
        """Run the calls that have to run alone, one after another."""
        while self._later:
            await self._later.pop(0)()

    def end_turn(self) -> None:
        """Count the failures of a turn whose calls are all over.

        The calls of one turn are written before any of them is answered, so together
        they are one attempt: a failure if a call asked for other arguments and none
        succeeded. Any other way to end begins the count anew. A tool without a call,
        or whose calls weren't made or were interrupted, keeps its count.
        """
        for name, outcomes in self._ended.items():
            asked = any(outcome.retryable for outcome in outcomes)
            failed = asked and not any(outcome.ok for outcome in outcomes)
            self._failures[name] = self._failures[name] + 1 if failed else 0
        self._ended.clear()

    def result(self, call: ToolCall) -> ToolResult:
        """The call's result. One that has none yet was interrupted."""
        return self._results.get(call.id) or interrupted(call)

    def results(self, turn: Assistant) -> tuple[ToolResult, ...]:
        """The results of a turn's calls, in the order of the calls."""
        return tuple(self.result(call) for call in turn.calls)

    def first_results(self, turn: Assistant) -> tuple[ToolResult, ...]:
        """The results of a turn's first calls, up to the first call that isn't over."""
        found = (self._results.get(call.id) for call in turn.calls)
        known = takewhile(lambda r: r is not None and r.status != "pending", found)
        return tuple(result for result in known if result is not None)

    async def go_on(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """Run the calls that wait at the end of ``messages``, as far as it is known
        that they may be made. Their events are of turn 0."""
        async with anyio.create_task_group() as group:
            for call in pending(messages):
                self.start(call, 0, group)
        await self.run_later()
        self.end_turn()
        return self.settle(messages)

    def settle(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """``messages`` with what came of the calls that waited at their end, as far as
        they have been begun."""
        return tuple(
            self.result(self._begun[message.call_id])
            if isinstance(message, ToolResult) and message.call_id in self._begun
            else message
            for message in messages
        )

    async def _run(self, call: ToolCall, turn: int, broken: str) -> None:
        """Run a call and announce its result; only cancellation is raised."""
        result = self._refusal(call, broken)
        again: Retrying | None = None
        if result is None:
            result, again = await self._outcome(call, turn)
        # First kept, then told: telling may be the moment of a cancellation.
        self._results[call.id] = result
        self.on_result()
        if again is not None:
            await self._emit(again)
        if result.status != "pending":
            await self._emit(ToolFinished(call, result, turn=turn))

    async def _outcome(
        self, call: ToolCall, turn: int
    ) -> tuple[ToolResult, Retrying | None]:
        """The result of making a call, and whether the model is asked to repeat it."""
        count = self._count(call)
        with execute_tool(call) as ended:
            outcome = await self._make(call, turn)
            ended(outcome)
        if outcome.status == "interrupted":
            result = ToolResult(call.id, outcome.text, call.name, outcome.status)
            return result, None
        again = self._note_outcome(call, outcome, turn)
        text = outcome.text
        if count >= self._limits.identical_calls and outcome.status != "pending":
            text += (
                f"\n[Note: this exact call has now been made {count} times. Its result "
                "won't change; use it.]"
            )
        return ToolResult(call.id, text, call.name, outcome.status), again

    async def _make(self, call: ToolCall, turn: int) -> ToolOutcome:
        """The call's outcome, "interrupted" if the run has no more time for it."""
        with anyio.move_on_after(self._budget.for_calls):
            return await run_call(
                self._tools,
                call,
                deps=self._deps,
                report=partial(self._progress, call, turn),
                failures=self._failures[call.name],
                max_chars=self._limits.result_chars,
                gate=partial(self._gate, call, turn),
            )
        text = "Error: stopped, because the time is up. Answer with what you know."
        return ToolOutcome(text, "interrupted")

    async def _gate(self, call: ToolCall, turn: int) -> ToolOutcome | None:
        """What becomes of a call that is not to be made; None: make it."""
        decision = self._approvals.decided(call, self._tools[call.name])
        waiting = waiting_result(call)
        if decision is None:
            # So that it waits on if the run is cancelled now: it was not made.
            self._results[call.id] = waiting
            await self._emit(ApprovalNeeded(call, turn=turn))
            decision = await self._approvals.ask(call)
            if decision is None:
                return ToolOutcome(waiting.text, "pending")
            del self._results[call.id]
        if decision is True:
            return None
        return ToolOutcome(denial(decision), "denied")

    def _note_outcome(
        self, call: ToolCall, outcome: ToolOutcome, turn: int
    ) -> Retrying | None:
        """Keep how a call ended; what to tell if the model may correct it."""
        self._ended[call.name].append(outcome)
        if not outcome.retryable:
            return None
        attempt = self._failures[call.name] + 1
        if attempt > self._tools[call.name].options.retries:
            return None
        return Retrying(outcome.text, attempt, turn=turn)

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
        decision = self._approvals.decisions.get(call.id, True)
        if decision is not True:
            return ToolResult(call.id, denial(decision), call.name, "denied")
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
