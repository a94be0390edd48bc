"""A function's signature becomes the schema the model sees and what it is held to.

The expected schemas are written out by hand, from the rules of JSON Schema.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import io
import threading  # noqa: TC003 - an annotation, read at run time
import urllib.request
from typing import Annotated, Any, Literal

import pydantic
import pytest
import typing_extensions
from pydantic import Field

from dsagent.errors import DefinitionError
from dsagent.tools import Context, InvalidArguments, tool
from dsagent.tools.schema import Bound, RawSignature, TypedSignature

if typing_extensions.TYPE_CHECKING:
    from collections.abc import Callable


class Unit(enum.Enum):
    CELSIUS = "C"
    FAHRENHEIT = "F"


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


class Item(pydantic.BaseModel):
    name: str
    price: float = Field(gt=0)


class Options(typing_extensions.TypedDict, total=False):
    deep: bool


def properties(function: Callable[..., object]) -> dict[str, Any]:
    found = TypedSignature.of(function).parameters["properties"]
    assert isinstance(found, dict)
    return found


def call(function: Callable[..., object], bound: Bound) -> object:
    return function(*bound.args, **bound.kwargs)


def test_plain_types() -> None:
    def f(a: str, b: int, c: float, d: bool, e: list[str], f: dict[str, int]) -> None:
        pass

    assert dict(TypedSignature.of(f).parameters) == {
        "type": "object",
        "properties": {
            "a": {"type": "string"},
            "b": {"type": "integer"},
            "c": {"type": "number"},
            "d": {"type": "boolean"},
            "e": {"type": "array", "items": {"type": "string"}},
            "f": {"type": "object", "additionalProperties": {"type": "integer"}},
        },
        "required": ["a", "b", "c", "d", "e", "f"],
    }


def test_order_of_parameters_is_the_signature_s() -> None:
    def f(z: int, y: int = 1, *, x: int, w: int = 2) -> None:
        pass

    schema = TypedSignature.of(f).parameters
    assert list(properties(f)) == ["z", "y", "x", "w"]
    assert schema["required"] == ["z", "x"]
    assert list(schema) == ["type", "properties", "required"]


def test_defaults_make_a_parameter_optional() -> None:
    def f(a: int = 3, b: str | None = None, c: Literal["x", "y"] = "x") -> None:
        pass

    assert properties(f) == {
        "a": {"type": "integer", "default": 3},
        "b": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "c": {"type": "string", "enum": ["x", "y"], "default": "x"},
    }
    assert "required" not in TypedSignature.of(f).parameters


def test_rich_types() -> None:
    def f(
        unit: Unit,
        point: Point,
        items: list[Item],
        options: Options,
        day: datetime.date,
    ) -> None:
        pass

    schema = TypedSignature.of(f).parameters
    assert properties(f) == {
        "unit": {"$ref": "#/$defs/Unit"},
        "point": {"$ref": "#/$defs/Point"},
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "options": {"$ref": "#/$defs/Options"},
        "day": {"type": "string", "format": "date"},
    }
    defs = schema["$defs"]
    assert isinstance(defs, dict)
    assert defs["Unit"] == {"type": "string", "enum": ["C", "F"]}
    assert defs["Item"]["properties"]["price"] == {
        "type": "number",
        "exclusiveMinimum": 0,
    }
    assert defs["Item"]["required"] == ["name", "price"]
    assert defs["Point"]["properties"]["y"] == {"type": "integer", "default": 0}


def test_titles_are_left_out_at_any_depth() -> None:
    def f(
        a: list[Annotated[int, Field(title="N")]],
        b: dict[str, Annotated[int, Field(title="N")]],
        c: Annotated[int, Field(title="N")] | Annotated[str, Field(title="N")],
    ) -> None:
        pass

    assert "title" not in repr(TypedSignature.of(f).parameters)


def test_a_property_called_title_stays() -> None:
    class Book(pydantic.BaseModel):
        title: str

    def f(book: Book, title: str) -> None:
        pass

    schema = TypedSignature.of(f, names={"Book": Book}).parameters
    assert schema == {
        "type": "object",
        "properties": {
            "book": {"$ref": "#/$defs/Book"},
            "title": {"type": "string"},
        },
        "required": ["book", "title"],
        "$defs": {
            "Book": {
                "type": "object",
                "properties": {"title": {"type": "string"}},
                "required": ["title"],
            }
        },
    }


def google(city: str, days: int = 1) -> str:
    """Look up the weather.

    It knows today and the
    next nine days.

    Args:
        city: Where, as people
            write it.
        days: How many days.

    Returns:
        A sentence.
    """
    return city * days


def numpy_style(city: str, days: int = 1) -> str:
    """Look up the weather.

    It knows today and the
    next nine days.

    Parameters
    ----------
    city : str
        Where, as people
        write it.
    days : int
        How many days.

    Returns
    -------
    str
        A sentence.
    """
    return city * days


def sphinx(city: str, days: int = 1) -> str:
    """Look up the weather.

    It knows today and the
    next nine days.

    :param city: Where, as people
        write it.
    :param days: How many days.
    :returns: A sentence.
    """
    return city * days


@pytest.mark.parametrize("function", [google, numpy_style, sphinx])
def test_docstring_styles(function: Callable[..., object]) -> None:
    signature = TypedSignature.of(function)
    text = "Look up the weather.\n\nIt knows today and the\nnext nine days."
    assert signature.description == text
    assert properties(function) == {
        "city": {"type": "string", "description": "Where, as people write it."},
        "days": {"type": "integer", "description": "How many days.", "default": 1},
    }


def test_field_beats_docstring() -> None:
    def f(
        a: Annotated[int, Field(ge=1, le=9, description="Mine.")], b: int = 0
    ) -> None:
        """Do.

        Args:
            a: Not this.
            b: This.
        """

    assert properties(f) == {
        "a": {"type": "integer", "description": "Mine.", "minimum": 1, "maximum": 9},
        "b": {"type": "integer", "description": "This.", "default": 0},
    }


def test_names_that_pydantic_keeps_for_itself() -> None:
    def f(schema: int, copy: str, model_config: int, _private: int, self_: int) -> None:
        pass

    text = '{"schema": 1, "copy": "c", "model_config": 2, "_private": 3, "self_": 4}'
    assert TypedSignature.of(f).bind(text).kwargs == {
        "schema": 1,
        "copy": "c",
        "model_config": 2,
        "_private": 3,
        "self_": 4,
    }


def test_arguments_become_the_annotated_types() -> None:
    def f(unit: Unit, point: Point, items: list[Item], day: datetime.date) -> None:
        pass

    bound = TypedSignature.of(f).bind(
        '{"unit": "F", "point": {"x": "4"}, "items": [{"name": "a", "price": 2}],'
        ' "day": "2026-11-23"}'
    )
    assert bound.kwargs == {
        "unit": Unit.FAHRENHEIT,
        "point": Point(4, 0),
        "items": [Item(name="a", price=2.0)],
        "day": datetime.date(2026, 11, 23),
    }


def test_a_left_out_argument_takes_the_function_s_own_default() -> None:
    marker = object()

    def f(
        a: int = 5,
        b: Any = marker,
        *,
        c: list[int] = Field([7], max_length=2),  # noqa: B008
    ) -> Any:
        return a, b, c

    signature = TypedSignature.of(f)
    bound = signature.bind("{}")
    assert call(f, bound) == (5, marker, [7])
    assert signature.bind("").kwargs == {"c": [7]}
    with pytest.raises(InvalidArguments, match="at most 2"):
        signature.bind('{"c": [1, 2, 3]}')


def test_positional_only_parameters() -> None:
    def f(a: int, b: int = 2, /, c: int = 3) -> tuple[int, int, int]:
        return a, b, c

    bound = TypedSignature.of(f).bind('{"a": 1, "c": 9}')
    assert call(f, bound) == (1, 2, 9)


@pytest.mark.parametrize(
    ("arguments", "path", "message"),
    [
        ('{"n": 99, "items": []}', "n", "less than or equal to 50, not 99"),
        ('{"items": []}', "n", "Field required"),
        ('{"n": 1, "items": [{"name": "a", "price": "x"}]}', "items[0].price", '"x"'),
        ('{"n": 1, "items": [], "m": 2}', "m", "no such parameter"),
        ('{"n": 1', "", "Invalid JSON"),
        ("[1]", "", "object"),
    ],
)
def test_problems_have_a_path(arguments: str, path: str, message: str) -> None:
    def f(n: Annotated[int, Field(le=50)], items: list[Item]) -> None:
        pass

    with pytest.raises(InvalidArguments) as caught:
        TypedSignature.of(f).bind(arguments)
    (problem,) = caught.value.problems
    assert problem.path == path
    assert message in problem.message
    assert str(problem) == (f"{path}: " if path else "") + problem.message


def test_context_is_found_by_annotation_and_hidden() -> None:
    def first(ctx: Context[int], a: int) -> None:
        pass

    def last(a: int, *, whatever: Annotated[Context[None], "x"]) -> None:
        pass

    def bare(a: int, c: Context) -> None:  # type: ignore[type-arg]
        pass

    assert [TypedSignature.of(f).context for f in (first, last, bare)] == [
        "ctx",
        "whatever",
        "c",
    ]
    for function in (first, last, bare):
        assert list(properties(function)) == ["a"]


def untyped(city, days: int = 1):  # type: ignore[no-untyped-def]
    return city


def starred(*cities: str) -> None:
    pass


def double_starred(**cities: str) -> None:
    pass


def unschemable(lock: threading.Lock) -> None:
    pass


def two_contexts(a: Context[int], b: Context[int]) -> None:
    pass


def positional_context(a: int, ctx: Context[int], /) -> None:
    pass


def unresolvable(a: Missing) -> None:  # type: ignore[name-defined]  # noqa: F821
    pass


@pytest.mark.parametrize(
    ("function", "named", "fix"),
    [
        (untyped, "parameter `city` of tool `untyped`", "write `city: str`"),
        (starred, "parameter `*cities`", "`cities: list[...]`"),
        (double_starred, "parameter `**cities`", "`cities: dict[str, ...]`"),
        (unschemable, "parameter `lock`", "no JSON value can become"),
        (two_contexts, "parameter `b`", "keep one"),
        (positional_context, "parameter `ctx`", "move it behind the `/`"),
        (unresolvable, "`unresolvable`", "import that name at run time"),
    ],
)
def test_a_bad_signature_is_named_with_its_fix(
    function: Callable[..., object], named: str, fix: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        tool(function)
    assert named in str(caught.value)
    assert fix in str(caught.value)


# --- raw schemas -------------------------------------------------------------------

RAW: dict[str, object] = {
    "type": "object",
    "title": "Kept",
    "properties": {
        "n": {"type": "integer", "minimum": 1},
        "tags": {"$ref": "#/$defs/t"},
    },
    "required": ["n"],
    "additionalProperties": False,
    "$defs": {"t": {"type": "array", "items": {"type": "string"}, "uniqueItems": True}},
}


def test_a_raw_schema_reaches_the_prompt_as_it_came() -> None:
    assert dict(RawSignature.of(RAW).parameters) == RAW
    assert list(RawSignature.of(RAW).parameters) == list(RAW)


def test_a_raw_schema_binds_the_plain_dict() -> None:
    bound = RawSignature.of(RAW).bind('{"n": 2, "tags": ["a"]}')
    assert bound.args == ({"n": 2, "tags": ["a"]},)
    assert bound.kwargs == {}


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ('{"n": 0, "tags": ["a", 1]}', ["n", "tags[1]"]),
        ('{"n": 1, "tags": ["a", "a"]}', ["tags"]),
        ('{"m": 1}', ["", ""]),
        ("{", [""]),
        ("3", [""]),
    ],
)
def test_a_raw_schema_reports_every_problem(arguments: str, paths: list[str]) -> None:
    with pytest.raises(InvalidArguments) as caught:
        RawSignature.of(RAW).bind(arguments)
    assert [problem.path for problem in caught.value.problems] == paths


def test_a_remote_reference_is_never_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def fetch(*request: object, **options: object) -> io.BytesIO:
        asked.append(request)
        return io.BytesIO(b"{}")

    monkeypatch.setattr(urllib.request, "urlopen", fetch)
    schema = {"properties": {"a": {"$ref": "http://127.0.0.1:1/schema.json"}}}
    with pytest.raises(DefinitionError, match=r"127\.0\.0\.1.*never fetched"):
        RawSignature.of(schema).bind('{"a": 1}')
    assert asked == []


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        ({"type": "array"}, "type object, not 'array'"),
        ({"properties": {"a": {"type": "strin"}}}, r"\$\.properties\.a\.type.*'strin'"),
    ],
)
def test_a_raw_schema_that_is_none(schema: dict[str, object], message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        RawSignature.of(schema)
