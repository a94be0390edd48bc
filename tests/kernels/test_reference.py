"""Every operation against its formula, written again in float64, and known values."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dsagent.engine.config import Yarn
from dsagent.kernels import ops
from dsagent.kernels.reference.hyper import FEW, FEW_SQUARES, ON_FLOATS

EPS = 1e-6


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def mixing(m: int, scale: list[float], iterations: int = 20) -> ops.HyperWeights:
    """Weights under which the raw mix of a token is any vector one likes."""
    count = (2 + m) * m
    base = torch.tensor([0.1 * math.cos(i) for i in range(count)])
    return ops.HyperWeights.of(
        torch.eye(count),
        torch.tensor(scale),
        base,
        iterations=iterations,
        eps=EPS,
        norm_eps=0.0,
    )


def mixed(X: Tensor, w: ops.HyperWeights) -> tuple[Tensor, Tensor, Tensor]:
    """pre, post and comb, as the formula names them."""
    pre, back = ops.hyper_mix(X, w)
    m = X.shape[1]
    return pre, back[:, :, m], back[:, :, :m].transpose(1, 2)


def way_back(post: Tensor, comb: Tensor) -> Tensor:
    return torch.cat((comb.transpose(1, 2), post.unsqueeze(2)), 2)


def doubly_stochastic(a: Tensor, iterations: int, eps: float = EPS) -> Tensor:
    """The alternation, entry by entry, in float64."""
    m = a.shape[0]
    s = [[math.exp(float(a[j, k])) for k in range(m)] for j in range(m)]
    s = [[v / sum(row) + eps for v in row] for row in s]

    def columns(s: list[list[float]]) -> list[list[float]]:
        sums = [sum(row[k] for row in s) + eps for k in range(m)]
        return [[row[k] / sums[k] for k in range(m)] for row in s]

    s = columns(s)
    for _ in range(iterations - 1):
        s = columns([[v / (sum(row) + eps) for v in row] for row in s])
    return torch.tensor(s)


def test_mhc_published_vector() -> None:
    """Reference digits of a float64 evaluation, four streams, twenty iterations."""
    mix = torch.tensor([math.sin(i + 1) for i in range(24)])
    m, scale = 4, [0.5, 1.0, 0.25]
    # Streams of six channels whose flattening is the mix itself, times its own rms, so
    # that rho . (fn . u) gives the mix back.
    X = mix.view(1, m, 6)
    w = mixing(m, scale)
    rho = 1 / mix.square().mean().sqrt()
    w = ops.HyperWeights.of(
        torch.eye(24) / rho,
        torch.tensor(scale),
        w.base,
        iterations=20,
        eps=EPS,
        norm_eps=0.0,
    )
    pre, post, comb = mixed(X, w)
    torch.testing.assert_close(
        pre[0],
        torch.tensor([0.6273207, 0.6244977, 0.5072368, 0.3828671]),
        rtol=0,
        atol=1e-6,
    )
    torch.testing.assert_close(
        post[0],
        torch.tensor([0.5283857, 0.8751305, 1.3596656, 1.4871939]),
        rtol=0,
        atol=1e-6,
    )
    expected = torch.tensor(
        [
            [0.2874205, 0.2338076, 0.2217073, 0.2570637],
            [0.2351309, 0.3043750, 0.2730774, 0.1874157],
            [0.1599217, 0.2012777, 0.2920992, 0.3467004],
            [0.3175259, 0.2605388, 0.2131152, 0.2088192],
        ]
    )
    torch.testing.assert_close(comb[0], expected, rtol=0, atol=1e-6)
    streams = torch.tensor([[[1.0], [2.0], [3.0], [4.0]]])
    out = ops.hyper_expand(streams, torch.ones(1, 1), way_back(post, comb))
    torch.testing.assert_close(
        out.flatten(),
        torch.tensor([3.0359368, 3.3636761, 3.8562859, 3.9944670]),
        rtol=0,
        atol=3e-6,
    )


@pytest.mark.parametrize("n", [1, ON_FLOATS, ON_FLOATS + 1, FEW_SQUARES, FEW + 1])
@pytest.mark.parametrize("m", [2, 3, 4])
@pytest.mark.parametrize("iterations", [1, 4, 20])
def test_mhc_coefficients_for_any_number_of_tokens(
    n: int, m: int, iterations: int
) -> None:
    """Floats, few and many tokens: one formula, its eps included."""
    # A large eps, so that leaving it out of one denominator would show.
    eps, width, count = 1e-2, 5, (2 + m) * m
    X, fn = randn(n, m, width), randn(count, m * width, seed=1)
    scale, base = torch.tensor([0.7, 1.3, 2.5]), randn(count, seed=2)
    w = ops.HyperWeights.of(
        fn, scale, base, iterations=iterations, eps=eps, norm_eps=0.1
    )
    pre, post, comb = mixed(X, w)
    for i in (0, n // 2, n - 1):
        u = X[i].double().flatten()
        raw = fn.double() @ u / math.sqrt(u.square().mean() + 0.1)
        z = raw * scale.double().repeat_interleave(torch.tensor([m, m, m * m]))
        z = z + base.double()
        expected = 1 / (1 + torch.exp(-z[:m])) + eps
        assert (pre[i] - expected).abs().max() < 2e-6
        assert (post[i] - 2 / (1 + torch.exp(-z[m : 2 * m]))).abs().max() < 2e-6
        square = doubly_stochastic(z[2 * m :].view(m, m), iterations, eps)
        assert (comb[i] - square).abs().max() < 2e-6


@pytest.mark.parametrize("n", [1, ON_FLOATS + 1])
def test_gates_far_beyond_what_exp_can_take(n: int) -> None:
    base = torch.zeros(24)
    base[:4] = torch.tensor([-1e4, 1e4, -80.0, math.nan])
    w = ops.HyperWeights.of(
        torch.zeros(24, 4),
        torch.ones(3),
        base,
        iterations=2,
        eps=EPS,
        norm_eps=1.0,
    )
    pre = mixed(torch.ones(n, 4, 1), w)[0][0]
    assert pre[:3].tolist() == pytest.approx([EPS, 1 + EPS, EPS], rel=1e-6)
    assert pre[3].isnan()


@pytest.mark.parametrize("n", [1, 7, FEW + 1])
def test_sinkhorn_that_has_not_settled(n: int) -> None:
    """Nearly diagonal and slow: every one of the twenty rounds still counts."""
    a = 6 * torch.eye(4) + randn(4, 4)
    expected = doubly_stochastic(a.double(), 20)
    assert (expected - doubly_stochastic(a.double(), 19)).abs().max() > 1e-4
    flat = ops.HyperWeights.of(
        torch.zeros(24, 4),
        torch.ones(3),
        torch.cat((torch.zeros(8), a.flatten())),
        iterations=20,
        eps=EPS,
        norm_eps=1.0,
    )
    comb = mixed(torch.ones(n, 4, 1), flat)[2]
    assert (comb - expected).abs().max() < 2e-6


def test_collapse_and_expand_contract_the_first_index() -> None:
    X, y = randn(3, 4, 5), randn(3, 5, seed=1)
    pre, post, comb = randn(3, 4, seed=2), randn(3, 4, seed=3), randn(3, 4, 4, seed=4)
    collapsed = ops.hyper_collapse(X, pre)
    expanded = ops.hyper_expand(X, y, way_back(post, comb))
    alone = ops.hyper_expand(X[:1], y[:1], way_back(post, comb)[:1])
    torch.testing.assert_close(alone, expanded[:1], rtol=1e-5, atol=1e-6)
    for t in range(3):
        total = sum(float(pre[t, j]) * X[t, j] for j in range(4))
        torch.testing.assert_close(collapsed[t], total)
        for k in range(4):
            out = post[t, k] * y[t]
            for j in range(4):
                out = out + comb[t, j, k] * X[t, j]
            torch.testing.assert_close(expanded[t, k], out, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("m", [3, 4])
def test_what_enters_a_sublayer(n: int, m: int) -> None:
    """The collapse over its root mean square, of streams that hardly cancel and do."""
    count = (2 + m) * m
    X, fn = randn(n, m, 9), randn(count, m * 9, seed=1)
    w = ops.HyperWeights.of(
        fn, torch.ones(3), randn(count, seed=2), iterations=3, eps=EPS, norm_eps=0.1
    )
    for streams in (X, X + 3.0, X * torch.tensor([1.0, -1.0, 1.0, -1.0])[:m, None]):
        pre, back = ops.hyper_mix(streams, w)
        x, same = ops.hyper_enter(streams, w)
        collapsed = torch.einsum("nm,nmd->nd", pre.double(), streams.double())
        mean = collapsed.square().mean(1, keepdim=True)
        assert (x - collapsed / (mean + 0.1).sqrt()).abs().max() < 1e-5
        torch.testing.assert_close(same, back, rtol=0, atol=1e-6)


def test_head_collapse() -> None:
    X, fn, base = randn(2, 3, 4), randn(3, 12, seed=1), randn(3, seed=2)
    out = ops.head_collapse(X, fn, torch.tensor([0.7]), base, 1e-2, 0.1)
    for t in range(2):
        u = X[t].double().flatten()
        z = fn.double() @ u / math.sqrt(u.square().mean() + 0.1) * 0.7 + base
        gate = 1 / (1 + torch.exp(-z)) + 1e-2
        expected = (gate[:, None] * X[t]).sum(0)
        assert (out[t] - expected).abs().max() < 1e-5


def test_attention_published_vector() -> None:
    """One head of width 4, three keys, sink 0.3."""
    q = torch.tensor([0.5, 1.0, -0.5, 2.0]).view(1, 1, 4)
    keys = torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 0], [1, 1, 0, -1]])
    rows = torch.cat((torch.zeros(1, 4), keys))
    o = ops.attend(q / 2, rows, torch.tensor([0.3]), torch.zeros(1, 4))
    expected = torch.tensor([0.6184450, 0.2988292, 0.1860090, 0.3928047])
    torch.testing.assert_close(o[0, 0], expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("lead", [(), (3,)])
def test_attention_with_hidden_rows(lead: tuple[int, ...]) -> None:
    n, heads, d, keys = 5, 3, 4, 7
    q, rows = randn(*lead, n, heads, d), randn(*lead, 1 + keys, d, seed=1)
    rows[..., 0, :] = 0
    sinks = torch.tensor([-1.0, 0.5, 30.0])
    hidden = randn(*lead, n, 1 + keys, seed=2) > 0.5
    hidden[..., 0] = False
    bias = torch.zeros(*lead, n, 1 + keys).masked_fill(hidden, -torch.inf)
    out = ops.attend(q * 0.37, rows, sinks, bias)
    q2, rows2 = q.view(-1, n, heads, d).double(), rows.view(-1, 1 + keys, d).double()
    for b in range(len(q2)):
        for i in range(n):
            for h in range(heads):
                seen = ~hidden.view(-1, n, 1 + keys)[b, i, 1:]
                kv = rows2[b, 1:][seen]
                e = torch.exp(kv @ q2[b, i, h] * 0.37)
                expected = (e[:, None] * kv).sum(0) / (e.sum() + math.exp(sinks[h]))
                got = out.view(-1, n, heads, d)[b, i, h]
                assert (got - expected).abs().max() < 1e-5


def test_a_query_that_sees_nothing_gets_nothing() -> None:
    bias = torch.tensor([[0.0, -torch.inf, -torch.inf]])
    rows = torch.cat((torch.zeros(1, 4), randn(2, 4)))
    assert ops.attend(randn(1, 2, 4), rows, torch.zeros(2), bias).abs().max() == 0


LAST_BIT = 3e-8
"""Half of the least relative distance of two float32 numbers."""
PLAIN = {
    0: 1.0,
    1: 0.7498942018,
    8: 0.1000000015,
    15: 1.333521493e-2,
    16: 9.999999776e-3,
    17: 7.498942316e-3,
    20: 3.162277862e-3,
    24: 1.000000047e-3,
    25: 7.49894185e-4,
    31: 1.333521504e-4,
}
STRETCHED = {
    0: 1.0,
    1: 0.6876560450,
    8: 0.05000000075,
    15: 3.635538509e-3,
    16: 2.265624935e-3,
    17: 1.396801323e-3,
    20: 2.969777852e-4,
    24: 1.95312532e-5,
    25: 5.372312444e-6,
    31: 5.680529398e-7,
}


def test_rotation_frequencies_published_values() -> None:
    yarn = Yarn(factor=16.0, original=65536, beta_fast=32.0, beta_slow=1.0)
    plain = ops.frequencies(10000.0, 64, None)
    stretched = ops.frequencies(160000.0, 64, yarn)
    for i, value in PLAIN.items():
        assert plain[i].item() == pytest.approx(value, rel=LAST_BIT), i
    for i, value in STRETCHED.items():
        assert stretched[i].item() == pytest.approx(value, rel=LAST_BIT), i
    assert plain.dtype == torch.float32


def test_rotation_turns_trailing_pairs_and_back() -> None:
    x, positions = randn(3, 2, 8), torch.tensor([0, 5, 1_000_000])
    frequency = ops.frequencies(10000.0, 4, None)
    factors = ops.rotations(frequency, positions).unsqueeze(1)
    turned = ops.rotate_(x.clone(), factors)
    for t in range(3):
        # The angle is a float32 product; float64 would differ by 0.03 at 10^6.
        angle = positions[t].float() * frequency
        for i in range(2):
            cos, sin = math.cos(float(angle[i])), math.sin(float(angle[i]))
            a, b = x[t, :, 4 + 2 * i], x[t, :, 5 + 2 * i]
            torch.testing.assert_close(turned[t, :, 4 + 2 * i], a * cos - b * sin)
            torch.testing.assert_close(turned[t, :, 5 + 2 * i], a * sin + b * cos)
    assert torch.equal(turned[..., :4], x[..., :4])
    back = ops.rotate_(turned, factors.conj_physical())
    torch.testing.assert_close(back, x)


def test_rotations_have_unit_length() -> None:
    """No YaRN magnitude: a generic implementation would give 1.277."""
    yarn = Yarn(factor=16.0, original=65536, beta_fast=32.0, beta_slow=1.0)
    turns = ops.rotations(ops.frequencies(160000.0, 64, yarn), torch.arange(5000))
    torch.testing.assert_close(turns.abs(), torch.ones(5000, 32))


def test_overlapping_pooling_published_vector() -> None:
    t = torch.arange(8.0)[:, None] * 4 + torch.arange(4.0)
    kv, z = torch.sin(0.3 * t), torch.cos(0.2 * t)
    ape = 0.1 * (torch.arange(4.0)[:, None] - torch.arange(4.0))
    expected = torch.tensor([[0.4823299, 0.4864659], [0.4339797, 0.4246548]])
    whole = ops.pool_overlapping(kv, z, ape, first=True)
    torch.testing.assert_close(whole, expected, rtol=0, atol=1e-7)
    # The second entry from the window before it and its own.
    later = ops.pool_overlapping(kv, z, ape, first=False)
    torch.testing.assert_close(later, expected[1:], rtol=0, atol=1e-7)


def test_plain_pooling() -> None:
    ratio, d = 6, 3
    kv, z, ape = (
        randn(2 * ratio, d),
        randn(2 * ratio, d, seed=1),
        randn(ratio, d, seed=2),
    )
    out = ops.pool_windows(kv, z, ape)
    for w in range(2):
        for c in range(d):
            e = [math.exp(float(z[w * ratio + i, c] + ape[i, c])) for i in range(ratio)]
            total = sum(e[i] * float(kv[w * ratio + i, c]) for i in range(ratio))
            assert out[w, c].item() == pytest.approx(total / sum(e), abs=1e-6)


def test_route_published_scores_and_weights() -> None:
    logits = torch.tensor([[-5.0, -1.0, 0.0, 1.0, 5.0]])
    score = torch.tensor([0.0819472, 0.5596979, 0.8325546, 1.1459763, 2.2375691])
    chosen, weights = ops.route(logits, 5, 1.0, bias=None, chosen=None)
    back = torch.zeros(5).scatter(0, chosen[0], weights[0])
    torch.testing.assert_close(back, score / score.sum(), rtol=0, atol=1e-6)


def test_the_bias_chooses_and_does_not_weigh() -> None:
    logits = torch.tensor([[0.0, 1.0, 5.0]])
    bias = torch.tensor([9.0, 0.0, -9.0])
    chosen, weights = ops.route(logits, 2, 2.5, bias=bias, chosen=None)
    assert sorted(chosen[0].tolist()) == [0, 1]
    score = torch.tensor([0.8325546, 1.1459763])
    by_expert = weights[0][chosen[0].argsort()]
    torch.testing.assert_close(by_expert, 2.5 * score / score.sum())


def test_hashed_tokens_are_weighed_by_their_gate() -> None:
    logits = torch.tensor([[0.0, 1.0, 5.0]])
    chosen, weights = ops.route(
        logits, 2, 1.0, bias=None, chosen=torch.tensor([[1, 0]])
    )
    assert chosen.tolist() == [[1, 0]]
    score = torch.tensor([1.1459763, 0.8325546])
    torch.testing.assert_close(weights[0], score / score.sum())


def test_swiglu_clamps_the_gate_above_only() -> None:
    x = torch.tensor([[-30.0, 3.0, 30.0, 2.0, -30.0, 30.0, 1.0, 3.0]])
    out = ops.swiglu(x, 10.0)[0].tolist()
    expected = [
        g / (1 + math.exp(-g)) * u
        for g, u in [(-30.0, -10.0), (3.0, 10.0), (10.0, 1.0), (2.0, 3.0)]
    ]
    assert out == pytest.approx(expected, rel=1e-6)


def test_index_scores() -> None:
    q, gates, keys = randn(3, 4, 5), randn(3, 4, seed=1), randn(6, 5, seed=2)
    out = ops.index_scores(q, gates, keys)
    for t in range(3):
        for w in range(6):
            total = sum(
                float(gates[t, h])
                * max(0.0, float(q[t, h].double() @ keys[w].double()))
                for h in range(4)
            )
            assert out[t, w].item() == pytest.approx(total, abs=1e-5)


def test_queries_are_normalised_twice_and_scaled() -> None:
    """The latent's norm, the product, the heads' norm and d^(-1/2), one by one."""
    eps, latent, matrix = 0.05, randn(3, 7), randn(2 * 4, 7, seed=1)
    wide = latent.double()
    wide = wide / (wide.square().mean(-1, keepdim=True) + eps).sqrt()
    heads = (wide @ matrix.double().t()).view(3, 2, 4)
    heads = heads / (heads.square().mean(-1, keepdim=True) + eps).sqrt() / 2
    got = ops.unit_queries((latent @ matrix.t()).view(3, 2, 4), latent, eps)
    assert (got - heads).abs().max() < 1e-6


def test_queries_and_key_together() -> None:
    """The same as apart, where eps matters and the latent's size, too."""
    heads, latent, key = randn(3, 8), randn(5, seed=1), randn(1, 8, seed=2)
    weight, eps = randn(8, seed=3), 0.3
    norms = ops.RowNorms.of(weight, 3, 5, eps)
    for scale in (1.0, 0.01, 0.0):
        rows = torch.cat((heads * scale, key))
        got = ops.unit_rows(rows, latent * scale, norms)
        # normalise(s q) / sqrt(d), with s what would normalise the latent
        s = 1 / ((latent * scale).double().square().mean() + eps).sqrt()
        q = s * heads.double() * scale
        q = q / (q.square().mean(1, keepdim=True) + eps).sqrt() / math.sqrt(8)
        kv = key.double() / (key.double().square().mean() + eps).sqrt() * weight
        assert (got - torch.cat((q, kv))).abs().max() < 1e-6


def test_rms_norm() -> None:
    x, weight = randn(3, 7), randn(7, seed=1)
    expected = x.double() / (x.double().square().mean(-1, keepdim=True) + 0.1).sqrt()
    assert (ops.normalise(x, 0.1) - expected).abs().max() < 1e-6
    assert (ops.rms_norm(x, weight, 0.1) - expected * weight).abs().max() < 1e-6
    assert ops.normalise(torch.zeros(1, 4), 1e-6).tolist() == [[0.0] * 4]
