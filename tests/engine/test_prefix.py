"""Beginnings that are kept: found again, exact, bounded, and shared."""

from __future__ import annotations

import gc
import os
import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.bridge import Mailbox
from dsagent.engine.cache import page_bytes, slot_bytes
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import DSparkConfig
from dsagent.engine.plan import divide
from dsagent.engine.prefix import Prefixes, checkpoints
from dsagent.engine.request import Request, Sampling
from dsagent.engine.runner import Runner
from dsagent.engine.scheduler import Scheduler
from dsagent.engine.sequence import Sequence
from dsagent.engine.transformer import Transformer
from dsagent.errors import EngineError, MemoryTooSmall, QueueFull
from tests.engine.models import FLASH, run, tokens
from tests.engine.test_cancel import ended

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.engine.cache import Cache
    from dsagent.engine.engine import Engine
    from tests.engine.conftest import MakeEngine

GREEDY = Sampling(temperature=0.0, speculation=4)
NIGHTLY = bool(os.environ.get("DSAGENT_NIGHTLY"))
SMALL = replace(
    FLASH,
    num_hidden_layers=4,
    compress_ratios=(0, 4, 128, 4),
    head_dim=32,
    hidden_size=32,
    num_attention_heads=4,
    index_n_heads=4,
    index_topk=24,
    n_routed_experts=4,
    num_experts_per_tok=2,
    sliding_window=40,
    num_hash_layers=1,
    dspark=DSparkConfig(
        block_size=4, noise_token_id=7, target_layer_ids=(1, 3), markov_rank=8
    ),
)
"""Every kind of layer, a selective indexer, a drafter, and a window below a page."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One backend: the bridge to both is tested on the fake, which is faster."""
    return "asyncio"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Transformer:
    folder = tmp_path_factory.mktemp("small")
    return Transformer.load(
        random_checkpoint(SMALL, 5, folder, precision="f32", stages=2)
    )


@pytest.fixture
def fresh(make_engine: MakeEngine, model: Transformer) -> Engine:
    """An engine that keeps nothing: what everything else is compared with."""
    return make_engine(model, keep_prefixes=False, max_running=4)


def ids(n: int, seed: int) -> tuple[int, ...]:
    return tuple(tokens(n, seed, SMALL.vocab_size))


async def answer(
    engine: Engine, prompt: tuple[int, ...], n: int = 6
) -> tuple[int, ...]:
    return await ended(engine.submit(Request(prompt, n, GREEDY)))


def expected_hit(length: int, shared: int) -> int:
    """The rule in other words: of the page boundaries a prompt is kept at, the last one
    that another shares."""
    kept, place, step = set(), (length - 1) // 256 * 256, 256
    while place > 0:
        kept.add(place)
        place, step = place - step, step * 2
    return max((place for place in kept if place <= shared), default=0)


@pytest.mark.parametrize("length", [1, 256, 257, 300, 513, 900, 1500])
@pytest.mark.parametrize("shared", [0.3, 0.8, 0.99])
async def test_a_prompt_goes_on_from_what_another_left(
    make_engine: MakeEngine,
    model: Transformer,
    fresh: Engine,
    length: int,
    shared: float,
) -> None:
    engine = make_engine(model)
    first = ids(length, 1)
    await ended(engine.submit(Request(first, 1, GREEDY)))
    common = int(length * shared)
    second = first[:common] + ids(length - common + 9, 2)
    generation = engine.submit(Request(second, 6, GREEDY))
    assert await ended(generation) == await answer(fresh, second)
    assert generation.stats.cached_tokens == expected_hit(length, common)
    assert engine.stats().cached_tokens == generation.stats.cached_tokens


async def test_a_conversation_goes_on_from_its_own_end(
    make_engine: MakeEngine, model: Transformer, fresh: Engine
) -> None:
    """All that was computed is used, to the token, whatever the length."""
    engine = make_engine(model)
    talk, end = ids(11, 3), 0
    for turn in range(8):
        generation = engine.submit(Request(talk, 37 + turn, GREEDY))
        said = await ended(generation)
        assert said == await answer(fresh, talk, 37 + turn)
        # The newest token of a turn was never computed.
        if turn:
            assert generation.stats.cached_tokens == end
        end = len(talk) + len(said) - 1
        talk = talk + said + ids(5, turn)


async def test_the_same_prompt_leaves_a_token_to_compute(
    make_engine: MakeEngine, model: Transformer
) -> None:
    engine = make_engine(model)
    prompt = ids(512, 4)
    assert await answer(engine, prompt) == await answer(engine, prompt)
    hold = await engine.hold(prompt)
    again = engine.submit(Request(prompt, 6, GREEDY))
    await ended(again)
    assert again.stats.cached_tokens == 256
    longer = engine.submit(Request((*prompt, 5), 6, GREEDY))
    await ended(longer)
    assert longer.stats.cached_tokens == 512
    hold.release()


def read(
    model: Transformer, runner: Runner, prompt: tuple[int, ...], until: int
) -> Sequence:
    """A sequence that has read its prompt up to about there."""
    sequence = Sequence(
        Request(prompt, 4, GREEDY),
        seed=0,
        capacity=len(prompt) + 4,
        mailbox=Mailbox(len(prompt), lambda: None),
    )
    scheduler = Scheduler(prefill_chunk=48, max_unread=9)
    scheduler.add(sequence)
    runner.open(sequence)
    while sequence.computed < until:
        runner.run(scheduler.plan())
    return sequence


@pytest.mark.parametrize(("until", "shared"), [(700, 680), (700, 520), (400, 440)])
async def test_the_drafter_remembers_what_it_would_have_read(
    model: Transformer, until: int, shared: int
) -> None:
    """Its context is that of a fresh prefill, wherever a sequence goes on from: where
    a prompt is cut, and where reading it was broken off."""
    prompt = ids(700, 6)
    cache = model.paged_cache(2, 12)
    cache.residues = 1 << 30
    runner = Runner(model, cache=cache)
    first = read(model, runner, prompt, until)
    stopped = first.computed
    runner.close(first)
    other = prompt[:shared] + ids(20, 9)
    second = read(model, runner, other, len(other))
    assert second.cached == (
        stopped if stopped <= shared else expected_hit(700, shared)
    )
    assert second.slot is not None
    fresh_cache = model.paged_cache(1, 6)
    whole = _tapped(model, fresh_cache, fresh_cache.alloc(len(other)), other)
    ring, n = fresh_cache.ring, len(other)
    places = [p % ring for p in range(n - SMALL.sliding_window, n)]
    for rows, right in zip(cache.drafts(second.slot), whole, strict=True):
        assert (rows[33:][places] - right[33:][places]).abs().max() <= 1e-4


def _tapped(
    model: Transformer, cache: Cache, slot: int, prompt: tuple[int, ...]
) -> list[torch.Tensor]:
    """The drafter's storage after reading ``prompt`` in one go, all of it told."""
    assert model.drafter is not None
    n = len(prompt)
    rows = torch.arange(n)
    batch = Batch(torch.tensor(prompt), rows, (Span(slot, 0, n, 0),), rows[:0], rows)
    out = model.step(batch, cache)
    assert out.taps is not None
    model.drafter.remember(out.taps, batch, cache)
    return cache.drafts(slot)


async def test_a_hold_outlives_pressure_and_is_shared(
    make_engine: MakeEngine, model: Transformer, fresh: Engine
) -> None:
    """Storage for one long beginning and not for two: all the same many go on from it,
    and no stream of other prompts drives it out."""
    c, page = SMALL, page_bytes(SMALL)
    slots = 4 * slot_bytes(c, 2)
    engine = make_engine(model, memory=slots * 2 + 15 * page, max_running=4)
    document = ids(1500, 7)
    hold = await engine.hold(document)
    assert hold.source == "computed"
    assert hold.ids == document
    assert engine.stats().cache_tokens == 1536
    for seed in range(12):
        await answer(engine, ids(600, 100 + seed))
    questions = [document + ids(20, 50 + i) for i in range(6)]
    generations = [engine.submit(Request(q, 6, GREEDY)) for q in questions]
    assert max(engine.stats().running, 1) + engine.stats().waiting <= 6
    for question, generation in zip(questions, generations, strict=True):
        assert await ended(generation) == await answer(fresh, question)
        assert generation.stats.cached_tokens >= 1500
    again = await engine.hold(document)
    assert again.source == "memory"
    hold.release()
    hold.release()
    del again
    gc.collect()
    for seed in range(30):
        await answer(engine, ids(900, 200 + seed))
    assert engine.stats().cache_tokens == 0
    forgotten = engine.submit(Request(questions[0], 1, GREEDY))
    await ended(forgotten)
    assert forgotten.stats.cached_tokens == 0


async def test_a_hold_comes_back_from_disk(
    make_engine: MakeEngine, model: Transformer, fresh: Engine, tmp_path: Path
) -> None:
    first = make_engine(model)
    for length in (700, 1024, 131):
        document = ids(length, length)
        hold = await first.hold(document, folder=tmp_path)
        assert hold.source == "computed"
        await hold.save(tmp_path)
    second = make_engine(model)
    for length in (700, 1024, 131):
        document = ids(length, length)
        hold = await second.hold(document, folder=tmp_path)
        assert hold.source == "disk"
        question = document + ids(30, 1)
        generation = second.submit(Request(question, 12, GREEDY))
        assert await ended(generation) == await answer(fresh, question, 12)
        assert generation.stats.cached_tokens == length
        # As good as computed here: the drafter begins with all it would know.
        same = fresh.submit(Request(question, 12, GREEDY))
        await ended(same)
        assert generation.stats.accepted == same.stats.accepted
    longer = ids(700, 700) + ids(300, 9)
    hold = await make_engine(model).hold(longer, folder=tmp_path)
    assert hold.source == "computed"


async def test_what_cannot_be_held_is_refused_and_harms_nobody(
    make_engine: MakeEngine, model: Transformer, fresh: Engine
) -> None:
    page = page_bytes(SMALL)
    memory = slot_bytes(SMALL, 2) * 4 + 12 * page
    engine = make_engine(model, memory=memory, max_running=2)
    holds = []
    with pytest.raises(QueueFull, match="release one"):  # noqa: PT012
        for seed in range(100):
            holds.append(await engine.hold(ids(50, seed)))  # noqa: PERF401
    assert len(holds) > 2
    prompt = ids(60, 5)
    assert await answer(engine, prompt) == await answer(fresh, prompt)
    for hold in holds:
        hold.release()
    await engine.hold(ids(200, 1))


def test_a_budget_without_room_for_one_is_an_error() -> None:
    with pytest.raises(MemoryTooSmall, match="1,500 at least"):
        divide(1499, slots=4, slot=1000, page=500, context=None)
    assert divide(1500, slots=4, slot=1000, page=500, context=None).slots == 1
    plan = divide(100_000, slots=4, slot=1000, page=500, context=None)
    assert plan.slots == 4
    assert plan.slots * 1000 + plan.pages * 500 + plan.residues == 100_000


async def test_steady_decoding_allocates_nothing(
    make_engine: MakeEngine, model: Transformer
) -> None:
    """Storage is set aside when a request gets in; tokens change none of it."""
    engine = make_engine(model, max_running=3)
    options = Sampling(temperature=0.0, speculation="off")
    running = [engine.submit(Request(ids(300, i), 3000, options)) for i in range(3)]
    for generation in running:
        while not generation.stats.output_tokens:
            await anext(generation)
    before = engine.memory()
    seen = set()
    for _ in range(20):
        for generation in running:
            await anext(generation)
        seen.add(engine.memory())
    assert seen == {before}
    assert before.sequences.held == 3 * slot_bytes(SMALL, 2)
    assert before.pages.held == 3 * 13 * page_bytes(SMALL)
    for generation in running:
        await generation.aclose()
    after = engine.memory()
    assert after.sequences == before.sequences  # kept for the next ones
    assert after.checkpoints.held > before.checkpoints.held
    assert after.held <= after.budget <= 1 << 30


def test_the_tree_gives_everything_back(model: Transformer) -> None:
    """Whatever is added, found and forgotten: pages are held while somebody needs them
    and residues stay within their limit."""
    rng = random.Random(3)
    cache = model.paged_cache(2, 40)
    texts = [ids(900, seed) for seed in range(3)]
    limit = 4 * 60_000
    tree = Prefixes(cache, limit)
    pinned = []
    for _ in range(60):
        text = texts[rng.randrange(3)]
        length = rng.randint(1, 700)
        known = tree.find(text, length)
        tree.make_room(cache.needs(length, known.start if known else None))
        slot = cache.alloc(length, known.start if known else None)
        done = known.position if known else 0
        run(model, cache, [(slot, done, text[done:length])])
        end = tree.add(text[:length], cache.start(slot, length))
        if end is not None and rng.random() < 0.1:
            end.pins += 1
            pinned.append(end)
        cache.free(slot)
        assert tree.nbytes <= limit
        if len(pinned) > 2:
            pinned.pop(0).pins -= 1
    for end in pinned:
        end.pins -= 1
    tree.clear()
    assert (len(tree), tree.nbytes, cache.pages.held) == (0, 0, 0)


def test_a_residue_is_replaced_only_if_there_is_room(model: Transformer) -> None:
    """By one that the drafter can go on from, too, which is larger."""
    cache = model.paged_cache(1, 4)
    text = ids(300, 1)
    slot = cache.alloc(300)
    run(model, cache, [(slot, 0, text)])
    plain, whole = (cache.start(slot, 300, drafts=drafts) for drafts in (False, True))
    for room in (0, -1):
        tree = Prefixes(cache, whole.residue.nbytes + room)
        first = tree.add(text, plain)
        assert first is not None
        second = tree.add(text, whole)
        assert second is (first if room == 0 else None)
        assert tree.find(text, 300) is first
        assert tree.nbytes == first.residue.nbytes <= whole.residue.nbytes + room
        tree.clear()
    cache.free(slot)
    assert cache.pages.held == 0


async def test_what_went_wrong_is_not_gone_on_from(
    make_engine: MakeEngine, model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a step that raised, for all that were in it, nor one whose results are
    no numbers."""
    engine = make_engine(model)
    prompts = [ids(200, seed) for seed in range(2)]
    step = model.step
    spoils: list[str] = ["raise"]

    def spoilt(batch: Batch, cache: Cache) -> object:
        out = step(batch, cache)
        if len(batch.logit_rows) and spoils:
            if spoils[0] == "raise":
                raise RuntimeError("a loose cable")
            out.logits.fill_(torch.nan)
        return out

    monkeypatch.setattr(model, "step", spoilt)
    for _ in range(2):
        generations = [engine.submit(Request(p, 6, GREEDY)) for p in prompts]
        for generation in generations:
            with pytest.raises(EngineError):
                await ended(generation)
        spoils[0] = "nan"
    spoils.clear()
    for prompt in prompts:
        generation = engine.submit(Request((*prompt, 3), 6, GREEDY))
        await ended(generation)
        assert generation.stats.cached_tokens == 0


async def test_any_course_of_events_gives_the_same_tokens(
    make_engine: MakeEngine, model: Transformer, fresh: Engine, tmp_path: Path
) -> None:
    """Admit, cancel, fork, hold, release, save, load, evict, in random order on a tight
    budget; every answer is that of an engine that does one request at a time."""
    rng = random.Random(11)
    page, slot = page_bytes(SMALL), slot_bytes(SMALL, 2)
    known: dict[tuple[tuple[int, ...], int], tuple[int, ...]] = {}
    roots = [ids(n, n) for n in (90, 300, 520)]
    hits = 0
    for _ in range(6 if NIGHTLY else 2):
        engine = make_engine(
            model,
            memory=3 * 2 * slot + 14 * page,
            max_running=3,
            prefill_chunk=96,
        )
        holds = []
        texts = list(roots)
        for _ in range(40):
            event = rng.random()
            text = rng.choice(texts)
            cut = len(text) if rng.random() < 0.7 else rng.randint(1, len(text))
            prompt = text[:cut] + ids(rng.randint(1, 40), rng.randrange(10**6))
            if event < 0.15:
                try:
                    holds.append(await engine.hold(text, folder=tmp_path))
                except QueueFull:
                    holds.clear()
            elif event < 0.25 and holds:
                hold = rng.choice(holds)
                await hold.save(tmp_path, limit=3_000_000)
                holds.remove(hold)
                hold.release()
            elif event < 0.4:
                async with engine.submit(Request(prompt, 30, GREEDY)) as generation:
                    for _ in range(rng.randint(0, 3)):
                        await anext(generation, None)
            else:
                n = rng.randint(1, 25)
                wanted = [(prompt, n), (prompt[:-1], 5), ((*prompt, 3, 4), n)]
                generations = [
                    engine.submit(Request(text, length, GREEDY))
                    for text, length in wanted[: rng.randint(1, 3)]
                ]
                for (text, length), generation in zip(
                    wanted, generations, strict=False
                ):
                    said = await ended(generation)
                    key = (text, length)
                    if key not in known:
                        known[key] = await answer(fresh, text, length)
                    assert said == known[key]
                    hits += generation.stats.cached_tokens > 0
                    if len(text) + len(said) < 900:
                        texts.append(text + said)
    assert hits > 10


@pytest.mark.parametrize("n", [10_000 if NIGHTLY else 600])
async def test_many_short_requests_leave_memory_flat(
    make_engine: MakeEngine, model: Transformer, n: int
) -> None:
    engine = make_engine(model, memory=3_000_000, max_running=4)
    sizes = []
    for i in range(n):
        await ended(engine.submit(Request(ids(3 + i % 40, i), 1, GREEDY)))
        if i in (n // 2, n - 1):
            gc.collect()
            sizes.append(_resident())
    assert sizes[1] - sizes[0] < 2_000_000
    stats = engine.stats()
    assert (stats.cache_tokens, stats.cache_bytes) == (0, 0)


def _resident() -> int:
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_where_a_prompt_is_remembered() -> None:
    assert checkpoints(1) == checkpoints(256) == ()
    assert checkpoints(257) == (256,)
    for length in (1000, 5000, 100_000):
        kept = checkpoints(length)
        assert all(place % 256 == 0 for place in kept)
        for question in (1, 100, 400, length // 3):
            shared = length - question
            best = max((place for place in kept if place <= shared), default=0)
            assert shared - best <= question + 512
