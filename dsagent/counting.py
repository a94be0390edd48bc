"""What the parts of a prompt cost, exactly and before the engine hears of it.

A part's size is what it adds to the prompt: the whole is rendered and encoded as the
model would read it, then again without the part. What must stay true: the parts add up
to the total, and the total is the length of the prompt that a run would begin with.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dsagent.documents import block
from dsagent.messages import System, User, check_messages
from dsagent.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.messages import Message
    from dsagent.transcript import Setup


@dataclass(frozen=True, slots=True)
class TokenCount:
    """What a prompt costs, in tokens. The parts add up to the total."""

    total: int
    system: int
    tools: int
    documents: int
    messages: int
    """Everything else: the question, the history, the markers around them."""
    by_document: Mapping[str, int] = field(default_factory=dict)
    """``documents`` by name; those of one name count together."""
    schema: int = 0
    """The schema of the answer."""

    def parts(self) -> dict[str, int]:
        """What the total is made of, each document by itself, without empty parts."""
        parts = {"system": self.system, "tools": self.tools, "schema": self.schema}
        parts |= {f"document {n!r}": size for n, size in self.by_document.items()}
        parts["messages"] = self.messages
        return {name: tokens for name, tokens in parts.items() if tokens}


def count_tokens(
    tokenizer: Tokenizer, setup: Setup, messages: Sequence[Message]
) -> TokenCount:
    """Count a conversation by part.

    Raises:
        InvalidMessages: it can't be continued.
    """
    check_messages(messages)

    def size(setup: Setup, messages: Sequence[Message]) -> int:
        return len(Transcript(tokenizer, setup, messages).prompt)

    untyped = replace(setup, output=None)
    bare_setup = replace(untyped, tools=())
    spoken = [m for m in messages if not isinstance(m, System)]
    bare = [replace(m, documents=()) if isinstance(m, User) else m for m in spoken]
    total = size(setup, messages)
    no_schema = size(untyped, messages)
    no_tools = size(bare_setup, messages)
    no_system = size(bare_setup, spoken)
    rest = size(bare_setup, bare)
    return TokenCount(
        total=total,
        schema=total - no_schema,
        tools=no_schema - no_tools,
        system=no_tools - no_system,
        documents=no_system - rest,
        messages=rest,
        by_document=_by_document(tokenizer, spoken, no_system - rest),
    )


def _by_document(
    tokenizer: Tokenizer, messages: Sequence[Message], total: int
) -> dict[str, int]:
    """Each document's share of ``total``.

    Encoded by itself, a document may take a token more or less than in its place,
    where it can merge with its neighbours; the largest one takes the difference.
    """
    sizes: Counter[str] = Counter()
    for message in messages:
        for document in message.documents if isinstance(message, User) else ():
            sizes[document.name] += len(tokenizer.encode_text(block(document)))
    if sizes:
        largest, _ = sizes.most_common(1)[0]
        sizes[largest] += total - sizes.total()
    return dict(sizes)
