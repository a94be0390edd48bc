"""State is a function of position: taking tokens back, sharing, and giving back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.cache import SLACK
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.transformer import Transformer
from tests.engine.models import FLASH, ODD, chunked, run, tokens

if TYPE_CHECKING:
    from dsagent.engine.config import ModelConfig


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


def test_memory_grows_with_the_capacity_and_is_given_back(model: Transformer) -> None:
    cache = model.new_cache(4, 10_000)
    assert cache.nbytes == 0
    assert cache.capacity == 10_000
    small = cache.alloc(100)
    held = cache.nbytes
    large = cache.alloc(4100)
    c = model.config
    per_token = sum(
        4 * (c.head_dim + (c.index_head_dim if ratio == 4 else 0)) / ratio
        for ratio in c.compress_ratios
        if ratio
    )
    grown = (cache.nbytes - held) - held
    assert grown == pytest.approx(4000 * per_token, rel=0.03)
    cache.free(large)
    assert cache.nbytes == held
    cache.free(small)
    assert cache.nbytes == 0


def test_no_more_than_was_asked_for(model: Transformer) -> None:
    cache = model.new_cache(2, 100)
    first = cache.alloc(60)
    with pytest.raises(Exception, match="41"):
        cache.alloc(41)
    cache.alloc(40)
    with pytest.raises(Exception, match="slots"):
        cache.alloc(1)
    cache.free(first)
    cache.alloc(60)


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
