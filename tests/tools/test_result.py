"""The same value always reads the same, and never too long."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import subprocess
import sys

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsagent.tools.result import render_result


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Hit:
    name: str
    score: float
    when: datetime.date | None = None


class Page(pydantic.BaseModel):
    hits: list[Hit]
    alias: int = pydantic.Field(default=1, serialization_alias="other")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is\n<b>", "as it is\n<b>"),
        ("", ""),
        (None, "null"),
        (True, "true"),
        (12, "12"),
        (10**30, "1" + "0" * 30),
        (1e16, "1e+16"),
        ([1, "é", None], '[1, "é", null]'),
        ({"b": 1, "a": (2,)}, '{"b": 1, "a": [2]}'),
        ({1: "x", Colour.RED: "y"}, '{"1": "x", "red": "y"}'),
        ({(1, 2): 0}, '{"[1, 2]": 0}'),
        ({"c", "a", "b"}, '["a", "b", "c"]'),
        (frozenset({10, 9}), "[10, 9]"),
        (Colour.RED, '"red"'),
        (datetime.date(2026, 11, 23), '"2026-11-23"'),
        (b"bytes", "bytes"),
        ([b"\xff"], '["\ufffd"]'),
        (
            Hit("a", 0.5, datetime.date(2026, 1, 2)),
            '{"name": "a", "score": 0.5, "when": "2026-01-02"}',
        ),
        (
            Page(hits=[Hit("a", 1)]),
            '{"hits": [{"name": "a", "score": 1.0, "when": null}], "alias": 1}',
        ),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
    ],
)
def test_rendering(value: object, text: str) -> None:
    assert render_result(value) == text


def test_a_procedure_says_that_it_is_done() -> None:
    assert render_result(None, nothing=True) == "done"
    assert render_result(0, nothing=True) == "0"


def test_an_object_without_a_json_form_goes_by_its_repr() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "<odd>"

    assert render_result([Odd()]) == '["<odd>"]'


def test_the_cut_is_visible_and_counted() -> None:
    assert render_result("x" * 10, 10) == "x" * 10
    assert render_result("x" * 11, 10) == (
        "x" * 10 + "\n[cut: the first 10 of 11 characters]"
    )
    assert render_result(["y" * 20], 5).startswith('["yyy\n[cut: the first 5 of 24')
    assert render_result({"a": "y" * 2000}, 5) == (
        '{"a":\n[cut: the first 5 of 2,009 characters]'
    )


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("abcde\u0301f", "abcd"),  # e and its accent
        ("abcd\U0001f469\u200d\U0001f680f", "abcd"),  # a woman and her rocket
        ("abcd\u2764\ufe0fg", "abcd"),  # a heart and its colour
        ("abcdefg", "abcde"),
        ("\u0301" * 9, "\u0301" * 5),  # nothing to hold on to
    ],
)
def test_the_cut_is_between_characters(text: str, kept: str) -> None:
    assert render_result(text, 5).partition("\n")[0] == kept


@given(st.lists(st.text(max_size=9) | st.integers()), st.integers(1, 60))
def test_what_is_left_of_a_list_is_json(items: list[object], max_chars: int) -> None:
    whole = json.dumps(items, ensure_ascii=False)
    body, _, note = render_result(items, max_chars).rpartition("\n")
    if len(whole) <= max_chars:
        assert (body, note) == ("", whole)
        return
    assert len(body) <= max_chars
    if "items" in note:
        left = json.loads(body)
        assert left == items[: len(left)]
        assert note == (
            f"[cut: the first {len(left):,} of {len(items):,} items, "
            f"{len(body):,} of {len(whole):,} characters]"
        )
        more = json.dumps(items[: len(left) + 1], ensure_ascii=False)
        assert len(more) > max_chars
    else:
        assert whole.startswith(body)
        assert len(json.dumps(items[:1], ensure_ascii=False)) > max_chars


def test_sets_do_not_depend_on_the_hash_seed() -> None:
    program = (
        "from dsagent.tools.result import render_result as r;"
        "import sys; sys.stdout.write(r({'k': set('abcdefghij')}))"
    )
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert texts == {b'{"k": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]}'}
