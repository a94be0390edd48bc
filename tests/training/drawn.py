"""What tests of generated conversations look at."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, cast

import jsonschema

from training.data.mix import Stage, make

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.data.concepts import Value
    from training.data.talk import Example


def draw(skill: str, n: int, *, seed: int, held: bool = False) -> list[Example]:
    """``n`` conversations, the same ones every time."""
    rng = Random(f"{seed} {skill}")
    return [make(rng, skill, Stage(), held=held) for _ in range(n)]


def said(example: Example, role: str) -> list[str]:
    """The texts of one side."""
    return [str(m["content"]) for m in example.messages if m["role"] == role]


def filled(example: Example) -> Iterator[tuple[str, dict[str, Value]]]:
    """Every message of a form's conversation and what was filled in from it, which
    fits the schema and has its keys in their order."""
    form = cast("dict[str, object]", example.messages[0]["response_format"])
    for asked, answer in zip(
        said(example, "user"), said(example, "assistant"), strict=True
    ):
        values = json.loads(answer)
        jsonschema.validate(values, form)
        assert list(values) == form["required"]
        yield asked, values
