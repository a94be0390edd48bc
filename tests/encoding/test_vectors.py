"""The published vectors: prompts, ids, completions and streams of the real model.

They come from running the released encoder, DeepSeek's front end and the released
tokenizer, so they are the definition of right for everything in ``encoding``.
"""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from dsagent.encoding.parse import Parser, coalesce, collect, parse
from dsagent.encoding.render import prompt_text
from dsagent.encoding.tokens import EOS
from dsagent.errors import InvalidMessages
from tests.encoding.support import (
    V4_SHA256,
    as_vector,
    emitted,
    name_of,
    render_vector,
    v4,
    v4_file,
    vectors,
)

Vector = dict[str, Any]


def test_the_tokenizer_is_the_released_one() -> None:
    assert hashlib.sha256(v4_file().read_bytes()).hexdigest() == V4_SHA256


def test_no_kind_of_vector_is_left_out() -> None:
    counts = {
        "encode": 84,
        "encode_error": 9,
        "tokenize_prompt": 2,
        "decode": 19,
        "decode_malformed": 35,
        "stream_prefix": 19,
        "decode_token_ids": 3,
        "tokenize": 6,
        "detokenize_stream": 6,
    }
    assert {kind: len(vectors(kind)) for kind in counts} == counts
    assert len(vectors(*counts)) == sum(counts.values()) == 183


@pytest.mark.parametrize("vector", vectors("encode"), ids=name_of)
def test_encode(vector: Vector) -> None:
    pieces = render_vector(vector)
    assert prompt_text(pieces) == vector["prompt"]
    assert v4().encode(pieces) == vector["prompt_token_ids"]


@pytest.mark.parametrize("vector", vectors("encode_error"), ids=name_of)
def test_encode_error(vector: Vector) -> None:
    if vector["name"] == "bad_thinking_mode":
        with pytest.raises(KeyError, match="auto"):  # a bool cannot be wrong here
            render_vector(vector)
        return
    named = {
        "effort_low_rejected": "effort 'low'",
        "effort_low_rejected_even_in_chat": "effort 'low'",
        "args_json_array": r"JSON list '\[1\]'",
        "args_json_string": "JSON str '\"s\"'",
        "args_json_null": "JSON NoneType 'null'",
        "user_list_content_rejected": "user message 0 is list",
        "unknown_role": "message 0 has the role 'function'",
        "task_invalid": "message 0 has the task 'nope'",
    }
    with pytest.raises(InvalidMessages, match=named[vector["name"]]):
        render_vector(vector)


@pytest.mark.parametrize("vector", vectors("tokenize_prompt"), ids=name_of)
def test_tokenize_prompt_is_safe(vector: Vector) -> None:
    pieces = render_vector(vector)
    assert prompt_text(pieces) == vector["prompt"]
    assert v4().encode(pieces) == vector["safe_token_ids"]
    ranges, start = [], 0
    for piece in pieces:
        if piece.marker:
            ranges.append([start, start + len(piece.text)])
        start += len(piece.text)
    assert ranges == vector["special_ranges_code_points"]


@pytest.mark.parametrize("vector", vectors("tokenize"), ids=name_of)
def test_tokenize(vector: Vector) -> None:
    """Text with its markers flagged has the ids of the full vocabulary."""
    from dsagent.encoding.pieces import template

    assert v4().encode(template(vector["text"])) == vector["token_ids"]
    assert v4().decode(vector["token_ids"]) == vector["text"]


@pytest.mark.parametrize("vector", vectors("detokenize_stream"), ids=name_of)
def test_detokenize_stream(vector: Vector) -> None:
    stream = v4().stream()
    assert [stream.feed(i) for i in vector["token_ids"]] == vector["increments"]
    assert stream.finish() == vector["tail"]
    assert stream.finish() == ""


def _expected(vector: Vector) -> Vector:
    message = vector["message"]
    calls = [call["function"] for call in message["tool_calls"]]
    return {
        "reasoning_content": message["reasoning_content"],
        "content": message["content"],
        "tool_calls": calls,
        "finish_reason": vector["finish_reason"],
    }


@pytest.mark.parametrize("vector", vectors("decode"), ids=name_of)
def test_decode(vector: Vector) -> None:
    thinking = vector["thinking_mode"] == "thinking"
    message = parse(vector["completion"], thinking=thinking)
    assert as_vector(message) == _expected(vector)
    assert message.incomplete_call is None
    assert message.warnings == ()


@pytest.mark.parametrize("vector", vectors("decode", "decode_malformed"), ids=name_of)
def test_decode_at_every_split(vector: Vector) -> None:
    thinking = vector["thinking_mode"] == "thinking"
    finish = vector.get("engine_finish", "stop")
    text = vector["completion"].removesuffix(EOS)
    parser = Parser(thinking=thinking)
    whole = coalesce(parser.feed(text) + parser.finish(finish))
    for cut in range(len(text) + 1):
        parser = Parser(thinking=thinking)
        events = parser.feed(text[:cut]) + parser.feed(text[cut:])
        assert coalesce(events + parser.finish(finish)) == whole, f"cut at {cut}"
    parser = Parser(thinking=thinking)
    events = [event for char in text for event in parser.feed(char)]
    assert coalesce(events + parser.finish(finish)) == whole


@pytest.mark.parametrize("vector", vectors("decode_malformed"), ids=name_of)
def test_decode_malformed(vector: Vector) -> None:
    message = parse(
        vector["completion"],
        thinking=vector["thinking_mode"] == "thinking",
        finish=vector["engine_finish"],
    )
    broken = message.incomplete_call
    assert vector["recommended"] == as_vector(message) | {
        "incomplete_call": broken
        and {"name": broken.name, "arguments": broken.arguments},
        "warnings": list(message.warnings),
    }
    prose = message.reasoning_content + message.content
    assert "<｜DSML｜" not in prose
    assert "</｜DSML｜" not in prose


@pytest.mark.parametrize("vector", vectors("stream_prefix"), ids=name_of)
def test_stream_prefix(vector: Vector) -> None:
    thinking = vector["thinking_mode"] == "thinking"
    assert (
        emitted(Parser(thinking=thinking).feed(vector["prefix"])) == (vector["emitted"])
    )
    parser = Parser(thinking=thinking)
    events = [event for char in vector["prefix"] for event in parser.feed(char)]
    assert emitted(events) == vector["emitted"]


@pytest.mark.parametrize("vector", vectors("decode_token_ids"), ids=name_of)
def test_decode_token_ids(vector: Vector) -> None:
    thinking = vector["thinking_mode"] == "thinking"
    message = parse(vector["token_ids"], thinking=thinking, tokenizer=v4())
    assert as_vector(message) == vector["expected"]
    parser = Parser(thinking=thinking, tokenizer=v4())
    events = [event for i in vector["token_ids"] for event in parser.feed_ids([i])]
    assert as_vector(collect(events + parser.finish())) == vector["expected"]


@pytest.mark.parametrize("vector", vectors("decode"), ids=name_of)
def test_decode_from_real_ids(vector: Vector) -> None:
    """The same completions as the model samples them, one token at a time."""
    from dsagent.encoding.pieces import template

    parser = Parser(thinking=vector["thinking_mode"] == "thinking", tokenizer=v4())
    ids = v4().encode(template(vector["completion"]))
    assert ids[-1] == v4().eos
    events = [event for token in ids for event in parser.feed_ids([token])]
    assert parser.done
    assert as_vector(collect(events + parser.finish())) == _expected(vector)
