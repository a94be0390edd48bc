"""The backbone as a trainable module: packed rows in, hidden states out.

The engine runs one flat ragged batch against caches; training wants dense
``[rows, tokens]`` batches, gradients and bfloat16 matrix products, so it has
this path of its own. Two things keep the paths one model: parameters carry the
checkpoint's native names (``state_dict()`` *is* a checkpoint), and
``tests/training/test_parity.py`` holds both to the same logits.

Shapes: B rows, T tokens a row (a multiple of 128), D hidden, m streams, H heads
of width d, r rotated channels, E experts of which K are used.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dsagent.engine.config import Yarn
from dsagent.kernels import ops
from training.attend import attend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVERY = slice(None)


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a V4 backbone, under the letters of the literature."""

    vocab: int
    D: int
    H: int
    d: int
    r: int
    Rq: int
    G: int
    Ro: int
    E: int
    K: int
    width: int
    m: int
    window: int
    Hi: int
    di: int
    sinkhorn: int
    ratios: tuple[int, ...]
    hash_layers: int
    theta: float
    compress_theta: float
    eps: float
    route_scale: float
    limit: float

    @staticmethod
    def read(path: Path) -> Shape:
        """Read a ``config.json`` with the native keys."""
        c = json.loads(path.read_text())
        return Shape(
            vocab=c["vocab_size"],
            D=c["hidden_size"],
            H=c["num_attention_heads"],
            d=c["head_dim"],
            r=c["qk_rope_head_dim"],
            Rq=c["q_lora_rank"],
            G=c["o_groups"],
            Ro=c["o_lora_rank"],
            E=c["n_routed_experts"],
            K=c["num_experts_per_tok"],
            width=c["moe_intermediate_size"],
            m=c["hc_mult"],
            window=c["sliding_window"],
            Hi=c["index_n_heads"],
            di=c["index_head_dim"],
            sinkhorn=c["hc_sinkhorn_iters"],
            ratios=tuple(c["compress_ratios"][: c["num_hidden_layers"]]),
            hash_layers=c["num_hash_layers"],
            theta=c["rope_theta"],
            compress_theta=c["compress_rope_theta"],
            eps=c["rms_norm_eps"],
            route_scale=c["routed_scaling_factor"],
            limit=c["swiglu_limit"],
        )


YARN = Yarn(factor=16.0, original=65536, beta_fast=32.0, beta_slow=1.0)
"""V4's, which nano's configuration has, too."""


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the trailing channels of ``x [..., d]`` by ``cos, sin [..., r/2]``."""
    r = cos.shape[-1] * 2
    a, b = x[..., -r::2], x[..., 1 - r :: 2]
    turned = torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
    return torch.cat((x[..., :-r], turned), -1)


def mix(
    X: Tensor, fn: Tensor, base: Tensor, scale: Tensor, iterations: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """mHC coefficients of streams ``X [..., m, D]``: pre, post ``[..., m]``, comb."""
    m = X.shape[-2]
    u = X.flatten(-2).float()
    rho = torch.rsqrt(u.square().mean(-1, keepdim=True) + eps)
    y = (u @ fn.t()) * rho
    pre = torch.sigmoid(y[..., :m] * scale[0] + base[:m]) + eps
    post = 2 * torch.sigmoid(y[..., m : 2 * m] * scale[1] + base[m : 2 * m])
    comb = (y[..., 2 * m :] * scale[2] + base[2 * m :]).unflatten(-1, (m, m))
    comb = comb.softmax(-1) + eps
    comb = comb / (comb.sum(-2, keepdim=True) + eps)
    for _ in range(iterations - 1):
        comb = comb / (comb.sum(-1, keepdim=True) + eps)
        comb = comb / (comb.sum(-2, keepdim=True) + eps)
    return pre, post, comb


def collapse(X: Tensor, pre: Tensor) -> Tensor:
    """Weighted sum of the streams: ``[..., m, D] -> [..., D]``."""
    return (X.float() * pre.unsqueeze(-1)).sum(-2)


def expand(X: Tensor, y: Tensor, post: Tensor, comb: Tensor) -> Tensor:
    """The sublayer's output back into the streams, contracting comb's first index."""
    streams = X.float()
    out = post.unsqueeze(-1) * y.float().unsqueeze(-2)
    for j in range(X.shape[-2]):
        out = out + comb[..., j, :].unsqueeze(-1) * streams[..., j : j + 1, :]
    return out.to(X.dtype)


def head_collapse(
    X: Tensor, fn: Tensor, base: Tensor, scale: Tensor, eps: float
) -> Tensor:
    """The last collapse, before the final norm: ``[..., m, D] -> [..., D]``."""
    u = X.flatten(-2).float()
    rho = torch.rsqrt(u.square().mean(-1, keepdim=True) + eps)
    p = torch.sigmoid((u @ fn.t()) * rho * scale + base) + eps
    return collapse(X, p)


def product_type() -> torch.dtype:
    """What matrix products are computed in: bfloat16 under autocast."""
    return torch.bfloat16 if torch.is_autocast_enabled("cpu") else torch.float32


def window_bias(begins: Tensor, window: int) -> Tensor:
    """0 where a query sees a token, -inf elsewhere: ``[B, T, T]``.

    ``begins [B, T]``: where the conversation of each token begins.
    """
    T = begins.shape[1]
    i = torch.arange(T)[:, None]
    j = torch.arange(T)[None]
    near = (j <= i) & (j > i - window) & (j >= begins.unsqueeze(-1))
    return torch.where(near, 0.0, -torch.inf)


def sees_entries(begins: Tensor, queries: Tensor, entries: int, ratio: int) -> Tensor:
    """Whether each query sees each of the first entries: ``[B, queries, entries]``.

    Those that are complete, of the query's own conversation and of no other.
    """
    n = torch.arange(entries)
    closed = n < (queries.unsqueeze(-1) + 1) // ratio
    return closed & (n * ratio >= begins[:, queries].unsqueeze(-1))


class Linear(nn.Module):
    """A matrix without bias, ``[out, in]``."""

    def __init__(self, out: int, inner: int, gain: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, inner) * gain * inner**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight)


class Norm(nn.Module):
    """RMSNorm in float32."""

    def __init__(self, n: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = F.rms_norm(x.float(), (x.shape[-1],), self.weight, self.eps)
        return out


class Compressor(nn.Module):
    """Pools ``ratio`` tokens (ratio 4: eight, overlapping) into one entry."""

    def __init__(self, s: Shape, ratio: int, width: int) -> None:
        super().__init__()
        self.ratio, self.width = ratio, width
        wide = 2 * width if ratio == 4 else width
        self.ape = nn.Parameter(torch.zeros(ratio, wide))
        self.wkv = Linear(wide, s.D)
        self.wgate = Linear(wide, s.D)
        self.norm = Norm(width, s.eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, begins: Tensor) -> Tensor:
        """``x [B, T, D]``, ``begins [B, T]`` to entries ``[B, T/ratio, width]``."""
        B, T, _ = x.shape
        ratio, n = self.ratio, T // self.ratio
        kv = self.wkv(x).float().view(B, n, ratio, -1)
        z = self.wgate(x).float().view(B, n, ratio, -1) + self.ape
        if ratio == 4:
            first = begins[:, ::ratio] == torch.arange(0, T, ratio)
            before = self._previous(z, -1e9).masked_fill(first[..., None, None], -1e9)
            kv = torch.cat((self._previous(kv, 0.0), kv[..., self.width :]), 2)
            z = torch.cat((before, z[..., self.width :]), 2)
        e = (z.softmax(2) * kv).sum(2)
        return rotate(self.norm(e), cos[:T:ratio], sin[:T:ratio])

    def _previous(self, a: Tensor, fill: float) -> Tensor:
        """Series A of the previous window; ``fill`` where there is none."""
        return F.pad(a[:, :-1, :, : self.width], (0, 0, 0, 0, 1, 0), value=fill)


class Indexer(nn.Module):
    """Scores every compressed entry for every query."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.s = s
        self.wq_b = Linear(s.Hi * s.di, s.Rq)
        self.weights_proj = Linear(s.Hi, s.D)
        self.compressor = Compressor(s, 4, s.di)

    def forward(
        self,
        x: Tensor,
        qr: Tensor,
        cos: Tensor,
        sin: Tensor,
        begins: Tensor,
        queries: slice = EVERY,
    ) -> Tensor:
        """``x [B, T, D]``, ``qr [B, T, Rq]``, ``begins [B, T]`` to scores
        ``[B, T, T/4]``.

        With ``queries``, of those of the T positions only.
        """
        s = self.s
        B, T, _ = x.shape
        qr = qr[:, queries]
        q = self.wq_b(qr).float().view(B, -1, s.Hi, s.di)
        q = rotate(q, cos[:T, None][queries], sin[:T, None][queries])
        k = self.compressor(x, cos, sin, begins)
        g = self.weights_proj(x[:, queries]).float() * (s.di * s.Hi) ** -0.5
        scores = torch.einsum("bthd,bnd->bthn", q, k).relu()
        return torch.einsum("bthn,bth->btn", scores, g)


class Grouped(nn.Module):
    """Holds ``wo_a``; :class:`Attention` applies it group by group."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        inner = s.H * s.d // s.G
        self.weight = nn.Parameter(torch.randn(s.G * s.Ro, inner) * inner**-0.5)


@dataclass(slots=True)
class Attended:
    """What a ratio-4 layer leaves for the auxiliary losses."""

    attention: Attention
    x: Tensor
    qr: Tensor
    begins: Tensor
    entries: Tensor
    mass: Tensor
    """Attention on entries, heads added up: ``[B, T, T/4]``; without gradient."""


class Projections(nn.Module):
    """Attention without the attending: queries, shared keys, output, rotations."""

    cos: Tensor
    sin: Tensor

    def __init__(self, s: Shape, longest: int, *, compressed: bool) -> None:
        super().__init__()
        self.s = s
        self.wq_a = Linear(s.Rq, s.D)
        self.q_norm = Norm(s.Rq, s.eps)
        self.wq_b = Linear(s.H * s.d, s.Rq)
        self.wkv = Linear(s.d, s.D)
        self.kv_norm = Norm(s.d, s.eps)
        self.wo_a = Grouped(s)
        self.wo_b = Linear(s.D, s.G * s.Ro)
        self.attn_sink = nn.Parameter(torch.zeros(s.H))
        theta = s.compress_theta if compressed else s.theta
        f = ops.frequencies(theta, s.r, YARN if compressed else None)
        angle = torch.arange(longest, dtype=torch.float32)[:, None] * f
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def queries(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """``qr [B, T, Rq]`` and rotated, normalised ``q [B, T, H, d]``.

        Here and below ``cos, sin`` are ``[T, r/2]`` or, a row its own, ``[B, T, r/2]``.
        """
        s = self.s
        B, T, _ = x.shape
        qr = self.q_norm(self.wq_a(x))
        q = self.wq_b(qr).float().view(B, T, s.H, s.d)
        q = q * torch.rsqrt(q.square().mean(-1, keepdim=True) + s.eps)
        return qr, rotate(q, cos.unsqueeze(-2), sin.unsqueeze(-2))

    def keys(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Keys, which are the values, too: ``x [B, T, D]`` to ``[B, T, d]``."""
        return rotate(self.kv_norm(self.wkv(x)), cos, sin)

    def output(self, o: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Heads' outputs ``[B, T, H, d]``, turned back, to ``[B, T, D]``."""
        s, low = self.s, product_type()
        o = rotate(o.float(), cos.unsqueeze(-2), -sin.unsqueeze(-2)).to(low)
        wo_a = self.wo_a.weight.view(s.G, s.Ro, -1).to(low)
        grouped = o.view(*o.shape[:2], s.G, -1)
        out: Tensor = self.wo_b(
            torch.einsum("btgi,goi->btgo", grouped, wo_a).flatten(-2)
        )
        return out


class Attention(Projections):
    """Shared-KV attention over a window and the layer's compressed entries."""

    def __init__(self, s: Shape, ratio: int, longest: int) -> None:
        super().__init__(s, longest, compressed=ratio > 0)
        self.ratio = ratio
        if ratio:
            self.compressor = Compressor(s, ratio, s.d)
        if ratio == 4:
            self.indexer = Indexer(s)

    def forward(
        self, x: Tensor, near: Tensor, begins: Tensor
    ) -> tuple[Tensor, Attended | None]:
        """``x [B, T, D]``; the window's bias ``near [B, T, T]``; ``begins [B, T]``."""
        T, low = x.shape[1], product_type()
        cos, sin = self.cos[:T], self.sin[:T]
        qr, q = self.queries(x, cos, sin)
        q = q.to(low)
        kv = self.keys(x, cos, sin).to(low)
        entries = self.compressor(x, cos, sin, begins) if self.ratio else kv[:, :0]
        sees = sees_entries(begins, torch.arange(T), entries.shape[1], self.ratio or 1)
        far = torch.where(sees, 0.0, -torch.inf)
        o, mass = attend(
            q,
            kv,
            entries.to(low),
            self.attn_sink,
            near,
            far,
            begins,
            self.s.window,
            self.ratio,
        )
        left = None
        if self.ratio == 4:
            left = Attended(self, x, qr, begins, entries, mass)
        return self.output(o, cos, sin), left


class Expert(nn.Module):
    """A clamped SwiGLU."""

    def __init__(self, s: Shape) -> None:
        super().__init__()
        self.limit = s.limit
        self.w1 = Linear(s.width, s.D)
        self.w2 = Linear(s.D, s.width)
        self.w3 = Linear(s.width, s.D)

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        gate = self.w1(x).float().clamp(max=self.limit)
        h = F.silu(gate) * self.w3(x).float().clamp(-self.limit, self.limit)
        out: Tensor = self.w2(h if weight is None else h * weight)
        return out


class Gate(nn.Module):
    """The router's parameters: a bias for scored layers, a table for hashed ones."""

    bias: Tensor
    tid2eid: Tensor

    def __init__(self, s: Shape, *, hashed: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(s.E, s.D) * s.D**-0.5)
        if hashed:
            order = torch.rand(s.vocab, s.E, generator=torch.Generator().manual_seed(7))
            self.register_buffer("tid2eid", order.argsort(-1)[:, : s.K].contiguous())
        else:
            self.register_buffer("bias", torch.zeros(s.E))


class Experts(nn.Module):
    """Routed experts, grouped by expert, and the shared one."""

    def __init__(self, s: Shape, *, hashed: bool) -> None:
        super().__init__()
        self.s, self.hashed = s, hashed
        self.gate = Gate(s, hashed=hashed)
        self.experts = nn.ModuleList(Expert(s) for _ in range(s.E))
        self.shared_experts = Expert(s)
        self.load = torch.zeros(s.E)

    def forward(self, x: Tensor, ids: Tensor) -> Tensor:
        """``x [N, D]``, ``ids [N]`` to ``[N, D]``; leaves the counts in ``load``."""
        s = self.s
        with torch.autocast("cpu", enabled=False):
            sigma = F.softplus(F.linear(x.float(), self.gate.weight)).sqrt()
        if self.hashed:
            chosen = self.gate.tid2eid[ids]
        else:
            chosen = (sigma.detach() + self.gate.bias).topk(s.K, -1).indices
        w = sigma.gather(1, chosen)
        w = s.route_scale * w / w.sum(-1, keepdim=True)
        flat = chosen.flatten()
        order = flat.argsort(stable=True)
        token = order // s.K
        counts = torch.bincount(flat, minlength=s.E)
        self.load = counts.float()
        sizes = counts.tolist()
        groups = zip(
            self.experts,
            x[token].split(sizes),
            w.flatten()[order][:, None].split(sizes),
            strict=True,
        )
        routed = torch.cat([expert(a, b) for expert, a, b in groups]).float()
        shared: Tensor = self.shared_experts(x).float()
        return shared.index_add(0, token, routed)


class Block(nn.Module):
    """Attention, then experts, each between mHC's collapse and expand.

    ``seen`` is what the attention takes besides its input; a backbone layer's is the
    bias of its window and where conversations begin.
    """

    def __init__(self, s: Shape, attention: nn.Module, *, hashed: bool) -> None:
        super().__init__()
        self.s = s
        self.attn_norm = Norm(s.D, s.eps)
        self.ffn_norm = Norm(s.D, s.eps)
        self.attn = attention
        self.ffn = Experts(s, hashed=hashed)
        n = (2 + s.m) * s.m
        for name in ("attn", "ffn"):
            fn = torch.randn(n, s.m * s.D) * 0.02 * s.m**-0.5
            base = torch.zeros(n)
            base[: s.m] = -1.0
            base[2 * s.m :] = 3 * torch.eye(s.m).flatten()
            self.register_parameter(f"hc_{name}_fn", nn.Parameter(fn))
            self.register_parameter(f"hc_{name}_base", nn.Parameter(base))
            self.register_parameter(f"hc_{name}_scale", nn.Parameter(torch.ones(3)))
        self.attend = self._attend
        self.merge = expand

    def compile(self) -> None:
        """Fuse the element-wise work; minutes once a shape, then a quarter faster."""
        self.attend = torch.compile(self._attend, dynamic=False)
        self.merge = torch.compile(expand, dynamic=False)

    def _coefficients(self, X: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
        return mix(
            X,
            getattr(self, f"hc_{name}_fn"),
            getattr(self, f"hc_{name}_base"),
            getattr(self, f"hc_{name}_scale"),
            self.s.sinkhorn,
            self.s.eps,
        )

    def _attend(
        self, X: Tensor, *seen: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Attended | None]:
        with torch.autocast("cpu", enabled=False):
            pre, post, comb = self._coefficients(X, "attn")
            h = self.attn_norm(collapse(X, pre))
        y, left = self.attn(h, *seen)
        with torch.autocast("cpu", enabled=False):
            X = expand(X, y, post, comb)
            pre, post, comb = self._coefficients(X, "ffn")
            return X, self.ffn_norm(collapse(X, pre)), post, comb, left

    def forward(
        self, X: Tensor, ids: Tensor, *seen: Tensor
    ) -> tuple[Tensor, Attended | None]:
        X, h, post, comb, left = self.attend(X, *seen)
        y = self.ffn(h.flatten(0, 1), ids.flatten()).view_as(h)
        with torch.autocast("cpu", enabled=False):
            return self.merge(X, y, post, comb), left


class Backbone(nn.Module):
    """The whole model up to the final norm; ``head`` turns hidden into logits."""

    def __init__(self, s: Shape, longest: int = 32768) -> None:
        super().__init__()
        self.s = s
        self.embed = nn.Embedding(s.vocab, s.D)
        self.layers = nn.ModuleList(
            Block(s, Attention(s, ratio, longest), hashed=layer < s.hash_layers)
            for layer, ratio in enumerate(s.ratios)
        )
        self.norm = Norm(s.D, s.eps)
        self.head = Linear(s.vocab, s.D, gain=0.5)
        self.hc_head_fn = nn.Parameter(torch.randn(s.m, s.m * s.D) * 0.02 * s.m**-0.5)
        self.hc_head_base = nn.Parameter(torch.zeros(s.m))
        self.hc_head_scale = nn.Parameter(torch.ones(1))
        self.collapse = head_collapse

    def experts(self) -> Iterator[Experts]:
        """Every layer's experts."""
        for block in self.layers:
            assert isinstance(block, Block)
            yield block.ffn

    def compile_blocks(self) -> None:
        """Compile every block's element-wise half, and the last collapse."""
        self.collapse = torch.compile(head_collapse, dynamic=False)
        for block in self.layers:
            assert isinstance(block, Block)
            block.compile()

    def outputs(
        self, ids: Tensor, window: int | None = None, begins: Tensor | None = None
    ) -> Iterator[tuple[Tensor, Attended | None]]:
        """Every layer's output streams ``[B, T, m, D]``, and what CSA layers leave."""
        s = self.s
        if begins is None:
            begins = torch.zeros_like(ids)
        near = window_bias(begins, window or s.window)
        X = self.embed(ids).unsqueeze(2).expand(-1, -1, s.m, -1).contiguous()
        for block in self.layers:
            X, left = block(X, ids, near, begins)
            yield X, left

    def finish(self, X: Tensor) -> Tensor:
        """The last layer's output to hidden ``[B, T, D]`` (normed)."""
        parts = self.hc_head_fn, self.hc_head_base, self.hc_head_scale
        with torch.autocast("cpu", enabled=False):
            hidden: Tensor = self.norm(self.collapse(X, *parts, self.s.eps))
        return hidden

    def forward(
        self, ids: Tensor, window: int | None = None, begins: Tensor | None = None
    ) -> tuple[Tensor, list[Attended]]:
        """``ids [B, T]`` to hidden ``[B, T, D]`` (normed), and what CSA layers left.

        ``begins [B, T]`` tells where each token's conversation begins, at multiples of
        4: tokens see nothing before it. Without, a row is one conversation. Of an entry
        of ratio 128 that holds two conversations neither sees anything.
        """
        outputs = list(self.outputs(ids, window, begins))
        attended = [left for _, left in outputs if left is not None]
        return self.finish(outputs[-1][0]), attended
