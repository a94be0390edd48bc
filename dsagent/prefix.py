"""``Prefix``: what many questions begin with, read once.

The engine finds by itself that a prompt begins as an earlier one did. What a prefix
adds is that the beginning is read before the first question, is kept while it is held
however much else is asked, and can be kept on disk. What must stay true: a reply
through a prefix is the reply of the plain call, token by token; and nothing can be
asked through it that would be written another way.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import anyio.to_thread

from dsagent.agent import Run
from dsagent.beginning import beginning, next_conversations
from dsagent.errors import Closed, ContextOverflow
from dsagent.events import to_nobody
from dsagent.options import QuestionOptions, check_options
from dsagent.replies import Replies
from dsagent.stream import RunStream
from dsagent.task import conversation

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable
    from types import TracebackType
    from typing import Self, Unpack

    from dsagent.chat import Chat
    from dsagent.engine.request import HoldProtocol, HoldSource
    from dsagent.messages import Prompt, User
    from dsagent.model import Model
    from dsagent.options import RunOptions
    from dsagent.output import Output
    from dsagent.replies import OnError
    from dsagent.reply import Reply
    from dsagent.task import Task

T = TypeVar("T")

_FIXED = ("system", "documents", "tools", "thinking", "output")
"""Options that decide how the beginning is written."""


class Prefix(Generic[T]):
    """The beginning of many questions, made by ``Model.prefix``.

    Use ``async with model.prefix(...)``, or ``release`` it.

    >>> letter = Document("letter.txt", "Oslo: sunny, 21 degrees. " * 40)
    >>> async with model.prefix(documents=[letter], system="Be brief.") as prefix:
    ...     reply = await prefix.chat("How is Oslo?")
    ...     texts = [r.text async for r in prefix.map(["And Rome?", "And Bergen?"])]
    >>> reply.usage.cached_tokens == prefix.tokens, len(texts)
    (True, 2)
    """

    def __init__(
        self, model: Model, fixed: RunOptions, output: Output[T], hold: HoldProtocol
    ) -> None:
        """Put a prefix together; ``Model.prefix`` does it."""
        self._model = model
        self._fixed = fixed
        self._output = output
        self._hold = hold
        self._released = False

    @property
    def tokens(self) -> int:
        """How many tokens of a question it has read already."""
        return len(self._hold.ids)

    @property
    def source(self) -> HoldSource:
        """Whether it was "computed" now, or came from "memory" or from "disk"."""
        return self._hold.source

    async def chat(
        self, question: str | User, **options: Unpack[QuestionOptions]
    ) -> Reply[T]:
        """Ask, and wait for the answer; as ``Model.chat``.

        Args:
            question: What to ask. Documents of its own come behind the prefix's.
            options: See ``QuestionOptions``; the rest is the prefix's.

        Raises:
            TypeError: an option is fixed by the prefix.
            Closed: it was released.
            DSAgentError: what ``Model.chat`` raises.
        """
        task = self._task(question, options)
        return await Run(self._model._backend, task, to_nobody).execute()

    def stream(
        self, question: str | User, **options: Unpack[QuestionOptions]
    ) -> RunStream[T]:
        """Ask, and listen; as ``Model.stream``, with the arguments of ``chat``."""
        return RunStream(self._model._backend, self._task(question, options))

    def map(
        self,
        questions: Iterable[str | User] | AsyncIterable[str | User],
        *,
        concurrency: int = 8,
        on_error: OnError = "raise",
        **options: Unpack[QuestionOptions],
    ) -> Replies[T]:
        """Ask many questions, a few at a time; as ``Model.map``."""
        self._check(options)

        async def ask(question: str | User) -> Reply[T]:
            return await self.chat(question, **options)

        return Replies(ask, questions, concurrency, on_error)

    def open_chat(self, **options: Unpack[QuestionOptions]) -> Chat:
        """Begin a conversation whose first question is one of these.

        Its answers are free text, so the prefix must have been made without ``output``.
        """
        self._check(options)
        if self._output.schema is not None:
            raise TypeError(
                "the answers of a chat are free text, and this prefix was made with an "
                "output; make one without"
            )
        merged: RunOptions = {**self._fixed, **options}
        return self._model.open_chat(**merged)

    async def save(self, folder: str | Path, *, limit: int | None = None) -> Path:
        """Keep it on disk, where ``Model.prefix(..., folder=folder)`` finds it.

        Args:
            folder: Made if it isn't there. Any number of prefixes and processes may
                share it.
            limit: Bytes that all of the folder may have. What wasn't used for longest
                goes first.

        Returns:
            The file.

        Raises:
            Closed: it was released.
            PrefixFileError: it can't be written.
        """
        self._check({})
        return await self._hold.save(Path(folder), limit=limit)

    def release(self) -> None:
        """Let the memory go when it is needed for something else. Safe to repeat, from
        any thread. Questions that were asked are still answered."""
        self._released = True
        self._hold.release()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _task(self, question: str | User, options: QuestionOptions) -> Task[T]:
        self._check(options)
        asked: Prompt = question if isinstance(question, str) else (question,)
        return self._model._task(asked, self._output, {**self._fixed, **options})

    def _check(self, options: QuestionOptions) -> None:
        fixed = [name for name in _FIXED if name in options]
        if fixed:
            raise TypeError(
                f"{', '.join(fixed)} can't be given here: what a question begins with "
                "is fixed by the prefix; make another one with model.prefix(...)"
            )
        check_options(options, QuestionOptions)
        if self._released:
            raise Closed("this prefix was released; make it again with model.prefix")


async def read_prefix(
    model: Model,
    fixed: RunOptions,
    output: Output[T],
    *,
    folder: str | Path | None,
    progress: Callable[[int, int], None] | None,
) -> Prefix[T]:
    """Have the beginning of a question read; the arguments are ``Model.prefix``'s."""
    system, documents = fixed.get("system"), tuple(fixed.get("documents", ()))
    task = model._task("?", output, fixed)
    questions = [
        conversation(said, system, ()) for said in next_conversations((), documents)
    ]
    backend = model._backend
    ids = await anyio.to_thread.run_sync(
        beginning, backend.tokenizer, task.setup, questions, abandon_on_cancel=True
    )
    limit = backend.engine.context_limit
    if len(ids) >= limit:
        parts = {**await anyio.to_thread.run_sync(task.measure), "output": 1}
        raise ContextOverflow(sum(parts.values()), limit, parts)
    where = None if folder is None else Path(folder)
    hold = await backend.engine.hold(ids, folder=where, progress=progress)
    return Prefix(model, fixed, output, hold)
