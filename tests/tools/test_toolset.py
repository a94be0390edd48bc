"""Tools given together: sets, prefixes, methods of an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from dsagent.errors import DefinitionError
from dsagent.tools import Tool, Toolset, tool, toolbox
from tests.fakes import call, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import assert_type

    from dsagent.tools import AnyTool, ToolLike
    from tests.conftest import Scripted


@tool
def read(path: str) -> str:
    """Read a file."""
    return f"read {path}"


@tool(approval=True, timeout=3)
def write(path: str) -> str:
    """Write a file."""
    return f"wrote {path}"


def plain(count: int) -> int:
    """Not decorated."""
    return count


class Store:
    def __init__(self, name: str) -> None:
        self.name = name

    @tool
    def buy(self, item: str) -> str:
        """Buy something."""
        return f"{item} from {self.name}"

    @tool
    async def ask(self, item: str) -> str:
        """Ask for something."""
        return f"{self.name} has {item}"


class BigStore(Store):
    @tool
    def ask(self, item: str) -> str:  # type: ignore[override]
        """Ask somebody else."""
        return f"{self.name} has everything"


def test_a_toolbox_takes_sets_apart_in_order() -> None:
    class Yields:
        def __iter__(self) -> Iterator[AnyTool]:
            yield write

    box = toolbox([plain, [read], Yields()])
    assert list(box) == ["plain", "read", "write"]
    assert box["write"] is write
    assert list(toolbox([Toolset([Toolset([read]), [write, plain]])])) == [
        "read",
        "write",
        "plain",
    ]


def test_a_prefix_is_part_of_the_name_and_of_nothing_else() -> None:
    files = Toolset([read, write], prefix="files_")
    assert [item.name for item in files] == ["files_read", "files_write"]
    renamed = list(files)[1]
    assert renamed.options == write.options
    assert renamed.spec.parameters == write.spec.parameters
    assert renamed.description == "Write a file."
    assert write.name == "write"
    outer = Toolset([files, Toolset([read])], prefix="my_")
    assert [t.name for t in outer] == ["my_files_read", "my_files_write", "my_read"]


def test_methods_of_an_object_are_a_set() -> None:
    assert [t.name for t in Toolset.of(BigStore("A"))] == ["buy", "ask"]
    (_, ask) = Toolset.of(BigStore("A"))
    assert ask("tea") == "A has everything"
    both = [Toolset.of(Store(name), prefix=f"{name}_") for name in ("A", "B")]
    box = toolbox(both)
    assert list(box) == ["A_buy", "A_ask", "B_buy", "B_ask"]
    assert box["B_buy"]("tea") == "tea from B"
    with pytest.raises(DefinitionError, match="str has no methods that are tools"):
        Toolset.of("text")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: toolbox([read, [read]]), "called `read`; .*prefix"),
        (lambda: Toolset([read, read]), "two tools are called `read`"),
        (lambda: Toolset([read], prefix='"'), "double quote"),
        (lambda: toolbox(cast("Any", ["read"])), "made of a function, not 'read'"),
        (lambda: toolbox(cast("Any", [{"a": read}])), "made of a function, not {"),
    ],
)
def test_sets_that_can_not_be(make: Callable[[], object], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        make()


async def test_a_run_takes_sets_and_bound_methods(scripted: Scripted) -> None:
    store = Store("A")
    model, engine = scripted(
        call(("buy", '{"item": "tea"}'), ("b_ask", '{"item": "tea"}')), say("Done.")
    )
    tools: list[ToolLike] = [store.buy, Toolset.of(Store("B"), prefix="b_"), [read]]
    reply = await model.chat("Go.", tools=tools)
    engine.assert_done()
    texts = [m.text for m in reply.messages[2:4]]
    assert texts == ["tea from A", "B has tea"]
    assert (await model.count_tokens("Go.", tools=Toolset(tools))).tools > 0


def test_types() -> None:
    """Half of it is held by mypy: what is given for an ``AnyTool`` may be any tool."""
    tools: list[AnyTool] = [read, write, *Toolset([plain])]
    assert all(isinstance(item, Tool) for item in tools)
    assert read.renamed("r")("a") == "read a"
    if TYPE_CHECKING:
        assert_type(read("a"), str)
        assert_type(read.renamed("r")("a"), str)
        assert_type(Store("A").buy("tea"), str)
        read(1)  # type: ignore[arg-type]
        read.renamed("r")(1)  # type: ignore[arg-type]
        Store("A").buy(1)  # type: ignore[arg-type]
