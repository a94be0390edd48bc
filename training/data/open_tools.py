"""Conversations with tools of every kind of application, named by ordinary words.

The tables of concepts teach a few hundred tools in many phrasings. Here requests are
built by rule from the words of a tool's name and parameters, whatever they are, so that
matching those words is what it takes to pick a tool and its arguments.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from training.data import calling, kinds
from training.data import open_plans as table
from training.data import tools as t
from training.data import values as v
from training.data import words as w
from training.data.concepts import Param, show
from training.data.phrases import camel_case, capital, join_and, lower, past, plural
from training.data.talk import NO_TOOL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.data.concepts import Schema, Value
    from training.data.phrases import Source
    from training.data.talk import Talk


def _code(s: Source) -> str:
    """A code name such as services and branches have."""
    head = s.one_of(table.SERVICES) if s.chance(0.5) else s.word(w.NOUNS).lower()
    return f"{head}-{s.one_of(table.SERVICES)}" if s.chance(0.6) else f"{head}-{s.rng.randrange(1, 40)}"


_MAKERS: dict[str, Callable[[Source], Value]] = {
    "day": lambda s: w.DAYS.pick(s.rng) if s.chance(0.35) else w.date(s.rng),
    "clock": lambda s: w.clock(s.rng),
    "person": lambda s: w.person(s.rng, s.held) if s.chance(0.7) else w.first_name(s.rng, s.held),
    "place": lambda s: w.place(s.rng, s.held),
    "name": lambda s: w.place(s.rng, s.held) if s.chance(0.3) else w.invented_name(s.rng),
    "street": lambda s: v.address(s) if s.chance(0.5) else s.word(w.STREETS),
    "country": lambda s: s.word(w.COUNTRIES),
    "company": lambda s: w.company(s.rng, s.held),
    "ident": lambda s: w.identifier(s.rng),
    "nick": lambda s: w.syllables(s.rng) + s.one_of(("", "", str(s.rng.randrange(100)), "_x")),
    "code": _code,
    "domain": kinds.domain,
    "version": lambda s: f"{s.rng.randrange(1, 12)}.{s.rng.randrange(20)}" + s.one_of(("", f".{s.rng.randrange(30)}")),
    "path": kinds.path,
    "title": kinds.title,
    "word": lambda s: s.word(w.NOUNS),
    "noun": lambda s: s.word(w.NOUNS),
    "nouns": lambda s: kinds.some(s, lambda s: s.word(w.NOUNS)),
    "firsts": kinds.people,
    "room": lambda s: s.word(w.ROOMS),
    "zone": lambda s: f"{s.one_of('ABCDEFGHK')}{s.rng.randrange(1, 60)}",
    "classname": lambda s: f"{s.rng.randrange(1, 13)}{s.one_of('abcdABC')}",
    "team": lambda s: s.word(w.DEPARTMENTS),
    "subject": lambda s: s.word(w.SUBJECTS),
    "hobby": lambda s: s.word(w.HOBBIES),
    "food": lambda s: s.word(w.FOODS),
    "animal": lambda s: s.word(w.ANIMALS),
    "product": lambda s: f"{s.word(w.ADJECTIVES if s.chance(0.5) else w.COLOURS)} {s.word(w.PRODUCTS)}" if s.chance(0.4) else s.word(w.PRODUCTS),
    "colour": lambda s: s.word(w.COLOURS),
    "language": lambda s: s.word(w.LANGUAGES),
    "email": lambda s: w.email(s.rng, s.held),
    "msg": kinds.message,
    "reason": lambda s: s.one_of(table.REASONS) if s.chance(0.6) else f"{s.word(w.ADJECTIVES)} {s.word(w.NOUNS)}",
    "currency": lambda s: w.CURRENCIES.pick(s.rng) if s.chance(0.6) else w.MONEY.pick(s.rng),
    "stars": lambda s: s.rng.randrange(2, 6),
    "few": lambda s: s.rng.randrange(2, 13),
    "small": lambda s: s.rng.randrange(2, s.rng.choice((20, 100, 300))),
    "mins": lambda s: s.rng.choice((10, 15, 20, 25, 30, 45, 60, 90, s.rng.randrange(2, 200))),
    "pct": lambda s: s.rng.randrange(2, 100),
    "big": lambda s: s.rng.randrange(20, 5000),
    "year": lambda s: s.rng.randrange(1980, 2036),
    "decimal": lambda s: w.number(s.rng) if s.chance(0.5) else round(s.rng.uniform(1, 100), 1),
    "money": kinds.money,
    "temp": lambda s: s.rng.randrange(2, 230) if s.chance(0.7) else round(s.rng.uniform(2, 80), 1),
}


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of parameter: its JSON type, its maker, its keys, and how it is mentioned."""

    kind: str
    make: str
    keys: tuple[str, ...]
    mentions: tuple[str, ...]
    options: tuple[str, ...] = ()


def _kinds() -> dict[str, _Kind]:
    found = {}
    for line in table.PARAMS.strip().splitlines():
        code, kind, make, keys, mentions = line.split("|")
        options = tuple(make.split("/")) if kind == "enum" else ()
        said = tuple(m.replace('""', '"').removeprefix('"saying') if not m.startswith('"saying') else m[1:] for m in mentions.split(";"))
        found[code] = _Kind(kind, make, tuple(keys.split(";")), said, options)
    return found


_KINDS = _kinds()
_YES = {
    "a": ("make it {f}", "and make it {f}", "It should be {f}.", "as a {f} one", "Make it {f}.", "{f}: yes"),
    "n": ("with {f}", "with {f}", "Include {f}.", "including {f}", "{f}: yes", "and with {f}"),
    "o": ("with the {f} on", "with the {f} turned on", "Leave the {f} on.", "The {f} should be on."),
}
_NO = {
    "a": ("but don't make it {f}", "It shouldn't be {f}.", "not {f}", "Don't make it {f}.", "{f}: no"),
    "n": ("without {f}", "without {f}", "Leave out {f}.", "but without {f}", "{f}: no", "with no {f}"),
    "o": ("with the {f} off", "with the {f} turned off", "Leave the {f} off.", "The {f} should be off."),
}
_GIVEN_FLAGS = {line.split("|")[0]: (line.split("|")[1], line.split("|")[2].split(";")[-1]) for line in table.FLAGS.strip().splitlines()}
_NUMBER = ("with a {k} of {}", "{k} {}", "with {k} {}", "The {k} is {}.", "with the {k} set to {}", "at {k} {}", "The {k} should be {}.")
_TEXT = ("with the {k} {}", "{k} {}", "with {} as the {k}", "The {k} is {}.", "of the {k} {}", "The {k} should be {}.", "{k}: {}")


@dataclass(frozen=True, slots=True)
class _Slot:
    """One parameter of one tool."""

    key: str
    words: str
    kind: str
    make: Callable[[Source], Value]
    mentions: tuple[str, ...]
    options: tuple[str, ...]
    optional: bool
    at: bool = False
    flag: str = ""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a tool does, before it is drawn: `how` is do, get, count or list."""

    app: str
    how: str
    verb: str
    noun: str
    owner: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A tool with its slots and schema."""

    plan: _Plan
    name: str
    schema: Schema
    slots: tuple[_Slot, ...]


def _plans() -> list[_Plan]:
    """All the plans of the tables."""
    plans = []
    for line in table.ROWS.strip().splitlines():
        app, noun, acts = line.split("|")
        for act in acts.split(","):
            words = act.split()
            two = len(words) > 1 and words[1] in ("on", "off", "up", "in", "out", "back", "for")
            verb = " ".join(words[: 2 if two else 1])
            tokens = words[2 if two else 1 :]
            if tokens[:1] == ["path"]:
                tokens[0] = "@path"
            plans.append(_Plan(app, "do", verb, noun, "", tuple(tokens)))
    for text, how in ((table.GETS, "get"), (table.LISTS, "list")):
        for row in text.strip().replace("\n", ";").split(";"):
            app, attribute, owner = row.split("|")
            owner, _, token = owner.partition(" @")
            plans.append(_Plan(app, how, "get" if how == "get" else "list", attribute, owner, (f"@{token}",) if token else ()))
            if how == "list":
                plans.append(_Plan(app, "count", "count", attribute, owner, (f"@{token}",) if token else ()))
    return plans


_PLANS = _plans()
_BY_APP: dict[str, list[_Plan]] = {}
_BY_VERB: dict[str, list[_Plan]] = {}
_BY_NOUN: dict[str, list[_Plan]] = {}
for _plan in _PLANS:
    _BY_APP.setdefault(_plan.app, []).append(_plan)
    _BY_VERB.setdefault(_plan.verb, []).append(_plan)
    _BY_NOUN.setdefault(_plan.noun, []).append(_plan)


def _free(s: Source, near: _Plan | None = None) -> _Plan:
    """A plan of words drawn freely; `near` another it shares its verb or noun."""
    verb = s.word(table.VERBS) if not s.held else table.VERBS.pick(s.rng, held=True)
    noun = s.word(table.NOUNS) if s.chance(0.7) else s.word(w.OBJECTS)
    if s.chance(0.25):
        owner, at = s.word(table.NOUNS), s.one_of(("", "@id", "@num", "@name", "@title"))
        attribute = s.one_of(table.KEYS + table.TEXT_KEYS) if s.chance(0.6) else s.word(w.NOUNS)
        if near is not None and near.owner:
            owner, at = near.owner, near.tokens[0] if near.tokens else ""
        return _Plan("", "get", "get", attribute.lower(), owner.lower(), (at,) if at else ())
    if near is not None and near.how == "do":
        if s.chance(0.5):
            verb = near.verb
        else:
            noun = near.noun
    tokens = s.rng.sample(table.FREE_PARTS, s.rng.choice((0, 0, 1, 1, 2)))
    for one, other in (("amount", "price"), ("title", "code"), ("date", "from_date"), ("place", "street")):
        if one in tokens and other in tokens:
            tokens.remove(other)
    tokens += s.rng.choice(((), (), ("*num",), ("*text",), ("*num", "*text"), ("*flag",)))
    tokens = [token + "?" if s.chance(0.25) else token for token in tokens]
    if s.chance(0.3):
        tokens.insert(0, s.one_of(("@id", "@num", "@name", "@title")))
    return _Plan("", "do", verb, noun.lower(), "", tuple(tokens))


def _alike(one: str, other: str) -> bool:
    """Whether two verbs may mean the same."""
    a, b = one.replace(" ", "_"), other.replace(" ", "_")
    return one == other or any(a in group and b in group for group in table.SAME)


def _touch(one: str, other: str) -> bool:
    """Whether two nouns share a word, or one is inside the other."""
    return one in other or other in one or not set(one.split()).isdisjoint(other.split())


def _clash(a: _Plan, b: _Plan) -> bool:
    """Whether a request for `a` might fit `b` as well."""
    if a.how == "do" and b.how == "do":
        return _alike(a.verb, b.verb) and _touch(a.noun, b.noun)
    if a.how != "do" and b.how != "do":
        return _touch(a.noun, b.noun) and (a.owner == b.owner or _touch(a.owner, b.owner))
    act, get = (a, b) if a.how == "do" else (b, a)
    looking = {"check", "count", "show", "read", "list", "measure", "find", "get", "track", "locate", "calculate"}
    return act.verb in looking and (_touch(act.noun, get.noun) or _touch(act.noun, get.owner))


def _far(a: _Plan, b: _Plan) -> bool:
    """Whether `a` shares neither verb nor noun with `b`, so that `b` can't do it."""
    if a.how == "do" and b.how == "do":
        return not _alike(a.verb, b.verb) and not _touch(a.noun, b.noun)
    if a.how != "do" and b.how != "do":
        return not _touch(a.noun, b.noun) and not _touch(a.owner, b.owner)
    return not _touch(a.noun, b.noun) and not _touch(a.owner or a.noun, b.owner or b.noun)


def _key(words: str, *, camel: bool) -> str:
    """A parameter's or tool's name in snake or camel case."""
    key = "_".join(words.replace("-", " ").split())
    return camel_case(key) if camel else key


def _slot(s: Source, token: str, plan: _Plan, taken: set[str], *, camel: bool) -> _Slot | None:
    """Draw one parameter, or None if its key is taken."""
    optional, token = token.endswith("?"), token.rstrip("?")
    options: tuple[str, ...] = ()
    flag = ""
    at = token.startswith("@")
    if at:
        code = token[1:]
        noun = plan.owner or plan.noun
        words = s.one_of(table.AT_KEYS.get(code, ("{n}", "{n} name"))).replace("{n}", noun)
        maker = table.AT_MAKER.get(code, _KINDS[code].make if code in _KINDS else code)
        kind, make, mentions = "integer" if code == "num" else "string", _MAKERS[maker], table.AT.get(code, ("{n} {}", "the {n} {}"))
    elif token == "*num":
        words, kind = (s.one_of(table.KEYS) if s.chance(0.7) else s.word(w.NOUNS).lower()), s.one_of(("integer", "integer", "number"))
        make, mentions = (_MAKERS["small"] if kind == "integer" else _MAKERS["decimal"]), _NUMBER
    elif token == "*text":
        words, kind = (s.one_of(table.TEXT_KEYS) if s.chance(0.7) else s.word(w.NOUNS).lower()), "string"
        make, mentions = _MAKERS[s.one_of(("word", "word", "name", "ident", "title", "place", "company", "product"))], _TEXT
    elif token.startswith("flag_") or token == "*flag":
        if token == "*flag":
            flag = s.one_of("aanno")
            words = s.one_of({"a": table.ADJ_FLAGS, "n": table.NOUN_FLAGS, "o": table.ON_FLAGS}[flag]).replace("_", " ")
            spoken = words
        else:
            words = token[5:]
            flag, spoken = _GIVEN_FLAGS[words]
            spoken = words if flag == "a" else spoken
            words = s.one_of((words, f"is {words}" if flag == "a" else f"with {words}", words))
        kind, make, mentions = "boolean", lambda s: s.chance(0.5), (spoken,)
    else:
        of = _KINDS[token]
        words, kind, mentions, options = s.one_of(of.keys), of.kind, of.mentions, of.options
        make = _one_of(options) if options else _MAKERS[of.make]
        mentions = _fit(mentions, by=plan.verb in table.BY)
    if token.strip("@") == "path" and (plan.owner or plan.noun) in ("photo", "video", "logo"):
        make = _picture
    key = _key(words, camel=camel)
    if key in taken or not key.replace("_", "").isalnum():
        return None
    taken.add(key)
    taken.update(words.split())
    return _Slot(key, words, "string" if kind == "enum" else kind, make, mentions, options, optional, at, flag)


@cache
def _fit(mentions: tuple[str, ...], *, by: bool) -> tuple[str, ...]:
    """The mentions of a length of time that suit a verb: "by" or "for"."""
    if not any(m.startswith("by {} ") for m in mentions) or not any(m.startswith("for {} ") for m in mentions):
        return mentions
    return tuple(m for m in mentions if not m.startswith("for {} " if by else "by {} "))


def _picture(s: Source) -> str:
    """The file name of a picture or film."""
    stem = s.word(w.NOUNS) + s.one_of(("", f"_{s.rng.randrange(1, 99)}", f"-{s.word(w.NOUNS)}"))
    return f"{stem}.{s.one_of(('png', 'jpg', 'mp4', 'mov', 'gif'))}"


def _one_of(options: Sequence[str]) -> Callable[[Source], Value]:
    return lambda s: s.one_of(options)


_GET_VERBS = ("get", "check", "find", "show", "read", "lookup", "fetch")


def _named(s: Source, plan: _Plan) -> str:
    """A name for the tool, its words those of the plan."""
    noun, verb = plan.noun, plan.verb
    if plan.how != "do":
        verb = s.one_of(_GET_VERBS) if plan.how == "get" else {"count": "count", "list": s.one_of(("list", "show", "get", "list"))}[plan.how]
        noun = f"{plan.owner} {noun}" if s.chance(0.6) else noun
    roll = s.rng.random()
    if roll < 0.6:
        return _key(f"{verb} {noun}", camel=False)
    if roll < 0.85:
        return _key(f"{verb} {noun}", camel=True)
    if plan.how == "get" and s.chance(0.6):
        return _key(f"{plan.owner} {plan.noun}", camel=False)
    return _key(f"{noun} {verb}", camel=s.chance(0.2)) if roll < 0.95 or plan.how != "do" else _key(verb, camel=False)


def _an(noun: str) -> str:
    return f"{'an' if noun[:1] in tuple('aeio') else 'a'} {noun}"


def _described(s: Source, plan: _Plan) -> str:
    """One ordinary sentence on what the tool does."""
    if plan.how == "get":
        return s.one_of(("Get the {a} of {o}.", "Returns the {a} of {o}.", "Find out the {a} of {o}.", "Look up the {a} of {o}.", "The {a} of {o}.")).format(a=plan.noun, o=_an(plan.owner))
    if plan.how == "count":
        return s.one_of(("Count the {a} of {o}.", "How many {a} there are in {o}.", "Returns the number of {a} in {o}.")).format(a=plan.noun, o=_an(plan.owner))
    if plan.how == "list":
        return s.one_of(("List the {a} of {o}.", "Show the {a} in {o}.", "Returns the {a} of {o}.")).format(a=plan.noun, o=_an(plan.owner))
    noun = s.one_of((f"the {plan.noun}", _an(plan.noun) if not plan.noun.endswith("s") else plan.noun))
    return s.one_of((f"{capital(plan.verb)} {noun}.", f"{capital(plan.verb)} {noun}.", f"Use this to {plan.verb} {noun}.", f"Lets you {plan.verb} {noun}."))


def _draw(s: Source, plan: _Plan) -> _Drawn:
    """A tool of a plan: name, keys, schema."""
    name = _named(s, plan)
    camel = "_" not in name and any(map(str.isupper, name))
    taken: set[str] = set()
    slots = []
    tokens = plan.tokens
    if plan.how == "list" and s.chance(0.5):
        tokens += ("limit",)
    for token in tokens:
        if token == "limit":
            slots.append(_Slot(s.one_of(("limit", "count", "last", "number")) if "number" not in taken else "limit", "limit", "integer", _MAKERS["small"], (), (), optional=True))
            continue
        slot = _slot(s, token, plan, taken, camel=camel)
        if slot is not None:
            slots.append(slot)
    properties: Schema = {}
    for slot in slots:
        properties[slot.key] = t.property_schema(s, Param(slot.key, slot.kind, slot.make, descriptions=(f"The {slot.words}.", capital(slot.words))), slot.options)
    parameters: Schema = {"type": "object", "properties": properties}
    required = [slot.key for slot in slots if not slot.optional]
    if required:
        parameters["required"] = required
    schema: Schema = {"name": name}
    bare = _key(plan.verb, camel=False) == name
    if bare or s.chance(0.75):
        text = _described(s, plan)
        schema["description"] = text if s.chance(0.8) else text.rstrip(".")
    schema["parameters"] = parameters
    return _Drawn(plan, name, schema, tuple(slots))


def _participle(verb: str) -> str:
    """The past participle of a verb, its particle behind."""
    head, _, tail = verb.partition(" ")
    made = table.IRREGULAR.get(head) or past(head)
    return f"{made} {tail}".strip()


def _regular(verb: str) -> bool:
    """Whether the participle of a verb can be told."""
    head = verb.split()[0]
    doubles = len(head) > 2 and head[-1] in "bdgmnprt" and head[-2] in "aeiou" and head[-3] not in "aeiou" and not head.endswith(("en", "er", "or", "it", "et", "on"))
    return head in table.IRREGULAR or not doubles


def _mention(s: Source, slot: _Slot, value: Value, first: set[str]) -> str:
    """Words that give a value, beginning unlike those before if that can be had."""
    shown = show(value)
    mentions = slot.mentions
    if slot.flag:
        mentions = (_YES if value else _NO)[slot.flag]
        shown = slot.mentions[0]
    said = ""
    for _ in range(6):
        said = s.template(mentions) if not slot.flag else s.one_of(mentions)
        if said.split()[0] not in first or said[0].isupper():
            break
    else:
        said = "{f}: " + ("yes" if value else "no") if slot.flag else "The {k} is {}."
    if slot.kind == "array" and said == "The {k} is {}.":
        said = "The {k} are {}."
    first.add(said.split()[0])
    words = table.SAID.get(slot.words, slot.words)
    if words.endswith("s") and not words.endswith(("ss", "us")):
        said = said.replace("The {k} is", "The {k} are").replace("a {k} of {}", "{k} {}").replace(" a {k}", " {k}")
    said = said.replace("{k}", words).replace("{f}", shown)
    said = said.replace("with a a", "with an a").replace(" a angle", " an angle")
    for vowel in "aeio":
        said = said.replace(f" a {vowel}", f" an {vowel}")
    return capital(said.replace("{}", shown)) if said.startswith(("{k}:", "The ")) else said.replace("{}", shown)


def _object(s: Source, plan: _Plan, at: _Slot | None, value: Value, *, several: bool = False) -> str:
    """The thing a request is about, with its number or name if it has one."""
    noun = plan.owner or plan.noun
    if at is not None:
        words = at.words.removeprefix(noun).strip() or ("number" if at.kind == "integer" else "name")
        return s.template(at.mentions).replace("{n}", noun).replace("{k}", words).replace("{}", show(value))
    if plan.how == "do" and plan.verb.split()[0] in table.MAKING and not noun.endswith("s"):
        return s.one_of((_an(noun), _an(noun), f"the {noun}", f"a new {noun}"))
    this = "these" if noun.endswith("s") and not noun.endswith("ss") else "this"
    return s.one_of((f"the {noun}", f"the {noun}", f"my {noun}", f"our {noun}", f"{this} {noun}"))


def _values(s: Source, tool: _Drawn) -> dict[str, Value]:
    """Arguments for a request: optional ones half the time."""
    made: dict[str, Value] = {}
    for slot in tool.slots:
        if slot.optional and s.chance(0.5):
            continue
        value = slot.make(s)
        for _ in range(5):
            if value not in made.values():
                break
            value = slot.make(s)
        made[slot.key] = value
    return made


def _request(s: Source, tool: _Drawn, *, plain: bool = False) -> t.Ask:
    """A request for `tool`; a plain one is a single clause without its full stop."""
    arguments = _values(s, tool)
    plan = tool.plan
    at = next((slot for slot in tool.slots if slot.at and slot.key in arguments), None)
    small = not plain and s.chance(0.06)
    if small:
        arguments = {key: _small(value) for key, value in arguments.items()}
    aside = at is not None and not plain and plan.how == "do" and s.chance(0.08) and at.words not in (plan.noun,)
    thing = _object(s, plan, None if aside else at, arguments[at.key] if at else "")
    rest = [slot for slot in tool.slots if slot.key in arguments and slot is not at]
    limit = next((slot for slot in rest if not slot.mentions), None)
    if plan.how == "do":
        heads = table.PLAIN_HEADS if plain else table.HEADS
        head = s.template(heads) if not s.chance(0.25) else "{v} {o}"
        if "{p}" in head and not _regular(plan.verb):
            head = "{v} {o}"
    elif limit is not None:
        head = s.template(table.LIMITED)
        if plan.owner in table.NOT_IN:
            head = head.replace("in {o}", "of {o}")
        head = head.replace("{}", show(arguments[limit.key]))
        rest = []
    else:
        head = s.template({"get": table.GET_HEADS, "count": table.COUNT_HEADS, "list": table.LIST_HEADS}[plan.how])
        if plain and head.startswith(("{O}", "the ")):
            head = "what is the {a} of {o}?"
        if "in {o}" in head and plan.owner in table.NOT_IN:
            head = {"count": "How many {a} does {o} have?", "list": "List the {a} of {o}"}[plan.how]
    own = head.startswith(("{o}", "{O}"))
    question = head.endswith("?") or head.split()[0].lower() in ("can", "could", "would", "is", "are", "may", "what", "which", "how", "what's", "do") or head.lower().startswith(("hi, c", "hello, c", "hey, c"))
    text = head.rstrip("?").replace("{v}", plan.verb).replace("{p}", _participle(plan.verb)).replace("{a}", plan.noun).replace("{o}", thing).replace("{O}", thing if plan.how == "do" and not thing.startswith(("the ", "a ", "an ", "my ", "our ", "this ", "these ")) else capital(thing))
    text = " ".join(text.split()) if "  " in text else text.strip()
    first: set[str] = set()
    s.rng.shuffle(rest)
    inline: list[str] = []
    tails: list[str] = []
    if aside and at is not None:
        tails.append(f"{s.one_of(('The', 'The', 'Its'))} {at.words} is {show(arguments[at.key])}.")
    for slot in rest:
        said = _mention(s, slot, arguments[slot.key], first)
        for _ in range(12):
            if not (plain and said[0].isupper() and said.endswith(".")):
                break
            said = _mention(s, slot, arguments[slot.key], set())
        (tails if said[0].isupper() and said.endswith(".") else inline).append(said)
    loose = [said for said in inline if ": " in said.split('"')[0] or _open_end(said, arguments, rest)]
    inline = [said for said in inline if said not in loose] + loose[:1]
    tails += [_as_tail(said) for said in loose[1:]]
    for said in inline:
        comma = said.split()[0] in ("make", "but", "not", "and", "it") or ": " in said.split('"')[0] or said[0].isdigit()
        text += (", " if comma else " ") + said
    ended = bool(loose)
    if tails:
        text += "?" if question else "."
        text = f"{text} {' '.join(tails)}"
        if s.chance(0.15):
            text = text.rstrip(".")
    elif not plain and not ended:
        text += s.one_of(("?", "?", "?", "")) if question else s.one_of((".", ".", ""))
    elif plain and question:
        text += "?"
    keeps = own and thing.split()[0] not in ("the", "a", "an", "my", "our", "this", "these")
    if small:
        text = text.lower()
    elif not keeps and not plain:
        text = capital(text) if s.chance(0.7) or tails else lower(text)
    result, answer = _outcome(s, plan)
    return t.Ask(text, tool.name, arguments, result, answer)


def _open_end(said: str, arguments: dict[str, Value], rest: Sequence[_Slot]) -> bool:
    """Whether a mention ends with free text, that must stand last."""
    if said.endswith('"') or not rest:
        return False
    return any(slot.key in arguments and slot.words in ("message", "text", "content", "note", "comment", "remark") and said.endswith(show(arguments[slot.key])) for slot in rest)


def _as_tail(said: str) -> str:
    return capital(said) + "."


def _small(value: Value) -> Value:
    """A value as lazy people type it."""
    return value.lower() if isinstance(value, str) else [x.lower() if isinstance(x, str) else x for x in value] if isinstance(value, list) else value  # type: ignore[return-value]


def _outcome(s: Source, plan: _Plan) -> tuple[str, str]:
    """What the tool returns, and what is told of it."""
    if plan.how == "get" or (plan.how == "count" and s.chance(0.7)):
        noun = plan.noun if plan.how == "get" else "count"
        if noun == "count":
            value: Value = s.rng.randrange(2, 500)
        else:
            value = (s.rng.randrange(2, 2000) if s.chance(0.6) else w.decimal(s.rng)) if s.chance(0.85 if plan.app else 0.5) else s.word(w.NOUNS)
            value = _fitting(s, noun, value)
        said = json.dumps({_key(noun, camel=False): value}, ensure_ascii=False) if s.chance(0.7) else show(value)
        return said, f"The {noun} {'are' if noun.endswith('s') and not noun.endswith(('ss', 'us')) else 'is'} {show(value)}."
    said, answer = t.INVENTED_RESULTS[s.rng.randrange(len(t.INVENTED_RESULTS))]
    made = w.identifier(s.rng) if s.chance(0.6) else str(w.number(s.rng))
    said, answer = (x.replace("{v}", made).replace("{{", "{").replace("}}", "}") for x in (said, answer))
    return said, answer


_FITTING = {
    "date": "day", "time": "clock", "owner": "person", "author": "person", "artist": "person", "teacher": "person", "coach": "person", "singer": "person", "mayor": "person",
    "location": "place", "language": "language", "topic": "title", "agenda": "title", "position": "zone", "content": "product", "diet": "food", "deadline": "day", "version": "version", "status": "word",
}


def _fitting(s: Source, noun: str, value: Value) -> Value:
    """A value of the kind that the noun's last word calls for."""
    kind = _FITTING.get(noun.split()[-1])
    if noun == "status":
        return s.word(w.STATUSES)
    return _MAKERS[kind](s) if kind else value


def _toolbox(s: Source, count: int) -> list[_Drawn]:
    """`count` tools, many of them near one another, no two fit for the same request."""
    tools: list[_Drawn] = []
    share = s.rng.choice((0.0, 0.2, 0.5))
    for _ in range(60):
        if len(tools) == count:
            break
        last = s.rng.choice(tools).plan if tools else None
        if s.chance(share):
            plan = _free(s, last if s.chance(0.5) else None)
        elif last is not None and s.chance(0.75):
            near = s.rng.choice((_BY_APP.get(last.app), _BY_VERB.get(last.verb), _BY_NOUN.get(last.noun))) or _PLANS
            plan = s.rng.choice(near)
        else:
            plan = s.rng.choice(_PLANS)
        if any(_clash(plan, other.plan) for other in tools):
            continue
        tool = _draw(s, plan)
        if any(tool.name.lower().replace("_", "") == other.name.lower().replace("_", "") for other in tools):
            continue
        if any(_bare(x) and x.plan.verb == y.plan.verb for x, y in ((tool, o) for o in tools)) or any(_bare(o) and o.plan.verb == plan.verb for o in tools):
            continue
        tools.append(tool)
    s.rng.shuffle(tools)
    return tools


def _bare(tool: _Drawn) -> bool:
    return tool.name == _key(tool.plan.verb, camel=False)


def _listed(s: Source, tool: _Drawn) -> tuple[str, list[t.Ask]]:
    """One sentence that asks the same of two or three things."""
    slot = tool.slots[0]
    values: list[Value] = []
    for _ in range(12):
        value = slot.make(s)
        if value not in values:
            values.append(value)
    values = values[: s.rng.choice((2, 2, 2, 3))]
    noun = tool.plan.owner or tool.plan.noun
    shown = [show(value) for value in values]
    roll = s.rng.random()
    token = tool.plan.tokens[0][1:]
    if token in ("animal", "food"):
        things = join_and([f"the {x}" for x in shown])
    elif token in ("person",) or roll < 0.4:
        lead = "" if token == "person" else s.one_of(("", "the ")) + plural(noun) + " "
        things = lead + join_and(shown)
    elif roll < 0.75:
        things = join_and([f"{noun} {x}" for x in shown])
    else:
        things = f"{noun} " + s.one_of((" and also ", " and ", ", then ", " and then ")).join(shown)
    verb, attribute = tool.plan.verb, tool.plan.noun
    if tool.plan.how == "do":
        head = s.template(("{v} {o}", "Please {v} {o}", "I need to {v} {o}", "Can you {v} {o}?", "{v} {o}", "I'd like to {v} {o}", "could you {v} {o}", "We have to {v} {o}", "We want to {v} {o}"))
    else:
        head = s.template(("What is the {a} of {o}?", "Show me the {a} of {o}", "get the {a} of {o}", "I need the {a} of {o}", "Check the {a} of {o}", "Tell me the {a} of {o}")) if tool.plan.how == "get" else s.template(("List the {a} of {o}", "Show the {a} in {o}", "Show me the {a} of {o}")) if tool.plan.how == "list" else s.template(("Count the {a} in {o}", "How many {a} are in {o}?", "count the {a} of {o}"))
    text = head.replace("{v}", verb).replace("{a}", attribute).replace("{o}", things)
    text = text if text.endswith("?") else text + s.one_of(("", "."))
    text = capital(text) if s.chance(0.7) else text
    asks = []
    for value in values:
        result, answer = _outcome(s, tool.plan)
        asks.append(t.Ask(text, tool.name, {slot.key: value}, result, answer))
    return text, asks


def _several(s: Source, talk: Talk, tools: Sequence[_Drawn]) -> None:
    """Two or three requests in one message, and as many calls in their order."""
    alone = [tool for tool in tools if len(tool.slots) == 1 and tool.slots[0].at]
    if alone and s.chance(0.4):
        text, asks = _listed(s, s.rng.choice(alone))
    else:
        picked = [s.rng.choice(tools) for _ in range(s.rng.choice((2, 2, 2, 3)))]
        made = [_request(s, tool, plain=True) for tool in picked]
        asks = list({(ask.name, show(list(map(show, ask.arguments.values())))): ask for ask in made}.values())
        text = together(s, asks)
    talk.user(text)
    talk.call(asks, calling.call_thought(s, asks))
    calling.finish(s, talk, asks)


def _within(ask: t.Ask, text: str) -> str:
    """A request as the rest of a sentence: its first letter small, unless a value's."""
    head = text.split()[0].rstrip(",.:?'s")
    named = any(head and head in show(value) for value in ask.arguments.values())
    return text if named or text.startswith(("I ", "I'")) or head[1:2].isupper() else lower(text)


def together(s: Source, asks: Sequence[t.Ask]) -> str:
    """Requests joined in an ordinary way."""
    text = asks[0].text
    for before, ask in pairwise(asks):
        loose = any(isinstance(value, list) or (isinstance(value, str) and value.count(" ") > 2) for value in before.arguments.values())
        asked = "?" in ask.text or "?" in text or ". " in text or ": " in text or text.split()[0] in ("I",)
        template = s.one_of(table.STOPS if loose or asked or before is not asks[0] or s.chance(0.3) else table.JOINS)
        a, b = text.rstrip("."), ask.text
        if a.endswith("?"):
            template = template.replace("{A}.", "{A}").replace("{A};", "{A}").replace("{a},", "{a}")
        inner = _within(ask, b)
        outer = b if inner == b and not b[0].islower() else capital(inner) if not is_value(ask, b) else b
        text = template.replace("{A}", a if is_value(before, a) else capital(a)).replace("{a}", a).replace("{b}", inner).replace("{B}", outer)
    if not text.endswith(("?", ".")):
        text += s.one_of(("", "", "."))
    return text if any(is_value(ask, text) for ask in asks) or s.chance(0.3) else capital(text)


def is_value(ask: t.Ask, text: str) -> bool:
    """Whether a text begins with one of the values."""
    return any(text.startswith(show(value)) for value in ask.arguments.values() if not isinstance(value, bool))


def _nothing_fits(s: Source, talk: Talk, tools: Sequence[_Drawn]) -> None:
    """An ordinary request that none of `tools` can do."""
    for _ in range(40):
        plan = s.rng.choice(_PLANS) if s.chance(0.75) else _free(s)
        if all(_far(plan, tool.plan) for tool in tools):
            talk.user(_request(s, _draw(s, plan)).text)
            talk.say(NO_TOOL, "None of the tools can do that.", NO_TOOL)
            return
    calling.just_talk(s, talk)


def open_tools(s: Source, talk: Talk) -> None:
    """Tools of ordinary words, and requests that say those words in ordinary ways."""
    tools = _toolbox(s, s.rng.choice((1, 2, 2, 3, 3, 4, 5, 6)))
    talk.system([{"type": "function", "function": tool.schema} for tool in tools])
    for _ in range(s.rng.choice((2, 3, 3, 4, 5, 6, 7, 8, 9))):
        roll = s.rng.random()
        if roll < 0.6:
            ask = _request(s, s.rng.choice(tools))
            talk.user(ask.text)
            talk.call([ask], calling.call_thought(s, [ask]))
            calling.finish(s, talk, [ask])
        elif roll < 0.8:
            _several(s, talk, tools)
        elif roll < 0.94:
            _nothing_fits(s, talk, tools)
        else:
            calling.just_talk(s, talk)
