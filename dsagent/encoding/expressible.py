"""Which part of a JSON schema a grammar can hold.

Schemas come from anywhere, and no grammar engine expresses all of JSON Schema. A
schema is therefore split: what the grammar can hold stays, what it can't is taken out
and written down as a ``GrammarNote``. What must stay true: every value that satisfies
the original schema and lists only declared keys satisfies the split one too, in the
order of the schema's keys; nothing that constrains is taken out without a note; and
no schema, however odd, makes a call to the model impossible to start.

The reverse does not hold, so validation always runs on the original schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from urllib.parse import unquote

from dsagent.encoding.patterns import FORMATS, widened

Schema: TypeAlias = "dict[str, object]"

WHITESPACE: Final = "[ \\n]{0,20}"
"""What may stand between two JSON tokens. Without a bound a model can write spaces
for ever; with none at all the usual ``{"a": 3}`` would be refused."""

OTHER_THAN_STRING: Final = ["object", "array", "number", "boolean", "null"]


def words(text: str) -> frozenset[str]:
    """A set of keywords, written as they are read."""
    return frozenset(text.split())


_ONE: Final = ("additionalProperties", "additionalItems")
_MANY: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED: Final = ("properties", "patternProperties")
_PLAIN: Final = words(
    "type enum const required "
    "minLength maxLength pattern format "
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf "
    "minItems maxItems minProperties maxProperties"
)
_KEPT: Final = frozenset((*_ONE, *_MANY, *_NAMED, *_PLAIN, "items", "$ref"))

LEFT_OUT: Final = words(
    "not if then else uniqueItems contains minContains maxContains propertyNames "
    "dependencies dependentRequired dependentSchemas unevaluatedItems "
    "unevaluatedProperties $dynamicRef $recursiveRef"
)
"""Keywords that constrain and that llguidance has no grammar for. Any other unknown
keyword constrains nothing by the rules of JSON Schema."""

CONSTRAINING: Final = _KEPT | LEFT_OUT
"""Keywords that constrain; all others only describe."""

_FIRST_TO_GO: Final = (
    "pattern format multipleOf minProperties maxProperties exclusiveMinimum "
    "exclusiveMaximum minimum maximum minLength maxLength minItems maxItems "
    "patternProperties required enum const allOf"
)
"""What to give up, one at a time, when the grammar engine refuses a schema."""


@dataclass(frozen=True, slots=True)
class GrammarNote:
    """A constraint that the grammar could not express. Validation still holds it."""

    tool: str | None
    """The tool's name; None for the output schema."""
    path: str
    """Where in the schema: ``$.properties.when``."""
    keyword: str
    """What was left out; empty for everything there but the type."""
    reason: str

    def __str__(self) -> str:
        whose = "the output schema" if self.tool is None else f"tool `{self.tool}`"
        what = f"`{self.keyword}`" if self.keyword else "the schema"
        return f"{whose}: {what} at {self.path} is left to validation: {self.reason}"


class Splitter:
    """Splits the parts of one document: a tool's parameters, or an output schema."""

    def __init__(self, root: Mapping[str, object], tool: str | None) -> None:
        self.root = root
        self.tool = tool
        self._notes: dict[tuple[str, str], GrammarNote] = {}
        self._names: dict[str, str] = {}
        self._defs: dict[str, object] = {}
        self._may_close = not _composes(root)

    @property
    def notes(self) -> tuple[GrammarNote, ...]:
        """What was left out so far, each once."""
        return tuple(self._notes.values())

    def note(self, path: str, keyword: str, reason: str) -> None:
        self._notes.setdefault(
            (path, keyword), GrammarNote(self.tool, path, keyword, reason)
        )

    def leave_out(self, path: str, keyword: str, value: object) -> None:
        """Note a keyword of ``LEFT_OUT``, unless it has no effect."""
        if value is not False or keyword.startswith("unevaluated"):
            self.note(path, keyword, "the grammar has no such rule")

    def note_overlap(self, branches: Sequence[object], path: str) -> None:
        """Note a ``oneOf`` of ``branches`` that will be held as an ``anyOf``, unless
        no value fits two of them."""
        split = [self._split(branch, path) for branch in branches]
        if self._refused({"oneOf": split}):
            self.note(path, "oneOf", "its branches may overlap; held as anyOf")

    def json_grammar(self, schema: object, path: str) -> str:
        """``schema`` as a Lark ``%json`` expression."""
        split = self._split(schema, path)
        for ref, name in list(self._names.items()):
            self._defs[name] = self._repaired(self._defs[name], path_of(ref))
        return f"%json {self._document(self._repaired(split, path))}"

    def resolve(self, ref: str) -> object:
        """The schema that the local reference ``ref`` points to.

        Raises:
            LookupError: it points outside the document, to nothing, or to an anchor.
        """
        if not ref.startswith("#"):
            raise LookupError("references outside the schema are never fetched")
        anchor, *steps = unquote(ref[1:]).split("/")
        if anchor:
            raise LookupError(f"{ref} is no path; anchors are not looked for")
        target: object = self.root
        for step in steps:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, Mapping) and key in target:
                target = target[key]
            elif isinstance(target, list) and key.isdigit() and int(key) < len(target):
                target = target[int(key)]
            else:
                raise LookupError(f"there is no {ref} in the schema")
        return target

    # --- splitting -----------------------------------------------------------------

    def _split(self, schema: object, path: str) -> object:
        if not isinstance(schema, Mapping):
            return schema if isinstance(schema, bool) else True
        kept: Schema = {}
        for keyword, value in schema.items():
            if keyword in LEFT_OUT:
                self.leave_out(path, keyword, value)
            elif keyword in _KEPT:
                self._keep(kept, keyword, value, path)
        if self._may_close and _is_closable(kept):
            kept["additionalProperties"] = False
        return kept

    def _keep(self, kept: Schema, keyword: str, value: object, path: str) -> None:
        below = f"{path}.{keyword}"
        if keyword in _NAMED and isinstance(value, Mapping):
            kept[keyword] = {
                name: self._split(sub, f"{below}.{name}") for name, sub in value.items()
            }
        elif keyword in _MANY and isinstance(value, list):
            kept[keyword] = [
                self._split(sub, f"{below}[{i}]") for i, sub in enumerate(value)
            ]
            if keyword == "oneOf":
                self.note_overlap(value, path)
                branches = kept.pop("oneOf")
                kept.setdefault("anyOf", branches)
        elif keyword == "items" and isinstance(value, list):
            kept[keyword] = [
                self._split(sub, f"{below}[{i}]") for i, sub in enumerate(value)
            ]
        elif keyword in _ONE or keyword == "items":
            kept[keyword] = self._split(value, below)
        elif keyword == "$ref" and isinstance(value, str):
            self._keep_reference(kept, value, path)
        else:
            kept[keyword] = value

    def _keep_reference(self, kept: Schema, ref: str, path: str) -> None:
        """Point at our own ``$defs``: the part that is split is not always the root
        that the reference counts from."""
        try:
            target = self.resolve(ref)
        except LookupError as error:
            self.note(path, "$ref", str(error))
            return
        if ref not in self._names:
            name = self._names[ref] = f"d{len(self._names)}"
            self._defs[name] = True
            self._defs[name] = self._split(target, path_of(ref))
        kept["$ref"] = f"#/$defs/{self._names[ref]}"

    # --- what the grammar engine says ----------------------------------------------

    def _document(self, schema: object) -> str:
        """A complete JSON schema: with the definitions it needs and our options."""
        document: Schema = spelled(schema) if isinstance(schema, Mapping) else {}
        if schema is False:
            document["not"] = {}
        if used := self._used(schema):
            document["$defs"] = {name: _spelled(self._defs[name]) for name in used}
        document["x-guidance"] = {"whitespace_pattern": WHITESPACE}
        return json.dumps(document, ensure_ascii=True)

    def _used(self, schema: object) -> list[str]:
        """Names of the definitions that ``schema`` needs, in order of first use."""
        found: dict[str, None] = {}
        waiting = [schema]
        while waiting:
            for name in _references(waiting.pop()):
                if name not in found and name in self._defs:
                    found[name] = None
                    waiting.append(self._defs[name])
        return list(found)

    def _refused(self, schema: object) -> str:
        """Why the grammar engine refuses ``schema``; empty if it takes it."""
        return refusal(f"start: %json {self._document(schema)}")

    def _repaired(self, schema: object, path: str) -> object:
        """``schema`` with as little taken out as makes the grammar engine take it."""
        if not (reason := self._refused(schema)):
            return schema
        if not isinstance(schema, dict):
            return self._give_up({}, path, reason)
        whole = dict(schema)
        for keyword, value in schema.items():
            whole[keyword] = self._repaired_below(keyword, value, f"{path}.{keyword}")
        if not (reason := self._refused(whole)):
            return whole
        for keyword in _FIRST_TO_GO.split():
            rest = {k: v for k, v in whole.items() if k != keyword}
            if keyword in whole and not self._refused(rest):
                self.note(path, keyword, reason)
                return rest
        return self._give_up(whole, path, reason)

    def _repaired_below(self, keyword: str, value: object, path: str) -> object:
        if keyword in _NAMED and isinstance(value, dict):
            return {k: self._repaired(v, f"{path}.{k}") for k, v in value.items()}
        if isinstance(value, list) and (keyword in _MANY or keyword == "items"):
            return [self._repaired(v, f"{path}[{i}]") for i, v in enumerate(value)]
        if keyword in (*_ONE, "items") and isinstance(value, dict):
            return self._repaired(value, path)
        return value

    def _give_up(self, schema: Schema, path: str, reason: str) -> object:
        self.note(path, "", reason)
        only: Schema = {"type": schema["type"]} if "type" in schema else {}
        return only if not self._refused(only) else {}


def refusal(lark: str) -> str:
    """Why llguidance refuses the grammar ``lark``, in one line; empty if it doesn't."""
    from llguidance import LLMatcher

    failed, messages = LLMatcher.validate_grammar_with_warnings(lark)
    if not failed:
        return ""
    text = messages[0].partition("failed to compile JSON schema: ")
    text = (text[2] or text[0]).partition("\n   1 | ")[0]
    return " ".join(text.split())


def spelled(schema: Mapping[str, object]) -> Schema:
    """``schema`` in the words of llguidance, whose formats and regexes are narrower
    than those of the validators. It holds what ``schema`` holds."""
    said: Schema = {}
    for keyword, value in schema.items():
        if keyword in _NAMED and isinstance(value, Mapping):
            names = map(widened, value) if keyword == "patternProperties" else value
            said[keyword] = dict(zip(names, map(_spelled, value.values()), strict=True))
        elif isinstance(value, list) and (keyword in _MANY or keyword == "items"):
            said[keyword] = [_spelled(sub) for sub in value]
        elif keyword in (*_ONE, "items"):
            said[keyword] = _spelled(value)
        elif keyword == "pattern" and isinstance(value, str):
            said[keyword] = widened(value)
        else:
            said[keyword] = value
    return _with_format_spelled(said)


def _spelled(schema: object) -> object:
    return spelled(schema) if isinstance(schema, Mapping) else schema


def _with_format_spelled(schema: Schema) -> Schema:
    """``schema`` with the regex of its format in its place, beside any ``pattern``."""
    name, others = schema.get("format"), schema.get("allOf", [])
    regex = FORMATS.get(name) if isinstance(name, str) else None
    if regex is None or not isinstance(others, list):
        return schema
    rest = {keyword: value for keyword, value in schema.items() if keyword != "format"}
    pattern = f"^(?:{regex})$"
    if "pattern" not in rest:
        return {**rest, "pattern": pattern}
    return {**rest, "allOf": [*others, {"pattern": pattern}]}


def path_of(ref: str) -> str:
    """The JSON path of a local reference."""
    return ref.replace("#", "$", 1).replace("/", ".")


def _references(schema: object) -> Iterable[str]:
    """Names of our definitions that ``schema`` mentions, in order."""
    return re.findall(r'"\$ref": "#/\$defs/(d\d+)"', json.dumps(schema))


def _composes(schema: object) -> bool:
    """Whether some object in ``schema`` is described in more than one place, so that
    closing one description would contradict another."""
    if isinstance(schema, Mapping):
        split = {"$ref", "anyOf", "oneOf"} & schema.keys()
        constraining = _KEPT & schema.keys()
        return (
            "allOf" in schema
            or (bool(split) and len(constraining) > 1)
            or any(map(_composes, schema.values()))
        )
    return isinstance(schema, list) and any(map(_composes, schema))


def _is_closable(schema: Schema) -> bool:
    """Whether an object schema lists its keys and says nothing about others. JSON
    Schema then allows any others, but a model that starts to invent keys has no
    reason to stop."""
    properties, required = schema.get("properties"), schema.get("required", [])
    return (
        isinstance(properties, Mapping)
        and bool(properties)
        and isinstance(required, list)
        and "additionalProperties" not in schema
        and "patternProperties" not in schema
        and set(required) <= properties.keys()
    )
