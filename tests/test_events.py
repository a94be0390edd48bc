"""Events: their order, in runs of every kind; random ones are in test_interleavings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pydantic
import pytest

from dsagent.errors import EngineError, RunError
from dsagent.events import (
    PartialOutput,
    Retrying,
    TextDelta,
    ToolCallReady,
    ToolFinished,
    TurnFinished,
)
from dsagent.options import Limits
from dsagent.tools import Retry, tool
from tests.fakes import Line, call, say
from tests.ordering import check_order

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.events import Event
    from dsagent.reply import Reply
    from dsagent.stream import RunStream
    from tests.conftest import Scripted


class Size(pydantic.BaseModel):
    width: int

    @pydantic.field_validator("width")
    @classmethod
    def _even(cls, width: int) -> int:
        if width % 2:
            raise ValueError("must be even")
        return width


@tool
def measure(what: str) -> str:
    """Measure something."""
    if what == "air":
        raise Retry("it has no size")
    return f"{what}: 4"


BOX = ("measure", '{"what": "box"}')
AIR = ("measure", '{"what": "air"}')


async def heard(stream: RunStream[Any]) -> tuple[list[Event], Reply[object]]:
    events: list[Event] = []
    with suppress(RunError):
        async with stream:
            async for event in stream:
                events.append(event)  # noqa: PERF401  (kept if it raises)
    return events, stream.reply


@pytest.mark.parametrize(
    ("script", "options", "stop"),
    [
        ([say("Hello there.", thinking="Hm.")], {}, "done"),
        ([call(BOX, AIR, text="Well.", thinking="Hm."), say("Four.")], {}, "done"),
        ([call(AIR), call(BOX), say('{"width": 4}', "So.")], {"output": Size}, "done"),
        (
            [call(BOX), say('{"width": 3}'), say('{"width": 4}')],
            {"output": Size},
            "done",
        ),
        (
            [say('{"width": 3}'), say('{"width": 5}')],
            {"output": Size, "limits": Limits(output_retries=1)},
            "invalid",
        ),
        ([call(BOX)], {"limits": Limits(turns=1, on_limit="stop")}, "limit"),
        ([call(BOX), call(BOX, BOX), say("Four.")], {}, "done"),
        ([Line("one two three four", cut=4)], {}, "length"),
        ([Line(calls=(BOX, BOX), cut=30)], {}, "length"),
        ([call(BOX), Line("one two", error=EngineError("gone"))], {}, "error"),
        ([Line(calls=(BOX, AIR), error=EngineError("gone"))], {}, "error"),
    ],
)
async def test_order(
    scripted: Scripted, script: list[Line], options: dict[str, Any], stop: str
) -> None:
    model, engine = scripted(*script)
    events, reply = await heard(model.stream("?", tools=[measure], **options))
    engine.assert_done()
    assert reply.stop == stop
    check_order(events, reply)


async def test_an_error_leaves_running_tools_without_an_end(scripted: Scripted) -> None:
    @tool
    async def hangs() -> None:
        """Never returns."""
        await anyio.sleep_forever()

    model, _ = scripted(Line(calls=(("hangs", "{}"),), error=EngineError("gone")))
    events, reply = await heard(model.stream("?", tools=[hangs]))
    assert not any(isinstance(e, (ToolFinished, TurnFinished)) for e in events)
    check_order(events, reply)


def _drop(kind: type[Event]) -> Callable[[list[Event]], list[Event]]:
    return lambda events: [e for e in events if not isinstance(e, kind)]


def _move(kind: type[Event], *, by: int) -> Callable[[list[Event]], list[Event]]:
    def move(events: list[Event]) -> list[Event]:
        at = next(i for i, event in enumerate(events) if isinstance(event, kind))
        rest = [*events[:at], *events[at + 1 :]]
        return [*rest[: at + by], events[at], *rest[at + by :]]

    return move


@pytest.mark.parametrize(
    "damage",
    [
        _drop(TurnFinished),
        _drop(ToolFinished),
        _drop(ToolCallReady),
        _move(ToolCallReady, by=-1),
        _move(ToolFinished, by=-2),
        _move(ToolFinished, by=2),
        _move(PartialOutput, by=-2),
        _move(TurnFinished, by=2),
        _move(Retrying, by=-1),
        lambda events: events[:-1],
        lambda events: [*events, events[-1]],
        lambda events: [e for e in events for _ in range(1 + isinstance(e, Retrying))],
        lambda events: [replace(e, turn=3 - min(e.turn, 2)) for e in events],
    ],
)
async def test_the_judge_notices(
    scripted: Scripted, damage: Callable[[list[Event]], list[Event]]
) -> None:
    script = (call(BOX), say('{"width": 3}'), say('{"width": 4}'))
    model, _ = scripted(*script)
    events, reply = await heard(model.stream("?", tools=[measure], output=Size))
    assert any(isinstance(event, TextDelta) for event in events)
    check_order(events, reply)
    with pytest.raises(AssertionError):
        check_order(damage(list(events)), reply)
