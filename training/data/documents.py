"""Documents: facts, the pages they stand on, and the questions that ask for them.

A `Fact` is one relation (`relations.py`) of one subject with its value. In one document
no subject has a relation twice, so that every question has one right answer, and what
is missing is known to be missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from training.data import meanings, texts
from training.data import words as w
from training.data.phrases import Source, as_typed, capital, fill
from training.data.relations import CLOSE, KINDS, RIVALS, Relation


@dataclass(frozen=True, slots=True)
class Fact:
    """One relation of one subject: its value and the sentence that states it."""

    subject: str
    relation: Relation
    value: str
    sentence: str

    @property
    def answer(self) -> str:
        return fill(self.relation.answer, {"s": self.subject, "v": self.value})


_WEIGHTS = [kind.weight for kind in KINDS]

FILLERS = texts.entries(
    "relations", "FILLERS",
    "The [report|letter|page] was written [in a hurry|with care|last week|].",
    "Nothing else was [decided|said|reported] that day.", "The weather was {a} and the road {b}.",
    "Further notes follow below.", "A {a} {n} stood near the {m}.", "Everyone agreed that the {n} was {a}.",
    "There is a {a} {n} beside the {m}.", "Some say the {n} is {a}.", "The {n} and the {m} are both {a}.",
    "Please keep this page for later.", "It was a {a} day for all.", "Visitors often ask about the {n}.",
    "The {n} was moved closer to the {m}.", "Nobody remembers the {a} {n}.", "This part is not important.",
)


@dataclass(frozen=True, slots=True)
class Page:
    """A document's facts, its text, and what could be asked but isn't in it."""

    facts: tuple[Fact, ...]
    text: str
    sentences: tuple[str, ...]

    def marks(self) -> list[meanings.Mark]:
        """What its sentences state."""
        return [
            mark
            for fact in self.facts
            for mark in meanings.stated(
                fact.sentence, fact.value, meanings.relation(fact.relation)
            )
        ]


def new_fact(s: Source, subject: str, relation: Relation, again: str = "") -> Fact:
    """State `relation` of `subject` with a fresh value.

    Behind a sentence about the same subject, `again` may stand for its name.
    """
    value = relation.make(s)
    if value == subject:
        value = relation.make(s)
    for _ in range(8):
        sentence = _state(s, subject, relation, value, again)
        if not (sentence.startswith(value) and value[0].islower()):
            break
    else:  # A value is copied as it stands, and a capital would change it.
        sentence = fill(relation.answer, {"s": subject, "v": value})
    return Fact(subject, relation, value, capital(sentence.replace("  ", " ").replace(" .", ".")))


def _state(s: Source, subject: str, relation: Relation, value: str, again: str) -> str:
    template = s.template(relation.sentences, relation.plain[0])
    if again and not _NAMED.search(template):
        owns = {"It": "Its", "She": "Her", "He": "His"}.get(again, f"{again}'s")
        template = re.sub(r"^(The )?\{s\}'s ", f"{owns} ", template)
        template = re.sub(r"^(The town of |The |Project )?\{s\} ", f"{again} ", template)
        if again.startswith("The "):
            noun = again[0].lower() + again[1:]
            template = re.sub(r"(the town of |the |project )?\{s\}", noun, template)
    return fill(template, {"s": subject, "v": value})


# Here the name itself is meant, and nothing may stand for it.
_NAMED = re.compile(
    r"(called|named?|name of|renamed|became|changed to|name to|is now|today's|mean|front of"
    r"|known as|say|know|town of|festival of) \{s\}"
)


def page(s: Source, count: int, *, filler: float = 0.0) -> Page:
    """A document of `count` facts in random order, plus a share of empty sentences."""
    facts: list[Fact] = []
    used, parts = set[str](), set[str]()
    values: set[str] = set()
    per_subject = s.rng.choice((1, 1, 2, 3, 5, 8))
    same_kind = s.chance(0.4)
    mixed = s.chance(0.45)
    again = 0.0 if mixed else s.rng.choice((0.0, 0.3, 0.7))
    kind = s.rng.choices(KINDS, _WEIGHTS)[0]
    while len(facts) < count:
        if not same_kind:
            kind = s.rng.choices(KINDS, _WEIGHTS)[0]
        subject, drawn = kind.name(s), kind
        for tries in range(1000):
            if not (subject in parts or used & _runs(subject)):
                break
            # Kinds with few names run out of them; people never do.
            drawn = kind if tries < 4 else KINDS[0]
            subject = drawn.name(s) if tries < 8 else w.person(s.rng, s.held)
        used.add(subject)
        parts |= _runs(subject)
        wanted = min(per_subject, count - len(facts), len(drawn.relations))
        pronoun = s.one_of(drawn.again)
        for place, relation in enumerate(s.rng.sample(drawn.relations, wanted)):
            called = pronoun if place and s.chance(again) else ""
            if called and facts[-1].relation.noun in RIVALS:
                called = ""
            fact = new_fact(s, subject, relation, called)
            for _ in range(3):
                if fact.value not in values:
                    break
                fact = new_fact(s, subject, relation, called)
            values.add(fact.value)
            facts.append(fact)
    if mixed:
        s.rng.shuffle(facts)
    sentences = [fact.sentence for fact in facts]
    for _ in range(0 if again else int(len(sentences) * filler)):
        slots = {"a": s.word(w.ADJECTIVES), "b": s.word(w.ADJECTIVES), "n": s.word(w.NOUNS), "m": s.word(w.NOUNS)}
        sentences.insert(s.rng.randrange(len(sentences) + 1), s.phrase(FILLERS, slots).replace(" .", "."))
    return Page(tuple(facts), _layout(s, sentences), tuple(sentences))


def _runs(subject: str) -> set[str]:
    """All runs of words of a name: no other subject may be called one of them."""
    names = subject.split()
    return {
        " ".join(names[i:j])
        for i in range(len(names))
        for j in range(i + 1, len(names) + 1)
    }


def _layout(s: Source, sentences: list[str]) -> str:
    roll = s.rng.random()
    if roll < 0.6 or len(sentences) < 3:
        return " ".join(sentences)
    if roll < 0.8:
        return "\n".join(sentences)
    if roll < 0.87:
        return "\n".join(f"- {sentence}" for sentence in sentences)
    size = s.rng.randrange(2, 6)
    parts = [" ".join(sentences[i : i + size]) for i in range(0, len(sentences), size)]
    return "\n\n".join(parts)


_GENERIC = texts.entries("relations", "GENERIC", "What is the {r} of {s}?", "Tell me the {r} of {s}.", "{r} of {s}?", "I need the {r} of {s}.", "What's the {r} of {s}?",
            "Give me the {r} of {s}.", "Find the {r} of {s}.", "Can you tell me the {r} of {s}?", "{s}: {r}?", "Do you know the {r} of {s}?")
_WRAPS = texts.entries("relations", "WRAPS", "According to the [text|document|page], {q}", "{q} Answer from the [document|text].", "Please tell me: {q}", "{q}", "Question: {q}", "I'd like to know: {q}",
          "Using the document, {q}", "From the text: {q}")


def question(s: Source, fact: Fact) -> str:
    """Ask for `fact` in words of its relation, or in generic ones."""
    article = "the " if fact.relation.answer.startswith("The {s}") or "the {s}" in fact.relation.answer else ""
    if s.chance(0.15):
        text = s.phrase(_GENERIC, {"r": fact.relation.noun, "s": article + fact.subject})
        return capital(text) if s.chance(0.6) else text
    template = s.template(fact.relation.questions, fact.relation.plain[1])
    wrapped = s.chance(0.1)
    if not wrapped and s.chance(0.4):
        template = as_typed(s, template)
    text = fill(template, {"s": fact.subject, "v": fact.value})
    if wrapped:
        wrap = s.template(_WRAPS)
        if not wrap.startswith("{q}") and ":" not in wrap:
            keeps = text.startswith((fact.subject, "I ", "I'"))
            text = text if keeps else text[:1].lower() + text[1:]
        elif wrap.startswith("{q} ") and text[-1] not in ".?!":
            text += "."
        text = wrap.replace("{q}", text)
    return text


def missing(s: Source, facts: tuple[Fact, ...]) -> Fact:
    """A fact like those of a document that the document doesn't hold."""
    known = {(fact.subject, fact.relation.noun) for fact in facts}
    for _ in range(20):
        base = s.rng.choice(facts)
        kind = next(kind for kind in KINDS if base.relation in kind.relations)
        relation = s.rng.choice(kind.relations) if s.chance(0.6) else base.relation
        subject = base.subject if relation is not base.relation else kind.name(s)
        said = {noun for about, noun in known if about == subject}
        if relation.noun in said or any(relation.noun in pair and pair & said for pair in CLOSE):
            continue
        if subject is not base.subject and any(subject in f.subject or f.subject in subject for f in facts):
            continue
        return new_fact(s, subject, relation)
    kind = KINDS[0]
    return new_fact(s, w.invented_name(s.rng), kind.relations[0])
