"""Tools nano is asked to call: what they are named, what they take, how people ask.

A `Tool` is one drawing of a `Concept` (`concepts.py`), as a user might have declared
it. `invented` draws tools nobody wrote a concept for (a verb, an object, some
parameters), so that the model has to read the list instead of remembering it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from training.data import texts
from training.data import words as w
from training.data.concepts import (
    Concept,
    Param,
    Schema,
    Value,
    integer_param,
    number_param,
    product,
    show,
    string_param,
    text_of,
    words_of,
)
from training.data.phrases import Source, as_typed, capital, fill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Tool:
    """One declared tool: its JSON as the API sends it, and what to ask of it."""

    name: str
    schema: Schema
    concept: Concept
    keys: tuple[str, ...]

    @property
    def function(self) -> Schema:
        return {"type": "function", "function": self.schema}


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for a tool: the user's words, the call they mean, its outcome."""

    text: str
    name: str
    arguments: dict[str, Value]
    result: str
    answer: str
    roles: tuple[tuple[str, str], ...] = ()
    """(piece of the text, role) of what it mentions, told at the piece's last character:
    where a value begins, or where its mention ends. A role is a parameter's number, for
    an invented tool a kind of mention."""


CHOICES = tuple(
    tuple(text.split("/"))
    for text in ["low/medium/high", "small/medium/large", "red/green/blue", "basic/premium", "daily/weekly/monthly", "draft/final", "north/south/east/west", "easy/normal/hard", "cash/card", "public/private", "economy/business/first", "metric/imperial", "json/csv/xml", "morning/evening", "urgent/normal"]
)


@dataclass(frozen=True, slots=True)
class _Part:
    """A parameter of an invented tool and how a request mentions it (`{}`)."""

    param: Param
    mentions: tuple[str, ...]
    kind: str = ""


T = TypeVar("T", str, int)


def _unlike(s: Source, make: Callable[[], T]) -> list[T]:
    """Two to four values, none twice (fewer where there are hardly any)."""
    wanted = s.rng.randrange(2, 5)
    made = dict.fromkeys(make() for _ in range(4 * wanted))
    return list(made)[:wanted]


_FEW_PARTS: tuple[_Part, ...] = (
    _Part(string_param("name name title label", text_of(lambda r, h: w.invented_name(r))), ("named {}", "called {}", "with the name {}", "name {}", "named {}")),
    _Part(string_param("id id code ref key", text_of(lambda r, h: w.identifier(r))), ("with id {}", "{}", "id {}", "number {}", "with code {}", "{}")),
    _Part(integer_param("count quantity amount n times", 1, 1000), ("{} times", "with count {}", "quantity {}", "count {}", "amount {}")),
    _Part(string_param("date day when due", text_of(w.date)), ("on {}", "for {}", "by {}", "dated {}")),
    _Part(string_param("time at hour start", text_of(w.clock)), ("at {}", "starting at {}")),
    _Part(string_param("colour color", words_of(w.COLOURS)), ("in {}", "coloured {}", "with colour {}")),
    _Part(string_param("city place location where", text_of(w.place)), ("in {}", "at {}", "from {}")),
    _Part(string_param("owner person user customer assignee", text_of(w.person)), ("for {}", "owned by {}", "of {}")),
    _Part(string_param("email contact address to", text_of(w.email)), ("for {}", "with email {}", "to {}")),
    _Part(number_param("price cost limit weight length", "A number"), ("at {}", "with value {}", "of {}")),
    _Part(string_param("product item", product), ("with the {}", "using the {}", "with a {}")),
    _Part(string_param("note comment reason text message", text_of(w.remark)), ('with the note "{}"', "saying {}", "with text: {}")),
    _Part(string_param("department team group", words_of(w.DEPARTMENTS)), ("for {}", "from {}", "from the {} team")),
    _Part(Param("tags labels items names", "array", lambda s: _unlike(s, lambda: s.word(w.NOUNS))), ("with tags {}", "tagged {}", "with {}")),
    _Part(Param("names people users members", "array", lambda s: _unlike(s, lambda: w.first_name(s.rng, s.held))), ("for {}", "with {}")),
    _Part(Param("numbers values ids pages", "intarray", lambda s: _unlike(s, lambda: s.rng.randrange(1, 100))), ("with numbers {}", "for {}", "with {}")),
)
KINDS = (
    *("name", "id", "count", "date", "time", "colour", "place", "owner", "email"),
    *("number", "product", "note", "team", "tags", "members", "numbers"),
)
_MENTIONS = [
    texts.entries("requests", f"MENTIONS {kind}", *part.mentions)
    for kind, part in zip(KINDS, _FEW_PARTS, strict=True)
]
_PARTS = tuple(
    replace(part, mentions=mentions, kind=kind)
    for part, mentions, kind in zip(_FEW_PARTS, _MENTIONS, KINDS, strict=True)
)
_ENUM = texts.entries("requests", "ENUM", "with {k} {v}", "{k} {v}", "in {v} {k}")
_YES = texts.entries("requests", "FLAG YES", "{f}", "{f}: yes", "and make it {f}")
_NO = texts.entries("requests", "FLAG NO", "not {f}", "{f}: no", "and make it not {f}")
_FLAGS = w.Pool.of("urgent private public express silent secure shared hidden permanent insured fragile automatic verbose recursive")

INVENTED_RESULTS = (
    ("ok", "Done."), ("done", "Done."), ("success", "Done."), ('{"ok": true}', "Done."), ("true", "Done."),
    ('{{"id": "{v}"}}', "Done; the id is {v}."), ("Created {v}", "Done: {v}."), ("{v}", "The result is {v}."),
    ('{{"result": "{v}"}}', "The result is {v}."), ("Result: {v}", "The result is {v}."), ("reference {v}", "Done; the reference is {v}."),
    ('{{"status": "done", "ref": "{v}"}}', "Done; the reference is {v}."),
)


def tool_name(s: Source, verb: str, noun: str) -> str:
    """A function name made of a verb and a noun in one of the usual styles."""
    verb, noun = verb.replace(" ", "_"), noun.replace(" ", "_")
    roll = s.rng.random()
    if roll < 0.7:
        return f"{verb}_{noun}"
    if roll < 0.85:
        return verb + capital(noun)
    return f"{noun}_{verb}"


def property_schema(s: Source, param: Param, options: Sequence[str] = ()) -> Schema:
    """The JSON schema of one parameter, as pydantic and people write it."""
    kind = {"array": "array", "intarray": "array"}.get(param.kind, param.kind)
    schema: Schema = {"type": kind}
    if param.descriptions and s.chance(0.4):
        schema["description"] = s.one_of(param.descriptions)
    if kind == "array":
        schema["items"] = {"type": "string" if param.kind == "array" else "integer"}
    if options:
        schema["enum"] = list(options)
    return schema


def declare(s: Source, concept: Concept) -> Tool:
    """Draw a tool from a concept: its name, description and parameter names."""
    names = [n for n in concept.names.split() if w.is_held_out(n) == s.held] or concept.names.split()
    keys: list[str] = []
    properties: Schema = {}
    required: list[str] = []
    for index, param in enumerate(concept.params):
        options = param.names.split()
        key = options[0] if s.chance(0.3) else s.one_of(options)
        while key in properties:
            key = s.one_of(options) if s.chance(0.5) else f"{s.one_of(options)}_{index}"
        schema = property_schema(s, param)
        if index < concept.required:
            required.append(key)
        elif schema["type"] != "array" and s.chance(0.5):
            del schema["type"]
            schema["anyOf"] = [{"type": param.kind}, {"type": "null"}]
        keys.append(key)
        properties[key] = schema
    return Tool(
        name := s.one_of(names),
        function(s, name, s.template(concept.descriptions), properties, required),
        concept,
        tuple(keys),
    )


def function(s: Source, name: str, description: str, properties: Schema, required: list[str]) -> Schema:
    parameters: Schema = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    if s.chance(0.08):
        parameters["additionalProperties"] = False
    function: Schema = {"name": name}
    if s.chance(0.75):
        function["description"] = description if s.chance(0.8) else description.rstrip(".")
    function["parameters"] = parameters
    return function


def request(s: Source, tool: Tool) -> Ask:
    """What a user says to have `tool` called, and the call."""
    values: list[Value] = []
    for param in tool.concept.params:
        value = param.make(s)
        for _ in range(5):  # nobody goes from a city to itself
            if not isinstance(value, str) or value not in values:
                break
            value = param.make(s)
        values.append(value)
    template = s.template(tool.concept.asks, tool.concept.plain)
    typed = as_typed(s, template)
    small = all(isinstance(v, str) for v in values) and s.chance(0.06)
    if small:
        values = [v.lower() if isinstance(v, str) else v for v in values]
        typed = typed.lower()
    shown = {}
    for index, value in enumerate(values):
        text = show(value)
        if isinstance(value, bool):
            text = "on" if value else "off"
        shown[str(index)] = text
    text = fill(typed, shown)
    arguments = {
        key: value
        for index, (key, value) in enumerate(zip(tool.keys, values, strict=True))
        if f"{{{index}}}" in template
    }
    result, answer = tool.concept.result(s, arguments)
    if s.chance(0.3) and not small and not template.startswith("{"):
        text = capital(text)
    roles = [(_up_to(text, text.find(value)), role) for role, value in shown.items() if f"{{{role}}}" in template]
    return Ask(text, tool.name, arguments, result, answer, tuple(roles))


def _up_to(text: str, place: int) -> str:
    """A request up to a place, without its first letter, which may yet become small."""
    return text[1 : place + 1]


@dataclass(frozen=True, slots=True)
class Invented:
    """A tool without a concept: `parts` are (key, part, enum options or flag word)."""

    name: str
    schema: Schema
    verb: str
    noun: str
    parts: tuple[tuple[str, _Part | None, tuple[str, ...]], ...]
    required: int

    @property
    def function(self) -> Schema:
        return {"type": "function", "function": self.schema}


def _does(verb: str) -> str:
    """The third person of `verb`."""
    if verb.endswith(("s", "x", "z", "ch", "sh")):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if verb[-1] == "y" and verb[-2:-1] not in tuple("aeiou") else f"{verb}s"


def invent(s: Source, verb: str | None = None, noun: str | None = None) -> Invented:
    """Draw a tool of a verb and an object, real or made up, with 0 to 4 parameters."""
    if verb is None:
        verb = w.syllables(s.rng) if s.chance(0.3) else s.word(w.VERBS)
    if noun is None:
        noun = w.syllables(s.rng) if s.chance(0.35) else s.word(w.OBJECTS)
    parts: list[tuple[str, _Part | None, tuple[str, ...]]] = []
    properties: Schema = {}
    seen: set[str] = set()
    wanted = s.rng.choice((0, 1, 1, 1, 2, 2, 2, 3, 3, 4))
    pool = s.rng.sample(_PARTS, wanted)
    for part in pool:
        key = s.one_of(part.param.names.split())
        if key in seen or part.mentions[0].split()[0] in seen:
            continue
        seen |= {key, *part.param.names.split(), part.mentions[0].split()[0]}
        if part.param.kind in ("integer", "number"):
            seen |= {"count", "price", "cost", "limit", "weight", "length", "quantity", "amount", "n", "times"}
        roll = s.rng.random()
        if roll < 0.12:
            flag = s.word(_FLAGS if s.chance(0.5) else w.ADJECTIVES)
            if flag in properties or any(flag in options for _, _, options in parts):
                continue
            properties[flag] = {"type": "boolean"}
            parts.append((flag, None, ()))
        elif roll < 0.2:
            key = s.one_of(("size", "priority", "mode", "level", "kind", "type"))
            options = s.rng.choice(CHOICES)
            if key in properties or not properties.keys().isdisjoint(options):
                continue
            properties[key] = {"type": "string", "enum": list(options)}
            parts.append((key, None, options))
        else:
            properties[key] = property_schema(s, part.param)
            parts.append((key, part, ()))
    required = len(parts) if s.chance(0.7) else max(0, len(parts) - 1)
    name = tool_name(s, verb, noun) if s.chance(0.85) else verb.replace(" ", "_")
    article = s.one_of(("a", "the", "one"))
    article = "an" if article == "a" and noun[:1] in "aeiou" else article
    description = f"{capital(verb)} {article} {noun}."
    if name == verb or not s.chance(0.8):
        description = f"{capital(_does(verb))} {article} {noun}" if s.chance(0.3) else description
    schema = function(s, name, description, properties, [key for key, _, _ in parts[:required]])
    if name == verb:
        schema = {"name": name, "description": description, "parameters": schema["parameters"]}
    return Invented(name, schema, verb, noun, tuple(parts), required)


_OPENINGS = texts.entries(
    "requests", "OPENINGS",
    "{v} the {n}", "{v} a {n}", "{v} {n}", "I want to {v} a {n}", "I need to {v} the {n}", "Can you {v} the {n}",
    "Please {v} the {n}", "please {v} a {n}", "Could you {v} a {n}", "Let's {v} the {n}", "{v} my {n}", "I'd like to {v} the {n}",
    "Go and {v} the {n}", "You should {v} the {n}", "{v} one {n}", "{n}: {v} it", "Would you {v} our {n}", "Time to {v} the {n}",
)


OPTION, AFFIRMED, DENIED = "option", "yes", "no"


def role(part: _Part | None, options: Sequence[str], value: Value = True) -> str:
    """The kind of a mention: of its part, of an option, of a flag that is set or isn't."""
    if part is not None:
        return part.kind
    return OPTION if options else AFFIRMED if value else DENIED


def _mentioned(s: Source, key: str, part: _Part | None, options: Sequence[str]) -> tuple[Value, str]:
    """A value for a parameter, and the words that give it."""
    value: Value
    if part is not None:
        value = part.param.make(s)
        if s.chance(0.2):
            start = s.one_of(("with ", "", ""))
            return value, f"{start}{key.replace('_', ' ')} {show(value)}"
        return value, fill(s.one_of(part.mentions).replace("{}", "{v}"), {"v": show(value)})
    if options:
        value = s.one_of(options)
        return value, fill(s.one_of(_ENUM), {"k": key, "v": value})
    value = s.chance(0.5)
    return value, fill(s.one_of(_YES if value else _NO), {"f": key})


def _joined(s: Source, opening: str, mentions: Sequence[tuple[str, bool]], *, open_ended: bool) -> str:
    """An opening and what it mentions as one message, with its punctuation.

    A mention marked true begins with its value, a last one that is `open_ended` ends
    with a text to which a question mark would seem to belong.
    """
    glue = s.one_of((" ", " ", ", "))
    text = opening
    for mention, bare in mentions:
        clause = bare or mention.split()[0].lower().rstrip(":") in _CLAUSES or not mention[0].isalnum()
        if clause:
            text += "; " if bare and "," in mention.split(" and ")[0] else s.one_of((", ", ", ", "; "))
        else:
            text += glue if text != opening else s.one_of((" ", " ", ", "))
        text += mention
    text = text.replace(",,", ",")
    if opening.split()[0].lower() in _ASKING and not opening.lower().startswith(_TELLING) and not open_ended:
        return text + s.one_of(("?", "?", ""))
    return text + s.one_of(("", ".", "."))


_CLAUSES = frozenset(["it", "it's", "its", "the", "there", "there's", "we", "i", "that's", "don't", "no", "nobody", "not",
                      "answers", "i'd", "i'm", "that", "those", "make", "set", "do", "never", "keep", "leave", "treat", "mark", "put", "switch", "tick", "pick",
                      "choose", "let's", "say", "how", "who", "where", "when", "time", "far", "yes"])
"""What begins a clause of its own, behind a comma."""
_ASKING = frozenset(["can", "could", "would", "will", "is", "are", "shall", "may", "might", "why", "who", "what", "how", "do", "does", "any", "won't"])
_TELLING = ("do me", "what i need", "what we need", "what you should")
"""What begins like a question and is none."""


def request_invented(s: Source, tool: Invented) -> Ask:
    """What a user says to have an invented tool called, and the call."""
    opening = s.phrase(_OPENINGS, {"v": tool.verb, "n": tool.noun})
    arguments: dict[str, Value] = {}
    mentions: list[tuple[str, bool]] = []
    open_ended = False
    roles: dict[str, tuple[str, str]] = {}
    for index, (key, part, options) in enumerate(tool.parts):
        if index >= tool.required and s.chance(0.5):
            continue
        arguments[key], mention = _mentioned(s, key, part, options)
        last = part is not None and "note" in part.param.names.split() and mention[-1] not in '")'
        mentions.insert(len(mentions) if last else 0, (mention.strip(), mention.startswith(show(arguments[key]))))
        open_ended |= last
        value = arguments[key]
        roles[mention.strip()] = role(part, options, value), "" if isinstance(value, bool) else show(value)
    text = _joined(s, opening, mentions, open_ended=open_ended)
    said, answer = INVENTED_RESULTS[s.rng.randrange(len(INVENTED_RESULTS))]
    made = w.identifier(s.rng) if s.chance(0.6) else str(w.number(s.rng))
    said, answer = (t.replace("{v}", made).replace("{{", "{").replace("}}", "}") for t in (said, answer))
    marks = [mark for mention, of in roles.items() for mark in _marks(text, mention, *of)]
    return Ask(capital(text) if s.chance(0.6) else text, tool.name, arguments, said, answer, tuple(marks))


def _marks(text: str, mention: str, role: str, value: str) -> Iterator[tuple[str, str]]:
    """The roles of a mention in a request: at its end, and where its value begins."""
    at = text.find(mention)
    if at < 0:
        return
    yield _up_to(text, at + len(mention) - 1), role
    inside = mention.find(value)
    if value and inside > 0:
        yield _up_to(text, at + inside), role
