"""Open words: what is asked for stands in the text, and what is called is declared."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from typing import cast

import jsonschema
import pytest

from tests.training.drawn import draw as drawn
from tests.training.drawn import filled, said
from training.data.talk import NO_TOOL, UNKNOWN

draw = partial(drawn, seed=9)


def test_an_answer_stands_in_its_document() -> None:
    kinds: Counter[str] = Counter()
    for example in draw("open_document", 120):
        page, *_ = said(example, "user")
        for value, answer in zip(
            example.answers, said(example, "assistant"), strict=True
        ):
            if value == UNKNOWN:
                kinds["unknown"] += 1
                assert answer == UNKNOWN
                continue
            kinds["quote" if answer == value and " " in value else "told"] += 1
            assert value in page
            assert value.lower() in answer.lower()
    assert 0.1 < kinds["unknown"] / kinds.total() < 0.28
    assert kinds["quote"] > 20


def test_a_thought_about_a_document_asks_and_answers() -> None:
    thoughts = 0
    for example in draw("open_document", 60):
        turns = [m for m in example.messages if m["role"] == "assistant"]
        for turn, value in zip(turns, example.answers, strict=True):
            if not example.thinking:
                assert "reasoning_content" not in turn
                continue
            question, _, found = str(turn["reasoning_content"]).rpartition("? ")
            assert question
            thoughts += 1
            if value == UNKNOWN:
                assert found == "The document doesn't say that."
            else:
                told = found.removeprefix("The document says ").rstrip(".")
                assert told in f"{value} {turn['content']}"
    assert thoughts > 100


def test_a_form_is_filled_with_what_its_text_says() -> None:
    ways: Counter[bool] = Counter()
    for example in draw("open_form", 120):
        for asked, values in filled(example):
            for value in values.values():
                if isinstance(value, bool):
                    ways[value] += 1
                elif isinstance(value, list):
                    assert all(str(item) in asked for item in value)
                else:
                    assert str(value) in asked
    assert ways.total() > 400
    assert 0.4 < ways[True] / ways.total() < 0.6


def test_a_forms_thought_reads_its_text_in_order() -> None:
    lines = 0
    for example in draw("open_form", 60):
        turns = [m for m in example.messages if m["role"] == "assistant"]
        for asked, turn in zip(said(example, "user"), turns, strict=True):
            after = 0
            noted: dict[str, object] = {}
            for line in str(turn.get("reasoning_content", "")).splitlines():
                sentence, _, note = line.partition(' "')
                if note:
                    noted |= json.loads(f'{{"{note}}}')
                sentence = sentence.removesuffix(" -")
                after = asked.index(sentence, after) + len(sentence)
                lines += 1
            if example.thinking:
                assert noted == json.loads(str(turn["content"]))
    assert lines > 200


NEGATED = re.compile(
    r"\b(no|not|never|without|nobody|none|nothing|cannot|forbidden|missing)\b|n't"
)


def test_a_sentence_that_denies_is_false_and_one_that_affirms_is_true() -> None:
    """Against the words of denial, which nearly every one has and hardly a true one."""
    ways: Counter[tuple[bool, bool]] = Counter()
    for example in draw("open_form", 150):
        for message in example.messages:
            for line in str(message.get("reasoning_content", "")).splitlines():
                sentence, _, value = line.rpartition(": ")
                if value in ("true", "false"):
                    sentence = sentence.rpartition(' "')[0]
                    denied = NEGATED.search(sentence.lower()) is not None
                    ways[denied, value == "true"] += 1
    assert ways[True, False] + ways[False, True] > 300
    assert ways[True, True] < 0.02 * ways.total()
    assert ways[False, False] < 0.08 * ways.total()


def test_calls_are_declared_and_their_texts_are_the_users() -> None:
    answers: Counter[str] = Counter()
    for example in draw("open_tools", 150):
        offered = cast("list[dict[str, object]]", example.messages[0]["tools"])
        functions = [cast("dict[str, object]", tool["function"]) for tool in offered]
        schemas = {str(f["name"]): f["parameters"] for f in functions}
        assert len(schemas) == len(functions)
        asked = ""
        for message in example.messages[1:]:
            if message["role"] == "user":
                asked = str(message["content"])
            made = cast("list[dict[str, object]]", message.get("tool_calls", []))
            answers["call"] += len(made) == 1
            answers["calls"] += len(made) > 1
            answers["none"] += message["content"] == NO_TOOL
            for call in made:
                function = cast("dict[str, str]", call["function"])
                arguments = json.loads(function["arguments"])
                schema = cast("dict[str, object]", schemas[function["name"]])
                jsonschema.validate(arguments, schema)
                for value in arguments.values():
                    for item in value if isinstance(value, list) else [value]:
                        assert not isinstance(item, str) or item in asked
    assert min(answers.values()) > answers.total() / 15


@pytest.mark.parametrize("skill", ["open_document", "open_form", "open_tools"])
def test_words_are_open(skill: str) -> None:
    """After 150 conversations one longer word in ten is still new."""
    seen: set[str] = set()
    fresh = total = 0
    for number, example in enumerate(draw(skill, 200)):
        text = " ".join(said(example, "user")).lower()
        found = {word for word in text.split() if len(word) > 5 and word.isalpha()}
        if number >= 150:
            fresh += len(found - seen)
            total += len(found)
        seen |= found
    assert fresh / total > 0.1
    assert len(seen) > 800
