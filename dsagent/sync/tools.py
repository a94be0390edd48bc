"""``mcp_tools``, blocking."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from dsagent.sync.portal import Held
from dsagent.tools import mcp as _mcp

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

P = ParamSpec("P")
T = TypeVar("T")


def _holding(
    open_block: Callable[P, AbstractAsyncContextManager[T]],
) -> Callable[P, AbstractContextManager[T]]:
    def hold(*args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[T]:
        return Held(open_block(*args, **kwargs))

    update_wrapper(hold, open_block)
    return hold


mcp_tools = _holding(_mcp.mcp_tools)
