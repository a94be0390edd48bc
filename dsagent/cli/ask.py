"""``dsagent ask``: a question about files, answered once.

The answer goes to standard output and nothing else does, so that it can be piped on;
thinking, calls and progress go to standard error, if somebody watches it.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from dsagent.cli.options import kept, opened
from dsagent.cli.terminal import Narration, Terminal
from dsagent.documents import Document
from dsagent.encoding.pieces import scalars
from dsagent.errors import DocumentError, InvalidMessages
from dsagent.events import TextDelta, TurnFinished

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from dsagent.events import Event
    from dsagent.reply import Reply
    from dsagent.sync import Model, Prefix

STDIN = "-"


def ask(given: Namespace) -> int:
    """Ask once; 0 if the answer is complete."""
    question, documents = _read(given)
    out, aside = Terminal(sys.stdout), Terminal(sys.stderr)
    with opened(given) as (model, options):
        options |= {"system": given.system, "documents": documents}
        with kept(given, model, options, aside) as asked:
            reply = _answer(asked, question, options, out, aside, given.json)
        if given.json:
            out.line(json.dumps(_as_json(reply, model.name), ensure_ascii=False))
    if reply.stop != "done":
        aside.line(f"dsagent: the answer isn't complete: {reply.stop}", "error")
    return 0 if reply.stop == "done" else 1


def _answer(
    asked: Model | Prefix[str],
    question: str,
    options: dict[str, Any],
    out: Terminal,
    aside: Terminal,
    silent: bool,
) -> Reply[str]:
    """The answer, shown while it is written unless it is to be ``silent``."""
    if silent:
        return asked.chat(question, **options)
    with asked.stream(question, **options) as stream:
        _show(stream, Narration(out, aside), everything=aside.shown)
    out.end()
    return stream.reply


def _show(events: Iterable[Event], narration: Narration, *, everything: bool) -> None:
    try:
        for event in events:
            if everything or isinstance(event, (TextDelta, TurnFinished)):
                narration.tell(event)
    finally:
        narration.quiet()


def _read(given: Namespace) -> tuple[str, list[Document]]:
    """The question, and the documents it is about.

    Raises:
        InvalidMessages: there is no question.
        DocumentError: a file, or what comes through the pipe, can't be read.
    """
    piped = None if sys.stdin.isatty() else sys.stdin
    names: list[str] = list(given.files)
    question: str = given.question or ""
    if given.question is None and piped is not None and STDIN not in names:
        question = _piped().strip()
    elif not names and piped is not None:
        names.append(STDIN)
    if not question:
        raise InvalidMessages("there is no question; ask one with -q '...'")
    documents = [
        Document("stdin", _piped()) if name == STDIN else Document.read(name)
        for name in names
    ]
    return question, [document for document in documents if document.text]


def _piped() -> str:
    """What comes through the pipe.

    Raises:
        DocumentError: it isn't text.
    """
    text = sys.stdin.read()
    if scalars(text) != text:  # undecodable bytes come in as surrogates
        raise DocumentError(
            f"what comes through the pipe isn't {sys.stdin.encoding} text; convert it"
        )
    return text


def _as_json(reply: Reply[str], model: str) -> dict[str, object]:
    return {
        "model": model,
        "text": reply.text,
        "thinking": reply.thinking,
        "stop": reply.stop,
        "calls": [
            {"id": call.id, "name": call.name, "arguments": call.values()}
            for call in reply.calls
        ],
        "usage": asdict(reply.usage),
        "timing": asdict(reply.timing),
    }
