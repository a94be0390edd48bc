"""dsagent and transformers on the same checkpoint, in one process, on a CPU.

A small V4 (6 layers, hidden 256, 16 experts, V4's own window, ratios, Sinkhorn count
and index top-k) with random weights is loaded by both. They take turns, each
measurement A, B, A, B, and medians are compared. The clock of the one-thread figures
is the thread's processor time, which on an idle machine is the time that passes and on
a shared one doesn't count the neighbours; two threads can only be measured in passed
time. Both must produce the same greedy tokens, or there is no result.

    python -m benchmarks.cpu [--quick] [--json FILE]
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.common import Options, Sample, options, report, setup, table
from dsagent.engine.batch import Batch, Span
from dsagent.engine.checkpoint import random_checkpoint
from dsagent.engine.config import ModelConfig, Yarn
from dsagent.engine.transformer import Transformer
from tests.engine.oracle import oracle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from dsagent.engine.cache import Cache

CONFIG = ModelConfig(
    vocab_size=4096,
    hidden_size=256,
    num_hidden_layers=6,
    num_attention_heads=4,
    head_dim=128,
    qk_rope_head_dim=32,
    q_lora_rank=128,
    o_groups=2,
    o_lora_rank=128,
    sliding_window=128,
    compress_ratios=(0, 0, 4, 128, 4, 128),
    index_n_heads=8,
    index_head_dim=64,
    index_topk=512,
    n_routed_experts=16,
    num_experts_per_tok=4,
    moe_intermediate_size=128,
    num_hash_layers=2,
    routed_scaling_factor=1.5,
    swiglu_limit=10.0,
    hc_mult=4,
    hc_sinkhorn_iters=20,
    hc_eps=1e-6,
    rms_norm_eps=1e-6,
    rope_theta=10000.0,
    compress_rope_theta=160000.0,
    yarn=Yarn(factor=16.0, original=65536, beta_fast=32.0, beta_slow=1.0),
    max_position_embeddings=1048576,
    bos_token_id=0,
    eos_token_id=1,
)
CONTEXTS = {"128": 128, "1k": 1024, "4k": 4096}
CHUNK = 512
"""Prompt tokens dsagent computes at a time, the engine's default."""
TURN = 12
"""Tokens one side decodes before it is the other's turn."""
WARM = 3
"""Of these, how many bring the weights back into the processor's caches."""
SAME = 24
"""Greedy tokens that both must agree on."""


class Ours:
    """dsagent with a sequence of any length in its cache."""

    def __init__(self, model: Transformer) -> None:
        self.model = model
        self.cache: Cache
        self.slot = 0
        self.length = 0

    def prefill(self, ids: Sequence[int]) -> Tensor:
        self.cache = self.model.new_cache(1, len(ids) + 512)
        self.slot = self.cache.alloc(len(ids) + 512)
        self.length = 0
        for start in range(0, len(ids), CHUNK):
            logits = self.step(ids[start : start + CHUNK])
        return logits

    def step(self, ids: Sequence[int]) -> Tensor:
        n = len(ids)
        batch = Batch(
            torch.tensor(ids),
            torch.arange(self.length, self.length + n),
            (Span(self.slot, self.length, n, 0),),
            torch.tensor([n - 1]),
        )
        self.length += n
        return self.model.forward(batch, self.cache)[-1]

    def bytes_held(self) -> int:
        return self.cache.nbytes


class Theirs:
    """transformers with its own cache."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.cache: Any = None

    @torch.inference_mode()
    def prefill(self, ids: Sequence[int]) -> Tensor:
        self.cache = None
        return self.step(ids)

    @torch.inference_mode()
    def step(self, ids: Sequence[int]) -> Tensor:
        out = self.model(
            torch.tensor([ids]),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        self.cache = out.past_key_values
        logits: Tensor = out.logits[0, -1]
        return logits

    def bytes_held(self) -> int:
        seen: dict[int, int] = {}
        _walk(self.cache, seen, set())
        return sum(seen.values())


Side = Ours | Theirs


class Counted(TorchDispatchMode):
    """Counts the operations that reach the dispatcher."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement of both."""

    name: str
    tokens: int
    ours: Sample
    theirs: Sample

    @property
    def ratio(self) -> float:
        """Their time over ours."""
        return self.theirs.median / self.ours.median


def main() -> None:
    chosen = options(__doc__.splitlines()[0])
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    started = setup()
    with tempfile.TemporaryDirectory() as folder:
        path = random_checkpoint(CONFIG, 11, folder, precision="bf16")
        ours, theirs = Ours(Transformer.load(path)), Theirs(oracle(path, "grouped_mm"))
    figures, rows = measure(chosen, ours, theirs)
    table(
        ("", "dsagent", "transformers", "ratio", "spread"),
        [_cells(row) for row in rows],
    )
    print()
    for name, value in figures.items():
        print(f"{name:<28} {value:10.2f}")
    started["load_after"] = setup()["load"]
    print(f"load average before {started['load']}, after {started['load_after']}")
    report(chosen, figures, started)


def measure(
    chosen: Options, ours: Ours, theirs: Theirs
) -> tuple[dict[str, float], list[Row]]:
    """Every figure, and the rows of the table."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(
        2, CONFIG.vocab_size, (4096 + 512,), generator=generator
    ).tolist()
    figures: dict[str, float] = {}
    rows: list[Row] = []
    torch.set_num_threads(1)
    _assert_same_tokens(ours, theirs, ids[:300])
    for name, context in CONTEXTS.items():
        repeats = _repeats(context, quick=chosen.quick)
        prefill = _prefill(ours, theirs, ids[:context], repeats, time.thread_time)
        rows.append(Row(f"prefill {name}, 1 thread", context, *prefill))
        figures[f"prefill_ratio_{name}"] = rows[-1].ratio
        steps = 24 if chosen.quick else 96
        decode = _decode(ours, theirs, ids[context:], steps, time.thread_time)
        rows.append(Row(f"decode at {name}, 1 thread", 1, *decode))
        figures[f"decode_ratio_{name}"] = rows[-1].ratio
        figures[f"decode_ms_{name}"] = rows[-1].ours.median * 1e3
        figures[f"prefill_tokens_per_s_{name}"] = context / rows[-2].ours.median
        if name == "1k":
            figures |= _counted(ours, theirs, ids[context:])
            rows += _two_threads(ours, theirs, ids, context, quick=chosen.quick)
    figures["cache_bytes_per_token_4k_ours"] = ours.bytes_held() / ours.length
    figures["cache_bytes_per_token_4k_theirs"] = theirs.bytes_held() / ours.length
    return figures, rows


def _repeats(context: int, *, quick: bool) -> int:
    if context <= 1024:
        return 2 if quick and context == 1024 else 3
    return 1 if quick else 3


def _prefill(
    ours: Side,
    theirs: Side,
    ids: Sequence[int],
    repeats: int,
    clock: Callable[[], float],
) -> tuple[Sample, Sample]:
    """Alternating whole prompts."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeats):
        for side, taken in zip((ours, theirs), times, strict=True):
            begin = clock()
            side.prefill(ids)
            taken.append(clock() - begin)
    return Sample(tuple(times[0])), Sample(tuple(times[1]))


def _decode(
    ours: Side,
    theirs: Side,
    ids: Sequence[int],
    steps: int,
    clock: Callable[[], float],
) -> tuple[Sample, Sample]:
    """Alternating runs of ``TURN`` tokens, behind whatever was prefilled."""
    times: tuple[list[float], list[float]] = ([], [])
    for begin_at in range(0, steps, TURN):
        for side, taken in zip((ours, theirs), times, strict=True):
            for i, token in enumerate(ids[begin_at : begin_at + TURN]):
                begin = clock()
                side.step([token])
                if i >= WARM:
                    taken.append(clock() - begin)
    return Sample(tuple(times[0])), Sample(tuple(times[1]))


def _two_threads(
    ours: Ours, theirs: Theirs, ids: Sequence[int], context: int, *, quick: bool
) -> list[Row]:
    """The same with two threads that wait passively, in passed time."""
    torch.set_num_threads(2)
    prefill = _prefill(
        ours, theirs, ids[:context], 1 if quick else 3, time.perf_counter
    )
    steps = 12 if quick else 48
    decode = _decode(ours, theirs, ids[context:], steps, time.perf_counter)
    torch.set_num_threads(1)
    return [
        Row("prefill 1k, 2 threads", context, *prefill),
        Row("decode at 1k, 2 threads", 1, *decode),
    ]


def _counted(ours: Side, theirs: Side, ids: Sequence[int]) -> dict[str, float]:
    """Dispatched operations of one decoded token, over four of them."""
    figures = {}
    for name, side in (("ours", ours), ("theirs", theirs)):
        counter = Counted()
        with counter:
            for token in ids[400:404]:
                side.step([token])
        figures[f"ops_per_token_{name}"] = counter.count / 4
    return figures


def _assert_same_tokens(ours: Side, theirs: Side, prompt: Sequence[int]) -> None:
    made = []
    for side in (ours, theirs):
        tokens = [int(side.prefill(prompt).argmax())]
        while len(tokens) < SAME:
            tokens.append(int(side.step([tokens[-1]]).argmax()))
        made.append(tokens)
    assert made[0] == made[1], f"greedy tokens differ: {made}"


def _cells(row: Row) -> tuple[str, ...]:
    if row.tokens > 1:
        values = [f"{row.tokens / s.median:,.0f} tok/s" for s in (row.ours, row.theirs)]
    else:
        values = [f"{s.median * 1e3:.2f} ms" for s in (row.ours, row.theirs)]
    spread = f"{row.ours.spread:.0%} / {row.theirs.spread:.0%}"
    return row.name, *values, f"{row.ratio:.1f}x", spread


def _walk(value: object, seen: dict[int, int], visited: set[int]) -> None:
    """Bytes of every tensor storage that ``value`` holds."""
    if id(value) in visited:
        return
    visited.add(id(value))
    if isinstance(value, torch.Tensor):
        storage = value.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
    elif isinstance(value, dict):
        for item in value.values():
            _walk(item, seen, visited)
    elif isinstance(value, list | tuple):
        for item in value:
            _walk(item, seen, visited)
    elif hasattr(value, "__dict__"):
        _walk(vars(value), seen, visited)


if __name__ == "__main__":
    main()
