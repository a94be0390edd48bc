"""What a run comes back with: the answer, how it was reached, and what it cost.

A reply is a value. It is complete whenever it exists, also for a run that was
cancelled or stopped half way: then it holds what was done so far and ``stop`` says
why there is no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, TypeAlias, TypeVar, cast

from dsagent.approvals import pending
from dsagent.errors import NoOutput

if TYPE_CHECKING:
    from dsagent.encoding.grammar import GrammarNote
    from dsagent.messages import Message, ToolCall

T_co = TypeVar("T_co", covariant=True)

Stop: TypeAlias = Literal[
    "done", "approval", "limit", "length", "invalid", "cancelled", "error"
]
"""Why a run ended. "done": the model finished its answer. "approval": calls wait for
somebody's decision, see ``Reply.pending``. "limit": a limit of the run. "length": no
tokens were left to write with. "invalid": the answer never fitted the
output that was asked for. "cancelled": somebody gave up on it. "error": it broke off
with an exception."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of a run or of one turn. Turns add up: ``usage + usage``.

    >>> usage = Usage(prompt_tokens=20, turns=1) + Usage(output_tokens=5, turns=1)
    >>> usage.total_tokens, usage.turns
    (25, 2)
    """

    prompt_tokens: int = 0
    """Tokens the model read; a run of several turns reads its beginning again."""
    cached_tokens: int = 0
    """Those of them that cost nothing because they were in a cache."""
    output_tokens: int = 0
    """Tokens the model wrote, thinking and calls included."""
    turns: int = 0
    tool_calls: int = 0
    """Calls the model made, whatever became of them."""

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            turns=self.turns + other.turns,
            tool_calls=self.tool_calls + other.tool_calls,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Where the time of a run went, in seconds."""

    total: float = 0.0
    """From the start of the run to its end, tools included."""
    first_token: float = 0.0
    """From the start of the run to its first token."""
    prefill: float = 0.0
    """Reading prompts, over all turns, waiting in the queue included."""
    decode: float = 0.0
    """Writing, over all turns."""
    decoded: int = 0
    """Tokens written in ``decode``: all but the first of each turn."""
    decode_steps: int = 0
    """Steps of the model that took; fewer than ``decoded`` where drafts stood."""
    accepted: int = 0
    """The drafts that stood: guesses that cost no step of their own."""

    @property
    def tokens_per_second(self) -> float:
        """Writing speed; 0 if too little was written to say."""
        return self.decoded / self.decode if self.decode > 0.0 else 0.0

    @property
    def tokens_per_step(self) -> float:
        """Tokens that a step of the model gave: 1 without drafts; 0 without steps."""
        return self.decoded / self.decode_steps if self.decode_steps else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T_co]):
    """What a run comes back with.

    >>> reply = await model.chat("How is Oslo?", tools=[get_weather])
    >>> reply.text, reply.stop, reply.usage.turns
    ('Sunny in Oslo.', 'done', 2)
    >>> follow_up = [*reply.messages, User("And Rome?")]
    """

    text: str
    """The answer, as far as it got."""
    thinking: str
    """What the model thought before it, in the turn that answered."""
    messages: tuple[Message, ...]
    """The whole conversation: what was asked, and everything since. With another
    ``User`` message at its end it is the prompt of the next run. An answer that was
    put right is not in it."""
    calls: tuple[ToolCall, ...]
    """Every call of this run, in order."""
    usage: Usage
    stop: Stop
    timing: Timing
    value: T_co | None = None
    """What ``output`` hands out."""
    problems: tuple[str, ...] = ()
    """What is wrong with the answer, when ``stop`` is "invalid"."""
    notes: tuple[GrammarNote, ...] = ()
    """What the schemas of this run ask and its grammar can't hold. It is validated, so
    this says where an answer or a call may need another attempt."""

    @property
    def pending(self) -> tuple[ToolCall, ...]:
        """The calls that wait for a decision. To go on, give the messages and
        ``decisions=`` to the next run, in whatever process."""
        return pending(self.messages)

    @property
    def output(self) -> T_co:
        """The answer in the type that was asked for; the text, if none was.

        Raises:
            NoOutput: the run didn't come to an answer, or to none that fits.
        """
        if self.stop != "done":
            found = "".join(f"\n- {problem}" for problem in self.problems)
            raise NoOutput(
                f"this run has no output: it ended with stop={self.stop!r}; "
                f"`text` and `messages` hold what there is{found}"
            )
        # None is a value where the type has it.
        return cast("T_co", self.value)
