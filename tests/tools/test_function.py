"""A tool is still the function it was made of."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any, cast

import pytest

from dsagent.errors import DefinitionError
from dsagent.tools import Context, Tool, tool, toolbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import assert_type


@tool
def add(a: int, b: int = 1) -> int:
    """Add two numbers."""
    return a + b


@tool(
    name="find",
    description="Search.",
    timeout=2.5,
    retries=3,
    approval=True,
    sequential=True,
    thread=False,
)
async def search(query: str, *, ctx: Context[int]) -> list[str]:
    """Not this."""
    return [query] * ctx.deps


class Shop:
    def __init__(self, price: int) -> None:
        self.price = price

    @tool
    def total(self, count: int) -> int:
        """The price of a few."""
        return self.price * count

    @classmethod
    @tool
    def made(cls, count: int) -> str:
        return cls.__name__ * count

    @staticmethod
    @tool
    def free(count: int) -> int:
        return count

    async def plain(self, count: int) -> int:
        return self.price + count

    @tool(name="burn", description="Burn it.", timeout=5, approval=True)
    def destroy(cls, count: int) -> str:
        return cls.__name__ + "-" * count  # type: ignore[attr-defined, no-any-return]


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator as others write them, which knows nothing of tools."""

    @functools.wraps(function)
    def wrapper(*args: object, **kwargs: object) -> object:
        return function(*args, **kwargs)

    return wrapper


def test_a_tool_calls_like_its_function() -> None:
    assert add(2) == 3
    assert add(2, b=5) == 7
    assert (add.__name__, add.__doc__) == ("add", "Add two numbers.")
    assert add.__module__ == __name__
    assert add.__wrapped__ is add.function
    if TYPE_CHECKING:
        assert_type(add(1), int)
        add("x")  # type: ignore[arg-type]


async def test_an_async_tool_calls_like_its_function() -> None:
    assert await search("a", ctx=Context.for_test(2)) == ["a", "a"]


def test_defaults_and_options() -> None:
    assert add.name == "add"
    assert add.description == "Add two numbers."
    assert add.options.timeout is None
    assert (add.options.retries, add.options.thread) == (1, True)
    assert (add.options.approval, add.options.sequential) == (False, False)
    assert search.name == "find"
    assert search.description == "Search."
    assert search.options.timeout == 2.5
    assert search.options.retries == 3
    assert search.options.approval
    assert search.options.sequential
    assert not search.options.thread


def test_spec_is_what_the_prompt_shows() -> None:
    assert add.spec.as_openai() == {
        "type": "function",
        "function": {
            "name": "add",
            "description": "Add two numbers.",
            "parameters": {
                "type": "object",
                "properties": {
                    "a": {"type": "integer"},
                    "b": {"type": "integer", "default": 1},
                },
                "required": ["a"],
            },
        },
    }


def test_a_tool_without_a_docstring_has_no_description() -> None:
    @tool
    def f() -> None:
        pass

    assert f.spec.as_openai() == {
        "type": "function",
        "function": {"name": "f", "parameters": {"type": "object", "properties": {}}},
    }


def test_a_method_is_a_tool_of_its_object() -> None:
    total = Shop(3).total
    assert isinstance(total, Tool)
    assert total(4) == 12
    assert total(count=5) == 15
    assert total.description == "The price of a few."
    assert list(cast("Any", total.spec.parameters)["properties"]) == ["count"]
    assert Shop(5).total(2) == 10
    if TYPE_CHECKING:
        assert_type(total(4), int)


def test_class_and_static_methods() -> None:
    assert Shop.free(3) == 3
    assert cast("Any", Shop.made)(2) == "ShopShop"


async def test_a_bound_method_becomes_a_tool() -> None:
    made = tool(Shop(7).plain)
    assert made.name == "plain"
    assert await made(1) == 8


def test_a_bound_method_of_a_tool_is_that_tool() -> None:
    """What ``@classmethod`` above ``@tool`` makes of it since Python 3.13."""
    box = toolbox([types.MethodType(Shop.destroy, Shop)])
    assert list(box) == ["burn"]
    burn = box["burn"]
    assert burn.options == Shop.destroy.options
    assert (burn.options.approval, burn.options.timeout) == (True, 5)
    assert burn.description == "Burn it."
    assert list(cast("Any", burn.spec.parameters)["properties"]) == ["count"]
    assert burn(2) == "Shop--"


@pytest.mark.parametrize(
    "wrapped",
    [
        timed(search),
        timed(timed(search)),
        functools.lru_cache(search),
        functools.partial(search, "a"),
        timed(functools.partial(search, "a")),
        types.MethodType(timed(search), "a"),
    ],
)
def test_a_tool_in_another_decorator_is_refused(wrapped: Any) -> None:
    """As a tool of its own it would have none of the options of the one inside."""
    for make in (lambda: toolbox([wrapped]), lambda: tool(approval=True)(wrapped)):
        with pytest.raises(DefinitionError) as caught:
            make()
        assert "wraps the tool `find`" in str(caught.value)
        assert "put @tool above the other decorator" in str(caught.value)


def test_decorators_below_a_tool_are_part_of_its_function() -> None:
    again = tool(name="again", approval=True)(timed(timed(add.function)))
    assert toolbox([again])["again"] is again
    assert again(2) == 3
    assert list(cast("Any", again.spec.parameters)["properties"]) == ["a", "b"]


def test_other_callables() -> None:
    class Adder:
        def __call__(self, a: int) -> int:
            """Add."""
            return a

    adder = tool(name="adder")(Adder())
    assert (adder(3), adder.description) == (3, "Add.")
    part = tool(name="part")(functools.partial(add.function, b=9))
    assert part(1) == 10
    assert list(cast("Any", part.spec.parameters)["properties"]) == ["a", "b"]


def test_threads_are_for_sync_functions() -> None:
    class Async:
        async def __call__(self, a: int) -> int:
            return a

    assert add.threaded
    assert Shop(1).total.threaded
    assert not search.threaded
    assert not tool(Shop(1).plain).threaded
    assert not tool(name="a")(Async()).threaded
    assert not tool(thread=False)(add.function).threaded


def test_from_schema() -> None:
    def call(arguments: dict[str, object], ctx: Context[str]) -> str:
        return f"{arguments}{ctx.deps}"

    parameters = {"type": "object", "properties": {"q": {"type": "string"}}}
    raw = Tool.from_schema(
        call, name="raw", parameters=parameters, description="Raw.", timeout=1.0
    )
    assert (raw.name, raw.description, raw.options.timeout) == ("raw", "Raw.", 1.0)
    assert dict(raw.spec.parameters) == parameters
    assert raw.signature.context == "ctx"


def test_what_a_raw_tool_returns_is_not_its_context() -> None:
    def call(arguments: dict[str, object]) -> Context[str]:
        return Context.for_test("d")

    raw = Tool.from_schema(call, name="raw", parameters={})
    assert raw.signature.context is None


def raw_positional(arguments: dict[str, object], ctx: Context[str], /) -> None:
    pass


def generator(a: int) -> Iterator[int]:
    yield a


async def async_generator(a: int) -> AsyncIterator[int]:
    yield a


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tool(generator), "`generator` is a generator; return one value"),
        (lambda: tool(async_generator), "is a generator"),
        (lambda: tool(add), "`add` is a tool already"),
        (
            lambda: tool(types.MethodType(Shop.destroy, Shop)),
            "`burn` is a tool already",
        ),
        (lambda: tool(cast("Any", staticmethod(generator))), "@staticmethod above"),
        (lambda: tool(cast("Any", 3)), "not 3"),
        (lambda: tool(name='a"b')(add.function), r"double quote .* rename it"),
        (lambda: tool(name="a\nb")(add.function), "line break"),
        (lambda: tool(name="a｜DSML｜")(add.function), "control token"),
        (lambda: tool(timeout=0)(add.function), "above 0, not 0"),
        (lambda: tool(timeout=float("nan"))(add.function), "above 0, not nan"),
        (lambda: tool(retries=-1)(add.function), "from 0 up, not -1"),
        (lambda: tool(max_result=0)(add.function), "characters above 0, not 0"),
        (lambda: toolbox([add, add.function]), "two tools are called `add`"),
        (lambda: Tool.from_schema(print, name="", parameters={}), "is empty"),
        (
            lambda: Tool.from_schema(raw_positional, name="raw", parameters={}),
            "parameter `ctx` of tool `raw_positional` .* behind the `/`",
        ),
    ],
)
def test_definition_errors(make: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        make()


def test_toolbox_keeps_order_and_makes_tools() -> None:
    box = toolbox([search, add.function])
    assert list(box) == ["find", "add"]
    assert box["find"] is search
    assert isinstance(box["add"], Tool)


def test_local_names_resolve_in_string_annotations() -> None:
    class Local:
        """A type that only exists here, under ``from __future__ annotations``."""

        @classmethod
        def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
            return handler(str)

    @tool
    def f(a: Local) -> None:
        pass

    assert cast("Any", f.spec.parameters)["properties"] == {"a": {"type": "string"}}
