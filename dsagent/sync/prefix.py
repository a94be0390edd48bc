"""``Prefix``, blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from dsagent import prefix as _prefix
from dsagent.sync.chat import Chat
from dsagent.sync.portal import wait
from dsagent.sync.replies import Replies, from_threads
from dsagent.sync.stream import RunStream
from dsagent.sync.wrapping import like

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self, Unpack

    from dsagent.engine.request import HoldSource
    from dsagent.messages import User
    from dsagent.options import QuestionOptions
    from dsagent.replies import OnError
    from dsagent.reply import Reply

T = TypeVar("T")


class Prefix(Generic[T]):
    """``dsagent.Prefix``, blocking; made by ``Model.prefix``."""

    def __init__(self, prefix: _prefix.Prefix[T]) -> None:
        """Make a prefix's methods wait."""
        self._prefix = prefix

    @property
    def tokens(self) -> int:
        """How many tokens of a question it has read already."""
        return self._prefix.tokens

    @property
    def source(self) -> HoldSource:
        """Whether it was "computed" now, or came from "memory" or from "disk"."""
        return self._prefix.source

    @like(_prefix.Prefix.chat)
    def chat(
        self, question: str | User, **options: Unpack[QuestionOptions]
    ) -> Reply[T]:
        return wait(lambda: self._prefix.chat(question, **options))

    @like(_prefix.Prefix.stream)
    def stream(
        self, question: str | User, **options: Unpack[QuestionOptions]
    ) -> RunStream[T]:
        return RunStream(self._prefix.stream(question, **options))

    @like(_prefix.Prefix.map)
    def map(
        self,
        questions: Iterable[str | User] | AsyncIterable[str | User],
        *,
        concurrency: int = 8,
        on_error: OnError = "raise",
        **options: Unpack[QuestionOptions],
    ) -> Replies[T]:
        source = from_threads(questions)
        return Replies(
            self._prefix.map(
                source, concurrency=concurrency, on_error=on_error, **options
            )
        )

    @like(_prefix.Prefix.open_chat)
    def open_chat(self, **options: Unpack[QuestionOptions]) -> Chat:
        return Chat(self._prefix.open_chat(**options))

    @like(_prefix.Prefix.save)
    def save(self, folder: str | Path, *, limit: int | None = None) -> Path:
        return wait(lambda: self._prefix.save(folder, limit=limit))

    @like(_prefix.Prefix.release)
    def release(self) -> None:
        self._prefix.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
