"""Pages and forms on everyday things: a campsite, a lost bag, a bug report.

`everyday/scenes_*.txt` describes three hundred of them by hand, eight facts each, in
plain words: how a fact is told, how it is asked for, what a form calls it. A page holds
one thing or several of a kind, so that only reading exactly tells their facts apart.

A scene is a block of lines, its values are of `kinds`:

    scene: campsite | name
    a: the campsite
    pitch price | money | pitch_price fee | A pitch at {n} costs {v} euros. / … | How much is …? / …
    dogs allowed | bool | dogs_allowed pets | {n} allows dogs. / … // {n} bans dogs. / … | Are …? / …

In it `{n}` is the thing's name and `{v}` the value; what stands behind ` // ` denies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from training.data import kinds
from training.data.concepts import show
from training.data.open_documents import FILLERS, occurs
from training.data.phrases import camel_case, capital, fill, lower
from training.data.reading import (
    FILL,
    FORM,
    ONLY,
    QUOTE_WRAPS,
    noted,
    schema_of,
    with_document,
)
from training.data.records import Field
from training.data.talk import UNKNOWN
from training.data.words import is_held_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.data.concepts import Schema, Value
    from training.data.phrases import Source
    from training.data.talk import Talk

_NAME_KEYS = {
    "person": ("name", "full_name", "person"), "first": ("name", "first_name"), "place": ("place", "town", "location"),
    "company": ("company", "name", "firm"), "ident": ("id", "number", "reference", "code"), "title": ("title", "name"),
}


@dataclass(frozen=True, slots=True)
class Told:
    """One fact of a scene: how it is told (`{n}`, `{v}`), asked for and named as a key.

    A yes-or-no fact has no value: `says` affirm, `denies` deny.
    """

    label: str
    kind: kinds.Kind
    keys: tuple[str, ...]
    says: tuple[str, ...]
    denies: tuple[str, ...]
    questions: tuple[str, ...]

    @property
    def flag(self) -> bool:
        return bool(self.denies)


@dataclass(frozen=True, slots=True)
class Scene:
    """A kind of thing: what names one of them, how to speak of the only one."""

    what: str
    named: str
    the: str
    facts: tuple[Told, ...]


def _fact(line: str) -> Told:
    """A line of a table: label | kind | keys | statements | questions."""
    label, kind, keys, says, questions = (part.strip() for part in line.split(" | "))
    affirm, _, deny = says.partition(" // ")
    return Told(label, kinds.kind(kind), tuple(keys.split()), kinds.ways(affirm), kinds.ways(deny), kinds.ways(questions))


@cache
def scenes() -> tuple[Scene, ...]:
    """The scenes of the tables."""
    found = []
    for path in sorted(kinds.TABLES.glob("scenes_*.txt")):
        for block in path.read_text("utf-8").strip().split("\n\n"):
            head, the, *facts = block.splitlines()
            what, _, named = head.removeprefix("scene:").partition("|")
            found.append(Scene(what.strip(), named.strip(), the.removeprefix("a:").strip(), tuple(map(_fact, facts))))
    return tuple(found)


@cache
def _part(held: bool) -> tuple[Scene, ...]:
    return tuple(scene for scene in scenes() if is_held_out(scene.what) == held)


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing of a scene on a page; the only one may be spoken of without its name."""

    scene: Scene
    name: str
    only: bool


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact of a thing with its value, as a page tells it."""

    thing: Thing
    fact: Told
    value: Value
    sentence: str


def _filled(template: str, name: str, value: str) -> str:
    """A template with its slots filled, its first letter capital unless a value's."""
    text = fill(template, {"n": name, "v": value})
    named = template.startswith("{n}") and not name.startswith("the ")
    return text if named or template.startswith("{v}") else capital(text)


def _mention(s: Source, thing: Thing, share: float) -> str:
    """Its name, or what it is if there is only one of it."""
    return thing.scene.the if thing.only and s.chance(share) else thing.name


def _state(s: Source, thing: Thing, fact: Told, mention: str) -> Stated:
    """A sentence that tells `fact` of `thing`."""
    value = fact.kind.make(s)
    options = fact.denies if fact.flag and not value else fact.says
    if show(value)[:1].islower():
        # No sentence begins with a small letter.
        options = tuple(o for o in options if not o.startswith("{v}")) or options
    return Stated(thing, fact, value, _filled(s.one_of(options), mention, "" if fact.flag else show(value)))


def things(s: Source) -> list[Thing]:
    """What a page is about: one thing, two or three of a kind, or two kinds."""
    first = s.rng.choice(_part(s.held))
    roll = s.rng.random()
    picked = [first] * (1 if roll < 0.4 else 2 if roll < 0.7 else 3 if roll < 0.8 else 1)
    if roll >= 0.8:
        other = s.rng.choice(_part(s.held))
        picked += [other] if other is not first and other.the != first.the else []
    found: list[Thing] = []
    for scene in picked:
        for _ in range(6):
            name = show(kinds.kind(scene.named).make(s))
            if not any(occurs(name, thing.name) or occurs(thing.name, name) for thing in found):
                found.append(Thing(scene, name, picked.count(scene) == 1))
                break
    return found


def page(s: Source, things: Sequence[Thing], share: float) -> list[Stated]:
    """Sentences on all of them; no value stands on a page twice."""
    told: list[Stated] = []
    for thing in things:
        count = min(len(thing.scene.facts), s.rng.choice((2, 3, 4, 5, 6, 8)))
        named = False
        for fact in s.rng.sample(thing.scene.facts, count):
            mention = _mention(s, thing, share) if named else thing.name
            for _ in range(4):
                made = _state(s, thing, fact, mention)
                value = "" if fact.flag else show(made.value)
                text = " ".join(old.sentence for old in told)
                clash = value and (occurs(value, text) or any(occurs(value, x.name) for x in things))
                if not clash and not any(not old.fact.flag and occurs(show(old.value), made.sentence) for old in told):
                    told.append(made)
                    named = True
                    break
    if s.chance(0.35):
        s.rng.shuffle(told)
        told = _named_first(told)
    return told


def _named_first(told: list[Stated]) -> list[Stated]:
    """`told` with a sentence that names a thing before those that don't."""
    seen: set[int] = set()
    first: list[Stated] = []
    rest: list[Stated] = []
    for made in told:
        named = made.thing.name.lower() in made.sentence.lower()
        (first if named and id(made.thing) not in seen else rest).append(made)
        seen |= {id(made.thing)} if named else set()
    return first + rest


def _laid_out(s: Source, told: Sequence[Stated]) -> str:
    """The sentences as prose, lines or paragraphs, now and then with idle ones."""
    parts = [made.sentence for made in told]
    if s.chance(0.35):
        for filler in s.rng.sample(FILLERS, s.rng.randrange(1, 4)):
            parts.insert(s.rng.randrange(len(parts) + 1), filler)
    roll = s.rng.random()
    if roll < 0.7 or len(parts) < 4:
        return " ".join(parts)
    size = 1 if roll < 0.85 else s.rng.randrange(2, 5)
    glue = "\n" if size == 1 else "\n\n"
    return glue.join(" ".join(parts[i : i + size]) for i in range(0, len(parts), size))


def _asked(s: Source, thing: Thing, fact: Told, share: float) -> str:
    """A question for a fact, as people type it."""
    question = _filled(s.one_of(fact.questions), _mention(s, thing, share), "")
    roll = s.rng.random()
    if roll < 0.15 and not question.startswith(thing.name):
        return lower(question).rstrip("?") + s.one_of(("", "?"))
    return question.rstrip("?") if roll < 0.2 else question


def missing(s: Source, things: Sequence[Thing], told: Sequence[Stated]) -> tuple[Thing, Told] | None:
    """A fact that the page could tell of one of its things, and doesn't."""
    known = {(made.thing.name, made.fact.label) for made in told}
    open_ones = [(thing, fact) for thing in things for fact in thing.scene.facts if (thing.name, fact.label) not in known]
    others = [(thing, fact) for thing, fact in open_ones if any(label == fact.label for _, label in known)]
    return s.rng.choice(others if others and s.chance(0.5) else open_ones) if open_ones else None


def everyday_document(s: Source, talk: Talk) -> None:
    """A page on one thing or several of a kind, and questions over several turns."""
    talk.system()
    share = s.rng.choice((0.0, 0.4, 0.8))
    here = things(s)
    told = page(s, here, share)
    text = _laid_out(s, told)
    turns = min(s.rng.randrange(3, 15), 2 * len(told))
    seen: set[str] = set()
    for turn in range(turns):
        roll = s.rng.random()
        gap = missing(s, here, told) if roll < 0.2 else None
        made = s.rng.choice(told)
        thing, fact = gap or (made.thing, made.fact)
        asked = _asked(s, thing, fact, share)
        if asked.lower().rstrip("?") in seen:
            continue
        seen.add(asked.lower().rstrip("?"))
        answer, value, thought = _answer(s, made if gap is None else None)
        whole = asked if asked[-1] in ".?" else asked + "?"
        said = made.sentence if gap is None else UNKNOWN
        if not fact.flag and 0.18 < roll < 0.3:
            asked, answer = f"{whole} {s.template(ONLY)}", value
        elif 0.16 < roll < 0.4:
            wrap = s.template(QUOTE_WRAPS)
            asked = wrap.replace("{q}", whole if wrap.startswith("{q} ") else asked)
            answer = value = said
        talk.user(with_document(s, text, asked) if turn == 0 else asked)
        question = whole.rstrip(".?")
        question = question if question.startswith(thing.name) else capital(question)
        talk.say(answer, f"{question}? {thought}", value)


def _answer(s: Source, made: Stated | None) -> tuple[str, str, str]:
    """What nano says of a fact, the value in it, and the end of its thought."""
    if made is None:
        return UNKNOWN, UNKNOWN, "The document doesn't say that."
    if made.fact.flag:
        word = "Yes" if made.value else "No"
        return f"{word}. {made.sentence}", f"{word}. {made.sentence}", f"The document says: {made.sentence}"
    value = show(made.value)
    return f"The document says {value}.", value, f"The document says {value}."


_KEEPS = 0.75
"""Share of the forms that have a key for the name."""


def _keyed(s: Source, scene: Scene) -> dict[str, Told]:
    """The keys of a form and the facts they are for."""
    count = min(len(scene.facts), s.rng.choice((1, 2, 3, 3, 4, 4, 5, 6)))
    camel = s.chance(0.1)
    keyed: dict[str, Told] = {}
    for fact in s.rng.sample(scene.facts, count):
        key = s.one_of(fact.keys)
        keyed.setdefault(camel_case(key) if camel else key, fact)
    return keyed


def _form(s: Source, scene: Scene, name_key: str, keyed: dict[str, Told]) -> Schema:
    """The schema, some of its choices listed."""
    fields = {key: Field(key, fact.kind.json, fact.kind.make, ()) for key, fact in keyed.items()}
    if name_key:
        fields = {name_key: Field(name_key, "string", kinds.kind("name").make, ()), **fields}
    form = schema_of(s, scene.what if s.chance(0.5) else capital(scene.what), fields)
    properties = form["properties"]
    assert isinstance(properties, dict)
    for key, fact in keyed.items():
        if fact.kind.options and s.chance(0.35):
            properties[key]["enum"] = s.rng.sample(fact.kind.options, len(fact.kind.options))
    return form


def everyday_form(s: Source, talk: Talk) -> None:
    """Messages about things of one kind, and a schema to fill from each."""
    scene = s.rng.choice(_part(s.held))
    keyed = _keyed(s, scene)
    names = [key for key in _NAME_KEYS.get(scene.named, ("name",)) if key not in keyed]
    name_key = s.one_of(names) if names and s.chance(_KEEPS) else ""
    form = _form(s, scene, name_key, keyed)
    properties = cast("dict[str, Schema]", form["properties"])
    listed = {key for key, schema in properties.items() if "enum" in schema}
    talk.system(response_format=form)
    asked_for = set(map(id, keyed.values()))
    others = [fact for fact in scene.facts if id(fact) not in asked_for]
    share = s.rng.choice((0.0, 0.4, 0.8))
    for turn in range(s.rng.choice((2, 2, 3, 3, 4, 5, 6))):
        thing = Thing(scene, show(kinds.kind(scene.named).make(s)), only=True)
        told: list[tuple[str, Stated]] = []
        for key, fact in keyed.items():
            made = _state(s, thing, fact, thing.name)
            while key in listed and made.value not in fact.kind.options:
                made = _state(s, thing, fact, thing.name)
            told.append((key, made))
        idle = s.rng.sample(others, min(len(others), s.rng.choice((0, 0, 1, 1, 2, 3))))
        told += [("", _state(s, thing, fact, thing.name)) for fact in idle]
        s.rng.shuffle(told)
        sentences = _spoken(s, thing, [made.sentence for _, made in told], share)
        name = thing.name.removeprefix("the ")
        values: dict[str, Value] = {name_key: name} if name_key else {}
        values |= {key: made.value for key, made in told if key}
        wanted = {key: values[key] for key in properties}
        text = ("\n" if s.chance(0.15) else " ").join(sentences)
        if s.chance(0.2):
            asked = with_document(s, text, s.template(FORM))
        else:
            asked = text if turn and s.chance(0.5) else s.phrase(FILL, {"k": scene.what, "x": text})
        talk.user(asked)
        answer = json.dumps(wanted, ensure_ascii=False)
        notes = [noted(said, key or "-", wanted) for said, (key, _) in zip(sentences, told, strict=True)]
        if name_key:
            notes[0] = f'{notes[0].removesuffix(" -")} "{name_key}": {json.dumps(name, ensure_ascii=False)}'
        talk.say(answer, "\n".join(notes), answer)


def _spoken(s: Source, thing: Thing, sentences: list[str], share: float) -> list[str]:
    """The sentences of a message, the later ones without the name now and then."""
    spoken = sentences[:1]
    for sentence in sentences[1:]:
        if sentence.startswith(thing.name):
            plain = capital(sentence.replace(thing.name, thing.scene.the, 1))
        else:
            plain = sentence.replace(thing.name, thing.scene.the, 1)
        spoken.append(plain if s.chance(share) else sentence)
    return spoken
