"""What prompts will begin with, whatever is said next.

Between two control tokens a prompt is one text, and byte pairs merge across the place
where a question begins: the last characters of a document are other tokens before a
line break than before a letter. So where a question's tokens begin isn't known before
it is there. What must stay true: the ids given out here are a true beginning of every
prompt that follows, which is found by writing some with words of different sorts and
keeping what all of them share.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from dsagent.encoding.templates import EFFORTS
from dsagent.messages import ToolResult, User
from dsagent.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dsagent.documents import Document
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.messages import Message
    from dsagent.transcript import Setup

ENDINGS: Final = ("a", ".", " ", "\n")
"""Words of each sort that the signs and line breaks before a question can merge with.
Digits, marks and letters of other scripts merge with no more of them than these do."""


def beginning(
    tokenizer: Tokenizer,
    setup: Setup,
    conversations: Iterable[Sequence[Message]],
    begun: tuple[int, ...] = (),
) -> tuple[int, ...]:
    """The ids that the prompts of all these conversations begin with.

    Args:
        tokenizer: The model's.
        setup: How they are written.
        conversations: At least one.
        begun: Ids of a turn that goes on behind the first of them.
    """
    first, *others = (Transcript(tokenizer, setup, m).prompt for m in conversations)
    return shared([(*first, *begun), *others])


def shared(sequences: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """The longest beginning that all of the sequences have."""
    first, *others = sequences
    size = len(first)
    for other in others:
        pairs = zip(first[:size], other, strict=False)
        size = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return tuple(first[:size])


def next_conversations(
    messages: tuple[Message, ...], documents: tuple[Document, ...] = ()
) -> list[tuple[Message, ...]]:
    """How a conversation may go on, with words of each sort where they aren't known.

    Args:
        messages: Those there are. If the last of them is to be answered, it is what is
            said next; calls that wait for a decision are given results.
        documents: Those that wait for the next question.
    """
    if messages and isinstance(messages[-1], (User, ToolResult)):
        return [tuple(_decided(m, ending) for m in messages) for ending in ENDINGS]
    return [(*messages, User(ending, documents=documents)) for ending in ENDINGS]


def _decided(message: Message, text: str) -> Message:
    """A message; if it is a result that isn't known yet, with a text in its place."""
    if isinstance(message, ToolResult) and message.status == "pending":
        return replace(message, text=text, status="ok")
    return message


def _opening(setup: Setup) -> str:
    """What a conversation begins with, by how hard to think."""
    return EFFORTS[setup.profile][setup.effort] if setup.thinks else ""


def first_difference(
    before: tuple[Setup, Sequence[Message]], now: tuple[Setup, Sequence[Message]]
) -> str | None:
    """The first part of a conversation that is no longer as it was read.

    Args:
        before: How it was written, and the messages there were.
        now: The same, of the conversation that goes on.

    Returns:
        What it is, for people; None if nothing has to be read again.
    """
    (old, said), (new, says) = before, now
    parts = {
        "the effort of thinking": _opening(old) != _opening(new),
        "the tools": old.tools != new.tools,
        "the output's schema": old.output != new.output,
    }
    changed = next((name for name, differs in parts.items() if differs), None)
    if changed is not None:
        return f"{changed}, which the conversation begins with"
    # The last one is what is asked now, and going back to an earlier place is free.
    for index, (message, is_now) in enumerate(zip(said, says[:-1], strict=False)):
        if is_now != message:
            return f"message {index} ({message.kind}), which was changed"
    return None
