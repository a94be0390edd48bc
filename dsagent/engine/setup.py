"""What an engine is told about a model before it starts: costs and calibration.

Both only decide how far to draft ahead, so a model without a drafter needs neither.
"""

from __future__ import annotations

import logging
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from dsagent.engine import calibration, profile, profile_cache
from dsagent.engine.batch import Batch, Span
from dsagent.engine.dspark import Anchor

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.engine.calibration import Calibration
    from dsagent.engine.config import EngineConfig
    from dsagent.engine.profile import StepProfile
    from dsagent.engine.transformer import Transformer

logger = logging.getLogger(__name__)

BEHIND = 128
"""Tokens before those whose cost is measured: a short conversation's."""


def step_profile(transformer: Transformer, config: EngineConfig) -> StepProfile | None:
    """What steps cost on this machine: measured in under two seconds, or remembered.

    None for a model that doesn't draft.
    """
    drafter = transformer.drafter
    if drafter is None:
        return None
    if config.threads is not None:
        torch.set_num_threads(config.threads)  # as the engine will run
    requests, length = config.max_running, drafter.block_size
    key = profile_cache.key_of(
        transformer.config,
        device=f"{transformer.device}, {drafter.stages} stages",
        threads=config.threads or torch.get_num_threads(),
        max_requests=requests,
        max_length=length,
    )
    return profile_cache.cached(key, lambda: _measure(transformer, requests, length))


def read_calibration(transformer: Transformer, folder: Path) -> Calibration | None:
    """How far the drafter's confidences can be trusted, from beside the checkpoint."""
    if transformer.drafter is None:
        return None
    return calibration.read(
        folder,
        model=fingerprint(transformer),
        length=transformer.drafter.block_size,
    )


def fingerprint(transformer: Transformer) -> str:
    """Names the drafter that a calibration is for."""
    assert transformer.drafter is not None
    head = transformer.drafter.confidence_head
    return calibration.fingerprint(transformer.config, head.numpy().tobytes())


def _measure(transformer: Transformer, requests: int, length: int) -> StepProfile:
    bench = _Bench(transformer, requests, length)
    bench.step(1, 1 + length)
    started = perf_counter()
    measured = profile.measure(
        bench.step, bench.draft, max_requests=requests, max_length=length
    )
    logger.info("measured the cost of a step in %.1f s", perf_counter() - started)
    return measured


class _Bench:
    """Steps of made-up tokens behind an empty context: their cost is the same."""

    def __init__(self, transformer: Transformer, requests: int, length: int) -> None:
        self._transformer = transformer
        room = BEHIND + length + 1
        self._cache = transformer.new_cache(requests, requests * room)
        self._slots = [self._cache.alloc(room) for _ in range(requests)]
        self._generator = torch.Generator().manual_seed(0)

    @torch.inference_mode()
    def step(self, requests: int, rows: int) -> float:
        """Seconds of a step of ``rows`` in all; what it computes is remembered too."""
        each = rows // requests
        spans = tuple(
            Span(slot, BEHIND, each, i * each)
            for i, slot in enumerate(self._slots[:requests])
        )
        n = requests * each
        batch = Batch(
            torch.randint(
                self._transformer.config.vocab_size, (n,), generator=self._generator
            ),
            torch.arange(BEHIND, BEHIND + each).repeat(requests),
            spans,
            torch.arange(n),
            torch.arange(n),
        )
        started = perf_counter()
        output = self._transformer.step(batch, self._cache)
        if self._transformer.drafter is not None and output.taps is not None:
            self._transformer.drafter.remember(output.taps, batch, self._cache)
        return perf_counter() - started

    @torch.inference_mode()
    def draft(self, requests: int) -> float:
        """Seconds of a block of drafts for each of ``requests``."""
        drafter = self._transformer.drafter
        assert drafter is not None
        anchors = [Anchor(slot, BEHIND, 1) for slot in self._slots[:requests]]
        started = perf_counter()
        block = drafter.block(anchors, self._cache)
        previous = torch.ones(requests, dtype=torch.int64)
        for i in range(drafter.block_size):
            logits, _ = drafter.markov(block, i, previous)
            previous = logits.argmax(1)
        return perf_counter() - started
