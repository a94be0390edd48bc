"""The command: what it prints, and that its exit code tells the truth."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace

import pytest

import dsagent.demo
from dsagent.cli import main
from dsagent.demo import QUESTIONS, TOOLS, Narrator, _answered, _speed, island_guide
from dsagent.events import (
    TextDelta,
    ThinkingDelta,
    ToolCallReady,
    ToolFinished,
    TurnFinished,
)
from dsagent.messages import ToolCall, ToolResult
from dsagent.reply import Reply, Timing, Usage


def _reply(text: str, *names: str) -> Reply[str]:
    return Reply(
        text=text,
        thinking="",
        messages=(),
        calls=tuple(ToolCall(f"call_{i}", name) for i, name in enumerate(names)),
        usage=Usage(),
        stop="done",
        timing=Timing(),
        value=text,
    )


def test_the_demo_demands_the_call_and_the_answer() -> None:
    document, money, weather = QUESTIONS
    assert _answered(weather, _reply("rainy, 9 degrees", "get_weather"))
    assert not _answered(weather, _reply("rainy, 9 degrees"))
    assert not _answered(weather, _reply("It is sunny.", "get_weather"))
    assert not _answered(weather, _reply("rainy, 9 degrees", "convert_currency"))
    assert not _answered(money, _reply("It is 200.0 USD.", "convert_currency"))
    assert _answered(money, _reply("It is 200.0 EUR.", "convert_currency"))
    assert _answered(document, _reply("The mayor is Clara Jensen."))
    assert not _answered(document, _reply("Clara Jensen.", "get_weather"))


async def test_the_expected_answers_come_from_document_and_tools() -> None:
    mayor, money, weather = QUESTIONS
    get_weather, convert_currency = TOOLS
    assert "The mayor of Port Marlow is Clara Jensen." in island_guide().text
    assert weather.answer in get_weather("Bergen")
    assert weather.answer not in island_guide().text
    assert f"{await convert_currency(250, 'USD', 'EUR')} EUR" == money.answer
    assert mayor.tool is None


def test_the_narration_reads_well_in_a_pipe() -> None:
    out = io.StringIO()
    narrator = Narrator(out)
    made = ToolCall("call_1", "f", '{"a": 1}')
    for event in (
        ThinkingDelta("I call "),
        ThinkingDelta("f."),
        ToolCallReady(made),
        ToolFinished(made, ToolResult("call_1", "2")),
        TurnFinished(Usage()),
        TextDelta("It is\n2."),
        TurnFinished(Usage()),
    ):
        narrator.tell(event)
    narrator.line("end")
    assert out.getvalue() == (
        "  thinking: I call f.\n"
        '  call:     f({"a": 1})\n'
        "  result:   2\n"
        "  answer:   It is\n            2.\n"
        "end\n"
    )


def test_the_speed_is_that_of_all_questions() -> None:
    timing = Timing(prefill=0.5, decode=2.0, decoded=99, decode_steps=30, accepted=69)
    usage = Usage(prompt_tokens=1000, output_tokens=100)
    replies = [replace(_reply("x"), usage=usage, timing=timing)] * 2
    replies.append(replace(_reply("x"), timing=Timing(decoded=12, decode_steps=10)))
    assert _speed(replies) == (
        "read 2,000 tokens at 2,000 tokens/s, "
        "wrote 200 tokens at 52 tokens/s, 3.0 tokens a step"  # 210 in 4 s, 70 steps
    )
    assert _speed([]).endswith("0.0 tokens a step")


def test_a_wrong_answer_is_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for answered, code in ((True, 0), (False, 1)):

        async def demo(out: object, answered: bool = answered) -> bool:
            return answered

        monkeypatch.setattr(dsagent.demo, "demo", demo)
        assert main(["demo"]) == code


def test_a_missing_model_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: object,
) -> None:
    monkeypatch.setattr("dsagent.loading.NANO", tmp_path)
    assert main(["demo"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("dsagent: MissingWeights: ")
    assert error.count("\n") == 1


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["dance"])
    assert "invalid choice: 'dance'" in capsys.readouterr().err


@pytest.mark.usefixtures("nano_weights")
def test_the_demo_ends_with_an_answer_that_took_a_call() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dsagent", "demo"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "call:     get_weather(" in done.stdout
    assert "result:   rainy" in done.stdout
    assert "answer:   The weather in Bergen is rainy, 9 degrees." in done.stdout
    assert "call:     convert_currency(" in done.stdout
    # More than one token a step, drafter or not: a call's skeleton is forced.
    steps = re.search(r"tokens/s, (\d+\.\d) tokens a step$", done.stdout.strip())
    assert steps is not None
    assert float(steps[1]) > 1.0
