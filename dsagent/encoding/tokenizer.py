"""Two views of one tokenizer file: control tokens by id, everything else as text.

A ``tokenizer.json`` recognises the text of its control tokens anywhere in its input.
That is right for markers that the template wrote and wrong for a document that happens
to spell ``</think>``. So markers are looked up by text, and all other text goes
through a *content view* of the file: a tokenizer that has never heard of them.

What must stay true: no plain text ever produces a control id (by construction: the
content view's vocabulary does not hold one); ids come from the file, never from a
constant; and plain pieces that touch are encoded as one text, since byte-pair merges
cross the seams between a template's words and a user's.
"""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from tokenizers import Tokenizer as _Tokenizer

from dsagent.encoding.pieces import Piece, scalars
from dsagent.encoding.stream import StreamDecoder
from dsagent.encoding.tokens import REQUIRED
from dsagent.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Piece", "StreamDecoder", "Tokenizer"]


class Tokenizer:
    """Text to token ids and back, safe against spelled-out control tokens.

    Args:
        text: The content of a ``tokenizer.json``: a byte-level BPE tokenizer that
            has at least the control tokens of ``tokens.REQUIRED``.
        source: Where the text came from, for error messages.

    Raises:
        LoadError: The text is no such tokenizer; the message says what is missing.
    """

    def __init__(self, text: str, *, source: str = "tokenizer.json") -> None:
        self._source = source
        document = _document(text, source)
        self._added = _added_tokens(document, source)
        self.content_json = _flagged(document)
        self._content = _load(_without_added(document, self._added), source)
        self._check_ids()
        self.vocab_size = 1 + max(*self._content.get_vocab().values(), *self._added)
        self._ids = {text: token_id for token_id, text in self._added.items()}
        self.control_ids = frozenset(self._added)
        self.bos, self.eos, self.user, self.assistant, *marks = map(
            self.id_of, REQUIRED
        )
        self.think, self.end_think, self.dsml = marks

    @classmethod
    def from_file(cls, path: str | Path) -> Tokenizer:
        """Load a ``tokenizer.json``, or the one inside a model folder."""
        path = Path(path)
        if path.is_dir():
            path = path / "tokenizer.json"
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise LoadError(f"cannot read the tokenizer {path}: {error}") from error
        return cls(text, source=str(path))

    @classmethod
    def from_json(cls, text: str) -> Tokenizer:
        """Load a tokenizer from the content of its file."""
        return cls(text)

    def id_of(self, marker: str) -> int:
        """The id of the control token with this text."""
        try:
            return self._ids[str(marker)]
        except KeyError:
            raise LoadError(
                f"{self._source} has no control token {str(marker)!r}; a tokenizer "
                "for this chat format lists it under added_tokens"
            ) from None

    def __contains__(self, marker: str) -> bool:
        """Whether this tokenizer has a control token with this text."""
        return str(marker) in self._ids

    def encode(self, pieces: Sequence[Piece]) -> list[int]:
        """The ids of a prompt: markers by lookup, plain text by the content view.

        Raises:
            LoadError: A marker piece names a token that this tokenizer lacks.
        """
        ids: list[int] = []
        plain: list[str] = []
        for piece in pieces:
            if not piece.marker:
                plain.append(piece.text)
                continue
            ids += self.encode_text("".join(plain))
            plain.clear()
            ids.append(self.id_of(piece.text))
        return ids + self.encode_text("".join(plain))

    def encode_text(self, text: str) -> list[int]:
        """The ids of a text that is only text, whatever it spells.

        Half a surrogate pair has no UTF-8 form and becomes U+FFFD.
        """
        if not text:
            return []
        return self._content.encode(scalars(text), add_special_tokens=False).ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of these ids, control tokens spelled out."""
        text = b"".join(map(self._bytes.__getitem__, ids))
        return text.decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        """The bytes of one token; for a control token, its text in UTF-8."""
        return self._bytes[token_id]

    def stream(self) -> StreamDecoder:
        """A decoder for one stream of ids."""
        return StreamDecoder(self.token_bytes)

    def text_of(self, control_id: int) -> str:
        """The text of a control token."""
        return self._added[control_id]

    @cached_property
    def _bytes(self) -> list[bytes]:
        table = [b""] * self.vocab_size
        for token, token_id in self._content.get_vocab().items():
            table[token_id] = self._base_bytes(token)
        for token_id, token in self._added.items():
            table[token_id] = token.encode()
        return table

    def _base_bytes(self, token: str) -> bytes:
        try:
            return bytes([_BYTE_OF[char] for char in token])
        except KeyError as error:
            raise LoadError(
                f"{self._source}: the token {token!r} is not byte-level; expected "
                "the printable stand-ins of bytes (the GPT-2 alphabet)"
            ) from error

    def _check_ids(self) -> None:
        for token, token_id in self._content.get_vocab().items():
            if token_id in self._added:
                raise LoadError(
                    f"{self._source} gives the id {token_id} both to the control "
                    f"token {self._added[token_id]!r} and to the text {token!r}"
                )


_Json = dict[str, Any]


def _document(text: str, source: str) -> _Json:
    try:
        document = json.loads(text)
        model = document["model"]
        byte_level = model.get("type", "BPE") == "BPE" and not model.get(
            "byte_fallback"
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LoadError(f"{source} is not a tokenizer.json: {error!r}") from error
    if not byte_level:
        raise LoadError(f"{source} is not a byte-level BPE tokenizer")
    return cast("_Json", document)


def _added_tokens(document: _Json, source: str) -> dict[int, str]:
    try:
        tokens = document["added_tokens"]
        return {int(token["id"]): str(token["content"]) for token in tokens}
    except (KeyError, TypeError, ValueError) as error:
        raise LoadError(
            f"{source} is not a tokenizer.json: its added_tokens are unreadable "
            f"({error!r})"
        ) from error


def _flagged(document: _Json) -> str:
    """The file with every added token flagged special."""
    tokens = [token | {"special": True} for token in document["added_tokens"]]
    return json.dumps(document | {"added_tokens": tokens}, ensure_ascii=False)


def _without_added(document: _Json, added: Mapping[int, str]) -> str:
    """The file without its added tokens, in the base vocabulary too.

    A file may list them there as well, and a tokenizer that ignores merges would find
    one spelled in ASCII. What is not in the vocabulary cannot be found.
    """
    gone = set(added.values())
    model: _Json = document["model"]
    vocab = {
        token: token_id
        for token, token_id in model.get("vocab", {}).items()
        if token not in gone
    }
    content = document | {
        "added_tokens": [],
        "post_processor": None,
        "model": model | {"vocab": vocab},
    }
    return json.dumps(content, ensure_ascii=False)


def _load(text: str, source: str) -> _Tokenizer:
    try:
        return _Tokenizer.from_str(text)
    except Exception as error:  # the library raises bare Exception
        raise LoadError(f"{source} cannot be loaded: {error}") from error


def _byte_alphabet() -> dict[str, int]:
    """Byte-level BPE's alphabet: the byte that each printable stand-in means.

    Printable Latin-1 stands for itself; the other 68 bytes take U+0100 onwards, in
    order (the GPT-2 convention).
    """
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {
        chr(0x100 + index): byte for index, byte in enumerate(others)
    }


_BYTE_OF: Final = _byte_alphabet()
