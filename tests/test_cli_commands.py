"""``chat``, ``ask`` and ``inspect``, by what they print and where."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from dsagent import (
    Assistant,
    Document,
    EngineError,
    Limits,
    Text,
    Thinking,
    User,
    sync,
    tool,
)
from dsagent.cli import main
from dsagent.cli.terminal import Narration, Terminal
from dsagent.events import PrefillProgress, TextDelta, ThinkingDelta
from dsagent.testing import ScriptedModel, Step, call, say, think
from dsagent.testing.hold import hold_file
from dsagent.testing.model import nano_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dsagent.events import Event
    from dsagent.messages import Message
    from dsagent.testing.script import Answer

    Use = Callable[..., ScriptedModel]

TOOLS = '''
from dsagent import tool

@tool(sequential=True)
def weather(city: str) -> str:
    """Weather in a city."""
    return f"sunny in {city}"

@tool(sequential=True)
def fails() -> str:
    """Fails."""
    raise LookupError("no \\x1b[31mluck")
'''


@tool
def weather(city: str) -> str:
    """Weather in a city."""
    return f"sunny in {city}"


class Tty(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """``use(step, ..., typed=...)``: the model the command loads, and its input."""

    def prepare(*script: Answer, typed: str = "") -> ScriptedModel:
        model = ScriptedModel(script)
        load = staticmethod(lambda *given, **options: sync.Model(model))
        monkeypatch.setattr(sync.Model, "load", load)
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return model

    return prepare


@pytest.fixture
def tools(tmp_path: Path) -> str:
    path = tmp_path / "tools.py"
    path.write_text(TOOLS, "utf-8")
    return str(path)


# ask


def test_ask_prints_the_answer_and_nothing_else(
    use: Use, tools: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("Alpha is first.")
    model = use(
        think("Hm.") + say("Wait.") + call("weather", city="Oslo"),
        think("Ah.") + say("Sunny.\nVery."),
        typed="never read",
    )
    given = ["ask", str(tmp_path / "a.txt"), "-q", "What is first?"]
    assert main([*given, "--tools", tools, "-s", "Be brief."]) == 0
    out, err = capsys.readouterr()
    assert out == "Wait.\nSunny.\nVery.\n"
    assert err == ""
    prompt = model.asked[0].text
    assert "Be brief." in prompt
    assert "[file name]: a.txt" in prompt
    assert "Alpha is first." in prompt
    assert "never read" not in prompt
    model.assert_done()


@pytest.mark.parametrize(
    ("arguments", "typed", "question", "document"),
    [
        (["-q", "What?"], "Piped.", "What?", "Piped."),
        (["-", "-q", "What?"], "Piped.", "What?", "Piped."),
        (["-q", "What?"], "", "What?", None),
        ([], "What?\n", "What?", None),
    ],
)
def test_ask_reads_what_comes_through_the_pipe(
    use: Use, arguments: list[str], typed: str, question: str, document: str | None
) -> None:
    model = use("Yes.", typed=typed)
    assert main(["ask", *arguments]) == 0
    prompt = model.asked[0].text
    assert f"{question}<｜Assistant｜>" in prompt
    assert ("[file name]: stdin" in prompt) == (document is not None)
    assert document is None or document in prompt


def test_ask_keeps_what_it_read(
    use: Use, tools: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("Alpha is first.")
    folder = tmp_path / "kept"
    given = ["ask", str(tmp_path / "a.txt"), "--keep", str(folder), "--tools", tools]
    cached = []
    for question in ("What is first?", "What else?"):
        model = use("Alpha.")
        assert main([*given, "--json", "-q", question]) == 0
        cached.append(json.loads(capsys.readouterr().out)["usage"]["cached_tokens"])
        assert "Alpha is first." in model.asked[0].text
        assert "weather" in model.asked[0].text
        (file,) = folder.iterdir()
    assert cached[0] == cached[1] > 0
    use("Alpha.")
    assert main([*given, "-q", "What?", "-s", "Be brief.", "--max-tokens", "99"]) == 0
    assert capsys.readouterr() == ("Alpha.\n", "")
    assert len(list(folder.iterdir())) == 2
    (tmp_path / "file").touch()
    use("Alpha.")
    given[3] = str(tmp_path / "file")
    assert main([*given, "-q", "What?"]) == 0  # nowhere to keep it is no failure
    out, err = capsys.readouterr()
    assert out == "Alpha.\n"
    assert err.startswith("dsagent: not kept: ")
    assert file.exists()


def test_chat_keeps_what_it_read(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "chat.json", tmp_path / "kept"
    given = ["chat", "--keep", str(folder), "--thinking", "off"]
    use("Yes.", typed=f"Well?\n/save {path}\n")
    assert main(given) == 0
    (file,) = folder.iterdir()
    model = use("No.", typed="Sure?\n")
    assert main([*given, str(path)]) == 0
    assert list(folder.iterdir()) == [file]
    prompt = model.asked[0].ids
    kept = (prompt[:size] for size in range(len(prompt)))
    print_of = model._engine.fingerprint
    assert file in {hold_file(folder, print_of, ids) for ids in kept}
    assert "not kept" not in capsys.readouterr().out


def test_ask_json(use: Use, tools: str, capsys: pytest.CaptureFixture[str]) -> None:
    use(think("Hm.") + call("weather", city="Oslo"), think("Ah.") + say("Sunny — yes."))
    assert main(["ask", "-q", "Well?", "--tools", tools, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    reply = json.loads(out)
    assert (reply["text"], reply["thinking"], reply["stop"]) == (
        "Sunny — yes.",
        "Ah.",
        "done",
    )
    assert reply["calls"] == [
        {"id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}
    ]
    assert (reply["usage"]["turns"], reply["usage"]["tool_calls"]) == (2, 1)


def test_ask_fails_as_it_must(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use("Yes.")
    assert main(["ask"]) == 1
    assert "there is no question; ask one with -q" in capsys.readouterr().err
    assert main(["ask", str(tmp_path / "none.txt"), "-q", "?"]) == 1
    assert "DocumentError" in capsys.readouterr().err
    assert main(["ask", "-q", "?", "--tools", str(tmp_path / "none.py")]) == 1
    assert "can't be used: FileNotFoundError" in capsys.readouterr().err
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert main(["ask", "-q", "?", "--tools", str(tmp_path / "empty.py")]) == 1
    assert "defines no tools" in capsys.readouterr().err
    assert main(["ask", "-q", "?", "--mcp", "no-such-server --here"]) == 1
    assert "ToolServerError" in capsys.readouterr().err
    use(Step("one two three", cut=2))
    assert main(["ask", "-q", "?", "--thinking", "off"]) == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("one two\n", "dsagent: the answer isn't complete: length\n")


def test_ask_passes_its_options_on(use: Use) -> None:
    model = use("Yes.")
    options = ["--temperature=0.5", "--seed=7", "--max-tokens=99", "--thinking=off"]
    assert main(["ask", "-q", "?", *options]) == 0
    (asked,) = model.asked
    assert (asked.sampling.temperature, asked.sampling.seed) == (0.5, 7)
    assert asked.request.max_tokens == 99
    assert asked.text.endswith("</think>")


# chat


def test_chat_through_pipes(
    use: Use, tools: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    lines = [
        "How is Oslo?",
        f"/save {kept}",
        "/fork",
        "//odd",
        "/back",
        "/history",
        "",
        "/quit",
        "never asked",
    ]
    model = use(
        think("Look.") + call("weather", city="Oslo") + call("fails"),
        "Sunny.",
        "Odd indeed.",
        typed="\n".join(lines),
    )
    assert main(["chat", "--tools", tools]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    failed = "Error: fails failed with LookupError: no \x1b[31mluck"
    assert out == (
        "> How is Oslo?\n"
        "thinking: Look.\n"
        '→ weather({"city": "Oslo"})\n'
        "→ fails({})\n"
        "← weather: sunny in Oslo\n"
        f"← fails: {failed}\n"
        "Sunny.\n"
        f"> /save {kept}\n"
        "saved 5 messages\n"
        "> /fork\n"
        "fork > //odd\n"
        "Odd indeed.\n"
        "fork > /back\n"
        "> /history\n"
        "> How is Oslo?\n"
        "Look.\n"
        '→ weather({"city": "Oslo"})\n'
        "→ fails({})\n"
        "← weather: sunny in Oslo\n"
        f"← fails: {failed}\n"
        "Sunny.\n"
        "> \n"
        "> /quit\n"
    )
    model.assert_done()
    assert "/odd<｜Assistant｜>" in model.asked[2].text
    assert "Sunny." in model.asked[2].text
    saved = model.load_chat(kept, missing_tools="drop").messages
    assert saved[-1].text == "Sunny."
    assert isinstance(saved[-1], Assistant)
    assert saved[-1].token_ids  # so that going on replays it exactly


@pytest.fixture
def careful(tmp_path: Path) -> str:
    """A tool that somebody has to agree to, in a file."""
    path = tmp_path / "careful.py"
    path.write_text(
        "from dsagent import tool\n\n"
        "@tool(approval=True)\n"
        "def purge(what: str) -> str:\n"
        '    """Purge."""\n'
        '    return f"{what} is gone"\n'
    )
    return str(path)


def test_chat_asks_about_calls_one_at_a_time(
    use: Use, careful: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = use(
        call("purge", what="a") + call("purge", what="b"),
        "One of them.",
        typed="Purge.\n/allow\n/deny b is mine\n",
    )
    assert main(["chat", "--thinking", "off", "--tools", careful]) == 0
    denied = "Error: not run, because this call was denied: b is mine"
    *asked, one, other, answer = capsys.readouterr().out.splitlines()
    assert asked == [
        "> Purge.",
        '→ purge({"what": "a"})',
        '→ purge({"what": "b"})',
        'purge({"what": "a"}) waits: /allow, or /deny WHY',
        "> /allow",
        'purge({"what": "b"}) waits: /allow, or /deny WHY',
        "> /deny b is mine",
    ]
    assert {one, other} == {"← purge: a is gone", f"← purge: {denied}"}
    assert answer == "One of them."
    assert "a is gone" in model.asked[1].text
    assert denied in model.asked[1].text


@pytest.mark.parametrize("between", ["/load nowhere.json", "/fork", "/resume"])
def test_a_yes_is_for_the_call_that_was_shown(
    between: str, use: Use, careful: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever happens between, the last one shown is the one that is decided about."""
    model = use(
        call("purge", what="a") + call("purge", what="b"),
        "Done.",
        typed=f"Purge.\n/deny\n{between}\n/allow\n/deny\n",
    )
    main(["chat", "--thinking", "off", "--tools", careful])
    lines = capsys.readouterr().out.splitlines()
    said = next(i for i, line in enumerate(lines) if line.endswith("> /allow"))
    assert lines[said - 1].startswith('purge({"what": "a"}) waits')
    assert "a is gone" in model.asked[1].text
    assert "b is gone" not in model.asked[1].text


def test_chat_makes_no_call_that_nobody_allowed(
    use: Use, careful: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["chat", "--thinking", "off", "--tools", careful]
    kept = tmp_path / "kept.json"
    # Input that ends while a call waits is a conversation that isn't finished.
    use(call("purge", what="a"), typed=f"Purge.\n/save {kept}\n")
    assert main(given) == 1
    # It waits in the file, too, and answers to half of the calls mean nothing.
    use("Gone.", typed="/resume\n/deny\n")
    assert main([*given, str(kept)]) == 0
    out = capsys.readouterr().out
    assert out.count("waits: /allow") == 3
    assert "Error: not run, because this call was denied.\nGone." in out
    # Saying something else is no yes, and takes back what was said of other calls.
    two = call("purge", what="a") + call("purge", what="b")
    typed = "Purge.\n/allow\nNever mind.\n/allow\n"
    model = use(two, "Fine.", typed=typed)
    assert main(given) == 1
    out = capsys.readouterr().out
    assert "is gone" not in out + model.asked[1].text
    assert out.endswith("Fine.\n> /allow\nno call waits for a decision\n")


def keep(path: Path, *messages: Message, **options: Any) -> str:
    """A saved chat."""
    chat = ScriptedModel([]).open_chat(**options)
    chat.messages = (*chat.messages, *messages)
    chat.save(path)
    return str(path)


def test_chat_goes_on_with_what_was_kept(
    use: Use, tools: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = Assistant((Thinking("A name."), Text("Hi Ann.")))
    kept = keep(
        tmp_path / "kept.json",
        User("I'm Ann."),
        answer,
        tools=[weather],
        thinking="off",
        limits=Limits(output_tokens=77),
    )
    model = use("Ann.", typed="Who am I?\n")
    assert main(["chat", kept]) == 0
    assert "I'm Ann." in model.asked[0].text
    assert model.asked[0].text.endswith("</think>")
    assert model.asked[0].request.max_tokens == 77
    out, err = capsys.readouterr()
    assert out.startswith("went on without the tools weather\n> Who am I?\n")
    assert err == ""
    model = use("Ann.", typed=f"/load {kept}\nWho am I?\n")
    given = ["-s", "Be brief.", "--max-tokens=99", "--tools", tools]
    assert main(["chat", *given]) == 0
    assert "I'm Ann." in model.asked[0].text
    assert model.asked[0].text.endswith("</think>")
    assert model.asked[0].request.max_tokens == 99
    assert capsys.readouterr().out.startswith(f"> /load {kept}\nloaded 2 messages\n")


def test_chat_goes_on_with_an_answer_that_was_stopped(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    cut = Step("one two three", cut=2)
    model = use(cut, typed=f"Count.\n/save {kept}\n")
    assert main(["chat", "--thinking", "off"]) == 1
    said = capsys.readouterr().out.split("\n")[1]
    assert said == "one two"
    begun = tuple(model._engine.sampled[0])
    tokenizer = nano_tokenizer()
    rest = Step(ids=(*tokenizer.encode_text(" three"), tokenizer.eos))
    model = use(rest, typed="/resume\n/history\n/resume\n")
    assert main(["chat", str(kept)]) == 1
    out = capsys.readouterr().out
    assert model.asked[0].ids[-2:] == begun
    assert "> Count.\none two three\n" in out
    assert out.endswith(
        "> /resume\nInvalidMessages: there is nothing to resume: nothing "
        "was asked since the last answer; send(...) asks something\n"
    )


def test_chat_survives_what_goes_wrong(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"/load {tmp_path}/none", "/save /no/such/folder/x", "/dance", "One?"]
    broken = Step("x", error=EngineError("it broke"))
    model = use(broken, "Two.", typed="\n".join([*lines, "Two?"]))
    assert main(["chat"]) == 1
    out = capsys.readouterr().out
    assert "can't be read: No such file" in out
    assert "can't be saved as /no/such/folder/x: No such file" in out
    assert "/dance? /save FILE" in out
    assert "EngineError: it broke" in out
    assert out.endswith("> Two?\nTwo.\n")
    model.assert_done()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/", "/? /save FILE"),
        ("  /  ", "/? /save FILE"),
        ("/save", "/save? /save FILE"),
        ("/ save", "/save? /save FILE"),
        ("/save \0", "can't be saved as"),
        ("/save /tmp/\ud83d", "can't be saved as"),
        ("/load \0", "holds no chat"),
        ("word " * 20_000, "ContextOverflow: "),
    ],
)
def test_chat_goes_on_after_a_line_that_means_nothing(
    line: str, said: str, use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    model = use("One.", "Two.", typed=f"One?\n{line}\n   \nTwo?")
    assert main(["chat", "--thinking", "off"]) == 1
    out = capsys.readouterr().out
    assert said in out
    assert out.endswith("> Two?\nTwo.\n")
    assert "One?<｜Assistant｜></think>One." in model.asked[1].text


def test_ctrl_c_stops_a_command_and_not_the_chat(
    use: Use, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(chat: sync.Chat, path: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sync.Chat, "save", slow)
    model = use("One.", "Two.", typed="One?\n/save x\nTwo?\n")
    assert main(["chat", "--thinking", "off"]) == 1
    assert capsys.readouterr().out.endswith("> /save x\n[stopped]\n> Two?\nTwo.\n")
    assert "One?<｜Assistant｜></think>One." in model.asked[1].text


def test_chat_shows_what_its_output_can_not_spell(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    kept.write_text(
        '{"format": "dsagent chat", "version": 1, "state": '
        '{"messages": [{"kind": "user", "text": "Half \\ud83d"}]}}'
    )
    use("Yes.", typed="/history\nAnd?\n")
    assert main(["chat", "--thinking", "off", str(kept)]) == 0
    assert "> Half \\ud83d\n> And?\nYes.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("encoding", "seen"), [("utf-8", "Blåbær\n"), ("ascii", "Bl\\xe5b\\xe6r\n")]
)
def test_an_answer_is_printed_in_any_encoding(
    encoding: str, seen: str, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding, newline="\n"))
    use("Blåbær")
    assert main(["ask", "-q", "?", "--thinking", "off"]) == 0
    assert out.getvalue() == seen.encode()


def piped(data: bytes) -> io.TextIOWrapper:
    """Standard input, as Python opens it where the locale is UTF-8."""
    return io.TextIOWrapper(io.BytesIO(data), "utf-8", errors="strict")


def test_chat_reads_what_is_no_text(use: Use, monkeypatch: pytest.MonkeyPatch) -> None:
    model = use("One.", "Two.")
    monkeypatch.setattr(sys, "stdin", piped(b"One?\nBl\xe5?\n"))
    assert main(["chat", "--thinking", "off"]) == 0
    assert "Bl\ufffd?<｜Assistant｜>" in model.asked[1].text


@pytest.mark.parametrize("arguments", [["-q", "?"], ["-", "-q", "?"], []])
def test_ask_reads_only_text(
    arguments: list[str],
    use: Use,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = use("Yes.")
    monkeypatch.setattr(sys, "stdin", piped(b"Bl\xe5b\xe6r?"))
    assert main(["ask", *arguments]) == 1
    err = capsys.readouterr().err
    assert "DocumentError: what comes through the pipe isn't utf-8 text" in err
    assert not model.asked


def test_closed_streams_are_empty_ones(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    for arguments in (["ask", "-q", "?", "--thinking", "off"], ["chat"]):
        use("Yes.")
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, None)
        assert main(arguments) == 0
        for stream in (sys.stdin, sys.stdout, sys.stderr):
            stream.close()


@pytest.mark.parametrize(
    ("option", "fault"),
    [
        ("--temperature=-1", "temperature must be finite and at least 0, not -1.0"),
        ("--temperature=warm", "could not convert string to float: 'warm'"),
        ("--max-tokens=0", "'0' is no number of tokens"),
        ("--max-tokens=many", "'many' is no number of tokens"),
        ("--context=-5", "'-5' is no number of tokens"),
        ("--mcp=serve 'here", "No closing quotation"),
        ("--mcp= ", "' ' names no server"),
    ],
)
def test_an_option_that_can_not_be_is_a_line_on_how_to_use_it(
    option: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["chat", option])
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("dsagent chat: error: argument --")
    assert fault in err


def test_a_tool_file_that_exits_is_a_failure(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "script.py"
    path.write_text("import sys\nsys.exit(0)\n")
    use("Yes.")
    assert main(["ask", "-q", "?", "--tools", str(path)]) == 1
    assert "script.py can't be used: SystemExit: 0" in capsys.readouterr().err


def test_a_tool_under_another_decorator_is_named_and_not_left_out(
    use: Use, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "script.py"
    path.write_text(
        "import functools\nfrom dsagent import tool\n"
        "def timed(f): return functools.wraps(f)(lambda *a: f(*a))\n"
        "@timed\n@tool(approval=True)\ndef erase(path: str) -> str: return 'gone'\n"
    )
    use("Yes.")
    assert main(["ask", "-q", "?", "--tools", str(path)]) == 1
    assert "put @tool above the other decorator" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="signals a thread")
def test_ctrl_c_stops_the_answer_and_not_the_chat(
    use: Use, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupt:
        async def wait(self) -> None:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            await anyio.sleep_forever()

    slow = Step("one two three", hold=Interrupt(), held=2)  # type: ignore[arg-type]
    model = use(slow, "Fine.", typed="Count.\nNever mind.\n")
    assert main(["chat", "--thinking", "off"]) == 1  # an answer is not complete
    out = capsys.readouterr().out
    assert "[stopped: cancelled]" in out
    assert out.endswith("> Never mind.\nFine.\n")
    assert "Count.<｜Assistant｜></think>one two" in model.asked[1].text


# inspect


def test_inspect_prints_the_exact_prompt(
    use: Use, tools: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text("Alpha <｜User｜> is first.")
    given = ["-s", "Be brief.", "--tools", tools]
    asked = ["-q", "What is first?", "-d", str(tmp_path / "a.txt")]
    assert main(["inspect", *given, *asked]) == 0
    out, err = capsys.readouterr()
    # It is what a model is asked by `ask`, byte for byte.
    model = use("Alpha.")
    assert main(["ask", *given, str(tmp_path / "a.txt"), "-q", "What is first?"]) == 0
    (request,) = model.asked
    assert out == request.text
    control = [i for i in request.ids if i in nano_tokenizer().control_ids]
    text = len(request.ids) - len(control)
    assert err.startswith(
        f"{len(request.ids)} tokens: {text} of text, {len(control)} control ("
    )
    # The user token was written once and spelled once.
    assert out.count("<｜User｜>") == 2
    assert "1 × <｜User｜>" in err


def test_inspect_a_kept_conversation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "kept.json"
    said = (User("Hi."), Assistant((Text("Ho."),)))
    keep(kept, *said, system="Be brief.", thinking="off", tools=[weather])
    assert main(["inspect", str(kept)]) == 0
    begin, end = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
    out, err = capsys.readouterr()
    assert out == f"{begin}Be brief.<｜User｜>Hi.<｜Assistant｜></think>Ho.{end}"
    assert err.endswith("shown without tools it was saved with: weather\n")
    # Documents that wait for a question go in front of the next one.
    keep(kept, thinking="off", documents=[Document("a.txt", "Alpha.")])
    assert main(["inspect", str(kept), "-q", "What?"]) == 0
    assert capsys.readouterr().out == (
        f"{begin}<｜User｜>[file name]: a.txt\n[file content begin]\nAlpha.\n"
        "[file content end]\nWhat?<｜Assistant｜></think>"
    )
    assert main(["inspect"]) == 1
    assert "there is nothing to show" in capsys.readouterr().err
    kept.write_text("{}")
    assert main(["inspect", str(kept)]) == 1
    assert "holds no chat" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_inspect_colours_control_tokens_on_a_terminal() -> None:
    import pty

    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "dsagent", "inspect", "-q", "Is <think> \x1b[2J here?"],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
        timeout=60,
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "Is <think> ␛[2J here?" in shown  # spelled, so not coloured
    assert "\x1b[1;30;43m<｜Assistant｜><think>\x1b[0m" in shown
    assert b"\x1b" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_crash() -> None:
    code = "import dsagent.cli as c; c.main(['inspect', '-q', 'word ' * 50000])"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


# The terminal


def test_what_is_shown_can_t_drive_the_terminal() -> None:
    evil = "\x1b]0;owned\x07 a\x9bb\tc\nd\r\x7f"
    shown, piped = Tty(), io.StringIO()
    Terminal(shown).write(evil)
    Terminal(piped).write(evil)
    assert "␛]0;owned␇ a�b c\nd␍␡" in re.sub(" +", " ", shown.getvalue())
    assert piped.getvalue() == evil


def test_thinking_is_dimmed_or_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    events: list[Event] = [ThinkingDelta("Hm"), ThinkingDelta("."), TextDelta("Yes.")]

    def told(out: io.StringIO) -> str:
        terminal = Terminal(out)
        narration = Narration(terminal, terminal)
        for event in events:
            narration.tell(event)
        return out.getvalue()

    assert told(io.StringIO()) == "thinking: Hm.\nYes."
    assert "\x1b[2;3mHm\x1b[0m\x1b[2;3m.\x1b[0m\nYes." in told(Tty())
    monkeypatch.setitem(sys.modules, "rich.console", None)  # not installed
    assert told(Tty()) == "thinking: Hm.\nYes."


def test_reading_a_long_prompt_is_shown_to_who_watches() -> None:
    for out, seen in ((Tty(), True), (io.StringIO(), False)):
        terminal = Terminal(out)
        narration = Narration(terminal, terminal)
        narration.tell(PrefillProgress(100, 200))  # too short to tell
        narration.tell(PrefillProgress(900, 1000, 900))  # most of it is in a cache
        assert out.getvalue() == ""
        narration.tell(PrefillProgress(300, 1000))
        narration.tell(PrefillProgress(1000, 1000))
        assert ("reading" in out.getvalue()) == seen
        narration.tell(TextDelta("Yes."))
        assert out.getvalue().endswith("Yes.")
