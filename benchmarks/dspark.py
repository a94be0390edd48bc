"""Speculative decoding on nano: tokens per second with drafts and without.

One thread, no event loop: whole batches of real questions (held out from training,
grammar on, as the product runs them) are decoded with drafting off, with all of a block
verified, and as scheduled ("auto"). Their prompts are computed first; only decode
steps with every request of the batch still running are timed, the three ways in turn.
``--plot FILE`` draws throughput against concurrency.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from benchmarks.common import Sample, arguments, report, setup, table
from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.bridge import Mailbox
from dsagent.engine.config import EngineConfig
from dsagent.engine.constraint import GrammarBackend
from dsagent.engine.request import Sampling
from dsagent.engine.runner import Runner
from dsagent.engine.scheduler import Work
from dsagent.engine.sequence import Sequence
from dsagent.engine.setup import read_calibration, step_profile
from dsagent.engine.transformer import Transformer
from dsagent.loading import NANO
from training.cases import cases
from training.evaluation import request_of

if TYPE_CHECKING:
    from dsagent.engine.request import Request, Speculation

ROOM = 2048
"""Tokens a question and its answer take at most."""
SKILLS = ("call", "results", "chain", "calls", "schema", "lookup", "mode high")
CONCURRENCY = (1, 4, 16)
MODES: dict[str, Speculation] = {"off": "off", "fixed 5": 5, "scheduled": "auto"}
TEMPERATURES = (0.0, 1.0)
SEED = 5


@dataclass
class Tally:
    """What the timed steps of one way of decoding added up to."""

    tokens: int = 0
    seconds: float = 0.0
    steps: int = 0
    rounds: list[float] = field(default_factory=list)
    """Tokens a second of each batch."""

    def add(self, tokens: int, seconds: list[float]) -> None:
        if seconds:
            self.tokens += tokens
            self.seconds += sum(seconds)
            self.steps += len(seconds)
            self.rounds.append(tokens / sum(seconds))

    @property
    def rate(self) -> float:
        return self.tokens / max(self.seconds, 1e-9)

    def length(self, requests: int) -> float:
        """Tokens a request got in a step."""
        return self.tokens / max(self.steps * requests, 1)


class Batches:
    """Batches of questions, the same for every way of decoding."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._grammars = GrammarBackend(tokenizer)

    def requests(self, number: int, size: int, sampling: Sampling) -> list[Request]:
        """Batch ``number`` of ``size`` questions, one skill after the other."""
        asked = range(number * size, (number + 1) * size)
        return [
            replace(
                request_of(
                    cases(SKILLS[i % len(SKILLS)], 1, SEED + i)[0],
                    self._tokenizer,
                    self._grammars,
                ),
                sampling=sampling,
            )
            for i in asked
        ]


class Way:
    """One way of decoding: a runner that keeps what it learns, and its tally."""

    def __init__(self, transformer: Transformer, size: int, sampling: Sampling) -> None:
        self.sampling, self.tally = sampling, Tally()
        self._runner = Runner(
            transformer,
            cache=transformer.new_cache(size, size * ROOM),
            profile=step_profile(transformer, EngineConfig()),
            calibration=read_calibration(transformer, NANO),
        )

    def decode(self, requests: list[Request]) -> None:
        """Answer a batch; its steps are timed until the first answer is complete."""
        sequences = [self._prefilled(request) for request in requests]
        seconds: list[float] = []
        tokens, ended = 0, False
        while not ended:
            work = [Work(sequence, sequence.computed, 1) for sequence in sequences]
            begin = time.perf_counter()
            results = self._runner.run(work)
            seconds.append(time.perf_counter() - begin)
            for sequence, result in zip(sequences, results, strict=True):
                assert result.error is None, result.error
                tokens += len(result.tokens)
                for token in result.tokens:
                    ended |= sequence.append(token) is not None
        for sequence in sequences:
            self._runner.close(sequence)
        self.tally.add(tokens, seconds)

    def _prefilled(self, request: Request) -> Sequence:
        """A sequence with its first token."""
        sequence = Sequence(request, SEED, ROOM, Mailbox(0, _nothing))
        sequence.capacity = len(request.prompt) + (request.max_tokens or 1)
        self._runner.open(sequence)
        work = Work(sequence, 0, len(request.prompt))
        (result,) = self._runner.run([work])
        for token in result.tokens:
            sequence.append(token)
        return sequence


def _nothing() -> None:
    """A mailbox nobody reads."""


def measure(
    transformer: Transformer, tokenizer: Tokenizer, *, quick: bool
) -> dict[tuple[int, float, str], Tally]:
    """Tallies by (requests, temperature, way)."""
    batches = Batches(tokenizer)
    found: dict[tuple[int, float, str], Tally] = {}
    for size in CONCURRENCY:
        for temperature in TEMPERATURES:
            ways = {
                name: Way(transformer, size, Sampling(temperature, speculation=ahead))
                for name, ahead in MODES.items()
            }
            until = time.perf_counter() + (6.0 if quick else 40.0)
            number = 0
            while number < 2 or time.perf_counter() < until:
                for way in ways.values():
                    requests = batches.requests(number, size, way.sampling)
                    way.decode(requests)
                number += 1
            for name, way in ways.items():
                found[size, temperature, name] = way.tally
    return found


def figures(found: dict[tuple[int, float, str], Tally]) -> dict[str, float]:
    """Scheduled over off at temperature 0, and the accepted length of one request."""
    result = {}
    for size in CONCURRENCY:
        plain, scheduled = found[size, 0.0, "off"], found[size, 0.0, "scheduled"]
        result[f"speedup_{size}"] = scheduled.rate / plain.rate
        hot = found[size, 1.0, "scheduled"].rate / found[size, 1.0, "off"].rate
        result[f"speedup_{size}_temperature_1"] = hot
    result["accepted_length"] = found[1, 0.0, "fixed 5"].length(1)
    return result


def plot(found: dict[tuple[int, float, str], Tally], path: Path) -> None:
    """Throughput against concurrency, a line a way, a panel a temperature."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(TEMPERATURES), figsize=(9, 3.6))
    for panel, temperature in zip(panels, TEMPERATURES, strict=True):
        for name in MODES:
            rates = [found[size, temperature, name].rate for size in CONCURRENCY]
            panel.plot(CONCURRENCY, rates, marker="o", label=name)
        panel.set_xscale("log", base=2)
        panel.set_xticks(CONCURRENCY, [str(size) for size in CONCURRENCY])
        panel.set_title(f"temperature {temperature:g}")
        panel.set_xlabel("requests together")
        panel.set_ylim(bottom=0)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("tokens a second")
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a PNG")
    given = parser.parse_args()
    torch.set_num_threads(1)
    transformer = Transformer.load(NANO)
    assert transformer.drafter is not None, f"{NANO} has no drafter"
    tokenizer = Tokenizer.from_file(NANO / "tokenizer.json")
    found = measure(transformer, tokenizer, quick=given.quick)
    table(
        ("", "tokens/s", "spread", "tokens a step", "ms a step", "over off"),
        [_cells(key, tally, found) for key, tally in found.items()],
    )
    print()
    values = figures(found)
    for name, value in values.items():
        print(f"{name:<28} {value:10.2f}")
    report(given, values, setup())
    if given.plot:
        plot(found, given.plot)


def _cells(
    key: tuple[int, float, str],
    tally: Tally,
    found: dict[tuple[int, float, str], Tally],
) -> tuple[str, ...]:
    size, temperature, name = key
    plain = found[size, temperature, "off"]
    rounds = Sample(tuple(tally.rounds))
    return (
        f"{size:>2} at temperature {temperature:g}, {name}",
        f"{tally.rate:,.0f}",
        f"{rounds.spread:.0%}",
        f"{tally.length(size):.2f}",
        f"{1e3 * tally.seconds / tally.steps:.2f}",
        f"{tally.rate / plain.rate:.2f}x",
    )


if __name__ == "__main__":
    main()
