"""Any mixture of slow, failing, hanging, cancelled and approval-needing tools.

Runs are made up at random: turns of calls of a dozen kinds, a listener that leaves at
some moment or doesn't, somebody who approves at once, later, in parts or not at all.
Whatever happens, no result is lost, no call is left without one, every call is made at
most once and only if it may be, the events keep their order, and the run ends. Time
plays no part: what takes long takes many turns of the event loop, what times out has
a timeout that is over when it begins.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import anyio
import anyio.lowlevel
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from dsagent.approvals import pending
from dsagent.events import ToolFinished
from dsagent.messages import (
    Assistant,
    ToolCall,
    ToolResult,
    User,
    check_messages,
    messages_from_json,
    messages_to_json,
)
from dsagent.model import Model
from dsagent.options import Limits
from dsagent.tools import Context, Retry, ToolError, tool
from tests.fakes import ScriptedEngine, call, say
from tests.ordering import check_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.approvals import Decision
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import GrammarBackend
    from dsagent.events import Event
    from dsagent.messages import Message
    from dsagent.reply import Reply
    from tests.fakes import Line

Kind: TypeAlias = Literal[
    "quick", "slow", "thread", "crash", "fail", "retry", "hang", "alone", "tell",
    "leave", "risky", "risky_alone", "risky_crash", "risky_leave",
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)
ENDS: dict[str, str] = {
    "crash": "crashed",
    "fail": "error",
    "retry": "retry",
    "hang": "timeout",
    "risky_crash": "crashed",
}
"""How a call of a kind ends that is made and not interrupted, if not "ok"."""


@dataclass(frozen=True)
class Planned:
    """A call that the model will make."""

    kind: Kind
    steps: int
    """Turns of the event loop that it takes, about."""
    answer: Literal["yes", "no", "reason", "later"]
    """What is said when somebody is asked; "later": not the first time."""


@dataclass(frozen=True)
class Plan:
    """A conversation, and what happens to it."""

    turns: list[list[Planned]]
    asks: bool
    """Somebody is asked while the run goes on."""
    thinking: bool
    step: int
    """Tokens the engine writes at a time."""
    reads: int
    """Turns of the event loop that the listener takes for an event."""
    leave_after: int | None
    """Events after which the listener leaves."""
    leave_on: str | None
    """Those of this kind are counted; None: all."""


CALLS = st.builds(
    Planned,
    st.sampled_from(KINDS),
    st.integers(0, 4),
    st.sampled_from(get_args(Literal["yes", "no", "reason", "later"])),
)
PLANS = st.builds(
    Plan,
    st.lists(st.lists(CALLS, min_size=1, max_size=4), min_size=1, max_size=3),
    st.booleans(),
    st.booleans(),
    st.integers(1, 60),
    st.integers(0, 6),
    st.none() | st.integers(1, 50),
    st.none(),
)
LEAVING = st.builds(
    replace,
    PLANS,
    leave_after=st.integers(1, 4),
    leave_on=st.sampled_from(["tool_finished", "retrying", "approval_needed"]),
)


@dataclass
class World:
    """What the tools see and do."""

    plan: Plan
    made: Counter[int] = field(default_factory=Counter)
    """How often each call was made, by number."""
    running: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    """Calls whose functions came to their ends; what they said must not be lost."""
    asked: Counter[int] = field(default_factory=Counter)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Of the run that goes on."""

    def planned(self, number: int) -> Planned:
        return [call for turn in self.plan.turns for call in turn][number]

    def answer(self, made: ToolCall) -> Decision | None:
        """What somebody says who is asked about a call."""
        number = number_of(made)
        self.asked[number] += 1
        answer = self.planned(number).answer
        if answer == "later":
            return None if self.asked[number] == 1 else True
        said: dict[str, Decision] = {"yes": True, "no": False, "reason": "not today"}
        return said[answer]

    async def approve(self, made: ToolCall) -> Decision | None:
        for _ in range(self.planned(number_of(made)).steps):
            await anyio.lowlevel.checkpoint()
        return self.answer(made)

    async def work(self, number: int) -> str:
        """What all the tools do that are async."""
        self.made[number] += 1
        planned = self.planned(number)
        assert "alone" not in planned.kind or not self.running
        self.running.add(number)
        try:
            text = await self.be(planned, f"{planned.kind} {number}")
        except Exception:
            self.ended.add(number)
            raise
        finally:
            self.running.discard(number)
        if planned.kind != "tell":  # which has more to do
            self.ended.add(number)
        return text

    async def be(self, planned: Planned, text: str) -> str:
        for _ in range(planned.steps):
            await anyio.lowlevel.checkpoint()
        match planned.kind.removeprefix("risky_"):
            case "crash":
                raise RuntimeError("no luck")
            case "fail":
                raise ToolError("not here")
            case "retry":
                raise Retry("another number")
            case "hang":
                await anyio.sleep_forever()
            case "leave":
                self.scope.cancel()
                await anyio.sleep_forever()
        return text


Deps: TypeAlias = Context[World]


@tool
async def quick(n: int, ctx: Deps) -> str:
    """Works."""
    return await ctx.deps.work(n)


@tool
def thread(n: int, ctx: Deps) -> str:
    """Works in a thread."""
    ctx.deps.made[n] += 1
    ctx.report_sync("in a thread")
    return f"thread {n}"


@tool(timeout=1e-9)
async def hang(n: int, ctx: Deps) -> str:
    """Never returns."""
    return await ctx.deps.work(n)


@tool(sequential=True)
async def alone(n: int, ctx: Deps) -> str:
    """Works alone."""
    return await ctx.deps.work(n)


@tool
async def tell(n: int, ctx: Deps) -> str:
    """Tells how it goes."""
    await ctx.report("begun", 0.0)
    text = await ctx.deps.work(n)
    await ctx.report("done", 1.0)
    return text


@tool(approval=True)
async def risky(n: int, ctx: Deps) -> str:
    """Has to be approved."""
    return await ctx.deps.work(n)


@tool(approval=True, sequential=True)
async def risky_alone(n: int, ctx: Deps) -> str:
    """Has to be approved, and works alone."""
    return await ctx.deps.work(n)


TOOLS = [quick, thread, hang, alone, tell, risky, risky_alone]
TOOL_OF: dict[str, str] = {
    **dict.fromkeys(("slow", "crash", "fail", "retry", "leave"), "quick"),
    **dict.fromkeys(("risky_crash", "risky_leave"), "risky"),
}


def number_of(made: ToolCall) -> int:
    number = made.values()["n"]
    assert isinstance(number, int)
    return number


@dataclass
class Conversation:
    """A plan being carried out, over as many runs as it takes."""

    plan: Plan
    tokenizer: Tokenizer
    grammars: GrammarBackend
    messages: tuple[Message, ...] = (User("Go."),)
    runs: int = 0
    turns_made: int = 0

    def __post_init__(self) -> None:
        self.world = World(self.plan)

    async def carry_out(self) -> None:
        reply = await self.run({})
        while reply.stop == "approval":
            assert self.runs < 20, "it never ends"
            reply = await self.run(self.decide(reply))
        event(f"{reply.stop} after {min(self.runs, 3)} runs")
        assert reply.stop in ("done", "cancelled")
        if reply.stop == "done":
            assert reply.text == "Done."
        self.check_results(reply)
        check_messages([*self.messages, User("And now?")])

    def decide(self, reply: Reply[str]) -> dict[str, Decision]:
        """Decide about what waits: in part, if somebody isn't sure yet."""
        assert reply.pending
        answers = {made.id: self.world.answer(made) for made in reply.pending}
        known = {key: value for key, value in answers.items() if value is not None}
        return known or self.decide(reply)

    async def run(self, decisions: dict[str, Decision]) -> Reply[str]:
        self.runs += 1
        engine = ScriptedEngine(self.tokenizer, self.script(), step=self.plan.step)
        model = Model(engine, self.tokenizer, grammars=self.grammars)
        heard: list[Event] = []
        left = False
        with anyio.fail_after(60), anyio.CancelScope() as self.world.scope:
            stream = model.stream(
                self.messages,
                tools=TOOLS,
                thinking="high" if self.plan.thinking else "off",
                limits=Limits(identical_calls=9),
                deps=self.world,
                approve=self.world.approve if self.plan.asks else None,
                decisions=decisions,
            )
            async with stream:
                async for happened in stream:
                    heard.append(happened)
                    if self.leaves_at(heard):
                        left = True
                        break
                    for _ in range(self.plan.reads):
                        await anyio.lowlevel.checkpoint()
        assert engine.open == 0
        whole = not left and not self.world.scope.cancelled_caught
        reply = stream.reply
        check_order(heard, reply, whole=whole)
        self.check_kept(heard, reply)
        if reply.stop != "cancelled":
            self.turns_made += len(engine.requests)
            assert reply.stop in ("done", "approval")
        assert not whole or reply.stop != "cancelled"
        stored = messages_to_json(reply.messages)
        self.messages = messages_from_json(stored)
        assert self.messages == reply.messages
        check_calls(self.messages)
        return reply

    def leaves_at(self, heard: Sequence[Event]) -> bool:
        kind = self.plan.leave_on
        count = sum(kind is None or happened.kind == kind for happened in heard)
        return count == self.plan.leave_after

    def script(self) -> list[Line]:
        """The turns that are left to write, each with its calls, and the answer."""
        thinking = "Hm." if self.plan.thinking else ""
        numbers = iter(range(100))
        turns = [
            [(TOOL_OF.get(c.kind, c.kind), f'{{"n": {next(numbers)}}}') for c in turn]
            for turn in self.plan.turns
        ]
        lines = [call(*calls, thinking=thinking) for calls in turns]
        return [*lines, say("Done.", thinking)][self.turns_made :]

    def check_kept(self, heard: Sequence[Event], reply: Reply[str]) -> None:
        """What was heard of as finished is in the conversation, as it was heard."""
        kept = {m.call_id: m for m in reply.messages if isinstance(m, ToolResult)}
        for happened in heard:
            if isinstance(happened, ToolFinished):
                assert kept[happened.call.id] == happened.result

    def check_results(self, reply: Reply[str]) -> None:
        """Every call came to what its kind comes to, was made once, if it might be."""
        calls = {c.id: c for m in reply.messages for c in calls_of(m)}
        whole = reply.stop == "done"
        if whole:
            assert sorted(map(number_of, calls.values())) == list(
                range(sum(map(len, self.plan.turns)))
            )
        for result in reply.messages:
            if not isinstance(result, ToolResult):
                continue
            number = number_of(calls[result.call_id])
            planned = self.world.planned(number)
            made = self.world.made[number]
            expected = ENDS.get(planned.kind, "ok")
            denied = planned.answer in ("no", "reason")
            if planned.kind.startswith("risky") and denied:
                expected = "denied"
            event(f"{planned.kind}: {result.status}")
            if result.status in ("denied", "pending"):
                assert planned.kind.startswith("risky")
                assert made == 0
            elif result.status == "interrupted":
                assert not whole
                assert number not in self.world.ended
            else:
                assert result.status == expected
                assert made == 1 or (planned.kind == "hang" and made == 0)
            if result.status == "ok":
                assert result.text == f"{planned.kind} {number}"
            if whole:
                assert result.status == expected
        assert max(self.world.made.values(), default=0) <= 1


def calls_of(message: Message) -> tuple[ToolCall, ...]:
    return message.calls if isinstance(message, Assistant) else ()


def check_calls(messages: Sequence[Message]) -> None:
    """Every turn's calls have one result each, right behind it and in their order."""
    waiting: list[str] = []
    ids: list[str] = []
    for message in messages:
        if isinstance(message, ToolResult):
            assert waiting.pop(0) == message.call_id
            continue
        assert not waiting
        waiting = [made.id for made in calls_of(message)]
        ids += waiting
    assert not waiting
    assert len(ids) == len(set(ids))
    last = [m for m in messages if isinstance(m, ToolResult) and m.status == "pending"]
    assert [made.id for made in pending(messages)] == [m.call_id for m in last]


@given(PLANS | LEAVING)
@settings(
    max_examples=500,
    suppress_health_check=[HealthCheck.too_slow],
)
async def test_no_interleaving_loses_a_result_or_leaves_a_call(
    tokenizer: Tokenizer, grammars: GrammarBackend, plan: Plan
) -> None:
    await Conversation(plan, tokenizer, grammars).carry_out()
