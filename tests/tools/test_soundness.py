"""What a tool's schema takes, its validator takes: the model is promised no more.

The schema that the model is shown and held to is given to jsonschema, somebody else's
reading of it; whatever that accepts must become arguments. The other direction is not
asked for: pydantic takes more than it says, such as "3" for a number.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from typing import Annotated, Any, Literal, NamedTuple

import annotated_types
import jsonschema
import pydantic
import pytest
import typing_extensions
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from dsagent.tools.schema import InvalidArguments, TypedSignature


class Unit(enum.Enum):
    METRE = "m"
    FOOT = 3


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    x: float
    y: float = 0.0


class Pair(NamedTuple):
    left: int
    right: str = "r"


class Options(typing_extensions.TypedDict, total=False):
    deep: typing_extensions.Required[bool]
    names: list[str]


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)] = 9


class Dog(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    kind: Literal["dog"]
    owner: Owner | None = None


class Owner(pydantic.BaseModel):
    name: Annotated[str, Field(min_length=1, pattern="^[a-z]+$")]
    pets: list[Cat | Dog] = []


Dog.model_rebuild()
Owner.model_rebuild()

ANNOTATIONS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "none": None,
    "optional": int | None,
    "union": int | str | list[bool],
    "literal": Literal["a", 1, True, None],
    "enum": Unit,
    "int enum": Level,
    "list": list[int],
    "set": set[int],
    "frozen set": frozenset[str],
    "tuple": tuple[int, str],
    "long tuple": tuple[float, ...],
    "dict": dict[str, int],
    "dict of int keys": dict[int, str],
    "dict of enum keys": dict[Literal["a", "b"], int],
    "dataclass": Point,
    "named tuple": Pair,
    "typed dict": Options,
    "model": Cat,
    "recursive model": Owner,
    "tagged union": Annotated[Cat | Dog, Field(discriminator="kind")],
    "range": Annotated[int, Field(ge=0, lt=10)],
    "open range": Annotated[float, Field(gt=0, le=1)],
    "decimal range": Annotated[decimal.Decimal, Field(ge=0)],
    "dict of number keys": dict[float, Any],
    "dict of bool keys": dict[bool, str],
    "dict of date keys": dict[datetime.date, int],
    "multiple": Annotated[int, Field(multiple_of=3)],
    "length": Annotated[str, Field(min_length=2, max_length=3)],
    "pattern": Annotated[str, Field(pattern="^[ab]+$")],
    "short list": Annotated[list[int], Field(min_length=1, max_length=2)],
    "small dict": Annotated[dict[str, int], annotated_types.Len(1, 2)],
    "constrained items": list[Annotated[int, Field(ge=0)]],
    "date": datetime.date,
    "uuid": uuid.UUID,
    "decimal": decimal.Decimal,
    "bytes": bytes,
    "json": pydantic.JsonValue,
    "any": Any,
    "positive": pydantic.PositiveInt,
    "secret": pydantic.SecretStr,
}

FORMATS: dict[str, tuple[Any, str]] = {
    "moment": (datetime.datetime, "date-time"),
    "time": (datetime.time, "time"),
    "duration": (datetime.timedelta, "duration"),
    "url": (pydantic.HttpUrl, "uri"),
    "ip": (pydantic.IPvAnyAddress, "ipvanyaddress"),
}
"""Types of which the schema says no more than a format, which jsonschema can't check
without other packages."""

WORDS = [
    *("", "a", "ab", "abc", "abcd", "é", "m", "cat", "dog", "1", "3.5", "true", "null"),
    *("2024-02-30", "2024-02-29", "2024-02-29T10:00:00Z", "10:00", "10:61", "P1D"),
    *("2024-02-29T10:00:00", "24:00:00Z", "10:00:00+99:00", "P", "PT1H", "P1Y"),
    *("00000000-0000-0000-0000-000000000000", "x" * 36, "1e5", "-1", "+1", " 1"),
    *("http://a.b", "http://", "::1", "1.2.3.4", "1.2.3.400", "r", "x", "name"),
]
KEYS = ["kind", "name", "names", "x", "a", "1", "-2", "0.5", "true", "2024-02-29"]
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 12),
    st.sampled_from([10**30, -(10**19), 2**63, 0.5, 1.0, -0.0, 1e300, 3.7]),
    st.sampled_from(WORDS),
    st.text(alphabet="ab1-:T ", max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
        st.fixed_dictionaries(
            {"kind": st.sampled_from(["cat", "dog", "cow"])},
            optional={"lives": inner, "owner": inner},
        ),
        st.fixed_dictionaries({"name": inner}, optional={"pets": st.lists(inner)}),
        st.fixed_dictionaries({}, optional={"x": inner, "y": inner, "deep": inner}),
    ),
    max_leaves=8,
)
TRIED: list[Any] = [
    *WORDS,
    *(True, False, None, 0, 3, 9, 10, 0.5, 1.0, 10**30, -1),
    *([], [1], [1, "a"], ["a"], [True], [0.5, 1], [1, 2, 3]),
    *({}, {"a": 1}, {"b": 2, "a": 1}, {"1": "a"}, {"0.5": 1}, {"true": "x"}),
    *({"x": 1, "y": 0.5}, {"deep": True, "names": ["a"]}, {"2024-02-29": 1}),
    *({"kind": "cat"}, {"kind": "cat", "lives": 10}, {"kind": "dog", "name": 1}),
    {"kind": "dog", "owner": {"name": "bo", "pets": [{"kind": "cat"}]}},
    {"name": "bo", "pets": [{"kind": "dog", "owner": None}]},
    {"name": "Bo"},
]


def signature_of(annotation: Any) -> TypedSignature:
    def function(value: Any) -> None:
        """Never called."""

    function.__annotations__["value"] = annotation
    return TypedSignature.of(function, names={})


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_what_the_schema_takes_the_validator_takes(name: str) -> None:
    signature = signature_of(ANNOTATIONS[name])
    schema = dict(signature.parameters)
    kind = jsonschema.Draft202012Validator
    kind.check_schema(schema)
    validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
    seen = {True: 0, False: 0}

    def check(value: object) -> None:
        arguments = {"value": value}
        taken = validator.is_valid(arguments)
        seen[taken] += 1
        if taken:
            try:
                signature.bind(json.dumps(arguments))
            except InvalidArguments as error:
                raise AssertionError(f"{value!r} is promised, but: {error}") from error

    for value in TRIED:
        check(value)
    given(VALUES)(
        settings(max_examples=60, deadline=None, derandomize=True, database=None)(check)
    )()
    assert seen[True], "nothing was tried that the schema takes"
    assert seen[False] or name in ("any", "json")


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_named_and_held_by_the_validator(name: str) -> None:
    annotation, spelled = FORMATS[name]
    signature = signature_of(annotation)
    value: Any = signature.parameters["properties"]
    assert value["value"]["format"] == spelled
    with pytest.raises(InvalidArguments):
        signature.bind('{"value": "not one"}')
