"""``dsagent chat``: a conversation with a model, on a terminal or through pipes.

What must stay true: every answer is in the history as far as it got, so Ctrl-C stops
an answer, or a command, and not the conversation; and through a pipe each line is a
question, with the same commands.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dsagent.approvals import pending
from dsagent.cli.options import opened, telling
from dsagent.cli.terminal import Narration, Terminal
from dsagent.errors import DSAgentError
from dsagent.messages import Assistant, System, ToolResult, User
from dsagent.progress import Bar

if TYPE_CHECKING:
    from argparse import Namespace

    from dsagent.approvals import Decision
    from dsagent.messages import ToolCall
    from dsagent.reply import Reply
    from dsagent.sync import Chat, Model, RunStream

HELP = """\
/save FILE   keep the conversation in a file
/load FILE   go on with one that was kept
/fork        try something on a copy; /back returns to where you forked
/resume      go on with an answer that was stopped
/allow       make the call that waits for a yes; /deny WHY doesn't, and tells why
/history     show the conversation
/quit        leave (so does Ctrl-D; Ctrl-C stops an answer)
A line that is to begin with a slash begins with two."""


def chat(given: Namespace) -> int:
    """Talk until there are no more questions; 0 if all of them were answered."""
    # What had to be repaired in a file is said here, in the conversation.
    logging.getLogger("dsagent.chatfile").addHandler(logging.NullHandler())
    with opened(given) as (model, options):
        talk = _Talk(model, options, Terminal(sys.stdout), given.keep)
        if given.file is None:
            talk.begin(given.system)
        else:
            talk.load(given.file)
        return talk.run()


class _Talk:
    """The chat, and those it was forked from."""

    def __init__(
        self, model: Model, options: dict[str, Any], out: Terminal, folder: str | None
    ) -> None:
        self._model = model
        self._options = options
        self._out = out
        self._folder = folder
        """Where to keep what was read of the chats that are kept."""
        self._forked: list[Chat] = []
        self._decisions: dict[str, Decision] = {}
        """About the first of the calls that wait."""
        self._failed = False

    def begin(self, system: str | None) -> None:
        """Begin a chat."""
        self._chat = self._model.open_chat(system=system, **self._options)

    def load(self, path: str) -> None:
        """Go on with one that was kept, with the tools there are now.

        Raises:
            ChatFileError: there is no such file, or it holds none.
        """
        self._chat = self._model.load_chat(
            path, tools=self._options["tools"], missing_tools="drop"
        )
        for note in self._chat.notes:
            self._out.line(note, "note")
        self._ask_anew()
        self._keep()

    def run(self) -> int:
        if sys.stdin.isatty():
            self._out.line(f"{self._model.name or 'model'}: /help for help", "note")
        while (line := self._next_line()) is not None:
            text = line.strip()
            if text in ("/quit", "/exit"):
                break
            try:
                self._take(text)
            except KeyboardInterrupt:
                self._refuse("[stopped]")
                self._ask_anew()
            except DSAgentError as error:
                self._failed = True
                self._out.line(f"{type(error).__name__}: {error}", "error")
                self._ask_anew()
        unfinished = self._waiting() is not None and not sys.stdin.isatty()
        return 1 if self._failed or unfinished else 0

    def _take(self, text: str) -> None:
        """Do what a line says."""
        if text.startswith("/") and not text.startswith("//"):
            self._command(*text[1:].split(maxsplit=1))
        elif text:
            question = text.removeprefix("/")
            self._listen(self._chat.stream(question, **self._options))

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

    def _listen(self, stream: RunStream[str]) -> None:
        narration = Narration(self._out, self._out)
        try:
            # Ctrl-C stops this answer; what there is of it counts.
            with suppress(KeyboardInterrupt), stream:
                for event in stream:
                    narration.tell(event)
        finally:
            narration.quiet()
            self._out.end()
        self._sum_up(stream.reply)

    def _sum_up(self, reply: Reply[str]) -> None:
        if reply.stop == "approval":
            self._ask_anew()
        elif reply.stop != "done":
            self._failed |= not sys.stdin.isatty()
            self._out.line(f"[stopped: {reply.stop}]", "note")
        elif self._out.shown:
            speed = f"{reply.timing.tokens_per_second:,.0f} tokens/s"
            steps = f"{reply.timing.tokens_per_step:.1f} tokens a step"
            tokens = f"{reply.usage.output_tokens} tokens"
            self._out.line(f"{tokens}, {speed}, {steps}", "note")

    def _waiting(self) -> ToolCall | None:
        """The first call that waits and that nothing was said about yet."""
        calls = pending(self._chat.messages)
        return next((call for call in calls if call.id not in self._decisions), None)

    def _ask_anew(self) -> None:
        """Begin with the first call that waits, if any does.

        Wherever what was decided is forgotten, the call that the next answer is about
        has to be shown again: no yes is for another one.
        """
        self._decisions.clear()
        self._ask()

    def _ask(self) -> None:
        """Show the call to decide about, if there is one."""
        call = self._waiting()
        if call is not None:
            asked = f"{call.name}({call.arguments}) waits: /allow, or /deny WHY"
            self._out.line(asked, "question")

    def _decide(self, decision: Decision) -> None:
        """About the call that was shown; the run goes on behind the last of them."""
        call = self._waiting()
        if call is None:
            self._refuse("no call waits for a decision")
            return
        self._decisions[call.id] = decision
        if self._waiting() is not None:
            self._ask()
            return
        decisions = dict(self._decisions)
        self._listen(self._chat.stream(**self._options, decisions=decisions))

    def _refuse(self, why: str) -> None:
        """A line that nothing came of: through a pipe that is a failure."""
        self._failed |= not sys.stdin.isatty()
        self._out.line(why, "error")

    def _command(self, name: str = "", argument: str = "") -> None:
        match name, argument:
            case "help", "":
                self._out.line(HELP, "note")
            case "save", path if path:
                self._chat.save(path)
                self._keep()
                self._out.line(f"saved {len(self._chat.messages)} messages")
            case "load", path if path:
                self.load(path)
                self._out.line(f"loaded {len(self._chat.messages)} messages")
            case "fork", "":
                self._forked.append(self._chat)
                self._chat = self._chat.fork()
                self._ask_anew()
            case "back", "" if self._forked:
                self._chat = self._forked.pop()
                self._ask_anew()
            case "resume", "" if pending(self._chat.messages):
                self._ask_anew()
            case "resume", "":
                self._listen(self._chat.stream(**self._options))
            case "allow", "":
                self._decide(True)
            case "deny", why:
                self._decide(why or False)
            case "history", "":
                self._history()
            case _:
                self._refuse(f"/{name} {argument}".rstrip() + "? " + HELP)

    def _keep(self) -> None:
        """Begin where this chat was kept, or keep it there."""
        if self._folder is not None:
            with (
                telling(self._out),
                Bar("reading", unit="tokens", out=self._out.out) as bar,
            ):
                self._chat.keep(self._folder, progress=bar)

    def _history(self) -> None:
        for message in self._chat.messages:
            match message:
                case System(text):
                    self._out.line(f"system: {text}", "note")
                case User(text):
                    for document in message.documents:
                        self._out.line(f"[{document.name}]", "note")
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
