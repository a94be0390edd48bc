"""The backbone against transformers' DeepseekV4ForCausalLM, float32, same files.

One causal pass of the oracle over a sequence holds the logits of every prefix of it, so
each of our passes (a prompt of any length, chunks of any size, decoding) is compared
with a slice of it. Set DSAGENT_NIGHTLY=1 for every prompt length up to 700.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import cycle, repeat
from typing import TYPE_CHECKING, Any

import pytest
import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import Precision, random_checkpoint
from dsagent.engine.transformer import Transformer
from tests.engine.models import FLASH, NANO, ODD, PRO, chunked, run, tokens
from tests.engine.oracle import oracle

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.engine.config import ModelConfig

CLOSE = 1e-4
"""Most that a logit may differ; logits reach about 4."""
NIGHTLY = bool(os.environ.get("DSAGENT_NIGHTLY"))

CASES: dict[str, tuple[ModelConfig, Precision, int]] = {
    "flash": (FLASH, "bf16", 700),
    "flash-fp8-fp4": (FLASH, "native", 180),
    "pro": (PRO, "bf16", 420),
    "odd": (ODD, "f32", 300),
    "nano": (NANO, "native", 300),
    "two-streams": (replace(ODD, hc_mult=2, hc_sinkhorn_iters=1), "f32", 60),
}


@dataclass(frozen=True)
class Case:
    model: Transformer
    ids: list[int]
    expected: Tensor
    """The oracle's logits of every row ``[n, V]``."""
    oracle: Any


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    config, precision, length = CASES[request.param]
    folder = tmp_path_factory.mktemp("model")
    random_checkpoint(config, 5, folder, precision=precision)
    other = oracle(folder)
    ids = tokens(length, 6, config.vocab_size)
    with torch.no_grad():
        expected = other(torch.tensor([ids]), use_cache=False).logits[0]
    return Case(Transformer.load(folder), ids, expected, other)


def difference(case: Case, logits: Tensor, start: int = 0) -> float:
    expected = case.expected[start : start + len(logits)]
    assert logits.shape == expected.shape
    return (logits - expected).abs().max().item()


def test_the_oracle_says_something(case: Case) -> None:
    assert case.expected.std() > 0.3
    assert case.expected[0].argmax() != case.expected[-1].argmax()


def test_prefill_of_any_length(case: Case) -> None:
    lengths = {1, 2, 3, 4, 5, 7, 8, 31, 32, 33, 34, 127, 128, 129, 131, 255, 256, 257}
    lengths |= {515, 640, 700}
    if NIGHTLY:
        lengths = set(range(1, 701))
    for n in sorted(lengths):
        if n <= len(case.ids):
            assert difference(case, chunked(case.model, case.ids[:n], [n])) <= CLOSE, n


def test_decoding_one_by_one(case: Case) -> None:
    """Every residue of the position modulo 4 and modulo 128."""
    ids = case.ids if NIGHTLY else case.ids[:260]
    assert difference(case, chunked(case.model, ids, repeat(1))) <= CLOSE


@pytest.mark.parametrize("size", range(2, 10))
def test_chunks_of_every_size(case: Case, size: int) -> None:
    ids = case.ids if NIGHTLY else case.ids[:140]
    assert difference(case, chunked(case.model, ids, repeat(size))) <= CLOSE


def test_long_chunks_then_decoding(case: Case) -> None:
    """Prompts that end anywhere in a window, each followed by decoded tokens."""
    for first in (29, 33, 64, 97, 130, 251):
        sizes = [first, 61, 1, 1, 1, 1, 1, 35, 5, 1, 200, 1, 1, 700]
        assert difference(case, chunked(case.model, case.ids, sizes)) <= CLOSE, first


def test_mixed_chunks(case: Case) -> None:
    sizes = cycle([1, 2, 3, 4, 5, 6, 7, 8, 9, 40])
    assert difference(case, chunked(case.model, case.ids, sizes)) <= CLOSE


def test_sequences_in_one_batch(case: Case) -> None:
    """Prompts, chunks and single tokens of several sequences, in one pass each."""
    model, ids = case.model, case.ids
    cache = model.new_cache(4, 4 * len(ids))
    slots = [cache.alloc(len(ids)) for _ in range(4)]
    starts = [0, 0, 0, 0]
    sizes = cycle([1, 1, 45, 1, 3, 1, 1, 1, 37, 1, 6])
    for first in (50, 9, 33, 2):
        slot = slots[first % 4]
        part = ids[:first]
        (got,) = run(model, cache, [(slot, 0, part)])
        assert difference(case, got) <= CLOSE
        starts[slots.index(slot)] = first
    for _ in range(12):
        work = []
        for slot, start in zip(slots, starts, strict=True):
            end = min(start + next(sizes), len(ids))
            if end > start:
                work.append((slot, start, ids[start:end]))
        if not work:
            break
        for (slot, start, part), got in zip(work, run(model, cache, work), strict=True):
            assert difference(case, got, start) <= CLOSE
            starts[slots.index(slot)] = start + len(part)


@pytest.mark.parametrize(
    "wanted", [[], [0], [19], [3, 19], [19, 58], [22], [58, 59], [20, 30, 58, 59, 60]]
)
def test_only_the_wanted_rows(case: Case, wanted: list[int]) -> None:
    """Three spans, short, long and single, of which few rows or none are asked for."""
    model, ids = case.model, case.ids
    cache = model.new_cache(3, 300)
    short, long, single = (cache.alloc(100) for _ in range(3))
    run(model, cache, [(single, 0, ids[:40])])
    batch = Batch(
        torch.tensor(ids[:20] + ids[:40] + ids[40:41]),
        torch.tensor([*range(20), *range(40), 40]),
        (Span(short, 0, 20, 0), Span(long, 0, 40, 20), Span(single, 40, 1, 60)),
        torch.tensor(wanted, dtype=torch.int64),
    )
    got = model.forward(batch, cache)
    expected = case.expected[batch.positions[wanted]]
    assert got.shape == expected.shape
    if wanted:
        assert (got - expected).abs().max() <= CLOSE
    # Rows that nobody asked for have left their keys all the same.
    work = [(short, 20, ids[20:27]), (long, 40, ids[40:43]), (single, 41, ids[41:49])]
    for (_, start, _), after in zip(work, run(model, cache, work), strict=True):
        assert difference(case, after, start) <= CLOSE


def test_greedy_tokens_are_the_oracles(case: Case) -> None:
    """A prompt, then whatever each model says; the oracle with its own cache."""
    prompt, new = case.ids[:37], 24
    cache = case.model.new_cache(1, len(prompt) + new)
    slot = cache.alloc(len(prompt) + new)
    ids, start = list(prompt), 0
    for _ in range(new):
        (logits,) = run(case.model, cache, [(slot, start, ids[start:])])
        start = len(ids)
        ids.append(int(logits[-1].argmax()))
    with torch.no_grad():
        theirs = case.oracle.generate(
            torch.tensor([prompt]),
            # Given, because it would take a token 0 for padding.
            attention_mask=torch.ones(1, len(prompt), dtype=torch.int64),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
    assert theirs[0].tolist() == ids
