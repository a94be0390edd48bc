"""What a piece of text means, as one of a few hundred classes.

A sentence of a document states a relation, a question asks for one, a sentence of a
form fills a field (a boolean's either way), a request is one for a well-known tool,
its values are that tool's arguments, and the names of fields and tools stand for the
same.
Conversations tell most of it late or never: of eighty sentences of a page a dozen are
asked for. `losses.Meaning` asks about every one of them, where it ends and where its
value begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.data.catalogue import CONCEPTS
from training.data.records import RECORDS, Field
from training.data.relations import KINDS as SUBJECTS
from training.data.relations import Relation
from training.data.tools import AFFIRMED, DENIED, KINDS, OPTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.data.concepts import Concept, Value

Mark = tuple[str, str]
"""A piece of a message and what it means: told at the piece's last character."""
NAME = "name"
"""Of a form's sentence: it says whom the form is about."""


def relation(of: Relation) -> str:
    """The class of a sentence that states a relation, or of a question for it."""
    return f"relation {of.noun}"


def field(of: Field, value: Value | None = None) -> str:
    """The class of a field's key, and of a sentence that fills it with `value`."""
    way = {True: " yes", False: " no"}[value] if isinstance(value, bool) else ""
    return f"field {of.names.split()[0]}{way}"


def request(of: Concept) -> str:
    """The class of a request for a well-known tool."""
    return f"tool {of.names.split()[0]}"


def argument(of: Concept, role: str) -> str:
    """The class of a value in a request for a well-known tool."""
    return f"argument {of.names.split()[0]} {role}"


def mention(role: str) -> str:
    """The class of what a request for an invented tool mentions."""
    return f"mention {role}"


def stated(sentence: str, value: str, meaning: str) -> Iterator[Mark]:
    """The marks of a sentence: at its end, and where its value begins.

    That is the token which an answer has to find; what stands behind a value it can't
    tell of, so that one which begins its sentence has no mark.
    """
    yield sentence, meaning
    at = sentence.find(value) if value else 0
    if at > 0:
        yield sentence[: at + 1], meaning


def _classes() -> Iterator[str]:
    yield NAME
    for kind in SUBJECTS:
        yield from map(relation, kind.relations)
    for record in RECORDS:
        for item in record.fields:
            yield field(item)
            if item.kind == "boolean":
                yield from (field(item, True), field(item, False))
    yield from map(request, CONCEPTS)
    for concept in CONCEPTS:
        for index in range(len(concept.params)):
            yield argument(concept, str(index))
    yield from map(mention, (*KINDS, OPTION, AFFIRMED, DENIED))


CLASSES = {meaning: number for number, meaning in enumerate(dict.fromkeys(_classes()))}
"""The number of every class."""
