"""What the commands can be told, and what it means for a run."""

from __future__ import annotations

import argparse
import shlex
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any, get_args

from dsagent.errors import DSAgentError
from dsagent.options import Limits, Sampling, ThinkingMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsagent.cli.terminal import Terminal
    from dsagent.sync import Model, Prefix
    from dsagent.tools import AnyTool


def prompting() -> argparse.ArgumentParser:
    """Options that decide what the model reads."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("what the model reads")
    group.add_argument(
        "-m",
        "--model",
        metavar="NAME",
        help="a folder or the name of a repository; by default the bundled nano",
    )
    group.add_argument("-s", "--system", metavar="TEXT", help="standing instructions")
    group.add_argument(
        "--thinking",
        choices=get_args(ThinkingMode),
        help="whether it thinks before it answers (default: as in a saved "
        "conversation, otherwise high)",
    )
    group.add_argument(
        "--tools",
        action="append",
        default=[],
        metavar="FILE.py",
        help="offer the tools that a Python file defines; may be repeated",
    )
    group.add_argument(
        "--mcp",
        type=_server,
        action="append",
        default=[],
        metavar="SERVER",
        help="offer the tools of an MCP server, by URL or command; may be repeated",
    )
    return parser


def asking() -> argparse.ArgumentParser:
    """Options that decide how the model answers."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("how the model answers")
    group.add_argument(
        "--context", type=_count, metavar="N", help="most tokens of a conversation"
    )
    group.add_argument(
        "--max-tokens", type=_count, metavar="N", help="most tokens of an answer"
    )
    group.add_argument(
        "--temperature",
        type=_temperature,
        metavar="T",
        help="0 always takes the likeliest",
    )
    group.add_argument(
        "--seed", type=int, metavar="N", help="fixes what chance decides"
    )
    group.add_argument(
        "--keep",
        metavar="FOLDER",
        help="keep what was read in a folder; the next command that reads the same "
        "begins there",
    )
    return parser


def _server(text: str) -> str | list[str]:
    """An MCP server: a URL, or the words of a command.

    Raises:
        ArgumentTypeError: it is neither.
    """
    if "://" in text:
        return text
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no command: {error}") from None
    if not words:
        raise argparse.ArgumentTypeError(f"{text!r} names no server")
    return words


def _count(text: str) -> int:
    """How many tokens.

    Raises:
        ArgumentTypeError: it is no number, or below 1.
    """
    with suppress(ValueError):
        if (number := int(text)) >= 1:
            return number
    raise argparse.ArgumentTypeError(f"{text!r} is no number of tokens, 1 or more")


def _temperature(text: str) -> float:
    """A temperature that ``Sampling`` takes.

    Raises:
        ArgumentTypeError: saying why it doesn't.
    """
    try:
        return Sampling(temperature=float(text)).temperature
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


@contextmanager
def opened(given: argparse.Namespace) -> Iterator[tuple[Model, dict[str, Any]]]:
    """The model, and the keyword arguments of a run with it.

    Raises:
        LoadError, DefinitionError, ToolServerError: what was named can't be used.
    """
    from dsagent import sync
    from dsagent.progress import Bar

    with ExitStack() as stack:
        tools = stack.enter_context(offered(given))
        with Bar(f"loading {given.model or 'nano'}", unit="tensors") as bar:
            model = sync.Model.load(given.model, context=given.context, progress=bar)
        stack.enter_context(model)
        yield model, {"tools": tools, **_options(given)}


@contextmanager
def offered(given: argparse.Namespace) -> Iterator[list[AnyTool]]:
    """The tools that were named; servers are connected inside the block."""
    from dsagent import sync

    with ExitStack() as stack:
        tools = [made for path in given.tools for made in _tools_of(path)]
        for server in given.mcp:
            tools += stack.enter_context(sync.mcp_tools(server))
        yield tools


def _tools_of(path: str) -> list[AnyTool]:
    """The tools at the top of a Python file, in its order.

    Raises:
        DefinitionError: there are none, one is hidden by another decorator, or the
            file can't be run.
    """
    import runpy

    from dsagent.errors import DefinitionError
    from dsagent.tools.function import tool_inside, toolbox

    try:
        names = runpy.run_path(path)
    except (Exception, SystemExit) as error:  # whatever somebody's file raises
        reason = f"{type(error).__name__}: {error}"
        raise DefinitionError(f"the tools of {path} can't be used: {reason}") from error
    tools = [value for value in names.values() if tool_inside(value)]
    if not tools:
        raise DefinitionError(f"{path} defines no tools; put @tool above a function")
    return [made for value in tools for made in toolbox([value]).values()]


@contextmanager
def kept(
    given: argparse.Namespace, model: Model, options: dict[str, Any], out: Terminal
) -> Iterator[Model | Prefix[str]]:
    """What to ask: the model, or what the questions begin with, if that is kept.

    Args:
        given: The command's arguments.
        model: The model.
        options: Of the question. What they say of its beginning is taken out if that
            is asked for separately.
        out: Is told what can't be kept.
    """
    from dsagent.progress import Bar

    if given.keep is None:
        yield model
        return
    names = ("system", "documents", "tools", "thinking")
    fixed = {name: options.pop(name) for name in names if name in options}
    with Bar("reading", unit="tokens", out=out.out) as bar:
        prefix = model.prefix(**fixed, folder=given.keep, progress=bar)
    with prefix:
        if prefix.source != "disk":
            with telling(out):
                prefix.save(given.keep)
        yield prefix


@contextmanager
def telling(out: Terminal) -> Iterator[None]:
    """Something that is only to save time: if it fails, that is said, and no more."""
    try:
        yield
    except (OSError, DSAgentError) as error:
        out.line(f"dsagent: not kept: {error}", "note")


def _options(given: argparse.Namespace) -> dict[str, object]:
    """What was said; what wasn't is left to the model, or to a saved conversation."""
    options: dict[str, object] = {}
    if given.thinking is not None:
        options["thinking"] = given.thinking
    if given.max_tokens is not None:
        options["limits"] = Limits(output_tokens=given.max_tokens)
    if given.temperature is not None or given.seed is not None:
        temperature = 1.0 if given.temperature is None else given.temperature
        options["sampling"] = Sampling(temperature=temperature, seed=given.seed)
    return options
