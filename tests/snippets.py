"""Running the code of documents as a notebook would: ``await`` works at its top.

What must stay true: a snippet runs with the language's own settings and not with those
of the file that runs it, and a traceback names the line of the document.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import io
import sys
from contextlib import contextmanager, redirect_stdout
from types import ModuleType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["exec", "single"]


async def run(
    source: str,
    namespace: dict[str, object],
    *,
    filename: str,
    line: int = 1,
    mode: Mode = "exec",
) -> str:
    """Run ``source`` and return what it printed.

    Args:
        source: Statements; ``await``, ``async with`` and ``async for`` among them.
        namespace: Its global names.
        filename: Where it comes from.
        line: Where in there it begins, from 1.
        mode: "single" runs one statement and prints its value, as a prompt does.
    """
    code = compile(
        "\n" * (line - 1) + source,
        filename,
        mode,
        ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        dont_inherit=True,
    )
    printed = io.StringIO()
    with redirect_stdout(printed):
        running = eval(code, namespace)
        if inspect.isawaitable(running):
            await running
    return printed.getvalue()


def shows(shown: str, printed: str) -> bool:
    """Whether a document shows what was printed; ``...`` stands for anything."""
    checker = doctest.OutputChecker()
    return checker.check_output(
        shown.rstrip() + "\n", printed.rstrip() + "\n", doctest.ELLIPSIS
    )


@contextmanager
def module(name: str) -> Iterator[dict[str, object]]:
    """The names of a module that exists in the block: types that are defined there can
    be looked up, as those of any module."""
    made = sys.modules[name] = ModuleType(name)
    try:
        yield made.__dict__
    finally:
        del sys.modules[name]
