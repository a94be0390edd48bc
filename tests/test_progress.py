"""The bar: seen on terminals and in notebooks, silent in pipes; and what moves it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
import tqdm.autonotebook
from safetensors import safe_open

from dsagent import Document, Model
from dsagent.events import PrefillProgress
from dsagent.loading import NANO
from dsagent.progress import Bar
from tests.fakes import ScriptedEngine, say

if TYPE_CHECKING:
    from typing import Any

    from dsagent.encoding.tokenizer import Tokenizer
    from dsagent.engine.constraint import GrammarBackend


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_that_goes_away() -> None:
    out = Tty()
    with Bar("loading", unit="tensors", out=out) as bar:
        bar(0, 20)
        bar(20, 20)
        assert "loading" in out.getvalue()
        assert "0/20" in out.getvalue()
    assert out.getvalue().endswith("\r")


def test_speed_and_time_left_are_those_of_what_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    out = Tty()
    with Bar("reading", unit="tokens", out=out) as bar:
        bar(8000, 10_050)  # out of a cache
        now[0] += 4.0
        bar(8400, 10_050)
    shown = out.getvalue().rpartition("8400/10050")[2]
    assert "[00:04<00:16, 100.00 tokens/s]" in shown


async def test_events_tell_how_far_a_prompt_is_read(
    tokenizer: Tokenizer, grammars: GrammarBackend
) -> None:
    engine = ScriptedEngine(tokenizer, [say("Yes.")] * 2, chunk=100)
    model = Model(engine, tokenizer, grammars=grammars)
    document = Document("d", "word " * 450)
    told: list[list[PrefillProgress]] = []
    async with model.prefix(documents=[document]) as prefix:
        for ask in (prefix.stream("Why?"), model.stream("word " * 350)):
            async with ask as stream:
                events = [e async for e in stream if isinstance(e, PrefillProgress)]
                told.append(events)
        (end,) = told[0]  # one step: what isn't cached is less than it can read
        assert end.done == end.total
    total = len(engine.requests[1].prompt)
    assert [event.done for event in told[1]] == [*range(100, total, 100), total]


def test_a_pipe_shows_nothing() -> None:
    out = io.StringIO()
    with Bar("loading", out=out) as bar:
        bar(0, 20)
        bar(20, 20)
    assert out.getvalue() == ""


def test_a_notebook_shows_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    class Widget:
        """What tqdm picks inside a notebook, whose output is no terminal."""

        made: list[Widget] = []  # noqa: RUF012

        def __init__(self, **options: Any) -> None:
            self.options = options
            self.n = 0
            self.total = 0
            self.closed = False
            self.made.append(self)

        def update(self, more: int) -> None:
            self.n += more

        def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(tqdm.autonotebook, "tqdm", Widget)
    with Bar("loading") as bar:
        bar(3, 10)
        bar(7, 12)
    (widget,) = Widget.made
    assert (widget.n, widget.total, widget.closed) == (7, 12, True)
    assert widget.options["disable"] is False


@pytest.mark.usefixtures("nano_weights")
async def test_loading_tells_how_far_it_is() -> None:
    steps: list[tuple[int, int]] = []
    async with Model.load(progress=lambda *step: steps.append(step)) as model:
        assert model.name == "nano"
    names = set()
    for path in NANO.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            names |= set(file.keys())
    wanted = [name for name in names if ".scale" not in name]
    assert steps == [(n, len(wanted)) for n in range(1, len(wanted) + 1)]
