"""``Model``, blocking."""

from __future__ import annotations

from functools import partial, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

from dsagent import model as _model
from dsagent.errors import Closed
from dsagent.sync.chat import Chat
from dsagent.sync.portal import wait
from dsagent.sync.prefix import Prefix
from dsagent.sync.replies import Replies, from_threads
from dsagent.sync.stream import RunStream
from dsagent.sync.wrapping import like

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import Self, Unpack

    from typing_extensions import TypeForm

    from dsagent import chat as _chat
    from dsagent.documents import Document
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.memory import Memory
    from dsagent.engine.request import EngineStats
    from dsagent.messages import Prompt
    from dsagent.opening import Opening
    from dsagent.options import RunOptions, ThinkingMode
    from dsagent.replies import OnError, Source
    from dsagent.reply import Reply
    from dsagent.tools.function import ToolLike

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[_model.Model, P], Awaitable[T]],
) -> Callable[Concatenate[Model, P], T]:
    """The method of ``Model`` that waits for what ``method`` comes back with."""

    def blocking(self: Model, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return wait(partial(method, self._open(), *args, **kwargs))

    update_wrapper(blocking, method)
    return blocking


def _loading(load: Callable[P, Opening[_model.Model]]) -> Callable[P, Model]:
    def loaded(*args: P.args, **kwargs: P.kwargs) -> Model:
        return Model(wait(lambda: load(*args, **kwargs)))

    update_wrapper(loaded, load)
    return loaded


def _chatting(
    begin: Callable[Concatenate[_model.Model, P], _chat.Chat],
) -> Callable[Concatenate[Model, P], Chat]:
    def chat(self: Model, /, *args: P.args, **kwargs: P.kwargs) -> Chat:
        return Chat(begin(self._open(), *args, **kwargs))

    update_wrapper(chat, begin)
    return chat


class Model:
    """``dsagent.Model``, blocking. Use ``with Model.load(...)``, or ``close`` it."""

    def __init__(self, model: _model.Model) -> None:
        """Make a model's methods wait; ``model`` is closed with it."""
        self._model = model
        self._closed = False

    load = staticmethod(_loading(_model.Model.load))
    open_chat = _chatting(_model.Model.open_chat)
    load_chat = _chatting(_model.Model.load_chat)
    count_tokens = _blocking(_model.Model.count_tokens)

    @overload
    def chat(self, prompt: Prompt, **options: Unpack[RunOptions]) -> Reply[str]: ...

    @overload
    def chat(
        self,
        prompt: Prompt,
        *,
        output: Mapping[str, object],
        **options: Unpack[RunOptions],
    ) -> Reply[object]: ...

    @overload
    def chat(
        self, prompt: Prompt, *, output: TypeForm[T], **options: Unpack[RunOptions]
    ) -> Reply[T]: ...

    @like(_model.Model.chat)
    def chat(
        self, prompt: Prompt, *, output: Any = str, **options: Unpack[RunOptions]
    ) -> Reply[Any]:
        model = self._open()
        return wait(lambda: model.chat(prompt, output=output, **options))

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

    @like(_model.Model.stream)
    def stream(
        self, prompt: Prompt, *, output: Any = str, **options: Unpack[RunOptions]
    ) -> RunStream[Any]:
        model = self._open()
        return RunStream(model.stream(prompt, output=output, **options))

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

    @like(_model.Model.map)
    def map(
        self,
        prompts: Source[Prompt],
        *,
        output: Any = str,
        concurrency: int = 8,
        on_error: OnError = "raise",
        **options: Unpack[RunOptions],
    ) -> Replies[Any]:
        given: Any = {"concurrency": concurrency, "on_error": on_error, **options}
        source = from_threads(prompts)
        return Replies(self._open().map(source, output=output, **given))

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
    ) -> Prefix[str]: ...

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
    ) -> Prefix[object]: ...

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
    ) -> Prefix[T]: ...

    @like(_model.Model.prefix)
    def prefix(self, *, output: Any = str, **fixed: Any) -> Prefix[Any]:
        opening = self._open().prefix(output=output, **fixed)
        return Prefix(wait(lambda: opening))

    @property
    def name(self) -> str:
        """What the model is called: its repository or its folder; perhaps nothing."""
        return self._model.name

    @property
    def context_limit(self) -> int:
        """Most tokens one conversation may have, the answer included."""
        return self._model.context_limit

    @property
    def tokenizer(self) -> Tokenizer:
        return self._model.tokenizer

    def stats(self) -> EngineStats:
        """What the engine is doing and has done."""
        return self._model.stats()

    def memory(self) -> Memory:
        """Where the engine's bytes are; ``print(model.memory())`` shows a table.

        Raises:
            Closed: the model was closed.
        """
        return self._model.memory()

    def close(self) -> None:
        """End all runs as cancelled and free the model's memory. Safe to repeat."""
        if not self._closed:
            self._closed = True
            wait(self._model.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> _model.Model:
        if self._closed:
            raise Closed("this model was closed; load it again")
        return self._model
