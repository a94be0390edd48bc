"""Chats as files: versioned JSON that holds a conversation whole.

Token ids are kept, so that a loaded chat is replayed exactly as it was sampled. Tools
and ``deps`` are code and stay with the program; the file has the tools' names, so that
it can be told when one is missing. What must stay true: a file is written whole or not
at all; whatever is wrong with one is an error that names it; and what comes out of one
is a conversation that can go on.

The version goes up when an older reader would misread a file. A reader refuses what it
doesn't know.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeAlias

from pydantic import ConfigDict, TypeAdapter, ValidationError

from dsagent.documents import Document  # noqa: TC001  (pydantic reads the hints)
from dsagent.encoding import jsontext
from dsagent.engine.files import replacing
from dsagent.errors import (
    ChatFileError,
    DefinitionError,
    DocumentError,
    InvalidMessages,
)
from dsagent.messages import (
    Assistant,
    Message,
    ToolResult,
    check_history,
    fault,
    with_results,
)
from dsagent.options import Limits, Sampling, ThinkingMode  # noqa: TC001
from dsagent.reply import Stop, Usage

if TYPE_CHECKING:
    from collections.abc import Collection

log = logging.getLogger(__name__)

MissingTools: TypeAlias = Literal["error", "drop"]

FORMAT: Final = "dsagent chat"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A conversation and how far it got. Immutable, so a fork shares it."""

    messages: tuple[Message, ...] = ()
    documents: tuple[Document, ...] = ()
    """Those that wait for the next question."""
    unfinished: tuple[int, ...] = ()
    """The ids of the last message, if it is a turn of the model that was broken off."""
    stop: Stop | None = None
    """How the last run ended; None if there was none, or the messages were edited."""
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        last = self.messages[-1] if self.messages else None
        if self.unfinished and not isinstance(last, Assistant):
            raise ValueError("unfinished ids belong to an assistant message at the end")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedChat:
    """What a file holds."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    state: State
    tools: tuple[str, ...] = ()
    """Names of the tools it was saved with."""
    thinking: ThinkingMode = "high"
    sampling: Sampling | None = None
    limits: Limits | None = None


_SAVED: Final = TypeAdapter(SavedChat)


def write(path: str | Path, saved: SavedChat) -> None:
    """Write a chat, in place of what may be there; only its owner can read the file.

    Raises:
        ChatFileError: it can't be written. What was there is as it was.
    """
    content = {"format": FORMAT, "version": VERSION, **_SAVED.dump_python(saved)}
    text = jsontext.dump(content)
    try:
        target = Path(os.path.realpath(path))
        with replacing(target, private=True, durable=True) as file:
            file.write(text.encode())
    except OSError as error:
        raise ChatFileError(
            f"the chat can't be saved as {path}: {error.strerror or error}"
        ) from error
    except ValueError as error:  # no file can have such a name
        raise ChatFileError(f"the chat can't be saved as {path}: {error}") from error


def load_saved(
    path: str | Path, tools: Collection[str], missing_tools: MissingTools
) -> tuple[SavedChat, tuple[str, ...]]:
    """(the chat in a file, notes on what had to be repaired, which are also logged).

    Args:
        path: The file.
        tools: Names of the tools there are now.
        missing_tools: What to do if the chat was saved with others.

    Raises:
        ChatFileError: it holds no chat that can go on.
        DefinitionError: a tool is missing.
    """
    saved, notes = read(path)
    missing = [name for name in saved.tools if name not in tools]
    if missing and missing_tools == "error":
        raise DefinitionError(
            f"the chat {path} was saved with the tools {', '.join(saved.tools)}; "
            f"missing: {', '.join(missing)}. Give them to load_chat(..., tools=[...]), "
            "or go on without: missing_tools='drop'"
        )
    if missing:
        notes += (f"went on without the tools {', '.join(missing)}",)
    for note in notes:
        log.warning("%s: %s", path, note)
    return saved, notes


def read(path: str | Path) -> tuple[SavedChat, tuple[str, ...]]:
    """(the chat in a file, notes on what had to be repaired).

    Raises:
        ChatFileError: it holds none that can go on; the message says why.
    """
    content = _content(path)
    try:
        saved = _SAVED.validate_python(content)
        messages = with_results(saved.state.messages)
        check_history(messages)
        state = _repaired(saved.state, messages)
    except (ValidationError, DocumentError) as error:
        raise ChatFileError(f"the chat {path} is damaged: {fault(error)}") from None
    except InvalidMessages as error:
        raise ChatFileError(f"the chat {path} can't go on: {error}") from error
    notes = _repairs(saved.state.messages, messages)
    return replace(saved, state=state), notes


def _content(path: str | Path) -> dict[str, Any]:
    """The JSON object in a file, known to be a chat of this version."""
    try:
        content = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise ChatFileError(
            f"the chat {path} can't be read: {error.strerror or error}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ChatFileError(
            f"{path} holds no chat, or was cut off: it isn't JSON ({error})"
        ) from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise ChatFileError(
            f'{path} holds no chat: it is JSON without "format": "{FORMAT}"'
        )
    version = content.pop("version", None)
    if version != VERSION:
        raise ChatFileError(
            f"the chat {path} has version {version!r} of the format and this release "
            f"of dsagent reads version {VERSION}; read it with the release that wrote "
            "it, or a newer one"
        )
    return content


def _repaired(state: State, messages: tuple[Message, ...]) -> State:
    """The state with its messages repaired. A result at the end is the end of the turn
    that made the call, which then can't be gone on with."""
    ended = messages[-1:] != state.messages[-1:]
    unfinished = () if ended else state.unfinished
    return replace(state, messages=messages, unfinished=unfinished)


def _repairs(
    before: tuple[Message, ...], after: tuple[Message, ...]
) -> tuple[str, ...]:
    known = {id(message) for message in before}
    return tuple(
        f"the call {message.call_id!r} of {message.name} had no result; it was given "
        "one that says it was interrupted"
        for message in after
        if isinstance(message, ToolResult) and id(message) not in known
    )
