"""Everything dsagent raises on purpose.

::

    DSAgentError
    ├─ LoadError            the model's files can't be used
    │   ├─ MissingWeights       nothing there, or a part of it is missing
    │   ├─ CorruptCheckpoint    the files are there and can't be read
    │   ├─ UnsupportedDevice    this machine can't hold it where it was asked to
    │   └─ MemoryTooSmall       no conversation fits in what it was given
    ├─ DefinitionError      a tool or a schema that can't work, when it is defined
    ├─ InvalidMessages      a conversation that can't be continued
    ├─ InvalidDecision      about a call that can't be decided about      .call_id
    ├─ DocumentError        a document that is no text
    ├─ ChatFileError        a saved chat that can't be read, or not be written
    ├─ PrefixFileError      a saved prefix that can't be read or written   .damaged
    ├─ ChatBusy             a second send while one is going on
    ├─ ContextOverflow      too long, said before any work   .needed .limit .parts
    ├─ RunError             a run that began and broke off   .reply
    │   ├─ LimitReached         a limit, with on_limit="raise"
    │   ├─ InvalidOutput        no answer fitted, with on_limit="raise"  .errors
    │   ├─ ToolFailed           a tool that may not fail failed          .call
    │   ├─ EngineError          the engine broke
    │   └─ DeadlineExceeded     not finished in time  .phase .seconds .done .total
    ├─ NoOutput             the output of a reply that has none
    ├─ ToolServerError      a server of tools can't be reached or used
    ├─ Unsupported          this build, backend or model can't do that
    ├─ QueueFull            more requests are waiting than the engine keeps
    └─ Closed               used after ``close``

What must stay true: a message names the thing it is about and the way out; facts a
program may want are attributes, not only words; and this module imports nothing, so
that every layer can raise from it. Cancellation is not here: it is the event loop's
own exception and is never wrapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Literal

    from dsagent.messages import ToolCall
    from dsagent.reply import Reply

__all__ = [
    "ChatBusy",
    "ChatFileError",
    "Closed",
    "ContextOverflow",
    "CorruptCheckpoint",
    "DSAgentError",
    "DeadlineExceeded",
    "DefinitionError",
    "DocumentError",
    "EngineError",
    "InvalidDecision",
    "InvalidMessages",
    "InvalidOutput",
    "LimitReached",
    "LoadError",
    "MemoryTooSmall",
    "MissingWeights",
    "NoOutput",
    "PrefixFileError",
    "QueueFull",
    "RunError",
    "ToolFailed",
    "ToolServerError",
    "Unsupported",
    "UnsupportedDevice",
]


class DSAgentError(Exception):
    """The root of everything in this module.

    >>> try:
    ...     Document.read("nowhere.txt")
    ... except DSAgentError as error:
    ...     print(error)
    the document nowhere.txt can't be read: No such file or directory
    """


class LoadError(DSAgentError):
    """The files of a model can't be used. The message names the file.

    >>> try:
    ...     await Model.load("nowhere")
    ... except LoadError as error:
    ...     print(type(error).__name__)
    MissingWeights
    """


class MissingWeights(LoadError):
    """There is no such model, or a file or a tensor of it is not there."""


class CorruptCheckpoint(LoadError):
    """A file of the model is cut off, or isn't what its name says."""


class UnsupportedDevice(LoadError):
    """The device asked for doesn't exist here, or can't hold this model."""


class DefinitionError(DSAgentError):
    """A tool or a schema that can't work. Raised where it is defined.

    >>> @tool
    ... def get_time(city):
    ...     "Time in a city."
    Traceback (most recent call last):
        ...
    dsagent.errors.DefinitionError: ...city...
    """


class InvalidMessages(DSAgentError):
    """A list of messages that is no conversation, such as a call with no result.

    >>> await model.chat([System("Be brief.")])
    Traceback (most recent call last):
        ...
    dsagent.errors.InvalidMessages: the conversation ends in a System message, ...
    """


class InvalidDecision(DSAgentError):
    """A decision about a call that doesn't wait for one, or not for this one; or none
    where one is needed. Nothing has been done."""

    def __init__(self, message: str, call_id: str) -> None:
        super().__init__(message)
        self.call_id = call_id
        """The call it is about."""


class DocumentError(DSAgentError):
    """A file that can't be read as a document.

    >>> Document("", "Dear Ada,")
    Traceback (most recent call last):
        ...
    dsagent.errors.DocumentError: a document's name is one line of text, not ''
    """


class ChatFileError(DSAgentError):
    """A file that holds no chat, or can't hold one. The message names it."""


class PrefixFileError(DSAgentError):
    """A file that doesn't hold the saved prefix it should, or a prefix that can't be
    saved. The message names the file."""

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged
        """Whether it is cut off or altered, and so of no use to anybody; otherwise it
        may be another model's or version's, or couldn't be reached."""


class ChatBusy(DSAgentError):
    """A chat is one conversation and does one thing at a time. Fork it, or wait."""


class ContextOverflow(DSAgentError):
    """The prompt and the output asked for don't fit. No work has been done.

    >>> book = Document("book.txt", "It was a dark night. " * 2000)
    >>> try:
    ...     await model.chat("Who did it?", documents=[book])
    ... except ContextOverflow as error:
    ...     print(error.limit, max(error.parts, key=error.parts.__getitem__))
    8192 document 'book.txt'
    """

    def __init__(self, needed: int, limit: int, parts: Mapping[str, int]) -> None:
        super().__init__(needed, limit, parts)
        self.needed = needed
        """Tokens the whole sequence would take, output included."""
        self.limit = limit
        """Tokens there is room for."""
        self.parts = dict(parts)
        """What ``needed`` is made of, in tokens."""

    def __str__(self) -> str:
        parts = ", ".join(f"{name} {count:,}" for name, count in self.parts.items())
        return (
            f"{self.needed:,} tokens are needed and {self.limit:,} fit"
            + (f" ({parts})" if parts else "")
            + "; shorten the largest part, ask for less output, or load the model "
            "with a larger context"
        )


class RunError(DSAgentError):
    """A run that began and broke off. What was done so far is in ``reply``.

    >>> limits = Limits(turns=1, on_limit="raise")
    >>> try:
    ...     await model.chat("How is Oslo?", tools=[get_weather], limits=limits)
    ... except RunError as error:
    ...     print(type(error).__name__, len(error.reply.calls))
    LimitReached 1
    """

    def __init__(self, message: str, reply: Reply[object] | None = None) -> None:
        super().__init__(message)
        self.reply = reply
        """The run until it broke off; None where no run is known yet."""


class LimitReached(RunError):
    """A limit of the run was reached, and it was asked to raise.

    >>> limits = Limits(turns=1, on_limit="raise")
    >>> await model.chat("How is Oslo?", tools=[get_weather], limits=limits)
    Traceback (most recent call last):
        ...
    dsagent.errors.LimitReached: the run reached its limits (1 turns ...
    """


class InvalidOutput(RunError):
    """The answer didn't fit what was asked for, after every attempt, and the run was
    asked to raise."""

    def __init__(
        self,
        message: str,
        reply: Reply[object] | None = None,
        *,
        errors: Sequence[str] = (),
    ) -> None:
        super().__init__(message, reply)
        self.errors = tuple(errors)
        """What was wrong with the last attempt, one problem each."""


class ToolFailed(RunError):
    """A tool that may not fail did. ``__cause__`` is what it raised."""

    def __init__(
        self,
        message: str,
        reply: Reply[object] | None = None,
        *,
        call: ToolCall | None = None,
    ) -> None:
        super().__init__(message, reply)
        self.call = call
        """The call that failed."""


class EngineError(RunError):
    """The engine broke while it ran this request; ``__cause__`` says how.

    >>> from dsagent.testing import ScriptedModel, Step
    >>> broken = ScriptedModel([Step("Sunny", error=EngineError("no memory"))])
    >>> try:
    ...     await broken.chat("How is Oslo?")
    ... except EngineError as error:
    ...     print(error, "after", error.reply.text)
    no memory after Sunny
    """


class DeadlineExceeded(RunError):
    """A request wasn't finished by its deadline. What had been written is delivered.

    >>> late = DeadlineExceeded("prefilling", 2.5, 1024, 8000)
    >>> print(late)
    the deadline of 2.5 s passed when 1,024 of 8,000 prompt tokens had been read; ...
    """

    def __init__(
        self,
        phase: Literal["queued", "prefilling", "decoding", "between"],
        seconds: float,
        done: int,
        total: int,
        reply: Reply[object] | None = None,
    ) -> None:
        super().__init__("", reply)
        self.args = (phase, seconds, done, total)
        self.phase = phase
        """Where it was: waiting for storage, reading its prompt, writing, or between
        two turns of a run, where its tools are called."""
        self.seconds = seconds
        """The deadline, from the request's submission on, or from the run's start."""
        self.done = done
        """Tokens read, or written when it was ``decoding``; or turns that were made."""
        self.total = total
        """Tokens of the prompt, or those it might have written; or calls made."""

    def __str__(self) -> str:
        passed = f"the deadline of {self.seconds:g} s passed when"
        match self.phase:
            case "queued":
                return (
                    f"{passed} the request was still waiting for others to end; give "
                    "it more time or a higher priority, or ask less at once"
                )
            case "prefilling":
                return (
                    f"{passed} {self.done:,} of {self.total:,} prompt tokens had been "
                    "read; give it more time or a shorter prompt"
                )
            case "decoding":
                return (
                    f"{passed} {self.done:,} of at most {self.total:,} tokens had been "
                    "written; give it more time, or ask for less output"
                )
            case "between":
                return (
                    f"{passed} {self.done:,} turns and {self.total:,} calls had been "
                    "made; give it more time, or its tools a timeout of their own"
                )


class NoOutput(DSAgentError):
    """``reply.output`` was read, but the run ended before there was one that fits.

    >>> reply = await model.chat("How is Oslo?", limits=Limits(output_tokens=3))
    >>> reply.output
    Traceback (most recent call last):
        ...
    dsagent.errors.NoOutput: this run has no output: it ended with stop='length'; ...
    """


class ToolServerError(DSAgentError):
    """A server of tools isn't there, doesn't speak its protocol, or lacks a tool."""


class Unsupported(DSAgentError):
    """What was asked for can't be done here. The message names the feature.

    >>> from dsagent.engine.config import ModelConfig
    >>> ModelConfig.from_json({"model_type": "llama"})
    Traceback (most recent call last):
        ...
    dsagent.errors.Unsupported: config: model_type is 'llama'; this engine runs ...
    """


class MemoryTooSmall(LoadError):
    """The memory that the engine may use has no room for a single conversation.

    >>> try:
    ...     model = await Model.load(engine=EngineConfig(memory=1_000_000))
    ... except MemoryTooSmall as error:
    ...     print("give it more:", error)
    """


class QueueFull(DSAgentError):
    """More requests are waiting than the engine keeps. Try again when some end.

    >>> try:
    ...     said = (await model.chat("How is Oslo?")).text
    ... except QueueFull:
    ...     said = "Too many questions at the moment; try again."
    """


class Closed(DSAgentError):
    """The model or engine was closed before this call.

    >>> await model.close()
    >>> await model.chat("How is Oslo?")
    Traceback (most recent call last):
        ...
    dsagent.errors.Closed: this model was closed; load it again
    """
