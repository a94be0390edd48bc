"""The skills, one function each: a source of choices in, one conversation out.

Every question has exactly one right answer in its conversation; every turn of the
assistant is what nano should write there, to the letter. Here are those without tools
or documents; `calling` and `reading` have the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.data import documents as d
from training.data import texts
from training.data import words as w
from training.data.apps import everyday_tools
from training.data.calling import chain, no_tool, several_calls, tool_call
from training.data.cards import cards
from training.data.open_documents import open_document
from training.data.open_forms import open_form
from training.data.open_tools import open_tools
from training.data.reading import document, documents_and_tools, fill_schema
from training.data.scenes import everyday_document, everyday_form
from training.data.talk import SMALL_TALK, Talk

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.data.phrases import Source


def small_talk(s: Source, talk: Talk) -> None:
    """Greetings, thanks, who are you."""
    talk.system()
    for _ in range(s.rng.choice((1, 1, 2, 3))):
        asked, answer = s.rng.choice(SMALL_TALK)
        talk.user(s.template(asked))
        talk.say(answer, "The user is just talking. I answer politely.")


COPY = texts.entries(
    "requests", "COPY",
    "Repeat: {x}", "Repeat after me: {x}", "Say {x}", "Echo {x}", "Repeat this: {x}", "Copy this exactly: {x}", "Say this again: {x}", "Write {x}",
    "Please repeat {x}", "repeat {x}", "Type exactly: {x}", 'Repeat the following text.\n{x}', "Return this unchanged: {x}",
)
REVERSE = texts.entries(
    "requests", "AGAIN","What did I [just|] ask you to repeat?", "What was it again?", "Say it again.", "Once more[, please|].", "And again?", "Repeat that.")


def copyable(s: Source) -> str:
    """Something to copy: words, names, numbers, identifiers, random letters."""
    makers: tuple[Callable[[], str], ...] = (
        lambda: s.word(s.rng.choice((w.NOUNS, w.PRODUCTS, w.ANIMALS, w.OBJECTS, w.ADJECTIVES, w.FOODS, w.JOBS))),
        lambda: w.invented_name(s.rng), lambda: w.syllables(s.rng), lambda: w.letters(s.rng, s.rng.randrange(2, 10)),
        lambda: str(w.number(s.rng)), lambda: w.identifier(s.rng), lambda: w.email(s.rng, s.held),
        lambda: w.person(s.rng, s.held), lambda: w.date(s.rng), lambda: w.place(s.rng, s.held),
        lambda: str(s.rng.randrange(10**6)), lambda: w.phone(s.rng), lambda: s.word(w.TOPICS), lambda: w.company(s.rng, s.held),
    )
    return s.rng.choice(makers)()


def copy(s: Source, talk: Talk) -> None:
    """Repeat what was said, words or lists of them, once or again a turn later."""
    talk.system()
    for _ in range(s.rng.choice((1, 1, 2, 3))):
        kind = s.rng.random()
        if kind < 0.5:
            text = s.one_of((" ", " ", ", ")).join(copyable(s) for _ in range(s.rng.choice((1, 2, 3, 4, 6, 10))))
        elif kind < 0.7:
            text = d.page(s, s.rng.choice((1, 1, 2))).text
        else:
            makers: tuple[Callable[[], str], ...] = (
                lambda: w.invented_name(s.rng), lambda: w.letters(s.rng, 5), lambda: str(s.rng.randrange(10**4)),
            )
            maker = s.rng.choice(makers)
            text = ", ".join(maker() for _ in range(s.rng.randrange(2, 12)))
        talk.user(s.phrase(COPY, {"x": text}))
        talk.say(text, "I repeat the text.", text)
        if s.chance(0.25):
            talk.user(s.template(REVERSE))
            talk.say(text, "I repeat the text.", text)


LOOKUP = texts.entries(
    "requests", "LOOKUP", "What is {k}?", "{k}?", "Give me {k}.", "What does {k} say?", "value of {k}", "And {k}?", "Look up {k}.",
)


def lookup(s: Source, talk: Talk) -> None:
    """A list of `key: value` lines; give the value of a key. Short and dense."""
    talk.system()
    keys = list(dict.fromkeys(copyable(s) for _ in range(s.rng.randrange(3, 14))))
    keys = [k for k in keys if sum(k in other for other in keys) == 1]
    values = [copyable(s) for _ in keys]
    keys = [k for k in keys if not any(k in v for v in values)]
    values = values[: len(keys)]
    glue = s.one_of((": ", " = ", " is ", " -> "))
    lines = s.one_of(("\n", "\n", "; ", ". ")).join(f"{k}{glue}{v}" for k, v in zip(keys, values, strict=True))
    order = s.rng.sample(range(len(keys)), min(len(keys), s.rng.choice((1, 2, 3, 4))))
    for turn, index in enumerate(order):
        key, value = keys[index], values[index]
        ask = s.phrase(LOOKUP, {"k": key})
        talk.user(f"{lines}\n\n{ask}" if turn == 0 else ask)
        talk.say(value, f"{key}{glue}{value}", value)
        talk.others = [v for v in values if v != value]


SKILLS: dict[str, Callable[[Source, Talk], None]] = {
    "talk": small_talk,
    "copy": copy,
    "lookup": lookup,
    "call": tool_call,
    "calls": several_calls,
    "no_tool": no_tool,
    "chain": chain,
    "document": document,
    "document_tools": documents_and_tools,
    "schema": fill_schema,
    "cards": cards,
    "open_document": open_document,
    "open_form": open_form,
    "open_tools": open_tools,
    "everyday_document": everyday_document,
    "everyday_form": everyday_form,
    "everyday_tools": everyday_tools,
}
