"""Runs one step's work on the model: guesses, forward, verification.

Owns the cache and is the only part of the loop that touches tensors. It is called from
the engine thread alone. A failure that belongs to one row (its constraint, its logits)
becomes that row's result; a failure of the forward pass is raised, because no row of
that batch can be trusted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from dsagent.engine.batch import Batch, Span
from dsagent.engine.calibration import Calibration
from dsagent.engine.constraint import allocate_mask, apply_mask
from dsagent.engine.memory import Memory, Share
from dsagent.engine.policy import Policy
from dsagent.engine.prefix import Prefixes, checkpoints
from dsagent.engine.profile import StepProfile
from dsagent.engine.speculation import Speculator
from dsagent.engine.verify import verify

if TYPE_CHECKING:
    from torch import Tensor

    from dsagent.engine.cache import Cache, Start
    from dsagent.engine.prefix import Checkpoint
    from dsagent.engine.prefixfile import Saved
    from dsagent.engine.scheduler import Work
    from dsagent.engine.sequence import Sequence
    from dsagent.engine.speculation import Block, Observer
    from dsagent.engine.transformer import Transformer
    from dsagent.errors import EngineError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one piece of work."""

    tokens: tuple[int, ...] = ()
    """None while more is to be read; else one or more, guesses that stood first."""
    error: EngineError | None = None
    """What ended the sequence behind them."""
    drafted: int = 0
    """Guesses verified."""
    accepted: int = 0
    """Those among them that stood."""


NOTHING = Result()

UNMEASURED = StepProfile.of(
    {(1, 1): 1.0, (1, 6): 1.5, (16, 16): 4.0, (16, 96): 12.0}, {1: 0.3, 16: 1.5}
)
"""What steps cost where nobody has measured: about as on a CPU, in decode steps."""


class Runner:
    """The model, its cache, and what guesses ahead."""

    def __init__(
        self,
        transformer: Transformer,
        *,
        cache: Cache,
        keep_prefixes: bool = True,
        profile: StepProfile | None = None,
        calibration: Calibration | None = None,
        observe: Observer | None = None,
    ) -> None:
        self._transformer = transformer
        self._cache = cache
        keep = keep_prefixes and cache.residues > 0
        self._prefixes = Prefixes(cache, cache.residues) if keep else None
        self._device = transformer.device
        self._vocab: int = transformer.config.vocab_size
        self._window: int = transformer.config.sliding_window
        drafter = self._drafter = transformer.drafter
        length = 0 if drafter is None else drafter.block_size
        self._speculator = Speculator(
            drafter,
            self._cache,
            Policy(profile or UNMEASURED, length=length),
            calibration or Calibration.identity(max(length, 1)),
            vocab=self._vocab,
            observe=observe,
        )
        self._bytes = 0

    @property
    def cache_bytes(self) -> int:
        """Bytes the open sequences hold. A copy, so that any thread may ask."""
        return self._bytes

    def memory(self) -> Memory:
        """Where the bytes are. Any thread."""
        cache, kept = self._cache, self._prefixes
        checkpoints = Share(0 if kept is None else kept.nbytes, cache.residues)
        rings = Share(
            cache.rings_held * cache.slot_bytes, cache.slots * cache.slot_bytes
        )
        held, count = cache.pages.held, cache.pages.count
        pages = Share(held * cache.page_bytes, count * cache.page_bytes)
        limits = (checkpoints.limit, rings.limit, pages.limit)
        return Memory(
            budget=sum(limit or 0 for limit in limits),
            weights=Share(self._transformer.nbytes),
            sequences=rings,
            checkpoints=checkpoints,
            pages=pages,
        )

    def open(self, sequence: Sequence) -> None:
        """Give ``sequence`` its storage: no more than was reserved for it."""
        known, saved = self._known(sequence), sequence.saved
        if saved and known and known.position >= len(saved.ids):
            saved = sequence.saved = None  # what is in memory is as long
        start = None if known is None else known.start
        self._alloc(sequence, start)
        self._bytes = self._cache.nbytes
        if self._prefixes is not None:
            sequence.cuts = checkpoints(len(sequence.tokens))
        if saved is not None and self._load(sequence, saved, start):
            sequence.begin_at(len(saved.ids))
        elif start is not None:
            sequence.begin_at(start.position)

    def reopen(self, sequence: Sequence) -> None:
        """Let it begin farther on, if more of its beginning is known than when it was
        opened. Nothing of it must have been computed since."""
        known = self._known(sequence)
        if known is None or known.position <= sequence.computed:
            return
        assert sequence.slot is not None
        self._cache.free(sequence.slot)
        sequence.slot = None
        self.open(sequence)

    def _alloc(self, sequence: Sequence, start: Start | None) -> None:
        """Storage behind ``start``; what others left makes room for it if need be.

        The full pages it shares count as its own and must not be forgotten meanwhile.
        The page it copies is nobody's reservation, so that one must.
        """
        if self._prefixes is None:
            sequence.slot = self._cache.alloc(sequence.capacity)
            return
        pages, shared = self._cache.pages, start.full if start else ()
        pages.hold(shared)
        try:
            self._prefixes.make_room(self._cache.needs(sequence.capacity, start))
            sequence.slot = self._cache.alloc(sequence.capacity, start)
        finally:
            pages.drop(shared)

    def _load(self, sequence: Sequence, saved: Saved, start: Start | None) -> bool:
        """Take what another process computed; False if it is of no use here."""
        assert sequence.slot is not None
        first = len(start.full) * self._cache.page if start else 0
        try:
            self._cache.load(sequence.slot, len(saved.ids), saved.tensors, first)
        except ValueError as error:
            logger.warning("a saved prefix is computed again, because %s", error)
            sequence.saved = None
            return False
        return True

    def export(self, checkpoint: Checkpoint) -> dict[str, Tensor]:
        """The state of a pinned checkpoint. Any thread."""
        return self._cache.export(checkpoint.start)

    def close(self, sequence: Sequence, *, sound: bool = True) -> None:
        """Take the storage back. Safe to repeat.

        Args:
            sequence: Whose.
            sound: Whether what was computed of it can be gone on from.
        """
        if sequence.slot is None:
            return
        if sound:
            kept = self._remember(sequence)
            if kept is not None and sequence.keep and sequence.ended:
                kept.pins += 1
                sequence.kept = kept
        self._cache.free(sequence.slot)
        sequence.slot = None
        self._bytes = self._cache.nbytes

    def release(self, checkpoint: Checkpoint) -> None:
        """Pin it no longer."""
        checkpoint.pins -= 1

    def _known(self, sequence: Sequence) -> Checkpoint | None:
        """What was computed of its beginning, for others; a token is left to compute if
        it is to be given any."""
        if self._prefixes is None:
            return None
        most = len(sequence.tokens) - (sequence.request.max_tokens != 0)
        return self._prefixes.find(sequence.tokens, most, drafts=self._drafts(sequence))

    def _remember(self, sequence: Sequence) -> Checkpoint | None:
        """Keep what was computed of it so far for others."""
        if self._prefixes is None or not sequence.computed:
            return None
        assert sequence.slot is not None
        done, drafts = sequence.computed, self._drafts(sequence)
        start = self._cache.start(sequence.slot, done, drafts=drafts)
        return self._prefixes.add(sequence.tokens[:done], start)

    def _drafts(self, sequence: Sequence) -> bool:
        """Whether the drafter is told of its tokens."""
        return (
            self._drafter is not None and sequence.request.sampling.speculation != "off"
        )

    @torch.inference_mode()
    def run(self, work: list[Work]) -> list[Result]:
        """Compute ``work``, one result each. Advances ``computed``, not ``tokens``."""
        started = perf_counter()
        decoding = [w.sequence for w in work if w.decodes]
        beginning = [w.sequence for w in work if w.last and not w.decodes]
        blocks = self._speculator.blocks(decoding, beginning)
        batch = self._batch(work, blocks)
        output = self._transformer.step(batch, self._cache)
        if self._drafter is not None and output.taps is not None:
            self._drafter.remember(output.taps, batch, self._cache)
        given = self._judge(output.logits, work, blocks)
        results = [self._settle(piece, blocks, given) for piece in work]
        alone = len(decoding) == len(work)
        self._speculator.record(
            blocks,
            [given[sequence][0] for sequence in decoding],
            perf_counter() - started if alone else None,
        )
        return results

    def _judge(
        self, logits: Tensor, work: list[Work], blocks: dict[Sequence, Block]
    ) -> dict[Sequence, tuple[int, int | None]]:
        """How many guesses of every block stand, and the token behind them.

        ``logits`` are masked in place; their rows follow the work.
        """
        order = [blocks[piece.sequence] for piece in work if piece.last]
        if not order:
            return {}
        self._constrain(logits, order)
        drafted = [block.drafted for block in order]
        draws = [block.draw() for block in order]
        return {
            block.sequence: (verdict.accepted, verdict.token)
            for block, verdict in zip(
                order, verify(logits, drafted, draws), strict=True
            )
        }

    def _constrain(self, logits: Tensor, blocks: list[Block]) -> None:
        """Forbid what the constraints forbid, in place."""
        if all(block.masks is None for block in blocks):
            return
        mask = allocate_mask(len(logits), self._vocab)
        row = 0
        for block in blocks:
            end = row + block.length + 1
            if block.masks is not None:
                mask[row:end] = block.masks
            row = end
        apply_mask(logits, mask)

    def _settle(
        self,
        piece: Work,
        blocks: dict[Sequence, Block],
        given: dict[Sequence, tuple[int, int | None]],
    ) -> Result:
        """Take what was computed, and what was judged, into the sequence."""
        sequence = piece.sequence
        decoded = piece.decodes
        sequence.computed = piece.start + piece.length
        if sequence.computed in sequence.cuts:
            self._remember(sequence)
        if not piece.last:
            return NOTHING
        block = blocks[sequence]
        accepted, token = given[sequence]
        tokens = block.settle(accepted, token)
        if decoded:
            sequence.decode_steps += 1
            sequence.drafted += block.length
            sequence.accepted += accepted
            # The newest of the given tokens is pending; those before it are computed.
            sequence.computed += max(0, len(tokens) - 1)
        return Result(tokens, block.failure, block.length, accepted)

    def _batch(self, work: list[Work], blocks: dict[Sequence, Block]) -> Batch:
        ids: list[int] = []
        positions: list[int] = []
        spans: list[Span] = []
        logit_rows: list[int] = []
        tap_rows: list[int] = []
        for piece in work:
            sequence, start = piece.sequence, piece.start
            part = sequence.tokens[start : start + piece.length]
            wanted = 0
            if piece.last:
                block = blocks[sequence]
                part += block.tokens[: block.length]
                wanted = block.length + 1
            assert sequence.slot is not None
            offset, end = len(ids), len(ids) + len(part)
            spans.append(Span(sequence.slot, start, len(part), offset))
            ids += part
            positions += range(start, start + len(part))
            logit_rows += range(end - wanted, end)
            if self._drafts(sequence):
                # Guesses and the window before them, in every piece: wherever reading
                # stops, others may go on with a drafter that knows what it would have.
                guesses = max(0, wanted - 1)
                tap_rows += range(max(offset, end - guesses - self._window), end)
        return Batch(
            torch.tensor(ids, device=self._device),
            torch.tensor(positions, device=self._device),
            tuple(spans),
            torch.tensor(logit_rows, dtype=torch.int64, device=self._device),
            torch.tensor(tap_rows, device=self._device) if tap_rows else None,
        )
