"""Everyday pages, forms and tools: the tables are whole, and what is drawn holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING, cast

import jsonschema
import pytest

from tests.training.drawn import draw as drawn
from tests.training.drawn import filled, said
from training.data import apps, concepts, kinds, scenes
from training.data.concepts import show
from training.data.phrases import Source
from training.data.talk import NO_TOOL, UNKNOWN
from training.data.words import is_held_out

if TYPE_CHECKING:
    from training.data.talk import Example

    Call = dict[str, dict[str, str]]
    Declared = dict[str, dict[str, object]]


draw = partial(drawn, seed=4)


def declared(example: Example) -> list[tuple[str, dict[str, object]]]:
    """Names and schemas of the tools above a conversation."""
    tools = cast("list[Declared]", example.messages[0]["tools"])
    return [(str(f["name"]), f) for f in (tool["function"] for tool in tools)]


def slots(template: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", template))


def test_every_sentence_of_a_scene_names_its_thing_and_its_value() -> None:
    found = scenes.scenes()
    assert len(found) > 100
    assert len({scene.what for scene in found}) == len(found)
    for scene in found:
        assert kinds.kind(scene.named).json == "string"
        assert len({fact.label for fact in scene.facts}) == len(scene.facts) > 4
        for fact in scene.facts:
            where = f"{scene.what}: {fact.label}"
            assert (fact.kind.json == "boolean") is fact.flag, where
            assert len(fact.says) > 1, where
            assert len(fact.questions) > 1, where
            assert all(key.isidentifier() for key in fact.keys), where
            for text in fact.says + fact.denies:
                assert slots(text) == (["n"] if fact.flag else ["n", "v"]), text
            for text in fact.questions:
                assert slots(text) == ["n"], text


def test_every_request_names_what_its_tool_needs() -> None:
    found = apps.entries()
    assert len(found) > 300
    for entry in found:
        assert entry.names, entry
        assert entry.does, entry.names
        assert all(name.isidentifier() for name in entry.names), entry.names
        assert all(k.isidentifier() for s in entry.slots.values() for k in s.keys)
        needed = {key for key, slot in entry.slots.items() if not slot.optional}
        assert len(entry.asks) > 2, entry.names
        for ask in entry.asks:
            flags = re.findall(r"\[(\w+): [^|\]]+\|[^\]]*\]", ask)
            given = [*slots(ask), *flags]
            assert len(given) == len(set(given)), ask
            assert needed <= set(given) <= set(entry.slots), ask
            assert all(entry.slots[flag].kind.json == "boolean" for flag in flags), ask
            plain = [slot for slot in slots(ask) if slot in entry.slots]
            assert all(entry.slots[s].kind.json != "boolean" for s in plain), ask
        for text in entry.told:
            assert set(slots(text)) <= {"v", *entry.slots}, text
            assert ("v" in slots(text)) is (entry.makes is not None), text


def test_an_answer_stands_in_its_page() -> None:
    ways: Counter[str] = Counter()
    for example in draw("everyday_document", 200):
        page, *_ = said(example, "user")
        turns = [m for m in example.messages if m["role"] == "assistant"]
        for turn, value in zip(turns, example.answers, strict=True):
            answer = str(turn["content"])
            assert value in answer or value == UNKNOWN
            if value == UNKNOWN:
                assert answer == UNKNOWN
                ways["unknown"] += 1
                continue
            word, _, sentence = value.partition(". ")
            if word in ("Yes", "No") and sentence:
                assert sentence in page
                ways[word] += 1
            else:
                assert value in page
                ways["told"] += 1
    assert 0.1 < ways["unknown"] / ways.total() < 0.3
    assert min(ways["Yes"], ways["No"]) > 40


def test_what_a_page_does_not_tell_is_unknown() -> None:
    """The questions of an unanswered fact belong to no sentence of the page."""
    s = Source(Random(3))
    gaps = 0
    for _ in range(200):
        things = scenes.things(s)
        told = scenes.page(s, things, 0.5)
        known = {(made.thing.name, made.fact.label) for made in told}
        gap = scenes.missing(s, things, told)
        if gap is not None:
            gaps += 1
            assert (gap[0].name, gap[1].label) not in known
        for made in told:
            if not made.fact.flag:
                value = rf"(?<!\w){re.escape(show(made.value))}(?!\w)"
                others = [other.sentence for other in told if other is not made]
                assert not re.search(value, " ".join(others))
    assert gaps > 150


def test_yes_is_what_affirms_and_no_what_denies() -> None:
    """By the two sides of a table's line: what a page says, and what is answered."""
    s = Source(Random(6))
    ways: Counter[bool] = Counter()
    for _ in range(300):
        for made in scenes.page(s, scenes.things(s), 0.5):
            if not made.fact.flag:
                continue
            side = made.fact.says if made.value else made.fact.denies
            names = (made.thing.name, made.thing.scene.the)
            could = {text.replace("{n}", n).lower() for text in side for n in names}
            assert made.sentence.lower() in could
            answer, *_ = scenes._answer(s, made)
            assert answer == ("Yes. " if made.value else "No. ") + made.sentence
            ways[bool(made.value)] += 1
    assert min(ways.values()) > 100


def test_a_page_names_a_thing_before_it_speaks_of_it() -> None:
    s = Source(Random(5))
    for _ in range(200):
        things = scenes.things(s)
        told = scenes.page(s, things, 0.8)
        for thing in things:
            own = [made.sentence for made in told if made.thing is thing]
            assert not own or thing.name.lower() in own[0].lower()


def test_a_form_is_filled_with_what_its_message_says() -> None:
    ways: Counter[bool] = Counter()
    listed = 0
    for example in draw("everyday_form", 200):
        listed += '"enum"' in json.dumps(example.messages[0]["response_format"])
        for asked, values in filled(example):
            for value in values.values():
                if isinstance(value, bool):
                    ways[value] += 1
                else:
                    assert show(value) in asked
    assert 0.35 < ways[True] / ways.total() < 0.65
    assert listed > 20


def test_a_call_is_declared_and_its_values_were_said() -> None:
    calls: Counter[int] = Counter()
    none = 0
    for example in draw("everyday_tools", 200):
        tools = {name: schema["parameters"] for name, schema in declared(example)}
        lowered = ""
        for message in example.messages:
            if message["role"] == "user":
                lowered = str(message["content"]).lower()
            none += message["content"] == NO_TOOL
            made = cast("list[Call]", message.get("tool_calls", []))
            calls[len(made)] += 1
            for call in made:
                arguments = json.loads(call["function"]["arguments"])
                jsonschema.validate(arguments, tools[call["function"]["name"]])
                for value in arguments.values():
                    parts = value if isinstance(value, list) else [value]
                    for part in parts:
                        known = isinstance(part, bool) or str(part).lower() in lowered
                        assert known
    assert none > 40
    assert calls[1] > 300
    assert calls[2] + calls[3] > 80


def test_what_finds_no_tool_is_nothing_the_shown_applications_do() -> None:
    by_name: dict[str, set[str]] = {}
    asks: dict[str, list[re.Pattern[str]]] = {}
    for entry in apps.entries():
        for name in entry.names:
            by_name.setdefault(name, set()).add(entry.app)
        for ask in entry.asks:
            words = re.split(r"\{\w+\}|\[[^\]]*\]", ask.rstrip(".?"))
            if len("".join(words)) > 15:
                said = ".*".join(map(re.escape, words)) + "[.?]?"
                asks.setdefault(entry.app, []).append(re.compile(said, re.IGNORECASE))
    tried = 0
    for example in draw("everyday_tools", 150):
        shown = {app for name, _ in declared(example) for app in by_name[name]}
        for before, turn in pairwise(example.messages):
            if turn["content"] == NO_TOOL:
                text = str(before["content"])
                assert not any(a.fullmatch(text) for app in shown for a in asks[app])
                tried += any(a.fullmatch(text) for app in asks for a in asks[app])
    assert tried > 40


def test_a_tenth_of_the_scenes_and_applications_is_held_out() -> None:
    kept = {app.app for app in apps.entries() if is_held_out(app.app)}
    assert 0.04 < len(kept) / len({entry.app for entry in apps.entries()}) < 0.2
    names = {n for e in apps.entries() if e.app in kept for n in e.names}
    others = {n for e in apps.entries() if e.app not in kept for n in e.names}
    for held in (True, False):
        for example in draw("everyday_tools", 60, held=held):
            here = {name for name, _ in declared(example)}
            assert here <= (names if held else others)


@pytest.mark.parametrize(
    ("result", "told"),
    [
        ('{"number_of_days": 3}', "The number of days is 3."),
        ('{"guests_so_far": 17}', "The guests so far are 17."),
        ('{"status": "ok"}', "Done."),
        ("kevin@example.io has room.", "kevin@example.io has room."),
        ("how about nine?", "How about nine?"),
        ("the lamp is on", "The lamp is on."),
    ],
)
def test_a_result_is_told_by_rule(result: str, told: str) -> None:
    tell = concepts.plain(lambda s, a: (result, ""))
    assert tell(Source(Random(1)), {}) == (result, told)


@pytest.mark.parametrize(
    "name", ["nonsense", "choice:one", "list:", "int:a-b", "num:3"]
)
def test_a_kind_that_nobody_knows_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="kind of value"):
        kinds.kind(name)
