"""``dsagent chat``: a conversation with a model, on a terminal or through pipes.

What must stay true: every answer is in the history as far as it got, so Ctrl-C stops an
answer and not the conversation; and through a pipe each line is a question, with the
same commands.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsagent.cli.options import opened
from dsagent.cli.terminal import Narration, Terminal
from dsagent.errors import DSAgentError, InvalidMessages
from dsagent.messages import (
    Assistant,
    System,
    ToolResult,
    User,
    messages_from_json,
    messages_to_json,
)

if TYPE_CHECKING:
    from argparse import Namespace

    from dsagent.messages import Message
    from dsagent.reply import Reply
    from dsagent.sync import Model

HELP = """\
/save FILE   keep the conversation in a file
/load FILE   go on with one that was kept
/fork        try something on a copy; /back returns to where you forked
/history     show the conversation
/quit        leave (so does Ctrl-D; Ctrl-C stops an answer)
A line that is to begin with a slash begins with two."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What was said so far. Immutable, so that a copy costs nothing."""

    messages: tuple[Message, ...] = ()

    @classmethod
    def load(cls, path: str) -> Conversation:
        """Read one that ``save`` wrote.

        Raises:
            InvalidMessages: there is no such file, or it holds none.
        """
        try:
            return cls(messages_from_json(Path(path).read_bytes()))
        except OSError as error:
            msg = f"the conversation {path} can't be read: {error.strerror}"
            raise InvalidMessages(msg) from error

    def save(self, path: str) -> None:
        """Write it to a file.

        Raises:
            InvalidMessages: the file can't be written.
        """
        try:
            Path(path).write_text(messages_to_json(self.messages) + "\n", "utf-8")
        except OSError as error:
            msg = f"the conversation can't be written to {path}: {error.strerror}"
            raise InvalidMessages(msg) from error


def chat(given: Namespace) -> int:
    """Talk until there are no more questions; 0 if all of them were answered."""
    conversation = Conversation((System(given.system),) if given.system else ())
    if given.file is not None:
        conversation = Conversation.load(given.file)
    with opened(given) as (model, options):
        talk = _Talk(model, options, conversation, Terminal(sys.stdout))
        return talk.run()


class _Talk:
    """The conversation, and those it was forked from."""

    def __init__(
        self,
        model: Model,
        options: dict[str, Any],
        conversation: Conversation,
        out: Terminal,
    ) -> None:
        self._model = model
        self._options = options
        self._conversation = conversation
        self._forked: list[Conversation] = []
        self._out = out
        self._failed = False

    def run(self) -> int:
        if sys.stdin.isatty():
            self._out.line(f"{self._model.name or 'model'}: /help for help", "note")
        while (line := self._next_line()) is not None:
            text = line.strip()
            if text in ("/quit", "/exit"):
                break
            try:
                if text.startswith("/") and not text.startswith("//"):
                    self._command(*text[1:].split(maxsplit=1))
                elif text:
                    self._ask(text.removeprefix("/"))
            except DSAgentError as error:
                self._failed = True
                self._out.line(f"{type(error).__name__}: {error}", "error")
        return 1 if self._failed else 0

    def _next_line(self) -> str | None:
        """The next line of input, None at its end."""
        prompt = f"{'fork ' * len(self._forked)}> "
        if not sys.stdin.isatty():
            line = sys.stdin.readline()
            if line:
                self._out.line(prompt + line.rstrip("\n"), "question")
            return line or None
        _edit_lines()
        try:
            return input(prompt)
        except EOFError:
            self._out.line()
            return None
        except KeyboardInterrupt:
            self._out.line()
            return ""

    def _ask(self, question: str) -> None:
        messages = (*self._conversation.messages, User(question))
        narration = Narration(self._out, self._out)
        stream = self._model.stream(messages, **self._options)
        try:
            # Ctrl-C stops this answer; what there is of it counts.
            with suppress(KeyboardInterrupt), stream:
                for event in stream:
                    narration.tell(event)
        finally:
            narration.quiet()
            self._out.end()
        self._conversation = Conversation(stream.reply.messages)
        self._sum_up(stream.reply)

    def _sum_up(self, reply: Reply[str]) -> None:
        if reply.stop != "done":
            self._failed |= not sys.stdin.isatty()
            self._out.line(f"[stopped: {reply.stop}]", "note")
        elif self._out.shown:
            speed = f"{reply.timing.tokens_per_second:,.0f} tokens/s"
            self._out.line(f"{reply.usage.output_tokens} tokens, {speed}", "note")

    def _command(self, name: str, argument: str = "") -> None:
        match name, argument:
            case "help", "":
                self._out.line(HELP, "note")
            case "save", path if path:
                self._conversation.save(path)
                self._out.line(f"saved {len(self._conversation.messages)} messages")
            case "load", path if path:
                self._conversation = Conversation.load(path)
                self._out.line(f"loaded {len(self._conversation.messages)} messages")
            case "fork", "":
                self._forked.append(self._conversation)
            case "back", "" if self._forked:
                self._conversation = self._forked.pop()
            case "history", "":
                self._history()
            case _:
                self._failed |= not sys.stdin.isatty()
                self._out.line(f"/{name} {argument}".rstrip() + "? " + HELP, "error")

    def _history(self) -> None:
        for message in self._conversation.messages:
            match message:
                case System(text):
                    self._out.line(f"system: {text}", "note")
                case User(text):
                    self._out.line(f"> {text}", "question")
                case ToolResult(_, text, name):
                    self._out.line(f"← {name}: {text}", "tool")
                case Assistant():
                    if message.thinking:
                        self._out.line(message.thinking, "thinking")
                    if message.text:
                        self._out.line(message.text)
                    for call in message.calls:
                        self._out.line(f"→ {call.name}({call.arguments})", "tool")


def _edit_lines() -> None:
    """Arrow keys and history in ``input``, where the platform has them."""
    with suppress(ImportError):
        import readline  # noqa: F401  importing it is what does it
