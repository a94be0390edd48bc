"""What a tool accepts: one schema, read by the prompt, the grammar and the validator.

A ``Signature`` pairs the JSON schema that the model sees with the validator of what
the model sends, so that the two can't drift apart. There are two kinds. A typed
function's signature comes from its hints, ``Annotated``/``Field`` metadata, defaults
and docstring, and validates with pydantic into typed Python values. A raw one is a
JSON schema that came from elsewhere (a dict, an MCP server); it validates with
jsonschema and hands over the plain dict. Neither ever fetches a remote ``$ref``.
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast, get_origin

import docstring_parser
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from dsagent.errors import DefinitionError
from dsagent.tools.context import Context
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
    from jsonschema.protocols import Validator

AnyFunction = Callable[..., object]


class InvalidArguments(Exception):
    """The model's arguments don't fit the schema; ``problems`` says where and why."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


@dataclass(frozen=True, slots=True)
class Bound:
    """Validated arguments, ready to be applied to the function."""

    args: tuple[object, ...]
    kwargs: dict[str, object]


class Signature(Protocol):
    """The two readings of what a tool accepts."""

    @property
    def parameters(self) -> Mapping[str, object]:
        """JSON schema of the arguments: an object schema, properties in order."""

    @property
    def context(self) -> str | None:
        """The parameter that takes the ``Context``, if there is one."""

    def bind(self, arguments: str) -> Bound:
        """Validate ``arguments``, the text of a JSON object.

        Raises:
            InvalidArguments: they are not JSON, or don't fit.
        """


# --- typed functions ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Slot:
    """How one field of the arguments model reaches the function."""

    field: str
    parameter: str
    positional: bool
    always: bool
    """Pass it even when the model left it out: the signature's default is a
    ``Field(...)``, which only pydantic can turn into a value."""


@dataclass(frozen=True, slots=True)
class TypedSignature:
    """Schema and validator of a Python function."""

    parameters: Mapping[str, object]
    context: str | None
    description: str
    """The docstring without its sections; empty if there is none."""
    model: type[BaseModel]
    """One field for each parameter. Fields are called p0, p1, … and go by alias, so
    that a parameter may be called ``schema``, ``copy`` or ``_id``."""
    slots: tuple[_Slot, ...]
    """In signature order, the ``Context`` left out."""

    @classmethod
    def of(
        cls,
        function: AnyFunction,
        *,
        skip_first: bool = False,
        names: Mapping[str, object] | None = None,
    ) -> TypedSignature:
        """Read the signature of ``function``.

        Args:
            function: A function, a bound method or any other callable.
            skip_first: The first parameter is the ``self`` of a method that will be
                bound later; leave it out.
            names: What string annotations may refer to besides the globals.

        Raises:
            DefinitionError: naming the parameter and the way out.
        """
        hints = _hints(function, names or {})
        doc = docstring_parser.parse(_docstring(function))
        told = {p.arg_name: " ".join((p.description or "").split()) for p in doc.params}
        context: str | None = None
        slots: list[_Slot] = []
        fields: dict[str, tuple[object, object]] = {}
        parameters = list(inspect.signature(function).parameters.values())
        for parameter in parameters[int(skip_first) :]:
            hint = _hint(function, parameter, hints)
            if _is_context(hint):
                if context is not None:
                    raise DefinitionError(
                        f"{_where(function, parameter)} is a second Context: "
                        f"`{context}` has it already, keep one of them"
                    )
                context = _passed_by_name(function, parameter)
                continue
            slot = _Slot(
                field=f"p{len(slots)}",
                parameter=parameter.name,
                positional=parameter.kind is parameter.POSITIONAL_ONLY,
                always=isinstance(parameter.default, FieldInfo),
            )
            slots.append(slot)
            fields[slot.field] = _field(parameter, hint, told.get(parameter.name, ""))
        model = _model(function, fields, slots)
        schema = tidy(model.model_json_schema(schema_generator=TypeSchema))
        description = (doc.description or "").strip()
        return cls(_as_parameters(schema), context, description, model, tuple(slots))

    def bind(self, arguments: str) -> Bound:
        try:
            values = self.model.model_validate_json(arguments.strip() or "{}")
        except ValidationError as error:
            raise InvalidArguments(*pydantic_problems(error)) from None
        args: list[object] = []
        kwargs: dict[str, object] = {}
        for slot in self.slots:
            value = getattr(values, slot.field)
            if slot.positional:
                args.append(value)
            elif slot.always or slot.field in values.model_fields_set:
                kwargs[slot.parameter] = value
        return Bound(tuple(args), kwargs)


def _where(function: AnyFunction, parameter: inspect.Parameter | str) -> str:
    name = parameter if isinstance(parameter, str) else parameter.name
    return f"parameter `{name}` of tool `{_name(function)}`"


def _name(function: AnyFunction) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _docstring(function: AnyFunction) -> str:
    """The function's own docstring; an object's class docstring describes the class,
    its ``__call__`` describes the call."""
    if inspect.isroutine(function):
        return inspect.getdoc(function) or ""
    own = getattr(type(function), "__call__", None)  # noqa: B004
    return inspect.getdoc(own) or ""


def _hints(function: AnyFunction, names: Mapping[str, object]) -> dict[str, object]:
    """The resolved annotations of ``function``, ``Annotated`` kept."""
    source = inspect.unwrap(function)
    while hasattr(source, "func"):  # functools.partial
        source = source.func
    if not (inspect.isroutine(source) or inspect.isclass(source)):
        source = type(source).__call__
    try:
        return typing.get_type_hints(source, None, dict(names), include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"tool `{_name(function)}` has an annotation that can't be resolved "
            f"({error}); import that name at run time, not under TYPE_CHECKING"
        ) from error
    except TypeError as error:
        raise DefinitionError(
            f"tool `{_name(function)}` has an annotation that can't be read ({error})"
        ) from error


def _hint(
    function: AnyFunction, parameter: inspect.Parameter, hints: Mapping[str, object]
) -> object:
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
        star, kind = (
            ("*", "list[...]")
            if parameter.kind is parameter.VAR_POSITIONAL
            else ("**", "dict[str, ...]")
        )
        raise DefinitionError(
            f"parameter `{star}{parameter.name}` of tool `{_name(function)}` has no "
            f"schema; make it one parameter, `{parameter.name}: {kind}`"
        )
    if parameter.name not in hints:
        raise DefinitionError(
            f"{_where(function, parameter)} has no type hint, so the model can't be "
            f"told what to pass; write `{parameter.name}: str` or whatever it takes"
        )
    return hints[parameter.name]


def context_of(function: AnyFunction) -> str | None:
    """The parameter of ``function`` that takes the ``Context``, if there is one.

    Raises:
        DefinitionError: it can't be passed by name.
    """
    hinted = [name for name, hint in _hints(function, {}).items() if _is_context(hint)]
    if not hinted:
        return None
    parameters = inspect.signature(function).parameters
    found = (parameters[name] for name in hinted if name in parameters)
    return next((_passed_by_name(function, parameter) for parameter in found), None)


def _passed_by_name(function: AnyFunction, parameter: inspect.Parameter) -> str:
    """The name of ``parameter``, by which the ``Context`` is going to be passed."""
    if parameter.kind is parameter.POSITIONAL_ONLY:
        raise DefinitionError(
            f"{_where(function, parameter)} takes the Context, which is passed by "
            "name; move it behind the `/`"
        )
    return parameter.name


def _is_context(hint: object) -> bool:
    origin = get_origin(hint)
    if origin is Annotated:
        return _is_context(typing.get_args(hint)[0])
    return hint is Context or origin is Context


def _field(
    parameter: inspect.Parameter, hint: object, told: str
) -> tuple[object, object]:
    """(annotation, default) for ``create_model``. The user's own description wins
    over the docstring's, and their own alias over the parameter's name."""
    given = [part for part in _metadata(hint) if isinstance(part, FieldInfo)]
    if isinstance(parameter.default, FieldInfo):
        given.append(parameter.default)
    alias = next((f.alias for f in reversed(given) if f.alias), parameter.name)
    described = any(f.description for f in given)
    extra = Field(alias=alias, description=None if described else told or None)
    if described or not told:
        extra = Field(alias=alias)
    default = ... if parameter.default is parameter.empty else parameter.default
    return Annotated[hint, extra], default


def _metadata(hint: object) -> tuple[object, ...]:
    return getattr(hint, "__metadata__", ()) if get_origin(hint) is Annotated else ()


def _model(
    function: AnyFunction,
    fields: Mapping[str, tuple[object, object]],
    slots: Iterable[_Slot],
) -> type[BaseModel]:
    try:
        return _build(fields)
    except UNSCHEMABLE as error:
        for slot in slots:
            try:
                _build({slot.field: fields[slot.field]})
            except UNSCHEMABLE as culprit:
                raise DefinitionError(
                    f"{_where(function, slot.parameter)} has a type that no JSON "
                    f"value can become: {first_line(culprit)}"
                ) from culprit
        raise DefinitionError(
            f"tool `{_name(function)}`: {first_line(error)}"
        ) from error


def _build(fields: Mapping[str, tuple[object, object]]) -> type[BaseModel]:
    build = cast("Callable[..., type[BaseModel]]", create_model)
    model = build("Arguments", __config__=ConfigDict(extra="forbid"), **fields)
    model.model_json_schema(schema_generator=TypeSchema)
    return model


# --- raw schemas -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RawSignature:
    """A JSON schema that came from elsewhere; the function takes the plain dict."""

    parameters: Mapping[str, object]
    context: str | None
    validator: Validator

    @classmethod
    def of(
        cls, parameters: Mapping[str, object], *, context: str | None = None
    ) -> RawSignature:
        """Check ``parameters`` and make its validator.

        Raises:
            DefinitionError: it is not a JSON schema, or not one of an object.
        """
        schema = dict(parameters)
        if schema.get("type", "object") != "object":
            raise DefinitionError(
                "a tool's parameters are a JSON schema of type object, not "
                f"{schema['type']!r}; make it a property of one"
            )
        validator = schema_validator(schema, "the tool's parameters are")
        return cls(schema, context, validator)

    def bind(self, arguments: str) -> Bound:
        try:
            value = json.loads(arguments.strip() or "{}")
        except ValueError as error:
            raise InvalidArguments(Problem("", f"Invalid JSON: {error}")) from None
        if not isinstance(value, dict):
            raise InvalidArguments(Problem("", "Arguments must be one JSON object"))
        problems = schema_problems(self.validator, value, "the tool's schema")
        if problems:
            raise InvalidArguments(*problems)
        return Bound((value,), {})


def _as_parameters(schema: dict[str, Any]) -> dict[str, Any]:
    """The arguments model's schema as tools usually spell it.

    ``additionalProperties: false`` is left to the validator: it would cost prompt
    tokens in every tool, and the grammar offers no undeclared key without it either.
    """
    rest = {k: v for k, v in schema.items() if k not in ("type", "properties")}
    rest.pop("additionalProperties", None)
    return {"type": "object", "properties": schema.get("properties", {}), **rest}
