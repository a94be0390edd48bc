"""What a token costs far into a text: speed and bytes at 1k, 4k, 16k, 64k and 256k.

A small V4 with V4-Flash's order of layers (two with a window only, then ratios 4 and
128 in turn, a 4 at the end) in its proportions an eighth as wide, with window, ratios
and top-k as they are, and a drafter; random weights. One text is read up to each
frontier, in the engine's chunks, every time from where the last frontier left it in the
prefix cache. What is told is the speed *there*: of the chunks that end at the frontier,
of tokens decoded behind it, of rounds of five drafts (drafted, all verified, the cache
updated; with random weights hardly one stands, which costs the same).

Two operations read more the longer the text is: the indexer, which scores all of its
entries and keeps the best, and attention, in layers of ratio 128 over all of theirs.
They are timed inside of the steps; the rest must cost the same everywhere.

transformers' V4 reads the same text up to 4k. At 1k every entry is visible; from 4k on
as many are chosen everywhere. One thread, its processor time.

    python -m benchmarks.context [--quick] [--json FILE] [--to TOKENS]

``--quick`` stops at 64k, and transformers at 1k.
"""

from __future__ import annotations

import os

# Before torch: threads that wait by spinning steal the time of the one that computes.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("KMP_BLOCKTIME", "0")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import sys
import tempfile
import time
import warnings
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import Sample, arguments, report, setup, table
from benchmarks.cpu import CONFIG as SMALL
from benchmarks.cpu import Theirs
from dsagent.engine.bridge import Mailbox
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import DSparkConfig
from dsagent.engine.request import Request, Sampling
from dsagent.engine.runner import Runner
from dsagent.engine.scheduler import Work
from dsagent.engine.sequence import Sequence
from dsagent.engine.transformer import Transformer
from dsagent.kernels import ops
from tests.engine.oracle import oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dsagent.engine.request import Speculation

CONFIG = replace(
    SMALL,
    hidden_size=512,
    num_hidden_layers=7,
    compress_ratios=(0, 0, 4, 128, 4, 128, 4),
    num_attention_heads=8,
    head_dim=64,
    qk_rope_head_dim=16,
    q_lora_rank=128,
    o_groups=2,
    o_lora_rank=128,
    index_n_heads=8,
    index_head_dim=16,
    n_routed_experts=16,
    num_experts_per_tok=4,
    moe_intermediate_size=256,
    num_hash_layers=3,
    dspark=DSparkConfig(
        block_size=5, noise_token_id=2, target_layer_ids=(4, 5, 6), markov_rank=32
    ),
)
STAGES: Final = 3
FRONTIERS: Final = {f"{n}k": n << 10 for n in (1, 4, 16, 64, 256)}
CHUNK: Final = 512
"""Prompt tokens of a step, the engine's default."""
CHUNKS: Final = 8
"""How many are timed before a frontier, where there are so many."""
THEIRS: Final = 4096
THEIRS_QUICK: Final = 1024
"""How far transformers reads: four times the text takes it sixteen times as long."""
ROOM: Final = 512
"""Tokens that may be decoded behind a frontier."""
WARM: Final = 3
"""Steps behind a frontier that aren't timed."""
MEMORY: Final = 2 << 30
INDEXER: Final = ("index_topk",)
ATTENTION: Final = ("attend", "attend_own", "sparse_attention")


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of some steps."""

    tokens: int
    """How many they computed together, or were run for."""
    steps: Sample
    indexer: float
    """Seconds of all of them together, in operations of the indexer."""
    attention: float

    @property
    def total(self) -> float:
        return sum(self.steps.seconds)

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.tokens / self.total

    @property
    def ms(self) -> float:
        """Milliseconds of a step, the median."""
        return self.steps.median * 1e3

    @property
    def shares(self) -> tuple[float, float]:
        """Of the time: the indexer's, and attention's."""
        return self.indexer / self.total, self.attention / self.total

    @property
    def rest(self) -> float:
        """Seconds a token without the operations that read the whole text."""
        return (self.total - self.indexer - self.attention) / self.tokens


@dataclass(frozen=True, slots=True)
class Other:
    """transformers at a frontier."""

    rate: float
    """Prompt tokens a second, over the whole text."""
    decode: Sample
    held: int


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured at one frontier."""

    name: str
    tokens: int
    prefill: Spent
    decode: Spent
    rounds: Spent
    held: int
    """Bytes of the one sequence."""
    theirs: Other | None


class Clock:
    """Times the operations of a step that may grow with the text."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Replace the operations by ones that are timed, as long as this lasts."""
        kinds = {"indexer": INDEXER, "attention": ATTENTION}
        names = [(kind, name) for kind in kinds for name in kinds[kind]]
        kept = {name: getattr(ops, name) for _, name in names}
        for kind, name in names:
            setattr(ops, name, self._timed(kind, kept[name]))
        try:
            yield
        finally:
            for name, function in kept.items():
                setattr(ops, name, function)

    def _timed(self, kind: str, function: Callable[..., object]) -> object:
        def timed(*args: object, **options: object) -> object:
            begin = time.thread_time()
            result = function(*args, **options)
            self.seconds[kind] += time.thread_time() - begin
            return result

        return timed


class Reader:
    """dsagent's runner and one text, read in turns."""

    def __init__(self, model: Transformer, ids: list[int]) -> None:
        self._ids = ids
        self._cache = model.planned_cache(MEMORY, 1, len(ids))
        self._runner = Runner(model, cache=self._cache)
        self._clock = Clock()

    def at(self, end: int, *, quick: bool) -> tuple[Spent, Spent, Spent, int]:
        """Read up to ``end``; prefill, decode and rounds there, and bytes held."""
        repeats = 9 if quick else 33
        sequence = self._open(end, 5)
        prefill = self._read(sequence)
        rounds = self._decode(sequence, repeats)
        held = self._cache.nbytes
        self._runner.close(sequence)
        sequence = self._open(end, "off")
        self._read(sequence)
        decode = self._decode(sequence, repeats)
        self._runner.close(sequence)
        return prefill, decode, rounds, held

    def _open(self, end: int, ahead: Speculation) -> Sequence:
        sampling = Sampling(temperature=0.0, speculation=ahead)
        request = Request(tuple(self._ids[:end]), ROOM, sampling)
        sequence = Sequence(request, 0, end + ROOM, Mailbox(0, _nothing))
        self._runner.open(sequence)
        return sequence

    def _read(self, sequence: Sequence) -> Spent:
        """Compute the rest of the prompt, a chunk a step; the last ones are told."""
        told = min(sequence.to_prefill, CHUNKS * CHUNK)
        self._chunks(sequence, sequence.to_prefill - told)
        return self._spent(told, lambda: self._chunks(sequence, told))

    def _chunks(self, sequence: Sequence, tokens: int) -> list[float]:
        """Seconds of steps that compute so many, cut where the scheduler would."""
        end = sequence.computed + tokens
        taken = []
        while sequence.computed < end:
            start = sequence.computed
            cut = min([c for c in sequence.cuts if c > start], default=end)
            length = min(CHUNK, cut - start, end - start)
            taken.append(self._step(Work(sequence, start, length)))
        return taken

    def _decode(self, sequence: Sequence, repeats: int) -> Spent:
        """Steps that give tokens."""

        def steps(n: int) -> list[float]:
            return [self._step(Work(sequence, sequence.computed, 1)) for _ in range(n)]

        steps(WARM)
        return self._spent(repeats, lambda: steps(repeats))

    def _step(self, work: Work) -> float:
        begin = time.thread_time()
        (result,) = self._runner.run([work])
        seconds = time.thread_time() - begin
        assert result.error is None, result.error
        for token in result.tokens:
            work.sequence.append(token)
        return seconds

    def _spent(self, tokens: int, steps: Callable[[], list[float]]) -> Spent:
        self._clock.seconds.clear()
        with self._clock.watching():
            taken = Sample(tuple(steps()))
        seconds = self._clock.seconds
        return Spent(tokens, taken, seconds["indexer"], seconds["attention"])


def main() -> None:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument(
        "--to", type=int, metavar="TOKENS", help="stop at the frontier below"
    )
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    started = setup()
    most = given.to or FRONTIERS["64k" if given.quick else "256k"]
    with tempfile.TemporaryDirectory() as folder:
        path = random_checkpoint(CONFIG, 11, folder, precision="bf16", stages=STAGES)
        model, theirs = Transformer.load(path), Theirs(oracle(path, "grouped_mm"))
    rows = measure(model, theirs, most, quick=given.quick)
    table(HEADER, [_cells(row) for row in rows])
    found = figures(rows)
    print()
    for name, value in found.items():
        print(f"{name:<28} {value:10.3f}")
    started["load_after"] = setup()["load"]
    print(f"load average before {started['load']}, after {started['load_after']}")
    report(given, found, started)


def measure(model: Transformer, theirs: Theirs, most: int, *, quick: bool) -> list[Row]:
    """A row a frontier, up to ``most`` tokens."""
    frontiers = {name: end for name, end in FRONTIERS.items() if end <= most}
    generator = torch.Generator().manual_seed(3)
    size = (max(frontiers.values()) + ROOM,)
    ids = torch.randint(3, CONFIG.vocab_size, size, generator=generator).tolist()
    reader = Reader(model, ids)
    rows = []
    for name, end in frontiers.items():
        found = reader.at(end, quick=quick)
        read = end <= (THEIRS_QUICK if quick else THEIRS)
        other = _theirs(theirs, ids, end, 9 if quick else 33) if read else None
        rows.append(Row(name, end, *found, other))
        print(f"{name} is done", file=sys.stderr)
    return rows


def _theirs(side: Theirs, ids: list[int], end: int, steps: int) -> Other:
    begin = time.thread_time()
    side.prefill(ids[:end])
    rate = end / (time.thread_time() - begin)
    taken = []
    for token in ids[end : end + WARM + steps]:
        begin = time.thread_time()
        side.step([token])
        taken.append(time.thread_time() - begin)
    held = side.bytes_held()
    side.cache = None
    return Other(rate, Sample(tuple(taken[WARM:])), held)


def figures(rows: list[Row]) -> dict[str, float]:
    """What the last frontier costs, beside those before it."""
    first, last, found = rows[0], rows[-1], {}
    for row in rows[:-1]:
        pair = f"{last.name}_over_{row.name}"
        found[f"decode_{pair}"] = last.decode.ms / row.decode.ms
        found[f"round_{pair}"] = last.rounds.ms / row.rounds.ms
        found[f"prefill_{pair}"] = row.prefill.rate / last.prefill.rate
        found[f"prefill_rest_{pair}"] = last.prefill.rest / row.prefill.rest
    for row in rows:
        indexer, attention = row.prefill.shares
        found[f"prefill_indexer_share_{row.name}"] = indexer
        found[f"prefill_attention_share_{row.name}"] = attention
        found[f"prefill_tokens_per_s_{row.name}"] = row.prefill.rate
        found[f"decode_ms_{row.name}"] = row.decode.ms
    tokens = last.tokens - first.tokens or last.tokens
    grown = last.held - first.held or last.held
    found["bytes_per_token"] = grown / tokens
    return found


HEADER: Final = (
    "at",
    "prefill tok/s",
    "indexer",
    "attention",
    "decode ms",
    "spread",
    "indexer",
    "attention",
    "round ms",
    "MB held",
    "theirs: prefill tok/s",
    "decode ms",
    "MB held",
)


def _cells(row: Row) -> tuple[str, ...]:
    prefill, decode, theirs = row.prefill, row.decode, row.theirs
    others = ("stopped", "", "")
    if theirs is not None:
        ms = theirs.decode.median * 1e3
        others = (f"{theirs.rate:,.0f}", f"{ms:.2f}", f"{theirs.held / 1e6:.1f}")
    return (
        row.name,
        f"{prefill.rate:,.0f}",
        *(f"{share:.0%}" for share in prefill.shares),
        f"{decode.ms:.2f}",
        f"{decode.steps.spread:.0%}",
        *(f"{share:.0%}" for share in decode.shares),
        f"{row.rounds.ms:.2f}",
        f"{row.held / 1e6:.1f}",
        *others,
    )


def _nothing() -> None:
    """A mailbox nobody reads."""


if __name__ == "__main__":
    main()
