"""Prefixes: what many questions begin with is read once, and is exactly that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_type

import pytest

from dsagent import (
    Closed,
    ContextOverflow,
    DefinitionError,
    Document,
    Limits,
    Prefix,
    Sampling,
    User,
    tool,
)
from dsagent.documents import Quote
from dsagent.model import Model
from dsagent.testing import ScriptedModel, call
from tests.fakes import ScriptedEngine, say

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import GrammarBackend
    from tests.conftest import Scripted

LETTER = Document("letter.txt", "The ferry leaves at 9:40.\nTickets are 12 euros.\n\n")
NOTE = Document("note", "It rains")

QUESTIONS = [
    "Who?",
    "wer?",
    "1, 2 or 3?",
    "42",
    " ",
    "\n",
    "\n\n\nWell?",
    "\r\nWell?",
    "\tWell?",
    "  Well?",
    "...",
    "(a)",
    "</think>",
    "《是》",
    "是不是",
    "か?",
    "ё?",
    "\u0301",
    "🦀",
    "'s",
    "_x",
    "\u00a0x",
    "\ud800",
    "",
]
"""Beginnings of every sort that might merge with what stands before them."""


@tool
def weather(city: str) -> str:
    """The weather of a city."""
    return f"sunny in {city}"


@dataclass
class Sky:
    sunny: bool


BEGINNINGS: list[dict[str, Any]] = [
    {},
    {"system": "Be brief."},
    {"documents": [LETTER]},
    {"documents": [NOTE, LETTER], "system": "Be brief", "thinking": "off"},
    {"tools": [weather], "documents": [NOTE]},
    {"tools": [weather], "system": "Be brief.", "thinking": "max"},
    {"output": Sky, "documents": [LETTER]},
]


@pytest.mark.parametrize("fixed", BEGINNINGS)
@pytest.mark.parametrize("own", [True, False], ids=["nano", "deepseek"])
async def test_every_question_begins_with_it(
    fixed: dict[str, Any], own: bool, tokenizer: Tokenizer, grammars: GrammarBackend
) -> None:
    if own:
        model: Model = ScriptedModel([])
        engine = model._backend.engine
        assert isinstance(engine, ScriptedEngine)
    else:
        engine = ScriptedEngine(tokenizer, [])
        model = Model(engine, tokenizer, grammars=grammars)
    prefix = await model.prefix(**fixed)
    (hold,) = engine.holds
    answer = say('{"sunny": true}' if "output" in fixed else "Yes.")
    engine.script = lambda asked: answer
    for question in QUESTIONS:
        await model.chat(question, **fixed)
        prompt = engine.requests[-1].prompt
        assert prompt[: len(hold.ids)] == hold.ids, question
        plain = await prefix.chat(question)
        assert engine.requests[-1].prompt == prompt, question
        assert plain.usage.cached_tokens == prefix.tokens
    # And it is nearly all of them: what is left is the question and what surrounds it.
    rest = engine.tokenizer.decode(prompt[prefix.tokens :])
    assert len(rest) < 40
    prefix.release()
    assert (await model.chat("Who?", **fixed)).usage.cached_tokens == 0


async def test_where_it_comes_from(tmp_path: Path) -> None:
    def model() -> ScriptedModel:
        return ScriptedModel([])

    folder = tmp_path / "kept" / "here"
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    first = model()
    async with first.prefix(documents=[LETTER], progress=progress) as prefix:
        assert prefix.source == "computed"
        assert told[-1] == (prefix.tokens, prefix.tokens)
        again = await first.prefix(documents=[LETTER])
        assert (again.source, again.tokens) == ("memory", prefix.tokens)
        other = await first.prefix(documents=[LETTER], thinking="off", folder=folder)
        path = await prefix.save(folder)
        assert path.parent == folder
    del again, other
    told.clear()
    second = await model().prefix(documents=[LETTER], folder=folder, progress=progress)
    assert (second.source, second.tokens, told) == ("disk", prefix.tokens, [])
    assert (await model().prefix(documents=[LETTER])).source == "computed"
    for different in ({"tools": [weather]}, {"system": "Be brief."}, {"output": Sky}):
        options: dict[str, Any] = {"documents": [LETTER], **different}
        assert (await model().prefix(**options, folder=folder)).source == "computed"


async def test_leaving_the_block_releases_it(scripted: Scripted) -> None:
    model, engine = scripted(say("Yes."))
    async with model.prefix(documents=[LETTER]) as prefix:
        assert len(engine.holds) == 1
    assert len(engine.holds) == 0
    prefix.release()
    for use in (
        lambda: prefix.stream("?"),
        lambda: prefix.map(["?"]),
        lambda: prefix.open_chat(),
    ):
        with pytest.raises(Closed, match=r"released; make it again with model\.prefix"):
            use()
    with pytest.raises(Closed):
        await prefix.chat("?")
    with pytest.raises(Closed):
        await prefix.save("nowhere")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("system", "Be rude."),
        ("documents", [NOTE]),
        ("tools", [weather]),
        ("thinking", "off"),
        ("output", Sky),
    ],
)
async def test_what_it_fixes_can_not_be_given(
    scripted: Scripted, option: str, value: object
) -> None:
    model, engine = scripted()
    prefix: Any = await model.prefix(documents=[LETTER])
    given = {option: value}
    message = f"^{option} can't be given here: .* fixed by the prefix"
    with pytest.raises(TypeError, match=message):
        await prefix.chat("?", **given)
    with pytest.raises(TypeError, match=message):
        prefix.stream("?", **given)
    with pytest.raises(TypeError, match=message):
        prefix.map(["?"], **given)
    with pytest.raises(TypeError, match=message):
        prefix.open_chat(**given)
    with pytest.raises(TypeError, match="there is no option 'colour'"):
        await prefix.chat("?", colour="red")
    assert engine.requests == []


async def test_the_rest_can(scripted: Scripted) -> None:
    model, engine = scripted(
        call("weather", city="Oslo"), say("Sunny."), say("one two three four five")
    )
    sampling = Sampling(temperature=0)
    async with model.prefix(tools=[weather], documents=[LETTER]) as prefix:
        reply = await prefix.chat("How is Oslo?", sampling=sampling)
        assert [made.name for made in reply.calls] == ["weather"]
        assert reply.usage.cached_tokens == 2 * prefix.tokens  # in both turns
        asked = User("And this?", documents=(NOTE,))
        async with prefix.stream(asked, limits=Limits(output_tokens=3)) as stream:
            await stream.finish()
    assert stream.reply.stop == "length"
    assert stream.reply.usage.cached_tokens == prefix.tokens
    assert "12 euros" in engine.prompt_text(2).partition("It rains")[0]
    assert engine.requests[0].sampling == sampling


async def test_answers_have_the_type_it_was_made_with(scripted: Scripted) -> None:
    @dataclass
    class Claim:
        source: Quote

    model, _ = scripted(say('{"source": "at 9:40"}'), say('{"source": "12 euros"}'))
    async with model.prefix(documents=[LETTER], output=Claim) as prefix:
        if TYPE_CHECKING:
            assert_type(prefix, Prefix[Claim])
        reply = await prefix.chat("When?")
        assert_type(reply.output, Claim)
        assert reply.output.source.text == "at 9:40"
        async for other in prefix.map(["How much?"]):
            assert_type(other.output, Claim)
            assert other.output.source.text == "12 euros"
        with pytest.raises(TypeError, match="free text"):
            prefix.open_chat()


async def test_a_chat_begins_with_it(scripted: Scripted) -> None:
    model, engine = scripted(say("At 9:40."), say("12 euros."))
    async with model.prefix(documents=[LETTER], system="Be brief.") as prefix:
        chat = prefix.open_chat(limits=Limits(turns=1))
        first = await chat.send("When?")
        second = await chat.send("How much?")
    assert first.usage.cached_tokens == second.usage.cached_tokens == prefix.tokens
    assert engine.prompt_text(1).count("12 euros") == 1
    assert chat.messages[0].text == "Be brief."


async def test_it_is_checked_before_anything_is_read(scripted: Scripted) -> None:
    model, engine = scripted(context_limit=200)
    book = Document("book.txt", "It was a dark and stormy night. " * 100)
    with pytest.raises(ContextOverflow) as failure:
        await model.prefix(documents=[LETTER, book], system="Be brief.")
    parts = failure.value.parts
    assert max(parts, key=parts.__getitem__) == "document 'book.txt'"
    assert failure.value.needed == sum(parts.values()) > failure.value.limit == 200
    with pytest.raises(DefinitionError, match="no document to quote from"):
        await model.prefix(output=Quote)
    with pytest.raises(ValueError, match="thinking is"):
        model.prefix(thinking="hard")  # type: ignore[call-overload]
    assert len(engine.holds) == 0
    await model.close()
    with pytest.raises(Closed):
        await model.prefix(documents=[LETTER])
