"""Documents: texts a question is asked about.

A document goes into the prompt in front of the question, under its name and between
two lines that mark its begin and end. It is content: whatever it spells, it can't
become control (the tokenizer sees to that), and nothing of it is rewritten. Places in
it are offsets into ``text``; ``locate`` says where a reader finds one, and ``find``
where a quotation comes from.

``Quote`` is the type of a quotation in an answer. What must stay true: whatever made
it, a model or a file, a quote in an answer of a run has been found in a document of
that run, and its places are all there are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

from dsagent.encoding.quotes import FORMAT, is_whole
from dsagent.errors import DocumentError
from dsagent.extract import extract

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_core.core_schema import CoreSchema, ValidationInfo

    from dsagent.extract import Kind


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a document: ``document.text[span.start : span.stop]``."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where to look for a place in a document. Both numbers count from 1."""

    line: int
    """Of the page, or of the whole document if it has no pages."""
    page: int | None = None

    def __str__(self) -> str:
        line = f"line {self.line}"
        return line if self.page is None else f"page {self.page}, {line}"


@dataclass(frozen=True, slots=True)
class Document:
    """A text with a name.

    >>> letter = Document("letter.txt", "Dear Ada,\\nthe ferry leaves at 9:40.")
    >>> (span,) = letter.find("ferry")
    >>> str(letter.locate(span.start))
    'line 2'
    >>> reply = await model.chat("When does it leave?", documents=[letter])
    """

    name: str
    """What the model may call it: a file name, a title."""
    text: str
    pages: Annotated[tuple[int, ...], Field(exclude_if=lambda pages: not pages)] = (
        field(default=(), kw_only=True, repr=False)
    )
    """The offset at which each page begins, the first one's included. Empty if the
    source has no pages."""

    def __post_init__(self) -> None:
        if not self.name.strip() or len(self.name.splitlines()) > 1:
            raise DocumentError(
                f"a document's name is one line of text, not {self.name!r}"
            )
        starts = (*self.pages, len(self.text))
        if self.pages and (starts[0] != 0 or list(starts) != sorted(starts)):
            raise DocumentError(
                f"the pages of {self.name} don't divide its text: they are offsets "
                f"from 0 to {len(self.text)}, in order"
            )

    @classmethod
    def read(
        cls, path: str | Path, *, name: str | None = None, kind: Kind | None = None
    ) -> Document:
        """Read a file: text of any sort (Markdown stays as it is), HTML or PDF.

        Blocks while it reads, and a long PDF takes seconds; in an event loop it can be
        given to a thread: ``await anyio.to_thread.run_sync(Document.read, path)``.

        Args:
            path: The file.
            name: What to call it; the file's own name by default.
            kind: "text", "html" or "pdf"; seen from the name and the first bytes if
                not given.

        Raises:
            DocumentError: there is no such file, or no text can be got out of it.
            Unsupported: it takes a package that isn't installed.
        """
        path = Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DocumentError(
                f"the document {path} can't be read: {error.strerror or error}"
            ) from error
        return cls._of(data, name or path.name, kind, source=str(path))

    @classmethod
    def from_bytes(
        cls, data: bytes, *, name: str, kind: Kind | None = None
    ) -> Document:
        """Make a document of a file's content; as ``read`` otherwise."""
        return cls._of(data, name, kind, source=name)

    @classmethod
    def _of(cls, data: bytes, name: str, kind: Kind | None, *, source: str) -> Document:
        extracted = extract(data, source, kind)
        return cls(name, extracted.text, pages=extracted.pages)

    def locate(self, offset: int) -> Anchor:
        """Where a reader finds the character at ``offset``.

        Raises:
            IndexError: the text has no such place.
        """
        if not 0 <= offset <= len(self.text):
            raise IndexError(
                f"offset {offset} is outside of {self.name}, which has "
                f"{len(self.text)} characters"
            )
        page = bisect_right(self.pages, offset)
        start = self.pages[page - 1] if page else 0
        line = self.text.count("\n", start, offset) + 1
        return Anchor(line, page or None)

    def find(self, quote: str, *, loose: bool = False) -> list[Span]:
        """Every place where the text says ``quote``, overlapping ones included.

        Args:
            quote: Some words of the document, verbatim. Nothing is found of "".
            loose: Take any run of white space for any other, so that a quotation is
                found across the line ends of its source.
        """
        pattern = re.escape(quote)
        if loose:
            pattern = r"\s+".join(re.escape(word) for word in quote.split())
        if not pattern:
            return []
        # A lookahead takes up no characters, so a match may begin inside another.
        matches = re.finditer(f"(?=({pattern}))", self.text)
        return [Span(*match.span(1)) for match in matches]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands."""

    document: str
    """The document's name."""
    start: int
    """``text[start:stop]`` of the document is the quote."""
    stop: int


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a document, for the type of an answer::

        class Answer(BaseModel):
            text: str
            source: Quote

        reply = await model.chat(question, documents=[letter], output=Answer)
        reply.output.source.text, reply.output.source.places

    What the model can write there is restricted to whole words that stand verbatim in
    one of the run's documents, those of earlier questions included. It writes the words
    alone; where they stand is found when the answer is read.

    As JSON, a quote that has been found is its text and its places, and is read back
    from that. It is the one form there is outside of a run.
    """

    text: str
    """The words, exactly as the document has them."""
    places: tuple[Place, ...]
    """Everywhere that the run's documents say this, in their order; at least one."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Quote], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        # Written out: a second use of the class's own schema would be a reference to
        # it, past the validator around it.
        places = handler.generate_schema(tuple[Place, ...])
        fields = [
            core_schema.dataclass_field("text", core_schema.str_schema()),
            core_schema.dataclass_field("places", places),
        ]
        arguments = core_schema.dataclass_args_schema(cls.__name__, fields)
        saved = core_schema.dataclass_schema(
            cls, arguments, ["text", "places"], slots=True, frozen=True
        )
        return core_schema.with_info_wrap_validator_function(_found, saved)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        if handler.mode == "serialization":
            return {**handler(schema), "description": "Words of a document."}
        return {
            "type": "string",
            "format": FORMAT,
            "description": "Words of a document, copied exactly.",
        }


def _found(
    value: object, read: core_schema.ValidatorFunctionWrapHandler, info: ValidationInfo
) -> Quote:
    """A quote from what is in an answer: in a run, words that are to be found; outside
    of one, a quote that has been."""
    documents = (info.context or {}).get("documents")
    if documents is None or isinstance(value, Quote):
        if isinstance(value, str):
            raise ValueError(
                "a quote is found in the documents of a run, and this is outside of "
                'one; validate with context={"documents": [...]}'
            )
        quote: Quote = read(value)
        return quote
    if not isinstance(value, str):
        raise ValueError("a quote is written as its words alone, a string")
    places = places_of(value, documents)
    if not places:
        raise ValueError(
            "these words stand in none of the documents; copy whole words exactly"
        )
    return Quote(value, places)


def places_of(text: str, documents: Iterable[Document]) -> tuple[Place, ...]:
    """Every place where ``documents`` say ``text`` in whole words."""
    return tuple(
        Place(document.name, span.start, span.stop)
        for document in documents
        for span in document.find(text)
        if is_whole(document.text, span.start, span.stop)
    )


def with_documents(prompt: str, documents: Iterable[Document]) -> str:
    """The text of a user message that asks ``prompt`` about ``documents``."""
    return "".join(map(block, documents)) + prompt


def block(document: Document) -> str:
    """A document as it is written in a prompt."""
    return (
        f"[file name]: {document.name}\n"
        f"[file content begin]\n{document.text}\n[file content end]\n"
    )
