"""Text for people: styled on a terminal, plain everywhere else.

Styles are rich's work, where rich is installed (the ``cli`` extra); without it, and in
pipes and files, labels say what styles would. On a terminal, control characters in what
is shown become visible signs: a model or a tool that writes escape sequences must not
recolour, clear or retitle anybody's terminal. A pipe gets every character as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from dsagent.events import (
    PrefillProgress,
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
    ToolFinished,
    ToolProgress,
    TurnFinished,
)
from dsagent.progress import Bar

if TYPE_CHECKING:
    from typing import TextIO

    from rich.console import Console

    from dsagent.events import Event

Style = Literal["plain", "thinking", "tool", "note", "error", "control", "question"]

_STYLES: Final[dict[Style, str]] = {
    "plain": "",
    "thinking": "dim italic",
    "tool": "cyan",
    "note": "dim",
    "error": "bold red",
    "control": "bold black on yellow",
    "question": "bold",
}
_SIGNS: Final = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
"""What is shown for a control character: its sign, as Unicode has one for each."""
_LONG_RESULT = 400
"""Characters of a tool's result that are shown."""
_LONG_PROMPT = 256
"""Tokens to read from which that is worth a bar."""


class Terminal:
    """A stream to write to."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.shown = out.isatty()
        """Whether somebody watches, rather than a pipe or a file."""
        self._console = _console(out) if self.shown else None
        self._column_zero = True

    @property
    def styled(self) -> bool:
        """Whether styles can be seen."""
        return self._console is not None

    def write(self, text: str, style: Style = "plain") -> None:
        """Write text at once, without a line break of its own."""
        if not text:
            return
        self._column_zero = text.endswith("\n")
        if self.shown:
            text = text.translate(_SIGNS)
        if self._console is None:
            self.out.write(text)
        else:
            from rich.text import Text

            styled = Text(text, _STYLES[style])
            self._console.print(styled, end="", soft_wrap=True)
        self.out.flush()

    def line(self, text: str = "", style: Style = "plain") -> None:
        """A line of its own, after ending the one that was begun."""
        self.end()
        self.write(text, style)
        self.out.write("\n")
        self._column_zero = True

    def end(self) -> None:
        """End the line, if one was begun."""
        if not self._column_zero:
            self.out.write("\n")
            self._column_zero = True


def _console(out: TextIO) -> Console | None:
    try:
        from rich.console import Console
    except ImportError:
        return None
    console = Console(file=out, highlight=False, markup=False, emoji=False)
    return None if console.no_color else console


class Narration:
    """Tells the events of a run as they happen."""

    def __init__(self, answers: Terminal, asides: Terminal) -> None:
        """Make one.

        Args:
            answers: Gets what the model says.
            asides: Gets thinking, calls and progress; may be the same.
        """
        self._answers = answers
        self._asides = asides
        self._thinking = False
        self._bar: Bar | None = None

    def tell(self, event: Event) -> None:
        """Show what an event means to somebody who watches."""
        if isinstance(event, PrefillProgress):
            self._reading(event)
            return
        self.quiet()
        match event:
            case ThinkingDelta(text):
                if not self._thinking and not self._asides.styled:
                    self._asides.write("thinking: ")
                self._thinking = True
                self._asides.write(text, "thinking")
            case TextDelta(text):
                self._end_thinking()
                self._answers.write(text)
            case ToolCallReady(call):
                self._aside(f"→ {call.name}({call.arguments})", "tool")
            case ToolProgress(call, message, fraction):
                share = "" if fraction is None else f" {fraction:.0%}"
                self._aside(f"  {call.name}{share} {message}".rstrip(), "note")
            case ToolFinished(call, result):
                style: Style = "tool" if result.ok else "error"
                self._aside(f"← {call.name}: {_shortened(result.text)}", style)
            case TurnFinished():
                self._end_thinking()
                self._answers.end()

    def quiet(self) -> None:
        """Take away what is only shown while nothing else happens."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _reading(self, event: PrefillProgress) -> None:
        short = event.total - event.cached < _LONG_PROMPT
        if short or not self._asides.shown:
            return
        if self._bar is None:
            self._bar = Bar("reading", unit="tokens", out=self._asides.out)
        self._bar(event.done, event.total)

    def _aside(self, text: str, style: Style) -> None:
        self._end_thinking()
        self._answers.end()
        self._asides.line(text, style)

    def _end_thinking(self) -> None:
        if self._thinking:
            self._asides.end()
        self._thinking = False


def _shortened(text: str) -> str:
    if len(text) <= _LONG_RESULT:
        return text
    return f"{text[:_LONG_RESULT]}… ({len(text):,} characters)"
