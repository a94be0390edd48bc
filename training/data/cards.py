"""Sentences, questions and requests of all kinds, one beside another.

Nobody answers them: they are there for what they mean (`meanings`). A request among
tools takes several hundred tokens, most of them the list's; here it takes a dozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.data import documents as d
from training.data import meanings
from training.data import tools as t
from training.data.calling import asked_of
from training.data.catalogue import CONCEPTS, EVERYDAY
from training.data.reading import one_told
from training.data.relations import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from training.data.phrases import Source
    from training.data.talk import Talk

Card = tuple[str, "Iterable[meanings.Mark]"]


def _request(s: Source) -> Card:
    """A request for a well-known tool."""
    tool = t.declare(s, s.rng.choice(EVERYDAY if s.chance(0.3) else CONCEPTS))
    ask = t.request(s, tool)
    return ask.text, asked_of([ask], [tool])


def _invented(s: Source) -> Card:
    """A request for an invented one."""
    tool = t.invent(s)
    ask = t.request_invented(s, tool)
    return ask.text, asked_of([ask], [tool])


def _fact(s: Source) -> d.Fact:
    kind = s.rng.choices(KINDS, [kind.weight for kind in KINDS])[0]
    return d.new_fact(s, kind.name(s), s.rng.choice(kind.relations))


def _sentence(s: Source) -> Card:
    """A sentence of a document."""
    fact = _fact(s)
    return fact.sentence, meanings.stated(fact.sentence, fact.value, meanings.relation(fact.relation))


def _question(s: Source) -> Card:
    """A question for a fact."""
    fact = _fact(s)
    asked = d.question(s, fact)
    return asked, [(asked, meanings.relation(fact.relation))]


def _affirmed(s: Source) -> Card:
    """A sentence that affirms or denies a field of a form."""
    return one_told(s, flag=True)


def _filled(s: Source) -> Card:
    """A sentence that fills another field."""
    return one_told(s, flag=False)


_KINDS: tuple[tuple[float, Callable[[Source], Card]], ...] = (
    (0.3, _request), (0.15, _invented), (0.15, _sentence), (0.15, _question), (0.3, _affirmed), (0.1, _filled),
)  # fmt: skip
"""Yes or no is the hardest: seven thousand sentences that hardly have a word in common."""


def cards(s: Source, talk: Talk) -> None:
    """A heap of them."""
    shares = [share for share, _ in _KINDS]
    makers = [make for _, make in _KINDS]
    drawn = [make(s) for make in s.rng.choices(makers, shares, k=s.rng.randrange(8, 33))]
    text = s.one_of(("\n", "\n", " ", "\n\n")).join(text for text, _ in drawn)
    talk.user(text, [mark for _, marks in drawn for mark in marks])
