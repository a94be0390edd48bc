"""How the tables of everyday things name the values they want made.

`person`, `clock`, `int:20-400`, `choice:oak/pine/birch`, `list:salt/sugar/flour`:
`kind` turns such a word into a JSON type and a maker.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from training.data import values as v
from training.data import words as w
from training.data.phrases import capital

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.concepts import Maker, Value
    from training.data.phrases import Source

_BOUNDS = re.compile(r"(-?[\d.]+)-(-?[\d.]+)")
TABLES = Path(__file__).parent / "everyday"
UNHEARD = 0.12
"""Share of the choices that give way to a word nobody has heard of."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A JSON type, what makes a value of it, and the values there are, if few."""

    json: str
    make: Maker
    options: tuple[str, ...] = ()


def title(s: Source) -> str:
    """A short title of one to three words."""
    noun = capital(s.word(w.NOUNS))
    roll = s.rng.random()
    if roll < 0.55:
        return f"{capital(s.word(w.ADJECTIVES))} {noun}"
    if roll < 0.75:
        return f"{noun} {capital(s.word(w.OBJECTS))}"
    return noun if roll < 0.9 else f"The {capital(s.word(w.ADJECTIVES))} {noun}"


def path(s: Source) -> str:
    """A file name, sometimes with a folder."""
    ending = s.one_of(("pdf", "png", "txt", "csv", "jpg", "docx", "mp4", "json", "log"))
    stem = s.word(w.NOUNS) + s.one_of(("", "", f"_{s.rng.randrange(1, 99)}", f"-{s.word(w.NOUNS)}"))
    return f"{s.one_of(('', '', s.word(w.NOUNS) + '/', '/home/' + s.word(w.NOUNS) + '/'))}{stem}.{ending}"


def domain(s: Source) -> str:
    """The name of a website."""
    return f"{w.syllables(s.rng)}.{s.one_of(('com', 'org', 'net', 'io', 'dev', 'eu'))}"


def message(s: Source) -> str:
    """A short message to somebody, without a full stop or quotes."""
    return w.remark(s.rng, s.held).rstrip(".").replace('"', "")


def street(s: Source) -> str:
    """A street, mostly with a house number."""
    return v.address(s) if s.chance(0.7) else s.word(w.STREETS)


def money(s: Source) -> Value:
    """An amount without its currency."""
    return s.rng.randrange(5, 3000) if s.chance(0.6) else round(s.rng.uniform(2, 900), 2)


def some(s: Source, make: Callable[[Source], str]) -> list[str]:
    """Two or three different values."""
    made = dict.fromkeys(make(s) for _ in range(8))
    return list(made)[: s.rng.choice((2, 2, 3))]


def people(s: Source) -> Value:
    """Two or three first names."""
    return some(s, lambda s: w.first_name(s.rng, s.held))


_TEXTS: dict[str, Maker] = {
    "person": lambda s: w.person(s.rng, s.held),
    "first": lambda s: w.first_name(s.rng, s.held),
    "place": lambda s: w.place(s.rng, s.held),
    "name": lambda s: w.invented_name(s.rng) if s.chance(0.6) else s.word(w.SURNAMES),
    "street": street,
    "country": lambda s: s.word(w.COUNTRIES),
    "company": lambda s: w.company(s.rng, s.held),
    "ident": lambda s: w.identifier(s.rng),
    "email": lambda s: w.email(s.rng, s.held),
    "phone": lambda s: w.phone(s.rng),
    "date": lambda s: w.date(s.rng),
    "weekday": lambda s: w.DAYS.pick(s.rng),
    "clock": lambda s: w.clock(s.rng),
    "product": lambda s: s.word(w.PRODUCTS),
    "food": lambda s: s.word(w.FOODS),
    "animal": lambda s: s.word(w.ANIMALS),
    "colour": lambda s: s.word(w.COLOURS),
    "language": lambda s: s.word(w.LANGUAGES),
    "hobby": lambda s: s.word(w.HOBBIES),
    "title": title,
    "msg": message,
    "word": lambda s: s.word(w.NOUNS),
    "path": path,
    "domain": domain,
}
_OTHERS = {
    "year": Kind("integer", lambda s: s.rng.randrange(1950, 2036)),
    "money": Kind("number", money),
    "bool": Kind("boolean", lambda s: s.chance(0.5)),
    "people": Kind("array", people),
}


def _chosen(s: Source, options: tuple[str, ...]) -> str:
    """One of `options`, or now and then an invented word in the place of one."""
    word = s.one_of(options)
    if not s.held and word.isalpha() and s.chance(UNHEARD):
        made = w.blend(s.rng)
        return capital(made) if word[0].isupper() else made
    return word


def _several(s: Source, options: tuple[str, ...]) -> list[str]:
    """Two or three of `options`."""
    return s.rng.sample(options, min(len(options), s.rng.choice((2, 2, 3))))


def ways(text: str) -> tuple[str, ...]:
    """The ways to say something that a line of a table has, between " / "."""
    return tuple(part.strip() for part in text.split(" / ") if part.strip())


@cache
def kind(name: str) -> Kind:
    """What a table means by `name`; ValueError if it means nothing."""
    if name in _TEXTS:
        return Kind("string", _TEXTS[name])
    if name in _OTHERS:
        return _OTHERS[name]
    head, _, rest = name.partition(":")
    if head in ("choice", "list"):
        options = tuple(word.strip() for word in rest.split("/") if word.strip())
        if len(options) > 1:
            if head == "list":
                return Kind("array", lambda s: _several(s, options))
            return Kind("string", lambda s: _chosen(s, options), options)
    bounds = _BOUNDS.fullmatch(rest)
    if head == "int" and bounds:
        first, last = map(int, bounds.groups())
        return Kind("integer", lambda s: s.rng.randrange(first, last + 1))
    if head == "num" and bounds:
        low, high = map(float, bounds.groups())
        digits = 1 if high > 5 else 2
        return Kind("number", lambda s: round(s.rng.uniform(low, high), digits))
    msg = f"no kind of value is called {name!r}"
    raise ValueError(msg)
