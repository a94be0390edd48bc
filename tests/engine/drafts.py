"""The drafter once more: float64, one token at a time, straight from the formulas.

Written from the model reference (§3 to §6 and §9) alone; it shares nothing with the
engine but the files, which it reads through the tests' own decoder.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch

from tests.engine.oracle import native

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


class StraightDrafter:
    """The drafter of a folder in native names."""

    def __init__(self, folder: Path) -> None:
        self.c: dict[str, Any] = json.loads((folder / "config.json").read_text())
        self.w = {
            name: tensor.double() if tensor.is_floating_point() else tensor
            for name, tensor in native(folder).items()
        }
        self.stages = len({n.split(".")[1] for n in self.w if n.startswith("mtp.")})

    def context(self, taps: Tensor, positions: list[int]) -> list[Tensor]:
        """§9.3: the key of every stage for ``taps [P, n·D]``, ``[P, d]`` each."""
        kept = []
        for s in range(self.stages):
            rows = []
            for tap, position in zip(taps.double(), positions, strict=True):
                main = self.rms(self.w["mtp.0.main_proj.weight"] @ tap)
                main = main * self.w["mtp.0.main_norm.weight"]
                rows.append(self.key(s, main, position))
            kept.append(torch.stack(rows) if rows else torch.zeros(0, 1))
        return kept

    def block(
        self, context: list[Tensor], p: int, token: int, rows: int, first: int = 0
    ) -> tuple[Tensor, Tensor]:
        """§9.4 and the first lines of §9.5: hidden ``[n, D]`` and base logits.

        ``context`` has a row for every position from ``first`` to below p.
        """
        c, w = self.c, self.w
        ids = [token] + [c["dspark_noise_token_id"]] * (rows - 1)
        X = [w["embed.weight"][id_].repeat(c["hc_mult"], 1) for id_ in ids]
        window = c["sliding_window"]
        for s in range(self.stages):
            near = list(context[s][max(0, p - window) - first : p - first])
            name = f"mtp.{s}"
            X = self.attention_sublayer(X, name, s, p, near)
            X = [self.experts_sublayer(x, name) for x in X]
        last = f"mtp.{self.stages - 1}"
        hidden = [self.head(x, last) for x in X]
        logits = [
            w["head.weight"] @ (self.rms(h) * w[f"{last}.norm.weight"]) for h in hidden
        ]
        return torch.stack(hidden), torch.stack(logits)

    def markov(
        self, hidden: Tensor, base: Tensor, previous: int
    ) -> tuple[Tensor, float]:
        """§9.5 for one row: logits ``[V]`` and the confidence logit."""
        last = f"mtp.{self.stages - 1}"
        e = self.w[f"{last}.markov_head.markov_w1.weight"][previous]
        logits = base + self.w[f"{last}.markov_head.markov_w2.weight"] @ e
        z = self.w[f"{last}.confidence_head.proj.weight"][0] @ torch.cat((hidden, e))
        return logits, float(z)

    def attention_sublayer(
        self, X: list[Tensor], name: str, s: int, p: int, near: list[Tensor]
    ) -> list[Tensor]:
        w = self.w
        mixes = [self.mix(x, f"{name}.hc_attn") for x in X]
        inputs = [
            self.rms(pre @ x) * w[f"{name}.attn_norm.weight"]
            for x, (pre, _, _) in zip(X, mixes, strict=True)
        ]
        own = [self.key(s, x, p + i) for i, x in enumerate(inputs)]
        keys = torch.stack([*near, *own])
        return [
            self.expand(x, mix, self.attend(s, inputs[i], p + i, keys))
            for i, (x, mix) in enumerate(zip(X, mixes, strict=True))
        ]

    def experts_sublayer(self, x: Tensor, name: str) -> Tensor:
        mix = self.mix(x, f"{name}.hc_ffn")
        inner = self.rms(mix[0] @ x) * self.w[f"{name}.ffn_norm.weight"]
        return self.expand(x, mix, self.experts(inner, f"{name}.ffn"))

    def attend(self, s: int, x: Tensor, position: int, keys: Tensor) -> Tensor:
        """§4.2, 4.4 and 4.5 for one query."""
        c, w, name = self.c, self.w, f"mtp.{s}.attn"
        heads, d = c["num_attention_heads"], c["head_dim"]
        qr = self.rms(w[f"{name}.wq_a.weight"] @ x) * w[f"{name}.q_norm.weight"]
        q = (w[f"{name}.wq_b.weight"] @ qr).view(heads, d)
        outs = []
        for h in range(heads):
            query = self.rotated(self.rms(q[h]), position)
            weights = ((keys @ query) / d**0.5).exp()
            weights = weights / (weights.sum() + w[f"{name}.attn_sink"][h].exp())
            outs.append(self.rotated(weights @ keys, -position))
        groups, rank = c["o_groups"], c["o_lora_rank"]
        o = torch.cat(outs).view(groups, -1)
        wo_a = w[f"{name}.wo_a.weight"].view(groups, rank, -1)
        z = torch.cat([wo_a[g] @ o[g] for g in range(groups)])
        return w[f"{name}.wo_b.weight"] @ z

    def key(self, s: int, x: Tensor, position: int) -> Tensor:
        name = f"mtp.{s}.attn"
        kv = self.rms(self.w[f"{name}.wkv.weight"] @ x)
        return self.rotated(kv * self.w[f"{name}.kv_norm.weight"], position)

    def experts(self, x: Tensor, name: str, chosen: list[int] | None = None) -> Tensor:
        """§6, routed by score unless a table has ``chosen``."""
        c, w = self.c, self.w
        score = torch.log1p((w[f"{name}.gate.weight"] @ x).exp()).sqrt()
        if chosen is None:
            order = (score + w[f"{name}.gate.bias"]).argsort(descending=True)
            chosen = order[: c["num_experts_per_tok"]].tolist()
        total = sum(score[e] for e in chosen)
        y = self.expert(x, f"{name}.shared_experts")
        for e in chosen:
            share = c["routed_scaling_factor"] * score[e] / total
            y = y + share * self.expert(x, f"{name}.experts.{e}")
        return y

    def expert(self, x: Tensor, name: str) -> Tensor:
        limit = self.c["swiglu_limit"]
        g = (self.w[f"{name}.w1.weight"] @ x).clamp(max=limit)
        u = (self.w[f"{name}.w3.weight"] @ x).clamp(-limit, limit)
        return self.w[f"{name}.w2.weight"] @ (g / (1 + (-g).exp()) * u)

    def mix(self, x: Tensor, name: str) -> tuple[Tensor, Tensor, Tensor]:
        """§3: pre, post and comb of streams ``x [m, D]``."""
        m, eps = self.c["hc_mult"], self.c["hc_eps"]
        scale, base = self.w[f"{name}_scale"], self.w[f"{name}_base"]
        mix = self.w[f"{name}_fn"] @ self.rms(x.flatten())
        pre = (mix[:m] * scale[0] + base[:m]).sigmoid() + eps
        post = 2 * (mix[m : 2 * m] * scale[1] + base[m : 2 * m]).sigmoid()
        S = (mix[2 * m :] * scale[2] + base[2 * m :]).view(m, m)
        S = S.exp() / S.exp().sum(1, keepdim=True) + eps
        S = S / (S.sum(0, keepdim=True) + eps)
        for _ in range(self.c["hc_sinkhorn_iters"] - 1):
            S = S / (S.sum(1, keepdim=True) + eps)
            S = S / (S.sum(0, keepdim=True) + eps)
        return pre, post, S

    def expand(
        self, x: Tensor, mix: tuple[Tensor, Tensor, Tensor], y: Tensor
    ) -> Tensor:
        _, post, comb = mix
        streams = []
        for k in range(len(x)):
            mixed = sum(comb[j, k] * x[j] for j in range(len(x)))
            streams.append(post[k] * y + mixed)
        return torch.stack(streams)

    def head(self, x: Tensor, name: str) -> Tensor:
        """§3, hc_head."""
        scale, base = self.w[f"{name}.hc_head_scale"], self.w[f"{name}.hc_head_base"]
        mix = self.w[f"{name}.hc_head_fn"] @ self.rms(x.flatten())
        p: Tensor = (mix * scale + base).sigmoid() + self.c["hc_eps"]
        return p @ x

    def rms(self, x: Tensor) -> Tensor:
        eps: float = self.c["rms_norm_eps"]
        return x / (x.square().mean() + eps).sqrt()

    def rotated(self, x: Tensor, position: int) -> Tensor:
        """§4.1 at θ as it is; frequency and angle are float32, as documented."""
        r = self.c["qk_rope_head_dim"]
        x = x.clone()
        tail = x[len(x) - r :]
        frequencies = 1.0 / self.c["rope_theta"] ** (torch.arange(0, r, 2).float() / r)
        for i, f in enumerate(frequencies):
            angle = (f * position).double()
            a, b = tail[2 * i].clone(), tail[2 * i + 1].clone()
            tail[2 * i] = a * angle.cos() - b * angle.sin()
            tail[2 * i + 1] = a * angle.sin() + b * angle.cos()
        return x
