"""``Chat``: a conversation that is asked, stopped, gone on with, forked and saved.

A model holds no conversation; a chat is one. It keeps the messages, what they cost and
the settings, and hands each question to the loop as any other caller would. What must
stay true: whatever happens to a send, the chat is valid afterwards and can be asked
again; what the model did is kept, also if the send was cancelled or failed half way;
and a send that failed before the model did anything leaves no trace but its cost.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, overload

from dsagent import chatfile
from dsagent.agent import Run
from dsagent.approvals import pending
from dsagent.beginning import ENDINGS, next_conversations
from dsagent.chatcache import ChatCache
from dsagent.chatfile import SavedChat, State
from dsagent.chatstream import ChatStream
from dsagent.errors import ChatBusy, InvalidMessages
from dsagent.events import to_nobody
from dsagent.messages import Assistant, ToolResult, User, check_history
from dsagent.options import SendOptions, check_options
from dsagent.output import output_of
from dsagent.reply import Usage
from dsagent.tools.function import toolbox
from dsagent.transcript import still_says
from dsagent.turn import goes_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Unpack

    from typing_extensions import TypeForm

    from dsagent.counting import TokenCount
    from dsagent.engine.request import HoldSource
    from dsagent.messages import Message
    from dsagent.model import Model
    from dsagent.options import RunOptions
    from dsagent.output import Output
    from dsagent.reply import Reply, Stop
    from dsagent.task import Task
    from dsagent.transcript import Setup

T = TypeVar("T")


class Chat:
    """A conversation with a model, made by ``Model.open_chat``.

    It does one thing at a time, and belongs to no event loop.

    >>> chat = model.open_chat(system="Be brief.", tools=[get_weather])
    >>> reply = await chat.send("How is the weather in Oslo?")
    >>> other = chat.fork()
    >>> reply = await other.send("And if it were May?")
    >>> len(chat.messages), len(other.messages)
    (5, 9)
    >>> chat.save("oslo.json")
    >>> chat = model.load_chat("oslo.json", tools=[get_weather])
    >>> chat.messages[-1].text
    'Sunny in Oslo.'
    """

    def __init__(
        self,
        model: Model,
        options: SendOptions,
        state: State | None = None,
        *,
        notes: Sequence[str] = (),
    ) -> None:
        """Put a chat together; ``Model.open_chat`` and ``Model.load_chat`` do it."""
        self._model = model
        self._options: SendOptions = {**options, "documents": ()}
        self._options["tools"] = tuple(toolbox(options.get("tools", ())).values())
        self._state = state or State()
        self._busy = False
        self._cache = ChatCache(model._backend)
        self.notes = tuple(notes)
        """What had to be repaired when it was loaded."""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation. While a send is going on: as it was before.

        May be assigned to. A turn of the model whose words were changed is read by the
        model as changed, at the cost of reading everything behind it anew; ``edited``
        tells which those are.
        """
        return self._state.messages

    @messages.setter
    def messages(self, messages: Iterable[Message]) -> None:
        self._check_free()
        messages = tuple(messages)
        check_history(messages)
        kept = messages[-1:] == self.messages[-1:]
        unfinished = self._state.unfinished if kept else ()
        self._state = replace(
            self._state, messages=messages, unfinished=unfinished, stop=None
        )

    @property
    def usage(self) -> Usage:
        """What this chat has cost: every attempt, also those that failed. A fork
        begins at nothing, so that sums over chats count everything once."""
        return self._state.usage

    @property
    def stop(self) -> Stop | None:
        """How the last send ended; None if there was none, or after an edit."""
        return self._state.stop

    def edited(self) -> tuple[int, ...]:
        """Which messages keep token ids that aren't what they say any more, by index:
        edited ones, or those of a model with another tokenizer."""
        tokenizer = self._model.tokenizer
        return tuple(
            index
            for index, message in enumerate(self.messages)
            if isinstance(message, Assistant)
            and message.token_ids
            and not still_says(tokenizer, message)
        )

    @overload
    async def send(
        self, prompt: str | User, **options: Unpack[SendOptions]
    ) -> Reply[str]: ...

    @overload
    async def send(
        self,
        prompt: str | User,
        *,
        output: Mapping[str, object],
        **options: Unpack[SendOptions],
    ) -> Reply[object]: ...

    @overload
    async def send(
        self,
        prompt: str | User,
        *,
        output: TypeForm[T],
        **options: Unpack[SendOptions],
    ) -> Reply[T]: ...

    async def send(
        self,
        prompt: str | User,
        *,
        output: object = str,
        **options: Unpack[SendOptions],
    ) -> Reply[Any]:
        """Say something and wait for the answer, which joins the conversation.

        If the wait is cancelled, what was done until then is kept in the chat.

        Args:
            prompt: What to say.
            output: What the answer is to be; as for ``Model.chat``.
            options: What this one send does differently. ``documents`` go in front of
                this question, behind those of the chat that still wait.

        Raises:
            ChatBusy: another send is going on.
            DSAgentError: what ``Model.chat`` raises.
        """
        return await self._wait(self._task(prompt, output_of(output), options))

    @overload
    def stream(
        self, prompt: str | User | None = None, **options: Unpack[SendOptions]
    ) -> ChatStream[str]: ...

    @overload
    def stream(
        self,
        prompt: str | User | None = None,
        *,
        output: Mapping[str, object],
        **options: Unpack[SendOptions],
    ) -> ChatStream[object]: ...

    @overload
    def stream(
        self,
        prompt: str | User | None = None,
        *,
        output: TypeForm[T],
        **options: Unpack[SendOptions],
    ) -> ChatStream[T]: ...

    def stream(
        self,
        prompt: str | User | None = None,
        *,
        output: object = str,
        **options: Unpack[SendOptions],
    ) -> ChatStream[Any]:
        """Say something and listen; used as ``Model.stream`` is.

        When the block is over, its reply joins the conversation, also if it was left
        early. Without a prompt it does what ``resume`` does.
        """
        return ChatStream(self, self._task(prompt, output_of(output), options))

    @overload
    async def resume(self, **options: Unpack[SendOptions]) -> Reply[str]: ...

    @overload
    async def resume(
        self, *, output: Mapping[str, object], **options: Unpack[SendOptions]
    ) -> Reply[object]: ...

    @overload
    async def resume(
        self, *, output: TypeForm[T], **options: Unpack[SendOptions]
    ) -> Reply[T]: ...

    async def resume(
        self, *, output: object = str, **options: Unpack[SendOptions]
    ) -> Reply[Any]:
        """Go on with a conversation that ended without an answer.

        A question or a tool's result that wasn't answered is. A turn that was broken
        off is gone on with in the middle of its word; only if it can't be, because it
        would be written another way now (with other tools, another ``output``, without
        thinking), it is written anew. Limits count what is done from here on.

        Raises:
            InvalidMessages: it has its answer.
            DSAgentError: as ``send``.
        """
        return await self._wait(self._task(None, output_of(output), options))

    async def count_tokens(
        self,
        prompt: str | User | None = None,
        *,
        output: object = str,
        **options: Unpack[SendOptions],
    ) -> TokenCount:
        """Exactly what ``send`` with these arguments would make the model read; for a
        turn that would be gone on with, without that turn."""
        merged = self._merged(options)
        return await self._model.count_tokens(
            self._asked(prompt),
            tools=merged.get("tools", ()),
            documents=merged.get("documents", ()),
            thinking=merged.get("thinking", "high"),
            output=output,
        )

    def fork(self) -> Chat:
        """Another chat that begins as this one is now. Costs nothing: they share what
        was said so far."""
        state = replace(self._state, usage=Usage())
        made = Chat(self._model, self._options, state, notes=self.notes)
        made._cache = self._cache.copy()
        return made

    def save(self, path: str | Path) -> None:
        """Write the chat to a file, for ``Model.load_chat``.

        A file that is there is replaced, in one step. Tools and ``deps`` aren't in it.

        Raises:
            ChatFileError: it can't be written.
        """
        options = self._options
        saved = SavedChat(
            state=self._state,
            tools=tuple(toolbox(options.get("tools", ()))),
            thinking=options.get("thinking", "high"),
            sampling=options.get("sampling"),
            limits=options.get("limits"),
        )
        chatfile.write(path, saved)

    async def keep(
        self,
        folder: str | Path,
        *,
        output: object = str,
        limit: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> HoldSource:
        """Keep what the model has read here on disk, so that it isn't read anew in
        another process: there, call this again behind ``Model.load_chat``.

        Kept is what the next prompt is sure to begin with; in memory until then, too.

        Args:
            folder: Where it is looked for, and put if it isn't there. To be shared.
            output: Of the next send.
            limit, progress: As for ``Prefix.save`` and ``Model.prefix``.

        Returns:
            Where it was: in "memory", on "disk", or nowhere: then it was "computed".

        Raises:
            PrefixFileError: it can't be written.
            DSAgentError: what ``send`` raises before anything is read.
        """
        following = self._next(output_of(output))
        return await self._cache.keep(
            *following, Path(folder), limit=limit, progress=progress
        )

    def _merged(self, options: SendOptions) -> SendOptions:
        """The options of one send: its own, then those of the chat."""
        check_options(options, SendOptions)
        documents = (*self._state.documents, *options.get("documents", ()))
        return {**self._options, **options, "documents": documents}

    def _asked(self, prompt: str | User | None) -> tuple[Message, ...]:
        """The conversation that a send asks the model to go on with."""
        if prompt is not None:
            asked = User(prompt) if isinstance(prompt, str) else prompt
            return (*self.messages, asked)
        if self._state.unfinished:
            return self.messages[:-1]
        if not self.messages or isinstance(self.messages[-1], Assistant):
            raise InvalidMessages(
                "there is nothing to resume: nothing was asked since the last answer; "
                "send(...) asks something"
            )
        return self.messages

    def _next(self, output: Output[T]) -> tuple[Task[T], Sequence[tuple[Message, ...]]]:
        """What comes next, as if it were known, and how it may be said."""
        waits = self.messages and isinstance(self.messages[-1], (User, ToolResult))
        decisions = {call.id: False for call in pending(self.messages)}
        prompt = None if waits or self._state.unfinished else ENDINGS[0]
        task = self._task(prompt, output, {"decisions": decisions})
        messages = task.messages if waits else self.messages
        said = next_conversations(messages, self._state.documents)
        # A turn that was broken off may be gone on with, or something else be said.
        return task, [task.messages, *said] if self._state.unfinished else said

    def _task(
        self, prompt: str | User | None, output: Output[T], options: SendOptions
    ) -> Task[T]:
        self._check_free()
        merged: RunOptions = {"system": None, **self._merged(options)}
        task = self._model._task(self._asked(prompt), output, merged)
        if prompt is None and self._can_go_on(task.setup):
            task = replace(task, begun=self._state.unfinished)
        return task

    def _can_go_on(self, setup: Setup) -> bool:
        begun = self._state.unfinished
        return (
            bool(begun)
            and isinstance(turn := self.messages[-1], Assistant)
            and goes_on(self._model.tokenizer, setup, begun, turn)
        )

    def _check_free(self) -> None:
        if self._busy:
            raise ChatBusy(
                "a send is going on in this chat; wait for it, or fork() the chat to "
                "ask two things at a time"
            )

    async def _wait(self, task: Task[T]) -> Reply[T]:
        run = Run(self._model._backend, task, to_nobody)
        self._cache.tell(task)
        self._busy = True
        try:
            return await run.execute()
        finally:
            self._join(task, run)

    def _join(self, task: Task[T], run: Run[T]) -> None:
        """Make what a run did part of the conversation."""
        self._busy = False
        reply = run.reply()
        self._cache.joined(task, reply)
        usage = self._state.usage + reply.usage
        did = reply.messages != task.messages
        asked = len(task.messages) > len(self.messages)
        if not did and not (asked and reply.stop == "cancelled"):
            self._state = replace(self._state, usage=usage)
            return
        broken_off = isinstance(reply.messages[-1], Assistant)
        self._state = State(
            messages=reply.messages,
            unfinished=run.unfinished if broken_off else (),
            stop=reply.stop,
            usage=usage,
        )
