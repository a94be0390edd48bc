"""The ``dsagent`` command.

It does nothing a program couldn't do with the package. What must stay true: its exit
code is 0 only if what it was asked to do was done, so that scripts can rely on it; and
what a model, a tool or a document says can't drive the terminal it is shown on.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from dsagent.cli.options import asking, prompting
from dsagent.errors import DSAgentError

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code."""
    _open_streams()
    given = _parser().parse_args(arguments)
    try:
        code: int = given.run(given)
        sys.stdout.flush()
    except DSAgentError as error:
        sys.stderr.write(f"dsagent: {type(error).__name__}: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has seen enough; keep the exit from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _open_streams() -> None:
    """Make the standard streams such that every command can use them.

    One that was closed (Python has None for it) has nothing in it and forgets what is
    written. What one can't decode or spell is no reason to lose a conversation: it
    comes in as surrogates, as file names do, and goes out as escapes.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        with suppress(io.UnsupportedOperation):  # it has been read from already
            sys.stdin.reconfigure(errors="surrogateescape")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dsagent", description="DeepSeek-V4 inside a Python process."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser(
        "demo", help="let the bundled model call tools and answer from a document"
    )
    demo.set_defaults(run=_demo)

    chat = commands.add_parser(
        "chat", help="talk to a model", parents=[prompting(), asking()]
    )
    chat.add_argument("file", nargs="?", help="a saved conversation to go on with")
    chat.set_defaults(run=_chat)

    ask = commands.add_parser(
        "ask", help="ask about files", parents=[prompting(), asking()]
    )
    ask.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="a text file to ask about; - is what comes through the pipe",
    )
    ask.add_argument(
        "-q", "--question", help="by default what comes through the pipe is asked"
    )
    ask.add_argument(
        "--json", action="store_true", help="print the whole reply as JSON"
    )
    ask.set_defaults(run=_ask)

    inspect = commands.add_parser(
        "inspect",
        help="show the exact prompt of a question or a saved conversation",
        parents=[prompting()],
    )
    inspect.add_argument("file", nargs="?", help="a saved conversation")
    inspect.add_argument("-q", "--question", help="a question at its end")
    inspect.add_argument(
        "-d",
        "--document",
        action="append",
        default=[],
        metavar="FILE",
        help="a text file in front of the question; may be repeated",
    )
    inspect.set_defaults(run=_inspect)

    calibrate = commands.add_parser(
        "calibrate", help="fit how far a model drafts ahead to questions like yours"
    )
    calibrate.add_argument(
        "model",
        nargs="?",
        metavar="MODEL",
        help="a folder or the name of a repository; by default the bundled nano",
    )
    calibrate.add_argument(
        "questions", metavar="QUESTIONS", help="a text file, a question a line"
    )
    calibrate.set_defaults(run=_calibrate)
    return parser


def _demo(given: argparse.Namespace) -> int:
    import anyio

    from dsagent.demo import demo

    return 0 if anyio.run(demo, sys.stdout) else 1


def _chat(given: argparse.Namespace) -> int:
    from dsagent.cli.chat import chat

    return chat(given)


def _ask(given: argparse.Namespace) -> int:
    from dsagent.cli.ask import ask

    return ask(given)


def _calibrate(given: argparse.Namespace) -> int:
    from dsagent.cli.calibrate import calibrate

    return calibrate(given)


def _inspect(given: argparse.Namespace) -> int:
    from dsagent.cli.inspect import inspect

    return inspect(given)
