"""Quotes: what compiling a document costs, and what a mask inside of a quote does.

Documents of words that are as frequent as words are (Zipf), with stops and line ends,
under DeepSeek-V4's own vocabulary. Stretches of a document are written as an answer,
token by token, once as a quote and once as a string that may say anything, and at each
token both masks are made in turn. One thread, its processor time.

    python -m benchmarks.quotes [--quick] [--json FILE]
"""

from __future__ import annotations

import json
import platform
import random
import resource
import statistics
import sys
import time
from importlib.metadata import version
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import options, report, table
from benchmarks.common import setup as machine
from dsagent.encoding.grammar import turn_grammar
from dsagent.engine.constraint import GrammarBackend, allocate_mask
from tests.encoding.support import v4

if TYPE_CHECKING:
    from dsagent.encoding.grammar import Grammar
    from dsagent.engine.constraint import GrammarConstraint

SIZES = {"10k": 10_000, "200k": 200_000, "1m": 1_000_000}
"""Words of a document, by the name of its figures."""
QUICK = ("10k", "200k")
QUOTE: dict[str, object] = {"type": "string", "format": "verbatim-quote"}
STRING: dict[str, object] = {"type": "string"}
WORDS_QUOTED = 40
QUOTES = 20
SEED = 7


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    figures: dict[str, float] = {}
    rows: list[tuple[str, ...]] = []
    grammars = GrammarBackend(v4())
    for name in QUICK if chosen.quick else SIZES:
        measured = measure(grammars, SIZES[name])
        figures |= {f"{figure}_{name}": value for figure, value in measured.items()}
        rows.append((f"{name} words", *_cells(measured)))
    table(
        (
            *("", "compiled in", "memory", "a run's own"),
            *("mask p50", "p99", "string's p50", "ratio"),
        ),
        rows,
    )
    about = {
        **machine(),
        "llguidance": version("llguidance"),
        "system": platform.system(),
    }
    print(f"load average {about['load']}, llguidance {about['llguidance']}")
    report(chosen, figures, about)


def measure(grammars: GrammarBackend, size: int) -> dict[str, float]:
    """Every figure of a document of ``size`` words."""
    text = document(size)
    before = _memory()
    begin = time.thread_time()
    quoting = _grammar(QUOTE, text)
    grammars.constraint(quoting.source, large=True)
    compiling = time.thread_time() - begin
    memory = _memory() - before
    begin = time.thread_time()
    grammars.constraint(quoting.source, large=True)
    starting = time.thread_time() - begin
    quoted, free = masks(grammars, quoting, text)
    return {
        "compile_s": compiling,
        "compile_us_per_word": compiling / size * 1e6,
        "compile_over_start": compiling / starting,
        "memory_mib": memory,
        "start_ms": starting * 1e3,
        "mask_us_p50": statistics.median(quoted),
        "mask_us_p99": statistics.quantiles(quoted, n=100)[-1],
        "string_mask_us_p50": statistics.median(free),
        "mask_ratio": statistics.median(free) / statistics.median(quoted),
        "mask_ratio_mean": statistics.fmean(free) / statistics.fmean(quoted),
    }


def document(size: int) -> str:
    """A text of ``size`` words out of 20,000, the same in every run."""
    chance = random.Random(SEED)
    letters = "etaoinshrdlucmfwypvbgk"
    known = ["".join(chance.choices(letters, k=1 + i % 9)) for i in range(20_000)]
    weights = list(accumulate(1 / rank for rank in range(1, len(known) + 1)))
    words = chance.choices(known, cum_weights=weights, k=size)
    for at in range(11, size, 12):
        words[at] += ".\n" if at % 5 == 0 else "."
    return " ".join(words)


def masks(
    grammars: GrammarBackend, quoting: Grammar, text: str
) -> tuple[list[float], list[float]]:
    """Microseconds of every mask along some quotes: as quotes, as free strings."""
    chance = random.Random(SEED)
    words = text.split(" ")
    plain = _grammar(STRING)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(QUOTES):
        at = chance.randrange(len(words) - WORDS_QUOTED)
        quote = " ".join(words[at : at + WORDS_QUOTED]).lstrip("\n")
        states = (
            grammars.constraint(quoting.source, large=True),
            grammars.constraint(plain.source),
        )
        for token in v4().encode_text(json.dumps(quote)):
            for state, taken in zip(states, times, strict=True):
                taken.append(_mask(state, token))
    return times


def _mask(state: GrammarConstraint, token: int) -> float:
    """Make a mask and accept ``token``; microseconds of the former."""
    mask = allocate_mask(1, v4().vocab_size)
    begin = time.thread_time()
    state.fill_mask(mask, 0)
    taken = time.thread_time() - begin
    assert state.accept([token]) == 1
    return taken * 1e6


def _grammar(schema: dict[str, object], *texts: str) -> Grammar:
    return turn_grammar(
        thinking=False, output_schema=schema, quotable=texts, dsml_id=v4().dsml
    )


def _memory() -> float:
    """The most memory the process has had, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _cells(measured: dict[str, float]) -> tuple[str, ...]:
    return (
        f"{measured['compile_s']:.2f} s",
        f"{measured['memory_mib']:.0f} MiB",
        f"{measured['start_ms']:.1f} ms",
        f"{measured['mask_us_p50']:.0f} µs",
        f"{measured['mask_us_p99']:.0f} µs",
        f"{measured['string_mask_us_p50']:.0f} µs",
        f"{measured['mask_ratio']:.2f}x",
    )


if __name__ == "__main__":
    main()
