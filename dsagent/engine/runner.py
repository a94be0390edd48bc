"""Runs one step's work on the model: batch, forward, constraints, sampling.

Owns the cache and is the only part of the loop that touches tensors. It is called from
the engine thread alone. A failure that belongs to one row (its constraint, its logits)
becomes that row's result; a failure of the forward pass is raised, because no row of
that batch can be trusted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.constraint import allocate_mask, apply_mask
from dsagent.engine.sampler import Draw, sample
from dsagent.errors import EngineError

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.engine.cache import Cache
    from dsagent.engine.scheduler import Work
    from dsagent.engine.sequence import Sequence
    from dsagent.engine.transformer import Transformer

Result = int | EngineError | None
"""Of one piece of work: its token, its failure, or None when more is pending."""


class Runner:
    """The model, the cache and the mask buffer."""

    def __init__(self, transformer: Transformer, *, slots: int, tokens: int) -> None:
        self._transformer = transformer
        self._cache: Cache = transformer.new_cache(slots, tokens)
        self._device = transformer.device
        self._vocab: int = transformer.config.vocab_size

        self._bytes = 0

    @property
    def cache_bytes(self) -> int:
        """Bytes the open sequences hold. A copy, so that any thread may ask."""
        return self._bytes

    def open(self, sequence: Sequence) -> None:
        """Give ``sequence`` its storage."""
        sequence.slot = self._cache.alloc(sequence.capacity)
        self._bytes = self._cache.nbytes

    def close(self, sequence: Sequence) -> None:
        """Take the storage back. Safe to repeat."""
        if sequence.slot is not None:
            self._cache.free(sequence.slot)
            sequence.slot = None
            self._bytes = self._cache.nbytes

    @torch.inference_mode()
    def run(self, work: list[Work]) -> list[Result]:
        """Compute ``work``, one result each. Advances ``computed``, not ``tokens``."""
        logits = self._transformer.forward(_batch(work, self._device), self._cache)
        last = []
        for piece in work:
            piece.sequence.computed = piece.start + piece.length
            if piece.last:
                last.append(piece.sequence)
        tokens = iter(self._choose(logits, last) if last else ())
        return [next(tokens) if piece.last else None for piece in work]

    def _choose(self, logits: Tensor, sequences: list[Sequence]) -> list[Result]:
        failures = self._constrain(logits, sequences)
        draws = [
            Draw(sequence.request.sampling, sequence.seed, len(sequence.tokens))
            for sequence in sequences
        ]
        chosen = sample(logits, draws)
        return [
            failures.get(row) or _accepted(sequence, token)
            for row, (sequence, token) in enumerate(zip(sequences, chosen, strict=True))
        ]

    def _constrain(
        self, logits: Tensor, sequences: list[Sequence]
    ) -> dict[int, EngineError]:
        """Forbid what the constraints forbid, in place; the rows that failed."""
        rows = [
            row
            for row, sequence in enumerate(sequences)
            if sequence.request.constraint is not None
        ]
        failures: dict[int, EngineError] = {}
        if not rows:
            return failures
        mask = allocate_mask(len(rows), self._vocab)
        for line, row in enumerate(rows):
            constraint = sequences[row].request.constraint
            assert constraint is not None
            try:
                constraint.fill_mask(mask, line)
            except Exception as error:
                mask[line] = -1
                failures[row] = _failure("the constraint failed to give a mask", error)
        if len(rows) == len(sequences):
            apply_mask(logits, mask)
        else:
            for line, row in enumerate(rows):
                apply_mask(logits[row], mask[line])
        return failures


def _batch(work: list[Work], device: torch.device) -> Batch:
    ids: list[int] = []
    positions: list[int] = []
    spans: list[Span] = []
    logit_rows: list[int] = []
    for piece in work:
        end = piece.start + piece.length
        slot = piece.sequence.slot
        assert slot is not None
        spans.append(Span(slot, piece.start, piece.length, offset=len(ids)))
        ids += piece.sequence.tokens[piece.start : end]
        positions += range(piece.start, end)
        if piece.last:
            logit_rows.append(len(ids) - 1)
    return Batch(
        torch.tensor(ids, device=device),
        torch.tensor(positions, device=device),
        tuple(spans),
        torch.tensor(logit_rows, dtype=torch.int64, device=device),
    )


def _accepted(sequence: Sequence, token: int | None) -> Result:
    """``token`` once the sequence's constraint has it, or the failure."""
    constraint = sequence.request.constraint
    if token is None:
        return EngineError(
            "the model's logits are not finite"
            if constraint is None
            else "no token may follow: the constraint forbids every one, or the "
            "model's logits are not finite"
        )
    if constraint is None:
        return token
    try:
        if constraint.accept((token,)) == 1:
            return token
    except Exception as error:
        return _failure(f"the constraint failed on token {token}", error)
    return EngineError(f"the constraint allowed token {token}, then refused it")


def _failure(what: str, cause: BaseException) -> EngineError:
    error = EngineError(f"{what}: {type(cause).__name__}: {cause}")
    error.__cause__ = cause
    return error
