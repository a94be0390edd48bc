"""A second oracle: DeepSeek's own API front end, over generated conversations.

Differences from the released encoder, which this package follows, are left out of
what is generated, by name:

- ``zero_argument_calls``: the front end writes no blank line in an empty call.
- ``strict_tools``: it drops ``strict`` and orders a tool's keys itself.
- ``default_effort``: no effort means ``high`` to it, and profiles are 0731's only.
- ``trailing_assistant``: it appends a header after a finished assistant turn.
- ``chat_reasoning``: with tools it writes past reasoning even in chat mode.
- ``empty_users``: it leaves an empty user message out of a turn that has others.
- ``angle_before_block``: an answer that ends in ``<`` gains a newline before a call.
- ``trimmed_newlines``: its parser trims newlines around reasoning and content.
"""

from __future__ import annotations

import json
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any, Literal

import deepseek_recipe as fe
import pytest

from dsagent.encoding.parse import parse
from dsagent.encoding.render import prompt_text, render
from dsagent.encoding.tokens import THINK, ControlToken, Piece
from tests.encoding.support import v4, v4_file

if TYPE_CHECKING:
    from collections.abc import Sequence

Effort = Literal["low", "high", "max"]
EFFORTS: tuple[Effort, ...] = ("low", "high", "max")
WORDS = (
    *map(str, ControlToken),
    *(
        "hello",
        "the end.",
        " ",
        "\n",
        "\n\n",
        "<",
        "</",
        '"',
        "{",
        "12345",
        "é",
        "中文",
    ),
    *("😀", "｜", "DSML", "<tool_result>", "\\n", "a > b && c", "\t"),
)


@cache
def front_end_tokenizer() -> Any:
    return fe.Tokenizer.from_file(str(v4_file()))


class Conversation:
    """One random conversation, for both encoders.

    Only control tokens, words and JSON in it are random; its order is one that an API
    accepts: an optional system message, then turns that end in a question.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.thinking = self.random.random() < 0.7
        self.effort = self.random.choice(EFFORTS)
        self.tools = [self._tool(i) for i in range(self.random.randrange(3))]
        self.ours: list[dict[str, Any]] = []
        self.theirs: list[Any] = []
        self._add_system()
        for _ in range(self.random.randrange(4)):
            self._add_turn()
        self._add_user()

    def text(self, words: int = 5) -> str:
        return "".join(self.random.choices(WORDS, k=self.random.randrange(words + 1)))

    def value(self, depth: int = 2) -> Any:
        kinds: list[Any] = [None, True, 17, -2.5, 1e21, self.text(), self.text()]
        if depth:
            kinds.append([self.value(depth - 1)])
            kinds.append({self.text(): self.value(depth - 1)})
        return self.random.choice(kinds)

    def _tool(self, index: int) -> dict[str, Any]:
        return {
            "name": f"tool_{index}",
            "description": self.text() or "d",
            "parameters": {"type": "object", "properties": {self.text(): {}}},
        }

    def _add_system(self) -> None:
        if not self.tools and self.random.random() < 0.5:
            return
        content = self.text()
        tools = [{"type": "function", "function": tool} for tool in self.tools]
        self.ours.append({"role": "system", "content": content, "tools": tools})
        self.theirs.append(fe.SystemMessage(content))

    def _add_user(self) -> None:
        content = self.text() or "?"  # empty_users
        self.ours.append({"role": "user", "content": content})
        self.theirs.append(fe.UserMessage(content))

    def _add_turn(self) -> None:
        for _ in range(self.random.choice((1, 1, 2))):
            self._add_user()
        while self.tools and self.random.random() < 0.5:
            self._add_calls()
        self._add_assistant([])

    def _add_assistant(self, calls: Sequence[tuple[str, str, str]]) -> None:
        content = self.text()
        reasoning = self.text() if self.thinking else ""  # chat_reasoning
        self.ours.append(
            {
                "role": "assistant",
                "content": content,
                "reasoning_content": reasoning,
                "tool_calls": [
                    {"id": i, "function": {"name": name, "arguments": arguments}}
                    for i, name, arguments in calls
                ],
            }
        )
        made = [fe.ToolCall(i, name, arguments) for i, name, arguments in calls]
        asked = reasoning if self.thinking else None
        self.theirs.append(fe.AssistantMessage(content, asked, made or None))

    def _add_calls(self) -> None:
        calls = [
            (f"call_{i}", self.random.choice(self.tools)["name"], self._arguments())
            for i in range(self.random.randrange(1, 4))
        ]
        self._add_assistant(calls)
        for call_id, _, _ in self.random.sample(calls, len(calls)):
            content = self.text()
            self.ours.append(
                {"role": "tool", "tool_call_id": call_id, "content": content}
            )
            self.theirs.append(fe.ToolMessage(content, call_id))

    def _arguments(self) -> str:
        count = self.random.randrange(1, 4)  # zero_argument_calls
        return json.dumps({f"p{i}": self.value() for i in range(count)})

    def front_end(self) -> Any:
        return fe.Conversation(
            self.theirs,
            thinking_mode=self.thinking,
            tools=[fe.ToolDefinition(**tool) for tool in self.tools] or None,
            reasoning_effort=self.effort,  # default_effort
        )

    def pieces(self) -> list[Piece]:
        return render(
            self.ours, thinking=self.thinking, effort=self.effort, profile="0731"
        )


@pytest.mark.parametrize("block", range(8))
def test_prompts_and_ids_agree(block: int) -> None:
    encoder = fe.DeepseekV4Encoding().with_tokenizer(front_end_tokenizer())
    for seed in range(block * 50, block * 50 + 50):
        conversation = Conversation(seed)
        pieces = conversation.pieces()
        expected = encoder.render_conversation(conversation.front_end())
        assert prompt_text(pieces) == expected.prompt, f"seed {seed}"
        assert _ranges(pieces) == expected.special_ranges, f"seed {seed}"
        ids = encoder.encode(conversation.front_end())
        assert v4().encode(pieces) == ids, f"seed {seed}"


def _ranges(pieces: list[Piece]) -> list[tuple[int, int]]:
    ranges, start = [], 0
    for piece in pieces:
        if piece.marker:
            ranges.append((start, start + len(piece.text)))
        start += len(piece.text)
    return ranges


def _front_end_reading(ids: list[int]) -> dict[str, Any]:
    request = fe.ConversationRequest(
        fe.Conversation([fe.UserMessage("q")]), fe.ModelVersion.DeepseekV4Pro
    )
    options = fe.ParsingOptions(
        thinking_initial_stage=fe.ThinkingInitialStage.ReasoningContinuation
    )
    generator = fe.ChatCompletionRequest.chunk_generator(request, "id", "m")
    processor = fe.StreamProcessor(generator, options, front_end_tokenizer())
    chunks = processor.push(fe.InferenceChunk.ready())
    chunks += processor.push(fe.InferenceChunk.tokens(ids))
    stop = fe.InferenceChunk.finish(fe.InferenceFinishReason.Stop)
    chunks += processor.push(stop) + processor.finish()
    response = fe.ChatCompletionResponse("id", "m", 0, 0, 0)
    for chunk in chunks:
        response.accumulate(chunk)
    choice = json.loads(response.to_json())["choices"][0]
    message = choice["message"]
    return {
        "reasoning": message.get("reasoning_content") or "",
        "content": message.get("content") or "",
        "calls": [
            (call["function"]["name"], call["function"]["arguments"])
            for call in message.get("tool_calls") or ()
        ],
        "finish_reason": choice["finish_reason"],
    }


@pytest.mark.parametrize("block", range(4))
def test_completions_are_read_alike(block: int) -> None:
    compared = 0
    for seed in range(block * 50, block * 50 + 50):
        for message in Conversation(seed).ours:
            if message["role"] != "assistant":
                continue
            for name in ("reasoning_content", "content"):  # trimmed_newlines
                message[name] = message[name].strip("\n")
            message["content"] = message["content"].rstrip("<\n")  # angle_before_block
            ids = v4().encode(_completion(message))[:-1]
            found = parse(ids, thinking=True, tokenizer=v4())
            assert _front_end_reading(ids) == {
                "reasoning": found.reasoning_content,
                "content": found.content,
                "calls": [(c.name, c.arguments) for c in found.tool_calls],
                "finish_reason": found.finish_reason,
            }, f"seed {seed}"
            assert found.warnings == ()
            compared += 1
    assert compared > 50


def _completion(message: dict[str, Any]) -> list[Piece]:
    question = {"role": "user", "content": "q"}
    pieces = render([question, message], thinking=True, drop_thinking=False)
    return pieces[pieces.index(Piece(str(THINK), True)) + 1 :]


def _rendered(messages: list[Any], **options: Any) -> str:
    conversation = fe.Conversation(messages, **options)
    prompt: str = fe.DeepseekV4Encoding().render_conversation(conversation).prompt
    return prompt


def test_the_named_differences_exist() -> None:
    """What is left out is left out for a reason; if one goes, generate it again."""
    user, low = fe.UserMessage("q"), {"reasoning_effort": "low"}
    empty = fe.AssistantMessage("", "", [fe.ToolCall("c", "f", "{}")])
    loop = [user, empty, fe.ToolMessage("r", "c")]
    assert '"f">\n</｜DSML｜invoke>' in _rendered(loop, **low)  # zero_argument_calls
    strict = fe.ToolDefinition("f", "d", {"type": "object"}, strict=True)
    assert '"strict"' not in _rendered([user], tools=[strict], **low)  # strict_tools
    assert "Absolute maximum" in _rendered([user])  # default_effort
    done = [user, fe.AssistantMessage("a", "r")]
    assert _rendered(done, **low).endswith("<think>")  # trailing_assistant
    chat = _rendered([*done, user], tools=[strict], thinking_mode=False)
    assert "<think>r</think>a" in chat  # chat_reasoning
    pair = _rendered([user, fe.UserMessage("")], **low)
    assert pair.endswith("<｜User｜>q<｜Assistant｜><think>")  # empty_users
    call = {"id": "c", "function": {"name": "f", "arguments": '{"a": 1}'}}
    message = {"role": "assistant", "content": "2 <", "tool_calls": [call]}
    read = _front_end_reading(v4().encode(_completion(message))[:-1])
    assert read["content"] == "2 <\n"  # angle_before_block
    ids = v4().encode(_completion({"role": "assistant", "content": "a\n"}))
    assert parse(ids, thinking=True, tokenizer=v4()).content == "a\n"
    message["content"] = "a\n"
    read = _front_end_reading(v4().encode(_completion(message))[:-1])
    assert read["content"] == "a"  # trimmed_newlines
