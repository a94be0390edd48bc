"""The answer of a run: whether it is what was asked for, and what to say if not.

What must stay true: nothing is handed out that was not validated; a model that is
asked again sees its latest attempt and what was wrong with it, never the earlier ones;
and an attempt that was put right leaves no trace in the conversation, though its tokens
are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from dsagent.errors import InvalidOutput
from dsagent.messages import User
from dsagent.output import InvalidValue
from dsagent.tools.validation import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.documents import Document
    from dsagent.messages import Assistant, Message
    from dsagent.output import Output

T = TypeVar("T")


class AnswerCheck(Generic[T]):
    """Reads the answers of one run, until one of them fits."""

    def __init__(self, output: Output[T], documents: Sequence[Document] = ()) -> None:
        """Read answers as ``output``, with quotes from ``documents`` in them."""
        self._output = output
        self._documents = documents
        self._rejected: tuple[Message, ...] = ()
        self.value: T | None = None
        """Of the answer that fitted."""
        self.problems: tuple[str, ...] = ()
        """What is wrong with the latest answer; empty if it fitted."""
        self.failures = 0
        """Answers so far that didn't."""

    def fits(self, answer: Assistant) -> bool:
        """Read a turn without calls as the answer."""
        try:
            self.value = self._output.validate(answer.text, self._documents)
        except InvalidValue as error:
            self.problems = tuple(map(str, error.problems))
            self.failures += 1
            return False
        self.problems = ()
        return True

    def without_rejected(
        self, messages: tuple[Message, ...], answer: Assistant
    ) -> tuple[Message, ...]:
        """``messages`` without what the model was told about an earlier attempt, and
        without that attempt, unless it is the ``answer``: nothing has come since."""
        gone = [m for m in self._rejected if m is not answer]
        return tuple(m for m in messages if not any(m is g for g in gone))

    def reject(self, answer: Assistant) -> User:
        """What the model is told about ``answer``, the last one that didn't fit."""
        complaint = User(self.complaint)
        self._rejected = (answer, complaint)
        return complaint

    def error(self) -> InvalidOutput:
        """What to raise when there is no further attempt."""
        found = "".join(f"\n- {problem}" for problem in self.problems)
        return InvalidOutput(
            f"no answer fitted what was asked for ({self.failures} attempts made); in "
            f"the last one:{found}",
            errors=self.problems,
        )

    @property
    def complaint(self) -> str:
        """What is wrong with the latest answer, for the model."""
        return (
            f"Your answer doesn't fit the schema:{listed(self.problems)}\n"
            "Write the whole answer again, corrected."
        )
