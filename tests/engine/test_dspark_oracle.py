"""The drafter against a float64 rewrite from its formulas, on the same files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import Precision, random_checkpoint
from dsagent.engine.config import DSparkConfig
from dsagent.engine.dspark import Anchor, Drafter
from dsagent.engine.memory import SLACK
from dsagent.engine.transformer import Transformer
from tests.engine.drafts import StraightDrafter
from tests.engine.models import FLASH, NANO, ODD

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.engine.cache import Cache
    from dsagent.engine.config import ModelConfig

CLOSE = 1e-4
"""Most that a value may differ; logits reach about 5."""


def drafting(
    config: ModelConfig, block: int, noise: int, targets: tuple[int, ...], rank: int
) -> ModelConfig:
    dspark = DSparkConfig(
        block_size=block,
        noise_token_id=noise,
        target_layer_ids=targets,
        markov_rank=rank,
    )
    return replace(config, dspark=dspark)


CASES: dict[str, tuple[ModelConfig, int, Precision]] = {
    "flash": (drafting(FLASH, 5, 299, (3, 4, 5), 32), 3, "bf16"),
    "flash-fp8-fp4": (drafting(FLASH, 5, 299, (3, 4, 5), 32), 2, "native"),
    "odd": (drafting(ODD, 4, 7, (0, 2), 9), 1, "f32"),
    "odd-two": (drafting(ODD, 7, 96, (3,), 5), 2, "f32"),
    "nano": (drafting(replace(NANO, sliding_window=40), 5, 2, (3, 4, 5), 16), 2, "fp8"),
}
"""Config, stages, precision; windows of 128, 19 and 40, rings of 32 more."""

POSITIONS = {
    "flash": (0, 1, 7, 128, 129, 150, 165),
    "flash-fp8-fp4": (0, 3, 130),
    "odd": (0, 1, 2, 18, 19, 20, 40, 50, 51, 52, 60, 102, 120),
    "odd-two": (0, 5, 33, 70),
    "nano": (0, 1, 39, 41, 71, 72, 73, 80),
}
"""Anchors: before, at and behind the window's and the ring's end."""


@dataclass(frozen=True)
class Case:
    drafter: Drafter
    model: Transformer
    straight: StraightDrafter
    positions: tuple[int, ...]
    taps: Tensor
    context: list[Tensor]
    """The rewrite's keys of ``taps``, stage by stage."""

    def remembered(self, n: int, cache: Cache, *, chunk: int = 1000) -> int:
        """A slot that remembers positions 0 to n - 1."""
        slot = cache.alloc(256)
        for start in range(0, n, chunk):
            self.remember(cache, slot, start, min(n, start + chunk))
        return slot

    def remember(self, cache: Cache, slot: int, start: int, end: int) -> None:
        batch = tapped((slot, start, end - start))
        self.drafter.remember(self.taps[start:end], batch, cache)


def tapped(*spans: tuple[int, int, int]) -> Batch:
    """A batch of ``(slot, start, length)``, all of whose rows have taps."""
    parts, offset = [], 0
    for slot, start, length in spans:
        parts.append(Span(slot, start, length, offset))
        offset += length
    places = [torch.arange(span.start, span.end) for span in parts]
    rows = torch.arange(offset)
    return Batch(rows, torch.cat(places), tuple(parts), rows[:0], rows)


@pytest.fixture(scope="module", params=CASES)
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Case:
    config, stages, precision = CASES[request.param]
    folder = tmp_path_factory.mktemp("model")
    random_checkpoint(config, 5, folder, precision=precision, stages=stages)
    model = Transformer.load(folder)
    straight = StraightDrafter(folder)
    positions = POSITIONS[request.param]
    n = max(positions)
    assert config.dspark is not None
    width = len(config.dspark.target_layer_ids) * config.hidden_size
    taps = torch.randn(n, width, generator=torch.Generator().manual_seed(3))
    assert model.drafter is not None
    assert model.drafter.stages == stages
    context = straight.context(taps, list(range(n)))
    return Case(model.drafter, model, straight, positions, taps, context)


def difference(got: Tensor, expected: Tensor) -> float:
    assert got.shape == expected.shape
    assert got.dtype == torch.float32
    return (got - expected).abs().max().item()


def test_context_keys(case: Case) -> None:
    cache = case.model.new_cache(1, 256)
    n = min(len(case.taps), cache.ring)
    slot = case.remembered(n, cache)
    for storage, expected in zip(cache.drafts(slot), case.context, strict=True):
        got = storage[1 + SLACK : 1 + SLACK + n]
        assert difference(got, expected[:n]) <= 1e-5
        assert expected[:n].std() > 0.5
        assert not storage[: 1 + SLACK].any()


def test_blocks(case: Case) -> None:
    """Hidden and base logits, anchors anywhere, context remembered at once."""
    size = case.drafter.block_size
    for p in case.positions:
        cache = case.model.new_cache(1, 256)
        slot = case.remembered(p, cache)
        got = case.drafter.block([Anchor(slot, p, 11)], cache)
        hidden, logits = case.straight.block(case.context, p, 11, size)
        assert logits.std() > 0.3
        assert difference(got.hidden[0], hidden) <= CLOSE, p
        assert difference(got.logits[0], logits) <= CLOSE, p


def test_blocks_of_other_lengths(case: Case) -> None:
    """Longer after shorter and the other way round, in the same storage."""
    p = case.positions[-1]
    cache = case.model.new_cache(1, 256)
    slot = case.remembered(p, cache)
    for rows in (8, 1, 3, 2, 7, 4, 6, 5):
        got = case.drafter.block([Anchor(slot, p, 3)], cache, rows)
        hidden, logits = case.straight.block(case.context, p, 3, rows)
        assert difference(got.hidden[0], hidden) <= CLOSE, rows
        assert difference(got.logits[0], logits) <= CLOSE, rows


def test_context_that_grows(case: Case) -> None:
    """As decoding does it: a few rows a round, a block drafted in between."""
    cache = case.model.new_cache(1, 256)
    slot = case.remembered(0, cache)
    start = 0
    for p in case.positions:
        for first in range(start, p, 3):
            case.remember(cache, slot, first, min(p, first + 3))
            case.drafter.block([Anchor(slot, min(p, first + 3), 5)], cache)
        start = p
        got = case.drafter.block([Anchor(slot, p, 11)], cache, 2)
        hidden, _ = case.straight.block(case.context, p, 11, 2)
        assert difference(got.hidden[0], hidden) <= CLOSE, p


def test_sequences_in_one_batch(case: Case) -> None:
    """Contexts of different lengths, remembered and drafted together."""
    ends = [case.positions[-1], 0, case.positions[2], case.positions[1]]
    cache = case.model.new_cache(4, 1024)
    slots = [cache.alloc(256) for _ in ends]
    batch = tapped(*((s, 0, n) for s, n in zip(slots, ends, strict=True)))
    case.drafter.remember(torch.cat([case.taps[:n] for n in ends]), batch, cache)
    anchors = [Anchor(s, n, 9 + s) for s, n in zip(slots, ends, strict=True)]
    got = case.drafter.block(anchors, cache)
    previous = torch.tensor([anchor.token for anchor in anchors])
    drafted, sure = case.drafter.markov(got, 0, previous)
    for r, anchor in enumerate(anchors):
        hidden, base = case.straight.block(
            case.context, anchor.position, anchor.token, case.drafter.block_size
        )
        logits, z = case.straight.markov(hidden[0], base[0], anchor.token)
        assert difference(got.hidden[r], hidden) <= CLOSE, r
        assert difference(drafted[r], logits) <= CLOSE, r
        assert abs(sure[r].item() - z) <= CLOSE, r


def test_markov_head_and_confidence(case: Case) -> None:
    """Every row of a block, greedily, each given the draft before it."""
    p, size = case.positions[2], case.drafter.block_size
    cache = case.model.new_cache(1, 256)
    slot = case.remembered(p, cache)
    block = case.drafter.block([Anchor(slot, p, 4)], cache)
    hidden, base = case.straight.block(case.context, p, 4, size)
    previous = 4
    for i in range(size):
        got, sure = case.drafter.markov(block, i, torch.tensor([previous]))
        logits, z = case.straight.markov(hidden[i], base[i], previous)
        assert (logits - base[i]).abs().max() > 0.5
        assert difference(got[0], logits) <= CLOSE
        assert sure.shape == (1,)
        assert abs(sure.item() - z) <= CLOSE
        previous = int(logits.argmax())


def test_a_block_leaves_the_context_alone(case: Case) -> None:
    p = case.positions[-1]
    cache = case.model.new_cache(1, 256)
    slot = case.remembered(p, cache)
    before = [rows[1 + SLACK :].clone() for rows in cache.drafts(slot)]
    case.drafter.block([Anchor(slot, p, 1)], cache, SLACK - 1)
    for rows, was in zip(cache.drafts(slot), before, strict=True):
        assert torch.equal(rows[1 + SLACK :], was)


@pytest.mark.parametrize("rows", [0, -1, SLACK])
def test_blocks_of_no_length(case: Case, rows: int) -> None:
    cache = case.model.new_cache(1, 256)
    with pytest.raises(ValueError, match="rows"):
        case.drafter.block([Anchor(cache.alloc(8), 0, 1)], cache, rows)
