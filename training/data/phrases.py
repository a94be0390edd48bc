"""A one-line grammar for phrasings, and the choice of phrasings kept for evaluation.

`[a|b|]` chooses one of its parts, `{slot}` is filled in. A template is one phrasing,
whatever its brackets choose: the tenth held out by hash never appears in training.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.data.words import Pool, blend, is_held_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=\{(\w+)\})")
_AT = re.compile(r"\b([Aa])t (?=\{(\w+)\})")
_DAY = re.compile(r"(?:mon|tues|wednes|thurs|fri|satur|sun)day", re.IGNORECASE)
PLAIN = 0.45
"""Share of the phrasings that are plain, where some are."""
BLENDS = 0.35
"""Share of the words that give way to an invented one."""


@dataclass(slots=True)
class Source:
    """Where one conversation's choices come from: a generator and the part to use."""

    rng: Random
    held: bool = False
    seen_phrasings: bool = False
    """Whether phrasings are the training's even if words are held out."""
    _parts: dict[int, list[str]] = field(default_factory=dict)

    def word(self, pool: Pool) -> str:
        """One word of `pool`; in training now and then one that nobody has heard of."""
        word = pool.pick(self.rng, self.held)
        if not self.held and not pool.closed and word.isalpha() and self.rng.random() < BLENDS:
            return blend(self.rng).capitalize() if word[0].isupper() else blend(self.rng)
        return word

    def chance(self, probability: float) -> bool:
        """True with `probability`."""
        return self.rng.random() < probability

    def one_of(self, options: Sequence[str]) -> str:
        """One of `options`, all of which training may use."""
        return options[int(self.rng.random() * len(options))]

    def template(self, options: Sequence[str], plain: int = 0) -> str:
        """One of the templates of this source's part, brackets chosen.

        The first `plain` of them are what most people say, and come more often.
        """
        held = self.held and not self.seen_phrasings
        if plain and self.chance(PLAIN):
            options = _first(options, plain)
        part = _PARTS.get((id(options), held))
        if part is None:
            part = [text for text in options if is_held_out(text) == held]
            part = part or list(options)
            _PARTS[id(options), held] = part
            _KEPT.append(options)
        return expand(self.one_of(part), self.rng)

    def phrase(self, options: Sequence[str], slots: Mapping[str, str]) -> str:
        """A template with its slots filled."""
        return fill(self.template(options), slots)


_FIRST: dict[tuple[int, int], Sequence[str]] = {}


def _first(options: Sequence[str], count: int) -> Sequence[str]:
    """The first of `options`, the same object every time."""
    return _FIRST.setdefault((id(options), count), options[:count])


# Templates live as long as the program; keeping them alive keeps their ids unique.
_PARTS: dict[tuple[int, bool], list[str]] = {}
_KEPT: list[Sequence[str]] = []


def expand(template: str, rng: Random) -> str:
    """Choose one part of every bracket, inner brackets first."""
    while "[" in template:
        template = _CHOICE.sub(lambda m: rng.choice(m.group(1).split("|")), template)
    return template


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Replace `{slot}`s; an unknown slot is a mistake of the caller (KeyError).

    An `a` before a slot becomes `an` where the word wants it, and `at` a weekday `on`.
    """
    if _ARTICLE.search(template):
        template = _ARTICLE.sub(lambda m: _article(m, slots), template)
    if _AT.search(template):
        template = _AT.sub(lambda m: _preposition(m, slots), template)
    return _SLOT.sub(lambda match: slots[match.group(1)], template)


def _article(match: re.Match[str], slots: Mapping[str, str]) -> str:
    vowel = slots[match.group(2)][:1] in tuple("aeiouAEIO")
    return match.group(1) + ("n " if vowel else " ")


def _preposition(match: re.Match[str], slots: Mapping[str, str]) -> str:
    if _DAY.fullmatch(slots[match.group(2)]):
        return "On " if match.group(1) == "A" else "on "
    return match.group(0)


def lower(text: str) -> str:
    """`text` with its first letter in lower case, unless it speaks of "I"."""
    return text if text[:1] == "I" and not text[1:2].isalpha() else text[:1].lower() + text[1:]


def capital(text: str) -> str:
    """`text` with its first letter capitalised."""
    return text[:1].upper() + text[1:]


def camel_case(key: str) -> str:
    """A key in snake case in camel case."""
    first, *rest = key.split("_")
    return first + "".join(map(capital, rest))


_PLURALS = {"knife": "knives", "loaf": "loaves", "child": "children", "man": "men", "woman": "women", "person": "people", "mouse": "mice", "foot": "feet", "tooth": "teeth", "potato": "potatoes", "tomato": "tomatoes", "leaf": "leaves", "wife": "wives", "half": "halves", "goose": "geese"}


def plural(noun: str) -> str:
    """The regular plural, which is also a verb's third person, and a few others."""
    if noun in _PLURALS:
        return _PLURALS[noun]
    if noun.endswith("shelf"):
        return noun[:-1] + "ves"
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    return noun[:-1] + "ies" if _ends_in_y(noun) else noun + "s"


def past(verb: str) -> str:
    """A regular verb's past, of the stem that endings join."""
    if verb.endswith("e"):
        return verb + "d"
    return verb[:-1] + "ied" if _ends_in_y(verb) else verb + "ed"


def _ends_in_y(word: str) -> bool:
    """Whether it ends in a y that endings turn into an i."""
    return word.endswith("y") and word[-2:-1] not in tuple("aeiou")


_COMMANDS = frozenset(["abort", "add", "alert", "allow", "announce", "annul", "answer", "apply", "arrange", "assign", "bake", "ban", "bar", "begin", "blacklist", "block", "blow", "bolt", "book", "bookmark", "bounce", "break", "bring", "bump", "bundle", "buy", "buzz", "calc", "calculate", "call", "cancel", "cap", "carry", "cast", "catch", "change", "check", "choose", "claim", "clarify", "clean", "close", "collect", "compare", "compile", "compose", "compute", "connect", "contact", "continue", "convert", "cool", "count", "crank", "create", "crunch", "cut", "deactivate", "decide", "decrease", "deduct", "define", "delay", "delegate", "delete", "deliver", "destroy", "dial", "dig", "dispense", "distribute", "divide", "drag", "drop", "dump", "duplicate", "end", "engage", "enrol", "enter", "entrust", "enumerate", "erase", "estimate", "evaluate", "excuse", "exec", "execute", "explain", "express", "extend", "feed", "fetch", "file", "fill", "filter", "find", "fix", "flick", "fling", "flip", "follow", "forward", "free", "freeze", "gather", "generate", "get", "give", "go", "google", "grant", "guarantee", "hire", "hit", "hold", "hoover", "hunt", "include", "increase", "inform", "insert", "invite", "invoke", "irrigate", "issue", "jog", "jot", "keep", "kick", "knock", "launch", "leave", "let", "list", "listen", "load", "locate", "lock", "log", "look", "lower", "maintain", "make", "mark", "measure", "move", "multiply", "note", "notify", "nudge", "onboard", "open", "organise", "pair", "pass", "pay", "perform", "pick", "ping", "play", "poke", "post", "postpone", "pour", "precondition", "preheat", "prepare", "press", "print", "procure", "program", "prolong", "prompt", "publish", "pull", "punch", "push", "put", "query", "queue", "quit", "raise", "rattle", "read", "reboot", "recall", "recommend", "record", "redeem", "redirect", "reduce", "refuse", "register", "regulate", "reimburse", "reject", "relaunch", "release", "remember", "remind", "rename", "render", "renew", "replace", "reroute", "reschedule", "reserve", "reset", "resolve", "restart", "restrict", "resume", "retrieve", "review", "rewrite", "ring", "roll", "run", "save", "scale", "scan", "schedule", "scrap", "search", "sell", "send", "serve", "set", "settle", "shake", "share", "shift", "shoot", "shout", "show", "shut", "silence", "simplify", "soak", "solve", "spell", "split", "spread", "start", "stop", "store", "strike", "submit", "subtract", "suggest", "supply", "suspend", "swap", "switch", "take", "tap", "teach", "tell", "throw", "tick", "toss", "trace", "transfer", "translate", "trash", "treat", "try", "tune", "turn", "unbolt", "undo", "unlink", "unlock", "update", "vacuum", "warm", "warn", "wash", "wipe", "wire", "write"])
"""First words of a request that is a command, to be asked for with "can you"."""


def as_typed(source: Source, template: str) -> str:
    """Dress a request as people do: polite, terse, lower case, without a full stop.

    Works on the template, so that the values filled in later keep their spelling, and
    puts nothing behind a value that ends it, where it would seem to belong to it.
    """
    roll = source.rng.random()
    first = template.split()[0].rstrip(",.:").lower()
    asking = template.endswith("?")
    sentence = template.rstrip(".?!")
    command = not asking and "please" not in sentence.lower() and first in _COMMANDS and not any(mark in sentence for mark in (". ", "? ", "! "))
    if roll < 0.10 and command:
        template = source.one_of(("please ", "Please ", "Can you ", "could you ")) + lower(template).rstrip(".!")
        template += "" if template.lower().startswith("please") else "?"
    elif roll < 0.16:
        openings = ("Hi, ", "Hey, ", "Hello, ", "hey ", "ok, ", "Now ")
        template = source.one_of(openings if command else openings[:4]) + lower(template)
    elif roll < 0.22 and not sentence.endswith("}") and "please" not in sentence.lower():
        thanks = (", please?", " please?", " please", ", thanks") if asking else (", please.", " please", ", thanks.", " thanks")
        template = sentence + source.one_of(thanks)
    elif roll < 0.42:
        template = lower(sentence)
    elif roll < 0.50:
        template = sentence
    return template


def join_and(items: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]
