"""Holds, leases and the room they take: on a model whose tokens have a formula."""

from __future__ import annotations

import gc
import threading
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from dsagent.engine.request import Request, Sampling
from dsagent.errors import Closed, QueueFull
from tests.engine.models import tokens
from tests.engine.paged import VOCABULARY, PagedFake, memory, said
from tests.engine.test_cancel import ended

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.engine.engine import Engine
    from dsagent.engine.hold import Hold
    from tests.engine.conftest import MakeEngine

GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: the bridge to both is tested elsewhere."""
    return "asyncio"


@pytest.fixture
def paged() -> PagedFake:
    return PagedFake()


def ids(n: int, seed: int) -> tuple[int, ...]:
    return tuple(tokens(n, seed, VOCABULARY))


async def ask(engine: Engine, prompt: tuple[int, ...], n: int = 6) -> int:
    """Ask and check; how much of the prompt was known."""
    generation = engine.submit(Request(prompt, n, GREEDY))
    with anyio.fail_after(20):
        assert await ended(generation) == said(prompt, n)
    return generation.stats.cached_tokens


async def test_a_prompt_as_long_as_memory_goes_on_from_the_middle_of_a_page(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    """The page it copies is room that it needs itself."""
    engine = make_engine(paged, memory=memory(1, 4), max_running=1)
    limit = engine.context_limit
    first = ids(300, 1)
    await ask(engine, first, 1)
    assert await ask(engine, first + ids(limit - 306, 2)) == 300


async def test_a_longer_prefix_from_disk_shares_what_is_held(
    make_engine: MakeEngine, paged: PagedFake, tmp_path: Path
) -> None:
    """Four pages are held, three more come from the file: seven of eight."""
    short, longer = ids(1024, 1), ids(1024, 1) + ids(600, 2)
    first = make_engine(PagedFake())
    await (await first.hold(longer)).save(tmp_path)
    engine = make_engine(paged, memory=memory(2, 8), max_running=2)
    held = await engine.hold(short)
    again = await engine.hold(longer, folder=tmp_path)
    assert again.source == "disk"
    assert engine.stats().cache_tokens == 7 * 256
    assert await ask(engine, (*longer, 5)) == len(longer)
    assert await ask(engine, (*short, 5)) == len(short)
    held.release()
    again.release()
    assert await ask(engine, ids(9, 9)) == 0
    assert engine.stats().cache_tokens == 0


async def test_what_is_held_can_be_held_again(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    """It takes no room, so there is nothing to wait for."""
    engine = make_engine(paged, memory=memory(2, 8), max_running=2)
    document = ids(1280, 1)
    with anyio.fail_after(10):
        holds = [await engine.hold(document) for _ in range(3)]
    assert [hold.source for hold in holds] == ["computed", "memory", "memory"]
    for hold in holds:
        assert await ask(engine, (*document, 3)) == 1280
        hold.release()
    await ask(engine, ids(5, 3))
    assert engine.stats().cache_tokens == 0


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
async def test_holds_that_extend_each_other_may_end_in_any_order(
    make_engine: MakeEngine, paged: PagedFake, order: tuple[int, ...]
) -> None:
    engine = make_engine(paged, memory=memory(2, 10), max_running=2)
    texts = [ids(1700, 1)[:n] for n in (520, 1100, 1700)]
    holds = [await engine.hold(text) for text in texts]
    for index in order:
        holds[index].release()
        assert await ask(engine, (*texts[2], 1), 2) >= 0
        await ask(engine, ids(200, 10 + index), 2)
    assert engine.stats().cache_tokens == 0
    assert await ask(engine, ids(engine.context_limit - 6, 5)) == 0


async def test_what_does_not_fit_beside_holds_is_refused_until_one_is_released(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    engine = make_engine(paged, memory=memory(2, 8), max_running=2)
    hold = await engine.hold(ids(1500, 1))
    with pytest.raises(QueueFull, match=r"release one, or .* \(max_tokens\)"):
        engine.submit(Request(ids(800, 2), 6, GREEDY))
    with pytest.raises(QueueFull, match="release one"), anyio.fail_after(10):
        await engine.hold(ids(800, 2))
    assert await ask(engine, ids(400, 2)) == 0
    assert await ask(engine, (*ids(1500, 1), 4)) == 1500
    hold.release()
    # At once: what was released before counts no longer.
    await ask(engine, ids(800, 2))


async def test_asking_exactly_what_is_held_takes_room_of_its_own(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    """Its last token has to be computed, and what is held lies behind that."""
    document = ids(512, 1)
    for pages in (4, 5):
        engine = make_engine(PagedFake(), memory=memory(1, pages), max_running=1)
        assert engine.context_limit == pages * 256
        hold = await engine.hold(document)
        for seed in range(4):  # drives out what was left at the first page
            await ask(engine, ids(400, 10 + seed), 2)
        if pages == 4:
            with pytest.raises(QueueFull, match="release one"):
                engine.submit(Request(document, 6, GREEDY))
        else:
            assert await ask(engine, document) <= 256
        assert await ask(engine, (*document, 7)) == 512
        hold.release()


async def test_one_that_waits_for_a_release_holds_up_nobody(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    """It came when the prefix was still being read. One behind it counts on that
    prefix, which therefore can't end before: both would wait for each other."""
    gate = paged.gate = threading.Event()
    engine = make_engine(paged, memory=memory(2, 8), max_running=2)
    document, large = ids(1280, 1), Request(ids(1500, 2), 6, GREEDY)
    holds: list[Hold] = []

    async def hold() -> None:
        holds.append(await engine.hold(document))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(hold)
            while not engine.stats().running:
                await anyio.lowlevel.checkpoint()
            waits = engine.submit(large)
            gate.set()
        assert await ask(engine, (*document, 7)) == 1280
        assert engine.stats().waiting == 1
        behind = engine.submit(Request((*document, 8), 6, GREEDY))
        holds.pop().release()
        assert await ended(behind) == said((*document, 8), 6)
        assert await ended(waits) == said(large.prompt, 6)
    assert engine.stats().cache_tokens == 0


async def test_one_that_waits_for_a_release_can_be_cancelled(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    gate = paged.gate = threading.Event()
    engine = make_engine(paged, memory=memory(2, 8), max_running=2)
    holds: list[Hold] = []

    async def hold() -> None:
        holds.append(await engine.hold(ids(1280, 1)))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(hold)
            while not engine.stats().running:
                await anyio.lowlevel.checkpoint()
            waits = engine.submit(Request(ids(1500, 2), 6, GREEDY))
            gate.set()
        await ask(engine, ids(20, 3))
        await waits.aclose()
        assert engine.stats().waiting == 0
        left = engine.submit(Request(ids(300, 2), 6, GREEDY))
        assert await ended(left) == said(left._sequence.request.prompt, 6)
    assert engine.stats().cache_tokens == 1280


async def test_closing_ends_a_hold_that_is_being_read(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    gate = paged.gate = threading.Event()
    engine = make_engine(paged, memory=memory(2, 8), max_running=2)

    async def close() -> None:
        while not engine.stats().running:
            await anyio.lowlevel.checkpoint()
        closing.set()
        gate.set()
        await engine.aclose()

    closing = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(close)
        with pytest.raises(Closed):
            await engine.hold(ids(1200, 1))


async def test_an_engine_that_was_closed_keeps_nothing_for_holds(
    make_engine: MakeEngine, paged: PagedFake, tmp_path: Path
) -> None:
    engine = make_engine(paged, memory=memory(2, 8), max_running=2)
    hold = await engine.hold(ids(700, 1))
    await ask(engine, ids(500, 2))
    runner = engine._worker._runner
    assert runner is not None
    prefixes = runner._prefixes
    assert prefixes is not None
    kept = [weakref.ref(end.residue.windows[0]) for end in prefixes._all]
    del runner, prefixes
    await engine.aclose()
    gc.collect()
    assert engine.stats().cache_tokens == 0
    assert [reference() for reference in kept] == [None] * len(kept)
    with pytest.raises(Closed):
        await hold.save(tmp_path)
    hold.release()
    with pytest.raises(ValueError, match="released"):
        await hold.save(tmp_path)


async def test_an_engine_without_a_cache_says_so_before_it_reads(
    make_engine: MakeEngine, paged: PagedFake
) -> None:
    engine = make_engine(paged, keep_prefixes=False)
    with pytest.raises(QueueFull, match="keep_prefixes"):
        await engine.hold(ids(700, 1))
    assert engine.stats().steps == 0


async def test_holds_come_and_go_in_many_threads(
    make_engine: MakeEngine, paged: PagedFake, tmp_path: Path
) -> None:
    """Each with an event loop of its own; they save while others release and evict."""
    engine = make_engine(paged, memory=memory(4, 16), max_running=4)
    wrong: list[BaseException] = []

    async def use(seed: int) -> None:
        for turn in range(6):
            document = ids(300 + 40 * (turn % 3), turn % 3)
            hold = await engine.hold(document, folder=tmp_path)
            prompt = (*document, seed, turn)
            await ask(engine, prompt, 3)
            if turn % 2:
                thread = threading.Thread(target=hold.release)
                thread.start()
                with suppress(ValueError):  # it was released first
                    await hold.save(tmp_path, limit=60_000)
                thread.join()
            del hold
            await ask(engine, ids(700, 50 + seed), 2)

    def main(seed: int) -> None:
        try:
            anyio.run(use, seed)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=main, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await anyio.to_thread.run_sync(thread.join)
    assert not wrong
    gc.collect()
    await ask(engine, ids(3, 1), 1)
    assert engine.stats().cache_tokens == 0


@pytest.mark.parametrize("released", [False, True])
async def test_two_that_wait_for_each_others_prefixes_both_end(
    released: bool, make_engine: MakeEngine, paged: PagedFake
) -> None:
    """The first counts on a prefix that was released since, the second on one that may
    be, and neither fits beside the other's: one goes without what it counted on."""
    engine = make_engine(paged, memory=memory(3, 10), max_running=3)
    one, other = ids(1024, 1), ids(1024, 2)
    prompts = ((*one, *ids(1200, 3)), (*other, *ids(1200, 4)))
    with anyio.fail_after(20):
        held = await engine.hold(one)
        gate = paged.gate = threading.Event()
        holds: list[Hold] = []

        async def hold() -> None:
            holds.append(await engine.hold(other))

        async with anyio.create_task_group() as group:
            group.start_soon(hold)
            while not engine.stats().running:
                await anyio.lowlevel.checkpoint()
            first = engine.submit(Request(prompts[0], 6, GREEDY))
            gate.set()
        held.release()
        second = engine.submit(Request(prompts[1], 6, GREEDY))
        if released:
            holds.pop().release()
        assert await ended(second) == said(prompts[1], 6)
        if not released:
            assert engine.stats().waiting == 1
            holds.pop().release()
        assert await ended(first) == said(prompts[0], 6)
    assert engine.stats().cache_tokens == 0
