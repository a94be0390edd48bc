"""Records to fill in: kinds of them, their fields, and what a text says of each.

`texts/records.txt` has most of them, and more sentences for those below.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from training.data import texts
from training.data import words as w
from training.data.values import maker, pool

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.concepts import Value
    from training.data.phrases import Source


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: names, JSON type, maker, and how a text states it."""

    names: str
    kind: str
    make: Callable[[Source], Value]
    texts: tuple[str, ...]
    """Of a boolean: what is said if it is true."""
    denied: tuple[str, ...] = ()
    """What is said if it isn't."""

    def says(self, value: Value) -> tuple[str, ...]:
        """The sentences that state `value`."""
        return self.denied if value is False else self.texts


F = Field
_KNOWN: tuple[tuple[str, Field, tuple[Field, ...]], ...] = (
    ("Person Contact Customer Employee User Profile", F("name full_name person", "string", lambda s: w.person(s.rng, s.held), ()), (
        F("age years", "integer", lambda s: s.rng.randrange(16, 99), ("{n} is {v} years old.", "{n}, aged {v}.", "Age: {v}.", "{n} turned {v}.")),
        F("city home town", "string", lambda s: w.place(s.rng, s.held), ("{n} lives in {v}.", "Home: {v}.", "{n} moved to {v}.")),
        F("email mail", "string", lambda s: w.email(s.rng, s.held), ("Mail: {v}.", "{n} can be reached at {v}.", "Write to {v}.", "E-mail {v}.")),
        F("phone telephone", "string", lambda s: w.phone(s.rng), ("Call {v}.", "Phone: {v}.", "{n} answers at {v}.")),
        F("job profession occupation", "string", lambda s: s.word(w.JOBS), ("{n} is a {v}.", "{n} works as a {v}.", "Job: {v}.")),
        F("company employer", "string", lambda s: w.company(s.rng, s.held), ("{n} works for {v}.", "Employer: {v}.", "{n} is at {v}.")),
        F("hobbies interests", "array", lambda s: list(dict.fromkeys(s.word(w.HOBBIES) for _ in range(s.rng.randrange(2, 4)))), ("{n} likes {v}.", "Hobbies: {v}.", "In the evening {n} enjoys {v}.")),
        F("children kids", "array", lambda s: list(dict.fromkeys(w.first_name(s.rng, s.held) for _ in range(s.rng.randrange(2, 4)))), ("The children are {v}.", "{n} has children: {v}.", "Kids: {v}.")),
        F("married is_married", "boolean", lambda s: s.chance(0.5), ("{n} is married.", "Married: yes.", "{n} is married now.", "Married? Yes.", "{n} has married."), ("{n} is not married.", "Married: no.", "{n} isn't married.", "Married? No.", "{n} has never married.")),
    )),
    ("Order Purchase Invoice Item Product", F("product item article", "string", lambda s: s.word(w.PRODUCTS), ()), (
        F("quantity count amount", "integer", lambda s: s.rng.randrange(2, 500), ("We need {v} of them.", "Quantity: {v}.", "{v} pieces.", "How many: {v}.")),
        F("price cost unit_price", "number", lambda s: w.decimal(s.rng), ("It costs {v} euros.", "Price: {v}.", "The {n} is {v} dollars.")),
        F("colour color", "string", lambda s: s.word(w.COLOURS), ("The {n} is {v}.", "In {v}.", "Colour: {v}.")),
        F("order_id reference code", "string", lambda s: w.identifier(s.rng), ("Reference {v}.", "The order is {v}.", "Code: {v}.")),
        F("customer buyer client", "string", lambda s: w.person(s.rng, s.held), ("{v} ordered it.", "For {v}.", "Customer: {v}.", "The buyer is {v}.")),
        F("date day delivery_date", "string", lambda s: w.date(s.rng), ("Delivery on {v}.", "Date: {v}.", "It should arrive by {v}.")),
        F("paid is_paid", "boolean", lambda s: s.chance(0.5), ("It is paid.", "Paid: yes.", "It has been paid.", "Paid? Yes.", "The {n} is paid for."), ("It is not paid.", "Paid: no.", "It hasn't been paid yet.", "Paid? No.", "The {n} is not paid for.")),
        F("tags labels", "array", lambda s: list(dict.fromkeys(s.word(w.ADJECTIVES) for _ in range(3))), ("Tags: {v}.", "Labels: {v}.")),
    )),
    ("Event Meeting Appointment Booking", F("title event name", "string", lambda s: s.word(w.EVENTS), ()), (
        F("date day", "string", lambda s: w.date(s.rng), ("The {n} is on {v}.", "Date: {v}.", "It takes place on {v}.")),
        F("time start", "string", lambda s: w.clock(s.rng), ("It starts at {v}.", "Time: {v}.", "Come at {v}.")),
        F("place venue location", "string", lambda s: s.word(w.VENUES), ("It is held in the {v}.", "Place: {v}.", "Meet at the {v}.")),
        F("organiser host contact", "string", lambda s: w.person(s.rng, s.held), ("{v} organises it.", "Organiser: {v}.", "Ask {v}.")),
        F("guests attendees seats", "integer", lambda s: s.rng.randrange(2, 900), ("{v} guests will come.", "Guests: {v}.", "There are {v} seats.")),
        F("speakers people", "array", lambda s: list(dict.fromkeys(w.first_name(s.rng, s.held) for _ in range(3))), ("Speakers: {v}.", "{v} will speak.")),
        F("free is_free", "boolean", lambda s: s.chance(0.5), ("Entry is free.", "Free: yes.", "It is free of charge.", "Free? Yes.", "The {n} is free."), ("Entry is not free.", "Free: no.", "It isn't free.", "Free? No.", "The {n} is not free.")),
    )),
    ("Company Place City Town", F("name title", "string", lambda s: w.invented_name(s.rng), ()), (
        F("population inhabitants people", "integer", lambda s: s.rng.randrange(100, 900000), ("{n} has {v} people.", "Population: {v}.", "{v} people are in {n}.")),
        F("founded year founding_year", "integer", lambda s: s.rng.randrange(1100, 2026), ("{n} was founded in {v}.", "Founded: {v}.", "{n} dates from {v}.")),
        F("country", "string", lambda s: s.word(w.COUNTRIES), ("{n} is in {v}.", "Country: {v}.", "{n} belongs to {v}.")),
        F("leader mayor head", "string", lambda s: w.person(s.rng, s.held), ("{v} leads {n}.", "{n} is led by {v}.", "Head: {v}.")),
        F("rating score", "number", lambda s: round(s.rng.uniform(0, 10), 1), ("{n} is rated {v}.", "Rating: {v}.", "People give it {v}.")),
        F("languages", "array", lambda s: list(dict.fromkeys(s.word(w.LANGUAGES) for _ in range(2))), ("People speak {v}.", "Languages: {v}.")),
    )),
)


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of record: what it is called, the field of its name, the other fields."""

    names: str
    head: Field
    fields: tuple[Field, ...]


def _typed(spec: str) -> tuple[str, Callable[[Source], Value]]:
    """(JSON type, maker) of the kind of value `spec` names."""
    kind, _, rest = spec.partition(" ")
    if kind == "boolean":
        return "boolean", lambda s: s.chance(0.5)
    if kind == "integer":
        low, high = map(int, rest.split())
        return "integer", lambda s: s.rng.randint(low, high)
    if kind == "number":
        start, end, digits = rest.split()
        return "number", lambda s: round(
            s.rng.uniform(float(start), float(end)), int(digits)
        )
    if kind == "words":
        words = pool(rest)
        return "array", lambda s: _several(s, lambda: s.word(words))
    if kind == "names":
        return "array", lambda s: _several(s, lambda: w.first_name(s.rng, s.held))
    if kind == "year":
        return "integer", lambda s: s.rng.randrange(1900, 2031)
    if kind == "price":
        return "number", lambda s: w.decimal(s.rng)
    return "string", maker(spec)


def _several(s: Source, make: Callable[[], str]) -> Value:
    return list(dict.fromkeys(make() for _ in range(s.rng.randrange(2, 5))))


def _field(text: str, lines: list[str], known: Field | None) -> Field:
    """A field's line and what stands below it; `known` is the field it adds to."""
    names, _, spec = text.partition(" | ")
    yes = [line.removeprefix("yes: ") for line in lines if not line.startswith("no: ")]
    no = [line.removeprefix("no: ") for line in lines if line.startswith("no: ")]
    if known is None:
        kind, make = _typed(spec)
        return Field(names, kind, make, tuple(yes), tuple(no))
    return replace(known, texts=known.texts + tuple(yes), denied=known.denied + tuple(no))


def _records() -> tuple[Record, ...]:
    known = {names.split()[0]: Record(names, head, fields) for names, head, fields in _KNOWN}
    for heading, lines in texts.blocks("records"):
        names = heading.removeprefix("## ")
        record = known.get(names.split()[0])
        fields = {f.names.split()[0]: f for f in record.fields} if record else {}
        head = record.head if record else None
        starts = [i for i, line in enumerate(lines) if line.startswith("field: ")]
        for line in lines[: starts[0]]:
            if line.startswith("head: ") and head is None:
                head = _field(line.removeprefix("head: "), [], None)
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            text = lines[start].removeprefix("field: ")
            first = text.split()[0]
            below = list(lines[start + 1 : end])
            fields[first] = _field(text, below, fields.get(first))
        assert head is not None, names
        known[names.split()[0]] = Record(
            record.names if record else names, head, tuple(fields.values())
        )
    return tuple(known.values())


RECORDS = _records()
