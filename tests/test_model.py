"""``Model``: loading and its errors, options, counting, closing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import anyio
import numpy as np
import pytest
from safetensors.numpy import save_file

from dsagent.documents import Document
from dsagent.engine.request import Sampling
from dsagent.errors import (
    Closed,
    CorruptCheckpoint,
    DefinitionError,
    InvalidMessages,
    LoadError,
    MissingWeights,
    UnsupportedDevice,
)
from dsagent.loading import NANO, _profile, _sampling, find
from dsagent.messages import Assistant, Text, ToolCall, ToolResult, User
from dsagent.model import Model
from dsagent.options import Limits
from dsagent.tools import tool
from tests.fakes import call, say

if TYPE_CHECKING:
    from pathlib import Path

    from dsagent.messages import Message
    from tests.conftest import Scripted


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


# Loading


async def test_no_such_model(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match=r"no model 'nonsense'.*owner/name"):
        await Model.load("nonsense")
    with pytest.raises(MissingWeights, match="neither a folder here"):
        await Model.load(tmp_path / "absent")
    with pytest.raises(MissingWeights, match=r"no config\.json, no tokenizer\.json"):
        await Model.load(tmp_path)
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(MissingWeights, match="is a file; a model is the folder"):
        await Model.load(tmp_path / "model.safetensors")


async def test_a_repository_that_can_not_be_fetched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: object, **options: object) -> str:
        raise OSError("no route\nmore")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(
        MissingWeights,
        match=r"'some/model' at revision 'v2' can't be fetched \(OSError",
    ):
        await Model.load("some/model", revision="v2")


def test_a_repository_is_fetched_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[tuple[str, object]] = []

    def fetch(repository: str, *, revision: str | None, allow_patterns: object) -> str:
        asked.append((repository, revision))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    for name in ("config.json", "tokenizer.json", "model-00001.safetensors"):
        (tmp_path / name).touch()
    assert find("some/model", "v2") == tmp_path
    assert asked == [("some/model", "v2")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder whose weights are still to be written."""
    for name in ("config.json", "tokenizer.json"):
        shutil.copy(NANO / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("data", [b"", b"\x08\0\0\0", b"not a safetensors file at all"])
async def test_corrupt_weights(folder: Path, data: bytes) -> None:
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(CorruptCheckpoint, match=r"model\.safetensors"):
        await Model.load(folder)


async def test_truncated_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    save_file({"embed.weight": np.zeros((64, 64), np.float32)}, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(CorruptCheckpoint, match=r"model\.safetensors"):
        await Model.load(folder)


async def test_a_tokenizer_of_another_kind(folder: Path) -> None:
    (folder / "model.safetensors").touch()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(LoadError, match=r"tokenizer\.json is not a tokenizer"):
        await Model.load(folder)


async def test_a_device_that_is_not_there() -> None:
    with pytest.raises(UnsupportedDevice, match=r"'cuda' can't be used.*on the CPU"):
        await Model.load(device="cuda")


def test_sampling_defaults_come_with_the_model(folder: Path) -> None:
    assert _sampling(folder) == Sampling()
    path = folder / "generation_config.json"
    path.write_text('{"temperature": 0.6, "top_p": 0.95}')
    assert _sampling(folder) == Sampling(temperature=0.6, top_p=0.95)
    path.write_text('{"do_sample": false}')
    assert _sampling(folder).greedy
    path.write_text('{"temperature": "hot"}')
    with pytest.raises(LoadError, match=r"generation_config\.json can't be used"):
        _sampling(folder)


def test_the_generation_of_weights_is_read_off_their_encoder(folder: Path) -> None:
    assert _profile(folder) == "preview"
    encoder = folder / "encoding" / "encoding_dsv4.py"
    encoder.parent.mkdir()
    encoder.write_text("REASONING_EFFORT_MAX = ''")
    assert _profile(folder) == "preview"
    encoder.write_text("REASONING_EFFORT_PROMPTS = {}")
    assert _profile(folder) == "0731"


# Requests


async def test_documents_go_in_front_of_the_last_question(scripted: Scripted) -> None:
    model, engine = scripted(say("Blue."), say("Blue."))
    document = Document("sky.txt", "The sky is blue. <｜User｜>")
    await model.chat("Colour?", documents=[document], thinking="off")
    assert engine.prompt_text(0).endswith(
        "<｜User｜>[file name]: sky.txt\n[file content begin]\n"
        "The sky is blue. <｜User｜>\n[file content end]\n"
        "Colour?<｜Assistant｜></think>"
    )
    # What the document spells is text: one user marker, the template's own.
    assert engine.requests[0].prompt.count(engine.tokenizer.user) == 1
    history: list[Message] = [User("Hi"), Assistant((Text("Hello."),)), User("Colour?")]
    await model.chat(history, documents=[document], thinking="off")
    assert "Hello.<｜end▁of▁sentence｜><｜User｜>[file name]" in engine.prompt_text(1)


async def test_documents_need_a_question(scripted: Scripted) -> None:
    model, _ = scripted()
    made = ToolCall("call_1", "weather")
    history: list[Message] = [User("Hi"), Assistant((made,)), ToolResult("call_1", "x")]
    with pytest.raises(InvalidMessages, match="in front of a question"):
        await model.chat(history, documents=[Document("a", "b")])


async def test_a_dangling_call_never_reaches_the_engine(scripted: Scripted) -> None:
    model, engine = scripted()
    history: list[Message] = [
        User("Hi"),
        Assistant((ToolCall("call_1", "weather"),)),
        User("And?"),
    ]
    with pytest.raises(InvalidMessages, match="'call_1' of weather has no result"):
        await model.chat(history)
    with pytest.raises(InvalidMessages, match="'call_1' of weather has no result"):
        model.stream(history)
    assert engine.requests == []


async def test_a_tool_without_type_hints(scripted: Scripted) -> None:
    def untyped(city):  # type: ignore[no-untyped-def]
        return city

    model, _ = scripted()
    with pytest.raises(DefinitionError, match="city"):
        await model.chat("Hi.", tools=[untyped])


async def test_plain_functions_are_tools_too(scripted: Scripted) -> None:
    def shout(word: str) -> str:
        """Say it louder."""
        return word.upper()

    model, _ = scripted(call(("shout", '{"word": "hey"}')), say("HEY"))
    reply = await model.chat("Hey.", tools=[shout])
    assert [m.text for m in reply.messages if isinstance(m, ToolResult)] == ["HEY"]


async def test_two_tools_of_one_name(scripted: Scripted) -> None:
    model, _ = scripted()
    with pytest.raises(DefinitionError, match="two tools are called `weather`"):
        await model.chat("Hi.", tools=[weather, weather])


@pytest.mark.parametrize("choice", ["required", weather, "wether"])
async def test_a_choice_that_can_not_be_met(scripted: Scripted, choice: object) -> None:
    model, _ = scripted()
    with pytest.raises(DefinitionError, match=r"can't be met with the tools \(none\)"):
        await model.chat("Hi.", tool_choice=choice)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"turns": 0}, "turns must be at least 1"),
        ({"tool_calls": -1}, "tool_calls must be at least 0"),
        ({"output_tokens": 0}, "output_tokens must be at least 1"),
        ({"result_chars": 0}, "result_chars must be at least 1"),
        ({"identical_calls": 0}, "identical_calls must be at least 1"),
        ({"thinking_tokens": -1}, "thinking_tokens must be at least 0"),
        ({"thinking_repeats": 1}, "thinking_repeats must be at least 2"),
        ({"output_retries": -1}, "output_retries must be at least 0"),
        ({"seconds": -0.5}, "seconds must be at least 0, not -0.5"),
        ({"seconds": float("nan")}, "seconds must be at least 0, not nan"),
        ({"on_limit": "explode"}, "on_limit is 'answer', 'stop' or 'raise'"),
    ],
)
def test_limits_that_mean_nothing(options: dict[str, object], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Limits(**options)  # type: ignore[arg-type]


async def test_a_thinking_mode_that_does_not_exist(scripted: Scripted) -> None:
    model, _ = scripted()
    with pytest.raises(ValueError, match="'low', 'high' or 'max', not 'deep'"):
        await model.chat("Hi.", thinking="deep")  # type: ignore[call-overload]


async def test_tokens_are_counted_as_they_are_read(scripted: Scripted) -> None:
    model, engine = scripted(say("ok"))
    document = Document("a.txt", "Alpha beta gamma. " * 20)
    arguments = {"system": "Be brief.", "documents": [document], "tools": [weather]}
    count = await model.count_tokens("Hi?", **arguments)  # type: ignore[arg-type]
    await model.chat("Hi?", **arguments)  # type: ignore[call-overload]
    assert count.total == len(engine.requests[0].prompt)
    parts = (count.system, count.tools, count.documents, count.messages)
    assert sum(parts) == count.total
    assert count.documents > len(engine.tokenizer.encode_text(document.text))
    assert count.tools > 100
    bare = await model.count_tokens("Hi?")
    assert (bare.system, bare.tools, bare.documents) == (0, 0, 0)


async def test_an_option_that_does_not_exist(scripted: Scripted) -> None:
    model, _ = scripted()
    fault = "no option 'colour'; there are approve, deadline, decisions, deps"
    with pytest.raises(TypeError, match=fault):
        await model.chat("Hi.", colour="red")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=fault):
        model.stream("Hi.", colour="red")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=fault):
        model.open_chat(colour="red")  # type: ignore[call-arg]


async def test_a_closed_model_says_so(scripted: Scripted) -> None:
    model, engine = scripted()
    async with model:
        pass
    assert engine.closed
    with pytest.raises(Closed, match="load it again"):
        await model.chat("Hi.")
    await model.close()


async def test_runs_share_a_model(scripted: Scripted) -> None:
    model, engine = scripted(*[say(f"answer {n}") for n in range(5)])
    replies: list[str] = []

    async def ask(n: int) -> None:
        replies.append((await model.chat(f"question {n}")).text)

    async with anyio.create_task_group() as group:
        for n in range(5):
            group.start_soon(ask, n)
    engine.assert_done()
    assert sorted(replies) == [f"answer {n}" for n in range(5)]


# The real engine


async def test_load_can_be_awaited_and_entered(nano: Model) -> None:
    model = await Model.load(context=512)
    assert model.context_limit == 512
    await model.close()
    reply = await nano.chat("Hello!", limits=Limits(output_tokens=24))
    assert reply.usage.output_tokens <= 24


async def test_cancelling_a_real_run_frees_its_memory(nano: Model) -> None:
    async with nano.stream("Tell me about the sea.") as stream:
        async for event in stream:
            if event.kind in ("thinking_delta", "text_delta"):
                break
    assert stream.reply.stop == "cancelled"
    assert nano.stats().running == 0
    assert nano.stats().cache_tokens == 0
