"""What texts mean, and the tokens that are asked for it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from tokenizers import Tokenizer

from dsagent.encoding.render import render
from dsagent.loading import NANO
from training.data import meanings, tools
from training.data.calling import asked_of
from training.data.catalogue import CONCEPTS
from training.data.concepts import show
from training.data.mix import Places, Stage, encode_batch, make, prompt
from training.data.phrases import Source as Choices
from training.data.records import RECORDS
from training.data.relations import KINDS
from training.data.talk import Talk
from training.source import Source

TOKENIZER = Tokenizer.from_file(str(NANO / "tokenizer.json"))
NAMES = list(meanings.CLASSES)


@pytest.mark.parametrize("skill", ["call", "document", "schema", "talk"])
def test_places_are_the_tokenizers_own_offsets(skill: str) -> None:
    rng = Random(5)
    find = Places(TOKENIZER)
    texts = [prompt(make(rng, skill, Stage()), render) for _ in range(8)]
    for text in [*texts, "Zoë, at ５ o'clock – “naïve” 日本"]:
        item = TOKENIZER.encode(text, add_special_tokens=False)
        places = find(text, item.ids, range(len(text)))
        for character, place in enumerate(places):
            begin, end = item.offsets[place]
            assert begin <= character < end


def test_a_piece_is_looked_for_in_its_own_message() -> None:
    talk = Talk(Choices(Random(1)), "talk")
    for answer in ("Yes.", "No."):
        talk.user("Is it?", [("Is it?", meanings.NAME), ("nowhere", meanings.NAME)])
        talk.say(answer, "")
    ((ids, _, classes),) = encode_batch([talk.done()], TOKENIZER, render)
    marked = [place for place, number in enumerate(classes) if number >= 0]
    shown = [TOKENIZER.decode(ids[: place + 1]) for place in marked]
    assert [text.count("Is it?") for text in shown] == [1, 2]
    assert all(text.endswith("?") for text in shown)


def told(skill: str, n: int, seed: int = 3) -> list[tuple[str, str]]:
    """Of every mark of some conversations, the text up to its token and its meaning."""
    rng = Random(f"{seed} {skill}")
    examples = [make(rng, skill, Stage()) for _ in range(n)]
    found = []
    for ids, _, classes in encode_batch(examples, TOKENIZER, render):
        for place, number in enumerate(classes):
            if number >= 0:
                text = TOKENIZER.decode(ids[: place + 1], skip_special_tokens=False)
                found.append((text, NAMES[number]))
    return found


def test_every_sentence_and_question_of_a_document_says_its_relation() -> None:
    rng = Random(8)
    for _ in range(20):
        example = make(rng, "document", Stage())
        ((_, _, classes),) = encode_batch([example], TOKENIZER, render)
        questions = sum(m["role"] == "user" for m in example.messages)
        # A sentence has one mark or two; a document as many sentences as facts.
        marked = Counter(number for number in classes if number >= 0)
        assert questions < marked.total() <= questions + 2 * 8
        assert all(NAMES[number].startswith("relation ") for number in marked)


def test_a_mark_is_where_the_sentence_ends_and_where_its_value_begins() -> None:
    marks = list(meanings.stated("The mayor of Rome is Ana.", "Ana", "relation mayor"))
    assert [piece for piece, _ in marks] == [
        "The mayor of Rome is Ana.",
        "The mayor of Rome is A",
    ]
    # What stands behind a value says what it is: in front of it nothing is known.
    first = list(meanings.stated("Ana leads Rome.", "Ana", "relation mayor"))
    assert [piece for piece, _ in first] == ["Ana leads Rome."]


def test_a_forms_sentences_say_their_field_and_which_way() -> None:
    ways = Counter(meaning.split()[-1] for _, meaning in told("schema", 120))
    assert ways["yes"] > 50
    assert ways["no"] > 50
    yes = {
        (text.rsplit("? ", 1)[-1].rstrip(".").lower(), meaning.split()[-1])
        for text, meaning in told("schema", 120)
        if text.endswith(("? Yes.", "? No."))
    }
    assert yes == {("yes", "yes"), ("no", "no")}


def test_requests_and_the_tools_they_mean_are_one_class() -> None:
    inside: dict[str, set[bool]] = {}
    for text, meaning in told("call", 60):
        inside.setdefault(meaning, set()).add("<｜User｜>" in text)
    for family in ("tool ", "argument ", "mention "):
        both = [m for m, where in inside.items() if len(where) == 2]
        assert len([m for m in both if m.startswith(family)]) > 9, family


def test_a_value_is_marked_as_the_argument_that_a_call_makes_of_it() -> None:
    """Against the calls: of a tool with one parameter of a kind, the value behind a
    mark is what the call passes for it."""
    rng = Random(4)
    checked = 0
    for _ in range(300):
        concept = rng.choice(CONCEPTS)
        s = Choices(rng)
        tool = tools.declare(s, concept)
        ask = tools.request(s, tool)
        for piece, meaning in asked_of([ask], [tool]):
            family, _, role = meaning.rpartition(" ")
            if not family.startswith("argument "):
                continue
            value = show(ask.arguments[tool.keys[int(role)]])
            value = {"True": "on", "False": "off"}.get(value, value)
            begins = len(piece)
            assert ask.text[1 : begins + 1] == piece
            assert ask.text[begins:].startswith(value)
            checked += 1
    assert checked > 300


def test_a_flags_mention_says_which_way() -> None:
    rng = Random(4)
    ways: Counter[tuple[object, str]] = Counter()
    for _ in range(1500):
        s = Choices(rng)
        tool = tools.invent(s)
        if [part for _, part, _ in tool.parts] != [None] or tool.parts[0][2]:
            continue
        ask = tools.request_invented(s, tool)
        for _, meaning in asked_of([ask], [tool]):
            ways[ask.arguments[tool.parts[0][0]], meaning] += 1
    assert set(ways) == {(True, "mention yes"), (False, "mention no")}
    assert min(ways.values()) > 5


def test_classes_are_all_that_can_be_told() -> None:
    assert len(meanings.CLASSES) == len(set(meanings.CLASSES.values()))
    for kind in KINDS:
        assert all(meanings.relation(r) in meanings.CLASSES for r in kind.relations)
    for record in RECORDS:
        for item in record.fields:
            values = (True, False) if item.kind == "boolean" else ("", 3, ["a"])
            classes = {meanings.field(item, value) for value in values}
            assert len(classes) == (2 if item.kind == "boolean" else 1)
            assert classes <= set(meanings.CLASSES)


def test_cards_are_dense_and_nobody_answers_them() -> None:
    families: Counter[str] = Counter()
    tokens = marks = 0
    rng = Random(2)
    examples = [make(rng, "cards", Stage()) for _ in range(40)]
    for ids, weights, classes in encode_batch(examples, TOKENIZER, render):
        assert max(weights) < 1
        tokens += len(ids)
        marks += sum(number >= 0 for number in classes)
        families.update(NAMES[number].split()[0] for number in classes if number >= 0)
    assert tokens / marks < 12
    assert set(families) == {"tool", "argument", "mention", "relation", "field"}
    assert min(families.values()) > marks / 10


def test_only_who_asks_for_cards_gets_them() -> None:
    def share(cards: float) -> float:
        source = Source(NANO / "tokenizer.json", 2048, cards)
        rng = Random(1)
        drawn = [max(source(rng, 0.7).weights) < 1 for _ in range(320)]
        return sum(drawn) / len(drawn)

    assert share(0.0) == 0
    assert 0.04 < share(20.0) < 0.16
