"""The conversations nano is taught with: well-formed, true, and apart from the exam.

Held against things outside the generator: dsagent's renderer, parser and tokenizer,
jsonschema, and the hold-out rule written out again here.
"""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, cast

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as PlainTokenizer

from dsagent.encoding.parse import parse
from dsagent.encoding.render import render
from dsagent.encoding.tokenizer import Piece, Tokenizer
from dsagent.loading import NANO
from training.data import documents, phrases, relations, words
from training.data.calling import toolbox
from training.data.mix import DEFAULT_WEIGHTS, Stage, encode, encode_batch, make
from training.data.talk import UNKNOWN
from training.data.tools import Tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from training.data.talk import Example, Message

SKILLS = sorted(DEFAULT_WEIGHTS)
TOKENIZER = Tokenizer.from_file(NANO)
PLAIN = PlainTokenizer.from_file(str(NANO / "tokenizer.json"))


def draw(skill: str, n: int, *, held: bool = False, seed: int = 7) -> list[Example]:
    rng = Random(f"{seed} {skill}")
    return [make(rng, skill, Stage(), held=held) for _ in range(n)]


def turns(example: Example) -> Iterator[tuple[int, Message]]:
    return ((i, m) for i, m in enumerate(example.messages) if m["role"] == "assistant")


def ids_of(example: Example, messages: list[Message]) -> list[int]:
    pieces = render(
        messages,
        thinking=example.thinking,
        effort=example.effort,
        drop_thinking=False,
    )
    return TOKENIZER.encode(pieces)


def functions(example: Example) -> list[dict[str, object]]:
    offered = cast("list[dict[str, object]]", example.messages[0].get("tools") or [])
    return [cast("dict[str, object]", tool["function"]) for tool in offered]


def calls(message: Message) -> list[tuple[str, dict[str, object]]]:
    made = cast("list[dict[str, dict[str, str]]]", message.get("tool_calls") or [])
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in made
    ]


@pytest.mark.parametrize("skill", SKILLS)
def test_every_turn_reads_back(skill: str) -> None:
    for example in draw(skill, 25):
        for index, message in turns(example):
            before = ids_of(example, example.messages[:index])
            whole = ids_of(example, example.messages[: index + 1])
            assert whole[: len(before)] == before
            said = parse(
                whole[len(before) :],
                thinking=example.thinking,
                tokenizer=TOKENIZER,
                calls=bool(functions(example)),
            )
            assert said.content == message["content"]
            assert said.reasoning_content == message.get("reasoning_content", "")
            read = [(c.name, json.loads(c.arguments)) for c in said.tool_calls]
            assert read == calls(message)
            assert not said.warnings
            assert said.incomplete_call is None


@pytest.mark.parametrize("skill", SKILLS)
def test_weights_cover_what_the_assistant_writes(skill: str) -> None:
    for example in draw(skill, 15):
        ids, weights = encode(example, PLAIN, render, rest=0.2)
        assert ids == _trained(example, example.messages)
        # Thoughts on earlier questions are in the prompts only where there are tools;
        # elsewhere a turn is seen as it was written only as long as it is the last.
        last = max(index for index, _ in turns(example))
        forgets = example.thinking and not functions(example)
        expected: list[float] = []
        for index, _ in turns(example):
            if forgets and index < last:
                continue
            before = _trained(example, example.messages[:index])
            whole = _trained(example, example.messages[: index + 1])
            expected = expected or weights[: len(before)] if forgets else expected
            expected += [0.2] * (len(before) - len(expected))
            expected += [1.0] * (len(whole) - len(before))
        expected += [0.2] * (len(ids) - len(expected))
        assert [min(w, 1.0) for w in weights] == [min(w, 1.0) for w in expected]
        heavy = [PLAIN.decode([i]) for i, w in zip(ids, weights, strict=True) if w > 1]
        assert all(re.match('": (true|false)', text) for text in heavy)
        if skill == "schema":
            answer = str([m["content"] for _, m in turns(example)][-1])
            assert len(heavy) >= len(re.findall(r": (?:true|false)", answer))


@pytest.mark.parametrize("skill", ["document", "schema"])
def test_a_conversation_can_teach_the_thoughts_of_all_its_turns(skill: str) -> None:
    examples = [e for e in draw(skill, 20) if e.thinking]
    thoughts = [str(m["reasoning_content"]) for e in examples for _, m in turns(e)]
    taught = "".join(
        PLAIN.decode([i if w >= 1 else 0 for i, w in zip(ids, weights, strict=True)])
        for ids, weights, _ in encode_batch(examples, PLAIN, render, every_thought=1.0)
    )
    assert len(thoughts) > 2 * len(examples)
    assert all(f"{thought}</think>" in taught for thought in thoughts)
    # The rest are what a prompt shows: one thought, the last turn's.
    half = encode_batch(examples[:2], PLAIN, render, every_thought=0.5)
    shown = [PLAIN.decode(made.ids, skip_special_tokens=False) for made in half]
    assert [text.count("<｜Assistant｜><think>") for text in shown] == [
        len(list(turns(examples[0]))),
        1,
    ]


def _trained(example: Example, messages: list[Message]) -> list[int]:
    pieces = render(messages, thinking=example.thinking, effort=example.effort)
    text = "".join(piece.text for piece in pieces)
    ids: list[int] = PLAIN.encode(text, add_special_tokens=False).ids
    return ids


def held_out(text: str) -> bool:
    """The rule, again: the tenth of texts whose CRC-32 ends in 3."""
    return zlib.crc32(text.lower().encode()) % 10 == 3


def _capitalised(example: Example) -> list[str]:
    text = json.dumps(example.messages, ensure_ascii=False)
    return re.findall(r"[A-Z][^\W\dA-Z_]+", text)


def test_held_out_words_stay_out_of_training() -> None:
    pools = (words.CITIES, words.FIRST_NAMES, words.SURNAMES)
    names = {name for pool in pools for name in (*pool.train, *pool.held)}
    # Streets, price lists and requests say these, too.
    words_too = {"Green", "Hunt", "King", "Mark", "Peter", "Price", "Split"}
    secret = {n for n in names if held_out(n)} - words_too
    secret = {name for name in secret if re.fullmatch("[A-Z][a-z]+", name)}
    assert len(secret) > 40
    seen: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for skill in SKILLS:
        for example in draw(skill, 150):
            seen.update(set(_capitalised(example)))
        for example in draw(skill, 40, held=True):
            shown.update(_capitalised(example))
    assert not {name for name in secret if seen[name]}
    assert sum(shown[name] > 0 for name in secret) > 20


def test_held_out_templates_stay_out_of_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used: dict[bool, set[str]] = {False: set(), True: set()}
    part = False
    expand = phrases.expand

    def recorded(template: str, rng: Random) -> str:
        used[part].add(template)
        return expand(template, rng)

    monkeypatch.setattr(phrases, "expand", recorded)
    examined = [skill for skill in SKILLS if not skill.startswith("open_")]
    for part in (False, True):
        for skill in examined:
            draw(skill, 150, held=part)
    assert len(used[False]) > 500
    assert not [template for template in used[False] if held_out(template)]
    # The exam may fall back on a shared template where a list has no tenth to keep.
    assert sum(map(held_out, used[True])) > 100
    # Open words are taught in templates of their own, which it doesn't ask in.
    used[part := False].clear()
    for skill in set(SKILLS) - set(examined):
        draw(skill, 150)
    assert len(used[False]) > 100
    assert not [t for t in used[False] & used[True] if held_out(t)]


def test_each_fact_is_stated_once() -> None:
    for seed in range(60):
        source = phrases.Source(Random(seed))
        page = documents.page(source, source.rng.randrange(1, 40), filler=0.3)
        asked = Counter((fact.subject, fact.relation.noun) for fact in page.facts)
        assert set(asked.values()) == {1}
        for fact in page.facts:
            assert fact.value in fact.sentence
            assert page.text.count(fact.sentence) == 1
            about = [f for f in page.facts if f.subject == fact.subject]
            relations = [f.relation.noun for f in about]
            assert len(relations) == len(set(relations))


def test_what_is_asked_for_in_vain_is_absent() -> None:
    for seed in range(300):
        source = phrases.Source(Random(seed))
        page = documents.page(source, source.rng.randrange(1, 12))
        gap = documents.missing(source, page.facts)
        known = {(fact.subject, fact.relation.noun) for fact in page.facts}
        assert (gap.subject, gap.relation.noun) not in known
        sentences = [f.sentence for f in page.facts if f.subject == gap.subject]
        assert gap.sentence not in sentences


@pytest.mark.parametrize("skill", ["document", "long"])
def test_answers_stand_in_the_document(skill: str) -> None:
    unknown = 0
    for example in draw(skill, 80):
        first = next(m for m in example.messages if m["role"] == "user")
        text = str(first["content"])
        for (_, message), value in zip(turns(example), example.answers, strict=True):
            assert value in str(message["content"])
            if value == UNKNOWN:
                unknown += 1
            else:
                assert value in text
    assert unknown > 5


def thoughts(example: Example) -> Iterator[tuple[Message, str]]:
    return (
        (message, str(message["reasoning_content"]))
        for _, message in turns(example)
        if "reasoning_content" in message
    )


def test_a_thought_about_a_document_names_what_is_asked_and_its_value() -> None:
    nouns = {r.noun for kind in relations.KINDS for r in kind.relations}
    told = 0
    for example in draw("document", 80):
        text = str(next(m for m in example.messages if m["role"] == "user")["content"])
        for message, thought in thoughts(example):
            asked, _, rest = thought.partition("? The document ")
            assert any(asked.startswith(f"The {noun} of ") for noun in nouns), thought
            if rest.startswith("says "):
                value = rest.removeprefix("says ").removesuffix(".")
                assert value in text
                assert value in str(message["content"])
                told += 1
            else:
                assert (rest, message["content"]) == ("doesn't say that.", UNKNOWN)
    assert told > 40


def test_a_thought_about_a_form_notes_what_each_sentence_tells() -> None:
    noted = passed = 0
    for example in draw("schema", 80):
        for message, thought in thoughts(example):
            place = example.messages.index(message) - 1
            text = str(example.messages[place]["content"])
            answer = json.loads(str(message["content"]))
            read: dict[str, object] = {}
            for line in thought.split("\n"):
                match = re.fullmatch(r'(.+?) (?:-|("\w+": (?:.+)))', line)
                assert match, line
                # The sentences stand in the text, one behind the other.
                assert match[1] in text, line
                text = text[text.index(match[1]) + len(match[1]) :]
                read |= json.loads("{" + (match[2] or "") + "}")
                passed += match[2] is None
            assert read == answer
            noted += len(read)
    assert noted > 100
    assert passed > 20


def test_the_four_operations_are_offered_together() -> None:
    four = {"add", "subtract", "multiply", "divide"}
    together = {False: 0, True: 0}
    for held in together:
        source = phrases.Source(Random(5), held, False)
        for _ in range(2000):
            tools = [x for x in toolbox(source, 4) if isinstance(x, Tool)]
            heads = {tool.concept.names.split()[0] for tool in tools}
            assert len(heads) == len(tools)
            together[held] += len(heads & four) > 1
    assert together[False] > 3 * together[True]
    assert together[False] > 30


def test_what_the_weather_is_may_be_all_that_is_told() -> None:
    told = 0
    for example in draw("call", 800):
        for before, message in pairwise(example.messages):
            said = str(message["content"])
            match = re.fullmatch(r"The weather in (.+) is ([^,]+)\.", said)
            if before["role"] == "tool" and match:
                assert match[2].lower() in str(before["content"]).lower()
                told += 1
    assert told > 5


@pytest.mark.parametrize("skill", ["call", "calls", "chain", "document_tools"])
def test_arguments_follow_the_schema(skill: str) -> None:
    made = 0
    for example in draw(skill, 120):
        schemas = {f["name"]: f["parameters"] for f in functions(example)}
        assert len(schemas) == len(functions(example))
        for _, message in turns(example):
            for name, arguments in calls(message):
                schema = cast("Mapping[str, object]", schemas[name])
                jsonschema.validate(arguments, schema)
                properties = cast("Mapping[str, object]", schema["properties"])
                assert set(arguments) <= set(properties)
                made += 1
    assert made > 60


def test_filled_schemas_are_valid() -> None:
    for example in draw("schema", 120):
        schema = cast("Mapping[str, object]", example.messages[0]["response_format"])
        answer = json.loads(str(example.messages[-1]["content"]))
        jsonschema.validate(answer, schema)
        assert list(answer) == list(cast("Mapping[str, object]", schema["properties"]))


@settings(max_examples=200)
@given(st.text())
def test_any_text_survives_the_tokenizer(text: str) -> None:
    ids = TOKENIZER.encode_text(text)
    assert TOKENIZER.decode(ids) == text
    assert not TOKENIZER.control_ids & set(ids)
    assert all(0 <= token_id < TOKENIZER.vocab_size for token_id in ids)


_MARKERS = [TOKENIZER.text_of(i) for i in sorted(TOKENIZER.control_ids)]


@settings(max_examples=100)
@given(st.lists(st.one_of(st.sampled_from(_MARKERS), st.text(max_size=5))))
def test_spelled_control_tokens_stay_text(parts: list[str]) -> None:
    text = "".join(parts)
    ids = TOKENIZER.encode([Piece(text)])
    assert not TOKENIZER.control_ids & set(ids)
    assert TOKENIZER.decode(ids) == text


def test_the_vocabulary_is_the_models() -> None:
    config = json.loads((NANO / "config.json").read_text("utf-8"))
    assert TOKENIZER.vocab_size == config["vocab_size"]
    assert TOKENIZER.bos == config["bos_token_id"]
    assert TOKENIZER.eos == config["eos_token_id"]
