"""The three ways to ask a model: wait, listen, or many at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar, overload

from dsagent.agent import Run
from dsagent.events import to_nobody
from dsagent.options import RunOptions, check_options
from dsagent.output import output_of
from dsagent.replies import Replies
from dsagent.stream import RunStream
from dsagent.tools.function import toolbox

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from typing_extensions import TypeForm

    from dsagent.messages import Prompt
    from dsagent.output import Output
    from dsagent.replies import OnError, Source
    from dsagent.reply import Reply
    from dsagent.task import Backend, Task

T = TypeVar("T")


class Asking(ABC):
    """What can be asked: a ``Model`` is."""

    _backend: Backend

    @abstractmethod
    def _task(self, prompt: Prompt, output: Output[T], options: RunOptions) -> Task[T]:
        """Everything checked and in the form the loop takes."""

    @overload
    async def chat(
        self, prompt: Prompt, **options: Unpack[RunOptions]
    ) -> Reply[str]: ...

    @overload
    async def chat(
        self,
        prompt: Prompt,
        *,
        output: Mapping[str, object],
        **options: Unpack[RunOptions],
    ) -> Reply[object]: ...

    @overload
    async def chat(
        self, prompt: Prompt, *, output: TypeForm[T], **options: Unpack[RunOptions]
    ) -> Reply[T]: ...

    async def chat(
        self, prompt: Prompt, *, output: object = str, **options: Unpack[RunOptions]
    ) -> Reply[Any]:
        """Ask, and wait for the answer.

        If the wait is cancelled, what was done is lost with it; ``stream`` keeps it.

        Args:
            prompt: A question, or a conversation that ends in one.
            output: What the answer is to be: a type that pydantic can build (a model,
                dataclass, TypedDict, union, ``Literal``, ``list[...]``, ...), or a JSON
                schema, whose answers are plain data. The model is shown the schema and
                held to it; the value is in ``reply.output``. ``str``: free text.
            options: See ``RunOptions``.

        Raises:
            InvalidMessages: the conversation can't be continued.
            InvalidDecision: there is no such call to decide about, or it was edited.
            DefinitionError: a tool or an output can't be made of what was given.
            ContextOverflow: the prompt doesn't fit.
            LimitReached: with ``Limits(on_limit="raise")``.
            DeadlineExceeded: it wasn't finished by its ``deadline``.
            InvalidOutput: with the same, if no answer fitted ``output``.
            EngineError: the engine broke.
            QueueFull: too many runs are waiting.
            Closed: the model was closed.
        """
        task = self._task(prompt, output_of(output), options)
        return await Run(self._backend, task, to_nobody).execute()

    @overload
    def stream(
        self, prompt: Prompt, **options: Unpack[RunOptions]
    ) -> RunStream[str]: ...

    @overload
    def stream(
        self,
        prompt: Prompt,
        *,
        output: Mapping[str, object],
        **options: Unpack[RunOptions],
    ) -> RunStream[object]: ...

    @overload
    def stream(
        self, prompt: Prompt, *, output: TypeForm[T], **options: Unpack[RunOptions]
    ) -> RunStream[T]: ...

    def stream(
        self, prompt: Prompt, *, output: object = str, **options: Unpack[RunOptions]
    ) -> RunStream[Any]:
        """Ask, and listen: ``async with model.stream(...) as stream``, then
        ``async for event in stream``. Arguments and errors are those of ``chat``.

        After the block ``stream.reply`` is complete; leaving the block early cancels.
        """
        return RunStream(self._backend, self._task(prompt, output_of(output), options))

    @overload
    def map(
        self,
        prompts: Source[Prompt],
        *,
        concurrency: int = 8,
        on_error: OnError = "raise",
        **options: Unpack[RunOptions],
    ) -> Replies[str]: ...

    @overload
    def map(
        self,
        prompts: Source[Prompt],
        *,
        output: Mapping[str, object],
        concurrency: int = 8,
        on_error: OnError = "raise",
        **options: Unpack[RunOptions],
    ) -> Replies[object]: ...

    @overload
    def map(
        self,
        prompts: Source[Prompt],
        *,
        output: TypeForm[T],
        concurrency: int = 8,
        on_error: OnError = "raise",
        **options: Unpack[RunOptions],
    ) -> Replies[T]: ...

    def map(
        self,
        prompts: Source[Prompt],
        *,
        output: object = str,
        concurrency: int = 8,
        on_error: OnError = "raise",
        **options: Unpack[RunOptions],
    ) -> Replies[Any]:
        """Ask many questions: ``async for reply in model.map(prompts)``.

        Replies come in the order of the prompts. Leaving the loop early cancels what is
        in flight; to have that done before the next statement, enter the replies:
        ``async with model.map(prompts) as replies``, then ``async for reply in
        replies``.

        Args:
            prompts: What to ask, each as for ``chat``. Taken when there is room for one
                more, so they may be endless, or come from somewhere slow.
            output: What each answer is to be; as for ``chat``.
            concurrency: Most questions that are asked, or answered and not yet read.
            on_error: "raise" the error of a question in its place and cancel the
                others; or "return" a reply with ``stop="error"`` that has it in
                ``problems``.
            options: For all of them; see ``RunOptions``.

        Raises:
            DefinitionError: a tool or an output can't be made of what was given.
        """
        check_options(options, RunOptions)
        options["tools"] = tuple(toolbox(options.get("tools", ())).values())
        wanted = output_of(output)

        async def ask(prompt: Prompt) -> Reply[Any]:
            task = self._task(prompt, wanted, options)
            return await Run(self._backend, task, to_nobody).execute()

        return Replies(ask, prompts, concurrency, on_error)
