"""``dsagent inspect``: the exact prompt that a model would read.

The prompt goes to standard output, to the last character and without one more, so that
it can be kept and compared; on a terminal its control tokens are coloured, which tells
them from text that only spells them. The count goes to standard error.
"""

from __future__ import annotations

import sys
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from dsagent import chatfile
from dsagent.chatfile import SavedChat, State
from dsagent.cli.options import offered
from dsagent.cli.terminal import Terminal
from dsagent.documents import Document
from dsagent.errors import InvalidMessages
from dsagent.loading import writing
from dsagent.messages import System, User
from dsagent.transcript import Setup, Transcript

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.messages import Message


def inspect(given: Namespace) -> int:
    """Show the prompt of a conversation, a question, or one behind the other."""
    saved = SavedChat(state=State())
    if given.file is not None:
        saved, _ = chatfile.read(given.file)
    messages = _messages(given, saved.state)
    tokenizer, profile = writing(given.model)
    with offered(given) as tools:
        thinking = given.thinking or saved.thinking
        setup = Setup(thinking, tuple(tool.spec for tool in tools), profile)
    ids = Transcript(tokenizer, setup, messages).prompt
    out, aside = Terminal(sys.stdout), Terminal(sys.stderr)
    _show(out, tokenizer, ids)
    if out.shown:
        out.end()
    aside.line(_counted(tokenizer, ids), "note")
    if missing := set(saved.tools) - {tool.name for tool in tools}:
        names = ", ".join(sorted(missing))
        aside.line(f"shown without tools it was saved with: {names}", "note")
    return 0


def _messages(given: Namespace, state: State) -> list[Message]:
    """The conversation.

    Raises:
        InvalidMessages: there is nothing to show.
        DocumentError: a file can't be read.
    """
    messages: list[Message] = []
    if given.system is not None:
        messages.append(System(given.system))
    messages += state.messages
    if given.question is not None:
        documents = [Document.read(path) for path in given.document]
        documents = [*state.documents, *documents]
        messages.append(User(given.question, documents=tuple(documents)))
    elif given.document:
        raise InvalidMessages("documents go in front of a question; ask it with -q")
    if not messages:
        raise InvalidMessages("there is nothing to show; give a file or -q '...'")
    return messages


def _show(out: Terminal, tokenizer: Tokenizer, ids: Sequence[int]) -> None:
    for control, group in groupby(ids, tokenizer.control_ids.__contains__):
        out.write(tokenizer.decode(group), "control" if control else "plain")


def _counted(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    marks = Counter(tokenizer.text_of(i) for i in ids if i in tokenizer.control_ids)
    control = sum(marks.values())
    kinds = ", ".join(f"{count} × {mark}" for mark, count in marks.most_common())
    text = f"{len(ids) - control:,} of text, {control:,} control ({kinds})"
    return f"{len(ids):,} tokens: {text}"
