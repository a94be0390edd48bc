"""A send that is listened to: a run whose reply joins its conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from dsagent.errors import ChatBusy
from dsagent.stream import RunStream

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from dsagent.chat import Chat
    from dsagent.task import Task

T_co = TypeVar("T_co", covariant=True)


class ChatStream(RunStream[T_co]):
    """Made by ``Chat.stream``: a ``RunStream`` whose reply joins the conversation."""

    def __init__(self, chat: Chat, task: Task[T_co]) -> None:
        super().__init__(chat._model._backend, task)
        self._chat = chat
        self._task = task
        self._begins_at = chat._state

    async def __aenter__(self) -> Self:
        chat = self._chat
        chat._check_free()
        if chat._state is not self._begins_at:
            raise ChatBusy(
                "the chat has gone on since this stream was made; make it again, and "
                "enter it at once: async with chat.stream(...) as stream"
            )
        chat._cache.tell(self._task)
        chat._busy = True
        try:
            return await super().__aenter__()
        except BaseException:
            chat._busy = False
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await super().__aexit__(kind, error, traceback)
        finally:
            self._chat._join(self._task, self._run)
