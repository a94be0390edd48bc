"""The templates that are kept as text: each says what it must, and nothing twice.

A slot that is missing teaches nano to make values up, one too many to leave them out.
"""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import pytest

from training.data import records, relations, texts, values
from training.data.catalogue import ALIKE, CONCEPTS
from training.data.phrases import Source, expand

if TYPE_CHECKING:
    from training.data.concepts import Concept

SLOTS = {
    "OPENINGS": "vn",
    "CHAIN": "Vnp",
    "PAIRS": "ab",
    "ENUM": "kv",
    "FLAG YES": "f",
    "FLAG NO": "f",
    "COPY": "x",
    "AGAIN": "",
    "LOOKUP": "k",
    "ONLY": "",
    "QUOTE": "q",
    "HEADS": "n",
    "FORM": "",
}


def slots(template: str) -> Counter[str]:
    return Counter(re.findall(r"\{(\w*)\}", expand(template, Random(0))))


@pytest.mark.parametrize("heading", SLOTS)
def test_a_request_has_its_slots(heading: str) -> None:
    for template in texts.sections("requests")[heading]:
        found = {slot.upper() for slot in slots(template)}
        assert found == set(SLOTS[heading].upper()), template


def test_a_mention_has_one_value() -> None:
    for heading, lines in texts.sections("requests").items():
        if heading.startswith("MENTIONS"):
            assert len(lines) > 20
            assert {line.count("{}") for line in lines} == {1}, heading


@pytest.mark.parametrize("concept", CONCEPTS, ids=lambda c: c.names.split()[0])
def test_a_request_names_what_it_must(concept: Concept) -> None:
    needed = {str(i) for i in range(min(concept.required, len(concept.params)))}
    allowed = {str(i) for i in range(len(concept.params))}
    for ask in concept.asks:
        assert needed <= set(slots(ask)) <= allowed, ask
    assert len(set(concept.asks)) == len(concept.asks) >= 10


def test_what_two_concepts_could_mean_is_known_to_be_alike() -> None:
    names = {concept.names.split()[0] for concept in CONCEPTS}
    assert len(names) == len(CONCEPTS)
    assert {name for pair in ALIKE for name in pair} <= names
    asked: dict[str, str] = {}
    for concept in CONCEPTS:
        head = concept.names.split()[0]
        for ask in concept.asks:
            other = asked.setdefault(ask.lower(), head)
            assert other == head or frozenset((other, head)) in ALIKE, ask


@pytest.mark.parametrize("kind", relations.KINDS, ids=range(len(relations.KINDS)))
def test_a_relation_is_stated_and_asked_for(kind: relations.Kind) -> None:
    for relation in kind.relations:
        for sentence in relation.sentences:
            assert slots(sentence) == {"s": 1, "v": 1}, sentence
            assert sentence[-1] == ".", sentence
        for question in relation.questions:
            assert slots(question) == {"s": 1}, question
        assert slots(relation.answer) == {"s": 1, "v": 1}
        assert len(relation.sentences) >= 3
        assert relation.make(Source(Random(1)))
    nouns = [relation.noun for relation in kind.relations]
    assert len(set(nouns)) == len(nouns)
    questions = Counter(q for r in kind.relations for q in r.questions)
    assert not [q for q, n in questions.items() if n > 1]


@pytest.mark.parametrize("record", records.RECORDS, ids=lambda r: r.names.split()[0])
def test_a_record_states_its_fields(record: records.Record) -> None:
    for field in record.fields:
        wanted = 0 if field.kind == "boolean" else 1
        for text in (*field.texts, *field.denied):
            assert slots(text)["v"] == wanted, text
            assert set(slots(text)) <= {"n", "v"}, text
        assert bool(field.denied) == (field.kind == "boolean")
        assert not set(field.texts) & set(field.denied)
    flags = [field for field in record.fields if field.kind == "boolean"]
    assert flags


MADE = {
    "number 35 48 cm": r"(3[5-9]|4[0-8]) cm",
    "number 1 9": r"[1-9]",
    "year": r"1[1-9]\d\d|20[0-2]\d",
    "letters 6": r"[A-Za-z0-9]{6}",
    "price": r"[$£]?\d+(\.\d\d)?( euros| EUR| dollars)?",
    "phone": r"\d{3}-\d{4}",
    "email": r"\S+@[^\s@.]+\.[a-z.]+",
    "word COLOURS": r"\w[\w ]+",
    "choice first / second thing": "first|second thing",
}


@pytest.mark.parametrize("spec", MADE)
def test_values_are_of_their_kind(spec: str) -> None:
    make = values.maker(spec)
    made = {make(Source(Random(seed))) for seed in range(50)}
    assert len(made) > 1
    for value in made:
        assert re.fullmatch(MADE[spec], value), value


def test_a_kind_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="'colour'"):
        values.maker("colour")
