"""Rendering, beyond the vectors: injection, hand-over and errors."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsagent.encoding import templates
from dsagent.encoding.pieces import template
from dsagent.encoding.render import prompt_text, render
from dsagent.encoding.tokens import (
    ASSISTANT,
    BOS,
    DSML,
    END_THINK,
    EOS,
    LATEST_REMINDER,
    TASK_TOKENS,
    THINK,
    USER,
    ControlToken,
    Piece,
)
from dsagent.errors import InvalidMessages
from tests.encoding.support import quick, v4

EVERY_MARKER = "".join(ControlToken)


def tool(name: str, description: str = "") -> dict[str, Any]:
    parameters = {"type": "object", "properties": {}}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


def call(name: str, arguments: str, call_id: str = "c") -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


@pytest.mark.parametrize(
    ("text", "size", "digest"),
    [
        (templates.TOOLS_BEFORE_TEXT, 890, "c7c9042638154a237b5d1bd48be77237"),
        (templates.TOOLS_AFTER_TEXT, 99, "690702850fe256512cb1ee67c4e436ec"),
        (templates.EFFORT_ABSOLUTE, 476, "f7a24f3b3050d4a83781e9b755b316aa"),
        (templates.EFFORT_BEYOND, 528, "53fb31b8392ec5b4a926481943efc676"),
    ],
    ids=["tools_before", "tools_after", "absolute", "beyond"],
)
def test_templates_are_the_published_bytes(text: str, size: int, digest: str) -> None:
    assert len(text.encode()) == size
    assert hashlib.sha256(text.encode()).hexdigest()[:32] == digest


@pytest.mark.parametrize(
    ("profile", "effort", "tokens"),
    [
        ("preview", None, 0),
        ("preview", "high", 0),
        ("preview", "max", 79),
        ("0731", None, 0),
        ("0731", "low", 0),
        ("0731", "high", 79),
        ("0731", "max", 92),
    ],
)
def test_effort_costs_the_published_tokens(
    profile: templates.Profile, effort: str | None, tokens: int
) -> None:
    messages = [{"role": "user", "content": "Hi"}]

    def prompt(thinking: bool) -> list[int]:
        pieces = render(messages, thinking=thinking, effort=effort, profile=profile)
        return v4().encode(pieces)

    assert len(prompt(True)) == 5 + tokens
    assert len(prompt(False)) == 5, "effort means nothing without thinking"


def _conversation(text: str) -> list[dict[str, Any]]:
    """A conversation that says the text wherever a message can."""
    return [
        {
            "role": "system",
            "content": text,
            "tools": [tool(text, text)],
            "response_format": {"type": "object", "title": text},
        },
        {"role": "latest_reminder", "content": text},
        {"role": "user", "content": text},
        {
            "role": "assistant",
            "reasoning_content": text,
            "content": text,
            "tool_calls": [
                call(text, json.dumps({text: text, "o": {text: [text]}})),
                call("bad", text, "d"),
            ],
        },
        {"role": "tool", "tool_call_id": "c", "content": text},
        {
            "role": "tool",
            "tool_call_id": "d",
            "content": [{"type": "text", "text": text}, {"type": text}],
        },
        {"role": "developer", "content": text},
    ]


@pytest.mark.parametrize("thinking", [False, True])
def test_no_message_text_becomes_control(thinking: bool) -> None:
    """The skeleton of control tokens is the same whatever the messages spell."""
    spoken, silent = (
        render(_conversation(text), thinking=thinking)
        for text in (EVERY_MARKER, "hello")
    )

    def markers(pieces: list[Piece]) -> list[str]:
        return [piece.text for piece in pieces if piece.marker]

    assert markers(spoken) == markers(silent)
    ids = v4().encode(spoken)
    control = [i for i in ids if i in v4().control_ids]
    assert control == [v4().id_of(m) for m in markers(spoken)]
    # Said in 17 places, in one more if reasoning is written: all of it is text.
    assert prompt_text(spoken).count(EVERY_MARKER) == 17 + thinking
    assert v4().decode(ids) == prompt_text(spoken)


@quick
@given(st.text(), st.text())
def test_only_markers_are_marked(system: str, user: str) -> None:
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": user},
    ]
    pieces = render(messages, thinking=True)
    marked = [piece.text for piece in pieces if piece.marker]
    assert marked == [BOS, USER, ASSISTANT, THINK]
    assert prompt_text(pieces) == (f"{BOS}{system}{USER}{user}{ASSISTANT}{THINK}")


def test_template_cuts_at_markers_only() -> None:
    assert template("a<｜User｜>｜DSML｜b") == (
        Piece("a"),
        Piece(USER, True),
        Piece(DSML, True),
        Piece("b"),
    )
    assert template("") == ()


def _prompt(messages: list[dict[str, Any]], **options: Any) -> str:
    return prompt_text(render(messages, **{"thinking": True, **options}))


def test_tool_results_keep_reasoning_only_with_tools() -> None:
    """An agent loop without tools in its request forgets why it called."""
    loop: list[dict[str, Any]] = [
        {"role": "user", "content": "q"},
        {
            "role": "assistant",
            "reasoning_content": "because",
            "tool_calls": [call("f", "{}")],
        },
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]
    assert "because" not in _prompt(loop)
    assert f"{THINK}because{END_THINK}" in _prompt(
        [{"role": "system", "tools": [tool("f")]}, *loop]
    )
    assert f"{THINK}because{END_THINK}" in _prompt(loop, drop_thinking=False)


def test_tools_on_a_user_message_do_not_count() -> None:
    """They are not written, so they must not decide about reasoning either."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "q", "tools": [tool("f")]},
        {"role": "assistant", "content": "a", "reasoning_content": "because"},
        {"role": "user", "content": "q", "tools": [tool("f")]},
    ]
    assert "because" not in _prompt(messages)
    assert "## Tools" not in _prompt(messages)


def test_context_is_not_written_again() -> None:
    """Rendering a conversation in two parts writes the same prompt."""
    start: list[dict[str, Any]] = [
        {"role": "system", "content": "S", "tools": [tool("f")]},
        {"role": "user", "content": "q"},
    ]
    rest: list[dict[str, Any]] = [
        {
            "role": "assistant",
            "reasoning_content": "r",
            "tool_calls": [call("f", "{}", "1"), call("f", '{"a": 1}', "2")],
        },
        {"role": "tool", "tool_call_id": "2", "content": "two"},
        {"role": "tool", "tool_call_id": "1", "content": "one"},
    ]
    whole = _prompt(start + rest)
    assert whole == _prompt(start) + _prompt(rest, context=start)
    assert whole.index("one") < whole.index("two")
    # What the assistant was asked stays in the context, so does the effort prefix.
    assert "Reasoning Effort" not in _prompt(rest, context=start, effort="max")


def test_an_open_turn_has_no_end() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "It is", "wo_eos": True},
    ]
    assert _prompt(messages, thinking=False).endswith(f"{END_THINK}It is")
    messages[1]["wo_eos"] = False
    assert _prompt(messages, thinking=False).endswith(f"It is{EOS}")


@pytest.mark.parametrize("task", TASK_TOKENS)
def test_every_task_has_its_token(task: str) -> None:
    asked = [{"role": "user", "content": "q", "task": task}]
    assert _prompt(asked, thinking=False).endswith(TASK_TOKENS[task])


def test_a_reminder_after_the_question_opens_the_answer_twice() -> None:
    """The released encoder hands over before a reminder; so it must come first."""
    messages = [
        {"role": "user", "content": "q"},
        {"role": "latest_reminder", "content": "d"},
    ]
    assert _prompt(messages) == (f"{BOS}{USER}q{ASSISTANT}{THINK}{LATEST_REMINDER}d")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "robot"}, "message 0 has the role 'robot'"),
        ({"content": "x"}, "message 0 has the role None"),
        ({"role": "user", "content": None}, "user message 0 is NoneType"),
        ({"role": "system", "content": 3}, "content of a system message is int"),
        ({"role": "developer"}, "developer message needs content"),
        (
            {"role": "assistant", "reasoning_content": ["x"]},
            "reasoning_content of a assistant message is list",
        ),
        ({"role": "assistant", "task": "nope"}, "task 'nope'"),
    ],
)
def test_what_cannot_be_written_is_named(message: Any, expected: str) -> None:
    with pytest.raises(InvalidMessages, match=expected):
        render([message], thinking=True)


def test_unknown_options_are_named() -> None:
    with pytest.raises(InvalidMessages, match=r"effort 'ultra'.*'low' or 'high'"):
        render([], thinking=True, effort="ultra", profile="0731")
    with pytest.raises(InvalidMessages, match="unknown profile 'v5'"):
        render([], thinking=True, profile="v5")  # type: ignore[arg-type]


def test_arguments_that_are_no_text_are_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Wrapped as the released encoder does, which nobody wants: say so."""
    message = {"role": "assistant", "tool_calls": [call("f", "{}")]}
    render([message], thinking=False)
    assert not caplog.records
    message["tool_calls"][0]["function"]["arguments"] = {"a": 1}  # type: ignore[index]
    with caplog.at_level(logging.WARNING):
        assert 'name="arguments" string="false">{"a": 1}<' in _prompt([message])
    assert "pass json.dumps(arguments)" in caplog.text
