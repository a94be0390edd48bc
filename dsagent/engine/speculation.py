"""What the sequences of a step ask to have verified: their blocks.

Every sequence that gets tokens from a step has a :class:`Block` in it: the tokens that
are guessed to come next, what each was drawn from, and the masks of the request's
constraint at each of these positions and at the one behind them. A block without
guesses is ordinary decoding, so nothing else knows the difference.

Guesses come from two places. What the constraint forces (the skeleton of a tool call,
the punctuation and the keys of an object) is taken as it is, with or without a drafter;
the rest is drafted by the model's DSpark stages. The constraint walks along with the
guesses, and back again when the target has judged them.

How many guesses are verified is the policy's business (``policy.py``), which is told
confidences and never tokens: choosing by what a token turned out to be would change the
distribution of the output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch

from dsagent.engine.constraint import allocate_mask, apply_mask
from dsagent.engine.dspark import Anchor
from dsagent.engine.policy import Candidate
from dsagent.engine.sampler import Draw, draft
from dsagent.engine.verify import Drafted
from dsagent.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from dsagent.engine.cache import Cache
    from dsagent.engine.calibration import Calibration
    from dsagent.engine.constraint import Bitmask, Constraint
    from dsagent.engine.dspark import Drafter
    from dsagent.engine.policy import Policy
    from dsagent.engine.sequence import Sequence

FORCED = 16
"""The most guesses of a block that has forced ones. They need no drafter, so there may
be more than it drafts."""


class Block:
    """One sequence's part of a step.

    From the first guess to ``settle`` its constraint stands behind the guesses it took.
    Should it fail or refuse one, the block takes no more, and ``failure`` says how the
    sequence ends if all guesses stand. If one doesn't, nobody has gone where that was.
    The refused guess is verified like any other, because leaving it out for what it is
    would change what comes in its place.
    """

    def __init__(self, sequence: Sequence, room: int, vocab: int) -> None:
        """``room``: how many guesses there may be at most."""
        self.sequence = sequence
        self.constraint: Constraint | None = sequence.request.constraint
        self.tokens: list[int] = []
        self.q: list[Tensor | None] = []
        self.confidences: list[float] = []
        self.scores: list[float | None] = []
        """The drafter's confidence logits; None of forced guesses."""
        self.length = 0
        """How many of the guesses are verified."""
        self.failure: EngineError | None = None
        self._taken = 0
        """How many of the guesses the constraint has taken: all, or all but one."""
        self._room = max(0, min(room, sequence.room - 1))
        self._ended = False
        self._masks: Bitmask | None = None
        self._masked = 0
        if self.constraint is not None:
            self._masks = allocate_mask(self._room + 1, vocab)

    @property
    def open(self) -> bool:
        """Whether it takes another guess."""
        return not self._ended and len(self.tokens) < self._room

    @property
    def newest(self) -> int:
        """The newest token, guesses included."""
        return self.tokens[-1] if self.tokens else self.sequence.tokens[-1]

    def draw(self, guesses: int = 0) -> Draw:
        """How the token behind so many guesses is drawn."""
        s = self.sequence
        at = len(s.tokens)
        return Draw(s.request.sampling, s.seed, at + guesses, block=at - 1)

    @property
    def drafted(self) -> Drafted:
        """What is verified."""
        return Drafted(tuple(self.tokens[: self.length]), tuple(self.q[: self.length]))

    @property
    def masks(self) -> Bitmask | None:
        """Of the rows that are verified ``[length + 1, W]``; None unconstrained."""
        return None if self._masks is None else self._masks[: self.length + 1]

    def mask(self) -> Bitmask | None:
        """The mask behind the guesses ``[W]``; None if there is no constraint."""
        if self.constraint is None or self._masks is None:
            return None
        row = len(self.tokens)
        if row == self._masked:
            self._masked += 1
            try:
                self.constraint.fill_mask(self._masks, row)
            except Exception as cause:
                self._masks[row] = -1
                self._fail("the constraint failed to give a mask", cause)
        line: Bitmask = self._masks[row]
        return line

    def add(
        self, token: int, q: Tensor | None, confidence: float, score: float | None
    ) -> None:
        """Take a guess that was drawn from ``q`` (None: it was the only choice)."""
        self.mask()
        if self.failure is not None:
            return
        self.tokens.append(token)
        self.q.append(q)
        self.confidences.append(confidence)
        self.scores.append(score)
        if self._advance(token):
            self._taken += 1
            self._ended = token in self.sequence.request.stop_ids

    def force(self) -> None:
        """Take what the constraint says must come next, as far as that goes."""
        while self.open and self.constraint is not None:
            try:
                forced = self.constraint.forced()
            except Exception as cause:
                self._fail("the constraint failed", cause)
                return
            for token in forced:
                if self.open:
                    self.add(token, None, 1.0, None)
            if not forced:
                return

    def verify(self, length: int) -> None:
        """Have ``length`` of the guesses verified."""
        self.length = length
        if length == len(self.tokens) and not (self._ended and self.tokens):
            self.mask()

    def settle(self, accepted: int, token: int | None) -> tuple[int, ...]:
        """What the sequence gets: the guesses that stand, then the target's token.

        There is none behind a stop token, nor after a failure.
        """
        given = tuple(self.tokens[: min(accepted, self._taken)])
        if accepted < len(self.tokens):
            self._go_back(self._taken - accepted)
        ended = bool(given) and given[-1] in self.sequence.request.stop_ids
        if ended or self.failure is not None:
            return given
        if token is None:
            self.failure = _no_choice(constrained=self.constraint is not None)
        elif self._advance(token):
            return (*given, token)
        return given

    def _go_back(self, guesses: int) -> None:
        """Take the last ``guesses`` back, and whatever failed behind them."""
        failure, self.failure = self.failure, None
        try:
            if self.constraint is not None and guesses:
                self.constraint.rollback(guesses)
        except Exception as cause:
            self.failure = failure
            self._fail("the constraint failed to go back", cause)

    def _advance(self, token: int) -> bool:
        """Tell the constraint of ``token``; whether it took it."""
        if self.constraint is None:
            return True
        try:
            taken = self.constraint.accept((token,)) == 1
        except Exception as cause:
            self._fail(f"the constraint failed on token {token}", cause)
            return False
        if not taken:
            self._ended = True
            self.failure = EngineError(
                f"the constraint allowed token {token}, then refused it"
            )
        return taken

    def _fail(self, what: str, cause: Exception) -> None:
        error = EngineError(f"{what}: {type(cause).__name__}: {cause}")
        error.__cause__ = cause
        self.failure = self.failure or error
        self._ended = True


Observer: TypeAlias = "Callable[[list[float], int], None]"
"""Told the confidence logits of a block and how many of its drafts stood, if the
drafter made all of it and all of it was verified."""


class Speculator:
    """Makes the blocks of a step, and learns from what became of them."""

    def __init__(
        self,
        drafter: Drafter | None,
        cache: Cache,
        policy: Policy,
        calibration: Calibration,
        *,
        vocab: int,
        observe: Observer | None = None,
    ) -> None:
        """``drafter`` is None for a model without one: what is forced is still free."""
        self._observe = observe
        self._drafter = drafter
        self._cache = cache
        self._policy = policy
        self._calibration = calibration
        self._vocab = vocab
        self._candidates: list[Candidate] = []
        self._drafting: list[bool] = []

    def blocks(
        self, decoding: list[Sequence], beginning: list[Sequence]
    ) -> dict[Sequence, Block]:
        """The blocks of a step.

        Args:
            decoding: sequences that go on from their newest token.
            beginning: those whose prompt ends in this step; they get one token.
        """
        rooms = [_room(sequence, self._drafter) for sequence in decoding]
        self._candidates = [
            Candidate(
                key=sequence.number,
                speculation=sequence.request.sampling.speculation,
                reproducible=sequence.request.sampling.reproducible,
                room=min(room, sequence.room - 1),
            )
            for sequence, room in zip(decoding, rooms, strict=True)
        ]
        self._drafting = self._policy.drafting(self._candidates)
        blocks = [
            Block(sequence, room, self._vocab)
            for sequence, room in zip(decoding, rooms, strict=True)
        ]
        for block, room in zip(blocks, rooms, strict=True):
            if room:
                block.force()
        wanted = [b for b, wants in zip(blocks, self._drafting, strict=True) if wants]
        self._draft(wanted)
        lengths = self._policy.choose(
            self._candidates, [block.confidences for block in blocks]
        )
        for block, length in zip(blocks, lengths, strict=True):
            block.verify(length)
        for sequence in beginning:
            block = Block(sequence, 0, self._vocab)
            block.verify(0)
            blocks.append(block)
        return {block.sequence: block for block in blocks}

    def record(
        self, blocks: dict[Sequence, Block], accepted: list[int], seconds: float | None
    ) -> None:
        """Learn from a finished step: what stood of the blocks of those that decoded.

        Args:
            blocks: of ``blocks()``.
            accepted: of the sequences that decoded, in their order.
            seconds: what the step took, if it did nothing else.
        """
        decoded = list(blocks.values())[: len(self._candidates)]
        self._policy.record(
            self._candidates,
            self._drafting,
            [block.length for block in decoded],
            accepted,
            seconds,
        )
        if self._observe is not None and self._drafter is not None:
            for block, count in zip(decoded, accepted, strict=True):
                scores = [score for score in block.scores if score is not None]
                if len(scores) == block.length == self._drafter.block_size:
                    self._observe(scores, count)

    def _draft(self, blocks: list[Block]) -> None:
        """Have the drafter fill the blocks up to its own length, or a request's.

        Every row of a block sees all of it, so what is drafted depends on its length:
        that of a request is its own, whatever others ask for.
        """
        drafter = self._drafter
        if drafter is None:
            return
        sizes: dict[int, list[Block]] = {}
        for block in blocks:
            size = _size(block.sequence, drafter)
            if block.open and len(block.tokens) < size:
                sizes.setdefault(size, []).append(block)
        for size, alike in sizes.items():
            self._fill(drafter, alike, size)

    def _fill(self, drafter: Drafter, blocks: list[Block], size: int) -> None:
        """Draft on the blocks, at least one, until they have ``size`` guesses."""
        anchors = [_anchor(block.sequence) for block in blocks]
        rows = max(drafter.block_size, size)
        drafted = drafter.block(anchors, self._cache, rows)
        for i in range(size):
            mine = [len(b.tokens) == i and b.open for b in blocks]
            if not any(mine):
                if not any(len(b.tokens) > i for b in blocks):
                    break
                continue
            before = torch.tensor([block.newest for block in blocks])
            logits, scores = drafter.markov(drafted, i, before)
            self._choose(blocks, mine, logits, scores.tolist(), i)

    def _choose(
        self,
        blocks: list[Block],
        mine: list[bool],
        logits: Tensor,
        scores: list[float],
        i: int,
    ) -> None:
        """Draw guess i of the blocks in which it is open, and what it forces."""
        rows = [row for row, open_ in enumerate(mine) if open_]
        for row in rows:
            mask = blocks[row].mask()
            if mask is not None:
                apply_mask(logits[row], mask)
        if len(rows) < len(blocks):
            logits = logits[rows]
        ids, q = draft(logits, [blocks[row].draw(i) for row in rows])
        for row, token, distribution in zip(rows, ids, q, strict=True):
            block = blocks[row]
            if token is None or block.failure is not None:
                continue
            block.add(
                token, distribution, self._confidence(i, scores[row]), scores[row]
            )
            block.force()

    def _confidence(self, i: int, score: float) -> float:
        """Of guess i, from 0. Behind the trained block the last temperature goes on."""
        last = len(self._calibration.temperatures)
        return self._calibration.confidence(min(i + 1, last), score)


def _size(sequence: Sequence, drafter: Drafter) -> int:
    """How many tokens the drafter is asked for."""
    wanted = sequence.request.sampling.speculation
    return wanted if isinstance(wanted, int) else drafter.block_size


def _room(sequence: Sequence, drafter: Drafter | None) -> int:
    """How many guesses a block may have."""
    wanted = sequence.request.sampling.speculation
    if wanted == "off":
        return 0
    if isinstance(wanted, int):
        return wanted
    forced = FORCED if sequence.request.constraint is not None else 0
    return max(forced, 0 if drafter is None else drafter.block_size)


def _anchor(sequence: Sequence) -> Anchor:
    assert sequence.slot is not None
    return Anchor(sequence.slot, sequence.computed, sequence.tokens[-1])


def _no_choice(*, constrained: bool) -> EngineError:
    return EngineError(
        "no token may follow: the constraint forbids every one, or the model's logits "
        "are not finite"
        if constrained
        else "the model's logits are not finite"
    )
