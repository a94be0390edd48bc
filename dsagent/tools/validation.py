"""JSON schemas and validators of values that a model writes, typed or raw.

A tool's arguments and a typed answer are the same thing to a model: JSON that has to
fit a schema. Here is what both need. A typed one has its schema and its validator
from pydantic; a raw one is a JSON schema that came from elsewhere and is validated by
jsonschema. What must stay true: the same type gives the same schema in every process,
since it is part of the prompt; no schema ever makes anything be fetched; and what is
wrong with a value is said by its place in it, in words a model can act on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic.errors import (
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUserError,
)
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind

from dsagent.errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jsonschema.exceptions import ValidationError as SchemaViolation
    from jsonschema.protocols import Validator
    from pydantic import ValidationError
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

UNSCHEMABLE: Final = (
    PydanticUserError,
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
)
"""What pydantic raises of a type that has no JSON schema."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a value."""

    path: str
    """Where in it: ``items[2].price``; empty for all of it."""
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


_TOLD: Final = 20
"""Most problems told to the model; what is wrong everywhere is wrong in one way."""


def listed(problems: Sequence[object]) -> str:
    """``problems`` for the model, each on a line of its own: the first of them, and how
    many more there are."""
    found = "".join(f"\n- {problem}" for problem in problems[:_TOLD])
    more = len(problems[_TOLD:])
    return f"{found}\n- and {more} more" if more else found


_NUMBER: Final = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?"
_KEYS: Final = {
    "integer": "^-?(0|[1-9][0-9]*)$",
    "number": f"^{_NUMBER}$",
    "boolean": "^(true|false)$",
}
"""How a JSON key, which is text, spells a key of another type."""


class TypeSchema(GenerateJsonSchema):
    """pydantic's schemas, shorter, and true where they promise more than it takes.

    Shorter: without generated titles, which repeat names and cost prompt tokens; a
    default that has no JSON form is simply not shown, the type still has it. True: keys
    that aren't text are spelled as their type is, and so are decimals.
    """

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {  # noqa: RUF012
        "skipped-choice",
        "non-serializable-default",
    }

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def sort(self, value: Any, parent_key: str | None = None) -> Any:
        return value

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        keys = self.generate_inner(schema.get("keys_schema", {"type": "any"}))
        pattern = _KEYS.get(str(keys.get("type")))
        if pattern is not None:
            values = made.pop("additionalProperties", True)
            made["patternProperties"] = {pattern: {} if values is True else values}
            made["additionalProperties"] = False
        return made

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        number, _ = super().decimal_schema(schema)["anyOf"]
        if number != {"type": "number"}:
            return cast("JsonSchemaValue", number)  # text can't be held to a range
        text = {"type": "string", "pattern": f"^{_NUMBER}$"}
        return {"anyOf": [number, text]}


def first_line(error: PydanticUserError) -> str:
    """pydantic's message without its advice on models, which there may be none of."""
    return error.message.partition("\n")[0].partition(". Set `arb")[0]


def pydantic_problems(
    error: ValidationError, *, undeclared: str = "There is no such parameter"
) -> Iterator[Problem]:
    """What pydantic found, a problem each.

    Args:
        error: From validating JSON text.
        undeclared: What to say of a key that the type doesn't have.
    """
    for detail in error.errors(include_url=False):
        message = detail["msg"]
        if detail["type"] not in ("missing", "json_invalid", "extra_forbidden"):
            message += f", not {_shown(detail['input'])}"
        if detail["type"] == "extra_forbidden":
            message = undeclared
        yield Problem(_path(detail["loc"]), message)


def _shown(value: object) -> str:
    """A value the model sent, short enough to send back."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return _shortened(text)


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _path(location: Iterable[str | int]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")


def schema_validator(schema: Mapping[str, object], what: str) -> Validator:
    """A validator of ``schema``, which is checked first.

    Raises:
        DefinitionError: it is not a JSON schema; ``what`` is how its message begins.
    """
    import jsonschema
    import referencing
    from jsonschema.validators import validator_for

    kind = validator_for(schema, default=jsonschema.Draft202012Validator)
    try:
        kind.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise DefinitionError(
            f"{what} no JSON schema: at {error.json_path}, {error.message}"
        ) from error
    # An empty registry, because the default one fetches remote references.
    return kind(
        schema, registry=referencing.Registry(), format_checker=kind.FORMAT_CHECKER
    )


def schema_problems(validator: Validator, value: object, what: str) -> list[Problem]:
    """What is wrong with ``value``, in the order of its places.

    Raises:
        DefinitionError: the schema refers to something that isn't in it; ``what`` is
            how the message begins.
    """
    import referencing.exceptions

    try:
        violations = sorted(validator.iter_errors(value), key=_order)
    except referencing.exceptions.Unresolvable as error:
        raise DefinitionError(
            f"{what} refers to {error.ref!r}, which is not in it; remote references "
            "are never fetched, so put it under $defs"
        ) from error
    return [Problem(_path(v.absolute_path), _message(v)) for v in violations]


def _message(violation: SchemaViolation) -> str:
    """What jsonschema says, which repeats the whole value, with less of it."""
    value = repr(violation.instance)
    return str(violation.message).replace(value, _shortened(value))


def _order(violation: SchemaViolation) -> tuple[str, str]:
    return violation.json_path, violation.message


_FIRST = ("type", "description", "properties", "required")
_LAST = ("default", "$defs")


def _rank(keyword: str) -> int:
    if keyword in _FIRST:
        return _FIRST.index(keyword)
    return len(_FIRST) + (1 + _LAST.index(keyword) if keyword in _LAST else 0)


def tidy(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` without titles and null defaults, its keywords in reading order.

    The order is part of the prompt, so it has to be the same in every process.
    """
    kept: dict[str, Any] = {}
    for keyword in sorted(schema, key=_rank):
        value = schema[keyword]
        if keyword == "title" or (keyword == "default" and value is None):
            continue
        if keyword in ("properties", "$defs", "patternProperties"):
            value = {name: tidy(sub) for name, sub in value.items()}
        elif keyword in ("anyOf", "oneOf", "allOf", "prefixItems"):
            value = [tidy(sub) for sub in value]
        elif keyword in ("items", "additionalProperties", "not", "propertyNames"):
            value = tidy(value) if isinstance(value, dict) else value
        kept[keyword] = value
    return kept
