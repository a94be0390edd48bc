"""The text of a file: plain text in its encodings, HTML, PDF.

What must stay true: what comes out is what a reader of the file sees, in its order,
and nothing is guessed. A file whose text can't be had is an error that says why, never
an empty document or one full of replacement characters.
"""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from dsagent.errors import DocumentError, Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind: TypeAlias = Literal["text", "html", "pdf"]

_PEEK: Final = 8192
"""Bytes looked at to tell one kind of file from another."""
_SUFFIXES: Final[dict[str, Kind]] = {
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
# In this order: the mark of UTF-32 (LE) begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CHARSET: Final = re.compile(rb"""<meta[^>]*charset\s*=\s*["']?([\w.:-]+)""", re.I)


@dataclass(frozen=True, slots=True)
class Extracted:
    """A text, and the offsets at which its pages begin, if it has any."""

    text: str
    pages: tuple[int, ...] = ()


def extract(data: bytes, source: str, kind: Kind | None = None) -> Extracted:
    """Get the text out of a file's content.

    Args:
        data: The content.
        source: Names the file in errors; its suffix tells what it is.
        kind: What it is, if the suffix and the first bytes don't tell.

    Raises:
        DocumentError: there is no text in it that can be read.
        Unsupported: it takes a package that isn't installed.
    """
    match kind or _kind(data, source):
        case "pdf":
            return _pdf(data, source)
        case "html":
            return Extracted(html_text(decode(data, source, _declared(data))))
        case "text":
            return Extracted(decode(data, source))
        case other:
            msg = f"kind is 'text', 'html' or 'pdf', not {other!r}"
            raise ValueError(msg)


def _kind(data: bytes, source: str) -> Kind:
    """What a file is: by its first bytes if they are plain, else by its suffix."""
    if data.startswith(b"%PDF-"):
        return "pdf"
    begin = data[:_PEEK].removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if begin.startswith((b"<!doctype html", b"<html")):
        return "html"
    return _SUFFIXES.get(PurePath(source).suffix.lower(), "text")


def decode(data: bytes, source: str, encoding: str = "utf-8") -> str:
    """The text of bytes in ``encoding``, or in the one their byte order mark names.

    Raises:
        DocumentError: they aren't text, or not in that encoding.
    """
    marked = [name for mark, name in _MARKS if data.startswith(mark)]
    encoding = marked[0] if marked else encoding
    if not marked and b"\0" in data[:_PEEK]:
        raise DocumentError(
            f"the document {source} isn't text (it holds zero bytes); convert it to "
            "a text file first"
        )
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise DocumentError(
            f"the document {source} isn't {name} text (byte {error.start} is "
            f"0x{data[error.start]:02x}); convert it, or decode it yourself and "
            "pass Document(name, text)"
        ) from error


def _declared(data: bytes) -> str:
    """The encoding that an HTML file says it has; UTF-8 if it doesn't."""
    found = _CHARSET.search(data[:_PEEK])
    name = found[1].decode() if found else "utf-8"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def _pdf(data: bytes, source: str) -> Extracted:
    try:
        from pypdf import PdfReader
    except ImportError as error:
        raise Unsupported(
            f"the document {source} is a PDF file, and reading those takes pypdf: "
            "pip install 'dsagent[documents]'"
        ) from error
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise DocumentError(
                f"the document {source} is locked with a password; unlock it first"
            )
        pages = [page.extract_text().rstrip() for page in reader.pages]
    except DocumentError:
        raise
    except Exception as error:  # damaged files end in all sorts of exceptions
        raise DocumentError(
            f"the document {source} can't be read as PDF "
            f"({type(error).__name__}: {error})"
        ) from error
    if not any(pages):
        raise DocumentError(
            f"the document {source} has no text in it; if it is a scan, run text "
            "recognition (OCR) on it first"
        )
    return _joined(pages)


def _joined(pages: Sequence[str]) -> Extracted:
    """Pages as one text, an empty line between them."""
    starts: list[int] = []
    length = 0
    for page in pages:
        starts.append(length)
        length += len(page) + 2
    return Extracted("\n\n".join(pages), tuple(starts))


def html_text(source: str) -> str:
    """What a browser without style sheets would show of an HTML document.

    Paragraphs and headings stand apart, list items and table rows have a line each,
    and preformatted text keeps its lines.
    """
    parser = _Reader()
    parser.feed(source)
    parser.close()
    return parser.text()


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_HIDDEN: Final = _names("script style template noscript svg")
_APART: Final = _names(
    "address article aside blockquote dl fieldset figure footer form h1 h2 h3 h4 h5 "
    "h6 header hr main nav ol p pre section table title ul"
)
"""Elements with an empty line around them."""
_LINES: Final = _names("br caption dd div dt figcaption li option tr")
"""Elements that begin on a line of their own."""


class _Reader(HTMLParser):
    """Collects the visible text of an HTML document."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._out: list[str] = []
        self._hidden: list[str] = []
        """The open elements of which nothing is shown, the outermost first."""
        self._pre = 0
        """How many open elements keep their white space."""
        self._begins = False
        """Whether one has just begun: a line end there is not part of it."""
        self._break = 0
        """Line ends due before the next word."""
        self._space = False
        """Whether a space is due before the next word."""

    def text(self) -> str:
        return "".join(self._out)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        self._edge(tag)
        if tag == "pre":
            self._pre += 1
            self._begins = True
        elif tag == "li" and not self._hidden:
            self._write("- ")
        elif tag in ("td", "th") and self._out and not self._break:
            self._write(" | ")
        elif tag == "img":
            self.handle_data(dict(attrs).get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        if tag == "pre":
            self._pre = max(self._pre - 1, 0)
        self._edge(tag)

    def handle_data(self, data: str) -> None:
        if self._hidden or not data:
            return
        if self._pre:
            self._preformatted(data)
            return
        words = data.split()
        self._space |= data[0].isspace()
        if words:
            self._write(" ".join(words))
            self._space = data[-1].isspace()

    def _preformatted(self, data: str) -> None:
        if self._begins:
            data = data.removeprefix("\n")
            self._begins = False
        body = data.lstrip("\n")
        self._break += len(data) - len(body)
        if body := body.rstrip("\n"):
            self._write(body)
            self._break = len(data) - len(data.rstrip("\n"))

    def _edge(self, tag: str) -> None:
        """Note what the begin or end of an element sets apart."""
        if tag == "br":
            self._break += 1
        elif tag in _APART:
            self._break = max(self._break, 2)
        elif tag in _LINES:
            self._break = max(self._break, 1)

    def _write(self, text: str) -> None:
        if self._out and self._break:
            self._out.append("\n" * self._break)
        elif self._out and self._space and not self._out[-1].endswith(" "):
            self._out.append(" ")
        self._break, self._space = 0, False
        self._out.append(text)
