"""Documents: texts a question is asked about.

A document goes into the prompt in front of the question, under its name and between
two lines that mark its begin and end. It is content: whatever it spells, it can't
become control (the tokenizer sees to that), and nothing of it is rewritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dsagent.errors import DocumentError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PEEK = 8192
"""Bytes looked at to tell text from something else."""


@dataclass(frozen=True, slots=True)
class Document:
    """A text with a name."""

    name: str
    """What the model may call it: a file name, a title."""
    text: str

    def __post_init__(self) -> None:
        if not self.name.strip() or "\n" in self.name:
            raise DocumentError(
                f"a document's name is one line of text, not {self.name!r}"
            )

    @classmethod
    def read(cls, path: str | Path, *, name: str | None = None) -> Document:
        """Read a UTF-8 text file.

        Args:
            path: The file.
            name: What to call it; the file's own name by default.

        Raises:
            DocumentError: there is no such file, or it isn't text.
        """
        path = Path(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise DocumentError(
                f"the document {path} can't be read: {error.strerror or error}"
            ) from error
        if b"\0" in data[:_PEEK]:
            raise DocumentError(
                f"the document {path} isn't text (it holds zero bytes); convert it to "
                "a text file first"
            )
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DocumentError(
                f"the document {path} isn't UTF-8 text (byte {error.start} is "
                f"0x{data[error.start]:02x}); convert it, or decode it yourself and "
                "pass Document(name, text)"
            ) from error
        return cls(name or path.name, text)


def with_documents(prompt: str, documents: Iterable[Document]) -> str:
    """The text of a user message that asks ``prompt`` about ``documents``."""
    blocks = "".join(
        f"[file name]: {document.name}\n"
        f"[file content begin]\n{document.text}\n[file content end]\n"
        for document in documents
    )
    return blocks + prompt
