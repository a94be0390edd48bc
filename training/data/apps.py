"""Everyday applications with a handful of tools each, written by hand in plain words.

`everyday/tools_*.txt` has eight hundred tools of 186 applications, with what people say
to have them called. Tools of one application are shown together and have to be told
apart; a request for another's finds no tool.

A tool is a block of lines, the values of its slots are of `kinds`:

    app: campsite
    tool: book_pitch reserve_pitch
    does: Reserve a pitch. / Books a place to camp.
    nights: nights number_of_nights | number of nights | int:1-14
    dog?: dog with_dog | whether a dog comes along | bool
    ask: a pitch for {nights} nights[dog: with our dog|without a dog]
    gives: pitch number | ident | Pitch {v} is yours.

A slot has its keys, a description and its values, and may be left out if it has a
question mark. What it gives has a name, a kind and sentences, or is `nothing`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from training.data import calling, concepts, kinds
from training.data import tools as t
from training.data.concepts import Param, show
from training.data.open_tools import is_value, together
from training.data.phrases import as_typed, camel_case, capital, fill, join_and, lower
from training.data.talk import NO_TOOL
from training.data.words import is_held_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.data.concepts import Schema, Value
    from training.data.phrases import Source
    from training.data.talk import Talk

_FLAG = re.compile(r"\[(\w+): ([^|\]]*)\|([^\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_ONE = re.compile(r"\"\{|\b(?:[Aa]n?|the|The|this|does|is|has|Does|Is|Has) \{|\} (?:needs|is|does|has|gets)\b")
"""What shows that a slot is for one value."""
_TIGHT = re.compile(r"\s+([,.;:?!])")


@dataclass(frozen=True, slots=True)
class Slot:
    """One parameter: its keys, a description, its values."""

    keys: tuple[str, ...]
    said: str
    kind: kinds.Kind
    optional: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One tool of the tables."""

    app: str
    names: tuple[str, ...]
    does: tuple[str, ...]
    slots: dict[str, Slot]
    asks: tuple[str, ...]
    gives: str
    makes: kinds.Kind | None
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A tool as a user might have declared it: which key each slot has."""

    entry: Entry
    name: str
    schema: Schema
    keys: dict[str, str]


def _entry(app: str, lines: Sequence[str]) -> Entry:
    """A block of a table."""
    slots: dict[str, Slot] = {}
    asks: list[str] = []
    fields = dict.fromkeys(("tool", "does", "gives"), "")
    for line in lines:
        head, _, rest = line.partition(":")
        head, rest = head.strip(), rest.strip()
        if head in fields:
            fields[head] = rest
        elif head == "ask":
            asks.append(rest)
        else:
            keys, said, kind = (part.strip() for part in rest.split(" | "))
            slots[head.rstrip("?")] = Slot(tuple(keys.split()), said, kinds.kind(kind), head.endswith("?"))
    gives = [part.strip() for part in fields["gives"].split(" | ")]
    makes = kinds.kind(gives[1]) if len(gives) == 3 else None
    return Entry(app, tuple(fields["tool"].split()), kinds.ways(fields["does"]), slots, tuple(asks), gives[0], makes, kinds.ways(gives[-1]))


@cache
def entries() -> tuple[Entry, ...]:
    """The tools of the tables, those of an application one after another."""
    found: list[Entry] = []
    for path in sorted(kinds.TABLES.glob("tools_*.txt")):
        app, block = "", []
        for line in [*path.read_text("utf-8").splitlines(), ""]:
            if line.startswith("app:"):
                app = line.removeprefix("app:").strip()
            elif line.strip():
                block.append(line)
            elif block:
                found.append(_entry(app, block))
                block = []
    return tuple(found)


@cache
def _apps(held: bool) -> tuple[tuple[Entry, ...], ...]:
    """The applications; a tenth of them is held out."""
    by_app: dict[str, list[Entry]] = {}
    for entry in entries():
        by_app.setdefault(entry.app, []).append(entry)
    return tuple(tuple(tools) for app, tools in by_app.items() if is_held_out(app) == held)


def declare(s: Source, entry: Entry) -> Drawn:
    """Draw a tool's name, keys and schema."""
    name = s.one_of(entry.names)
    keys: dict[str, str] = {}
    properties: Schema = {}
    camel = "_" not in name and any(map(str.isupper, name))
    for label, slot in entry.slots.items():
        free = [key for key in slot.keys if key not in properties]
        key = s.one_of(free) if free else f"{slot.keys[0]}_{len(keys)}"
        keys[label] = key = camel_case(key) if camel else key
        of = slot.kind
        param = Param(key, of.json, of.make, (capital(slot.said), capital(slot.said) + "."))
        options = of.options if s.chance(0.3) else ()
        properties[key] = t.property_schema(s, param, options)
        if slot.optional and not options and of.json != "array" and s.chance(0.5):
            properties[key] = {"anyOf": [{"type": of.json}, {"type": "null"}]}
    required = [keys[label] for label, slot in entry.slots.items() if not slot.optional]
    return Drawn(entry, name, t.function(s, name, s.one_of(entry.does), properties, required), keys)


def request(s: Source, tool: Drawn, *, plain: bool = False) -> t.Ask:
    """What a user says to have `tool` called; `plain`, without greetings and thanks."""
    entry = tool.entry
    template = s.one_of(entry.asks)
    values: dict[str, Value] = {}

    def flag(match: re.Match[str]) -> str:
        values[match.group(1)] = yes = s.chance(0.5)
        return f" {match.group(2 if yes else 3)} "

    template = " ".join(_TIGHT.sub(r"\1", _FLAG.sub(flag, template)).split())
    listed = tool.schema["parameters"]["properties"]  # type: ignore[index]
    for label in _SLOT.findall(template):
        values[label] = _value(s, entry.slots[label], listed[tool.keys[label]], values)
    text = template if plain else as_typed(s, template)
    text = fill(text, {label: show(value) for label, value in values.items()})
    arguments = {key: values[label] for label, key in tool.keys.items() if label in values}
    result, answer = _outcome(s, entry, values)
    return t.Ask(text, tool.name, arguments, result, answer)


def _value(s: Source, slot: Slot, schema: Schema, others: dict[str, Value]) -> Value:
    """A value of a slot that its schema allows and no other slot has."""
    value = slot.kind.make(s)
    for _ in range(12):
        if value not in others.values() and ("enum" not in schema or value in slot.kind.options):
            return value
        value = slot.kind.make(s)
    return s.one_of(slot.kind.options) if "enum" in schema else value


def _outcome(s: Source, entry: Entry, values: dict[str, Value]) -> tuple[str, str]:
    """What a tool returns, and what nano tells of it by rule (`concepts.plain`)."""
    known = {label: show(value) for label, value in values.items()}
    whole = [told for told in entry.told if set(_SLOT.findall(told)) - {"v"} <= known.keys()]
    said = s.one_of(whole) if whole else "{v}" if entry.makes else "Done."
    said = _SLOT.sub(lambda match: known.get(match.group(1), "{v}"), said)
    if entry.makes is None:
        return concepts.plain(lambda s, a: (s.one_of(("ok", "done", '{"ok": true}', said, said, "success", '{"status": "ok"}')), ""))(s, {})
    value: Value = s.one_of(entry.makes.options) if entry.makes.options else entry.makes.make(s)
    key = entry.gives.lower().replace(" ", "_").replace("-", "_")
    roll = s.rng.random()
    text = json.dumps({key: value}, ensure_ascii=False) if roll < 0.35 else show(value) if roll < 0.5 else said.replace("{v}", show(value))
    return concepts.plain(lambda s, a: (text, ""))(s, {})


def _toolbox(s: Source, count: int) -> list[Drawn]:
    """Tools of one application, or of a few."""
    apps = s.rng.sample(_apps(s.held), 3)
    entries = list(apps[0])
    s.rng.shuffle(entries)
    if s.chance(0.5):
        others = [entry for app in apps[1:] for entry in app]
        s.rng.shuffle(others)
        entries = entries[: max(1, count // 2)] + others
    tools: list[Drawn] = []
    for entry in entries[:count]:
        tool = declare(s, entry)
        if tool.name not in {other.name for other in tools}:
            tools.append(tool)
    s.rng.shuffle(tools)
    return tools


def _several(s: Source, talk: Talk, tools: Sequence[Drawn]) -> None:
    """Two or three requests in a message, or one for several values."""
    # What returns something may be asked of several; what sets something, of one.
    alone = [tool for tool in tools if tool.entry.makes and [slot.kind.json for slot in tool.entry.slots.values()] == ["string"]]
    asks = _each(s, s.rng.choice(alone)) if alone and s.chance(0.35) else []
    text = asks[0].text if asks else ""
    if not asks:
        picked = [s.rng.choice(tools) for _ in range(s.rng.choice((2, 2, 2, 3)))]
        made = [request(s, tool, plain=True) for tool in picked]
        asks = list({(ask.name, str(ask.arguments)): ask for ask in made}.values())
        text = together(s, asks)
    talk.user(text)
    talk.call(asks, calling.call_thought(s, asks))
    calling.finish(s, talk, asks)


def _each(s: Source, tool: Drawn) -> list[t.Ask]:
    """A request for two or three values of a tool's only parameter; none if it can't be."""
    (label, slot), = tool.entry.slots.items()
    templates = [ask for ask in tool.entry.asks if f"{{{label}}}" in ask and not _ONE.search(ask)]
    made = dict.fromkeys(show(slot.kind.make(s)) for _ in range(6))
    values = [value for value in made if " and " not in value and "," not in value][: s.rng.choice((2, 2, 3))]
    listed = tool.schema["parameters"]["properties"][tool.keys[label]]  # type: ignore[index]
    if "enum" in listed or len(values) < 2 or not templates or slot.said.startswith(("message", "text")):
        return []
    text = s.one_of(templates).replace(f"{{{label}}}", join_and(values))
    return [t.Ask(text, tool.name, {tool.keys[label]: value}, *_outcome(s, tool.entry, {label: value})) for value in values]


@cache
def _names(app: str) -> frozenset[str]:
    """The names of an application's tools; applications that share one are alike."""
    return frozenset(name for entry in entries() if entry.app == app for name in entry.names)


def _nothing_fits(s: Source, talk: Talk, tools: Sequence[Drawn]) -> None:
    """A request for another application's tool."""
    names = frozenset().union(*(_names(tool.entry.app) for tool in tools))
    far = [app for app in _apps(s.held) if names.isdisjoint(_names(app[0].app))]
    other = s.rng.choice(far)
    talk.user(request(s, declare(s, s.rng.choice(other))).text)
    talk.say(NO_TOOL, "None of the tools can do that.", NO_TOOL)


def everyday_tools(s: Source, talk: Talk) -> None:
    """Tools of everyday applications, and requests for them over several turns."""
    tools = _toolbox(s, s.rng.choice((1, 2, 3, 3, 4, 5, 6)))
    talk.system([{"type": "function", "function": tool.schema} for tool in tools])
    for _ in range(s.rng.choice((2, 3, 4, 5, 6, 7, 8))):
        roll = s.rng.random()
        if roll < 0.55:
            ask = request(s, s.rng.choice(tools))
            exact = is_value(ask, ask.text) or ask.text[1:2].isupper()
            talk.user(lower(ask.text) if not exact and s.chance(0.1) else ask.text)
            talk.call([ask], calling.call_thought(s, [ask]))
            calling.finish(s, talk, [ask])
        elif roll < 0.8:
            _several(s, talk, tools)
        elif roll < 0.95:
            _nothing_fits(s, talk, tools)
        else:
            calling.just_talk(s, talk)
