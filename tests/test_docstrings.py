"""Every public name has a docstring with an example, and they do what they say.

They are written as at a prompt that knows ``await``. The names of the package are
there, a tool ``get_weather``, and a ``model`` that calls it if it may, and says that it
is sunny.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import traceback
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import dsagent
from dsagent import tool
from dsagent.testing import ScriptedModel, call
from tests import snippets

if TYPE_CHECKING:
    from dsagent.testing import Asked, Step


@tool
def get_weather(city: str) -> str:
    """Weather in a city."""
    return f"sunny in {city}"


def weatherman(asked: Asked) -> str | Step:
    """Looks the weather up, if there is a tool, before it answers."""
    question = asked.text.rpartition("<｜User｜>")[2]
    if "get_weather" in asked.text and "<tool_result>" not in question:
        return call("get_weather", city="Oslo")
    return "Sunny in Oslo."


def docstring(name: str) -> str:
    """Of a public name; that of an alias is only in the source."""
    value = getattr(dsagent, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        return inspect.getdoc(value) or ""
    home = Path(dsagent.__file__).parent / f"{dsagent._HOME[name]}.py"
    body = ast.parse(home.read_text("utf-8")).body
    for node, behind in pairwise(body):
        match node, behind:
            case (
                ast.AnnAssign(target=ast.Name(id=found)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ) if found == name:
                return inspect.cleandoc(text)
    return ""


async def _try(examples: list[doctest.Example], names: dict[str, object]) -> None:
    """Run examples one by one, and hold what each is said to print or to raise."""
    for example in examples:
        want = example.exc_msg if example.exc_msg is not None else example.want
        got = await _outcome(example, names)
        assert snippets.shows(want, got), f"{example.source}gives\n{got}"


async def _outcome(example: doctest.Example, names: dict[str, object]) -> str:
    try:
        return await snippets.run(
            example.source, names, filename="<example>", mode="single"
        )
    except Exception as error:
        if example.exc_msg is None:
            raise
        return traceback.format_exception_only(error)[-1]


@pytest.mark.usefixtures("nano_weights")
@pytest.mark.parametrize("name", dsagent.__all__)
async def test_an_example_does_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = doctest.DocTestParser().get_examples(docstring(name))
    assert examples, f"the docstring of {name} has no example"
    monkeypatch.chdir(tmp_path)
    with snippets.module("example") as names:
        names.update({public: getattr(dsagent, public) for public in dsagent.__all__})
        names.update(model=ScriptedModel(weatherman), get_weather=get_weather)
        await _try(examples, names)


@pytest.mark.parametrize(
    "wrong",
    [
        ">>> 1 + 1\n3\n",
        ">>> 1 + 1\n",
        ">>> None\n2\n",
        ">>> int('x')\nTraceback (most recent call last):\nKeyError: 'x'\n",
        ">>> 1\nTraceback (most recent call last):\nKeyError: 'x'\n",
    ],
)
async def test_an_example_that_is_wrong_is_found_out(wrong: str) -> None:
    with pytest.raises(AssertionError, match="gives"):
        await _try(doctest.DocTestParser().get_examples(wrong), {})
