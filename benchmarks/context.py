"""What a token costs far into a text: speed and bytes at 1k, 4k, 16k, 64k and 256k.

A small V4 with V4-Flash's order of layers (two with a window only, then ratios 4 and
128 in turn, a 4 at the end) in its proportions an eighth as wide, with window, ratios
and top-k as they are, and a drafter; random weights. One text is read up to each
frontier, in the engine's chunks, every time from where the last frontier left it in the
prefix cache. What is told is the speed *there*: of the chunks that end at the frontier,
of tokens decoded behind it, of rounds of five drafts (drafted, all verified, the cache
updated; with random weights hardly one stands, which costs the same). The frontiers
take turns at decoding, so that whatever else the machine does costs all of them alike.

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
from functools import partial
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
FULL: Final = 5
"""Drafts of a round: all of a block."""
ROOM: Final = 512
"""Tokens that may be decoded behind a frontier."""
TURN: Final = 12
"""Steps one frontier decodes before it is the next one's turn."""
WARM: Final = 3
"""Steps before these that bring its rows back into the processor's caches."""
MEMORY: Final = 2 << 30
PARTS: Final = {
    "index_topk": "indexer",
    "attend": "attention",
    "attend_own": "attention",
}
"""Operations that read more the longer the text is, and what they are told as."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of some steps."""

    tokens: int
    """How many they computed together, or were run for."""
    steps: Sample
    indexer: float
    """Seconds of all of them together, in operations of the indexer."""
    attention: float

    @classmethod
    def of(cls, parts: list[Spent]) -> Spent:
        """All of them together."""
        return cls(
            sum(part.tokens for part in parts),
            Sample(tuple(s for part in parts for s in part.steps.seconds)),
            sum(part.indexer for part in parts),
            sum(part.attention for part in parts),
        )

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
        kept = {name: getattr(ops, name) for name in PARTS}
        for name, part in PARTS.items():
            setattr(ops, name, self._timed(part, kept[name]))
        try:
            yield
        finally:
            for name, function in kept.items():
                setattr(ops, name, function)

    def _timed(self, part: str, function: Callable[..., object]) -> object:
        def timed(*args: object, **options: object) -> object:
            begin = time.thread_time()
            result = function(*args, **options)
            self.seconds[part] += time.thread_time() - begin
            return result

        return timed


class Reader:
    """dsagent's runner and one text, read in turns."""

    def __init__(self, model: Transformer, ids: list[int]) -> None:
        self._ids = ids
        self._cache = model.planned_cache(MEMORY, len(FRONTIERS), len(ids))
        self._runner = Runner(model, cache=self._cache)
        self._clock = Clock()

    def read(self, end: int) -> tuple[Spent, int]:
        """Read up to ``end``: the last chunks, and the bytes held then."""
        sequence = self._open(end, FULL)
        told = min(sequence.to_prefill, CHUNKS * CHUNK)
        self._chunks(sequence, sequence.to_prefill - told)
        spent = self._spent(told, lambda: self._chunks(sequence, told))
        held = self._cache.nbytes
        self._runner.close(sequence)
        return spent, held

    def decode(self, ends: list[int], ahead: Speculation, turns: int) -> list[Spent]:
        """Steps behind every one of ``ends``, which have been read."""
        sequences = [self._open(end, ahead) for end in ends]
        parts: list[list[Spent]] = [[] for _ in ends]
        for sequence in sequences:
            self._chunks(sequence, sequence.to_prefill)
        for _ in range(turns):
            for sequence, found in zip(sequences, parts, strict=True):
                self._steps(sequence, WARM)
                found.append(self._spent(TURN, partial(self._steps, sequence, TURN)))
        for sequence in sequences:
            self._runner.close(sequence)
        return [Spent.of(found) for found in parts]

    def _open(self, end: int, ahead: Speculation) -> Sequence:
        sampling = Sampling(temperature=0.0, speculation=ahead)
        request = Request(tuple(self._ids[:end]), ROOM, sampling)
        sequence = Sequence(request, 0, end + ROOM, Mailbox(0, _nothing))
        self._runner.open(sequence)
        return sequence

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

    def _steps(self, sequence: Sequence, n: int) -> list[float]:
        """Seconds of n steps that give tokens."""
        return [self._step(Work(sequence, sequence.computed, 1)) for _ in range(n)]

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
    reader, turns = Reader(model, ids), 1 if quick else 4
    prefills, others = [], []
    for name, end in frontiers.items():
        prefills.append(reader.read(end))
        read = end <= (THEIRS_QUICK if quick else THEIRS)
        others.append(_theirs(theirs, ids, end, turns * TURN) if read else None)
        print(f"{name} is read", file=sys.stderr)
    ends = list(frontiers.values())
    decodes = reader.decode(ends, "off", turns)
    rounds = reader.decode(ends, FULL, turns)
    return [
        Row(name, end, prefill, decode, block, held, other)
        for (name, end), (prefill, held), decode, block, other in zip(
            frontiers.items(), prefills, decodes, rounds, others, strict=True
        )
    ]


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


SHARES: Final = ("indexer", "attention")
OURS: Final = ("prefill tok/s", *SHARES, "decode ms", "spread", *SHARES, "round ms")
OTHERS: Final = ("theirs: prefill tok/s", "decode ms", "MB held")
HEADER: Final = ("at", *OURS, "MB held", *OTHERS)


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
