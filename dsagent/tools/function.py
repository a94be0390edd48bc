"""``@tool``: a typed Python function that the model can call.

The decorated function stays what it was: calling a ``Tool`` calls the function, with
its types, so a tool is tested like any other code. Beside that it carries everything
a run needs to know: the schema the model sees, the validator of what the model sends,
and how it wants to be run. All of it is checked when the tool is made; a signature
that can't be turned into a schema is a ``DefinitionError`` there, never a surprise in
the middle of a conversation.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    TypeAlias,
    TypeVar,
    cast,
    overload,
)

from dsagent.encoding.grammar import ToolSpec, check_name
from dsagent.errors import DefinitionError
from dsagent.tools.schema import (
    RawSignature,
    Signature,
    TypedSignature,
    context_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

MAX_LAYERS = 100
"""How deep a callable is looked into for a tool: some wrap themselves."""


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """How a tool wants to be run."""

    timeout: float | None = None
    """Seconds a call may take; the model is told when it took longer. None: no limit.
    A sync tool's thread can't be stopped, only left behind."""
    retries: int = 1
    """How often in a row the model may correct its arguments, after a validation
    error or a ``Retry``, before it is told to go on without the tool. The calls of one
    turn count once, and not at all if one of them succeeded."""
    approval: bool = False
    """Ask the application before each call."""
    sequential: bool = False
    """Never run it beside other calls of the same turn."""
    thread: bool = True
    """Run a sync function in a worker thread. False runs it on the event loop, for
    libraries that are bound to one thread; it then blocks the loop, and its timeout
    can't interrupt it."""
    max_result: int | None = None
    """Longest result in characters; what is longer is cut, with a note that says so.
    None: the run's ``Limits.result_chars``."""

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout > 0:
            raise DefinitionError(
                f"a tool's timeout is a number of seconds above 0, not {self.timeout}"
            )
        if self.retries < 0:
            raise DefinitionError(
                f"a tool's retries are a count from 0 up, not {self.retries}"
            )
        if self.max_result is not None and self.max_result < 1:
            raise DefinitionError(
                f"a tool's max_result is a number of characters above 0, not "
                f"{self.max_result}"
            )


class Tool(Generic[P, R_co]):
    """A function with a name, a schema and a way to be run. Immutable.

    Made by ``@tool``, or from a raw schema by ``Tool.from_schema``.

    >>> get_weather.name, get_weather.description
    ('get_weather', 'Weather in a city.')
    >>> get_weather("Rome")
    'sunny in Rome'
    """

    __name__: str

    __slots__ = ("__dict__", "__weakref__", "function", "options", "signature", "spec")

    def __init__(
        self,
        function: Callable[P, R_co],
        spec: ToolSpec,
        signature: Signature,
        options: ToolOptions,
    ) -> None:
        self.function = function
        self.spec = spec
        """What the model is told: name, JSON schema, description."""
        self.signature = signature
        """Schema and validator."""
        self.options = options
        for attribute in ("__module__", "__name__", "__qualname__", "__doc__"):
            if (value := getattr(function, attribute, None)) is not None:
                setattr(self, attribute, value)
        self.__wrapped__ = function

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def description(self) -> str:
        return self.spec.description

    @property
    def threaded(self) -> bool:
        """Whether a call runs in a worker thread instead of on the event loop."""
        function = self.function
        return self.options.thread and not (
            inspect.iscoroutinefunction(function)
            or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004
        )

    @property
    def returns_nothing(self) -> bool:
        """Whether the function says that it returns None and nothing else."""
        return inspect.signature(self.function).return_annotation in (None, "None")

    @classmethod
    def from_schema(
        cls,
        function: Callable[..., R],
        *,
        name: str,
        parameters: Mapping[str, object],
        description: str = "",
        timeout: float | None = None,
        retries: int = 1,
        approval: bool = False,
        sequential: bool = False,
        thread: bool = True,
        max_result: int | None = None,
    ) -> Tool[..., R]:
        """A tool from a JSON schema and a function of one dict.

        ``function`` gets the arguments as validated by jsonschema, as its first
        argument, and a ``Context`` in the parameter annotated with it, if any.

        Raises:
            DefinitionError: the schema is none, or the name can't be written.
        """
        check_name(name, f"tool name {name!r}")
        signature = RawSignature.of(parameters, context=context_of(function))
        options = ToolOptions(
            timeout, retries, approval, sequential, thread, max_result
        )
        spec = ToolSpec(name, signature.parameters, description)
        return Tool(function, spec, signature, options)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function itself, as if it were not decorated."""
        return self.function(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Tool[P, R_co]: ...

    @overload
    def __get__(
        self: Tool[Concatenate[Any, Q], R_co],
        instance: object,
        owner: type | None = None,
    ) -> Tool[Q, R_co]: ...

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """``obj.method`` of a tool defined in a class: the tool of that object."""
        if instance is None:
            return self
        bind = self.function.__get__
        return Tool(bind(instance, owner), self.spec, self.signature, self.options)

    def renamed(self, name: str) -> Tool[P, R_co]:
        """The same tool under another name.

        Raises:
            DefinitionError: the name can't be written.
        """
        check_name(name, f"tool name {name!r}")
        spec = replace(self.spec, name=name)
        return Tool(self.function, spec, self.signature, self.options)

    def __repr__(self) -> str:
        return f"<Tool {self.name!r}>"


AnyTool: TypeAlias = Tool[..., object]
"""A tool whatever its parameters."""
ToolLike: TypeAlias = (
    "AnyTool | Callable[..., object] | Iterable[AnyTool | Callable[..., object]]"
)
"""A tool, a function to make one of with the default options, or several of them."""


@overload
def tool(function: Callable[P, R], /) -> Tool[P, R]: ...


@overload
def tool(
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    retries: int = 1,
    approval: bool = False,
    sequential: bool = False,
    thread: bool = True,
    max_result: int | None = None,
) -> Callable[[Callable[P, R]], Tool[P, R]]: ...


def tool(
    function: Callable[P, R] | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = None,
    retries: int = 1,
    approval: bool = False,
    sequential: bool = False,
    thread: bool = True,
    max_result: int | None = None,
) -> Tool[P, R] | Callable[[Callable[P, R]], Tool[P, R]]:
    """Make a tool of a sync or async function. Use as ``@tool`` or ``@tool(...)``.

    Args:
        function: Every parameter needs a type hint. Descriptions come from
            ``Annotated[..., Field(description=...)]`` or from the docstring (Google,
            NumPy or Sphinx style). A parameter hinted ``Context`` gets the run's
            context and stays hidden from the model.
        name: What the model calls it; the function's name by default.
        description: What the model is told; the docstring's text by default.
        timeout: Seconds a call may take.
        retries: How often in a row the model may correct its arguments.
        approval: Ask the application before each call.
        sequential: Never run it beside other calls of the same turn.
        thread: Run a sync function in a worker thread.
        max_result: Longest result in characters.

    Other decorators go below ``@tool``, but ``@classmethod`` and ``@staticmethod``
    above it.

    Raises:
        DefinitionError: naming the parameter and the fix.

    >>> @tool
    ... async def add(a: float, b: float = 1) -> float:
    ...     "Add two numbers."
    ...     return a + b
    >>> await add(2), add.spec.parameters["required"]
    (3, ['a'])
    """
    options = ToolOptions(timeout, retries, approval, sequential, thread, max_result)
    names = sys._getframe(1).f_locals

    def make(function: Callable[P, R]) -> Tool[P, R]:
        return _make(function, name, description, options, names)

    return make if function is None else make(function)


def _make(
    function: Callable[P, R],
    name: str | None,
    description: str | None,
    options: ToolOptions,
    names: Mapping[str, object],
) -> Tool[P, R]:
    called = name or str(getattr(function, "__name__", type(function).__name__))
    if (made := _as_tool(function)) is not None:
        raise DefinitionError(f"`{made.name}` is a tool already")
    if isinstance(function, (classmethod, staticmethod)):
        kind = type(function).__name__
        raise DefinitionError(
            f"tool `{called}` is a {kind} object; write @{kind} above @tool"
        )
    if (inside := tool_inside(function)) is not None:
        raise DefinitionError(
            f"`{called}` wraps the tool `{inside.name}` and would lose its options, "
            "such as approval; put @tool above the other decorator, or make a new tool "
            "of its `.function`"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise DefinitionError(
            f"tool `{called}` is a generator; return one value, such as a list"
        )
    if not callable(function):
        raise DefinitionError(f"a tool is made of a function, not {function!r}")
    check_name(called, f"tool name {called!r}")
    signature = TypedSignature.of(
        function, skip_first=_is_method(function), names=names
    )
    spec = ToolSpec(
        called,
        signature.parameters,
        signature.description if description is None else description,
    )
    return Tool(function, spec, signature, options)


def _is_method(function: Callable[..., object]) -> bool:
    """Whether ``function`` is being defined in a class body, ``self`` still unbound."""
    scope = getattr(function, "__qualname__", "").rpartition(".")[0]
    if not scope or scope.endswith("<locals>") or inspect.ismethod(function):
        return False
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return (
        first is not None
        and first.name in ("self", "cls")
        and first.annotation is first.empty
    )


def tool_inside(value: object) -> AnyTool | None:
    """The tool that ``value`` is or leads to, under other decorators, bindings and
    partial applications; None if there is none."""
    for _ in range(MAX_LAYERS):
        if isinstance(value, Tool):
            return value
        value = _inner(value)
    return None


def _inner(value: object) -> object:
    """What ``value`` was made of, one layer further in; None if that can't be known."""
    if isinstance(value, functools.partial):
        return value.func
    if inspect.ismethod(value):  # before __wrapped__, which it has from its function
        return value.__func__
    return getattr(value, "__wrapped__", None)


def _as_tool(value: object) -> AnyTool | None:
    """The tool that ``value`` is, be it bound by somebody else: since Python 3.13
    ``@classmethod`` makes a plain bound method of the tool below it."""
    if isinstance(value, Tool):
        return value
    if inspect.ismethod(value) and isinstance(value.__func__, Tool):
        return value.__func__.__get__(value.__self__)
    return None


def toolbox(tools: Iterable[ToolLike]) -> dict[str, AnyTool]:
    """``tools`` by name, in order; plain functions are made tools on the way, and sets
    of tools are taken apart.

    Raises:
        DefinitionError: two of them share a name, or a function can't be a tool, such
            as one that wraps a tool.
    """
    box: dict[str, AnyTool] = {}
    for made in _each(tools):
        if made.name in box:
            raise DefinitionError(
                f"two tools are called `{made.name}`; rename one with @tool(name=...), "
                "or give a set of them a prefix, Toolset(tools, prefix=...)"
            )
        box[made.name] = made
    return box


def _each(tools: Iterable[ToolLike]) -> Iterator[AnyTool]:
    for item in tools:
        if (made := _as_tool(item)) is not None:
            yield made
        elif isinstance(item, Iterable) and not isinstance(item, (str, Mapping)):
            yield from _each(item)
        else:
            yield tool(cast("Callable[..., object]", item))
