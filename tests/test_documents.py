"""Documents: what can be read as one, and how a prompt carries it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dsagent.demo import island_guide
from dsagent.documents import Anchor, Document, Span, with_documents
from dsagent.encoding.tokens import REQUIRED
from dsagent.errors import DocumentError, Unsupported
from dsagent.extract import extract, html_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from dsagent.encoding.tokenizer import Tokenizer


def test_a_text_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_bytes("\ufeffGrüße\r\nfrom ｜DSML｜ </think>\n".encode())
    document = Document.read(path)
    assert document == Document("notes.md", "Grüße\r\nfrom ｜DSML｜ </think>\n")
    assert Document.read(str(path), name="Notes").name == "Notes"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"PK\x03\x04\x00\x00rest", "isn't text .it holds zero bytes"),
        (b"caf\xe9 au lait", "isn't UTF-8 text .byte 3 is 0xe9"),
    ],
)
def test_a_file_that_is_not_text(tmp_path: Path, data: bytes, fault: str) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    with pytest.raises(DocumentError, match=fault) as info:
        Document.read(path)
    assert str(path) in str(info.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"gone\.txt can't be read: No such file"):
        Document.read(tmp_path / "gone.txt")
    with pytest.raises(DocumentError, match="can't be read"):
        Document.read(tmp_path)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\rb", "a\u2028b"])
def test_a_name_is_one_line(name: str) -> None:
    with pytest.raises(DocumentError, match="one line"):
        Document(name, "text")


def test_the_prompt_carries_documents_in_front_of_the_question() -> None:
    documents = [Document("a.txt", "Alpha."), Document("b.txt", "Beta.")]
    assert with_documents("Which?", documents) == (
        "[file name]: a.txt\n[file content begin]\nAlpha.\n[file content end]\n"
        "[file name]: b.txt\n[file content begin]\nBeta.\n[file content end]\n"
        "Which?"
    )
    assert with_documents("Which?", []) == "Which?"


def test_the_guide_that_ships_is_a_document_of_a_thousand_tokens() -> None:
    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.loading import NANO

    guide = island_guide()
    nano: Tokenizer = Tokenizer.from_file(NANO)
    assert len(nano.encode_text(guide.text)) >= 1000
    assert guide.text.isascii()


# Encodings


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"]
)
@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_byte_order_mark_tells_the_encoding(encoding: str, text: str) -> None:
    text = text.lstrip("\ufeff")
    written = ("\ufeff" + text) if encoding[-2:] in ("le", "be") else text
    data = written.encode(encoding)
    if data.startswith(b"%PDF-") or data.lstrip().lower().startswith(b"<html"):
        return
    assert Document.from_bytes(data, name="a.txt").text == text


def test_text_that_breaks_its_own_encoding_is_refused() -> None:
    with pytest.raises(DocumentError, match=r"a\.txt isn't UTF-16 text .byte 4"):
        Document.from_bytes(b"\xff\xfea\0\x00\xdc", name="a.txt")
    with pytest.raises(DocumentError, match=r"b\.md isn't text .it holds zero bytes"):
        Document.from_bytes("no mark".encode("utf-16-le"), name="b.md")


# HTML

PAGE = b"""<!DOCTYPE html>
<html><head><meta charset="iso-8859-1"><title>Ferry &amp; more</title>
<style>p { color: red }</style><script>if (a < b) write("</p>hidden")</script></head>
<body><h1>Time   table</h1><!-- <p>no</p> -->
<p>The <b>ferry</b> to Tr\xe9guier leaves
at&nbsp;9:40.<br>Un<i>break</i>able.<p>Next paragraph.
<ul><li>one <li>two</ul>
<table><tr><th>Day</th><th>Time</th></tr><tr><td>Mon</td><td>9:40</td></tr></table>
<pre>
def f():

    return <b>1</b>
</pre><div>left<div>right</div></div><img src="b.png" alt="A boat">
&lt;/think&gt;</body></html>"""


def test_html_reads_as_a_browser_shows_it() -> None:
    # Written by hand, by what the elements mean.
    assert Document.from_bytes(PAGE, name="page").text == (
        "Ferry & more\n\nTime table\n\n"
        "The ferry to Tréguier leaves at 9:40.\nUnbreakable.\n\nNext paragraph.\n\n"
        "- one\n- two\n\nDay | Time\nMon | 9:40\n\n"
        "def f():\n\n    return 1\n\nleft\nright\nA boat </think>"
    )


WORDS = st.text("abcäß<&", min_size=1, max_size=4)
TREES = st.recursive(
    st.lists(WORDS, min_size=1, max_size=3).map(lambda words: ("", words)),
    lambda inner: st.tuples(
        st.sampled_from(["p", "div", "b", "ul", "li", "td", "pre", "template", "h2"]),
        st.lists(inner, max_size=3),
    ),
    max_leaves=8,
)


def _html(tree: object, shown: list[str]) -> str:
    """A tree as HTML; the words that can be seen in it are added to ``shown``."""
    assert isinstance(tree, tuple)
    tag, inner = tree
    if not tag:
        shown += inner
        text = " ".join(inner)
        return text.replace("&", "&amp;").replace("<", "&lt;")
    if tag == "template":
        return f"<{tag}>{' '.join(_html(child, []) for child in inner)}</{tag}>"
    return f"<{tag}> {' '.join(_html(child, shown) for child in inner)} </{tag}>"


def test_what_is_hidden_ends_with_its_own_element() -> None:
    inside = "<template>a<template>b</template>c</template>d"
    assert html_text(f"<noscript>{inside}</noscript>e") == "e"
    assert html_text(inside) == "d"


@given(TREES)
@settings(max_examples=60)
def test_html_keeps_every_visible_word_in_order(tree: object) -> None:
    shown: list[str] = []
    text = html_text(_html(tree, shown))
    assert [word for word in text.split() if word not in ("-", "|")] == shown


@given(st.text("<>/!-pred &;abc\"'=", max_size=40))
def test_no_html_is_too_broken(source: str) -> None:
    html_text(source)


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("a.HTM", b"<p>x", "x"),
        ("a", b"\n <HTML><p>x", "x"),
        ("a.md", b"# x <b>y</b>\n", "# x <b>y</b>\n"),
        ("a.html", "<p>Grüße".encode(), "Grüße"),
        ("a.html", b'<meta charset="no-such-thing"><p>x', "x"),
    ],
)
def test_a_file_is_what_its_name_or_its_begin_says(
    name: str, data: bytes, text: str
) -> None:
    assert Document.from_bytes(data, name=name).text == text


def test_the_kind_can_be_given() -> None:
    assert Document.from_bytes(b"<p>x", name="a", kind="html").text == "x"
    assert Document.from_bytes(b"<p>x", name="a.html", kind="text").text == "<p>x"
    with pytest.raises(ValueError, match="'text', 'html' or 'pdf', not 'word'"):
        extract(b"x", "a", "word")  # type: ignore[arg-type]


# PDF


def pdf(pages: Sequence[Sequence[str]]) -> bytes:
    """A PDF file with these lines on its pages, written from the format's rules."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj T*" for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET"
        font = "/Resources << /Font << /F1 3 0 R >> >>"
        place = f"/MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R"
        objects += [
            f"<< /Type /Page /Parent 2 0 R {place} {font} >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    out, offsets = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    return (
        f"{out}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
        f"startxref\n{len(out)}\n%%EOF\n"
    ).encode("ascii")


def test_a_pdf_is_its_text_page_by_page(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf([["Alpha", "Beta"], [], ["Gamma"]]))
    document = Document.read(path)
    assert document.name == "report.pdf"
    assert document.text == "Alpha\nBeta\n\n\n\nGamma"
    assert len(document.pages) == 3
    (beta,), (gamma,) = document.find("Beta"), document.find("Gamma")
    assert document.locate(beta.start) == Anchor(line=2, page=1)
    assert document.locate(gamma.start) == Anchor(line=1, page=3)
    assert str(document.locate(gamma.start)) == "page 3, line 1"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (pdf([[], []]), "has no text in it; if it is a scan"),
        (b"%PDF-1.4\nnothing more", r"can't be read as PDF \(\w+"),
        (pdf([["Alpha"]])[:200], r"can't be read as PDF \(\w+"),
    ],
)
def test_a_pdf_without_text(data: bytes, fault: str) -> None:
    with pytest.raises(DocumentError, match=rf"the document a\.bin {fault}"):
        Document.from_bytes(data, name="a.bin")


def test_a_locked_pdf() -> None:
    import io

    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf([["Alpha"]]))))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(DocumentError, match="locked with a password"):
        Document.from_bytes(out.getvalue(), name="a.pdf")


def test_a_pdf_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(Unsupported, match=r"pip install 'dsagent\[documents\]'"):
        Document.from_bytes(b"%PDF-1.4", name="a.pdf")


# Places


@given(st.text("ab\n", max_size=12), st.data())
def test_a_place_is_found_by_line(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    anchor = Document("a", text).locate(offset)
    assert anchor == Anchor(line=len(text[:offset].split("\n")))
    assert str(anchor) == f"line {anchor.line}"


@pytest.mark.parametrize("offset", [-1, 6])
def test_a_place_outside_of_the_text(offset: int) -> None:
    with pytest.raises(IndexError, match=r"offset -?\d is outside of a, which has 5"):
        Document("a", "12345").locate(offset)


@pytest.mark.parametrize("pages", [(1,), (0, 4, 2), (0, 9)])
def test_pages_divide_the_text(pages: tuple[int, ...]) -> None:
    with pytest.raises(DocumentError, match="don't divide its text"):
        Document("a", "12345", pages=pages)


@example("aaa", "aa")
@given(st.text("ab ", max_size=12), st.text("ab ", min_size=1, max_size=3))
def test_every_occurrence_is_found(text: str, quote: str) -> None:
    expected = [
        Span(i, i + len(quote))
        for i in range(len(text))
        if text[i : i + len(quote)] == quote
    ]
    assert Document("a", text).find(quote) == expected


def test_a_quotation_across_line_ends() -> None:
    document = Document("a", "One two\n  three (four). One two three (four).")
    assert document.find("two three (four)") == [Span(28, 44)]
    found = document.find(" two three\n(four)", loose=True)
    assert found == [Span(4, 22), Span(28, 44)]
    assert document.text[4:22] == "two\n  three (four)"
    assert document.find("") == document.find(" ", loose=True) == []


# Content stays content

CONTROL = st.sampled_from([*map(str, REQUIRED), "<｜DSML｜tool_calls>", "\r", " ", "x"])


@given(st.lists(CONTROL, min_size=1).map("".join), st.lists(CONTROL).map("".join))
def test_no_document_becomes_control(
    tokenizer: Tokenizer, name: str, text: str
) -> None:
    from dsagent.messages import User
    from dsagent.transcript import Setup, Transcript

    try:
        document = Document(name, text)
    except DocumentError:
        return
    asked = User("?", documents=(document,))
    prompt = Transcript(tokenizer, Setup("off"), [asked]).prompt
    # The template's own: begin of sentence, user, assistant, end of thinking.
    marks = [tokenizer.bos, tokenizer.user, tokenizer.assistant, tokenizer.end_think]
    assert [i for i in prompt if i in tokenizer.control_ids] == marks
    assert tokenizer.decode(prompt[2:-2]) == with_documents("?", [document])
