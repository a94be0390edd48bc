"""What an answer is to be: free text, a Python type, or a JSON schema.

One object for the three readings of an output type, so that they can't drift apart:
``schema`` is what the prompt shows and the grammar holds, ``validate`` turns the text
of an answer into its value. A type is read by pydantic and comes back as itself; a
schema in a dict is validated by jsonschema and comes back as plain data. What must
stay true: the grammar may know less than the validator (its notes say where), so
nothing is handed out that ``validate`` hasn't seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Final, Generic, NoReturn, Protocol, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUndefinedAnnotation
from pydantic_core import from_json

from dsagent.documents import places_of
from dsagent.encoding.quotes import FORMAT
from dsagent.errors import DefinitionError
from dsagent.tools.validation import (
    UNSCHEMABLE,
    Problem,
    TypeSchema,
    first_line,
    pydantic_problems,
    schema_problems,
    schema_validator,
    tidy,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jsonschema.protocols import Validator
    from typing_extensions import TypeForm

    from dsagent.documents import Document

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class InvalidValue(Exception):
    """An answer doesn't fit what was asked for; ``problems`` says where and why."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class Output(Protocol[T_co]):
    """What an answer is to be, and how it is read."""

    @property
    def schema(self) -> Mapping[str, object] | None:
        """JSON schema of the answer; None: it is free text."""

    def validate(self, text: str, documents: Sequence[Document] = ()) -> T_co:
        """The value that ``text``, a whole answer, stands for.

        Args:
            text: The answer.
            documents: What it may quote.

        Raises:
            InvalidValue: it isn't JSON, or doesn't fit.
        """


class PlainText:
    """An answer in words."""

    schema: Final = None

    def validate(self, text: str, documents: Sequence[Document] = ()) -> str:
        return text


class TypedOutput(Generic[T]):
    """An answer of a Python type that pydantic knows how to build."""

    def __init__(self, type_: TypeForm[T]) -> None:
        """Read ``type_``: a model, dataclass, TypedDict, union, ``Literal``, …

        Raises:
            DefinitionError: no JSON value can become one.
        """
        try:
            self._adapter: TypeAdapter[T] = TypeAdapter(type_)
            schema = self._adapter.json_schema(schema_generator=TypeSchema)
        except PydanticUndefinedAnnotation as error:
            raise DefinitionError(
                f"output={_name(type_)} mentions {error.name!r}, which isn't defined "
                "where the type is; import it at run time, not under TYPE_CHECKING"
            ) from error
        except UNSCHEMABLE as error:
            raise DefinitionError(
                f"output={_name(type_)} is no type that JSON can become: "
                f"{first_line(error)}"
            ) from error
        self.schema: Mapping[str, object] = tidy(schema)

    def validate(self, text: str, documents: Sequence[Document] = ()) -> T:
        context = {"documents": tuple(documents)}
        try:
            return self._adapter.validate_json(text, context=context)
        except ValidationError as error:
            problems = pydantic_problems(error, undeclared="There is no such key")
            raise InvalidValue(*problems) from None


class SchemaOutput:
    """An answer that fits a JSON schema; its value is plain data."""

    def __init__(self, schema: Mapping[str, object]) -> None:
        """Check ``schema``.

        Raises:
            DefinitionError: it is not a JSON schema.
        """
        self.schema = dict(schema)
        self._validator: Validator = schema_validator(self.schema, "the output is")

    def validate(self, text: str, documents: Sequence[Document] = ()) -> object:
        try:
            value: object = json.loads(text, parse_constant=_no_constant)
        except ValueError as error:
            raise InvalidValue(Problem("", f"Invalid JSON: {error}")) from None
        checker = copy(self._validator.format_checker)
        checker.checkers = {
            **checker.checkers,
            FORMAT: (lambda text: bool(places_of(text, documents)), ()),
        }
        validator = self._validator.evolve(format_checker=checker)
        problems = schema_problems(validator, value, "the output schema")
        if problems:
            raise InvalidValue(*problems)
        return value


def output_of(output: object) -> Output[object]:
    """The reading of an ``output=`` argument: ``str`` is free text, a mapping is a
    JSON schema, anything else a type.

    Raises:
        DefinitionError: it is none of these.
    """
    if output is str:
        return PlainText()
    if isinstance(output, Mapping):
        return SchemaOutput(output)
    return TypedOutput(cast("TypeForm[object]", output))


NOTHING: Final = object()
"""No value yet; every JSON value is one, ``null`` included."""


def partial_value(text: str) -> object:
    """The JSON value that ``text`` is the beginning of, as far as it can be told:
    complete members, and strings that are still being written. ``NOTHING`` if it
    can't be told at all."""
    try:
        value: object = from_json(text, allow_partial="trailing-strings")
    except ValueError:
        return NOTHING
    return value


def _name(type_: object) -> str:
    return type_.__name__ if isinstance(type_, type) else repr(type_)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
