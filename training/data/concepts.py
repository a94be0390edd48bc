"""What a tool does, and how its values and results are made.

A `Concept` is one thing a tool can do, with many names, descriptions and requests;
`catalogue/` has a table of them, `tools.py` draws declared tools from it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from training.data import words as w
from training.data.phrases import Source, fill, join_and

Value = str | int | float | bool | list[str] | list[int]
Schema = dict[str, object]
Maker = Callable[[Source], Value]
Result = Callable[[Source, "dict[str, Value]"], tuple[str, str]]
"""Arguments in; what the tool returns and what nano says then."""
_FURTHER = re.compile(r" (?:in|of|on|at|for|from|to|by|with|left|so|kept|that|until|used) ")
"""What follows the noun that a name is about: "number of days"."""
WORKED = ("ok", "done", "success", "true")
"""Results that say no more than that."""


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter: its names, JSON type, how a value is made and described."""

    names: str
    kind: str
    make: Maker
    descriptions: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing a tool can do. `asks` mention every parameter as `{0}`, `{1}`, …

    `more` are requests for the optional parameters: (indices mentioned, template).
    """

    names: str
    descriptions: tuple[str, ...]
    params: tuple[Param, ...]
    asks: tuple[str, ...]
    result: Result
    required: int = 99
    plain: int = 0
    """How many of the first `asks` are the plain ones."""


def show(value: Value) -> str:
    """A value as a user types it."""
    if isinstance(value, list):
        return join_and([str(item) for item in value])
    return str(value)


def words_of(pool: w.Pool) -> Maker:
    return lambda s: s.word(pool)


def product(s: Source) -> Value:
    """A thing for sale, now and then of a colour or kind: "blue lamp"."""
    thing = s.word(w.PRODUCTS)
    if s.chance(0.3):
        return f"{s.word(w.COLOURS if s.chance(0.5) else w.ADJECTIVES)} {thing}"
    return thing


def text_of(make: Callable[..., str]) -> Maker:
    return lambda s: make(s.rng, s.held)


CITY = Param(
    "city city city location place town",
    "string",
    text_of(w.place),
    ("The city", "City name", "Name of the city", "The place to look up", "Which city"),
)
NAME = Param("name name person contact who", "string", text_of(w.person), ("Full name", "The person's name"))


def number_param(names: str, *descriptions: str) -> Param:
    return Param(names, "number", lambda s: w.number(s.rng), descriptions)


def integer_param(names: str, low: int, high: int, *descriptions: str) -> Param:
    return Param(names, "integer", lambda s: s.rng.randrange(low, high), descriptions)


def string_param(names: str, make: Maker, *descriptions: str) -> Param:
    return Param(names, "string", make, descriptions)


def _json_or_text(s: Source, key: str, value: Value, text: str) -> str:
    roll = s.rng.random()
    if roll < 0.3:
        return json.dumps({key: value}, ensure_ascii=False)
    if roll < 0.5:
        return str(value)
    return text


def simple(key: str, make: Callable[[Source], Value], text: str, answer: str) -> Result:
    """A result with one value `{v}`; `{0}`, `{1}` are the arguments."""

    def result(s: Source, a: dict[str, Value]) -> tuple[str, str]:
        value = make(s)
        slots = {str(i): show(v) for i, v in enumerate(a.values())}
        slots["v"] = show(value)
        for i in range(len(slots), 5):
            slots.setdefault(str(i), "it")
        return _json_or_text(s, key, value, fill(text, slots)), fill(answer, slots)

    return result


def done(text: str, answer: str) -> Result:
    """A result that says no more than that it worked."""

    def result(s: Source, a: dict[str, Value]) -> tuple[str, str]:
        slots = {str(i): show(v) for i, v in enumerate(a.values())}
        for i in range(len(a), 5):
            slots[str(i)] = "it"
        said = s.one_of(("ok", "done", '{"ok": true}', "success", "true", fill(text, slots), '{"status": "ok"}'))
        return said, fill(answer, slots)

    return result


def plain(make: Result) -> Result:
    """`make`, answered by rule: nobody can know a sentence for every tool there is.

    What a key says is named with it, a word or number is "the result", more words
    stand for themselves, and what only says that it worked is "Done."
    """

    def result(s: Source, a: dict[str, Value]) -> tuple[str, str]:
        said = make(s, a)[0]
        if said.startswith("{"):
            (key, value), *_ = json.loads(said).items()
            if value is True or value in WORKED:
                return said, "Done."
            named = key.replace("_", " ")
            head = _FURTHER.split(named)[0]
            verb = "are" if head.endswith("s") and not head.endswith(("ss", "us")) else "is"
            return said, f"The {named} {verb} {show(value)}."
        if said in WORKED:
            return said, "Done."
        if " " not in said:
            return said, f"The result is {said}."
        # An address or a file is written as it is.
        exact = any(mark in said.split()[0][:-1] for mark in "@._")
        told = said if exact else said[:1].upper() + said[1:]
        return said, told if told.endswith(("?", "!")) else told.rstrip(".") + "."

    return result
