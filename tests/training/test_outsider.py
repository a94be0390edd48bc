"""The exam somebody else wrote can be answered from what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import jsonschema

from training.cases import MODES
from training.outsider import outsider, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


def test_calls_are_of_tools_that_are_there_with_arguments_that_are_said() -> None:
    for entry in read()["calls"]:
        tools = {str(tool["name"]): tool for tool in entry["tools"]}
        for name, arguments in entry["calls"]:
            parameters = cast("dict[str, object]", tools[name]["parameters"])
            jsonschema.validate(arguments, parameters | {"additionalProperties": False})
            options = list(_strings(_enums(parameters)))
            for said in _strings(arguments):
                assert said in entry["asked"] or said in options


def _enums(parameters: Mapping[str, object]) -> list[object]:
    properties = cast("dict[str, dict[str, object]]", parameters["properties"])
    return [p.get("enum", []) for p in properties.values()]


def test_values_stand_in_the_documents_and_wrong_ones_too() -> None:
    for page in read()["documents"]:
        asked = [question["asked"] for question in page["questions"]]
        assert len(set(asked)) == len(asked)
        for question in page["questions"]:
            values = question.get("values", [])
            assert bool(values) != question.get("unknown", False)
            for value in (*values, *question.get("others", [])):
                assert value in page["text"]
            for other in question.get("others", []):
                assert not any(other in value for value in values)


def test_forms_are_filled_as_their_schemas_want_with_what_is_said() -> None:
    flags = 0
    for form in read()["forms"]:
        jsonschema.validate(form["answer"], form["schema"])
        assert form["schema"]["required"] == list(form["answer"])
        for said in _strings(form["answer"]):
            assert said in form["asked"]
        flags += any(isinstance(value, bool) for value in form["answer"].values())
    assert flags > 10


def test_every_question_is_asked_in_every_mode() -> None:
    sizes = set()
    for mode, (thinking, effort) in MODES.items():
        made = outsider(mode)
        sizes.add(len(made))
        assert {case.row.split()[2] for case in made} == {
            *("call", "calls", "no_tool", "document", "unknown", "schema"),
        }
        assert {(case.thinking, case.effort) for case in made} == {(thinking, effort)}
    assert len(sizes) == 1
    assert sizes.pop() > 100
