"""An end to thinking: against the rule written down a second time, and replays."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsagent.encoding.grammar import ToolSpec, turn_grammar
from dsagent.engine.constraint import Constraint, GrammarBackend, allocate_mask
from dsagent.engine.repetition import STRETCH, WINDOW, repetitions
from dsagent.engine.thinking import NOTICE, ThinkingLimit
from tests.engine.test_constraint import EOS, MARK, ids, legal, start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.encoding.tokenizer import Tokenizer

TURN = r"""
start: TEXT <mark> ("ok" | "one")
TEXT: /(.|\n)*/
"""
BYTES = range(256)


def limited(
    tokens: int | None = None, repeats: int | None = None, source: str = TURN
) -> ThinkingLimit:
    return ThinkingLimit(start(source), close=MARK, tokens=tokens, repeats=repeats)


# The rule, a second time


def boundary(thought: Sequence[int]) -> bool:
    """Whether these bytes end where a character does."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    decoder.decode(bytes(thought))
    return decoder.getstate()[0] == b""


def begins_text(thought: Sequence[int]) -> bool:
    """Whether these bytes are the beginning of some text."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(bytes(thought))
    except UnicodeDecodeError:
        return False
    return True


def times(haystack: Sequence[int], needle: Sequence[int]) -> int:
    """How often ``needle`` occurs, side by side, read from the left."""
    found = at = 0
    while at + len(needle) <= len(haystack):
        if list(haystack[at : at + len(needle)]) == list(needle):
            found, at = found + 1, at + len(needle)
        else:
            at += 1
    return found


def expected(taken: Sequence[int], tokens: int | None, repeats: int | None) -> set[int]:
    """The ids that may follow ``taken``."""
    if EOS in taken:
        return set()
    if MARK in taken:
        answer = bytes(taken[taken.index(MARK) + 1 :])
        return {
            b"": set(ids("o")),
            b"o": set(ids("kn")),
            b"on": set(ids("e")),
        }.get(answer, {EOS})
    looping = repeats is not None and any(
        times(taken[max(0, n - WINDOW) : n], taken[n - STRETCH : n]) >= repeats
        for n in range(STRETCH, len(taken) + 1, STRETCH)
    )
    closing = looping or (tokens is not None and len(taken) >= tokens)
    if not boundary(taken):
        return {byte for byte in BYTES if begins_text([*taken, byte])}
    if closing:
        return {MARK}
    return {MARK, *(byte for byte in BYTES if begins_text([*taken, byte]))}


# By hand


def test_it_is_a_constraint() -> None:
    assert isinstance(limited(), Constraint)


def test_at_the_budget_only_the_end_of_thinking_is_legal() -> None:
    state = limited(tokens=3)
    assert state.forced() == []
    assert state.validate([*ids("abc"), MARK, *ids("ok"), EOS]) == 7
    assert state.accept(ids("abcd")) == 3
    assert legal(state, extra_words=2) == {MARK}
    assert state.forced() == [MARK]
    assert state.validate(ids("d")) == 0
    assert state.accept(ids("d")) == 0
    assert state.thought == 3
    assert state.accept([MARK, *ids("ok"), EOS]) == 4
    assert state.done


def test_thinking_may_end_before_the_budget() -> None:
    state = limited(tokens=3)
    assert state.accept([*ids("a"), MARK, *ids("one")]) == 5
    assert state.done
    assert state.forced() == [EOS]
    state.rollback(3)
    assert state.forced() == ids("o")


def test_no_budget_at_all_is_no_thinking() -> None:
    state = limited(tokens=0)
    assert legal(state) == {MARK}
    assert state.accept([MARK]) == 1
    assert legal(state) == set(ids("o"))


def test_the_end_waits_for_a_whole_character() -> None:
    first, second, third = "€".encode()
    state = limited(tokens=2)
    state.accept([*ids("a"), first])
    assert MARK not in legal(state)
    assert state.forced() == []
    assert state.accept([second]) == 1
    assert MARK not in legal(state)
    assert state.accept([third]) == 1
    assert legal(state) == {MARK}
    assert state.validate([MARK, *ids("ok")]) == 3


def test_what_is_forced_is_legal() -> None:
    source = 'start: "abcdef" <mark> "ok" | "abcd" <mark> "ok"'
    for tokens in range(8):
        state = limited(tokens=tokens, source=source)
        assert state.forced() == ids("abcd")
        assert state.accept(ids("abcd")) == 4
        forced = state.forced()
        assert forced == ([MARK] if tokens <= 4 else [])
        assert state.accept(ids("e")) == (tokens > 4)


def test_rollback_across_the_forced_end() -> None:
    state = limited(tokens=2)
    turn = [*ids("ab"), MARK, *ids("ok"), EOS]
    seen = []
    for token in turn:
        seen.append(legal(state))
        assert state.accept([token]) == 1
    for n in range(1, len(turn) + 1):
        state.rollback(n)
        assert legal(state) == seen[-n]
        assert state.thought == min(len(turn) - n, 2)
        assert state.accept(turn[-n:]) == n
    with pytest.raises(ValueError, match="can't roll back 7 of 6"):
        state.rollback(7)
    assert state.thought == 2


def test_a_loop_is_closed() -> None:
    state = limited(repeats=3)
    loop = ids("No, wait. Hm. ") * 12
    taken = state.accept(loop)
    assert legal(state) == {MARK}
    assert taken % STRETCH == 0
    assert times(loop[:taken], loop[taken - STRETCH : taken]) == 3
    state.rollback(1)
    assert legal(state) != {MARK}
    assert state.accept([loop[taken - 1]]) == 1
    assert legal(state) == {MARK}


def test_a_request_to_close_leaves_checked_drafts_legal() -> None:
    state = limited(tokens=1000)
    state.accept(ids("abc"))
    draft = ids("d" * NOTICE)
    assert state.validate(draft) == NOTICE
    state.ask_to_close()
    assert MARK in legal(state)
    assert state.validate([*draft, *ids("e")]) == NOTICE
    state.ask_to_close()
    state.accept(draft[:5])
    assert len(legal(state)) > 1
    # The second request came while the first was still on its way: no later than it.
    assert state.accept(draft) == NOTICE - 5
    assert legal(state) == {MARK}
    state.accept([MARK])
    state.ask_to_close()
    assert legal(state) == set(ids("o"))


# Properties


@st.composite
def thoughts(draw: st.DrawFn) -> list[int]:
    """Bytes of text: words, long characters, and stretches that repeat."""
    block = st.text("ab€🫠", min_size=1, max_size=4).map(str.encode)
    part = st.tuples(block, st.integers(1, 20)).map(lambda p: list(p[0] * p[1]))
    return [byte for text in draw(st.lists(part, max_size=4)) for byte in text]


@given(
    offered=thoughts(),
    tokens=st.none() | st.integers(0, 60),
    repeats=st.none() | st.integers(2, 3),
    data=st.data(),
)
@settings(max_examples=80)
def test_any_pattern_of_taking_and_giving_back_is_a_fresh_start(
    offered: list[int], tokens: int | None, repeats: int | None, data: st.DataObject
) -> None:
    """Drafts of all lengths are checked, taken, and taken back in part."""
    state = limited(tokens, repeats)
    taken: list[int] = []
    turn = [*offered, MARK, *ids("one"), EOS]
    for _ in range(data.draw(st.integers(1, 6))):
        at = min(len(taken), len(turn)) if taken == turn[: len(taken)] else 0
        draft = turn[at : at + data.draw(st.integers(0, 70))]
        if data.draw(st.booleans()):
            draft = [*draft, MARK, *ids("ok")]
        n = state.validate(draft)
        assert state.accept(draft) == n
        taken += draft[:n]
        if n < len(draft):
            assert draft[n] not in expected(taken, tokens, repeats)
        back = data.draw(st.integers(0, len(taken)))
        state.rollback(back)
        del taken[len(taken) - back :]
        fresh = limited(tokens, repeats)
        assert fresh.accept(taken) == len(taken)
        assert legal(state) == legal(fresh)
        if not state.done:
            assert legal(state) == expected(taken, tokens, repeats)
        assert state.forced() == fresh.forced()
        assert (state.thought, state.done) == (fresh.thought, fresh.done)


@given(thoughts())
@settings(max_examples=30)
def test_without_limits_it_is_what_it_wraps(thought: list[int]) -> None:
    inner, state = start(TURN), limited()
    for token in [*thought, MARK, *ids("ok")]:
        assert legal(state) == legal(inner)
        assert state.accept([token]) == inner.accept([token]) == 1


# Repetition


@given(st.lists(st.sampled_from([0, 7, 55_300, 129_279]), max_size=60))
@settings(max_examples=200)
def test_repetitions_are_counted_side_by_side(letters: list[int]) -> None:
    for sequence in (letters, letters * 5):
        want = times(sequence, sequence[-STRETCH:]) if len(sequence) >= STRETCH else 0
        assert repetitions(sequence) == want


def test_what_is_long_ago_is_forgotten() -> None:
    stretch = list(range(STRETCH))
    filler = list(range(100, 100 + WINDOW - STRETCH))
    assert repetitions([*stretch, *filler, *stretch]) == 1
    assert repetitions([*stretch, *filler[STRETCH:], *stretch]) == 2


def test_prose_and_code_are_no_loops(tokenizer: Tokenizer) -> None:
    root = Path(__file__).parents[2]
    for name in ("README.md", "docs/design.md", "dsagent/agent.py", "pyproject.toml"):
        text = tokenizer.encode_text((root / name).read_text("utf-8"))
        most = max(repetitions(text[:n]) for n in range(STRETCH, len(text)))
        assert most <= 3, name
    loop = tokenizer.encode_text("Wait, let me check that again." * 40)
    assert max(repetitions(loop[:n]) for n in range(len(loop))) >= 8


# With the grammar of a turn


def test_a_budget_that_ends_inside_a_character(
    tokenizer: Tokenizer, grammars: GrammarBackend
) -> None:
    emoji = tokenizer.encode_text("🫠")
    assert len(emoji) == 3
    source = turn_grammar(thinking=True, dsml_id=tokenizer.dsml).source
    for tokens in (1, 2, 3):
        state = ThinkingLimit(
            grammars.constraint(source), close=tokenizer.end_think, tokens=tokens
        )
        assert state.accept([*emoji, *emoji]) == 3
        assert state.forced() == [tokenizer.end_think]
        assert state.accept([tokenizer.end_think, tokenizer.eos]) == 2


def test_masks_lead_to_a_legal_turn_within_the_budget(
    tokenizer: Tokenizer, grammars: GrammarBackend
) -> None:
    """Ids drawn evenly from the masks: thinking of random bytes and characters."""
    rng = np.random.default_rng(5)
    grammar = turn_grammar(
        tools=(ToolSpec("now"),),
        thinking=True,
        output_schema={"enum": ["yes", "no"]},
        dsml_id=tokenizer.dsml,
    )
    for tokens in (0, 1, 5, 20, 40):
        plain = grammars.constraint(grammar.source)
        state = ThinkingLimit(
            grammars.constraint(grammar.source),
            close=tokenizer.end_think,
            tokens=tokens,
        )
        taken: list[int] = []
        while tokenizer.eos not in taken:
            mask = allocate_mask(1, tokenizer.vocab_size)
            state.fill_mask(mask, 0)
            bits = np.unpackbits(mask[0].view(np.uint8), bitorder="little")
            taken.append(int(rng.choice(np.flatnonzero(bits))))
            assert state.accept(taken[-1:]) == 1
            assert len(taken) < 200
        assert tokens <= taken.index(tokenizer.end_think) <= tokens + 8
        assert plain.accept(taken) == len(taken)
