"""Messages to prompt: the chat template of DeepSeek-V4.

The weights ship no template language file; the encoder published with them is the
definition, and this module writes what it writes, byte for byte (the release's vectors
hold it to that). What must stay true beyond that: every control token is written here
as a marker piece, and nothing that came from a message ever is.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, cast

from dsagent.encoding import templates
from dsagent.encoding.messages import (
    Message,
    Turn,
    called_function,
    offered_tools,
    tool_calls,
    turns_of,
)
from dsagent.encoding.pieces import Piece, prompt_text
from dsagent.encoding.templates import Profile
from dsagent.encoding.tokens import (
    ASSISTANT,
    BOS,
    END_THINK,
    EOS,
    LATEST_REMINDER,
    TASK_TOKENS,
    THINK,
    USER,
)
from dsagent.errors import InvalidMessages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_log = logging.getLogger(__name__)

__all__ = ["Profile", "prompt_text", "render"]


def render(
    messages: Sequence[Message],
    *,
    thinking: bool,
    effort: str | None = None,
    profile: Profile = "preview",
    drop_thinking: bool = True,
    add_bos: bool = True,
    context: Sequence[Message] = (),
) -> list[Piece]:
    """Write a conversation as the model reads it, ready for its next turn.

    Args:
        messages: OpenAI-style messages. Also understood: ``reasoning_content``,
            ``task`` and ``wo_eos`` (leave the last turn open to be continued) on
            assistant messages, ``tools`` and ``response_format`` (a JSON schema) on
            system messages, and the roles ``developer`` and ``latest_reminder``.
        thinking: Whether the model reasons before it answers.
        effort: How hard it should think; which values exist depends on ``profile``.
        profile: The generation of the weights.
        drop_thinking: Leave the reasoning of finished turns out. Only honoured when no
            message offers tools: with tools, reasoning is part of the record.
        add_bos: Whether the prompt starts with the begin-of-sentence token.
        context: Messages rendered earlier, which decide how these are rendered but
            are not written again.

    Raises:
        InvalidMessages: A message or option that the format has no way to write.
    """
    opening = _effort_text(effort, profile)
    turns = turns_of(messages, context=context)
    drop = drop_thinking and not any(offered_tools(turn.message) for turn in turns)
    if thinking and drop:
        turns = _without_old_reasoning(turns)
    writer = _Writer(turns, thinking=thinking, drop=drop)
    if add_bos and not context:
        writer.mark(BOS)
    if thinking and turns and not turns[0].is_context:
        writer.text(opening)
    for index, turn in enumerate(turns):
        if not turn.is_context:
            writer.turn(index)
    return writer.pieces


def dump_json(value: object) -> str:
    """JSON as the prompt spells it: received key order, spaces, characters kept."""
    return json.dumps(value, ensure_ascii=False)


def _effort_text(effort: str | None, profile: Profile) -> str:
    try:
        efforts = templates.EFFORTS[profile]
    except KeyError:
        raise InvalidMessages(
            f"unknown profile {profile!r}; expected {_choices(templates.EFFORTS)}"
        ) from None
    try:
        return efforts[effort]
    except KeyError:
        raise InvalidMessages(
            f"effort {effort!r} does not exist in the {profile} profile; "
            f"expected {_choices(efforts)}"
        ) from None


def _choices(names: Iterable[str | None]) -> str:
    return " or ".join(repr(name) for name in names)


def _last_ask(turns: Sequence[Turn]) -> int:
    """Index of the last turn that the assistant answers, -1 if there is none."""
    return max((i for i, turn in enumerate(turns) if turn.asks), default=-1)


def _without_old_reasoning(turns: Sequence[Turn]) -> list[Turn]:
    """Drop developer turns before the last question; reasoning goes in writing."""
    last = _last_ask(turns)
    return [t for i, t in enumerate(turns) if i >= last or t.role != "developer"]


class _Writer:
    """Collects the pieces of one prompt."""

    def __init__(self, turns: Sequence[Turn], *, thinking: bool, drop: bool) -> None:
        self.pieces: list[Piece] = []
        self._turns = turns
        self._thinking = thinking
        self._drop = drop
        self._last = _last_ask(turns)

    def mark(self, token: str) -> None:
        self.pieces.append(Piece(str(token), marker=True))

    def text(self, text: str) -> None:
        if text:
            self.pieces.append(Piece(text))

    def turn(self, index: int) -> None:
        turn = self._turns[index]
        if turn.role == "user":
            self._user(turn)
        elif turn.role == "assistant":
            self._assistant(index)
        elif turn.role == "latest_reminder":
            self.mark(LATEST_REMINDER)
            self.text(_content(turn))
        else:
            self._instructions(turn)
        self._transition(index)

    def _user(self, turn: Turn) -> None:
        self.mark(USER)
        self.text(
            "\n\n".join(
                f"<tool_result>{block.text}</tool_result>"
                if block.is_result
                else block.text
                for block in turn.blocks
            )
        )

    def _instructions(self, turn: Turn) -> None:
        content = _content(turn)
        if turn.role == "developer":
            if not content:
                raise InvalidMessages("a developer message needs content")
            self.mark(USER)
        self.text(content)
        if tools := offered_tools(turn.message):
            self._tools(tools)
        if (schema := turn.message.get("response_format")) is not None and schema:
            self.text("\n\n" + templates.RESPONSE_FORMAT_TEXT + dump_json(schema))

    def _tools(self, tools: Iterable[Mapping[str, object]]) -> None:
        self.text("\n\n")
        self.pieces += templates.TOOLS_BEFORE
        self.text("\n".join(dump_json(called_function(tool)) for tool in tools))
        self.text(templates.TOOLS_AFTER_TEXT)

    def _assistant(self, index: int) -> None:
        turn = self._turns[index]
        after_task = index > 0 and self._turns[index - 1].task is not None
        current = not self._drop or index > self._last
        if self._thinking and current and not after_task:
            self.text(_text_field(turn.message, "reasoning_content"))
            self.mark(END_THINK)
        self.text(_content(turn))
        if calls := tool_calls(turn.message):
            self._calls(calls)
        if not turn.keeps_open:
            self.mark(EOS)

    def _calls(self, calls: Iterable[Mapping[str, object]]) -> None:
        self.pieces += templates.CALLS_OPEN
        for index, call in enumerate(calls):
            self.text("\n" if index else "")
            function = called_function(call)
            self.pieces += templates.INVOKE_OPEN
            self.text(f'{function.get("name")}">\n')
            self._parameters(_arguments(function))
            self.pieces += templates.INVOKE_CLOSE
        self.pieces += templates.CALLS_CLOSE

    def _parameters(self, arguments: Mapping[str, object]) -> None:
        for index, (key, value) in enumerate(arguments.items()):
            self.text("\n" if index else "")
            self.pieces += templates.PARAMETER_OPEN
            if isinstance(value, str):
                self.text(f'{key}" string="true">{value}')
            else:
                self.text(f'{key}" string="false">{dump_json(value)}')
            self.pieces += templates.PARAMETER_CLOSE

    def _transition(self, index: int) -> None:
        """Hand over to the assistant, if it is the assistant's turn."""
        following = self._turns[index + 1 : index + 2]
        if following and following[0].role not in ("assistant", "latest_reminder"):
            return
        turn = self._turns[index]
        opens = self._thinking and (not self._drop or index >= self._last)
        if turn.task is not None and turn.task != "action":
            self.mark(TASK_TOKENS[turn.task])
        elif turn.task is not None:
            self.mark(ASSISTANT)
            self.mark(THINK if self._thinking else END_THINK)
            self.mark(TASK_TOKENS[turn.task])
        elif turn.asks:
            self.mark(ASSISTANT)
            self.mark(THINK if opens else END_THINK)


def _content(turn: Turn) -> str:
    return _text_field(turn.message, "content")


def _text_field(message: Message, name: str) -> str:
    value = message.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidMessages(
            f"{name} of a {message.get('role')} message is {type(value).__name__}, "
            "expected a string"
        )
    return value


def _arguments(function: Mapping[str, object]) -> Mapping[str, object]:
    """A call's arguments by name; text that is no JSON becomes one of its own.

    Arguments are JSON *text*. A mapping is not, and the released encoder wraps it like
    any other value: a prompt that teaches the model to wrap its own arguments.
    """
    raw = function.get("arguments")
    if not isinstance(raw, str):
        _log.warning(
            "the arguments of a call of %r are %s, not JSON text, and will be wrapped "
            "in a parameter named 'arguments'; pass json.dumps(arguments)",
            function.get("name"),
            type(raw).__name__,
        )
    try:
        value = json.loads(cast("str", raw))
    except (TypeError, ValueError):
        return {"arguments": raw}
    if not isinstance(value, dict):
        raise InvalidMessages(
            f"the arguments of a call of {function.get('name')!r} are the JSON "
            f"{type(value).__name__} {raw!r}; expected an object"
        )
    return cast("dict[str, object]", value)
