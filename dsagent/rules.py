"""What the model may write in one turn, as a constraint.

The grammar of the turn comes from what the run offers and asks for; around it goes an
end to thinking, where there is any. What must stay true: a schema that the grammar
can't hold in full is said once, by the name of what is left out.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING

from dsagent.encoding.grammar import turn_grammar
from dsagent.engine.thinking import ThinkingLimit

if TYPE_CHECKING:
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


def with_limit(
    constraint: Constraint, limits: Limits, tokenizer: Tokenizer, *, tokens: int | None
) -> ThinkingLimit:
    """``constraint``, of a turn that thinks, with an end to that after ``tokens``."""
    return ThinkingLimit(
        constraint,
        close=tokenizer.end_think,
        tokens=tokens,
        repeats=limits.thinking_repeats,
    )


@lru_cache(maxsize=1024)
def _report(note: GrammarNote) -> None:
    """Log ``note`` the first time it comes up."""
    log.warning("%s", note)
