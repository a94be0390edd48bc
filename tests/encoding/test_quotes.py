"""Quotes in an answer's grammar: exactly the whole words of the texts, verbatim."""

from __future__ import annotations

import functools
import json
import random
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from dsagent.documents import Document, Quote, places_of
from dsagent.encoding.grammar import ToolSpec, turn_grammar
from dsagent.engine import constraint
from dsagent.engine.constraint import GrammarBackend, allocate_mask
from dsagent.errors import DefinitionError
from dsagent.output import InvalidValue, output_of
from dsagent.testing.model import nano_tokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.encoding.grammar import Grammar
    from dsagent.engine.constraint import GrammarConstraint

_SLOW = settings(
    max_examples=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
QUOTE = {"type": "string", "format": "verbatim-quote"}
WORDS = ["ab", "b", "c1_", "né", "कि", "e\u0301"]
SIGNS = [*' \n\t"\\\u2028\x00😀漢<｜/\x7f']
MARKERS = ["<｜DSML｜", "</think>", "<｜end▁of▁sentence｜>", "\\n", '\\"', "\ud800"]
INVISIBLE = " \n\t\u2028\x00"


@functools.cache
def backend() -> GrammarBackend:
    return GrammarBackend(nano_tokenizer())


def grammar_of(schema: Any, *texts: str, **options: Any) -> Grammar:
    options = {"thinking": False, "dsml_id": nano_tokenizer().dsml, **options}
    return turn_grammar(output_schema=schema, quotable=texts, **options)


def start(grammar: Grammar) -> GrammarConstraint:
    return backend().constraint(grammar.source, large=grammar.quotes)


def accepts(grammar: Grammar, text: str) -> bool:
    """Whether a turn may be ``text`` and end there."""
    ids = [*nano_tokenizer().encode_text(text), nano_tokenizer().eos]
    return start(grammar).accept(ids) == len(ids)


def spelled(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


# What is a quote


def units_of(text: str) -> list[str]:
    """The words and signs of a text."""
    units: list[str] = []
    for in_word, chars in groupby(text, _is_letter):
        unit = "".join(chars)
        units += [unit] if in_word else unit
    return units


def _is_letter(char: str) -> bool:
    return (char.isalnum() and char != "漢") or char in "_\u0301ि"


def quotes_of(text: str) -> set[str]:
    """Every quote of ``text``, by writing them all down."""
    units = units_of(text)
    runs = {
        "".join(units[i:j])
        for i in range(len(units))
        for j in range(i + 1, len(units) + 1)
    }
    return {run for run in runs if run[0] not in INVISIBLE and "\ud800" not in run}


TEXTS = st.lists(
    st.sampled_from(WORDS) | st.sampled_from(SIGNS) | st.sampled_from(MARKERS),
    min_size=1,
    max_size=8,
).map("".join)


@example(['ab\nb "c"', "\\n ab"])
@example(["aab ab", "b"])
@given(st.lists(TEXTS, min_size=1, max_size=3))
@_SLOW
def test_exactly_the_quotes_can_be_written(texts: list[str]) -> None:
    expected = set[str]().union(*map(quotes_of, texts))
    if not expected:
        with pytest.raises(DefinitionError, match="no text to quote from"):
            grammar_of(QUOTE, *texts)
        return
    grammar = grammar_of(QUOTE, *texts)
    documents = [Document(f"{i}", text) for i, text in enumerate(texts)]
    # Every stretch of the texts, also those from one into the next.
    whole = "".join(texts)[:40]
    stretches = {
        whole[i:j] for i in range(len(whole)) for j in range(i + 1, len(whole) + 1)
    }
    for text in expected | {s for s in stretches if "\ud800" not in s}:
        assert accepts(grammar, spelled(text)) == (text in expected), text
        assert bool(places_of(text, documents)) == (text in expected), text
    assert not accepts(grammar, '""')


@given(st.lists(TEXTS, min_size=1, max_size=2), st.randoms(use_true_random=False))
@_SLOW
def test_whatever_is_sampled_is_verbatim(
    texts: list[str], chance: random.Random
) -> None:
    expected = set[str]().union(*map(quotes_of, texts))
    if not expected:
        return
    state, tokenizer = start(grammar_of(QUOTE, *texts)), nano_tokenizer()
    ids: list[int] = []
    while not state.done:
        ids.append(chance.choice(allowed(state)))
        assert ids[-1] not in tokenizer.control_ids
        assert state.accept(ids[-1:]) == 1
    assert json.loads(tokenizer.decode(ids)) in expected


def allowed(state: GrammarConstraint) -> list[int]:
    """The ids that may come next."""
    mask = allocate_mask(1, nano_tokenizer().vocab_size)
    state.fill_mask(mask, 0)
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")
    return [int(i) for i in bits.nonzero()[0]]


@pytest.mark.parametrize(
    "text",
    ['"\\u0061b"', '"a\tb"', '"x\\/y"', '"a\nb"', "ab", '"ab', '"a\\u0020b"', '"c"d"'],
)
def test_other_spellings_of_what_is_there(text: str) -> None:
    assert not accepts(grammar_of(QUOTE, 'ab a\tb x/y a\nb a b c"d'), text)


def test_a_cjk_text_is_quoted_by_the_character() -> None:
    grammar = grammar_of(QUOTE, "渡轮九点四十分出发。票价12欧元。")
    for good in ("九点四十分", "票价12欧元。", "12"):
        assert accepts(grammar, spelled(good))
    for bad in ("1", "九点五十分", "票价1"):
        assert not accepts(grammar, spelled(bad))


# Where quotes stand in an answer


class Claim(BaseModel):
    kind: Literal["claim"] = "claim"
    says: str
    source: Quote
    more: Annotated[list[Quote], Field(min_length=1, max_length=2)] = []


class Doubt(BaseModel):
    kind: Literal["doubt"]
    about: Quote | None = None
    below: list[Doubt | Claim] = []


class Report(BaseModel):
    title: str | None = None
    first: tuple[Quote, int] | None = None
    by_name: dict[str, Quote] = {}
    parts: list[Annotated[Claim | Doubt, Field(discriminator="kind")]]


TEXT = 'a b, "c" a1\n{b}: []'
DOCUMENT = Document("d", TEXT)
_QUOTES = st.sampled_from(["a", "a1", "a b", '"c"', "a1\n{b}", "{b}: []", "z"])
_CLAIMS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "kind": st.just("claim"),
        "says": st.sampled_from(["", 'x "y"']),
        "source": _QUOTES,
    },
    optional={"more": st.lists(_QUOTES, min_size=1, max_size=2)},
)
_DOUBTS: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.fixed_dictionaries(
        {"kind": st.just("doubt")}, optional={"about": st.none() | _QUOTES}
    ),
    lambda inner: st.fixed_dictionaries(
        {"kind": st.just("doubt"), "about": _QUOTES},
        optional={"below": st.lists(inner | _CLAIMS, max_size=2)},
    ),
    max_leaves=4,
)
_KEYS = [
    *("title", "first", "by_name"),
    *("kind", "says", "source", "more", "about", "below", "parts"),
]


def _in_order(value: Any) -> Any:
    """With the keys of each object in the order of its type."""
    if isinstance(value, list):
        return list(map(_in_order, value))
    if not isinstance(value, dict):
        return value
    keys = sorted(value, key=lambda key: _KEYS.index(key) if key in _KEYS else 0)
    return {key: _in_order(value[key]) for key in keys}


_REPORTS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"parts": st.lists(_CLAIMS | _DOUBTS, max_size=2)},
    optional={
        "title": st.sampled_from([None, "t"]),
        "first": st.tuples(_QUOTES, st.integers(0, 9)),
        "by_name": st.dictionaries(st.sampled_from(["x", "é"]), _QUOTES),
    },
).map(_in_order)


@functools.cache
def reports() -> tuple[Grammar, Grammar]:
    """The grammar of ``Report``, and the same with strings for quotes."""
    schema = dict(output_of(Report).schema or {})
    plain = json.loads(json.dumps(schema).replace(', "format": "verbatim-quote"', ""))
    assert json.dumps(plain) != json.dumps(schema)
    return grammar_of(schema, TEXT), grammar_of(plain)


def fits(text: str) -> bool:
    try:
        output_of(Report).validate(text, [DOCUMENT])
    except InvalidValue:
        return False
    return True


@given(
    _REPORTS,
    st.sampled_from([None, 0, 2]),
    st.sampled_from([(", ", ": "), (",", ":"), (" ,\n ", " : ")]),
)
@settings(_SLOW, max_examples=150)
def test_an_answer_with_quotes_is_any_answer_with_those_words(
    value: dict[str, Any], indent: int | None, separators: tuple[str, str]
) -> None:
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)
    quoting, plain = reports()
    assert accepts(plain, text)
    assert accepts(quoting, text) == fits(text)


@given(_REPORTS, st.data())
@settings(_SLOW, max_examples=150)
def test_a_damaged_answer_with_quotes(
    value: dict[str, Any], data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=False)
    at = data.draw(st.integers(0, len(text)))
    other = data.draw(st.sampled_from([*'"{}],:1a ', ""]))
    damaged = text[:at] + other + text[at + data.draw(st.integers(0, 2)) :]
    quoting, plain = reports()
    assert accepts(quoting, damaged) == (accepts(plain, damaged) and fits(damaged))


ITEMS = [json.dumps(["a b"] * n) for n in range(6)]


@pytest.mark.parametrize("least", [None, 0, 1, 2, 3])
@pytest.mark.parametrize("most", [None, 0, 1, 3])
def test_a_list_of_quotes_has_its_length(least: int | None, most: int | None) -> None:
    sizes = {"minItems": least, "maxItems": most}
    schema: dict[str, object] = {"type": "array", "items": QUOTE}
    schema |= {key: size for key, size in sizes.items() if size is not None}
    if (least or 0) > (5 if most is None else most):
        return
    grammar = grammar_of(schema, TEXT)
    for n, text in enumerate(ITEMS):
        fits = (least or 0) <= n <= (5 if most is None else most)
        assert accepts(grammar, text) == fits, text


def test_members_are_there_or_not_as_the_schema_says() -> None:
    keys = ["a", "b", "c", "d"]
    for n in range(16):
        required = [key for i, key in enumerate(keys) if n >> i & 1]
        schema: dict[str, object] = {
            "type": "object",
            "properties": dict.fromkeys(keys, QUOTE),
            "required": required,
        }
        grammar = grammar_of(schema, TEXT)
        for m in range(16):
            given = {key: "a b" for i, key in enumerate(keys) if m >> i & 1}
            fits = given.keys() >= set(required)
            assert accepts(grammar, json.dumps(given)) == fits, (given, required)


def test_the_rules_leave_nothing_to_validation() -> None:
    assert reports()[0].notes == ()
    overlapping = {"oneOf": [QUOTE, {"type": "string"}]}
    (note,) = grammar_of(overlapping, TEXT).notes
    assert note.keyword == "oneOf"


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [QUOTE]},
        {**QUOTE, "maxLength": 3},
        {"type": "object", "patternProperties": {"^x": QUOTE}},
        {"type": "object", "properties": {"a": QUOTE}, "additionalProperties": True},
        {"type": "object", "properties": {"a": QUOTE}, "required": ["b"]},
        {"type": "array", "prefixItems": [QUOTE], "items": QUOTE},
    ],
    ids=str,
)
def test_what_the_rules_can_not_hold_is_noted_and_validated(schema: Any) -> None:
    grammar = grammar_of(schema, TEXT)
    assert "format" in {note.keyword for note in grammar.notes}
    text = {"object": '{"x": "%s", "a": "%s", "b": 1}', "array": '["%s"]'}.get(
        schema.get("type", ""), '"%s"'
    )
    output = output_of(schema)
    output.validate(text.replace("%s", "a b"), [DOCUMENT])
    with pytest.raises(InvalidValue, match="is not a 'verbatim-quote'"):
        output.validate(text.replace("%s", "b c"), [DOCUMENT])


def test_quotes_beside_calls_and_behind_thinking() -> None:
    weather = ToolSpec("weather")
    marker = nano_tokenizer()
    call = marker.encode_text("\n\n<")
    grammar = grammar_of(QUOTE, TEXT, tools=[weather], thinking=True)
    thought = [*marker.encode_text('"z"'), marker.end_think]
    for then in (marker.encode_text('"a b"'), [*call, marker.dsml]):
        assert start(grammar).accept([*thought, *then]) == len(thought) + len(then)
    only = grammar_of(QUOTE, TEXT, tools=[weather], tool_choice="required")
    assert not only.quotes
    assert start(only).accept(marker.encode_text('"a')) == 0


@pytest.mark.parametrize("texts", [(), ("",), (" \n", "\t")])
def test_nothing_to_quote_from(texts: Sequence[str]) -> None:
    with pytest.raises(DefinitionError, match="no text to quote from; pass documents"):
        grammar_of(QUOTE, *texts)


# As a constraint


def test_going_back_into_a_quote() -> None:
    tokenizer = nano_tokenizer()
    state = start(grammar_of({"type": "array", "items": QUOTE}, TEXT))
    ids = tokenizer.encode_text('["a b", "\\"c\\" a1\\n{b}"]')
    masks = []
    for token in ids:
        masks.append(allowed(state))
        assert token in masks[-1]
        assert state.accept([token]) == 1
    for n, mask in reversed([*enumerate(masks)]):
        state.rollback(len(ids) - n)
        assert allowed(state) == mask
        wrong = next(i for i in range(tokenizer.vocab_size) if i not in mask)
        assert state.validate([*ids[n:], wrong]) == len(ids) - n
        assert state.accept([wrong]) == 0
        assert state.accept(ids[n:]) == len(ids) - n


def test_runs_share_what_was_compiled_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grammars = GrammarBackend(nano_tokenizer())
    compiled: list[str] = []
    original = grammars._compile

    def compile_(source: str, *rest: Any) -> Any:
        compiled.append(source)
        return original(source, *rest)

    monkeypatch.setattr(grammars, "_compile", compile_)
    sources = [grammar_of(QUOTE, f"a b {n}").source for n in range(5)]
    one, other = (grammars.constraint(sources[0], large=True) for _ in range(2))
    ids = nano_tokenizer().encode_text('"a b')
    assert one.accept(ids) == len(ids)
    assert allowed(other) == allowed(grammars.constraint(sources[0], large=True))
    assert allowed(other) != allowed(one)
    assert compiled == sources[:1]
    # The grammar that was used longest ago goes first.
    for source in (*sources[1:4], sources[0], sources[4], sources[0], sources[1]):
        grammars.constraint(source, large=True)
    assert compiled == [*sources, sources[1]]
    # One that has grown too large is compiled anew; who has it, goes on with it.
    monkeypatch.setattr(constraint, "_WORN", 3)
    grammars.constraint(sources[0], large=True)
    assert compiled == [*sources, sources[1], sources[0]]
    assert one.accept(nano_tokenizer().encode_text(' 0"')) == 3


def test_a_long_text_takes_more_than_the_usual_limits() -> None:
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefgh", k=5)) for _ in range(100_000)]
    grammar = grammar_of(QUOTE, " ".join(words))
    with pytest.raises(DefinitionError, match="can't be compiled"):
        backend().constraint(grammar.source)
    for at in (0, 50_000, 99_980):
        assert accepts(grammar, spelled(" ".join(words[at : at + 20])))
        assert not accepts(grammar, spelled(" ".join(words[at : at + 20 : 2])))
