"""What a run is to do: what somebody asked for, checked, in the form the loop takes.

What must stay true: whatever is wrong with a request is found here, before the loop or
the engine hear of it, so that a task that exists can be run.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from dsagent.approvals import check_decisions
from dsagent.counting import count_tokens
from dsagent.encoding.answers import mentions_quotes
from dsagent.encoding.quotes import is_quotable
from dsagent.errors import DefinitionError, InvalidMessages
from dsagent.messages import System, User, check_messages
from dsagent.options import Limits, RunOptions, check_options
from dsagent.tools.function import Tool, toolbox
from dsagent.transcript import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dsagent.approvals import Approver, Decision
    from dsagent.budget import Clock
    from dsagent.documents import Document
    from dsagent.encoding.templates import Profile
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import GrammarBackend
    from dsagent.engine.request import EngineProtocol, Sampling
    from dsagent.messages import Message, Prompt
    from dsagent.options import ToolChoice
    from dsagent.output import Output
    from dsagent.tools.function import AnyTool

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backend:
    """What a run needs of a loaded model."""

    engine: EngineProtocol
    tokenizer: Tokenizer
    grammars: GrammarBackend
    clock: Clock = time.perf_counter
    name: str = ""
    """What the model is called where runs are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Generic[T]):
    """What a run is to do. All of it is decided before the run starts."""

    messages: tuple[Message, ...]
    begun: tuple[int, ...] = ()
    """Ids of the next turn that an earlier run sampled before it was broken off."""
    setup: Setup
    tools: dict[str, AnyTool]
    tool_choice: str
    """"auto", "none", "required" or a tool's name."""
    output: Output[T]
    """What the answer is to be; its schema is the setup's."""
    sampling: Sampling
    limits: Limits
    priority: int = 0
    deadline: float | None = None
    deps: object = None
    approve: Approver | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    """About the calls that wait at the end of ``messages``."""
    quotable: tuple[Document, ...] = ()
    """What the answer may quote: the documents of all questions, each once. Empty if
    it is to quote nothing."""
    measure: Callable[[], dict[str, int]] = dict
    """Counts the tokens of the prompt's parts; only asked when it doesn't fit."""


def task_of(
    backend: Backend,
    prompt: Prompt,
    output: Output[T],
    options: RunOptions,
    *,
    profile: Profile,
    sampling: Sampling,
) -> Task[T]:
    """Everything checked and in the form the loop takes.

    Args:
        backend: The model's.
        prompt: A question, or a conversation that ends in one.
        output: What the answer is to be.
        options: As they were given.
        profile: How efforts are written for the model.
        sampling: What the run uses if the options don't say.

    Raises:
        InvalidMessages, InvalidDecision, DefinitionError, ValueError, TypeError: what
            was asked for can't be done, or isn't there.
    """
    check_options(options, RunOptions)
    thinking = options.get("thinking", "high")
    check_thinking(thinking)
    box = toolbox(options.get("tools", ()))
    _check_tools(box)
    messages = conversation(prompt, options.get("system"), options.get("documents", ()))
    check_messages(messages)
    approve, decisions = options.get("approve"), dict(options.get("decisions", {}))
    check_decisions(messages, decisions, box, asks=approve is not None)
    specs = tuple(tool.spec for tool in box.values())
    setup = Setup(thinking, specs, profile, output.schema)
    return Task(
        messages=messages,
        setup=setup,
        tools=box,
        tool_choice=_choice(options.get("tool_choice", "auto"), box),
        output=output,
        sampling=options.get("sampling") or sampling,
        limits=options.get("limits") or Limits(),
        priority=options.get("priority", 0),
        deadline=_deadline(options.get("deadline")),
        deps=options.get("deps"),
        approve=approve,
        decisions=decisions,
        quotable=quotable(output, messages),
        measure=lambda: count_tokens(backend.tokenizer, setup, messages).parts(),
    )


def conversation(
    prompt: Prompt, system: str | None, documents: Sequence[Document]
) -> tuple[Message, ...]:
    """What somebody asks as a conversation, documents put to the last question.

    Raises:
        InvalidMessages: there are documents and no question.
    """
    asked = (User(prompt),) if isinstance(prompt, str) else tuple(prompt)
    if documents:
        if not asked or not isinstance(last := asked[-1], User):
            raise InvalidMessages(
                "documents go in front of a question, so the last message must be a "
                "User message"
            )
        last = replace(last, documents=(*documents, *last.documents))
        asked = (*asked[:-1], last)
    return asked if system is None else (System(system), *asked)


def check_thinking(thinking: str) -> None:
    """Hold that there is such a mode.

    Raises:
        ValueError: naming those there are.
    """
    if thinking not in ("off", "low", "high", "max"):
        msg = f"thinking is 'off', 'low', 'high' or 'max', not {thinking!r}"
        raise ValueError(msg)


def quotable(
    output: Output[object], messages: Sequence[Message]
) -> tuple[Document, ...]:
    """What an answer may quote.

    Raises:
        DefinitionError: it is to quote, and there is nothing to quote from, or a quote
            couldn't say where it is from.
    """
    if output.schema is None or not mentions_quotes(output.schema):
        return ()
    asked = (message for message in messages if isinstance(message, User))
    found = dict.fromkeys(document for user in asked for document in user.documents)
    names = [document.name for document in found]
    for name in names:
        if names.count(name) > 1:
            raise DefinitionError(
                f"two documents are called {name!r}, so a Quote could not say which "
                "one it is from; give one of them another name"
            )
    if not any(is_quotable(document.text) for document in found):
        raise DefinitionError(
            "the output has a Quote in it, and there is no document to quote from; "
            "pass documents=[...] with some text in them"
        )
    return tuple(found)


def _check_tools(box: dict[str, AnyTool]) -> None:
    """Hold that no tool takes a quote.

    Raises:
        DefinitionError: naming the one that does.
    """
    for tool in box.values():
        if mentions_quotes(tool.spec.parameters):
            raise DefinitionError(
                f"the tool `{tool.name}` takes a Quote, which is for answers; take a "
                "str, and look for it with Document.find"
            )


def _deadline(seconds: float | None) -> float | None:
    """The deadline, if it can be kept.

    Raises:
        ValueError: it has passed already.
    """
    if seconds is not None and not seconds > 0.0:
        raise ValueError(f"deadline is in seconds from now, above 0, not {seconds}")
    return seconds


def _choice(choice: ToolChoice, box: dict[str, AnyTool]) -> str:
    """The choice by name.

    Raises:
        DefinitionError: it asks for a tool that isn't offered, or for one of none.
    """
    name = choice.name if isinstance(choice, Tool) else choice
    offered = name in box if isinstance(choice, Tool) else name in ("auto", "none")
    if not offered and not (name == "required" and box):
        raise DefinitionError(
            f"tool_choice={name!r} can't be met with the tools "
            f"{', '.join(box) or '(none)'}; it is 'auto', 'none', 'required' or one "
            "of the tools offered"
        )
    return name
