"""Serving nano: many requests at once, long documents, and who waits for whom.

Everything goes through the public doors, requests through ``Engine`` and documents
through ``Model``, with one thread of torch beside one event loop. Times are what a
reader's clock shows. Four parts:

* *load*: clients that ask one question after the other (``traffic.py``), behind no
  prefix, behind one that all share and that is held, and each behind one of its own;
* *first token* of an answer about a document of 16k tokens: with nothing known, with
  the document held, and with the document in a file that another model has written,
  which is in the system's page cache then;
* *stall*: what four writers notice while a prompt of 16k tokens is read;
* *map*: ``Model.map`` beside tasks and a limiter written by hand.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import anyio
import torch

from benchmarks.common import Sample, options, report, setup, table
from benchmarks.traffic import Clients, Kind, Questions, Traffic
from dsagent import Document, Limits, Model, Sampling, TextDelta
from dsagent.engine.config import EngineConfig
from dsagent.engine.engine import Engine
from dsagent.engine.request import Request
from dsagent.engine.setup import read_calibration, step_profile
from dsagent.engine.transformer import Transformer
from dsagent.loading import NANO

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dsagent.engine.request import Speculation
    from dsagent.options import RunOptions
    from dsagent.stream import RunStream

Key: TypeAlias = "tuple[Kind, Speculation, int]"
"""What stands in front of the questions, how far ahead is drafted, how many clients."""

ROWS: tuple[Key, ...] = (
    ("none", "off", 1),
    ("none", "off", 16),
    *(("none", "auto", n) for n in (1, 4, 16, 64)),
    *(("shared", "auto", n) for n in (1, 4, 16, 64)),
    *(("own", "auto", n) for n in (1, 4, 16, 64)),
)
QUICK: tuple[Key, ...] = (
    *(("none", "off", n) for n in (1, 16)),
    *(("none", "auto", n) for n in (1, 16)),
    *(("shared", "auto", n) for n in (1, 16)),
)
NAMES = {"none": "no prefix", "shared": "one for all", "own": "each its own"}
CONFIG = EngineConfig(max_running=64, memory=3 << 30, threads=1)
LONG = 16_384
"""Tokens of a long document, about."""
ASKED = (
    *("When was the town founded?", "Who is the mayor?"),
    *("What do the tickets cost?", "Which town is the twin of this one?"),
)
WRITERS = 4
MAPPED, AT_ONCE = 48, 16
"""Questions asked by hand and with ``map``, and how many at once."""


async def load(
    transformer: Transformer, questions: Questions, key: Key, seconds: float
) -> Traffic:
    """What clients see of a fresh engine."""
    kind, speculation, clients = key
    endless = questions.requests(kind, speculation)
    # Made before the clock runs. If these don't do, more are made beside it.
    ready = list(itertools.islice(endless, clients + int(40 * seconds)))
    async with _engine(transformer) as engine:
        held = None
        if kind == "shared":
            held = await engine.hold(_common([request.prompt for request in ready]))
        asking = Clients(engine, itertools.chain(ready, endless))
        traffic = await asking.ask(clients, seconds)
        if held is not None:
            held.release()
        return traffic


def _common(prompts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """What all of them begin with."""
    columns = zip(*prompts, strict=False)
    alike = itertools.takewhile(lambda ids: len(set(ids)) == 1, columns)
    return tuple(ids[0] for ids in alike)


def _engine(transformer: Transformer) -> Engine:
    return Engine(
        transformer,
        CONFIG,
        profile=step_profile(transformer, CONFIG),
        calibration=read_calibration(transformer, NANO),
    )


@dataclass
class FirstTokens:
    """Seconds from a question about a long document to the answer's first words."""

    tokens: list[int] = field(default_factory=list)
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    disk: list[float] = field(default_factory=list)
    """Finding, checking and loading the file included."""


async def first_tokens(questions: Questions, documents: int) -> FirstTokens:
    """Ask about so many documents."""
    found, config = FirstTokens(), EngineConfig(threads=1)
    with TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            Model.load(engine=config) as model,
            Model.load(engine=config) as other,
        ):
            for number in range(documents):
                document = Document("notes.txt", questions.document(number, LONG))
                await _held(found, model, document, folder)
                found.disk.append(await _from_disk(other, document, folder))
    return found


async def _held(
    found: FirstTokens, model: Model, document: Document, folder: Path
) -> None:
    """Ask about a document that isn't known, and then that is; leave it on disk."""
    stream = model.stream(ASKED[0], documents=[document], thinking="off")
    found.cold.append(await _first(stream))
    async with model.prefix(documents=[document], thinking="off") as prefix:
        found.tokens.append(prefix.tokens)
        for asked in ASKED[1:]:
            found.warm.append(await _first(prefix.stream(asked)))
        await prefix.save(folder)


async def _from_disk(model: Model, document: Document, folder: Path) -> float:
    begin = time.perf_counter()
    opening = model.prefix(documents=[document], thinking="off", folder=folder)
    async with opening as prefix:
        assert prefix.source == "disk", f"it came from {prefix.source}"
        await _first(prefix.stream(ASKED[0]))
        return time.perf_counter() - begin


async def _first(asked: RunStream[str]) -> float:
    """Seconds until there is a word of the answer, which is then left alone."""
    begin = time.perf_counter()
    async with asked as stream:
        async for event in stream:
            if isinstance(event, TextDelta):
                return time.perf_counter() - begin
    raise AssertionError("an answer without words")


@dataclass
class Stall:
    """Seconds between deliveries to those who write."""

    alone: list[float] = field(default_factory=list)
    reading: list[float] = field(default_factory=list)
    """While somebody's long prompt is read."""
    took: float = 0.0
    """Reading it, beside them."""


async def stall(
    transformer: Transformer, questions: Questions, seconds: float
) -> Stall:
    """Let four write for some seconds, and go on while a long prompt is read."""
    found = Stall()
    gaps = found.alone
    text = questions.document(0, LONG)
    long = Request(tuple(questions.tokenizer.encode_text(text)), max_tokens=1)

    async def write(request: Request) -> None:
        last: float | None = None
        async with engine.submit(request) as generation:
            async for step in generation:
                now = time.perf_counter()
                if step.ids:
                    if last is not None:
                        gaps.append(now - last)
                    last = now

    async with _engine(transformer) as engine, anyio.create_task_group() as group:
        asked = itertools.islice(questions.requests("none", "auto"), WRITERS)
        for request in asked:
            group.start_soon(
                write,
                replace(
                    request, max_tokens=8192, stop_ids=frozenset(), constraint=None
                ),
            )
        await anyio.sleep(seconds)
        gaps, begin = found.reading, time.perf_counter()
        async with engine.submit(long) as generation:
            async for _ in generation:
                pass
        found.took = time.perf_counter() - begin
        group.cancel_scope.cancel()
    return found


async def map_over_hand(rounds: int) -> Sample:
    """Seconds of ``Model.map`` over those of the same questions asked by hand."""
    config = EngineConfig(threads=1, keep_prefixes=False)
    prompts = [f"What is {i} plus {i + 2}?" for i in range(MAPPED)]
    ask: RunOptions = {
        "thinking": "off",
        "limits": Limits(output_tokens=32),
        "sampling": Sampling(temperature=0.0),
    }
    async with Model.load(engine=config) as model:

        async def mapped() -> None:
            async for _ in model.map(prompts, concurrency=AT_ONCE, **ask):
                pass

        async def by_hand() -> None:
            limiter = anyio.CapacityLimiter(AT_ONCE)

            async def one(prompt: str) -> None:
                async with limiter:
                    await model.chat(prompt, **ask)

            async with anyio.create_task_group() as group:
                for prompt in prompts:
                    group.start_soon(one, prompt)

        ratios = []
        for _ in range(rounds):
            seconds = []
            for way in (mapped, by_hand):
                begin = time.perf_counter()
                await way()
                seconds.append(time.perf_counter() - begin)
            ratios.append(seconds[0] / seconds[1])
    return Sample(tuple(ratios))


def figures(
    loads: dict[Key, list[Traffic]], first: FirstTokens, stalled: Stall, mapped: Sample
) -> dict[str, float]:
    """The ratios. One client is taken at its best, with drafts or without."""
    found = {}
    rate = {key: _rates(runs).median for key, runs in loads.items()}
    one = max(rate["none", "auto", 1], rate["none", "off", 1])
    found["throughput_16_over_1"] = rate["none", "auto", 16] / one
    found["throughput_16_over_1_undrafted"] = (
        rate["none", "off", 16] / rate["none", "off", 1]
    )
    found["throughput_16_over_1_shared"] = (
        rate["shared", "auto", 16] / rate["shared", "auto", 1]
    )
    cold = median(first.cold)
    found["ttft_cold_over_warm_16k"] = cold / median(first.warm)
    found["ttft_cold_over_disk_16k"] = cold / median(first.disk)
    alone, reading = _quantiles(stalled.alone), _quantiles(stalled.reading)
    found["stall_p95_over_p50"] = reading[1] / reading[0]
    found["stall_p95_ms"] = 1e3 * reading[1]
    found["stall_p95_over_alone_p50"] = reading[1] / alone[0]
    found["map_over_by_hand"] = mapped.median
    return found


def _rates(runs: Sequence[Traffic]) -> Sample:
    return Sample(tuple(run.rate for run in runs))


def _quantiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The median, and what 95 of 100 are below."""
    return median(seconds), quantiles(seconds, n=20)[-1]


def _milliseconds(seconds: Sequence[float]) -> tuple[str, str]:
    if len(seconds) < 2:
        return "", ""
    middle, high = _quantiles(seconds)
    return f"{1e3 * middle:,.0f}", f"{1e3 * high:,.0f}"


def _cells(key: Key, runs: Sequence[Traffic]) -> tuple[str, ...]:
    kind, speculation, clients = key
    rates = _rates(runs)
    prompt, cached = sum(run.prompt for run in runs), sum(run.cached for run in runs)
    return (
        f"{clients:>2}, {NAMES[kind]}, drafts {speculation}",
        f"{rates.median:,.0f}",
        f"{rates.spread:.0%}" if len(runs) > 1 else "one run",
        *_milliseconds([each for run in runs for each in run.first]),
        *_milliseconds([each for run in runs for each in run.gaps]),
        f"{cached / max(prompt, 1):.0%}",
    )


def _show(loads: dict[Key, list[Traffic]], first: FirstTokens, stalled: Stall) -> None:
    header = ("clients", "tokens/s", "spread", "first p50", "p95", "gap p50", "p95")
    table((*header, "cached"), [_cells(key, runs) for key, runs in loads.items()])
    print(f"\nfirst words of an answer about {median(first.tokens):,.0f} tokens, ms")
    ways = {"cold": first.cold, "held": first.warm, "from disk": first.disk}
    rows = [
        (name, f"{1e3 * sample.median:,.0f}", f"{sample.spread:.0%}", str(len(taken)))
        for name, taken in ways.items()
        for sample in (Sample(tuple(taken)),)
    ]
    table(("", "median", "spread", "repeats"), rows)
    print(f"\n{WRITERS} writers, ms between deliveries")
    gaps = [
        ("alone", *_milliseconds(stalled.alone)),
        (
            f"beside a prompt that took {stalled.took:.1f} s",
            *_milliseconds(stalled.reading),
        ),
    ]
    table(("", "p50", "p95"), gaps)
    print()


def main() -> None:
    given = options(__doc__.splitlines()[0])
    quick = given.quick
    torch.set_num_threads(1)
    transformer, questions = Transformer.load(NANO), Questions()
    loads: dict[Key, list[Traffic]] = {}
    for _ in range(1 if quick else 3):
        for key in QUICK if quick else ROWS:
            seconds = 1.0 if quick else 6.0
            run = anyio.run(load, transformer, questions, key, seconds)
            loads.setdefault(key, []).append(run)
    first = anyio.run(first_tokens, questions, 1 if quick else 5)
    stalled = anyio.run(stall, transformer, questions, 1.0 if quick else 5.0)
    mapped = anyio.run(map_over_hand, 1 if quick else 7)
    _show(loads, first, stalled)
    values = figures(loads, first, stalled, mapped)
    for name, value in values.items():
        print(f"{name:<32} {value:10.2f}")
    report(given, values, setup())


if __name__ == "__main__":
    main()
