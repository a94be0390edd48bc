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
BLENDS = 0.35
"""Share of the words that give way to an invented one."""


@dataclass(slots=True)
class Source:
    """Where one conversation's choices come from: a generator and the part to use."""

    rng: Random
    held: bool = False
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

    def template(self, options: Sequence[str]) -> str:
        """One of the templates of this source's part, brackets chosen."""
        part = _PARTS.get((id(options), self.held))
        if part is None:
            part = [text for text in options if is_held_out(text) == self.held]
            part = part or list(options)
            _PARTS[id(options), self.held] = part
            _KEPT.append(options)
        return expand(self.one_of(part), self.rng)

    def phrase(self, options: Sequence[str], slots: Mapping[str, str]) -> str:
        """A template with its slots filled."""
        return fill(self.template(options), slots)


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

    An `a` before a slot becomes `an` where the word wants it.
    """
    if _ARTICLE.search(template):
        template = _ARTICLE.sub(lambda m: _article(m, slots), template)
    return _SLOT.sub(lambda match: slots[match.group(1)], template)


def _article(match: re.Match[str], slots: Mapping[str, str]) -> str:
    vowel = slots[match.group(2)][:1] in tuple("aeiouAEIO")
    return match.group(1) + ("n " if vowel else " ")


def capital(text: str) -> str:
    """`text` with its first letter capitalised."""
    return text[:1].upper() + text[1:]


_STATING = frozenset(["a", "an", "the", "this", "that", "these", "those", "there", "here", "it", "its", "he", "she", "they", "we", "i", "my", "our", "your", "his", "her", "their", "what", "who", "whom", "which", "when", "where", "why", "how", "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could", "will", "would", "should", "shall", "may", "might", "if", "whether", "any", "no", "some", "on", "in", "at", "for", "from", "to", "by", "of", "with", "about", "as", "after", "before", "once", "one", "please", "let's"])
"""First words of a request that is not a command."""


def as_typed(source: Source, template: str) -> str:
    """Dress a request as people do: polite, terse, lower case, without a full stop.

    Works on the template, so that the values filled in later keep their spelling, and
    puts nothing behind a value that ends it, where it would seem to belong to it.
    """
    roll = source.rng.random()
    first = template.split()[0].rstrip(",.:").lower()
    command = not template.endswith("?") and first.isalpha() and first not in _STATING
    if roll < 0.10 and command:
        template = source.one_of(("please ", "Please ", "Can you ", "could you "))\
            + template[:1].lower() + template[1:].rstrip(".")
        template += "" if template.lower().startswith("please") else "?"
    elif roll < 0.16:
        template = source.one_of(("Hi, ", "Hey, ", "Hello, ", "hey ", "ok, ", "Now "))\
            + template[:1].lower() + template[1:]
    elif roll < 0.22 and not template.rstrip(".?").endswith("}"):
        template = template.rstrip(".?") + source.one_of(
            (", please.", " please", " please?", ", thanks.", " thanks")
        )
    elif roll < 0.42:
        template = template[:1].lower() + template[1:].rstrip(".?!")
    elif roll < 0.50:
        template = template.rstrip(".?!")
    return template


def join_and(items: Sequence[str]) -> str:
    """`a, b and c`."""
    if len(items) < 2:
        return "".join(items)
    return ", ".join(items[:-1]) + " and " + items[-1]
