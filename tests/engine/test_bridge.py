"""Mailboxes between a thread and an event loop, under asyncio and trio."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import anyio
import pytest

from dsagent.engine import bridge
from dsagent.engine.bridge import Mailbox, Portal, Waiter, current_portal, wake
from dsagent.engine.request import TokenStep

if TYPE_CHECKING:
    from collections.abc import Callable


def mailbox() -> Mailbox:
    return Mailbox(7, on_room=lambda: None)


def in_thread(function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


async def test_news_since_the_last_read_is_one_step() -> None:
    box = mailbox()
    box.put(prefilled=4)
    box.put(prefilled=7)
    box.put((1,))
    box.put((2, 3))
    assert await box.take() == TokenStep((1, 2, 3), prefilled=7, prompt_tokens=7)
    box.put((4,))
    assert await box.take() == TokenStep((4,), prefilled=None, prompt_tokens=7)


async def test_what_came_before_the_stop_is_read_before_the_end() -> None:
    box = mailbox()
    box.put((1,))
    box.put((2,), stop="stop")
    step = await box.take()
    assert step is not None
    assert step.ids == (1, 2)
    assert await box.take() is None
    assert await box.take() is None
    assert box.stop == "stop"


async def test_what_arrives_with_the_stop_during_a_read_is_not_lost() -> None:
    class Racing(Mailbox):
        def take_nowait(self) -> TokenStep | None:
            step = super().take_nowait()
            self.put((1,), stop="stop")  # the engine, right after we looked
            return step

    box = Racing(7, on_room=lambda: None)
    steps: list[TokenStep | None] = []

    async def read() -> None:
        steps.append(await box.take())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        wake(box.put())
    assert steps == [TokenStep((1,), None, 7)]


async def test_only_the_first_stop_counts() -> None:
    box = mailbox()
    box.put(stop="length")
    assert box.put((9,), stop="cancelled") == []
    assert box.stop == "length"
    assert await box.take() is None


async def test_a_sleeping_reader_is_woken_from_another_thread() -> None:
    box = mailbox()
    asleep = anyio.Event()
    steps: list[TokenStep | None] = []

    async def read() -> None:
        asleep.set()
        steps.append(await box.take())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await asleep.wait()
        await anyio.wait_all_tasks_blocked()
        in_thread(lambda: wake(box.put((5,))))
    assert steps == [TokenStep((5,), None, 7)]


async def test_a_cancelled_read_takes_nothing() -> None:
    box = mailbox()
    box.put((1, 2))
    with anyio.CancelScope() as scope:
        scope.cancel()
        await box.take()
    assert scope.cancelled_caught
    step = await box.take()
    assert step is not None
    assert step.ids == (1, 2)


async def test_a_read_cancelled_while_asleep_leaves_no_reader_behind() -> None:
    box = mailbox()
    async with anyio.create_task_group() as group:
        group.start_soon(box.take)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    assert box.put((1,)) == []


async def test_a_second_reader_is_refused_and_the_first_goes_on() -> None:
    box = mailbox()
    async with anyio.create_task_group() as group:
        group.start_soon(box.take)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await box.take()
        wake(box.put((1,)))


async def test_those_waiting_for_the_end_sleep_through_the_news() -> None:
    box = mailbox()
    ended: list[int] = []

    async def wait(name: int) -> None:
        await box.finished()
        ended.append(name)

    async with anyio.create_task_group() as group:
        group.start_soon(wait, 1)
        group.start_soon(wait, 2)
        await anyio.wait_all_tasks_blocked()
        assert box.put((1,)) == []
        await anyio.wait_all_tasks_blocked()
        assert ended == []
        waiters = box.put(stop="length")
        in_thread(lambda: wake(waiters))
    assert sorted(ended) == [1, 2]
    await box.finished()


async def test_one_crossing_wakes_all_readers_of_a_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crossings: list[Portal] = []
    portal = type(current_portal())
    original = portal.call

    def count(self: Portal, function: Callable[[], None]) -> bool:
        crossings.append(self)
        return original(self, function)

    monkeypatch.setattr(portal, "call", count)
    boxes = [mailbox() for _ in range(5)]
    async with anyio.create_task_group() as group:
        for box in boxes:
            group.start_soon(box.take)
        await anyio.wait_all_tasks_blocked()
        waiters = [waiter for box in boxes for waiter in box.put((1,))]
        in_thread(lambda: wake(waiters))
    assert crossings == [current_portal()]


async def test_a_busy_reader_costs_no_crossing() -> None:
    box = mailbox()
    assert box.put((1,)) == []


async def test_reading_lets_other_tasks_run() -> None:
    """A mailbox that always has news must not starve the loop."""
    box = mailbox()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(other)
        for i in range(200):
            box.put((i,))
            await box.take()
        group.cancel_scope.cancel()
    assert turns > 20


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_loop_that_has_ended_is_ignored(backend: str) -> None:
    async def leave_a_reader() -> Waiter:
        return Waiter(current_portal(), anyio.Event())

    waiter = anyio.run(leave_a_reader, backend=backend)
    assert waiter.portal.call(lambda: None) is False
    bridge.wake([waiter])
