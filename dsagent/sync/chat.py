"""``Chat``, blocking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from dsagent import chat as _chat
from dsagent.sync.portal import wait
from dsagent.sync.stream import RunStream
from dsagent.sync.wrapping import like

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Unpack

    from typing_extensions import TypeForm

    from dsagent.counting import TokenCount
    from dsagent.engine.request import HoldSource
    from dsagent.messages import Message, User
    from dsagent.options import SendOptions
    from dsagent.reply import Reply, Stop, Usage

T = TypeVar("T")


class Chat:
    """``dsagent.Chat``, blocking; made by ``Model.open_chat`` and ``load_chat``."""

    def __init__(self, chat: _chat.Chat) -> None:
        """Make a chat's methods wait."""
        self._chat = chat

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation. May be assigned to, as ``dsagent.Chat.messages``."""
        return self._chat.messages

    @messages.setter
    def messages(self, messages: Iterable[Message]) -> None:
        self._chat.messages = tuple(messages)

    @property
    def notes(self) -> tuple[str, ...]:
        """What had to be repaired when it was loaded."""
        return self._chat.notes

    @property
    def usage(self) -> Usage:
        """What this chat has cost; see ``dsagent.Chat.usage``."""
        return self._chat.usage

    @property
    def stop(self) -> Stop | None:
        """How the last send ended; None if there was none, or after an edit."""
        return self._chat.stop

    @like(_chat.Chat.edited)
    def edited(self) -> tuple[int, ...]:
        return self._chat.edited()

    @overload
    def send(
        self, prompt: str | User, **options: Unpack[SendOptions]
    ) -> Reply[str]: ...

    @overload
    def send(
        self,
        prompt: str | User,
        *,
        output: Mapping[str, object],
        **options: Unpack[SendOptions],
    ) -> Reply[object]: ...

    @overload
    def send(
        self,
        prompt: str | User,
        *,
        output: TypeForm[T],
        **options: Unpack[SendOptions],
    ) -> Reply[T]: ...

    @like(_chat.Chat.send)
    def send(
        self,
        prompt: str | User,
        *,
        output: Any = str,
        **options: Unpack[SendOptions],
    ) -> Reply[Any]:
        return wait(lambda: self._chat.send(prompt, output=output, **options))

    @overload
    def stream(
        self, prompt: str | User | None = None, **options: Unpack[SendOptions]
    ) -> RunStream[str]: ...

    @overload
    def stream(
        self,
        prompt: str | User | None = None,
        *,
        output: Mapping[str, object],
        **options: Unpack[SendOptions],
    ) -> RunStream[object]: ...

    @overload
    def stream(
        self,
        prompt: str | User | None = None,
        *,
        output: TypeForm[T],
        **options: Unpack[SendOptions],
    ) -> RunStream[T]: ...

    @like(_chat.Chat.stream)
    def stream(
        self,
        prompt: str | User | None = None,
        *,
        output: Any = str,
        **options: Unpack[SendOptions],
    ) -> RunStream[Any]:
        return RunStream(self._chat.stream(prompt, output=output, **options))

    @overload
    def resume(self, **options: Unpack[SendOptions]) -> Reply[str]: ...

    @overload
    def resume(
        self,
        *,
        output: Mapping[str, object],
        **options: Unpack[SendOptions],
    ) -> Reply[object]: ...

    @overload
    def resume(
        self,
        *,
        output: TypeForm[T],
        **options: Unpack[SendOptions],
    ) -> Reply[T]: ...

    @like(_chat.Chat.resume)
    def resume(
        self,
        *,
        output: Any = str,
        **options: Unpack[SendOptions],
    ) -> Reply[Any]:
        return wait(lambda: self._chat.resume(output=output, **options))

    @like(_chat.Chat.count_tokens)
    def count_tokens(
        self,
        prompt: str | User | None = None,
        *,
        output: object = str,
        **options: Unpack[SendOptions],
    ) -> TokenCount:
        return wait(lambda: self._chat.count_tokens(prompt, output=output, **options))

    @like(_chat.Chat.fork)
    def fork(self) -> Chat:
        return Chat(self._chat.fork())

    @like(_chat.Chat.save)
    def save(self, path: str | Path) -> None:
        self._chat.save(path)

    @like(_chat.Chat.keep)
    def keep(
        self,
        folder: str | Path,
        *,
        output: object = str,
        limit: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> HoldSource:
        return wait(
            lambda: self._chat.keep(
                folder, output=output, limit=limit, progress=progress
            )
        )
