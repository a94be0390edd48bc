"""A conversation as token ids: what the engine reads, kept exact.

Messages become ids by rendering and encoding them, with one exception: what the model
itself has written is never encoded again. Its ids are spliced in as they were sampled,
because the same text has many spellings in tokens (and the same call several spellings
in text), and every difference would make the model read a past that never happened and
throw away the cache from there on.

What must stay true: the prompt of a run's next turn is its last prompt, the ids
sampled then, and newly rendered pieces, so it only ever grows; when the sampled text
is canonical, the splice equals the rendering of the whole conversation; and a message
that was edited after it was sampled is rendered as edited, not replayed.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dsagent.encoding.parse import parse
from dsagent.encoding.pieces import Piece
from dsagent.encoding.render import render
from dsagent.encoding.tokens import END_THINK, THINK
from dsagent.messages import Assistant, System, ToolResult, User

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dsagent.encoding.grammar import ToolSpec
    from dsagent.encoding.templates import Profile
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.messages import Message, ToolCall
    from dsagent.options import ThinkingMode

    Wire = Mapping[str, object]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Setup:
    """What decides, beside the messages, how a conversation is written."""

    thinking: ThinkingMode = "high"
    tools: tuple[ToolSpec, ...] = ()
    profile: Profile = "preview"
    output: Mapping[str, object] | None = None
    """JSON schema of the answer; None: it is free text."""

    @property
    def thinks(self) -> bool:
        return self.thinking != "off"

    @property
    def effort(self) -> str | None:
        """The thinking mode by the name that the weights' generation has for it."""
        if self.thinking == "off" or (self.thinking, self.profile) == (
            "low",
            "preview",
        ):
            return None
        return self.thinking

    @property
    def drops_thinking(self) -> bool:
        """Whether thinking leaves the prompt once there is a new question. With tools
        it never does: it is part of the record that the next turn builds on."""
        return self.thinks and not self.tools


class Transcript:
    """The messages of one run and the prompt of its next turn."""

    def __init__(
        self, tokenizer: Tokenizer, setup: Setup, messages: Sequence[Message]
    ) -> None:
        """Render ``messages``, which ``check_messages`` has passed."""
        self._tokenizer = tokenizer
        self._setup = setup
        self._messages = list(messages)
        self._wire, replays = _wire_form(messages, setup)
        self._ids: list[int] = []
        self._render_all(replays)

    @property
    def messages(self) -> tuple[Message, ...]:
        return tuple(self._messages)

    @property
    def prompt(self) -> tuple[int, ...]:
        """Ids that end where the model's next turn begins."""
        return tuple(self._ids)

    def add(
        self, turn: Assistant, sampled: Sequence[int], results: Sequence[ToolResult]
    ) -> None:
        """Append a turn of the model and the results of its calls.

        Args:
            turn: The turn, ended by itself.
            sampled: Its ids, all of them, in order.
            results: One for each call, in the order of the calls.
        """
        self._messages += [turn, *results]
        self._wire.append(_assistant_wire(turn))
        self._ids += sampled
        self._close_turn()
        new = [_result_wire(result) for result in results]
        self._ids += self._tokenizer.encode(self._render(new, self._wire))
        self._wire += new

    def foresee(
        self,
        turn: Assistant,
        sampled: Sequence[int],
        results: Sequence[ToolResult],
        ending: str,
    ) -> tuple[int, ...]:
        """What the prompt would be after ``add`` if the results that aren't known yet
        were all ``ending``. Changes nothing.

        Args:
            turn: As for ``add``.
            sampled: As for ``add``.
            results: Of the first of its calls, in order.
            ending: A text.
        """
        rest = turn.calls[len(results) :]
        guessed = [ToolResult(call.id, ending, call.name) for call in rest]
        end = () if sampled[-1] == self._tokenizer.eos else (self._tokenizer.eos,)
        new = [_result_wire(result) for result in (*results, *guessed)]
        pieces = self._render(new, [*self._wire, _assistant_wire(turn)])
        return (*self._ids, *sampled, *end, *self._tokenizer.encode(pieces))

    def _render_all(self, replays: Mapping[int, Assistant]) -> None:
        """Write everything, ids where a turn has them and text where not."""
        start = 0
        last_ask = _last_ask(self._wire)
        for index, turn in replays.items():
            sampled = turn.token_ids or ()
            if not still_says(self._tokenizer, turn):
                log.info("an edited turn is encoded anew: %.60r", turn.text)
                continue
            if index <= last_ask and self._seems_last(start, index):
                continue
            pieces = self._render(self._wire[start:index], self._wire[:start])
            keeps = self._setup.thinks and (
                not self._setup.drops_thinking or index > last_ask
            )
            if not keeps and pieces[-1:] == [Piece(THINK, marker=True)]:
                pieces[-1] = Piece(END_THINK, marker=True)
            self._ids += self._tokenizer.encode(pieces)
            self._ids += self._with_thinking(sampled, keeps)
            self._close_turn()
            start = index + 1
        rest = self._render(self._wire[start:], self._wire[:start])
        self._ids += self._tokenizer.encode(rest)

    def _seems_last(self, start: int, index: int) -> bool:
        """Whether a turn from ``start`` on would be written with its thinking if
        nothing were asked from ``index`` on: one with no question behind it."""
        behind = max(start, _last_ask(self._wire[:index]) + 1)
        turns = [m for m in self._wire[behind:index] if m["role"] == "assistant"]
        return self._setup.drops_thinking and bool(turns)

    def _render(self, new: Sequence[Wire], context: Sequence[Wire]) -> list[Piece]:
        return render(
            new,
            thinking=self._setup.thinks,
            effort=self._setup.effort,
            profile=self._setup.profile,
            context=context,
        )

    def _with_thinking(self, sampled: Sequence[int], keeps: bool) -> Sequence[int]:
        """A sampled turn with its thinking in the prompt, or without.

        A turn that was sampled without thinking begins behind the ``</think>`` that
        its prompt ended in; one sampled with thinking contains it.
        """
        marker = self._tokenizer.end_think
        if keeps:
            return sampled if marker in sampled else [marker, *sampled]
        return sampled[sampled.index(marker) + 1 :] if marker in sampled else sampled

    def _close_turn(self) -> None:
        if self._ids[-1] != self._tokenizer.eos:
            self._ids.append(self._tokenizer.eos)


def still_says(tokenizer: Tokenizer, turn: Assistant) -> bool:
    """Whether the ids kept with a turn are what it says; False if it has none."""
    sampled = turn.token_ids
    if not sampled or not all(0 <= i < tokenizer.vocab_size for i in sampled):
        return False
    thinking = tokenizer.end_think in sampled
    read = parse(sampled, thinking=thinking, tokenizer=tokenizer)
    calls = [_call_wire("", call.name, call.arguments) for call in read.tool_calls]
    said = _assistant(read.content, read.reasoning_content, calls)
    return said == _anonymous(_assistant_wire(turn))


def _wire_form(
    messages: Iterable[Message], setup: Setup
) -> tuple[list[Wire], dict[int, Assistant]]:
    """(messages as the renderer takes them, turns with ids by their place in those).

    All system messages become one at the beginning, which also carries the tools and
    the schema of the answer: in the middle the format has no way to write them.
    """
    wire: list[Wire] = []
    replays: dict[int, Assistant] = {}
    texts = [message.text for message in messages if isinstance(message, System)]
    if texts or setup.tools or setup.output is not None:
        system: dict[str, object] = {"role": "system", "content": "\n\n".join(texts)}
        if setup.tools:
            system["tools"] = [spec.as_openai() for spec in setup.tools]
        if setup.output is not None:
            system["response_format"] = setup.output
        wire.append(system)
    for message in messages:
        match message:
            case User():
                wire.append({"role": "user", "content": message.content})
            case ToolResult():
                wire.append(_result_wire(message))
            case Assistant():
                if message.token_ids:
                    replays[len(wire)] = message
                wire.append(_assistant_wire(message))
    return wire, replays


def _assistant_wire(turn: Assistant) -> Wire:
    return _assistant(turn.text, turn.thinking, [_wire_call(c) for c in turn.calls])


def _assistant(content: str, reasoning: str, calls: Sequence[Wire]) -> Wire:
    return {
        "role": "assistant",
        "content": content,
        "reasoning_content": reasoning,
        "tool_calls": list(calls),
    }


def _wire_call(call: ToolCall) -> Wire:
    return _call_wire(call.id, call.name, call.arguments)


def _call_wire(call_id: str, name: str, arguments: str) -> Wire:
    return {"id": call_id, "function": {"name": name, "arguments": arguments}}


def _anonymous(message: Wire) -> Wire:
    """An assistant message without the ids of its calls, which are not in its text."""
    calls = message["tool_calls"]
    assert isinstance(calls, list)
    return {**message, "tool_calls": [{**call, "id": ""} for call in calls]}


def _result_wire(result: ToolResult) -> Wire:
    return {"role": "tool", "tool_call_id": result.call_id, "content": result.text}


def _last_ask(wire: Sequence[Wire]) -> int:
    """Index of the last message that the assistant answers, -1 if there is none."""
    asks = ("user", "tool")
    return max((i for i, m in enumerate(wire) if m["role"] in asks), default=-1)
