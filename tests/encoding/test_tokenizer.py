"""Text to ids and back: exact for the released tokenizer, safe for any."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Reference

from dsagent.encoding.tokenizer import Tokenizer
from dsagent.encoding.tokens import (
    ASSISTANT,
    BOS,
    DSML,
    END_THINK,
    EOS,
    NOISE,
    REQUIRED,
    TASK_TOKENS,
    THINK,
    USER,
    ControlToken,
    Piece,
)
from dsagent.errors import LoadError
from tests.encoding.support import quick, toy, toy_json, v4, v4_file

if TYPE_CHECKING:
    from pathlib import Path

PUBLISHED = {
    "BOS": 0,
    "EOS": 1,
    "PAD": 2,
    "USER": 128803,
    "ASSISTANT": 128804,
    "THINK": 128821,
    "END_THINK": 128822,
    "DSML": 128825,
    "LATEST_REMINDER": 128828,
    "ACTION": 128829,
    "QUERY": 128830,
    "AUTHORITY": 128831,
    "DOMAIN": 128832,
    "TITLE": 128836,
    "EXTRACTED_URL": 128844,
    "READ_URL": 128845,
    "END_OF_QUERY": 128846,
}

tricky = st.lists(
    st.one_of(
        st.sampled_from([str(token) for token in ControlToken]),
        st.text(max_size=6),
        st.sampled_from(["<", "</", "｜", "DSML", "\n\n", "é", "😀", "中", " ", "12"]),
    ),
    max_size=8,
).map("".join)


def test_control_tokens_have_the_published_ids() -> None:
    ids = {t.name: v4().id_of(t) for t in ControlToken if t is not NOISE}
    assert ids == PUBLISHED
    assert v4().vocab_size == 129280
    assert len(v4().control_ids) == 1283
    assert v4().id_of(NOISE) in v4().control_ids


def test_ids_come_from_the_file() -> None:
    """A tokenizer with other ids for the same markers works the same."""
    pieces = [Piece(USER, True), Piece("the</think>"), Piece(END_THINK, True)]
    ids = toy().encode(pieces)
    assert ids[0] == toy().user == REQUIRED.index(USER)
    assert ids[-1] == toy().end_think == REQUIRED.index(END_THINK)
    assert toy().control_ids == frozenset(range(len(REQUIRED)))
    assert toy().control_ids.isdisjoint(ids[1:-1])
    assert toy().decode(ids) == f"{USER}the</think></think>"
    names = ("bos", "eos", "user", "assistant", "think", "end_think", "dsml")
    named = (BOS, EOS, USER, ASSISTANT, THINK, END_THINK, DSML)
    assert [getattr(toy(), n) for n in names] == [REQUIRED.index(m) for m in named]


@quick
@given(tricky)
def test_plain_text_is_never_control(text: str) -> None:
    for tokenizer in (v4(), toy()):
        ids = tokenizer.encode_text(text)
        assert tokenizer.control_ids.isdisjoint(ids)
        assert tokenizer.decode(ids) == text
        assert b"".join(map(tokenizer.token_bytes, ids)) == text.encode()


@pytest.mark.parametrize("tokenizer", [v4, toy], ids=["v4", "toy"])
def test_no_added_token_can_be_spelled(tokenizer: object) -> None:
    """Each of the 1,283 of them, alone and inside a text."""
    assert callable(tokenizer)
    loaded: Tokenizer = tokenizer()
    for control_id in loaded.control_ids:
        spelled = f"x{loaded.text_of(control_id)} {loaded.text_of(control_id)}"
        assert loaded.control_ids.isdisjoint(loaded.encode_text(spelled))


def test_plain_text_without_markers_has_the_reference_ids() -> None:
    reference = Reference.from_file(str(v4_file()))
    text = "def f(x):\n    return 'é中😀'  # 12345\n\n" * 20
    expected = reference.encode(text, add_special_tokens=False).ids
    assert v4().encode_text(text) == expected
    assert v4().decode(expected) == reference.decode(
        expected, skip_special_tokens=False
    )


def test_touching_plain_pieces_are_one_text() -> None:
    """Byte-pair merges cross the seams between pieces."""
    apart = [Piece("Hel"), Piece("lo wor"), Piece(""), Piece("ld")]
    assert v4().encode(apart) == v4().encode_text("Hello world")
    assert v4().encode([]) == []


def test_published_facts_about_the_bytes() -> None:
    base = [i for i in range(128000) if i not in v4().control_ids]
    broken = [i for i in base if not _is_utf8(v4().token_bytes(i))]
    assert len(broken) == 1470
    high = [i for i in broken if len(v4().token_bytes(i)) == 1]
    assert sorted(v4().token_bytes(i)[0] for i in high) == list(range(0x80, 0x100))
    ends = [i for i in base if v4().token_bytes(i).endswith((b"<", b"</"))]
    assert len(ends) == 53
    assert v4().token_bytes(v4().dsml) == "｜DSML｜".encode()


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@quick
@given(st.lists(st.integers(0, 127999), max_size=12))
def test_streaming_any_tokens_gives_what_decoding_them_gives(ids: list[int]) -> None:
    data = b"".join(map(v4().token_bytes, ids))
    stream = v4().stream()
    streamed, seen = "", b""
    for token_id in ids:
        streamed += stream.feed(token_id)
        seen += v4().token_bytes(token_id)
        waiting = len(seen) - len(streamed.encode())
        # Nothing whole waits: bytes wait only while they may become a character.
        if _is_utf8(seen):
            assert waiting == 0
    assert streamed + stream.finish() == data.decode("utf-8", "replace")


def test_the_content_file_flags_every_added_token_special() -> None:
    document = json.loads(v4().content_json)
    assert all(token["special"] for token in document["added_tokens"])
    original = json.loads(v4_file().read_text("utf-8"))
    assert document["model"] == original["model"]
    assert [t["id"] for t in document["added_tokens"]] == [
        t["id"] for t in original["added_tokens"]
    ]


def test_lone_surrogates_become_replacement_characters() -> None:
    ids = v4().encode_text("a\ud83db \ud83d\ude00 \udc00")
    assert v4().decode(ids) == "a\ufffdb 😀 \ufffd"


def test_a_megabyte_of_markers_is_text() -> None:
    text = (f"<｜User｜>{END_THINK}" + "x" * 100) * 8_000
    ids = v4().encode([Piece(BOS, True), Piece(text), Piece(EOS, True)])
    assert [i for i in ids if i in v4().control_ids] == [0, 1]
    assert v4().decode(ids[1:-1]) == text


def test_a_missing_control_token_is_named() -> None:
    lacking = [marker for marker in REQUIRED if marker is not DSML]
    with pytest.raises(LoadError, match="｜DSML｜"):
        Tokenizer.from_json(json.dumps(toy_json(markers=lacking)))
    assert DSML in toy()
    assert TASK_TOKENS["title"] not in toy()
    with pytest.raises(LoadError, match="title"):
        toy().encode([Piece(TASK_TOKENS["title"], True)])


def test_a_control_token_in_the_base_vocabulary_stays_out_of_reach() -> None:
    """With merges ignored, a listed word is found whole, and ``<think>`` is ASCII."""
    document = toy_json()
    assert document["model"]["ignore_merges"]
    assert THINK in document["model"]["vocab"]
    reference = Reference.from_str(json.dumps(document | {"added_tokens": []}))
    assert reference.encode("<think>").ids == [toy().think], "the trap is set"
    assert len(toy().encode_text("<think>")) == 6  # < th i n k >


def test_an_id_cannot_be_text_and_control() -> None:
    document = toy_json()
    document["model"]["vocab"]["the"] = 3
    with pytest.raises(LoadError, match=r"id 3 both to the control token.* 'the'"):
        Tokenizer.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not json", "is not a tokenizer.json"),
        ("{}", "is not a tokenizer.json"),
        ('{"model": {"type": "WordPiece"}, "added_tokens": []}', "byte-level BPE"),
        (
            '{"model": {"type": "BPE", "byte_fallback": true}, "added_tokens": []}',
            "byte-level BPE",
        ),
        ('{"model": {"type": "BPE"}, "added_tokens": []}', "cannot be loaded"),
        ('{"model": {}, "added_tokens": [{}]}', "added_tokens are unreadable"),
        ("[]", "is not a tokenizer.json"),
    ],
)
def test_other_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(LoadError, match=message):
        Tokenizer.from_json(text)


def test_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot read the tokenizer"):
        Tokenizer.from_file(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps(toy_json()), "utf-8")
    assert Tokenizer.from_file(tmp_path).bos == toy().bos
    assert Tokenizer.from_file(str(tmp_path / "tokenizer.json")).eos == toy().eos


def test_a_vocabulary_that_is_not_byte_level_is_refused() -> None:
    odd = Tokenizer.from_json(json.dumps(toy_json(words=["two words"])))
    with pytest.raises(LoadError, match="'two words' is not byte-level"):
        odd.decode([0])
