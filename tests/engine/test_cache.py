"""State is a function of position: taking tokens back, sharing, and giving back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.cache import page_bytes, slot_bytes
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import CSA
from dsagent.engine.memory import SLACK
from dsagent.engine.pages import Entries, Table
from dsagent.engine.transformer import Transformer
from dsagent.errors import QueueFull
from tests.engine.models import FLASH, ODD, chunked, run, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from dsagent.engine.config import CacheFormat, ModelConfig


@pytest.fixture(scope="module", params=[FLASH, ODD], ids=["flash", "odd"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Transformer:
    config: ModelConfig = request.param
    folder = tmp_path_factory.mktemp("model")
    return Transformer.load(random_checkpoint(config, 8, folder, precision="f32"))


@pytest.mark.parametrize("seed", range(3))
def test_rejected_tokens_leave_no_trace(model: Transformer, seed: int) -> None:
    """Verification chunks of wrong and right tokens, as a drafter makes them."""
    rng = random.Random(seed)
    vocabulary = model.config.vocab_size
    truth = tokens(290, seed, vocabulary)
    expected = chunked(model, truth, [len(truth)])
    cache = model.new_cache(1, 400)
    slot = cache.alloc(400)
    start = rng.choice([1, 30, 100])
    run(model, cache, [(slot, 0, truth[:start])])
    rejected = 0
    while start < len(truth):
        n = rng.randint(1, 6)
        accepted = rng.randint(1, min(n, len(truth) - start))
        wrong = [rng.randrange(vocabulary) for _ in range(n - accepted)]
        chunk = truth[start : start + accepted] + wrong
        (got,) = run(model, cache, [(slot, start, chunk)])
        right = expected[start : start + accepted]
        assert (got[:accepted] - right).abs().max() <= 1e-4, start
        start += accepted
        rejected += len(wrong)
    assert rejected > 40


def test_as_much_as_the_slack_can_be_taken_back(model: Transformer) -> None:
    truth = tokens(260, 4, model.config.vocab_size)
    wrong = tokens(SLACK, 5, model.config.vocab_size)
    expected = chunked(model, truth, [len(truth)])
    for start in (128, 131, 200, 203):
        cache = model.new_cache(1, 300)
        slot = cache.alloc(300)
        run(model, cache, [(slot, 0, truth[:start])])
        run(model, cache, [(slot, start, wrong)])
        (got,) = run(model, cache, [(slot, start, truth[start:])])
        assert (got - expected[start:]).abs().max() <= 1e-4


def test_a_slot_can_begin_again(model: Transformer) -> None:
    first, second = (tokens(150, seed, model.config.vocab_size) for seed in (1, 2))
    cache = model.new_cache(1, 150)
    slot = cache.alloc(150)
    run(model, cache, [(slot, 0, first)])
    (got,) = run(model, cache, [(slot, 0, second)])
    assert (got - chunked(model, second, [150])).abs().max() <= 1e-5


def test_freeing_one_slot_leaves_the_others_alone(model: Transformer) -> None:
    ids = tokens(200, 3, model.config.vocab_size)
    expected = chunked(model, ids, [200])
    cache = model.new_cache(3, 900)
    gone, kept = cache.alloc(150), cache.alloc(250)
    run(model, cache, [(gone, 0, ids[::-1][:100]), (kept, 0, ids[:130])])
    cache.free(gone)
    other = cache.alloc(60)
    run(model, cache, [(other, 0, ids[50:110])])
    (got,) = run(model, cache, [(kept, 130, ids[130:])])
    assert (got - expected[130:]).abs().max() <= 1e-4


def test_memory_grows_by_pages_and_is_given_back(model: Transformer) -> None:
    cache = model.paged_cache(4, 40)
    assert cache.nbytes == 0
    assert cache.capacity == 40 * 256
    small = cache.alloc(100)
    held = cache.nbytes
    large = cache.alloc(4100)
    c = model.config
    per_page = sum(
        4 * (c.head_dim + (c.index_head_dim if ratio == 4 else 0)) * (256 // ratio)
        for ratio in c.compress_ratios
        if ratio
    )
    assert page_bytes(c) == per_page
    assert (cache.nbytes - held) - held == (17 - 1) * per_page
    cache.free(large)
    assert cache.nbytes == held
    cache.free(small)
    assert cache.nbytes == 0


def test_no_more_than_was_asked_for(model: Transformer) -> None:
    cache = model.paged_cache(2, 3)
    first = cache.alloc(257)
    with pytest.raises(QueueFull, match="1 of 3 pages"):
        cache.alloc(257)
    cache.alloc(256)
    with pytest.raises(QueueFull, match="slots"):
        cache.alloc(1)
    cache.free(first)
    cache.alloc(400)


def test_a_thousand_sequences_leave_memory_where_it_was(model: Transformer) -> None:
    cache = model.new_cache(8, 4000)
    rng = random.Random(0)
    slots: list[int] = []
    for _ in range(1000):
        if len(slots) == 8 or (slots and rng.random() < 0.5):
            cache.free(slots.pop(rng.randrange(len(slots))))
        else:
            slots.append(cache.alloc(rng.randint(1, 400)))
    for slot in slots:
        cache.free(slot)
    assert cache.nbytes == 0
    ids = tokens(50, 9, model.config.vocab_size)
    slot = cache.alloc(4000)
    (got,) = run(model, cache, [(slot, 0, ids)])
    assert torch.equal(got, chunked(model, ids, [50]))


def test_going_on_from_any_position_is_as_if_from_there(model: Transformer) -> None:
    """At every residue of 4, 128 and 256, and shorter and longer than the window."""
    length, more = 530, 9
    ids = tokens(length + more, 6, model.config.vocab_size)
    expected = chunked(model, ids, [len(ids)])
    cache = model.new_cache(2, 2 * len(ids))
    slot = cache.alloc(len(ids))
    for position in range(1, length):
        run(model, cache, [(slot, position - 1, ids[position - 1 : position])])
        start = cache.start(slot, position)
        other = cache.alloc(position + more, start)
        (got,) = run(model, cache, [(other, position, ids[position : position + more])])
        right = expected[position : position + more]
        assert (got - right).abs().max() <= 1e-4, position
        cache.free(other)


def test_a_sequence_may_lie_in_many_pieces(model: Transformer) -> None:
    """Pages that others have left between those of a sequence are as good as a run."""
    ids = tokens(1100, 7, model.config.vocab_size)
    expected = chunked(model, ids, [300, 300, 500])
    cache = model.paged_cache(8, 8)
    slots = [cache.alloc(256) for _ in range(8)]
    for slot in (slots[1], slots[3], slots[4], slots[6], slots[7]):
        cache.free(slot)
    slot = cache.alloc(len(ids))
    got = [
        run(model, cache, [(slot, start, ids[start : start + n])])[0]
        for start, n in ((0, 300), (300, 300), (600, 480))
    ]
    got += [
        run(model, cache, [(slot, i, ids[i : i + 1])])[0] for i in range(1080, 1090)
    ]
    got += [run(model, cache, [(slot, 1090, ids[1090:])])[0]]
    assert (torch.cat(got) - expected).abs().max() <= 1e-4


@pytest.mark.parametrize("step", [1, 2])
def test_rows_of_very_many_pieces_are_read_as_one(step: int) -> None:
    """Entry e lies in row ``pages[e // 4]·4 + e % 4``, wherever its page is."""
    pages = list(range(1, 1 + 20 * step, step))
    pool = torch.arange(4 * 50.0)[:, None]
    entries = Entries(pool, 4, Table(pages))
    for first, last in ((0, 80), (3, 9), (77, 80), (5, 5)):
        read = entries.read(first, last)
        wanted = [4.0 * pages[e // 4] + e % 4 for e in range(first, last)]
        assert len(read) == (first < last)
        assert torch.cat([pool[:0], *read])[:, 0].tolist() == wanted


@pytest.mark.parametrize(
    ("stored", "most"), [("bfloat16", 0.03), ("fp8", 0.1), ("fp8-fp4", 0.25)]
)
def test_narrower_formats_round_and_are_read_back_alike(
    model: Transformer, stored: CacheFormat, most: float
) -> None:
    """However a text is cut, what is read is what was stored; and that is near what a
    float32 cache holds, as far as a model of random weights lets one say."""
    ids = tokens(700, 4, model.config.vocab_size)
    expected = chunked(model, ids, [700])
    found = []
    for sizes in ([512, 180, *[1] * 8], [100, 7, 1, 1, 500, 91]):
        cache = model.paged_cache(1, 3, stored)
        slot, at, rows = cache.alloc(700), 0, []
        for n in sizes:
            rows += run(model, cache, [(slot, at, ids[at : at + n])])
            at += n
        found.append(torch.cat(rows))
    assert (found[0] - found[1]).abs().max() <= 1e-3
    error = (found[0] - expected).abs().mean() / expected.abs().mean()
    assert 1e-7 < error < most


def test_a_decoded_token_reads_no_more_entries_than_it_chose(
    model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Narrower rows are decoded when they are read: a text's would be, every token."""
    ids = tokens(600, 4, model.config.vocab_size)
    cache = model.new_cache(1, 601)
    slot = cache.alloc(601)
    run(model, cache, [(slot, 0, ids)])
    counts: list[int] = []
    for name in ("read", "pick"):
        call = getattr(Entries, name)

        def counted(
            entries: Entries,
            *args: object,
            call: Callable[..., list[Tensor] | Tensor] = call,
        ) -> list[Tensor] | Tensor:
            found = call(entries, *args)
            counts.append(len(torch.cat(found) if isinstance(found, list) else found))
            return found

        monkeypatch.setattr(Entries, name, counted)
    run(model, cache, [(slot, 600, [3])])
    layers = [ratio for ratio in model.config.compress_ratios if ratio]
    assert len(counts) == len(layers)
    for ratio, count in zip(layers, counts, strict=True):
        most = model.config.index_topk if ratio == CSA else SLACK
        assert 0 < count <= most


def test_what_is_shared_is_not_written_to(model: Transformer) -> None:
    """Two go on from one start, each in its own way, and neither disturbs the other."""
    size = model.config.vocab_size
    first, left, right = (
        tokens(610, 1, size),
        tokens(300, 2, size),
        tokens(300, 3, size),
    )
    c, cache = model.config, model.paged_cache(3, 10)
    slot = cache.alloc(610)
    run(model, cache, [(slot, 0, first)])
    start = cache.start(slot, 610)
    cache.pages.hold(start.pages)
    cache.free(slot)
    one, two = cache.alloc(910, start), cache.alloc(910, start)
    assert cache.nbytes == 2 * slot_bytes(c, 0) + 6 * page_bytes(c)
    assert cache.pages.held == 7  # two shared, the third kept and copied twice
    got = run(model, cache, [(one, 610, left), (two, 610, right)])
    for part, ids in zip(got, (left, right), strict=True):
        expected = chunked(model, first + ids, [610, 300])[610:]
        assert (part - expected).abs().max() <= 1e-4
