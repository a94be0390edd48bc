"""Messages: values that survive JSON, and conversations that can be continued."""

from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsagent.documents import Document
from dsagent.errors import InvalidMessages
from dsagent.messages import (
    Assistant,
    Message,
    Part,
    System,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    User,
    check_messages,
    messages_from_json,
    messages_to_json,
)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, TEXTS),
    st.builds(Thinking, TEXTS),
    st.builds(ToolCall, TEXTS, TEXTS, TEXTS),
)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(System, TEXTS),
    st.builds(User, TEXTS),
    st.builds(User, TEXTS, documents=st.just((Document("a", "b", pages=(0, 1)),))),
    st.builds(
        Assistant,
        st.lists(PARTS, max_size=3).map(tuple),
        st.none() | st.lists(st.integers(0, 129_279), max_size=4).map(tuple),
    ),
    st.builds(
        ToolResult, TEXTS, TEXTS, TEXTS, st.sampled_from(["ok", "timeout", "refused"])
    ),
)

CALL = ToolCall("call_1", "search", '{"q": "x"}')
ASKED = Assistant((Thinking("hm"), Text("One "), Text("moment."), CALL))


@given(st.lists(MESSAGES, max_size=4).map(tuple))
def test_json_reads_back_equal(messages: tuple[Message, ...]) -> None:
    assert messages_from_json(messages_to_json(messages)) == messages


def test_json_is_what_it_looks_like() -> None:
    text = messages_to_json([User("Hi"), Assistant((CALL,), (5, 1))])
    assert json.loads(text) == [
        {"text": "Hi", "kind": "user"},
        {
            "parts": [
                {
                    "id": "call_1",
                    "name": "search",
                    "arguments": '{"q": "x"}',
                    "kind": "call",
                }
            ],
            "token_ids": [5, 1],
            "kind": "assistant",
        },
    ]


def test_half_a_character_is_written_as_the_model_reads_it() -> None:
    half, whole = "hi \ud83d", "\ud83d\ude00"
    asked = User(half, documents=(Document("a", half),))
    read = User("hi \ufffd", documents=(Document("a", "hi \ufffd"),))
    text = messages_to_json([asked, Assistant((Text(whole),))])
    assert text.encode().decode() == text
    assert messages_from_json(text) == (read, Assistant((Text("😀"),)))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("nope", "the whole text"),
        ('[{"kind": "user"}]', r"0\.user\.text: Field required"),
        ('[{"kind": "robot", "text": ""}]', "at 0"),
        ('[{"kind": "user", "text": "a", "color": 1}]', r"0\.user\.color"),
        (
            '[{"kind": "user", "text": "a", "documents": [{"name": "", "text": ""}]}]',
            "holds no conversation: a document's name",
        ),
    ],
)
def test_bad_json_is_named(text: str, where: str) -> None:
    with pytest.raises(InvalidMessages, match=where):
        messages_from_json(text)


def test_messages_are_frozen_and_match_by_position() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        User("a").text = "b"  # type: ignore[misc]
    match ToolResult("call_1", "ok"):
        case ToolResult(call_id, text):
            assert (call_id, text) == ("call_1", "ok")


def test_an_assistant_message_reads_by_kind() -> None:
    assert ASKED.text == "One moment."
    assert ASKED.thinking == "hm"
    assert ASKED.calls == (CALL,)
    assert CALL.values() == {"q": "x"}


RESULT = ToolResult("call_1", "found")
OTHER = ToolCall("call_2", "search")


@pytest.mark.parametrize(
    "messages",
    [
        [User("a")],
        [System("s"), User("a"), User("b")],
        [User("a"), ASKED, RESULT],
        [User("a"), ASKED, RESULT, User("b")],
        [User("a"), ASKED, RESULT, Assistant((Text("done"),)), User("b")],
        [
            User("a"),
            Assistant((CALL, OTHER)),
            ToolResult("call_2", "y"),
            RESULT,
        ],
    ],
)
def test_conversations_that_can_go_on(messages: list[Message]) -> None:
    check_messages(messages)


@pytest.mark.parametrize(
    ("messages", "fault"),
    [
        ([], "no messages"),
        ([System("s")], "nothing to answer"),
        ([User("a"), Assistant((Text("b"),))], "ends in a Assistant message"),
        (
            [User("a"), ASKED, User("b")],
            r"'call_1' of search has no result before message 2; add ToolResult\('call",
        ),
        ([User("a"), ASKED], "no result at the end"),
        (
            [User("a"), Assistant((CALL, OTHER)), RESULT, User("b")],
            "the call 'call_2' of search has no result before message 3",
        ),
        ([User("a"), RESULT], "message 1 is the result of the call 'call_1'"),
        ([User("a"), ASKED, RESULT, RESULT], "message 3 is the result"),
        (
            [User("a"), ASKED, RESULT, ASKED, RESULT],
            "message 3 has a second call with the id 'call_1'",
        ),
        ([{"role": "user", "content": "a"}], "message 0 is dict, expected System"),
    ],
)
def test_conversations_that_can_not(messages: list[Message], fault: str) -> None:
    with pytest.raises(InvalidMessages, match=fault):
        check_messages(messages)
