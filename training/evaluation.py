"""How well a model does what nano is meant to do, as a table.

``python -m training.evaluation --model FOLDER`` asks questions whose words and
phrasings training never sees (`training.cases`) and some written by hand
(`training.newcomer`, `training.outsider`), decodes greedily with dsagent's own engine
and marks the answers. By default nothing helps the model to keep its format;
``--grammar`` constrains it as the product does.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

import anyio

from dsagent.encoding.grammar import ToolSpec, turn_grammar
from dsagent.encoding.parse import parse
from dsagent.encoding.render import render
from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.request import Request, Sampling
from training.cases import LENGTHS, MODES, Case, HeldOut, cases, in_mode, well_formed
from training.newcomer import newcomer
from training.outsider import outsider

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from dsagent.encoding.parse import ParsedMessage
    from dsagent.engine.constraint import GrammarBackend
    from dsagent.engine.request import EngineProtocol

NANO = Path(__file__).parent.parent / "dsagent" / "nano"
SHORT_ROWS = (
    *("call", "calls", "no_tool", "results", "chain", "schema", "talk"),
    *("lookup", "copy", "everyday_tools", "everyday_form", "everyday_document"),
    *("mode off", "mode high", "mode max"),
)
AT_ONCE = 16
"""Questions asked together."""
MARGIN = 64
"""Tokens an answer may have beyond twice the expected one."""
THOUGHT = 256
"""Tokens besides for a thought, where none is expected that could be counted."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said to one case."""

    case: Case
    said: ParsedMessage
    text: str
    """The turn as it was generated."""

    @property
    def right(self) -> bool:
        return self.case.right(self.said)

    @property
    def well_formed(self) -> bool:
        return well_formed(self.case, self.said)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: `right` answers and `formed` turns of `n`."""

    name: str
    n: int
    right: int
    formed: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share that is right."""
        return wilson(self.right, self.n)


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share (Wilson 1927), both ends in 0..1."""
    if n == 0:
        return 0.0, 1.0
    p = right / n
    middle = p + z * z / (2 * n)
    spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def rows_of(answers: Iterable[Answer]) -> list[Row]:
    """The answers counted by row, in the order in which rows first appear."""
    counted: dict[str, list[Answer]] = {}
    for answer in answers:
        counted.setdefault(answer.case.row, []).append(answer)
    return [
        Row(name, len(of), sum(a.right for a in of), sum(a.well_formed for a in of))
        for name, of in counted.items()
    ]


def table(rows: Sequence[Row]) -> str:
    """The rows in markdown."""
    lines = [
        "| skill | n | exact % | 95 % interval | format % |",
        "|---|--:|--:|--:|--:|",
    ]
    for row in rows:
        low, high = row.interval
        lines.append(
            f"| {row.name} | {row.n} | {100 * row.right / row.n:.1f} "
            f"| {100 * low:.0f} to {100 * high:.0f} | {100 * row.formed / row.n:.1f} |"
        )
    return "\n".join(lines)


class Examiner:
    """Asks a model cases.

    Args:
        engine: The model.
        tokenizer: Its tokenizer.
        grammars: Constrains the turns, if given.
    """

    def __init__(
        self,
        engine: EngineProtocol,
        tokenizer: Tokenizer,
        grammars: GrammarBackend | None = None,
    ) -> None:
        self.engine, self.tokenizer, self.grammars = engine, tokenizer, grammars

    async def ask(self, asked: Sequence[Case]) -> list[Answer]:
        """Answer all of them, several at a time, in their order."""
        answers: dict[int, Answer] = {}
        limit = anyio.CapacityLimiter(AT_ONCE)

        async def one(index: int) -> None:
            async with limit:
                answers[index] = await self._answer(asked[index])

        async with anyio.create_task_group() as group:
            for index in range(len(asked)):
                group.start_soon(one, index)
        return [answers[index] for index in range(len(asked))]

    async def _answer(self, case: Case) -> Answer:
        ids: list[int] = []
        request = request_of(case, self.tokenizer, self.grammars)
        async with self.engine.submit(request) as generation:
            async for step in generation:
                ids += step.ids
            stop = generation.stop or "error"
        tools = _tools(case)
        said = parse(
            ids,
            thinking=case.thinking,
            finish=stop,
            tokenizer=self.tokenizer,
            calls=bool(tools),
            schemas={tool.name: tool.parameters for tool in tools},
        )
        return Answer(case, said, self.tokenizer.decode(ids))


def request_of(
    case: Case, tokenizer: Tokenizer, grammars: GrammarBackend | None
) -> Request:
    """The case as the engine takes it, greedy; constrained if there are grammars."""
    pieces = render(case.messages, thinking=case.thinking, effort=case.effort)
    expected = json.dumps(case.expected, ensure_ascii=False)
    length = 2 * len(tokenizer.encode_text(expected)) + MARGIN
    if case.thinking and not case.expected.get("reasoning_content"):
        length += THOUGHT
    constraint = None
    if grammars is not None:
        grammar = turn_grammar(
            tools=_tools(case),
            thinking=case.thinking,
            output_schema=_schema(case),
            dsml_id=tokenizer.dsml,
        )
        constraint = grammars.constraint(grammar.source)
    return Request(
        tuple(tokenizer.encode(pieces)),
        max_tokens=length,
        sampling=Sampling(temperature=0.0),
        stop_ids=frozenset({tokenizer.eos}),
        constraint=constraint,
    )


def _tools(case: Case) -> list[ToolSpec]:
    """The tools that the conversation offers."""
    offered = cast("list[Mapping[str, object]]", case.messages[0].get("tools") or [])
    functions = [cast("Mapping[str, object]", tool["function"]) for tool in offered]
    return [
        ToolSpec(
            name=str(function["name"]),
            parameters=cast("Mapping[str, object]", function["parameters"]),
            description=str(function.get("description", "")),
        )
        for function in functions
    ]


def _schema(case: Case) -> Mapping[str, object] | None:
    """The schema that the conversation asks the answer to follow."""
    asked = case.messages[0].get("response_format")
    return cast("Mapping[str, object] | None", asked)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which questions to ask.

    `n` a row, at most `n_long` for documents of 4,096 tokens and more, of the rows
    whose names begin with the words of one of `only` (all if empty). `held_out` is
    what training never sees; `thinking` asks all of them in one mode.
    """

    n: int = 100
    n_long: int = 30
    seed: int = 1
    lengths: tuple[int, ...] = LENGTHS
    only: tuple[str, ...] = ()
    held_out: HeldOut = "all"
    thinking: str | None = None

    def batches(self, tokenizer: Tokenizer) -> Iterator[list[Case]]:
        """The cases, row by row, made as they are asked for."""

        def count(text: str) -> int:
            return len(tokenizer.encode_text(text))

        for name in SHORT_ROWS:
            if self._wants(name):
                yield self._asked(
                    cases(name, self.n, self.seed, held_out=self.held_out)
                )
        for length in self.lengths:
            n = self.n if length < 4096 else min(self.n, self.n_long)
            for kind in ("document", "quote", "unknown"):
                if self._wants(f"{kind} {length}") and _asked_at(kind, length):
                    yield self._asked(
                        cases(
                            kind,
                            n,
                            self.seed,
                            tokens=length,
                            count=count,
                            held_out=self.held_out,
                        )
                    )
        for mode in ("high", "off"):
            if self._wants(f"newcomer {mode}"):
                yield newcomer(mode)
            asked = [case for case in outsider(mode) if self._wants(case.row)]
            if asked:
                yield asked

    def _asked(self, drawn: list[Case]) -> list[Case]:
        mode = self.thinking
        return drawn if mode is None else [in_mode(case, mode) for case in drawn]

    def _wants(self, name: str) -> bool:
        return not self.only or any(f"{name} ".startswith(f"{o} ") for o in self.only)


def _asked_at(kind: str, length: int) -> bool:
    """Quotes and gaps are asked for in short documents; facts in all."""
    return kind == "document" or length in (100, 512, 2048)


@contextmanager
def with_window(folder: Path, window: int | None) -> Iterator[Path]:
    """The model in `folder` with another sliding window, as a folder of its own."""
    if window is None:
        yield folder
        return
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for file in folder.iterdir():
            (copy / file.name).symlink_to(file.resolve())
        config = json.loads((folder / "config.json").read_text("utf-8"))
        (copy / "config.json").unlink()
        config["sliding_window"] = window
        (copy / "config.json").write_text(json.dumps(config), "utf-8")
        yield copy


def failures(answers: Sequence[Answer], most: int) -> str:
    """Some wrong answers of each row, with what was asked and expected."""
    lines: list[str] = []
    shown: dict[str, int] = {}
    for answer in answers:
        case = answer.case
        if answer.right or shown.get(case.row, 0) >= most:
            continue
        shown[case.row] = shown.get(case.row, 0) + 1
        expected = [str(call) for call in case.calls] or [case.text]
        if case.values:
            expected += [f"with {case.values}"]
        lines += [
            f"\n{case.row} ({'thinking' if case.thinking else 'not thinking'})",
            f"  asked:    {_short(str(case.messages[-1]['content']))}",
            f"  expected: {' '.join(expected)!r}",
            f"  said:     {_short(answer.text)}",
        ]
    return "\n".join(lines)


def _short(text: str, most: int = 400) -> str:
    return repr(text if len(text) <= most else f"...{text[-most:]}")


async def examine(folder: Path, plan: Plan, *, grammar: bool) -> list[Answer]:
    """Load the model in `folder` and ask it everything in `plan`."""
    from dsagent.engine.config import EngineConfig
    from dsagent.engine.constraint import GrammarBackend
    from dsagent.engine.engine import Engine
    from dsagent.engine.transformer import Transformer

    here = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(here if here.exists() else NANO / "tokenizer.json")
    config = EngineConfig(max_running=AT_ONCE, memory=2 << 30)
    answers: list[Answer] = []
    async with Engine(Transformer.load(folder), config) as engine:
        backend = GrammarBackend(tokenizer) if grammar else None
        examiner = Examiner(engine, tokenizer, backend)
        for batch in plan.batches(tokenizer):
            started = time.monotonic()
            answers += await examiner.ask(batch)
            row = rows_of(answers)[-1]
            print(
                f"{row.name}: {row.right}/{row.n}, {time.monotonic() - started:.0f} s",
                flush=True,
            )
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=NANO)
    parser.add_argument("--n", type=int, default=100, help="questions a row")
    parser.add_argument("--n-long", type=int, default=30, help="from 4,096 tokens on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lengths", type=int, nargs="*", default=list(LENGTHS))
    parser.add_argument("--only", nargs="*", default=[], help="first words of rows")
    parser.add_argument("--window", type=int, help="another sliding window")
    parser.add_argument("--grammar", action="store_true")
    parser.add_argument(
        "--held-out",
        choices=get_args(HeldOut),
        default="all",
        help="words and phrasings; words and names alone; nothing, as in training",
    )
    parser.add_argument("--thinking", choices=list(MODES), help="ask all in one mode")
    parser.add_argument("--json", type=Path, help="write the rows there, too")
    parser.add_argument("--failures", type=int, default=3, help="shown a row")
    given = parser.parse_args()
    plan = Plan(
        given.n,
        given.n_long,
        given.seed,
        tuple(given.lengths),
        tuple(given.only),
        given.held_out,
        given.thinking,
    )
    with with_window(given.model, given.window) as folder:

        async def run() -> list[Answer]:
            return await examine(folder, plan, grammar=given.grammar)

        answers = anyio.run(run)
    if not answers:
        parser.error(f"no row begins with {' or '.join(given.only)}")
    rows = rows_of(answers)
    print(table(rows))
    print(failures(answers, given.failures))
    if given.json:
        lines = [
            {"skill": r.name, "n": r.n, "right": r.right, "formed": r.formed}
            for r in rows
        ]
        given.json.write_text(json.dumps(lines, indent=1), "utf-8")


if __name__ == "__main__":
    main()
