"""Tools given together: sets, prefixes, methods of an object."""

from __future__ import annotations

import functools
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


class Files:
    root = "/"

    @tool
    def look(self, path: str) -> str:
        """Look into a file."""
        return f"{self.root}{path}"

    @staticmethod
    @tool
    def join(path: str) -> str:
        """Join files."""
        return path

    @classmethod
    @tool(name="erase", approval=True, timeout=3)
    def wipe(cls, path: str) -> str:
        """Erase a file."""
        return f"{cls.__name__} erased {path}"

    @tool
    def close(self) -> None:
        """Close them."""

    @staticmethod
    def helper(path: str) -> str:
        return path


class SomeFiles(Files):
    @staticmethod
    @tool
    def join(path: str) -> str:
        """Join some files."""
        return f"some {path}"

    def close(self) -> None:  # type: ignore[override]
        """No tool any more."""


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


def test_static_and_class_methods_belong_to_the_set() -> None:
    assert [t.name for t in Toolset.of(Files())] == ["look", "join", "erase", "close"]
    look, join, erase = Toolset.of(SomeFiles())
    assert [t.name for t in (look, join, erase)] == ["look", "join", "erase"]
    assert look("a") == "/a"
    assert (join("a"), join.description) == ("some a", "Join some files.")
    assert erase("a") == "SomeFiles erased a"
    assert (erase.options.approval, erase.options.timeout) == (True, 3)
    assert list(cast("Any", erase.spec.parameters)["properties"]) == ["path"]


def test_a_method_that_wraps_its_tool_is_no_silent_gap_in_the_set() -> None:
    class Cached:
        read = staticmethod(functools.lru_cache(read))

        @tool
        def other(self) -> None:
            """Something else."""

    with pytest.raises(DefinitionError, match="wraps the tool `read`"):
        Toolset.of(Cached())


def test_what_wraps_itself_is_no_tool_of_the_set() -> None:
    def endless() -> None:
        pass

    endless.__wrapped__ = endless  # type: ignore[attr-defined]
    namespace = {"endless": endless, "read": staticmethod(read)}
    (found,) = Toolset.of(type("Owner", (), namespace)())
    assert found is read


def test_a_set_of_methods_that_are_tools_no_more_is_refused() -> None:
    class Closed:
        @tool
        def close(self) -> None:
            """Close it."""

    class Plain(Closed):
        def close(self) -> None:  # type: ignore[override]
            """No tool any more."""

    with pytest.raises(DefinitionError, match="Plain has no methods that are tools"):
        Toolset.of(Plain())


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
