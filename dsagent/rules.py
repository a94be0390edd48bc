"""What the model may write in one turn, as a constraint.

The grammar of the turn comes from what the run offers and asks for; around it goes an
end to thinking, where there is any. What must stay true: a schema that the grammar
can't hold in full is said once, by the name of what is left out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from dsagent.encoding.grammar import turn_grammar
from dsagent.engine.thinking import ThinkingLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from dsagent.encoding.grammar import Grammar, GrammarNote
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import Constraint
    from dsagent.options import Limits
    from dsagent.transcript import Setup

log = logging.getLogger(__name__)


def rules_of(setup: Setup, tool_choice: str, tokenizer: Tokenizer) -> Grammar:
    """The grammar of a turn. ``tool_choice``: "auto", "none", "required" or a name."""
    grammar = turn_grammar(
        tools=setup.tools,
        tool_choice=tool_choice,
        thinking=setup.thinks,
        output_schema=setup.output,
        dsml_id=tokenizer.dsml,
    )
    for note in grammar.notes:
        _report(note)
    return grammar


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
