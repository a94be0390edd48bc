"""Which tokens may come next: all that the engine knows of grammars.

``Constraint`` is the protocol; the scheduler, the sampler and speculative decoding use
nothing else. ``GrammarConstraint`` implements it with llguidance, for the grammars of
``encoding.grammar``.

What must stay true: a constraint never fails silently. llguidance never raises; after
a bad grammar, an exhausted limit or an illegal token a matcher enters an error state
that it never leaves, and goes on answering. Here every such state becomes an
exception the moment it can be seen. The end-of-turn token is kept out of the matcher
altogether: its own handling of it can't be rolled back cleanly.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from dsagent.errors import DefinitionError, EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from llguidance import LLMatcher, LLParserLimits

_LARGE: Final = {
    "initial_lexer_fuel": 1_000_000_000,
    "step_lexer_fuel": 50_000_000,
    "max_lexer_states": 2_000_000,
    "max_grammar_size": 50_000_000,
}
"""llguidance's limits for a grammar with an automaton over long texts. A text of a
million tokens compiles under them."""

_KEPT: Final = 4
"""Large grammars that stay compiled."""
_WORN: Final = 20_000
"""Masks after which a large grammar is compiled anew. Its constraints share one lexer,
which is faster and faster, but forgets nothing: 10 kB a mask, about 200 MB by then."""

Bitmask = NDArray[np.int32]
"""Rows of 32-bit words: id ``i`` is bit ``i % 32`` of word ``i // 32``, 1 = allowed."""


@runtime_checkable
class Constraint(Protocol):
    """A filter over one generation, advanced token by token. Not thread-safe."""

    @property
    def done(self) -> bool:
        """Only the end-of-turn token may follow, or it has been accepted."""

    def fill_mask(self, out: Bitmask, row: int) -> None:
        """Write the mask of the next position to ``out[row]``, int32 ``[rows, W]``."""

    def accept(self, ids: Sequence[int]) -> int:
        """Commit ``ids`` up to the first illegal one; how many were committed."""

    def validate(self, ids: Sequence[int]) -> int:
        """Length of the longest legal prefix of ``ids``; the state does not change."""

    def rollback(self, n: int) -> None:
        """Take back the last ``n`` committed ids."""

    def forced(self) -> list[int]:
        """Ids that must come next, empty if there is a choice."""


def allocate_mask(rows: int, vocab_size: int) -> Bitmask:
    """A bitmask that allows everything, int32 ``[rows, ceil(vocab_size / 32)]``."""
    return np.full((rows, (vocab_size + 31) // 32), -1, dtype=np.int32)


def apply_mask(logits: torch.Tensor, mask: Bitmask) -> None:
    """Set the logits of forbidden ids to -inf, in place.

    Args:
        logits: ``[V]`` or ``[R, V]``, on any device.
        mask: ``[W]`` or ``[R, W]``. Ids beyond its last word are forbidden.
    """
    import torch

    vocab = logits.shape[-1]
    words = ~np.ascontiguousarray(mask, dtype="<i4").view(np.uint8)
    known = min(vocab, 8 * words.shape[-1])
    bits = np.unpackbits(words, axis=-1, count=known, bitorder="little")
    forbidden = torch.from_numpy(bits.view(np.bool_)).to(logits.device)
    logits[..., :known].masked_fill_(forbidden, float("-inf"))
    logits[..., known:] = float("-inf")


class TokenTable(Protocol):
    """What a backend needs of a tokenizer (``encoding.tokenizer.Tokenizer`` has it)."""

    @property
    def content_json(self) -> str:
        """A ``tokenizer.json`` in which every added token is flagged special."""

    @property
    def vocab_size(self) -> int: ...

    @property
    def eos(self) -> int: ...


class GrammarBackend:
    """Makes constraints for one tokenizer. Building it takes about half a second for
    129,280 tokens; a constraint then takes a millisecond or two."""

    def __init__(self, tokenizer: TokenTable) -> None:
        from llguidance import LLTokenizer

        self.eos = tokenizer.eos
        self.vocab_size = tokenizer.vocab_size
        self._tokenizer = LLTokenizer(
            tokenizer.content_json, n_vocab=self.vocab_size, eos_token=self.eos
        )
        self._large: dict[str, _Compiled] = {}
        """Large grammars, the one that was used last at the end."""
        self._lock = Lock()

    def constraint(self, source: str, *, large: bool = False) -> GrammarConstraint:
        """A constraint at the start of the grammar ``source``, in llguidance's Lark.

        Args:
            source: The grammar.
            large: It takes seconds to compile, and more than the usual limits. What
                the latest few were compiled to is kept, and a constraint of one of
                them costs no more than any other. Thread-safe.

        Raises:
            DefinitionError: the grammar is none, or too large.
        """
        if not large:
            return GrammarConstraint(self._compile(source), self.eos, self.vocab_size)
        compiled = self._compiled(source)
        matcher = compiled.matcher.deep_copy()
        return GrammarConstraint(matcher, self.eos, self.vocab_size, compiled)

    def _compiled(self, source: str) -> _Compiled:
        """The large grammar ``source``. If two threads ask for a new one at a time,
        both compile it, and one of them for nothing."""
        from llguidance import LLParserLimits

        with self._lock:
            found = self._large.pop(source, None)
            if found is not None and found.masks < _WORN:
                self._large[source] = found
                return found
        compiled = _Compiled(self._compile(source, LLParserLimits(**_LARGE)))
        with self._lock:
            self._large[source] = compiled
            while len(self._large) > _KEPT:
                del self._large[next(iter(self._large))]
        return compiled

    def _compile(self, source: str, limits: LLParserLimits | None = None) -> LLMatcher:
        from llguidance import LLMatcher

        matcher = LLMatcher(self._tokenizer, source, log_level=0, limits=limits)
        if matcher.is_error():
            raise DefinitionError(f"the grammar can't be compiled: {_reason(matcher)}")
        return matcher


@dataclass(slots=True)
class _Compiled:
    """A grammar whose constraints are copies of one matcher."""

    matcher: LLMatcher
    """At its start, always."""
    masks: int = 0
    """Made by all copies together."""


class GrammarConstraint:
    """A ``Constraint`` that follows a grammar."""

    def __init__(
        self,
        matcher: LLMatcher,
        eos: int,
        vocab_size: int,
        compiled: _Compiled | None = None,
    ) -> None:
        self._matcher = matcher
        self._compiled = compiled
        """What the matcher is a copy of, if it shares something."""
        self._eos = eos
        self._words = (vocab_size + 31) // 32
        self._count = 0
        self._ended = False
        """The end-of-turn token has been accepted. The matcher never sees it."""

    @property
    def done(self) -> bool:
        """Only the end-of-turn token may follow, or it has been accepted."""
        if self._ended:
            return True
        self._check()  # a matcher with an error calls itself stopped
        return bool(self._matcher.is_stopped())

    def fill_mask(self, out: Bitmask, row: int) -> None:
        """Write the mask of the next position to ``out[row]``.

        Args:
            out: int32 ``[rows, W]``, C-contiguous. ``W`` may exceed the tokenizer's
                vocabulary (a padded head); those ids are forbidden.
            row: Where to write.

        Raises:
            EngineError: the grammar engine reached one of its limits.
        """
        if self.done:
            out[row] = 0
            out.view(np.uint32)[row, self._eos // 32] = 1 << (self._eos % 32)
            return
        line = out[row, : self._words]
        if out.dtype != np.int32 or line.size < self._words or line.strides != (4,):
            raise ValueError(
                f"a mask is contiguous int32 [rows, {self._words} or more], not "
                f"{out.dtype} {list(out.shape)}"
            )
        if self._compiled is not None:
            self._compiled.masks += 1
        self._matcher.unsafe_compute_mask_ptr(line.ctypes.data, line.nbytes)
        self._check()
        out[row, self._words :] = 0

    def accept(self, ids: Sequence[int]) -> int:
        """Commit ``ids`` up to the first illegal one; how many were committed.

        Raises:
            EngineError: the grammar engine reached one of its limits.
        """
        if self._ended:
            return 0
        body, ends = self._until_eos(ids)
        taken = self._matcher.try_consume_tokens(body) if body else 0
        self._check()
        if ends and taken == len(body) and self._matcher.is_accepting():
            self._ended = True
            taken += 1
        self._count += taken
        return taken

    def validate(self, ids: Sequence[int]) -> int:
        """Length of the longest legal prefix of ``ids``; the state does not change.

        Raises:
            EngineError: the grammar engine reached one of its limits.
        """
        if self._ended:
            return 0
        body, ends = self._until_eos(ids)
        if ends and not body:  # which the matcher denies once it has stopped
            return int(self._matcher.is_accepting())
        legal: int = self._matcher.validate_tokens(body + [self._eos] * ends)
        self._check()
        return legal

    def rollback(self, n: int) -> None:
        """Take back the last ``n`` committed ids.

        Raises:
            ValueError: fewer than ``n`` have been committed.
        """
        if not 0 <= n <= self._count:
            raise ValueError(f"can't roll back {n} of {self._count} committed tokens")
        self._count -= n
        if n and self._ended:
            self._ended = False
            n -= 1
        if n:
            self._matcher.rollback(n)
            self._check()
            self._forget_mask()

    def _forget_mask(self) -> None:
        """Make the matcher compute the mask of where it stands.

        It hands its latest mask out again wherever its lexer and the count of its rows
        are as they were. Behind a rollback another way may lead to the same of both:
        after ``]`` and a blank, taken back, ``,`` and a blank got the former's mask
        (llguidance 1.9.1). From a mask made here, all ways on have more rows.
        """
        scratch = np.empty(self._words, dtype=np.int32)
        self._matcher.unsafe_compute_mask_ptr(scratch.ctypes.data, scratch.nbytes)
        self._check()

    def forced(self) -> list[int]:
        """Ids that must come next, empty if there is a choice.

        What is forced are the characters; these are the ids that usually spell them.
        """
        if self._ended:
            return []
        if self.done:
            return [self._eos]
        ids: list[int] = self._matcher.compute_ff_tokens()
        return ids

    def _until_eos(self, ids: Sequence[int]) -> tuple[list[int], bool]:
        """(``ids`` before the first end of turn, whether there is one)."""
        body = list(ids)
        if self._eos not in body:
            return body, False
        return body[: body.index(self._eos)], True

    def _check(self) -> None:
        if self._matcher.is_error():
            raise EngineError(f"the grammar engine stopped: {_reason(self._matcher)}")


def _reason(matcher: LLMatcher) -> str:
    """llguidance's message without the dump of its state."""
    message: str = matcher.get_error()
    return message.partition("\n<state>")[0].strip()
