"""The same value always reads the same, and never too long."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import subprocess
import sys

import pydantic
import pytest

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
