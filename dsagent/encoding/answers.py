"""An answer with quotes in it, as rules of a grammar.

The grammar engine's JSON schemas know no automaton over a text. So a schema that
mentions quotes is written out as rules, from its root down to where nothing below is a
quote; such a part is a JSON schema again. What must stay true: with a quote read as any
string, these rules mean what the schema means as ``%json``, the order of keys and the
white space included. Where a schema composes a quote in a way that has no rule here,
that part is held as JSON, its quotes as strings, and a note says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from dsagent.encoding.expressible import CONSTRAINING, WHITESPACE, path_of, words
from dsagent.encoding.jsontext import quote
from dsagent.encoding.quotes import TERMINAL, is_quote
from dsagent.encoding.values import lark_string

if TYPE_CHECKING:
    from dsagent.encoding.expressible import Splitter

_SIGNS: Final = {
    "OPEN": rf"\{{{WHITESPACE}",
    "CLOSE": rf"{WHITESPACE}\}}",
    "LIST": rf"\[{WHITESPACE}",
    "END": rf"{WHITESPACE}\]",
    "NEXT": f"{WHITESPACE},{WHITESPACE}",
    "COLON": f"{WHITESPACE}:{WHITESPACE}",
}
"""JSON's punctuation with the white space it may have, by the name of its terminal."""

_OBJECT: Final = words("type properties required additionalProperties")
_ARRAY: Final = words("type items prefixItems minItems maxItems")
_KEY: Final = '%json {"type": "string"}'


def mentions_quotes(schema: object, splitter: Splitter | None = None) -> bool:
    """Whether a quote is in ``schema`` or in what it refers to.

    Args:
        schema: A whole JSON schema, or a part of one.
        splitter: Of the whole one. Without it, all definitions count as referred to.
    """
    seen: set[str] = set()
    waiting: list[object] = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        if not isinstance(part, Mapping):
            continue
        if is_quote(part):
            return True
        waiting += [sub for key, sub in part.items() if key != "$defs" or not splitter]
        ref = part.get("$ref")
        if splitter and isinstance(ref, str) and ref not in seen:
            seen.add(ref)
            waiting.append(_target(ref, splitter))
    return False


def answer_rules(schema: Mapping[str, object], splitter: Splitter) -> list[str]:
    """The rule ``answer`` and those it needs, except for the terminal of quotes.

    Args:
        schema: Of the answer; it mentions quotes.
        splitter: Of the same schema; collects the notes.
    """
    writer = _Writer(splitter)
    writer.rules["answer"] = writer.value(schema, "$")
    rules = [f"{name}: {body}" for name, body in writer.rules.items()]
    return rules + [f"{name}: /{regex}/" for name, regex in _SIGNS.items()]


def _target(ref: str, splitter: Splitter) -> object:
    try:
        return splitter.resolve(ref)
    except LookupError:
        return None


class _Writer:
    """Writes the rules of one answer. Everything it returns is one Lark expression
    that can stand in a sequence."""

    def __init__(self, splitter: Splitter) -> None:
        self.rules: dict[str, str] = {}
        self._splitter = splitter
        self._refs: dict[str, str] = {}
        """The rule of each definition, by the reference to it."""

    def value(self, schema: object, path: str) -> str:
        """A value of ``schema``, which stands at ``path``."""
        written = None
        if isinstance(schema, Mapping) and mentions_quotes(schema, self._splitter):
            written = self._with_quotes(schema, path)
        return written or self._splitter.json_grammar(schema, path)

    def _with_quotes(self, schema: Mapping[str, object], path: str) -> str | None:
        """``schema`` in rules; None if there are none for how it is composed."""
        said = CONSTRAINING & schema.keys()
        if said == {"$ref"}:
            return self._reference(str(schema["$ref"]))
        for keyword in ("anyOf", "oneOf"):
            branches = schema.get(keyword)
            if said == {keyword} and isinstance(branches, list):
                if keyword == "oneOf" and "discriminator" not in schema:
                    reason = "its branches may overlap; held as anyOf"
                    self._splitter.note(path, "oneOf", reason)
                return self._either(branches, f"{path}.{keyword}")
        kind = schema.get("type")
        if is_quote(schema) and kind == "string" and said == {"type", "format"}:
            return TERMINAL
        if kind == "object" and said <= _OBJECT:
            return self._object(schema, path)
        if kind == "array" and said <= _ARRAY:
            return self._array(schema, path)
        return None

    def _reference(self, ref: str) -> str:
        if ref not in self._refs:
            # The name first: a definition may refer to itself.
            name = self._refs[ref] = self._named("")
            target = _target(ref, self._splitter)
            self.rules[name] = self.value(target, path_of(ref))
        return self._refs[ref]

    def _either(self, branches: list[object], path: str) -> str:
        options = [self.value(b, f"{path}[{i}]") for i, b in enumerate(branches)]
        return f"( {' | '.join(options)} )"

    def _object(self, schema: Mapping[str, object], path: str) -> str | None:
        declared, extra = schema.get("properties"), schema.get("additionalProperties")
        if not isinstance(declared, Mapping) or not declared:
            return self._dictionary(extra, path) if "required" not in schema else None
        listed = schema.get("required", [])
        required = set(listed) if isinstance(listed, list) else set()
        if extra not in (None, False) or not required <= declared.keys():
            return None
        members: list[tuple[str, bool]] = []
        for key, sub in declared.items():
            value = self.value(sub, f"{path}.properties.{key}")
            member = self._named(f"{lark_string(quote(key))} COLON {value}")
            members.append((member, key in required))
        return f"OPEN {_members(members)} CLOSE"

    def _dictionary(self, extra: object, path: str) -> str:
        value = self.value(extra, f"{path}.additionalProperties")
        member = self._named(f"{_KEY} COLON {value}")
        return f"OPEN ( {member} ( NEXT {member} )* )? CLOSE"

    def _array(self, schema: Mapping[str, object], path: str) -> str | None:
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        first = schema.get("prefixItems")
        if isinstance(first, list) and first:
            if not least == most == len(first):
                return None
            items = [
                self.value(sub, f"{path}.prefixItems[{i}]")
                for i, sub in enumerate(first)
            ]
            return f"LIST {' NEXT '.join(items)} END"
        if not isinstance(least, int) or not isinstance(most, int | None):
            return None
        if most is not None and most < max(least, 1):
            return None if least else "LIST END"
        item = self._named(self.value(schema.get("items"), f"{path}.items"))
        some = item
        if most != 1:  # llguidance has no {0,0}
            times = f"{max(least - 1, 0)},{'' if most is None else most - 1}"
            some += f" ( NEXT {item} ){{{times}}}"
        return f"LIST {some} END" if least else f"LIST ( {some} )? END"

    def _named(self, body: str) -> str:
        """A rule of its own for ``body``, which can then be repeated at no cost."""
        name = f"a{len(self.rules)}"
        self.rules[name] = body
        return name


def _members(members: list[tuple[str, bool]]) -> str:
    """Members of an object in their order, those that aren't required left out or not.

    Which one comes first decides where the commas are, so there is an alternative for
    each that may be the first.
    """
    options: list[str] = []
    for index, (member, required) in enumerate(members):
        rest = [
            f"NEXT {later}" if needed else f"( NEXT {later} )?"
            for later, needed in members[index + 1 :]
        ]
        options.append(" ".join([member, *rest]))
        if required:
            return f"( {' | '.join(options)} )"
    return f"( {' | '.join(options)} )?"
