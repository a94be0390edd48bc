"""OpenAI-style messages as the renderer needs them: turns, merged and ordered.

The chat format knows no ``tool`` role: a tool's result is a block inside a user turn.
This module turns a message list into the list of turns that are actually written. The
rules are those of the encoder released with the weights, corner cases included,
because the model has only ever seen prompts made by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, cast

from dsagent.encoding.tokens import TASK_TOKENS
from dsagent.errors import InvalidMessages

Message = Mapping[str, object]
Role = Literal["system", "user", "assistant", "developer", "latest_reminder"]
_ROLES = ("system", "user", "assistant", "developer", "latest_reminder")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a user turn: the user's text, or one tool's result."""

    text: str
    is_result: bool = False
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of the prompt. Only a user turn has blocks."""

    role: Role
    message: Message
    blocks: tuple[Block, ...] = ()
    task: str | None = None
    keeps_open: bool = False
    """The turn is a prefix to be continued: no end-of-sentence token."""
    is_context: bool = field(default=False, compare=False)

    @property
    def asks(self) -> bool:
        """Whether the turn is one that the assistant answers."""
        return self.role in ("user", "developer")


def turns_of(messages: Sequence[Message], *, context: Sequence[Message]) -> list[Turn]:
    """Merge tool results and neighbouring users into turns, results in call order.

    Context turns stay apart from new ones: a new tool result or user message never
    joins a turn that has been rendered before.
    """
    old = _merged(context)
    turns = [replace(turn, is_context=True) for turn in old] + _merged(messages)
    return _ordered(turns)


def _merged(messages: Iterable[Message]) -> list[Turn]:
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role = message.get("role")
        if role == "tool":
            _join(turns, _result_block(message), Turn("user", {}))
        elif role == "user":
            _add_user(turns, message, index)
        elif role in _ROLES:
            turns.append(_turn(cast("Role", role), message, index))
        else:
            raise InvalidMessages(
                f"message {index} has the role {role!r}; expected one of "
                f"{', '.join(_ROLES)} or tool"
            )
    return turns


def _turn(role: Role, message: Message, index: int) -> Turn:
    task = message.get("task")
    if task is not None and task not in TASK_TOKENS:
        raise InvalidMessages(
            f"message {index} has the task {task!r}; expected one of "
            f"{', '.join(TASK_TOKENS)}"
        )
    return Turn(
        role,
        message,
        task=str(task) if task is not None else None,
        keeps_open=bool(message.get("wo_eos")),
    )


def _add_user(turns: list[Turn], message: Message, index: int) -> None:
    content = message.get("content", "")
    if not isinstance(content, str):
        raise InvalidMessages(
            f"the content of user message {index} is {type(content).__name__}, "
            "expected a string; join text parts before rendering"
        )
    # A user turn keeps its blocks and its task and nothing else: tools, a response
    # format or ready-made blocks on a user message have no place in the prompt.
    new = replace(_turn("user", message, index), message={})
    if turns and turns[-1].role == "user" and turns[-1].task is not None:
        turns.append(replace(new, blocks=(Block(content),)))
    else:
        _join(turns, Block(content), new)


def _join(turns: list[Turn], block: Block, new: Turn) -> None:
    """Add a block to the user turn at the end, or to a new one."""
    if not turns or turns[-1].role != "user":
        turns.append(new)
    turns[-1] = replace(turns[-1], blocks=(*turns[-1].blocks, block))


def _result_block(message: Message) -> Block:
    content = message.get("content", "")
    call_id = message.get("tool_call_id") or ""
    return Block(_result_text(content), is_result=True, call_id=str(call_id))


def _result_text(content: object) -> str:
    """A result's text; a list of parts keeps its texts and names what it cannot."""
    if not isinstance(content, list):
        return str(content)
    parts = cast("list[Mapping[str, object]]", content)
    return "\n\n".join(
        str(part.get("text", ""))
        if part.get("type") == "text"
        else f"[Unsupported {part.get('type')}]"
        for part in parts
    )


def _ordered(turns: Iterable[Turn]) -> list[Turn]:
    """Sort the results of each user turn into the order of the calls they answer."""
    order: dict[str, int] = {}
    ordered: list[Turn] = []
    for turn in turns:
        if turn.role == "assistant" and (calls := tool_calls(turn.message)):
            order = {_call_id(call): place for place, call in enumerate(calls)}
        ordered.append(replace(turn, blocks=_in_call_order(turn.blocks, order)))
    return ordered


def _in_call_order(
    blocks: tuple[Block, ...], order: Mapping[str, int]
) -> tuple[Block, ...]:
    """Permute results among the slots that hold results; texts do not move.

    A result that answers no known call counts as the first call's.
    """
    results = [block for block in blocks if block.is_result]
    results.sort(key=lambda block: order.get(block.call_id, 0))
    in_order = iter(results)
    return tuple(next(in_order) if block.is_result else block for block in blocks)


def tool_calls(message: Message) -> Sequence[Mapping[str, object]]:
    """The tool calls of an assistant message, none if it has none."""
    return cast("Sequence[Mapping[str, object]]", message.get("tool_calls") or ())


def called_function(call: Mapping[str, object]) -> Mapping[str, object]:
    """The function object of a call; a call written flat is its own."""
    function = call.get("function")
    return cast("Mapping[str, object]", function) if function else call


def _call_id(call: Mapping[str, object]) -> str:
    return str(call.get("id") or called_function(call).get("id") or "")


def offered_tools(message: Message) -> Sequence[Mapping[str, object]]:
    """The tools that a message carries, none if it carries none."""
    return cast("Sequence[Mapping[str, object]]", message.get("tools") or ())
