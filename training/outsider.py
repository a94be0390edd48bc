"""An exam that somebody else wrote: ``outsider.json``.

Whoever wrote it knew what nano is for and nothing of how it is taught: ordinary
requests for tools, pages of prose and forms, in their own words. The other questions
are drawn by the generator that training draws from, with a tenth of its words and
phrasings held out; these say what that is worth to somebody who just asks.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from dsagent.documents import Document, with_documents
from training.cases import MODES, Case, turn_of
from training.data.talk import NO_TOOL, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from training.cases import Call, Manner
    from training.data.talk import Message

EXAM = Path(__file__).with_name("outsider.json")


class Request(TypedDict):
    """A message, the tools it comes with, and the calls it means: none if none fits."""

    tools: list[dict[str, object]]
    asked: str
    calls: NotRequired[list[Call]]


class Question(TypedDict):
    """A question: what its answer has to hold and what it must not, or `unknown`."""

    asked: str
    values: NotRequired[list[str]]
    others: NotRequired[list[str]]
    unknown: NotRequired[bool]


class Page(TypedDict):
    """A document and what is asked about it."""

    name: str
    text: str
    questions: list[Question]


class Form(TypedDict):
    """A schema, a text to fill it from, the object that comes of it."""

    schema: dict[str, object]
    asked: str
    answer: dict[str, object]


class Exam(TypedDict):
    """The file."""

    calls: list[Request]
    no_tool: list[Request]
    documents: list[Page]
    forms: list[Form]


def read() -> Exam:
    """The file, as it is."""
    exam: Exam = json.loads(EXAM.read_text(encoding="utf-8"))
    return exam


def outsider(mode: str) -> list[Case]:
    """All of it, asked in one of the modes."""
    exam = read()
    made = [_request(mode, entry) for entry in (*exam["calls"], *exam["no_tool"])]
    made += [case for page in exam["documents"] for case in _page(mode, page)]
    made += [_form(mode, entry) for entry in exam["forms"]]
    return made


def _request(mode: str, entry: Request) -> Case:
    calls = entry.get("calls", [])
    tools = [{"type": "function", "function": tool} for tool in entry["tools"]]
    messages: tuple[Message, ...] = (
        {"role": "system", "content": "", "tools": tools},
        {"role": "user", "content": entry["asked"]},
    )
    skill = ("no_tool", "call", "calls")[min(len(calls), 2)]
    turn = turn_of("" if calls else NO_TOOL, calls)
    return _case(mode, skill, "calls" if calls else "exact", messages, turn)


def _page(mode: str, page: Page) -> Iterator[Case]:
    document = Document(page["name"], page["text"])
    for question in page["questions"]:
        asked = with_documents(question["asked"], [document])
        messages: tuple[Message, ...] = ({"role": "user", "content": asked},)
        values = question.get("values", ())
        if question.get("unknown"):
            yield _case(mode, "unknown", "exact", messages, turn_of(UNKNOWN))
        else:
            turn, others = turn_of(", ".join(values)), question.get("others", ())
            yield _case(mode, "document", "value", messages, turn, values, others)


def _form(mode: str, form: Form) -> Case:
    messages: tuple[Message, ...] = (
        {"role": "system", "content": "", "response_format": form["schema"]},
        {"role": "user", "content": form["asked"]},
    )
    answer = json.dumps(form["answer"], ensure_ascii=False)
    return _case(mode, "schema", "json", messages, turn_of(answer))


def _case(
    mode: str,
    skill: str,
    manner: Manner,
    messages: tuple[Message, ...],
    expected: Message,
    values: Sequence[str] = (),
    others: Sequence[str] = (),
) -> Case:
    thinking, effort = MODES[mode]
    return Case(
        *(f"outsider {mode} {skill}", messages, manner, thinking, effort, expected),
        values=tuple(values),
        others=tuple(others),
    )
