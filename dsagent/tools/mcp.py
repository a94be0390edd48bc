"""The tools of an MCP server, as tools of a run.

::

    async with mcp_tools(["uvx", "mcp-server-time"]) as clock:
        reply = await model.chat("What time is it in Oslo?", tools=clock)

Transports and protocol are the official SDK's. What is decided here is what a server's
words may do: its schemas are shown to the model as they came, and hold for every call;
its failures are results that the model reads; all its text is content, which can't
become a control token. The tools are those listed when the block is entered, since a
list that changes would change the prompt. Enter and leave the block in one task, as any
``async with``; the tools may be called in others.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from dsagent.errors import DefinitionError, DSAgentError, ToolServerError, Unsupported
from dsagent.tools.context import Context  # noqa: TC001  found by annotation
from dsagent.tools.function import Tool
from dsagent.tools.run import ToolError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence

    from mcp import Client, StdioServerParameters, types
    from mcp.client import Transport
    from mcp.server import MCPServer, Server

    from dsagent.tools.function import AnyTool

    Endpoint: TypeAlias = (
        str | StdioServerParameters | MCPServer[Any] | Server[Any] | Transport
    )

_PAGES = 100
"""Most pages of a server's list of tools: one that never ends must not hang us."""


@asynccontextmanager
async def mcp_tools(
    server: Endpoint | Sequence[str],
    *,
    prefix: str = "",
    only: Collection[str] | None = None,
    timeout: float | None = None,  # noqa: ASYNC109  of each call, not of this one
    approval: bool = False,
) -> AsyncIterator[list[AnyTool]]:
    """Connect to a server; inside the block its tools can be called.

    Args:
        server: A URL (streamable HTTP); the words of a command to start (stdio); or
            an object of the SDK: ``StdioServerParameters``, a transport, or a server,
            which then runs in this process.
        prefix: Put before the tools' names, for servers that use the same ones.
        only: The tools to take, by their own names; all if not given.
        timeout: Seconds a call may take.
        approval: Ask the application before each call.

    Raises:
        Unsupported: the SDK isn't installed.
        ToolServerError: there is no server there, or it lacks one of ``only``.
        DefinitionError: a tool has a schema or a name that can't be used.
    """
    failure: Exception | None = None
    async with AsyncExitStack() as stack:
        # Nothing is raised inside: the SDK's task group would wrap it.
        try:
            client = await stack.enter_async_context(_client(server))
            specs = await _listed(client, only)
            options = {"timeout": timeout, "approval": approval}
            tools = [_tool(client, spec, prefix, options) for spec in specs]
        except Exception as error:  # ours, the SDK's, the transport's, the system's
            failure = _named(error, server)
        else:
            try:
                yield tools
            except Exception as error:
                failure = error
    if failure is not None:
        raise failure


def _client(server: Endpoint | Sequence[str]) -> Client:
    try:
        from mcp import Client, StdioServerParameters
    except ImportError as error:
        msg = "tools of MCP servers need the MCP SDK: pip install 'dsagent[mcp]'"
        raise Unsupported(msg) from error
    if isinstance(server, (list, tuple)):
        command, *arguments = server
        return Client(StdioServerParameters(command=command, args=arguments))
    if isinstance(server, str) and "://" not in server:
        msg = f"{server!r} is no URL; give a command as a list, {server.split()!r}"
        raise DefinitionError(msg)
    return Client(server)  # type: ignore[arg-type]  # a str is a sequence of str


async def _listed(client: Client, only: Collection[str] | None) -> list[types.Tool]:
    """The server's tools in its order, those of ``only``."""
    listed: list[types.Tool] = []
    cursor = None
    for _ in range(_PAGES):
        page = await client.list_tools(cursor=cursor)
        listed += page.tools
        if (cursor := page.next_cursor) is None:
            break
    names = [spec.name for spec in listed]
    if missing := sorted(set(only or ()) - set(names)):
        known = ", ".join(names) or "none"
        msg = f"the MCP server has no tool {', '.join(missing)}; it has {known}"
        raise ToolServerError(msg)
    return [spec for spec in listed if only is None or spec.name in only]


def _tool(
    client: Client, spec: types.Tool, prefix: str, options: dict[str, Any]
) -> AnyTool:
    from mcp import MCPError

    async def call(arguments: dict[str, Any], ctx: Context[object]) -> object:
        progress = partial(_report, ctx)
        try:
            result = await client.call_tool(
                spec.name, arguments, progress_callback=progress
            )
        except MCPError as error:
            raise ToolError(error.message) from error
        text = "\n".join(_text(block) for block in result.content)
        if result.is_error:
            raise ToolError(text or f"{spec.name} failed without saying why")
        return text if result.content else result.structured_content

    return Tool.from_schema(
        call,
        name=prefix + spec.name,
        parameters=spec.input_schema,
        description=spec.description or spec.title or "",
        **options,
    )


async def _report(
    ctx: Context[object], progress: float, total: float | None, message: str | None
) -> None:
    share = min(max(progress / total, 0.0), 1.0) if total else None
    await ctx.report(message or "", share)


def _text(block: types.ContentBlock) -> str:
    """What the model reads of one part of a result: it can't see or hear."""
    if block.type == "text":
        return block.text
    if block.type == "resource_link":
        return f"[resource {block.uri}: {block.description or block.name}]"
    if block.type == "resource":
        unread = f"[{block.resource.mime_type or 'binary data'}, not shown]"
        text: str = getattr(block.resource, "text", unread)
        return f"[resource {block.resource.uri}]\n{text}"
    return f"[{block.type}: {block.mime_type}, not shown]"


def _named(error: BaseException, server: object) -> DSAgentError:
    """What kept a server from being used, with its name."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, DSAgentError):
        return error
    name = getattr(server, "command", None) or getattr(server, "name", server)
    reason = f"{type(error).__name__}: {error}"
    failure = ToolServerError(f"the MCP server {name!r} can't be used ({reason})")
    failure.__cause__ = error
    return failure
