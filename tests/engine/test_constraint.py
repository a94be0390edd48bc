"""The constraint protocol, on grammars small enough to enumerate by hand."""

from __future__ import annotations

import functools
import json
import random
from typing import Any

import numpy as np
import pytest
import torch

from dsagent.engine.constraint import (
    Constraint,
    GrammarBackend,
    GrammarConstraint,
    allocate_mask,
    apply_mask,
)
from dsagent.errors import DefinitionError, EngineError


class Letters:
    """A tokenizer of bytes: id = byte, then <eos> 256, <mark> 257 and <pad…> to 269.

    Few enough ids that every legal continuation can be written down, and 270 is no
    multiple of 32, so that the last word of a mask is only partly used.
    """

    vocab_size, eos, mark = 270, 256, 257

    @property
    def content_json(self) -> str:
        special = ["<eos>", "<mark>", *(f"<pad{i}>" for i in range(12))]
        vocab = {symbol: byte for byte, symbol in enumerate(byte_symbols())}
        added = [
            {
                "id": 256 + i,
                "content": text,
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
            for i, text in enumerate(special)
        ]
        byte_level = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": False,
            "use_regex": False,
        }
        return json.dumps(
            {
                "version": "1.0",
                "truncation": None,
                "padding": None,
                "added_tokens": added,
                "normalizer": None,
                "pre_tokenizer": byte_level,
                "post_processor": None,
                "decoder": byte_level,
                "model": {"type": "BPE", "vocab": vocab, "merges": []},
            }
        )


def byte_symbols() -> list[str]:
    """Byte-level BPE's symbol of each byte."""
    from tokenizers import pre_tokenizers

    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in shown]
    symbols = {byte: chr(byte) for byte in shown}
    symbols |= {byte: chr(256 + i) for i, byte in enumerate(others)}
    assert set(symbols.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    return [symbols[byte] for byte in range(256)]


EOS, MARK = Letters.eos, Letters.mark


@functools.cache
def backend() -> GrammarBackend:
    return GrammarBackend(Letters())


def start(source: str) -> GrammarConstraint:
    return backend().constraint(source)


def legal(state: Constraint, extra_words: int = 0) -> set[int]:
    mask = allocate_mask(2, Letters.vocab_size + 32 * extra_words)
    state.fill_mask(mask, 1)
    assert (mask[0] == -1).all()
    bits = [
        int(word) >> bit & 1 for word in mask[1].view(np.uint32) for bit in range(32)
    ]
    return {token for token, bit in enumerate(bits) if bit}


def ids(text: str) -> list[int]:
    return list(text.encode())


def test_it_is_a_constraint() -> None:
    assert isinstance(start('start: "a"'), Constraint)


@pytest.mark.parametrize("extra_words", [0, 3])
def test_masks_follow_the_grammar(extra_words: int) -> None:
    state = start('start: "a" ("b" | "c")? <mark>')
    assert legal(state, extra_words) == set(ids("a"))
    assert state.accept(ids("a")) == 1
    assert legal(state, extra_words) == {*ids("bc"), MARK}
    assert not state.done
    state.accept([MARK])
    assert state.done
    assert legal(state, extra_words) == {EOS}


def test_the_end_is_legal_where_the_grammar_may_end() -> None:
    state = start("start: /a+/")
    assert legal(state) == set(ids("a"))
    assert state.accept([EOS]) == 0
    state.accept(ids("aa"))
    assert legal(state) == {*ids("a"), EOS}
    assert not state.done
    assert state.accept([EOS]) == 1
    assert state.done
    assert legal(state) == {EOS}


def test_nothing_follows_the_end() -> None:
    state = start("start: /a+/")
    assert state.accept([*ids("a"), EOS, *ids("a")]) == 2
    assert state.accept(ids("a")) == 0
    assert state.accept([EOS]) == 0
    assert state.validate(ids("a")) == 0
    assert state.forced() == []


def test_accept_stops_at_the_first_illegal_id_and_survives_it() -> None:
    state = start('start: "abc"')
    assert state.accept(ids("abx")) == 2
    assert state.accept(ids("x")) == 0
    assert legal(state) == set(ids("c"))
    with pytest.raises(ValueError, match="3 of 2"):
        state.rollback(3)
    assert state.accept([*ids("c"), EOS]) == 2


def test_validate_changes_nothing() -> None:
    state = start('start: "abc" | "abd"')
    assert state.validate(ids("abx")) == 2
    assert state.validate([*ids("abc"), EOS]) == 4
    assert state.validate([*ids("ab"), EOS]) == 2
    assert state.validate([*ids("abd"), EOS, *ids("a")]) == 4
    assert state.validate([]) == 0
    assert state.validate([EOS]) == 0
    assert legal(state) == set(ids("a"))
    state.accept(ids("abc"))
    assert state.done
    assert state.validate([EOS, EOS]) == 1
    assert state.validate(ids("c")) == 0


def test_forced_ids() -> None:
    state = start('start: "abc" ("x" | "y")')
    assert state.forced() == ids("abc")
    state.accept(ids("abc"))
    assert state.forced() == []
    state.accept(ids("x"))
    assert state.forced() == [EOS]


def test_rollback_across_the_end_and_the_mark() -> None:
    state = start('start: "ab" <mark> /c*/')
    seen = []
    for token in [*ids("ab"), MARK, *ids("cc"), EOS]:
        seen.append(legal(state))
        assert state.accept([token]) == 1
    for n in range(1, 7):
        state.rollback(n)
        assert legal(state) == seen[6 - n]
        assert not state.done
        assert state.accept([*ids("ab"), MARK, *ids("cc"), EOS][6 - n :]) == n
    state.rollback(0)
    assert state.done
    with pytest.raises(ValueError, match="can't roll back 7 of 6"):
        state.rollback(7)
    with pytest.raises(ValueError, match="can't roll back -1"):
        state.rollback(-1)


def test_drafts_leave_no_trace() -> None:
    """Follow a draft, roll back, go another way: as if there had been none."""
    source = 'start: ("a" | "bc" | "d" <mark>)* "e"'
    rng = random.Random(3)
    drafted, plain = start(source), start(source)
    for _ in range(60):
        n = 0
        for _ in range(rng.randint(0, 5)):
            n += drafted.accept([rng.choice(sorted(legal(drafted)))])
        drafted.rollback(n)
        assert legal(drafted) == legal(plain)
        token = rng.choice(sorted(legal(plain) - set(ids("e"))))
        assert drafted.accept([token]) == plain.accept([token]) == 1


LIST = """start: %json {"type": "object", "properties": {"s": {"type": "array",
    "items": {"enum": ["a", ""]}}}, "required": ["s"], "additionalProperties": false,
    "x-guidance": {"whitespace_pattern": "[ ]{0,3}"}}"""


def test_the_mask_of_a_draft_is_not_that_of_another_way() -> None:
    """What was taken back and what comes instead look alike to the matcher: as many
    pieces, and a blank behind them. Its own memory of the last mask falls for it."""
    state = start(LIST)
    state.accept(ids('{"s": ["a"'))
    for token in ids("] "):
        legal(state)
        assert state.accept([token]) == 1
    assert ord("}") in legal(state)
    state.rollback(2)
    assert state.accept(ids(", ")) == 2
    assert legal(state) == set(ids(' "'))


def test_a_bad_grammar_is_an_error_at_once() -> None:
    with pytest.raises(DefinitionError, match=r"can't be compiled.*unknown name.*nope"):
        start("start: nope")


def test_an_error_of_the_matcher_is_never_silent() -> None:
    """llguidance itself goes on answering after an error, with a mask of its own."""

    def broken() -> GrammarConstraint:
        state = start("start: /a+/")
        state._matcher.consume_token(ord("x"))
        assert state._matcher.is_error()
        return state

    uses: list[Any] = [
        lambda state: state.fill_mask(allocate_mask(1, 270), 0),
        lambda state: state.accept(ids("a")),
        lambda state: state.validate(ids("a")),
        lambda state: state.forced(),
        lambda state: state.done,
    ]
    for use in uses:
        with pytest.raises(EngineError, match=r'stopped: .*token "x"') as caught:
            use(broken())
        assert "\n" not in str(caught.value)


def test_masks_of_the_wrong_shape_are_refused() -> None:
    state = start('start: "a" "b"')
    masks: tuple[Any, ...] = (
        np.zeros((1, 8), np.int32),
        np.zeros((1, 9), np.int64),
        np.zeros((1, 18), np.int32)[:, ::2],
    )
    for mask in masks:
        with pytest.raises(ValueError, match=r"int32 \[rows, 9 or more\]"):
            state.fill_mask(mask, 0)


@pytest.mark.parametrize("vocab", [1, 31, 32, 33, 270])
@pytest.mark.parametrize("rows", [None, 3])
def test_apply_mask_forbids_exactly_the_zero_bits(vocab: int, rows: int | None) -> None:
    rng = np.random.default_rng(vocab)
    shape = (vocab,) if rows is None else (rows, vocab)
    mask = allocate_mask(rows or 1, vocab)
    mask[:] = rng.integers(-(2**31), 2**31, mask.shape)
    logits = torch.tensor(rng.normal(size=shape), dtype=torch.float32)
    before = logits.clone()
    apply_mask(logits, mask if rows else mask[0])
    for row in range(rows or 1):
        got, old = (x if rows is None else x[row] for x in (logits, before))
        for token in range(vocab):
            allowed = int(mask[row, token // 32]) & 0xFFFFFFFF
            kept = float(old[token]) if allowed >> token % 32 & 1 else float("-inf")
            assert float(got[token]) == kept


def test_ids_beyond_the_mask_are_forbidden() -> None:
    logits = torch.zeros(2, 100)
    apply_mask(logits, allocate_mask(2, 32))
    assert torch.isfinite(logits).sum(-1).tolist() == [32, 32]
    assert torch.isfinite(logits[:, :32]).all()


def test_a_whole_mask_allows_everything() -> None:
    logits = torch.arange(70.0)
    apply_mask(logits, allocate_mask(1, 70)[0])
    assert torch.equal(logits, torch.arange(70.0))


def test_importing_the_protocol_costs_neither_torch_nor_llguidance() -> None:
    import subprocess
    import sys

    program = (
        "import sys, dsagent.engine.constraint, dsagent.encoding.grammar;"
        "sys.exit(', '.join({'torch', 'llguidance'} & sys.modules.keys()) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
