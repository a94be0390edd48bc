"""The scripted model and recordings, as somebody's own tests use them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from dsagent import EngineError, LoadError, Model, Sampling, Text, Thinking, tool
from dsagent.testing import Asked, ScriptedModel, Step, call, record, replay, say, think
from dsagent.testing.recording import _common

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.encoding.tokenizer import Tokenizer


@tool
def weather(city: str) -> str:
    """Weather in a city."""
    return f"sunny in {city}"


def script() -> list[Step | str]:
    return [
        think("Look.") + say("One moment.") + call("weather", city="Oslo"),
        "Sunny — in Oslo.",
    ]


async def test_a_script_is_a_conversation() -> None:
    model = ScriptedModel(script())
    reply = await model.chat("How is Oslo?", tools=[weather], system="Be brief.")
    assert reply.text == "Sunny — in Oslo."
    assert [made.values() for made in reply.calls] == [{"city": "Oslo"}]
    assert reply.messages[2].parts[:2] == (Thinking("Look."), Text("One moment."))  # type: ignore[union-attr]
    first, second = model.asked
    assert first.text.startswith("<｜begin▁of▁sentence｜>Be brief.")
    assert "How is Oslo?" in first.text
    assert "sunny in Oslo" not in first.text
    assert "sunny in Oslo" in second.text
    assert second.ids[: len(first.ids)] == first.ids
    model.assert_done()


async def test_a_step_may_depend_on_what_was_asked() -> None:
    def answer(asked: Asked) -> Step | str:
        if "sunny in" in asked.text:
            return "It's sunny."
        city = "Rome" if "Rome" in asked.text else "Oslo"
        return call("weather", city=city)

    model = ScriptedModel(answer)
    replies = []

    async def ask(city: str) -> None:
        replies.append(await model.chat(f"How is {city}?", tools=[weather]))

    async with anyio.create_task_group() as group:
        for city in ("Oslo", "Rome", "Oslo"):
            group.start_soon(ask, city)
    cities = sorted(made.arguments for reply in replies for made in reply.calls)
    assert cities == ['{"city": "Oslo"}', '{"city": "Oslo"}', '{"city": "Rome"}']
    model.assert_done()
    one = ScriptedModel([lambda asked: f"{asked.sampling.temperature}"])
    assert (await one.chat("Hm?", sampling=Sampling(temperature=0.5))).text == "0.5"


async def test_a_turn_is_a_sum() -> None:
    whole = think("A") + think("B") + say("c") + call("f", x=1) + call("g")
    assert whole == Step("c", "AB", (("f", '{"x": 1}'), ("g", "{}")))
    for early, late in [
        (say("c"), think("A")),
        (call("f"), say("c")),
        (call("f"), think("A")),
    ]:
        with pytest.raises(ValueError, match="thinking, then words, then calls"):
            _ = early + late


async def test_a_script_that_no_model_could_write() -> None:
    model = ScriptedModel([call("wether", city="Oslo")])
    with pytest.raises(AssertionError, match=r"grammar refuses.*wether"):
        await model.chat("Go.", tools=[weather])
    model = ScriptedModel([call("weather", town="Oslo")])
    with pytest.raises(AssertionError, match=r"grammar refuses.*town"):
        await model.chat("Go.", tools=[weather])
    model = ScriptedModel([think("Hm.") + say("Yes.")])
    with pytest.raises(AssertionError, match="step 1 of the script thinks"):
        await model.chat("Go.", thinking="off")
    model = ScriptedModel([call("weather", city="Oslo")])
    with pytest.raises(AssertionError, match="grammar refuses"):
        await model.chat("Go.", tools=[weather], tool_choice="none")


async def test_a_script_that_is_too_short_or_too_long() -> None:
    model = ScriptedModel([call("weather", city="Oslo")])
    with pytest.raises(AssertionError, match=r"has 1 steps.*asked for one more"):
        await model.chat("Go.", tools=[weather])
    model = ScriptedModel(["Yes.", "No."])
    await model.chat("Go.")
    with pytest.raises(AssertionError, match=r"1 left, from 'No\.'"):
        model.assert_done()


async def test_a_model_that_stops_short_or_breaks() -> None:
    model = ScriptedModel([Step("one two three", cut=2), Step("x", error=BROKEN)])
    reply = await model.chat("Count.", thinking="off")
    assert (reply.text, reply.stop) == ("one two", "length")
    with pytest.raises(EngineError, match="it broke"):
        await model.chat("Count.")


BROKEN = EngineError("it broke")


async def test_a_recording_is_played_again_exactly(tmp_path: Path) -> None:
    real = ScriptedModel(script(), sampling=Sampling(temperature=0.25))
    path = tmp_path / "oslo.json"
    with record(real, path) as overheard:
        said = await overheard.chat("How is Oslo?", tools=[weather])
    assert [asked.sampling.temperature for asked in real.asked] == [0.25, 0.25]
    real.assert_done()

    model = replay(path)
    reply = await model.chat("How is Oslo?", tools=[weather])
    assert reply.messages == said.messages  # token ids included
    assert (reply.text, reply.stop) == (said.text, said.stop)
    assert reply.usage == said.usage
    model.assert_done()
    # What a person sees in the file is what was said.
    turns = json.loads(path.read_text("utf-8"))["turns"]
    assert "How is Oslo?<｜Assistant｜><think>" in turns[0]["prompt"]
    assert turns[1]["text"] == "</think>Sunny — in Oslo.<｜end▁of▁sentence｜>"


async def test_what_is_only_read_is_not_recorded(tmp_path: Path) -> None:
    done = anyio.Event()

    @tool
    def long() -> str:
        """Something long."""
        return "The ferry leaves at 9:40. " * 100

    @tool
    async def slow() -> str:
        """Takes until the other was read."""
        await done.wait()
        return "over"

    path = tmp_path / "read.json"
    real = ScriptedModel([call("long") + call("slow"), "Read."])
    with record(real, path) as overheard:
        prefix = await overheard.prefix(tools=[long, slow])
        async with prefix.stream("Go.") as stream, anyio.create_task_group() as group:
            group.start_soon(stream.finish)
            while not real._engine.prefilled:
                await anyio.lowlevel.checkpoint()
            done.set()
    said = stream.reply
    assert said.usage.cached_tokens == 2 * prefix.tokens
    assert len(json.loads(path.read_text("utf-8"))["turns"]) == 2
    model = replay(path)
    reply = await model.chat("Go.", tools=[long, slow])
    assert reply.messages == said.messages
    model.assert_done()


async def test_a_changed_prompt_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    with record(ScriptedModel(["Fine.", "Wet."]), path) as overheard:
        await overheard.chat("How is Oslo today?")
        await overheard.chat("And Bergen?")
    model = replay(path)
    with pytest.raises(AssertionError) as info:
        await model.chat("How is Oslo tonight?")
    message = str(info.value)
    assert "recorded: 'egin▁of▁sentence｜><｜User｜>How is Oslo today?" in message
    assert "asked:    'egin▁of▁sentence｜><｜User｜>How is Oslo tonight?" in message
    assert (await model.chat("And Bergen?")).text == "Wet."  # in any order
    with pytest.raises(AssertionError, match="more often than it was recorded"):
        await model.chat("And Bergen?")
    with pytest.raises(AssertionError, match=r"1 of 2 recorded turns.*'</think>Fine"):
        model.assert_done()


def test_the_place_where_two_texts_part() -> None:
    assert _common("abcd", "abxd") == 2
    assert _common("ab", "abc") == 2
    assert _common("", "a") == 0


async def test_what_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    slow = Step("one two three", hold=anyio.Event(), held=3)
    real = ScriptedModel([slow, Step("x", error=BROKEN), "Yes."])
    with record(real, path) as overheard:
        async with overheard.stream("Count.", thinking="off") as stream:
            await anext(aiter(stream))
        with pytest.raises(EngineError):
            await overheard.chat("Break.")
        await overheard.chat("Go.")
        await overheard.close()
    assert [turn["text"] for turn in json.loads(path.read_text("utf-8"))["turns"]] == [
        "</think>Yes.<｜end▁of▁sentence｜>"
    ]
    before = path.read_text("utf-8")
    with pytest.raises(ZeroDivisionError), record(ScriptedModel([]), path):
        raise ZeroDivisionError
    assert path.read_text("utf-8") == before


async def test_a_file_that_is_no_recording(
    tmp_path: Path, tokenizer: Tokenizer
) -> None:
    path = tmp_path / "r.json"
    with pytest.raises(LoadError, match="there is no recording"):
        replay(path)
    path.write_text('{"format": "something else"}')
    with pytest.raises(LoadError, match="no recording: at format"):
        replay(path)
    with record(ScriptedModel(["Yes."], tokenizer=tokenizer), path) as overheard:
        await overheard.chat("Go.")
    with pytest.raises(LoadError, match="another tokenizer"):
        replay(path)
    assert (await replay(path, tokenizer=tokenizer).chat("Go.")).text == "Yes."


async def test_a_replay_gives_turns_the_room_they_had(tmp_path: Path) -> None:
    # Where thinking is closed depends on it, and so what the grammar allows.
    path = tmp_path / "said.json"
    scripted = ScriptedModel(["Yes."], context_limit=999, default_max_tokens=77)
    with record(scripted, path) as model:
        await model.chat("Go.")
    again = replay(path)
    await again.chat("Go.")
    assert again.context_limit == 999
    assert scripted.asked[0].request.max_tokens == 77
    assert again.asked[0].request.max_tokens == 77


async def test_nano_is_recorded_and_replayed(nano: Model, tmp_path: Path) -> None:
    path = tmp_path / "nano.json"
    greedy = Sampling(temperature=0.0)
    with record(nano, path) as overheard:
        said = await overheard.chat(
            "What is the weather in Oslo?",
            tools=[weather],
            thinking="off",
            sampling=greedy,
        )
    model = replay(path)
    reply = await model.chat(
        "What is the weather in Oslo?", tools=[weather], thinking="off"
    )
    assert reply.messages == said.messages
    model.assert_done()
