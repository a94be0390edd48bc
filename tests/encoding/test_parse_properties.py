"""Properties of parsing: it inverts rendering, and chunking does not exist."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from dsagent.encoding.parse import (
    CallArgument,
    CallBroken,
    CallEnd,
    CallStart,
    ParseEvent,
    Parser,
    coalesce,
    parse,
)
from dsagent.encoding.render import render
from dsagent.encoding.tokens import THINK, ControlToken, Piece
from tests.encoding.support import quick, toy, v4, vectors

if TYPE_CHECKING:
    from dsagent.encoding.tokenizer import Tokenizer

texts = st.lists(
    st.one_of(
        st.text(max_size=5),
        st.sampled_from([str(token) for token in ControlToken]),
        st.sampled_from(
            [
                "<",
                "</",
                "\n",
                "\n\n",
                '"',
                "<｜DSML｜",
                "</｜DSML｜parameter>",
                "{",
                "😀",
            ]
        ),
    ),
    max_size=6,
).map("".join)
names = texts.map(lambda text: text.replace('"', "'") or "f")
numbers = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=4,
)
arguments = st.dictionaries(texts.map(lambda t: t.replace('"', "")), values, max_size=3)
calls = st.lists(st.tuples(names, arguments), max_size=3)


def _completion(
    reasoning: str, content: str, made: list[tuple[str, dict[str, Any]]]
) -> list[Piece]:
    """What the model would have to write for this turn, as pieces."""
    message = {
        "role": "assistant",
        "reasoning_content": reasoning,
        "content": content,
        "tool_calls": [
            {"function": {"name": name, "arguments": json.dumps(given)}}
            for name, given in made
        ],
    }
    question = {"role": "user", "content": "q"}
    pieces = render([question, message], thinking=True, drop_thinking=False)
    start = next(i for i, p in enumerate(pieces) if p == Piece(str(THINK), True))
    return pieces[start + 1 :]


@quick
@given(texts, texts, calls, st.sampled_from([v4, toy]))
def test_parsing_inverts_rendering(
    reasoning: str, content: str, made: list[tuple[str, dict[str, Any]]], which: Any
) -> None:
    """Even for texts that spell markers, since ids tell them apart."""
    tokenizer: Tokenizer = which()
    ids = tokenizer.encode(_completion(reasoning, content, made))
    found = parse(ids, thinking=True, tokenizer=tokenizer)
    assert found.reasoning_content == reasoning
    assert found.content == content
    assert [(call.name, call.arguments) for call in found.tool_calls] == [
        (name, json.dumps(given, ensure_ascii=False)) for name, given in made
    ]
    assert found.warnings == ()
    assert found.finish_reason == ("tool_calls" if made else "stop")


def _mangled(text: str, seed: int) -> str:
    """The text with pieces of it cut out, doubled and moved."""
    random = Random(seed)
    for _ in range(random.randrange(4)):
        a, b = sorted(random.choices(range(len(text) + 1), k=2))
        b = min(b, a + 40)
        part = text[a:b]
        text = text[:a] + text[b:]
        for _ in range(random.randrange(3)):
            at = random.randrange(len(text) + 1)
            text = text[:at] + part + text[at:]
    return text


completions = [vector["completion"] for vector in vectors("decode", "decode_malformed")]


@quick
@given(
    st.sampled_from(completions),
    st.integers(0, 2**32),
    st.sampled_from(["stop", "length"]),
    st.booleans(),
)
def test_no_chunking_changes_the_events(
    completion: str, seed: int, finish: str, thinking: bool
) -> None:
    text = _mangled(completion, seed)
    random = Random(seed)
    whole = _events(text, [], finish, thinking)
    for _ in range(3):
        cuts = sorted(random.choices(range(len(text) + 1), k=random.randrange(9)))
        assert _events(text, cuts, finish, thinking) == whole
    assert _events(text, list(range(len(text))), finish, thinking) == whole
    _check(whole)


def _events(
    text: str, cuts: list[int], finish: str, thinking: bool
) -> list[ParseEvent]:
    parser = Parser(thinking=thinking)
    events: list[ParseEvent] = []
    for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        events += parser.feed(text[start:end])
    return coalesce(events + parser.finish(finish))


def _check(events: list[ParseEvent]) -> None:
    """What holds for any completion, however mangled."""
    written: dict[int, str] = {}
    ended: set[int] = set()
    for event in events:
        if isinstance(event, CallStart):
            assert event.index == len(written)
            assert event.name
            assert ended == set(written), "calls do not overlap"
            written[event.index] = ""
        elif isinstance(event, CallArgument):
            written[event.index] += event.delta
        elif isinstance(event, CallEnd):
            assert isinstance(json.loads(event.arguments), dict)
            assert event.arguments in (written[event.index] + "}", "{}")
            ended.add(event.index)
        elif isinstance(event, CallBroken):
            assert event.arguments == written[event.index]
            ended.add(event.index)
    assert ended == set(written), "every call that starts ends"


@quick
@given(
    st.sampled_from(completions),
    st.integers(0, 2**32),
    st.sampled_from([v4, toy]),
)
def test_no_chunking_of_ids_changes_the_events(
    completion: str, seed: int, which: Any
) -> None:
    """Any ids, also ones that end inside a character or a marker's spelling."""
    from dsagent.encoding.pieces import template

    tokenizer: Tokenizer = which()
    random = Random(seed)
    ids = tokenizer.encode(
        [
            Piece(piece.text, piece.marker and random.random() < 0.9)
            for piece in template(_mangled(completion, seed))
            if not piece.marker or piece.text in tokenizer
        ]
    )
    for _ in range(random.randrange(3)):
        if ids:
            ids.pop(random.randrange(len(ids)))
    whole = Parser(thinking=True, tokenizer=tokenizer)
    single = Parser(thinking=True, tokenizer=tokenizer)
    expected = coalesce(whole.feed_ids(ids) + whole.finish())
    events = [event for token in ids for event in single.feed_ids([token])]
    assert coalesce(events + single.finish()) == expected
    _check(expected)


@quick
@given(texts, texts)
def test_two_parsers_share_nothing(first: str, second: str) -> None:
    """Interleaved streams read as if they were alone."""
    pair = [Parser(thinking=True), Parser(thinking=True)]
    seen: list[list[ParseEvent]] = [[], []]
    for i in range(max(len(first), len(second))):
        seen[0] += pair[0].feed(first[i : i + 1])
        seen[1] += pair[1].feed(second[i : i + 1])
    for text, parser, events in zip((first, second), pair, seen, strict=True):
        alone = Parser(thinking=True)
        expected = coalesce(alone.feed(text) + alone.finish())
        assert coalesce(events + parser.finish()) == expected
