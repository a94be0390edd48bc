"""The ``dsagent`` command.

It does nothing a program couldn't do with the package. What must stay true: its exit
code is 0 only if what it was asked to do was done, so that scripts can rely on it.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import anyio

from dsagent.errors import DSAgentError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    given = _parser().parse_args(arguments)
    try:
        code: int = anyio.run(given.run)
    except DSAgentError as error:
        sys.stderr.write(f"dsagent: {type(error).__name__}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dsagent", description="DeepSeek-V4 inside a Python process."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser(
        "demo", help="let the bundled model call tools and answer from a document"
    )
    demo.set_defaults(run=_demo)
    return parser


async def _demo() -> int:
    from dsagent.demo import demo

    return 0 if await demo(sys.stdout) else 1
