"""The control tokens of the DeepSeek-V4 chat format, by text.

A control token is a single vocabulary entry that only the prompt template and the
model may produce. Everything above this module names them by text, because the id of
a token belongs to a tokenizer file: two models may share the format and disagree on
every id. The fullwidth bar is U+FF5C and the low block is U+2581; neither is ASCII.

What must stay true: these texts are the model's, not ours. A changed character here is
a token that the model has never seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final


@unique
class ControlToken(StrEnum):
    """Every marker that the template writes or the parser understands."""

    BOS = "<｜begin▁of▁sentence｜>"
    """Opens a prompt. The template writes it; the tokenizer never adds one."""
    EOS = "<｜end▁of▁sentence｜>"
    """Closes an assistant turn; the token at which generation stops."""
    PAD = "<｜▁pad▁｜>"
    USER = "<｜User｜>"
    ASSISTANT = "<｜Assistant｜>"
    THINK = "<think>"
    END_THINK = "</think>"
    DSML = "｜DSML｜"
    """The heart of every tool-call tag; brackets and tag names are ordinary text."""
    LATEST_REMINDER = "<｜latest_reminder｜>"
    ACTION = "<｜action｜>"
    QUERY = "<｜query｜>"
    AUTHORITY = "<｜authority｜>"
    DOMAIN = "<｜domain｜>"
    TITLE = "<｜title｜>"
    EXTRACTED_URL = "<｜extracted_url｜>"
    READ_URL = "<｜read_url｜>"
    END_OF_QUERY = "<｜end_of_query｜>"
    NOISE = "<｜place▁holder▁no▁799｜>"
    """Fills the unknown places of a speculative draft block; never in a prompt."""


BOS: Final = ControlToken.BOS
EOS: Final = ControlToken.EOS
PAD: Final = ControlToken.PAD
USER: Final = ControlToken.USER
ASSISTANT: Final = ControlToken.ASSISTANT
THINK: Final = ControlToken.THINK
END_THINK: Final = ControlToken.END_THINK
DSML: Final = ControlToken.DSML
LATEST_REMINDER: Final = ControlToken.LATEST_REMINDER
NOISE: Final = ControlToken.NOISE

TASK_TOKENS: Final[dict[str, ControlToken]] = {
    "action": ControlToken.ACTION,
    "query": ControlToken.QUERY,
    "authority": ControlToken.AUTHORITY,
    "domain": ControlToken.DOMAIN,
    "title": ControlToken.TITLE,
    "read_url": ControlToken.READ_URL,
}
"""A message's ``task`` and the token that asks the model for it."""

REQUIRED: Final = (BOS, EOS, USER, ASSISTANT, THINK, END_THINK, DSML)
"""What a tokenizer must have before this package can hold a conversation with it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of prompt: one control token, or plain text that can never be one."""

    text: str
    marker: bool = False
