"""The order of events, as ``dsagent.events`` promises it, held over any run."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from dsagent.events import (
    ApprovalNeeded,
    PartialOutput,
    PrefillProgress,
    Retrying,
    RunFinished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallReady,
    ToolCallStarted,
    ToolFinished,
    ToolProgress,
    TurnFinished,
)
from dsagent.reply import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.events import Event
    from dsagent.reply import Reply

Written = (
    PrefillProgress,
    ThinkingDelta,
    TextDelta,
    PartialOutput,
    ToolCallStarted,
    ToolCallDelta,
    ToolCallReady,
)


def check_order(
    events: Sequence[Event], reply: Reply[object], *, whole: bool = True
) -> None:
    """Fail if ``events`` are not in order.

    Args:
        events: All that was heard of a run.
        reply: What it came to.
        whole: It ended by itself and was listened to until then.
    """
    unbroken = whole and reply.stop != "error"
    turns = [event.turn for event in events]
    assert turns == sorted(turns)  # 1
    by_turn: defaultdict[int, list[Event]] = defaultdict(list)
    for event in events:
        by_turn[event.turn].append(event)
    for turn, heard in by_turn.items():
        _check_turn(turn, heard, ended=unbroken or turn < turns[-1])
    _check_calls(events, whole=unbroken)
    finished = [i for i, event in enumerate(events) if isinstance(event, RunFinished)]
    if whole:  # 5 and 6
        assert finished == [len(events) - 1]
        assert events[-1] == RunFinished(reply, turn=turns[-1])
    if unbroken:
        usages = [event.usage for event in events if isinstance(event, TurnFinished)]
        assert sum(usages, Usage()) == reply.usage


def _check_turn(turn: int, events: list[Event], *, ended: bool) -> None:
    """Rules 2 and 5."""
    ends = [i for i, event in enumerate(events) if isinstance(event, TurnFinished)]
    if turn == 0:
        assert not ends
    elif ended:
        assert len(ends) == 1
        rest = events[ends[0] + 1 :]
        assert all(isinstance(event, (Retrying, RunFinished)) for event in rest)
    if turn > 0 and not any(isinstance(event, ToolCallReady) for event in events):
        retrying = [i for i, event in enumerate(events) if isinstance(event, Retrying)]
        assert len(retrying) <= 1
        assert all(ends and i > ends[0] for i in retrying)
    written = [event for event in events if isinstance(event, Written)]
    stages = [_stage(event) for event in written]
    assert stages == sorted(stages)
    last: Event | None = None
    for event in written:
        if isinstance(event, PartialOutput):
            assert isinstance(last, TextDelta)
        match last, event:
            case (
                (ToolCallStarted(id=begun) | ToolCallDelta(id=begun)),
                (ToolCallDelta(id=goes_on)),
            ):
                assert begun == goes_on
            case (
                (ToolCallStarted(id=begun) | ToolCallDelta(id=begun)),
                (ToolCallReady(call)),
            ):
                assert begun == call.id
            case ((ToolCallStarted() | ToolCallDelta()), _):
                raise AssertionError(f"{event} inside of a call")
            case _, (ToolCallDelta() | ToolCallReady()):
                raise AssertionError(f"{event} outside of a call")
        last = event


def _stage(event: Event) -> int:
    match event:
        case PrefillProgress():
            return 0
        case ThinkingDelta():
            return 1
        case TextDelta() | PartialOutput():
            return 2
    return 3


def _check_calls(events: Sequence[Event], *, whole: bool) -> None:
    """Rules 3 and 4."""
    of_call: defaultdict[str, list[Event]] = defaultdict(list)
    turn_of: dict[str, int] = {}
    for event in events:
        match event:
            case (
                ToolCallReady(call)
                | ApprovalNeeded(call)
                | ToolProgress(call)
                | ToolFinished(call)
            ):
                of_call[call.id].append(event)
                assert turn_of.setdefault(call.id, event.turn) == event.turn
    ready = [e.call.id for e in events if isinstance(e, ToolCallReady)]
    assert len(ready) == len(set(ready))
    for call_id, heard in of_call.items():
        kinds = [event.kind for event in heard]
        order = ["tool_call_ready", "approval_needed", "tool_progress", "tool_finished"]
        places = [order.index(kind) for kind in kinds]
        assert places == sorted(places), kinds
        for kind in ("tool_call_ready", "approval_needed", "tool_finished"):
            assert kinds.count(kind) <= 1
        assert (kinds[0] == "tool_call_ready") == (turn_of[call_id] > 0)
        last_turn = turn_of[call_id] == events[-1].turn
        waits = last_turn and kinds[-1] == "approval_needed"
        assert kinds[-1] == "tool_finished" or waits or (last_turn and not whole)
