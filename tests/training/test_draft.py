"""The drafter's run: its losses, what a block sees, who learns, what is written."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from dsagent.encoding.tokenizer import Tokenizer
from dsagent.engine.checkpoint import (
    Checkpoint,
    is_block_quantised,
    save_checkpoint,
)
from tests.training.test_parity import shaken, small
from training.draft import (
    Anchors,
    DraftRun,
    Marks,
    Settings,
    Target,
    draft_shape,
    start_from,
)
from training.drafter import DrafterModule, DraftShape, context_bias, narrowed
from training.export import export_drafter
from training.losses import DraftLoss, draft_loss
from training.model import Shape
from training.quantise import rounded
from training.rows import Packed
from training.train import NANO

if TYPE_CHECKING:
    from pathlib import Path

WINDOW = 24
T = 128
SHAPE = DraftShape(stages=3, block=4, rank=6, layers=(1, 3, 5), noise=210)
SETTINGS = Settings(
    *(1e6, 2, T),
    warm_up=1,
    compiled=False,
    stages=3,
    block=4,
    markov_rank=6,
    anchors=9,
)


def backbone(folder: Path) -> Target:
    """A small frozen backbone, stored in ``folder``."""
    config = small(WINDOW)
    save_checkpoint(folder, config, {}, precision="f32")
    model = shaken(Shape.read(folder / "config.json"))
    save_checkpoint(folder, config, model.state_dict(), precision="fp8")
    return Target.load(folder, SHAPE.layers, T)


def lively(drafter: DrafterModule) -> DrafterModule:
    """Every parameter matters, nothing is at its initial one or zero."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in drafter.parameters():
            noise = torch.randn(p.shape, generator=generator)
            p.add_(noise, alpha=0.2 if p.ndim == 1 else 0.02)
    return drafter


def batch(seed: int) -> Packed:
    """Two rows; every second stretch of eight tokens was generated."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 200, (2, T + 1), generator=generator)
    generated = (torch.arange(T) // 8 % 2 == 1).expand(2, T)
    weight = torch.where(generated, 1.0, 0.1)
    begins = torch.zeros_like(ids)[:, 1:]
    untold = torch.full_like(begins, -1)
    return Packed(ids[:, :-1], begins, ids[:, 1:], weight, generated, untold)


class TestLoss:
    """Against the formulas of the DSpark paper's §3.3, a token at a time in float64."""

    weight = torch.tensor([1.0, math.exp(-1 / 4), 0.0])

    def found(self, shift: float = 0.0) -> tuple[DraftLoss, list[Tensor]]:
        generator = torch.Generator().manual_seed(1)
        logits = torch.randn(3, 7, generator=generator).mul(2).requires_grad_()
        z = (torch.randn(3, generator=generator) + shift).requires_grad_()
        target = torch.randn(3, 7, generator=generator) * 2
        labels = torch.tensor([4, 0, 6])
        loss = draft_loss(logits, z, target, labels, self.weight)
        return loss, [logits, z, target, labels]

    def test_the_three_terms(self) -> None:
        loss, (logits, z, target, labels) = self.found()
        sums = [0.0, 0.0, 0.0]
        for i in range(3):
            q = [math.exp(v) for v in logits[i].tolist()]
            p = [math.exp(v) for v in target[i].tolist()]
            q, p = [v / sum(q) for v in q], [v / sum(p) for v in p]
            distance = sum(abs(a - b) for a, b in zip(q, p, strict=True))
            accepted = 1 - distance / 2
            # What is accepted is what both distributions share.
            shared = sum(min(a, b) for a, b in zip(q, p, strict=True))
            assert loss.accepted[i].item() == pytest.approx(shared, abs=1e-5)
            c = 1 / (1 + math.exp(-z[i].item()))
            terms = (
                -math.log(q[labels[i]]),
                distance,
                -accepted * math.log(c) - (1 - accepted) * math.log(1 - c),
            )
            for j, term in enumerate(terms):
                sums[j] += self.weight[i].item() * term
        means = [v / (float(self.weight.sum()) + 1e-6) for v in sums]
        assert loss.cross_entropy.item() == pytest.approx(means[0], rel=1e-5)
        assert loss.variation.item() == pytest.approx(means[1], rel=1e-5)
        assert loss.confidence.item() == pytest.approx(means[2], rel=1e-5)
        total = 0.1 * means[0] + 0.9 * means[1] + means[2]
        assert loss.total.item() == pytest.approx(total, rel=1e-5)

    def test_confidence_learns_the_acceptance_and_does_not_move_it(self) -> None:
        gradients: list[Tensor] = []
        for shift in (0.0, 3.0):
            loss, (logits, z, *_) = self.found(shift)
            torch.autograd.backward(loss.total)
            assert z.grad is not None
            assert logits.grad is not None
            # BCE's gradient: sigmoid minus the acceptance.
            off = torch.sigmoid(z.detach()) - loss.accepted
            expected = off * self.weight / self.weight.sum()
            assert torch.allclose(z.grad, expected, atol=1e-5)
            gradients.append(logits.grad)
        assert torch.equal(gradients[0], gradients[1])


class TestAnchors:
    def test_blocks_start_in_answers_and_stop_where_those_do(self) -> None:
        # Stretches of three and of five, with gaps that a block can reach across.
        generated_at = (torch.arange(T) % 11 != 3) & (torch.arange(T) % 11 != 7)
        b = replace(batch(0), weight=torch.where(generated_at, 1.0, 0.1).expand(2, T))
        drawn = Anchors.draw(b, 20, 4, torch.Generator().manual_seed(0))
        generated = [[w >= 1.0 for w in row] for row in b.weight.tolist()]
        taught = 0
        for row in range(2):
            assert len(set(drawn.at[row].tolist())) == 20
            for at, valid in zip(
                drawn.at[row].tolist(), drawn.valid[row].tolist(), strict=True
            ):
                assert generated[row][at - 1]
                assert generated[row][at]
                for k in range(4):
                    here = [generated[row][t] for t in range(at, at + k + 1) if t < T]
                    assert valid[k] == (all(here) and at + k < T)
                    taught += valid[k]
        assert 60 < taught < 160

    def test_a_row_with_few_answers_has_few_blocks(self) -> None:
        b = batch(0)
        weight = torch.full((2, T), 0.1)
        weight[1, 50:53] = 1.0
        drawn = Anchors.draw(replace(b, weight=weight), 6, 4, torch.Generator())
        assert not drawn.valid[0].any()
        begun = drawn.valid[1].any(-1)
        assert sorted(drawn.at[1][begun].tolist()) == [51, 52]
        assert drawn.valid[1].sum() == 3


class TestMarks:
    def test_length_is_one_and_the_chances_of_every_prefix(self) -> None:
        valid = torch.tensor([[[True] * 3, [True, False, False]], [[True] * 3] * 2])
        chances = [0.5, 0.5, 0.25, 0.9, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
        agreed = torch.tensor([1, 0, 0, 1, 1, 1, 1, 0, 1, 1]) > 0
        marks = Marks.of(torch.tensor(chances), agreed, valid)
        whole = (1 + 0.5 + 0.25 + 0.0625, 1 + 1 + 1 + 1, 1 + 0)
        assert marks.length == pytest.approx(sum(whole) / 3)
        assert marks.accepted.tolist() == pytest.approx(
            [(0.5 + 0.9 + 1 + 0) / 4, (0.5 + 1 + 1) / 3, (0.25 + 1 + 1) / 3]
        )
        assert marks.agreed.tolist() == pytest.approx([3 / 4, 2 / 3, 2 / 3])


def test_a_block_sees_the_window_before_its_anchor() -> None:
    at, begins = torch.tensor([[0, 1, 30, 40]]), torch.tensor([[0, 0, 0, 32]])
    bias = context_bias(at, begins, 64, WINDOW)[0]
    seen = [[t for t in range(64) if bias[i, t] == 0] for i in range(4)]
    assert seen == [[], [0], list(range(6, 30)), list(range(32, 40))]


class TestBlocks:
    """What a place's output depends on, found by changing inputs one at a time."""

    at = torch.tensor([[40, 42, 70]])

    @pytest.fixture
    def target(self, tmp_path: Path) -> Target:
        return backbone(tmp_path)

    @pytest.fixture
    def drafter(self, target: Target) -> DrafterModule:
        torch.manual_seed(0)
        return lively(DrafterModule(target.model.s, SHAPE, longest=T + 4))

    @torch.no_grad()
    def run(
        self, drafter: DrafterModule, target: Target, taps: Tensor, anchors: Tensor
    ) -> Tensor:
        context = drafter.context(taps)
        embed = target.model.embed
        return drafter.block(anchors, self.at, 0 * self.at, context, embed)

    def test_a_block_depends_on_nothing_but_its_window_and_anchor(
        self, target: Target, drafter: DrafterModule
    ) -> None:
        taps = torch.randn(1, T, len(SHAPE.layers) * target.model.s.D)
        anchors = torch.tensor([[5, 6, 7]])
        plain = self.run(drafter, target, taps, anchors)
        for t, touched in (
            (15, []),
            (16, [0]),
            (39, [0, 1]),
            (40, [1]),
            (41, [1]),
            (42, []),
            (46, [2]),
            (69, [2]),
            (70, []),
            (71, []),
        ):
            other = taps.clone()
            other[0, t] = -other[0, t]
            moved = (self.run(drafter, target, other, anchors) - plain).abs()
            # All places of a block see the same context, and each other.
            by_place = moved.flatten(3).amax(-1)[0]
            assert [i for i in range(3) if (by_place[i] > 1e-5).all()] == touched, t
            assert (by_place > 1e-5).any(-1).sum() == len(touched), t
        moved = self.run(drafter, target, taps, torch.tensor([[5, 9, 7]])) - plain
        assert moved[0, 1].abs().flatten(1).amax(-1).min() > 1e-5
        assert moved[0, ::2].abs().max() < 1e-5

    def test_a_block_is_the_same_alone(
        self, target: Target, drafter: DrafterModule
    ) -> None:
        taps = torch.randn(1, T, len(SHAPE.layers) * target.model.s.D)
        anchors = torch.tensor([[5, 6, 7]])
        together = self.run(drafter, target, taps, anchors)
        with torch.no_grad():
            context = drafter.context(taps[:, :70])
            embed = target.model.embed
            at = self.at[:, 2:]
            alone = drafter.block(anchors[:, 2:], at, 0 * at, context, embed)
        assert torch.allclose(alone[0, 0], together[0, 2], atol=1e-5)

    def test_attention_is_the_references(
        self, target: Target, drafter: DrafterModule
    ) -> None:
        """The model reference's §9.3 and §9.4, a head of a query at a time, float64."""
        s, at = target.model.s, [3, 40]
        main, x = torch.randn(1, 64, s.D), torch.randn(1, 8, s.D)
        attention = next(drafter.stages()).attn
        positions = torch.tensor([[p + k for p in at for k in range(4)]])
        with torch.no_grad():
            attention.attn_sink.copy_(torch.randn(s.H) * 2)
            bias = context_bias(torch.tensor([at]), torch.zeros(1, 2), 64, s.window)
            found, _ = attention(x, attention.context(main), bias, positions)
        p = {k: v.double() for k, v in attention.state_dict().items()}

        def norm(v: Tensor, weight: Tensor | float) -> Tensor:
            return v * (v.square().mean() + s.eps).rsqrt() * weight

        def turn(v: Tensor, position: int) -> Tensor:
            turned = v.clone()
            for pair in range(s.r // 2):
                angle = position * 10000 ** (-2 * pair / s.r)
                i = s.d - s.r + 2 * pair
                z = torch.complex(v[i], v[i + 1])
                z = z * complex(math.cos(angle), math.sin(angle))
                turned[i], turned[i + 1] = z.real, z.imag
            return turned

        def key(v: Tensor, position: int) -> Tensor:
            kv = norm(p["wkv.weight"] @ v.double(), p["kv_norm.weight"])
            return turn(kv, position)

        for row in range(8):
            block, here = row // 4, int(positions[0, row])
            first = at[block]
            near = range(max(0, first - s.window), first)
            keys = [key(main[0, t], t) for t in near]
            keys += [key(x[0, 4 * block + k], first + k) for k in range(4)]
            stacked = torch.stack(keys)
            qr = norm(p["wq_a.weight"] @ x[0, row].double(), p["q_norm.weight"])
            heads = (p["wq_b.weight"] @ qr).view(s.H, s.d)
            outs = []
            for h in range(s.H):
                scores = stacked @ turn(norm(heads[h], 1.0), here) * s.d**-0.5
                above = scores.exp()
                weights = above / (above.sum() + p["attn_sink"][h].exp())
                outs.append(turn(weights @ stacked, -here))
            groups = torch.stack(outs).view(s.G, -1)
            wo_a = p["wo_a.weight"].view(s.G, s.Ro, -1)
            low = torch.cat([wo_a[g] @ groups[g] for g in range(s.G)])
            wanted = p["wo_b.weight"] @ low
            assert torch.allclose(found[0, row].double(), wanted, atol=1e-5), row

    def test_heads_add_what_the_token_before_says(
        self, target: Target, drafter: DrafterModule
    ) -> None:
        """Written out from the model reference's §9.5, in float64."""
        s, head = target.model.s, target.model.head.weight
        X = torch.randn(2, s.m, s.D)
        previous = torch.tensor([3, 180])
        with torch.no_grad():
            logits, z = drafter.heads(X, previous, head)
        p = {k: v.double() for k, v in drafter.state_dict().items()}

        def last(name: str) -> Tensor:
            found: Tensor = p[f"mtp.2.{name}"]
            return found

        for i in range(2):
            u = X[i].double().flatten()
            rho = (u.square().mean() + s.eps).rsqrt()
            mix = last("hc_head_fn") @ u * rho * last("hc_head_scale")
            gate = torch.sigmoid(mix + last("hc_head_base")) + s.eps
            h = gate @ X[i].double()
            normed = h * (h.square().mean() + s.eps).rsqrt() * last("norm.weight")
            e = last("markov_head.markov_w1.weight")[previous[i]]
            wanted = head.double() @ normed
            wanted = wanted + last("markov_head.markov_w2.weight") @ e
            assert torch.allclose(logits[i].double(), wanted, atol=1e-4)
            confidence = last("confidence_head.proj.weight")[0] @ torch.cat((h, e))
            assert z[i].item() == pytest.approx(confidence.item(), abs=1e-4)


def fresh(folder: Path) -> DraftRun:
    return DraftRun(SETTINGS, backbone(folder), SHAPE)


def test_the_whole_drafter_learns_and_nothing_else(tmp_path: Path) -> None:
    run = fresh(tmp_path)
    before = {n: p.clone() for n, p in run.target.model.state_dict().items()}
    run.gradients(batch(0))
    still = [
        n
        for n, p in run.drafter.named_parameters()
        if p.grad is None or not p.grad.abs().max() > 0
    ]
    assert not still
    assert all(p.grad is None for p in run.target.model.parameters())
    run.update(run.drafter.experts())
    after = run.target.model.state_dict()
    assert all(torch.equal(p, after[n]) for n, p in before.items())
    assert not any("target" in n or "model" in n for n in run.state_dict())


def test_taps_are_the_means_of_the_layers_outputs(tmp_path: Path) -> None:
    target = backbone(tmp_path)
    model, ids = target.model, batch(0).ids
    outputs: dict[int, Tensor] = {}

    def keep(layer: int) -> object:
        def hook(_: nn.Module, __: object, out: tuple[Tensor, object]) -> None:
            outputs[layer] = out[0]

        return hook

    for layer, block in enumerate(model.layers):
        block.register_forward_hook(keep(layer))  # type: ignore[arg-type]
    observed = target.observe(ids)
    D = model.s.D
    for i, layer in enumerate(SHAPE.layers):
        mean = torch.stack([outputs[layer][:, :, j] for j in range(model.s.m)]).mean(0)
        assert torch.allclose(observed.taps[..., i * D : (i + 1) * D], mean)
    with torch.no_grad():
        assert torch.equal(observed.hidden, model(ids)[0])


def test_a_run_learns(tmp_path: Path) -> None:
    run = fresh(tmp_path)
    run.target.model.head.weight.mul_(6)  # distributions worth learning
    first, before = run.advance(batch(0))
    for _ in range(11):
        last, after = run.advance(batch(0))
    assert last < first - 0.5
    assert after.accepted[0] > before.accepted[0] + 0.05


def test_a_resumed_run_is_the_run(tmp_path: Path) -> None:
    whole = fresh(tmp_path)
    for step in range(2):
        whole.advance(batch(step))
    whole.save(tmp_path / "run")
    expected = [whole.advance(batch(step))[0] for step in (2, 3)]
    resumed = fresh(tmp_path)
    assert resumed.restore(tmp_path / "run")
    assert [resumed.advance(batch(step))[0] for step in (2, 3)] == expected


def test_the_noise_token_is_a_placeholder_nothing_spells() -> None:
    shape = draft_shape(Settings(), 6, NANO / "tokenizer.json")
    tokenizer = Tokenizer.from_file(NANO)
    spelled = tokenizer.text_of(shape.noise)
    assert spelled == "<｜place▁holder▁no▁799｜>"
    assert shape.noise not in tokenizer.encode_text(spelled)
    assert shape.layers == (3, 4, 5)


def test_the_export_adds_the_drafter_and_leaves_the_backbone(tmp_path: Path) -> None:
    run = fresh(tmp_path)
    run.save(tmp_path / "run")
    shutil.copy(NANO / "tokenizer.json", tmp_path)
    before = load_file(tmp_path / "model.safetensors")
    out = tmp_path / "out"
    export_drafter(tmp_path / "run", tmp_path, out)
    shutil.copy(NANO / "tokenizer.json", out)
    export_drafter(tmp_path / "run", out, out)  # in place, replacing
    after = load_file(out / "model.safetensors")
    for name, tensor in before.items():
        assert after[name].dtype == tensor.dtype
        assert torch.equal(after[name].view(torch.uint8), tensor.view(torch.uint8))
    added = {n: tuple(t.shape) for n, t in after.items() if n not in before}
    assert {n: s for n, s in added.items() if not n.endswith(".scale")} == expected()
    config = json.loads((out / "config.json").read_text("utf-8"))
    assert config["dspark_block_size"] == 4
    assert config["dspark_noise_token_id"] == 17
    last = config["num_hidden_layers"]
    assert config["dspark_target_layer_ids"] == [last - 3, last - 2, last - 1]
    assert config["dspark_markov_rank"] == 6
    own = json.loads((NANO / "config.json").read_text("utf-8"))["compress_ratios"]
    assert config["compress_ratios"] == [*own[:last], 0, 0, 0]
    stored = Checkpoint(out)  # raises for a name it doesn't know
    try:
        with rounded(run.drafter):
            for name, p in run.drafter.named_parameters():
                found = stored.tensor(name)
                same = found if is_block_quantised(name) else found.to(torch.bfloat16)
                assert torch.equal(same, p.data.to(same.dtype)), name
    finally:
        stored.close()


def expected() -> dict[str, tuple[int, ...]]:
    """Names and shapes from the model reference's tables, for the small model."""
    m, D, H, d, Rq, G, Ro, E, width, V, R = 4, 48, 6, 40, 24, 3, 10, 5, 20, 211, 6
    shapes: dict[str, tuple[int, ...]] = {}
    for stage in range(3):
        block: dict[str, tuple[int, ...]] = {
            "attn_norm.weight": (D,),
            "ffn_norm.weight": (D,),
            "attn.attn_sink": (H,),
            "attn.wq_a.weight": (Rq, D),
            "attn.q_norm.weight": (Rq,),
            "attn.wq_b.weight": (H * d, Rq),
            "attn.wkv.weight": (d, D),
            "attn.kv_norm.weight": (d,),
            "attn.wo_a.weight": (G * Ro, H * d // G),
            "attn.wo_b.weight": (D, G * Ro),
            "ffn.gate.weight": (E, D),
            "ffn.gate.bias": (E,),
        }
        for name in ("hc_attn", "hc_ffn"):
            block[f"{name}_fn"] = ((2 + m) * m, m * D)
            block[f"{name}_base"] = ((2 + m) * m,)
            block[f"{name}_scale"] = (3,)
        for name in [f"experts.{e}" for e in range(E)] + ["shared_experts"]:
            block[f"ffn.{name}.w1.weight"] = (width, D)
            block[f"ffn.{name}.w3.weight"] = (width, D)
            block[f"ffn.{name}.w2.weight"] = (D, width)
        shapes |= {f"mtp.{stage}.{name}": shape for name, shape in block.items()}
    return shapes | {
        "mtp.0.main_proj.weight": (D, 3 * D),
        "mtp.0.main_norm.weight": (D,),
        "mtp.2.norm.weight": (D,),
        "mtp.2.hc_head_fn": (m, m * D),
        "mtp.2.hc_head_base": (m,),
        "mtp.2.hc_head_scale": (1,),
        "mtp.2.markov_head.markov_w1.weight": (V, R),
        "mtp.2.markov_head.markov_w2.weight": (V, R),
        "mtp.2.confidence_head.proj.weight": (1, D + R),
    }


def store(drafter: DrafterModule, folder: Path) -> None:
    """Add a drafter to the checkpoint in ``folder``."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config |= drafter.d.to_json()
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    stored = load_file(folder / "model.safetensors") | drafter.state_dict()
    save_file(stored, folder / "model.safetensors", {"format": "pt"})


class TestNarrowing:
    """A drafter that starts from one with a larger bigram table."""

    def test_the_table_is_the_nearest_of_its_rank(self) -> None:
        generator = torch.Generator().manual_seed(8)
        w1 = torch.randn(30, 7, generator=generator)
        w2 = torch.randn(30, 7, generator=generator)
        new1, new2, back = narrowed(w1, w2, 4)
        assert (new1.shape, new2.shape, back.shape) == ((30, 4), (30, 4), (7, 4))
        u, s, v = torch.linalg.svd((w1 @ w2.T).double())
        best = (u[:, :4] * s[:4]) @ v[:4]
        torch.testing.assert_close((new1 @ new2.T).double(), best, atol=1e-4, rtol=0)
        # Least squares: what is left of an embedding has nothing of a new one.
        left = w1 - new1 @ back.T
        assert (left.T @ new1).abs().max() < 1e-3
        assert left.norm() < w1.norm()

    def test_what_a_lower_rank_can_hold_is_kept(self, tmp_path: Path) -> None:
        target = backbone(tmp_path)
        wide = lively(DrafterModule(target.model.s, SHAPE))
        head = list(wide.stages())[-1].markov_head
        with torch.no_grad():  # six columns, of which two say nothing new
            for table in (head.markov_w1.weight, head.markov_w2.weight):
                table[:, 4:] = table[:, :2] @ torch.tensor([[1.0, 2], [0.5, -1]])
        store(wide, tmp_path)
        narrow = DrafterModule(target.model.s, replace(SHAPE, rank=4))
        start_from(narrow, tmp_path)
        generator = torch.Generator().manual_seed(2)
        s = target.model.s
        X = torch.randn(5, s.m, s.D, generator=generator)
        previous = torch.randint(0, 200, (5,), generator=generator)
        output = target.model.head.weight
        for a, b in zip(
            wide.heads(X, previous, output),
            narrow.heads(X, previous, output),
            strict=True,
        ):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)

    def test_a_table_of_the_same_rank_is_taken_as_it_is(self, tmp_path: Path) -> None:
        target = backbone(tmp_path)
        given = lively(DrafterModule(target.model.s, SHAPE))
        store(given, tmp_path)
        taken = DrafterModule(target.model.s, SHAPE)
        start_from(taken, tmp_path)
        for name, tensor in taken.state_dict().items():
            assert torch.equal(tensor, given.state_dict()[name]), name
