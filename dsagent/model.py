"""``Model``: load one, ask it something, close it.

A model is an engine that runs, the tokenizer that belongs to it, and how prompts are
written for it. It holds no conversation: every call says everything, so any number of
them may run at the same time. What must stay true: whatever is wrong with a request is
said before the engine hears of it.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

import anyio.to_thread

from dsagent.asking import Asking
from dsagent.chat import Chat
from dsagent.chatfile import State, load_saved
from dsagent.counting import count_tokens
from dsagent.engine.constraint import GrammarBackend
from dsagent.engine.request import Sampling
from dsagent.errors import Closed
from dsagent.loading import load
from dsagent.messages import System
from dsagent.opening import Opening
from dsagent.options import RunOptions, check_options
from dsagent.output import output_of
from dsagent.prefix import Prefix, read_prefix
from dsagent.task import Backend, Task, check_thinking, conversation, task_of
from dsagent.tools.function import toolbox
from dsagent.transcript import Setup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self, Unpack

    from typing_extensions import TypeForm

    from dsagent.chatfile import MissingTools
    from dsagent.counting import TokenCount
    from dsagent.documents import Document
    from dsagent.encoding.templates import Profile
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.config import EngineConfig
    from dsagent.engine.memory import Memory
    from dsagent.engine.request import EngineProtocol, EngineStats
    from dsagent.messages import Prompt
    from dsagent.options import ThinkingMode
    from dsagent.output import Output
    from dsagent.tools.function import ToolLike


T = TypeVar("T")


class Model(Asking):
    """A loaded model. Use ``async with Model.load(...)``, or ``close`` it.

    One model serves any number of runs at a time. It belongs to no event loop.

    >>> async with Model.load() as nano:
    ...     reply = await nano.chat("Hello!", limits=Limits(output_tokens=20))
    >>> reply.usage.turns
    1
    """

    def __init__(
        self,
        engine: EngineProtocol,
        tokenizer: Tokenizer,
        *,
        grammars: GrammarBackend | None = None,
        profile: Profile = "preview",
        sampling: Sampling | None = None,
        clock: Callable[[], float] = time.perf_counter,
        name: str = "",
    ) -> None:
        """Put a model together from its parts; ``Model.load`` does it from files.

        Args:
            engine: Belongs to the model from here on and is closed with it.
            tokenizer: The engine's.
            grammars: Makes the constraints; built from the tokenizer if not given.
            profile: The generation of the weights, which decides how efforts are
                written.
            sampling: What a run uses that doesn't say.
            clock: Counts the seconds of ``Limits(seconds=...)`` and of timings.
            name: What it is called, for people and for telemetry.
        """
        grammars = grammars or GrammarBackend(tokenizer)
        self._backend = Backend(engine, tokenizer, grammars, clock, name)
        self._profile: Profile = profile
        self._sampling = sampling or Sampling()
        self._closed = False

    @staticmethod
    def load(
        source: str | Path | None = None,
        *,
        device: str = "cpu",
        context: int | None = None,
        revision: str | None = None,
        profile: Profile | None = None,
        engine: EngineConfig | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Opening[Model]:
        """Load a model: ``await`` it, or enter it with ``async with``.

        Args:
            source: A local folder, or ``owner/name`` of a repository to fetch it from.
                Without one, nano: the small model that comes with the package.
            device: Where to run it.
            context: Most tokens a conversation may have; by default what the engine's
                configuration and the model allow.
            revision: Of the repository.
            profile: How efforts are written, if the files don't tell.
            engine: How the engine runs; see ``EngineConfig``.
            progress: Called as (tensors read, tensors there are), in a thread;
                ``dsagent.progress.Bar`` draws it.

        Raises:
            MissingWeights: there is no such model, or a part of it isn't there.
            CorruptCheckpoint: its files are damaged.
            UnsupportedDevice: there is no such device.
        """
        read = partial(
            load,
            source,
            device=device,
            context=context,
            revision=revision,
            profile=profile,
            config=engine,
            progress=progress,
        )

        async def loaded() -> Model:
            parts = await anyio.to_thread.run_sync(read)
            return Model(
                parts.engine,
                parts.tokenizer,
                grammars=parts.grammars,
                profile=parts.profile,
                sampling=parts.sampling,
                name=parts.name,
            )

        return Opening(loaded)

    @property
    def name(self) -> str:
        """What the model is called: its repository or its folder; perhaps nothing."""
        return self._backend.name

    @property
    def context_limit(self) -> int:
        """Most tokens one conversation may have, the answer included."""
        return self._backend.engine.context_limit

    @property
    def tokenizer(self) -> Tokenizer:
        return self._backend.tokenizer

    def stats(self) -> EngineStats:
        """What the engine is doing and has done."""
        return self._backend.engine.stats()

    def memory(self) -> Memory:
        """Where the engine's bytes are; ``print(model.memory())`` shows a table.

        Raises:
            Closed: the model was closed.
        """
        return self._backend.engine.memory()

    @overload
    def prefix(
        self,
        *,
        system: str | None = None,
        documents: Sequence[Document] = (),
        tools: Iterable[ToolLike] = (),
        thinking: ThinkingMode = "high",
        folder: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Opening[Prefix[str]]: ...

    @overload
    def prefix(
        self,
        *,
        output: Mapping[str, object],
        system: str | None = None,
        documents: Sequence[Document] = (),
        tools: Iterable[ToolLike] = (),
        thinking: ThinkingMode = "high",
        folder: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Opening[Prefix[object]]: ...

    @overload
    def prefix(
        self,
        *,
        output: TypeForm[T],
        system: str | None = None,
        documents: Sequence[Document] = (),
        tools: Iterable[ToolLike] = (),
        thinking: ThinkingMode = "high",
        folder: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Opening[Prefix[T]]: ...

    def prefix(
        self,
        *,
        output: object = str,
        system: str | None = None,
        documents: Sequence[Document] = (),
        tools: Iterable[ToolLike] = (),
        thinking: ThinkingMode = "high",
        folder: str | Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Opening[Prefix[Any]]:
        """Read once what many questions begin with: ``await`` it, or enter it with
        ``async with``.

        Args:
            output: What the answers are to be; as for ``chat``.
            system: Standing instructions.
            documents: Texts in front of every question.
            tools: What the model may call.
            thinking: Whether it thinks before it answers.
            folder: Where ``Prefix.save`` may have put it: then it is loaded from there.
                A file that can't be used is as good as none.
            progress: Called as (tokens read, tokens there are), in some thread;
                ``dsagent.progress.Bar`` draws it.

        Raises:
            DefinitionError: a tool or an output can't be made of what was given.
            ContextOverflow: it doesn't fit.
            QueueFull: too many runs are waiting.
            Closed: the model was closed.
        """
        check_thinking(thinking)
        fixed: RunOptions = {
            "system": system,
            "documents": tuple(documents),
            "tools": tuple(toolbox(tools).values()),
            "thinking": thinking,
        }
        wanted = output_of(output)
        return Opening(
            partial(read_prefix, self, fixed, wanted, folder=folder, progress=progress)
        )

    def open_chat(self, **options: Unpack[RunOptions]) -> Chat:
        """Begin a conversation.

        Args:
            options: For every send, unless it says otherwise; see ``RunOptions``.
                ``documents`` go in front of the first question and stay there.

        Raises:
            DefinitionError: a tool can't be made of what was given.
        """
        check_options(options, RunOptions)
        check_thinking(options.get("thinking", "high"))
        system, documents = options.pop("system", None), options.pop("documents", ())
        state = State(
            messages=() if system is None else (System(system),),
            documents=tuple(documents),
        )
        return Chat(self, options, state)

    def load_chat(
        self,
        path: str | Path,
        *,
        tools: Sequence[ToolLike] = (),
        deps: object = None,
        missing_tools: MissingTools = "error",
    ) -> Chat:
        """Go on with a conversation that ``Chat.save`` wrote.

        Args:
            path: The file.
            tools: Those it was saved with; tools are code and not in the file.
            deps: As for ``chat``.
            missing_tools: What to do if one of them isn't given: raise an "error", or
                "drop" it and note that in ``Chat.notes``.

        Raises:
            ChatFileError: the file can't be read, or holds no chat that can go on.
            DefinitionError: a tool is missing.
        """
        saved, notes = load_saved(path, toolbox(tools), missing_tools)
        options: RunOptions = {
            "tools": tools,
            "thinking": saved.thinking,
            "sampling": saved.sampling,
            "limits": saved.limits,
            "deps": deps,
        }
        return Chat(self, options, saved.state, notes=notes)

    async def count_tokens(
        self,
        prompt: Prompt,
        *,
        system: str | None = None,
        tools: Iterable[ToolLike] = (),
        documents: Sequence[Document] = (),
        thinking: ThinkingMode = "high",
        output: object = str,
    ) -> TokenCount:
        """Exactly what ``chat`` with these arguments would make the model read."""
        messages = conversation(prompt, system, documents)
        specs = tuple(tool.spec for tool in toolbox(tools).values())
        setup = Setup(thinking, specs, self._profile, output_of(output).schema)
        return await anyio.to_thread.run_sync(
            count_tokens, self._backend.tokenizer, setup, messages
        )

    async def close(self) -> None:
        """End all runs as cancelled and free the model's memory. Safe to repeat."""
        self._closed = True
        await self._backend.engine.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def _task(self, prompt: Prompt, output: Output[T], options: RunOptions) -> Task[T]:
        """Everything checked and in the form the loop takes."""
        if self._closed:
            raise Closed("this model was closed; load it again")
        return task_of(
            self._backend,
            prompt,
            output,
            options,
            profile=self._profile,
            sampling=self._sampling,
        )
