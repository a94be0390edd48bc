"""A budget is divided as it says, whatever its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsagent.engine.memory import PAGE
from dsagent.engine.plan import divide
from dsagent.engine.request import Request, Sampling
from dsagent.errors import ContextOverflow
from tests.engine.models import tokens
from tests.engine.paged import PAGE_BYTES, SLOT, VOCABULARY, PagedFake, said
from tests.engine.test_cancel import ended

if TYPE_CHECKING:
    from tests.engine.conftest import MakeEngine

GREEDY = Sampling(temperature=0.0)

SIZES = st.integers(1, 100_000_000)


@given(
    more=st.integers(0, 1 << 30),
    slots=st.integers(1, 300),
    slot=SIZES,
    page=st.integers(0, 100_000_000),
)
def test_the_parts_are_the_whole(more: int, slots: int, slot: int, page: int) -> None:
    """Nothing is spent twice, from the least that one conversation takes on."""
    memory = slot + page + more
    plan = divide(memory, slots=slots, slot=slot, page=page, context=None)
    assert 1 <= plan.slots <= slots
    assert plan.pages >= 1
    assert plan.residues >= 0
    assert plan.slots * slot + plan.pages * page + plan.residues == memory


@given(
    slots=st.integers(1, 300),
    slot=SIZES,
    page=st.integers(1, 100_000_000),
    context=st.integers(1, 1 << 20),
)
def test_without_a_budget_there_is_room_for_the_context(
    slots: int, slot: int, page: int, context: int
) -> None:
    plan = divide(None, slots=slots, slot=slot, page=page, context=context)
    assert plan.pages * PAGE >= context


@pytest.mark.parametrize("extra", [0, 1, 5_000, 40_000, 300_000])
async def test_the_longest_prompt_really_runs(
    make_engine: MakeEngine, extra: int
) -> None:
    """The limit is what one conversation can have, with whatever lies in the cache."""
    engine = make_engine(PagedFake(), memory=SLOT + PAGE_BYTES + extra, max_running=3)
    longest = engine.context_limit
    for n in (longest - 1, longest - 9, longest - 1):
        prompt = tuple(tokens(n, n, VOCABULARY))
        generation = engine.submit(Request(prompt, longest - n, GREEDY))
        assert await ended(generation) == said(prompt, longest - n)
    with pytest.raises(ContextOverflow):
        engine.submit(Request((1,) * longest, 1, GREEDY))
    whole = engine.submit(Request((1,) * longest, 0, GREEDY))
    assert await ended(whole) == ()
    assert whole.stop == "length"
