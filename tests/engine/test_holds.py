"""Holds, leases and the room they take: on a model whose tokens have a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from dsagent.engine.request import Request, Sampling
from tests.engine.models import tokens
from tests.engine.paged import VOCABULARY, PagedFake, memory, said
from tests.engine.test_cancel import ended

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.engine.engine import Engine
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
