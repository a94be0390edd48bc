"""Documents: what can be read as one, and how a prompt carries it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dsagent.demo import island_guide
from dsagent.documents import Document, with_documents
from dsagent.errors import DocumentError

if TYPE_CHECKING:
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


@pytest.mark.parametrize("name", ["", "  ", "a\nb"])
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
