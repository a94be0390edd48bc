"""Several tools as one value: with a prefix, out of an object, one set in another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dsagent.errors import DefinitionError
from dsagent.tools.function import AnyTool, tool_inside, toolbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from dsagent.tools.function import ToolLike


class Toolset(Iterable[AnyTool]):
    """Tools that belong together, given and named as one.

    ::

        files = Toolset([read, write], prefix="files_")
        reply = await model.chat("Tidy up.", tools=[files, search])

    A toolset may hold toolsets. Wherever it may stand, any other object that yields
    tools may, such as a list of them.
    """

    def __init__(self, tools: Iterable[ToolLike], *, prefix: str = "") -> None:
        """
        Args:
            tools: Read once, now.
            prefix: Put before each name, so that sets with the same names go together.

        Raises:
            DefinitionError: as ``toolbox``.
        """
        made = toolbox(tools).values()
        self._tools = tuple(
            tool.renamed(prefix + tool.name) if prefix else tool for tool in made
        )

    @classmethod
    def of(cls, owner: object, *, prefix: str = "") -> Self:
        """The tools that are methods of ``owner``, in the order of their definition.

        Static and class methods are methods too.

        Raises:
            DefinitionError: its class defines none, or a method wraps one.
        """
        kinds = reversed(type(owner).__mro__)
        names = dict.fromkeys(
            name
            for kind in kinds
            for name, value in vars(kind).items()
            if tool_inside(value) is not None
        )
        methods = [getattr(owner, name) for name in names]
        tools = [method for method in methods if tool_inside(method) is not None]
        if not tools:
            raise DefinitionError(
                f"{type(owner).__name__} has no methods that are tools; write @tool "
                "above their definitions"
            )
        return cls(tools, prefix=prefix)

    def __iter__(self) -> Iterator[AnyTool]:
        return iter(self._tools)

    def __repr__(self) -> str:
        return f"<Toolset {', '.join(tool.name for tool in self)}>"
