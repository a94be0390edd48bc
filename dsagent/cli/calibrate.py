"""``dsagent calibrate``: fit a drafter's confidences to what becomes of its drafts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import anyio

from dsagent.calibrate import calibrate as fit
from dsagent.cli.terminal import Terminal
from dsagent.documents import Document
from dsagent.errors import InvalidMessages
from dsagent.loading import find
from dsagent.progress import Bar

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator


def calibrate(given: Namespace) -> int:
    """Ask the questions, show what came out, and where it is kept."""
    questions = _questions(given.questions)
    folder = find(given.model)
    out = Terminal(sys.stdout)
    with Bar("asking", unit="questions") as bar:

        def asked() -> Iterator[str]:
            for number, question in enumerate(questions):
                bar(number, len(questions))
                yield question

        report, path = anyio.run(fit, folder, asked())
    for line in report.lines():
        out.line(line)
    out.line(f"kept in {path}")
    return 0


def _questions(path: str) -> list[str]:
    """The questions in a file, one a line.

    Raises:
        DocumentError: the file can't be read.
        InvalidMessages: there are none in it.
    """
    lines = Document.read(path, kind="text").text.splitlines()
    questions = [line.strip() for line in lines if line.strip()]
    if not questions:
        raise InvalidMessages(f"there are no questions in {path}; write one a line")
    return questions
