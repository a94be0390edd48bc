"""What the model may write in one turn, as a constraint.

The grammar of the turn comes from what the run offers and asks for; around it goes an
end to thinking, where there is any. What must stay true: a schema that the grammar
can't hold in full is said once, by the name of what is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import anyio
import anyio.to_thread

from dsagent.encoding.grammar import turn_grammar
from dsagent.engine.thinking import ThinkingLimit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsagent.documents import Document
    from dsagent.encoding.grammar import Grammar, GrammarNote
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import Constraint, GrammarBackend
    from dsagent.options import Limits
    from dsagent.transcript import Setup

log = logging.getLogger(__name__)

_LONG: Final = 20_000
"""Characters from which quotes of documents are compiled in a thread."""


def rules_of(
    setup: Setup,
    tool_choice: str,
    tokenizer: Tokenizer,
    documents: Sequence[Document] = (),
) -> Grammar:
    """The grammar of a turn.

    Args:
        setup: Of the run.
        tool_choice: "auto", "none", "required" or a tool's name.
        tokenizer: The engine's.
        documents: What the answer may quote.
    """
    grammar = turn_grammar(
        tools=setup.tools,
        tool_choice=tool_choice,
        thinking=setup.thinks,
        output_schema=setup.output,
        quotable=tuple(document.text for document in documents),
        dsml_id=tokenizer.dsml,
    )
    for note in grammar.notes:
        _report(note)
    return grammar


async def write_rules(
    setup: Setup,
    tool_choice: str,
    tokenizer: Tokenizer,
    grammars: GrammarBackend,
    documents: Sequence[Document],
) -> Grammar:
    """``rules_of``, compiled in a thread if it would keep the event loop waiting:
    quotes of long documents take seconds, and are compiled once for all runs.

    Args:
        grammars: Where it is compiled, so that a constraint comes at once.
    """

    def write() -> Grammar:
        grammar = rules_of(setup, tool_choice, tokenizer, documents)
        if grammar.quotes:
            grammars.constraint(grammar.source, large=True)
        return grammar

    if sum(len(document.text) for document in documents) < _LONG:
        return write()
    return await anyio.to_thread.run_sync(write, abandon_on_cancel=True)


@dataclass(frozen=True, slots=True)
class Start:
    """What a turn starts from."""

    constraint: Constraint
    thinking: ThinkingLimit | None
    """What can end its thinking; the constraint itself. None if it doesn't think."""
    begun: tuple[int, ...] = ()
    """Ids of the turn that an earlier run has sampled, and that the constraint has
    been taken through."""

    @classmethod
    def of(
        cls,
        make: Callable[[], Constraint],
        limits: Limits,
        tokenizer: Tokenizer,
        *,
        thinks: bool,
        tokens: int | None,
        begun: tuple[int, ...] = (),
    ) -> Start:
        """Start a turn, or go on with one.

        Args:
            make: Makes the constraint of the turn, at its start.
            limits: Of the run.
            tokenizer: The engine's.
            thinks: Whether the turn begins with thinking.
            tokens: Most tokens of thinking from here on; None: any number.
            begun: What there is of the turn. If it isn't legal, with other tools or
                another choice than when it was begun, the turn is written anew.
        """
        constraint, thinking = make(), None
        if thinks:
            constraint = thinking = ThinkingLimit(
                constraint,
                close=tokenizer.end_think,
                tokens=None if tokens is None else len(begun) + tokens,
                repeats=limits.thinking_repeats,
            )
        if constraint.accept(begun) == len(begun):
            return cls(constraint, thinking, begun)
        return cls.of(make, limits, tokenizer, thinks=thinks, tokens=tokens)


@lru_cache(maxsize=1024)
def _report(note: GrammarNote) -> None:
    """Log ``note`` the first time it comes up."""
    log.warning("%s", note)
