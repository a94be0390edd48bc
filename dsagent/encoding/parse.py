"""The model's completion to reasoning, answer and tool calls, as it streams.

A completion is reasoning, ``</think>``, an answer and perhaps a block of calls written
in tags around the control token of ``tokens.DSML``. Real completions bend the format,
so reading is tolerant: markup never reaches the reader of the answer, an argument is
never made up, and one bad call does not hide the good ones.

What must stay true:

- Every character is looked at a bounded number of times. Only text that may be the
  beginning of a marker waits, about twenty characters at most.
- Any chunking of a completion gives the same events after joining neighbours.
- Fed with token ids, only single control tokens are structure. A marker that is
  spelled in ordinary tokens is text, so a model may quote what it must not say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dsagent.encoding.events import (
    CallArgument,
    CallBroken,
    CallEnd,
    CallStart,
    ContentText,
    ParsedCall,
    ParsedMessage,
    ParseEvent,
    ParseWarning,
    ThinkingEnd,
    ThinkingText,
    coalesce,
    collect,
    finish_reason,
)
from dsagent.encoding.machine import Machine, Schemas
from dsagent.encoding.pieces import Piece, scalars
from dsagent.encoding.spelling import FLAGGED, LITERAL
from dsagent.encoding.tokens import EOS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dsagent.encoding.tokenizer import Tokenizer

__all__ = [
    "CallArgument",
    "CallBroken",
    "CallEnd",
    "CallStart",
    "ContentText",
    "ParseEvent",
    "ParseWarning",
    "ParsedCall",
    "ParsedMessage",
    "Parser",
    "Schemas",
    "ThinkingEnd",
    "ThinkingText",
    "coalesce",
    "collect",
    "parse",
]


class Parser:
    """Reads one completion.

    Args:
        thinking: Whether the prompt ended in ``<think>``, so that reasoning comes
            first.
        tokenizer: Whose ids will be fed. Without one the parser reads bare text, in
            which a marker and its spelling are the same.
        calls: Whether tools were offered. If not, markup is text like any other.
        schemas: The argument schemas of the offered tools, where known. They only
            serve to recognise arguments that the model wrapped up in one parameter.

    A prompt that ends inside the completion (a forced call, an answer to be continued)
    needs no special start: feed what it ends with first and ignore those events.
    """

    def __init__(
        self,
        *,
        thinking: bool,
        tokenizer: Tokenizer | None = None,
        calls: bool = True,
        schemas: Schemas | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._decoder = None if tokenizer is None else tokenizer.stream()
        self._spelling = LITERAL if tokenizer is None else FLAGGED
        self._machine = Machine(
            self._spelling, thinking=thinking, calls=calls, schemas=schemas or {}
        )
        self._ended = False

    @property
    def done(self) -> bool:
        """Whether nothing that follows can matter: generation may stop."""
        return self._ended or self._machine.done

    @property
    def call_count(self) -> int:
        """How many complete calls there are so far."""
        return self._machine.completed

    def finish_reason(self, finish: str) -> str:
        """What a client is told if the engine stops now for the reason ``finish``."""
        return finish_reason(finish, calls=self._machine.completed)

    def feed(self, text: str) -> list[ParseEvent]:
        """Read text. With a tokenizer it is plain text, whatever it spells."""
        return self.feed_pieces([Piece(text)])

    def feed_pieces(self, pieces: Iterable[Piece]) -> list[ParseEvent]:
        """Read text in which control tokens are flagged (flags need a tokenizer)."""
        return self._read(
            self._ids_text([self._reader().id_of(piece.text)])
            if piece.marker
            else self._plain_text(piece.text)
            for piece in pieces
        )

    def feed_ids(self, ids: Iterable[int]) -> list[ParseEvent]:
        """Read token ids (needs a tokenizer); the end-of-sentence id ends the text."""
        return self._read([self._ids_text(ids)])

    def finish(self, reason: str = "stop") -> list[ParseEvent]:
        """The completion is over.

        Args:
            reason: ``stop`` if the model ended its turn. For anything else, a call
                that is still open counts as cut short.
        """
        events = self._machine.read(self._close_character())
        self._ended = True
        return coalesce(events + self._machine.finish(reason))

    def _read(self, texts: Iterable[Iterable[str]]) -> list[ParseEvent]:
        """Read until the end of the sentence, which ``texts`` notices on its way."""
        return self._machine.read("".join(part for text in texts for part in text))

    def _plain_text(self, text: str) -> Iterator[str]:
        if not self._ended:
            yield self._close_character()
            yield text if self._tokenizer is None else scalars(text)

    def _ids_text(self, ids: Iterable[int]) -> Iterator[str]:
        tokenizer = self._reader()
        for token_id in ids:
            if self._ended:
                return
            if token_id not in tokenizer.control_ids:
                yield self._token_text(token_id)
                continue
            yield self._close_character()
            if token_id == tokenizer.eos:
                self._ended = True
                return
            yield self._spelling.marker(tokenizer.text_of(token_id))

    def _token_text(self, token_id: int) -> str:
        return "" if self._decoder is None else self._decoder.feed(token_id)

    def _close_character(self) -> str:
        """The end of a character that no longer can be completed."""
        return "" if self._decoder is None else self._decoder.finish()

    def _reader(self) -> Tokenizer:
        if self._tokenizer is None:
            raise TypeError("this parser reads text; give it a tokenizer to read ids")
        return self._tokenizer


def parse(
    completion: str | Sequence[int],
    *,
    thinking: bool,
    finish: str = "stop",
    tokenizer: Tokenizer | None = None,
    calls: bool = True,
    schemas: Schemas | None = None,
) -> ParsedMessage:
    """Read a whole completion; the same as ``Parser`` fed once.

    Args:
        completion: Text, in which a final end-of-sentence marker is allowed, or token
            ids, which need a tokenizer.
        thinking: Whether the prompt ended in ``<think>``.
        finish: Why the engine stopped.
        tokenizer: Whose ids the completion has.
        calls: Whether tools were offered.
        schemas: Argument schemas by tool name.
    """
    parser = Parser(
        thinking=thinking, tokenizer=tokenizer, calls=calls, schemas=schemas
    )
    if isinstance(completion, str):
        events = parser.feed(completion.removesuffix(EOS))
    else:
        events = parser.feed_ids(completion)
    return collect(events + parser.finish(finish), finish)
