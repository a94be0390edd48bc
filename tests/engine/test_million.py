"""A million tokens: prompt, decoding, drafts verified and taken back, all the way down.

The engine reads a random text and is recorded (``deep.py``); then tokens from all over
it, the ones that were decoded and verified at its end, and a drafted block are computed
once more, in float64 and one at a time. 36k tokens here; set DSAGENT_NIGHTLY=1 for
1,048,576, which takes a quarter of an hour and 4 GiB.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.attention import Attention
from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import DSparkConfig
from dsagent.engine.dspark import Anchor
from dsagent.engine.transformer import Transformer
from tests.engine.deep import DeepModel
from tests.engine.models import FLASH, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from torch import Tensor

    from dsagent.engine.attention import Step
    from dsagent.engine.dspark import DraftBlock

NIGHTLY = bool(os.environ.get("DSAGENT_NIGHTLY"))
DEEP = replace(
    FLASH,
    num_hidden_layers=5,
    compress_ratios=(0, 0, 4, 128, 4),
    num_attention_heads=4,
    head_dim=32,
    qk_rope_head_dim=16,
    index_n_heads=4,
    index_head_dim=16,
    index_topk=512,
    n_routed_experts=8,
    num_experts_per_tok=2,
    num_hash_layers=1,
    max_position_embeddings=1 << 20,
    dspark=DSparkConfig(
        block_size=5, noise_token_id=7, target_layer_ids=(2, 3, 4), markov_rank=8
    ),
)
"""The released model's first layers and its last, window, ratios and top-k."""
CHUNK = 512
BEHIND = 48
"""Tokens left for decoding: the last one has the last position there is."""
CLOSE = 2e-4
"""Most that a value may differ; logits reach about 5."""
CLEAR = 1e-5
"""A choice of entries closer than this, in deviations of the scores, isn't judged."""
LENGTHS = [
    36 << 10,
    pytest.param(
        1 << 20,
        marks=[
            pytest.mark.skipif(not NIGHTLY, reason="takes a quarter of an hour"),
            pytest.mark.timeout(4 * 3600),
        ],
    ),
]


@dataclass(frozen=True)
class Draft:
    """A block behind a text."""

    position: int
    token: int
    block: DraftBlock
    first: Tensor
    """Logits of its first draft ``[V]``."""
    sure: float
    """Its confidence logit."""


class Reading:
    """A text as the engine reads it, and what of it is recorded."""

    def __init__(self, folder: Path, n: int) -> None:
        self.model = Transformer.load(folder)
        self.ids = tokens(n, 1, DEEP.vocab_size)
        width = DEEP.hidden_size
        self.rows = [torch.zeros(n, width) for _ in DEEP.compress_ratios]
        """By layer, what attention was given at every position."""
        self.logits: dict[int, Tensor] = {}
        self.taps: dict[int, Tensor] = {}
        self.end = 0
        self._cache = self.model.new_cache(1, n)
        self._slot = self._cache.alloc(n)

    def step(self, end: int, wanted: Iterable[int]) -> Tensor:
        """Go on to ``end``; the logits of positions ``wanted``, and their taps."""
        span = Span(self._slot, self.end, end - self.end, 0)
        rows = torch.tensor([t - self.end for t in wanted], dtype=torch.int64)
        ids = torch.tensor(self.ids[self.end : end])
        places = torch.arange(self.end, end)
        batch = Batch(ids, places, (span,), rows, rows)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Attention, "__call__", self._recorded(Attention.__call__))
            output = self.model.step(batch, self._cache)
        assert output.taps is not None
        assert self.model.drafter is not None
        self.model.drafter.remember(output.taps, batch, self._cache)
        for t, logits, taps in zip(wanted, output.logits, output.taps, strict=True):
            self.logits[t], self.taps[t] = logits, taps
        self.end = end
        return output.logits

    def draft(self) -> Draft:
        """A block behind what was read, whose next token is the anchor."""
        drafter, token = self.model.drafter, self.ids[self.end]
        assert drafter is not None
        block = drafter.block([Anchor(self._slot, self.end, token)], self._cache)
        first, sure = drafter.markov(block, 0, torch.tensor([token]))
        return Draft(self.end, token, block, first[0], float(sure))

    def _recorded(self, call: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def recorded(layer_: Attention, x: Tensor, layer: int, step: Step) -> Tensor:
            start = self.end
            self.rows[layer][start : start + len(x)] = x
            return call(layer_, x, layer, step)

        return recorded


@dataclass(frozen=True)
class Deep:
    """A text that was read to its end."""

    reading: Reading
    straight: DeepModel
    prompt: list[int]
    """Positions in the prompt that are looked at,"""
    decoded: list[int]
    """those decoded one by one,"""
    verified: list[int]
    """those verified together, and what was read at the end."""
    drafts: list[Draft]

    def judge(self, positions: list[int]) -> None:
        """Hold what came of tokens to what they come to."""
        unclear = 0
        for t in positions:
            expected = self.straight.token(t, self.reading.ids[t])
            if expected.gap < CLEAR:
                unclear += 1
                continue
            for row, x in zip(self.reading.rows, expected.inputs, strict=True):
                assert apart(row[t], x) < CLOSE, t
            assert expected.logits.std() > 0.3
            assert apart(self.reading.logits[t], expected.logits) < CLOSE, t
            assert apart(self.reading.taps[t], expected.taps) < CLOSE, t
        assert unclear <= len(positions) // 3


@pytest.fixture(scope="module", params=LENGTHS)
def deep(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Deep:
    n: int = request.param
    folder = tmp_path_factory.mktemp("model")
    random_checkpoint(DEEP, 5, folder, precision="f32", stages=2)
    reading, behind = Reading(folder, n), n - BEHIND
    prompt = sampled(behind)
    for start in range(0, behind, CHUNK):
        end = min(start + CHUNK, behind)
        near = range(max(start, behind - DEEP.sliding_window), end)
        reading.step(end, sorted({*near, *(t for t in prompt if start <= t < end)}))
    drafts = [reading.draft()]
    decoded = list(range(behind, behind + 6))
    for t in decoded:
        logits = reading.step(t + 1, [t])
        reading.ids[t + 1] = int(logits[0].argmax())
    verified: list[int] = []
    for accepted in (0, 3, 5):
        # The block is first verified as something else, then taken back.
        drafts.append(reading.draft())
        start, kept = reading.end, reading.ids
        reading.ids = [*kept[: start + 1], *kept[:5], *kept[start + 6 :]]
        reading.step(start + 6, range(start, start + 6))
        reading.end, reading.ids = start, kept
        reading.step(start + 6, range(start, start + 6))
        reading.end = start + accepted + 1
        verified += range(start, reading.end)
    verified += range(reading.end, n)
    reading.step(n, range(reading.end, n))
    straight = DeepModel(folder, reading.rows)
    return Deep(reading, straight, prompt, decoded, verified, drafts)


def sampled(n: int) -> list[int]:
    """Positions where something begins, at the end, and anywhere."""
    edges = [0, 1, 3, 4, 127, 128, 2047, 2051, 2055, 16383, 16387, 32767, 32768]
    generator = torch.Generator().manual_seed(2)
    anywhere = torch.randint(0, n, (20,), generator=generator).tolist()
    return sorted({*edges, *anywhere, n - 2, n - 1})


def apart(got: Tensor, expected: Tensor) -> float:
    assert got.shape == expected.shape
    return (got.double() - expected.double()).abs().max().item()


def test_of_the_prompt(deep: Deep) -> None:
    deep.judge(deep.prompt)


def test_decoded(deep: Deep) -> None:
    deep.judge(deep.decoded)


def test_verified_and_taken_back(deep: Deep) -> None:
    deep.judge(deep.verified)


def test_drafted(deep: Deep) -> None:
    """Blocks at that depth, from keys of the window before them."""
    window = DEEP.sliding_window
    for draft in deep.drafts:
        p = draft.position
        places = list(range(p - window, p))
        taps = torch.stack([deep.reading.taps[t] for t in places])
        context = deep.straight.context(taps, places)
        hidden, base = deep.straight.block(
            context, p, draft.token, draft.block.hidden.shape[1], places[0]
        )
        assert apart(draft.block.hidden[0], hidden) < CLOSE
        assert apart(draft.block.logits[0], base) < CLOSE
        logits, sure = deep.straight.markov(hidden[0], base[0], draft.token)
        assert apart(draft.first, logits) < CLOSE
        assert abs(draft.sure - sure) < CLOSE


def test_the_whole_depth_is_looked_at(deep: Deep) -> None:
    """What is chosen lies all over the text, so that little of it is in the window."""
    t = deep.decoded[0]
    chosen = deep.straight.token(t, deep.reading.ids[t]).chosen
    assert sorted(chosen) == [2, 4]
    for entries in chosen.values():
        assert len(entries.unique()) == DEEP.index_topk
        eighths = (entries * 8 // ((t + 1) // 4)).unique()
        assert len(eighths) == 8
