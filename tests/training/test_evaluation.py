"""The examination: a perfect pupil gets full marks, and no wrong answer passes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from dsagent.encoding.parse import parse
from dsagent.encoding.render import render
from dsagent.encoding.tokenizer import Tokenizer
from dsagent.loading import NANO
from training.cases import Case, HeldOut, cases
from training.data import words
from training.evaluation import (
    SHORT_ROWS,
    Answer,
    Plan,
    request_of,
    rows_of,
    table,
    wilson,
    with_window,
)
from training.newcomer import newcomer
from training.outsider import outsider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dsagent.encoding.parse import ParsedMessage

TOKENIZER = Tokenizer.from_file(NANO)
DOCUMENTS = ("document", "quote", "unknown")


def count(text: str) -> int:
    return len(TOKENIZER.encode_text(text))


def written(case: Case, turn: Mapping[str, object]) -> list[int]:
    """The ids of a turn as the template writes it after the case's messages."""
    turn = {k: v for k, v in turn.items() if k != "reasoning_content"}
    if case.thinking:
        turn["reasoning_content"] = "Let me see."
    rendered = [
        TOKENIZER.encode(render(messages, thinking=case.thinking, effort=case.effort))
        for messages in (case.messages, (*case.messages, turn))
    ]
    assert rendered[1][: len(rendered[0])] == rendered[0]
    return rendered[1][len(rendered[0]) :]


def say(case: Case, turn: Mapping[str, object], finish: str = "stop") -> Answer:
    ids = written(case, turn)
    said = parse(
        ids, thinking=case.thinking, finish=finish, tokenizer=TOKENIZER, calls=True
    )
    return Answer(case, said, TOKENIZER.decode(ids))


def every_case() -> list[Case]:
    made = [case for row in SHORT_ROWS for case in cases(row, 12, 3)]
    for kind in DOCUMENTS:
        made += cases(kind, 12, 3, tokens=100, count=count)
    for mode in ("high", "off"):
        made += newcomer(mode) + outsider(mode)
    return made


def test_the_expected_turn_is_right() -> None:
    for case in every_case():
        answer = say(case, case.expected)
        assert answer.right, case
        assert answer.well_formed, case


def test_a_wrong_turn_is_wrong() -> None:
    for case in every_case():
        for text in ("", "I'm not sure about that.", case.text[:-1]):
            wrong = {"role": "assistant", "content": text, "tool_calls": []}
            if text != case.text and not (case.manner == "value" and text):
                assert not say(case, wrong).right, (case, text)
        assert not say(case, case.expected, finish="length").right


def test_a_call_counts_only_with_its_very_arguments() -> None:
    for case in cases("call", 40, 5) + cases("calls", 20, 5):
        turn = json.loads(json.dumps(case.expected))
        assert say(case, turn).right
        function = turn["tool_calls"][-1]["function"]
        arguments = json.loads(function["arguments"])
        for key in list(arguments):
            changed = {**arguments, key: "something else"}
            function["arguments"] = json.dumps(changed)
            assert not say(case, turn).right
        function["arguments"] = json.dumps(arguments)
        turn["tool_calls"].append(turn["tool_calls"][0])
        assert not say(case, turn).right


def test_an_answer_with_another_value_is_wrong() -> None:
    tried = 0
    for case in cases("document", 60, 5, tokens=512, count=count):
        for other in case.others[:3]:
            hedged = {"role": "assistant", "content": f"{case.text} Or {other}."}
            swapped = {"role": "assistant", "content": other}
            assert not say(case, hedged).right, (case, other)
            assert not say(case, swapped).right, (case, other)
            tried += 1
    assert tried > 100


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("It has 27 rooms.", True),
        ("27", True),
        ("In total: 27, I think.", True),
        ("It has 127 rooms.", False),
        ("It has 27.5 rooms.", False),
        ("It has 27,500 rooms.", False),
        ("It has A27 rooms.", False),
    ],
)
def test_a_value_is_a_word_of_its_own(text: str, right: bool) -> None:
    (case,) = cases("document", 1, 5)
    case = replace(case, values=("27",), others=())
    assert say(case, {"role": "assistant", "content": text}).right is right


def test_the_form_follows_the_mode() -> None:
    for mode in ("off", "high", "max"):
        for case in cases(f"mode {mode}", 12, 5):
            assert case.thinking == (mode != "off")
            assert say(case, case.expected).well_formed
            turned = replace(case, thinking=not case.thinking)
            said: ParsedMessage = say(turned, case.expected).said
            assert not Answer(case, said, "").well_formed


@pytest.mark.parametrize("tokens", [100, 512, 2048])
def test_documents_have_the_length_asked_for(tokens: int) -> None:
    for case in cases("document", 6, 5, tokens=tokens, count=count):
        text = next(str(m["content"]) for m in case.messages if m["role"] == "user")
        assert abs(count(text) - tokens) <= 0.15 * tokens
        assert text.count(case.values[0]) >= 1
        assert not set(case.others) & set(case.values)


def test_the_same_seed_asks_the_same() -> None:
    assert cases("call", 5, 1) == cases("call", 5, 1)
    assert cases("call", 5, 1) != cases("call", 5, 2)


def test_the_interval_is_wilsons() -> None:
    # Newcombe (1998), table I, method 3: 81 of 263.
    low, high = wilson(81, 263)
    assert low == pytest.approx(0.2553, abs=2e-4)
    assert high == pytest.approx(0.3662, abs=2e-4)
    assert wilson(0, 10)[0] == 0.0
    assert wilson(10, 10)[1] == 1.0


def test_the_table_counts_by_row() -> None:
    made = cases("talk", 4, 1)
    answers = [say(case, case.expected) for case in made[:3]]
    answers.append(say(made[3], {"role": "assistant", "content": "No."}))
    (row,) = rows_of(answers)
    assert (row.name, row.n, row.right, row.formed) == ("talk", 4, 3, 4)
    assert "| talk | 4 | 75.0 | 30 to 95 | 100.0 |" in table([row])


def test_a_plan_asks_only_what_is_wanted() -> None:
    plan = Plan(n=2, lengths=(100,), only=("talk", "quote"))
    rows = [batch[0].row for batch in plan.batches(TOKENIZER)]
    assert rows == ["talk", "quote 100"]


def test_another_window_leaves_the_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"sliding_window": 128, "x": 1}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    with with_window(tmp_path, 32) as folder:
        config = cast(
            "dict[str, int]", json.loads((folder / "config.json").read_text())
        )
        assert config == {"sliding_window": 32, "x": 1}
        assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert json.loads((tmp_path / "config.json").read_text())["sliding_window"] == 128


def test_a_mode_has_room_for_the_thoughts_of_its_skill() -> None:
    # The cases of a mode are drawn in any other, and then expect no thought to count.
    thought = 0
    for case in cases("schema", 60, 3):
        if not case.thinking:
            continue
        bare = replace(case, expected={**case.expected, "reasoning_content": ""})
        for asked in (case, bare):
            room = request_of(asked, TOKENIZER, None).max_tokens
            assert room is not None
            assert room >= len(written(case, case.expected)) + count(
                str(case.expected["reasoning_content"])
            )
        thought += 1
    assert thought > 10


def test_a_plan_may_ask_in_one_mode_what_training_asks() -> None:
    asked = {}
    both: tuple[HeldOut, ...] = ("all", "nothing")
    for held_out in both:
        plan = Plan(12, lengths=(100,), only=("call", "document"), thinking="high")
        plan = replace(plan, held_out=held_out)
        asked[held_out] = [case for batch in plan.batches(TOKENIZER) for case in batch]
        assert len(asked[held_out]) == 24
        for case in asked[held_out]:
            assert (case.thinking, case.effort) == (True, "high")
            assert "reasoning_content" not in case.expected
    # A tenth of all names is held out, and training never says them.
    names = {n for n in (*words.CITIES.held, *words.FIRST_NAMES.held) if n.isalpha()}
    said = {
        held_out: names & set(re.findall(r"\w+", " ".join(map(str, drawn))))
        for held_out, drawn in asked.items()
    }
    assert len(said["all"]) > 3
    assert not said["nothing"]
