"""Questions with known answers: what nano is examined on, and how an answer is marked.

A `Case` is a conversation up to one turn of the assistant and what that turn has to
be. Conversations are drawn as for training, but from the words and phrasings held out
from it. What must stay true: marking looks at the parsed turn only, never at how the
model came to it, and a turn that the model didn't end itself is wrong.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Literal, cast

from training.data.mix import Stage, make
from training.data.talk import NO_TOOL, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dsagent.encoding.parse import ParsedMessage
    from training.data.talk import Example, Message

Manner = Literal["calls", "value", "exact", "json"]
"""How a turn is marked: calls and arguments equal; the values in it and no others;
the text equal; the JSON equal."""
HeldOut = Literal["all", "words", "nothing"]
"""What training never sees: words, names and phrasings; words and names; nothing, as in
the conversations it is taught with."""
Call = tuple[str, dict[str, object]]

LENGTHS = (100, 512, 2048, 4096, 8192, 16384)
"""Sizes of the documents asked about, in tokens."""
MODES: dict[str, tuple[bool, str | None]] = {
    "off": (False, None),
    "high": (True, "high"),
    "max": (True, "max"),
}
_MODE_SKILLS = ("call", "document", "talk", "no_tool", "schema", "lookup")
_SLACK = 0.15
"""How far a document may be from the size wanted."""


@dataclass(frozen=True, slots=True)
class Case:
    """One question."""

    row: str
    """The row of the table it counts in."""
    messages: tuple[Message, ...]
    """Everything before the turn."""
    manner: Manner
    thinking: bool
    effort: str | None
    expected: Message
    """The turn as the data would have it."""
    values: tuple[str, ...] = ()
    """What the answer must contain, for the manner "value"."""
    others: tuple[str, ...] = ()
    """What it must not contain."""

    @property
    def text(self) -> str:
        """The expected answer."""
        return str(self.expected["content"])

    @property
    def calls(self) -> list[Call]:
        """The expected calls."""
        return calls_of(self.expected)

    def right(self, said: ParsedMessage) -> bool:
        """Whether the answer is the expected one, whatever was thought before it."""
        if said.finish_reason not in ("stop", "tool_calls") or said.incomplete_call:
            return False
        if self.manner == "calls":
            return _read_calls(said) == self.calls
        if said.tool_calls:
            return False
        if self.manner == "json":
            return _same_json(said.content, self.text)
        if self.manner == "exact":
            return said.content.strip() == self.text.strip()
        return all(_holds(said.content, value) for value in self.values) and not any(
            _holds(said.content, other) for other in self.others
        )


def well_formed(case: Case, said: ParsedMessage) -> bool:
    """Whether the turn has the parts of its mode: a thought if and only if it thinks,
    then an answer or calls, and an end."""
    answered = bool(said.content.strip() or said.tool_calls)
    ended = said.finish_reason in ("stop", "tool_calls")
    thought = bool(said.reasoning_content.strip())
    return answered and ended and thought == case.thinking and not said.warnings


def turn_of(text: str = "", calls: Sequence[Call] = ()) -> Message:
    """An OpenAI-style assistant message; `calls_of` reads its calls back."""
    return {
        "role": "assistant",
        "content": text,
        "tool_calls": [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for index, (name, arguments) in enumerate(calls, 1)
        ],
    }


def calls_of(message: Message) -> list[Call]:
    """(name, arguments) of the calls of an OpenAI-style assistant message."""
    calls = cast("list[dict[str, dict[str, str]]]", message.get("tool_calls") or [])
    return [
        (call["function"]["name"], json.loads(call["function"]["arguments"]))
        for call in calls
    ]


def _read_calls(said: ParsedMessage) -> list[Call] | None:
    try:
        return [(call.name, json.loads(call.arguments)) for call in said.tool_calls]
    except ValueError:
        return None


def _same_json(said: str, expected: str) -> bool:
    try:
        return bool(json.loads(said) == json.loads(expected))
    except ValueError:
        return False


def _holds(text: str, value: str) -> bool:
    """Whether `value` stands in `text` as a word of its own, in any case."""
    pattern = rf"(?<!\w){re.escape(value)}(?!\w|[.,]\d)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def cases(
    skill: str,
    n: int,
    seed: int,
    *,
    tokens: int | None = None,
    count: Callable[[str], int] | None = None,
    held_out: HeldOut = "all",
) -> list[Case]:
    """`n` cases of one row.

    Args:
        skill: "call", "calls", "no_tool", "results", "chain", "document", "quote",
            "unknown", "schema", "lookup", "copy", "talk", "everyday_tools",
            "everyday_form", "everyday_document", "mode off", "mode high" or "mode max".
        n, seed: How many, and which.
        tokens: For the three about documents: the size of the document.
        count: Tokens of a text; characters / 3 if not given.
        held_out: What of them training never sees.
    """
    count = count or (lambda text: len(text) // 3)
    made: list[Case] = []
    drawn = 0
    while len(made) < n:
        rng = Random(f"{seed} {skill} {tokens} {drawn}")
        drawn += 1
        if drawn > 1000 * (n + 1):
            msg = f"the data holds no case of {skill!r}"
            raise ValueError(msg)
        if skill.startswith("mode "):
            case = _in_mode(rng, skill, drawn, held_out)
        elif skill in ("document", "quote", "unknown"):
            case = _about_document(rng, skill, tokens, count, held_out)
        else:
            case = _at(rng, skill, held_out)
        if case is not None:
            made.append(case)
    return made


def _draw(rng: Random, skill: str, stage: Stage, held_out: HeldOut) -> Example:
    return make(
        rng,
        skill,
        stage,
        held=held_out != "nothing",
        seen_phrasings=held_out == "words",
    )


def _at(rng: Random, skill: str, held_out: HeldOut) -> Case | None:
    """The turn of a fresh conversation that `skill` is about."""
    source = {"results": rng.choice(("call", "call", "calls"))}.get(skill, skill)
    example = _draw(rng, source, Stage(), held_out)
    turns = [i for i, m in enumerate(example.messages) if m["role"] == "assistant"]
    after = [i for i in turns if example.messages[i - 1]["role"] == "tool"]
    places = after if skill in ("results", "chain") else turns
    if not places:
        return None
    case = _case(example, places[0], skill)
    if skill in ("call", "calls"):
        wanted = 1 if skill == "call" else 2
        return case if len(case.calls) >= wanted else None
    if skill == "chain":
        return case if case.calls else None
    return case


def _in_mode(rng: Random, row: str, drawn: int, held_out: HeldOut) -> Case | None:
    """A case of any skill, asked in one mode."""
    case = _at(rng, _MODE_SKILLS[drawn % len(_MODE_SKILLS)], held_out)
    return case and in_mode(replace(case, row=row), row.removeprefix("mode "))


def in_mode(case: Case, mode: str) -> Case:
    """`case` asked in the mode "off", "high" or "max", whatever it was drawn in."""
    thinking, effort = MODES[mode]
    expected = {k: v for k, v in case.expected.items() if k != "reasoning_content"}
    return replace(case, thinking=thinking, effort=effort, expected=expected)


def _about_document(
    rng: Random,
    kind: str,
    tokens: int | None,
    count: Callable[[str], int],
    held_out: HeldOut,
) -> Case | None:
    """A question about a document of about `tokens`, of the kind asked for."""
    state = rng.getstate()
    facts = max(1, (tokens or 100) // 18)
    for _ in range(4):
        rng.setstate(state)
        stage = Stage(sentences=(facts, facts))
        example = _draw(rng, "long", stage, held_out)
        first = next(m for m in example.messages if m["role"] == "user")
        size = count(str(first["content"]))
        if tokens is None or abs(size - tokens) <= _SLACK * tokens:
            break
        facts = max(1, round(facts * tokens / size))
    else:
        return None
    place = next(i for i, m in enumerate(example.messages) if m["role"] == "assistant")
    case = _case(example, place, kind if tokens is None else f"{kind} {tokens}")
    drawn = "document"
    if case.text == UNKNOWN:
        drawn = "unknown"
    elif case.text in case.values and case.text[-1:] == ".":
        drawn = "quote"
    return case if drawn == kind else None


def _case(example: Example, place: int, row: str) -> Case:
    """The turn at `place` as a case."""
    messages, expected = tuple(example.messages[:place]), example.messages[place]
    before = sum(m["role"] == "assistant" for m in messages)
    value = example.answers[before]
    text = str(expected["content"])
    manner: Manner = "value"
    values: tuple[str, ...] = (value,)
    if expected.get("tool_calls"):
        manner = "calls"
    elif example.skill in ("schema", "everyday_form"):
        manner = "json"
    elif text in (UNKNOWN, NO_TOOL) or example.skill in ("talk", "no_tool", "copy"):
        manner = "exact"
    elif not value:
        values = _told(messages, text)
        manner = "value" if values else "exact"
    others: tuple[str, ...] = ()
    if manner != "value":
        values = ()
    else:
        others = _others(example, text, str(messages[-1]["content"]))
    return Case(
        row=row,
        messages=messages,
        manner=manner,
        thinking=example.thinking,
        effort=example.effort,
        expected=expected,
        values=values,
        others=others,
    )


def _told(messages: tuple[Message, ...], text: str) -> tuple[str, ...]:
    """The words of an answer that only the results of the tools can have told."""
    last = max(i for i, m in enumerate(messages) if m["role"] == "user")
    asked = str(messages[last]["content"])
    results = " ".join(str(m["content"]) for m in messages[last + 1 :])
    words = dict.fromkeys(re.findall(r"[\w-]+(?:[.,:@/][\w-]+)*", text))
    return tuple(w for w in words if _holds(results, w) and not _holds(asked, w))


def _others(example: Example, text: str, prompt: str) -> tuple[str, ...]:
    """The wrong values at hand. The data lists them for the last question only, so
    the other turns' answers join them; what the answer or question holds can't count.
    """
    question = prompt.rsplit("[file content end]", 1)[-1] if "[file" in prompt else ""
    known = dict.fromkeys((*example.others, *example.answers))
    return tuple(
        other
        for other in known
        if other
        and other != UNKNOWN
        and not _holds(text, other)
        and not _holds(other, text)
        and not _holds(question, other)
    )
