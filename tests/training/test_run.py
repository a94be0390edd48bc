"""The run: what is saved suffices to go on; rows hold whole conversations."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from dsagent.engine.checkpoint import Checkpoint, is_block_quantised, save_checkpoint
from tests.training.test_parity import small
from training.data.mix import Tokens
from training.export import export
from training.model import Shape
from training.quantise import rounded
from training.rows import Packed, Rows
from training.run import is_matrix, rate
from training.train import Run, Settings, draw_window

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = Settings(tokens=1024.0, rows=1, length=256, warm_up=1, compiled=False)


def fresh(folder: Path) -> Run:
    save_checkpoint(folder, small(64), {}, precision="f32")
    return Run(SETTINGS, Shape.read(folder / "config.json"))


def batch(seed: int) -> Packed:
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 211, (1, 257), generator=g)
    ones = torch.ones(1, 256)
    return Packed(
        ids[:, :-1],
        torch.zeros_like(ones, dtype=torch.long),
        ids[:, 1:],
        ones,
        ones > 0,
        torch.randint(-1, 9, (1, 256), generator=g),
    )


def advance(run: Run, step: int) -> float:
    torch.manual_seed(step)
    loss, _ = run.gradients(batch(step), window=64)
    run.advance()
    run.seen += 256
    return float(loss)


def test_a_resumed_run_is_the_run(tmp_path: Path) -> None:
    whole = fresh(tmp_path)
    for step in range(2):
        advance(whole, step)
    whole.save(tmp_path)
    expected = [advance(whole, step) for step in (2, 3)]
    resumed = fresh(tmp_path)
    resumed.restore(tmp_path)
    assert [advance(resumed, step) for step in (2, 3)] == expected


def test_a_run_learns(tmp_path: Path) -> None:
    run = fresh(tmp_path)
    losses = []
    for _ in range(6):
        losses.append(advance(run, 0))
        run.seen = 0
    assert losses[-1] < losses[0] - 0.5


def test_the_export_is_a_checkpoint_that_holds_the_rounded_weights(
    tmp_path: Path,
) -> None:
    run = fresh(tmp_path)
    run.save(tmp_path)
    out = tmp_path / "out"
    export(tmp_path, tmp_path, out)
    stored = Checkpoint(out)
    try:
        with rounded(run.model):
            for name, p in run.model.named_parameters():
                found = stored.tensor(name)
                same = found if is_block_quantised(name) else found.to(torch.bfloat16)
                assert torch.equal(same, p.data.to(same.dtype)), name
    finally:
        stored.close()


def test_a_run_can_start_from_a_checkpoint(tmp_path: Path) -> None:
    first = fresh(tmp_path)
    out = tmp_path / "out"
    save_checkpoint(out, small(64), first.model.state_dict(), precision="f32")
    second = fresh(tmp_path)
    with torch.no_grad():
        for p in second.model.parameters():
            p.zero_()
    second.start_from(out)
    for name, p in first.model.state_dict().items():
        if name.endswith(("_fn", "wq_a.weight", "tid2eid", "gate.bias")):
            found = second.model.state_dict()[name]
            assert torch.allclose(found, p, atol=1e-6), name


def test_rounding_leaves_the_masters_alone(tmp_path: Path) -> None:
    run = fresh(tmp_path)
    before = {n: p.clone() for n, p in run.model.named_parameters()}
    with rounded(run.model):
        changed = {
            n for n, p in run.model.named_parameters() if not torch.equal(p, before[n])
        }
    assert changed == {n for n in before if is_block_quantised(n)}
    assert all(torch.equal(p, before[n]) for n, p in run.model.named_parameters())


def test_experts_are_rounded_to_four_bits_and_the_rest_to_eight() -> None:
    """Against the formats' definitions: E2M1 in groups of 32 with a power of two each,
    E4M3 with three bits behind the leading one."""
    expert, shared = (torch.nn.Linear(64, 32, bias=False) for _ in range(2))
    ffn = torch.nn.Module()
    ffn.experts = torch.nn.ModuleList([torch.nn.ModuleDict({"w1": expert})])
    ffn.shared_experts = torch.nn.ModuleDict({"w1": shared})
    with rounded(torch.nn.ModuleDict({"ffn": ffn})):
        four = expert.weight.data.double().reshape(-1, 32)
        eight = shared.weight.data.double()
        scale = 2.0 ** torch.floor(torch.log2(four.abs().amax(1, keepdim=True) / 4.0))
        steps = {abs(x) for x in (four / scale).flatten().tolist()}
        assert steps <= {0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0}
        assert len(steps) > 5
        mantissa = torch.frexp(eight).mantissa.abs() * 16
        assert torch.equal(mantissa, mantissa.round())
        assert len(eight.unique()) > 50


def test_the_rate_warms_up_stays_and_falls_to_the_floor() -> None:
    s = replace(SETTINGS, warm_up=10, decay_from=0.5, floor=0.1)
    assert rate(0.0, 0, s) == pytest.approx(0.1)
    assert rate(0.3, 50, s) == 1.0
    assert rate(0.75, 50, s) == pytest.approx(0.55)
    assert rate(1.0, 50, s) == pytest.approx(0.1)


def test_windows_are_real_until_narrow_ones_begin() -> None:
    s = replace(SETTINGS, narrow_from=0.5, narrow=0.5, smallest_window=12)
    rng = random.Random(0)
    assert {draw_window(rng, 2048, 0.4, s) for _ in range(50)} == {2048}
    late = [draw_window(rng, 2048, 0.6, s) for _ in range(400)]
    narrow = [w for w in late if w != 2048]
    assert 150 < len(narrow) < 250
    assert 12 <= min(narrow) < 20
    assert 100 < max(narrow) <= 128


def test_muon_gets_maps_and_adamw_the_rest(tmp_path: Path) -> None:
    named = dict(fresh(tmp_path).named_parameters())
    matrices = {n for n, p in named.items() if is_matrix(n, p)}
    assert "model.layers.1.attn.wq_b.weight" in matrices
    assert "model.layers.1.ffn.experts.0.w2.weight" in matrices
    for name in ("model.embed.weight", "model.head.weight", "teacher.maps"):
        assert name not in matrices
    assert not any("hc_" in n or n.endswith(("ape", "attn_sink")) for n in matrices)


class TestRows:
    def rows(self, sizes: list[int], length: int = 64) -> Rows:
        stream = iter(range(10**6))

        def source(rng: random.Random, progress: float) -> Tokens:
            i = next(stream)
            n = sizes[i % len(sizes)]
            ids = [0, *[5 + i] * (n - 1)]
            weights = [0.0] * (n // 2) + [1.0] * (n - n // 2)
            return Tokens(ids, weights, [ids[-1] if j % 3 else -1 for j in range(n)])

        return Rows(
            source, rows=3, length=length, pad=2, prompt_weight=0.1, prompt_share=1.0
        )

    def test_rows_are_whole_conversations_and_padding(self) -> None:
        drawn = self.rows([7, 20, 33]).draw(random.Random(0), 0.0)
        assert drawn.ids.shape == drawn.targets.shape == (3, 64)
        for line, following in zip(
            drawn.ids.tolist(), drawn.targets.tolist(), strict=True
        ):
            tokens = [*line, following[-1]]
            runs = [t for i, t in enumerate(tokens) if i == 0 or t != tokens[i - 1]]
            counts = {t: tokens.count(t) for t in set(tokens) if t > 4}
            assert all(n in (6, 19, 32) for n in counts.values()), runs

    def test_padding_and_first_tokens_are_never_looked_at(self) -> None:
        drawn = self.rows([7, 20, 33]).draw(random.Random(0), 0.0)
        for special in (0, 2):
            assert not drawn.keep[drawn.targets == special].any()
        generated = drawn.weight >= 1.0
        assert generated.any()
        assert drawn.keep[generated].all()

    def test_conversations_begin_at_multiples_of_four(self) -> None:
        drawn = self.rows([7, 20, 33]).draw(random.Random(0), 0.0)
        for ids, begins in zip(drawn.ids.tolist(), drawn.begins.tolist(), strict=True):
            starts = [i for i, t in enumerate(ids) if t == 0]
            assert len(starts) > 1
            assert all(start % 4 == 0 for start in starts)
            assert begins == [max(j for j in starts if j <= i) for i in range(64)]

    def test_a_meaning_stays_with_its_token(self) -> None:
        drawn = self.rows([7, 20, 33]).draw(random.Random(0), 0.0)
        told = drawn.meanings >= 0
        plain = (drawn.ids > 4) & told
        assert plain.sum() > 50
        assert (drawn.meanings[plain] == drawn.ids[plain]).all()
        place = torch.arange(64) - drawn.begins
        assert (told == (place % 3 > 0) & (drawn.ids != 2)).all()

    def test_what_is_too_long_for_a_row_is_left_out(self) -> None:
        drawn = self.rows([90, 20]).draw(random.Random(0), 0.0)
        counts = [drawn.ids.eq(t).sum() for t in drawn.ids.unique() if t > 4]
        assert max(counts) <= 20
