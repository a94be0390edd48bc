"""Manifold-constrained hyper-connections (model reference §3).

A token has m residual streams. Before a sublayer they are collapsed into one vector
(``pre``); after it, its output is spread over the streams (``post``), which are mixed
by a doubly stochastic ``comb``.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from math import exp, sqrt
from typing import TYPE_CHECKING

import torch

from dsagent.kernels.reference.norm import inverse_rms, normalise
from dsagent.kernels.reference.products import project

if TYPE_CHECKING:
    from torch import Tensor

    Row = tuple[float, float, float, float]

FEW = 512
"""Up to this many tokens a dispatched operation costs more than its arithmetic."""
FEW_SQUARES = 128
"""The same for the 16 numbers of a token's comb."""
ON_FLOATS = 3
"""Up to this many tokens the coefficients are computed on Python floats."""
SETTLED = 1e-7
"""Relative change of the scaling factors below which a round is idle: float32's own."""


@dataclass(frozen=True, slots=True)
class _Desk:
    """A place where floats are put down and read as tensors, one token's at a time."""

    numbers: array[float]
    """24 of them: pre, then back row by row."""
    pre: Tensor
    """``[1, 4]``."""
    back: Tensor
    """``[1, 4, 5]``."""

    @classmethod
    def empty(cls) -> _Desk:
        numbers = array("f", [0.0] * 24)
        pre, back = torch.frombuffer(numbers, dtype=torch.float32).split((4, 20))
        return cls(numbers, pre.view(1, 4), back.view(1, 4, 5))


@dataclass(frozen=True, slots=True)
class HyperWeights:
    """A sublayer's mixing weights, laid out for :func:`hyper_mix`.

    ``fn [mD, (2+m)m]`` (transposed); ``scale`` and ``base [(2+m)m]``, the three scales
    repeated over their columns; ``gain`` and ``shift [2m]`` turn sigmoids into pre and
    post.
    """

    fn: Tensor
    scale: Tensor
    base: Tensor
    gain: Tensor
    shift: Tensor
    floats: tuple[list[float], list[float]]
    """``scale`` and ``base`` once more, for a single token."""
    desk: _Desk
    """Where a single token's coefficients lie until the next one's."""
    iterations: int
    eps: float
    norm_eps: float

    @classmethod
    def of(
        cls,
        fn: Tensor,
        scale: Tensor,
        base: Tensor,
        *,
        iterations: int,
        eps: float,
        norm_eps: float,
    ) -> HyperWeights:
        """From the tensors as stored: ``fn [(2+m)m, mD]``, ``scale [3]``, ``base``."""
        m = round((1 + base.numel()) ** 0.5) - 1
        counts = torch.tensor([m, m, m * m])
        ones = torch.ones(m)
        return cls(
            fn=fn.t().contiguous(),
            scale=scale.repeat_interleave(counts),
            base=base,
            floats=(scale.repeat_interleave(counts).tolist(), base.tolist()),
            desk=_Desk.empty(),
            gain=torch.cat((ones, 2 * ones)),
            shift=torch.cat((eps * ones, 0 * ones)),
            iterations=iterations,
            eps=eps,
            norm_eps=norm_eps,
        )


def hyper_enter(X: Tensor, w: HyperWeights) -> tuple[Tensor, Tensor]:
    """What goes into a sublayer, collapsed and normalised, of ``X [N, m, D]``.

    Returns:
        ``[N, D]``, and ``back`` as of :func:`hyper_mix`. A single token's ``back`` is
        overwritten by the next call with the same weights.
    """
    if X.shape[0] == 1 and X.shape[1] == 4:
        return _enter_alone(X[0], w), w.desk.back
    pre, back = hyper_mix(X, w)
    return normalise(hyper_collapse(X, pre), w.norm_eps), back


def _enter_alone(X: Tensor, w: HyperWeights) -> Tensor:
    """:func:`hyper_enter` of one token's four streams ``[4, D]``, on Python floats.

    The products of the streams with each other give the norm of all of them, and that
    of their collapse, too, which so comes out of one product normalised.
    """
    d = X.shape[1]
    gram: list[list[float]] = torch.mm(X, X.t()).tolist()
    (a, ab, ac, ad), (_, b, bc, bd), (_, _, c, cd), (_, _, _, e) = gram
    (raw,) = project(X.view(1, -1), w.fn).tolist()
    p, q, r, s, *back = _coefficients(raw, (a + b + c + e) / (4 * d), w)
    square = p * (p * a + 2 * (q * ab + r * ac + s * ad))
    square += q * (q * b + 2 * (r * bc + s * bd)) + r * (r * c + 2 * s * cd) + s * s * e
    rho = 1 / sqrt(max(square, 0.0) / d + w.norm_eps)
    desk = w.desk
    desk.numbers[:] = array("f", (p * rho, q * rho, r * rho, s * rho, *back))
    return torch.mm(desk.pre, X)


def hyper_mix(X: Tensor, w: HyperWeights) -> tuple[Tensor, Tensor]:
    """What goes into the sublayer and how its output comes back, of ``X [N, m, D]``.

    Returns:
        ``pre [N, m]``, and ``back [N, m, m + 1]``: comb transposed (row k says what
        stream k gets of each stream), then post as the last column.
    """
    n, m, d = X.shape
    u = X.view(n, m * d)
    if n <= ON_FLOATS and m == 4:
        return _mix_on_floats(u, w)
    mix = project(u, w.fn).mul_(inverse_rms(u, w.norm_eps))
    mix = torch.addcmul(w.base, mix, w.scale)
    gates = torch.addcmul(w.shift, mix[:, : 2 * m].sigmoid(), w.gain)
    logits = mix[:, 2 * m :].view(n, m, m)
    comb = sinkhorn(logits, w.iterations, w.eps)
    post = gates[:, m:].unsqueeze(2)
    return gates[:, :m], torch.cat((comb.transpose(1, 2), post), 2)


def _mix_on_floats(u: Tensor, w: HyperWeights) -> tuple[Tensor, Tensor]:
    """:func:`hyper_mix` of few tokens and four streams, ``u [N, 4D]``.

    Two products over the streams; what follows are 24 numbers a token, which take less
    time as Python floats than the dispatch of the operations that would compute them.
    """
    n, width = u.shape
    norms: list[float] = torch.linalg.vector_norm(u, dim=1).tolist()
    out: list[float] = []
    for raw, norm in zip(project(u, w.fn).tolist(), norms, strict=True):
        out += _coefficients(raw, norm * norm / width, w)
    # Not torch.tensor(list), which takes longer than the whole alternation.
    rows = torch.frombuffer(array("f", out), dtype=torch.float32).view(n, 24)
    return rows[:, :4], rows[:, 4:].view(n, 4, 5)


def _coefficients(raw: list[float], square: float, w: HyperWeights) -> list[float]:
    """pre, then back row by row, of one token's 24 products and its mean square."""
    rho = 1 / sqrt(square + w.norm_eps)
    scales, bases = w.floats
    z = [v * rho * s + b for v, s, b in zip(raw, scales, bases, strict=True)]
    # A comprehension, not a function: calls are what costs here. exp(710) overflows.
    g = [0.0 if v < -700 else 1 / (1 + exp(-v)) for v in z[:8]]
    a, b, c, d = sinkhorn_4x4(z[8:], w.iterations, w.eps)
    eps = w.eps
    return [
        *(g[0] + eps, g[1] + eps, g[2] + eps, g[3] + eps),
        *(a[0], b[0], c[0], d[0], 2 * g[4]),
        *(a[1], b[1], c[1], d[1], 2 * g[5]),
        *(a[2], b[2], c[2], d[2], 2 * g[6]),
        *(a[3], b[3], c[3], d[3], 2 * g[7]),
    ]


def sinkhorn(a: Tensor, iterations: int, eps: float) -> Tensor:
    """Softmax over rows, then alternate column and row normalisation: ``[N, m, m]``.

    Up to ``FEW_SQUARES`` tokens it runs on the reciprocals p, q of the scaling factors,
    so that ``S = diag(1/p) A diag(1/q)``. A row step S / (S 1 + eps) is then
    p <- A (1/q) + eps p, a column step q <- A' (1/p) + eps q: two operations each, with
    every eps in its place.
    """
    s = a.softmax(-1).add_(eps)
    if len(a) > FEW_SQUARES:
        s = s.permute(1, 2, 0).contiguous()
        s /= s.sum(0, keepdim=True).add_(eps)
        for _ in range(iterations - 1):
            s /= s.sum(1, keepdim=True).add_(eps)
            s /= s.sum(0, keepdim=True).add_(eps)
        return s.permute(2, 0, 1)
    across = s.transpose(1, 2)
    q = s.sum(1).add_(eps).unsqueeze(2)
    p, r, c = torch.ones_like(q), torch.ones_like(q), q.reciprocal()
    for _ in range(iterations - 1):
        torch.reciprocal(p.baddbmm_(s, c, beta=eps), out=r)
        torch.reciprocal(q.baddbmm_(across, r, beta=eps), out=c)
    return s * r * c.transpose(1, 2)


def sinkhorn_4x4(z: list[float], iterations: int, eps: float) -> tuple[Row, ...]:
    """:func:`sinkhorn` of one 4 x 4 matrix, row by row, on Python floats.

    For a decoded token the 16 numbers take less time than the dispatch of two tensor
    operations a half step would. It ends early where a round changes the factors by
    less than float32 can tell.
    """
    a0, a1, a2, a3 = _softmax(z[0:4], eps)
    b0, b1, b2, b3 = _softmax(z[4:8], eps)
    c0, c1, c2, c3 = _softmax(z[8:12], eps)
    d0, d1, d2, d3 = _softmax(z[12:16], eps)
    q0, q1 = a0 + b0 + c0 + d0 + eps, a1 + b1 + c1 + d1 + eps
    q2, q3 = a2 + b2 + c2 + d2 + eps, a3 + b3 + c3 + d3 + eps
    v0, v1, v2, v3 = 1 / q0, 1 / q1, 1 / q2, 1 / q3
    p0 = p1 = p2 = p3 = u0 = u1 = u2 = u3 = 1.0
    for _ in range(iterations - 1):
        p0 = a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3 + eps * p0
        p1 = b0 * v0 + b1 * v1 + b2 * v2 + b3 * v3 + eps * p1
        p2 = c0 * v0 + c1 * v1 + c2 * v2 + c3 * v3 + eps * p2
        p3 = d0 * v0 + d1 * v1 + d2 * v2 + d3 * v3 + eps * p3
        u0, u1, u2, u3 = 1 / p0, 1 / p1, 1 / p2, 1 / p3
        q0 = a0 * u0 + b0 * u1 + c0 * u2 + d0 * u3 + eps * q0
        q1 = a1 * u0 + b1 * u1 + c1 * u2 + d1 * u3 + eps * q1
        q2 = a2 * u0 + b2 * u1 + c2 * u2 + d2 * u3 + eps * q2
        q3 = a3 * u0 + b3 * u1 + c3 * u2 + d3 * u3 + eps * q3
        w0, w1, w2, w3 = v0, v1, v2, v3
        v0, v1, v2, v3 = 1 / q0, 1 / q1, 1 / q2, 1 / q3
        if (
            abs(v0 - w0) <= SETTLED * v0
            and abs(v1 - w1) <= SETTLED * v1
            and abs(v2 - w2) <= SETTLED * v2
            and abs(v3 - w3) <= SETTLED * v3
        ):
            break
    return (
        (a0 * u0 * v0, a1 * u0 * v1, a2 * u0 * v2, a3 * u0 * v3),
        (b0 * u1 * v0, b1 * u1 * v1, b2 * u1 * v2, b3 * u1 * v3),
        (c0 * u2 * v0, c1 * u2 * v1, c2 * u2 * v2, c3 * u2 * v3),
        (d0 * u3 * v0, d1 * u3 * v1, d2 * u3 * v2, d3 * u3 * v3),
    )


def _softmax(z: list[float], eps: float) -> Row:
    top = max(z)
    e0, e1, e2, e3 = exp(z[0] - top), exp(z[1] - top), exp(z[2] - top), exp(z[3] - top)
    total = e0 + e1 + e2 + e3
    return e0 / total + eps, e1 / total + eps, e2 / total + eps, e3 / total + eps


def hyper_collapse(X: Tensor, pre: Tensor) -> Tensor:
    """``Σ_j pre_j X_j``: ``[N, m, D]``, ``[N, m]`` to ``[N, D]``."""
    n = X.shape[0]
    if n == 1:
        return torch.mm(pre, X[0])
    if n <= FEW:
        return torch.bmm(pre.unsqueeze(1), X).squeeze(1)
    return torch.einsum("nmd,nm->nd", X, pre)


def hyper_expand(X: Tensor, y: Tensor, back: Tensor) -> Tensor:
    """``X'_k = post_k y + Σ_j comb[j, k] X_j``: streams ``[N, m, D]``, ``y [N, D]``."""
    if X.shape[0] == 1:
        return torch.bmm(back, torch.cat((X, y.unsqueeze(1)), 1))
    m = X.shape[1]
    spread = back[:, :, m:] * y.unsqueeze(1)
    return spread.baddbmm_(back[:, :, :m], X)


def head_collapse(
    X: Tensor, fn: Tensor, scale: Tensor, base: Tensor, eps: float, norm_eps: float
) -> Tensor:
    """The final collapse: ``[N, m, D]`` to ``[N, D]``. ``fn [m, mD]`` as stored."""
    u = X.flatten(1)
    mix = torch.mm(u, fn.t()).mul_(inverse_rms(u, norm_eps))
    p = torch.addcmul(base, mix, scale).sigmoid_().add_(eps)
    return hyper_collapse(X, p)
