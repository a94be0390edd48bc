"""A token far into a text, once more: float64, straight from the formulas.

What a token makes of a text depends on everything before it, a million times over, so
the text isn't computed again: what the layers' attention was given for it is recorded
while the engine reads it, and a token is computed on top of that. Its own streams are
carried from the embedding to the logits; the keys of its window, the index keys of all
entries and the entries it selects are made from the recorded rows. A wrong row would be
found by the token it is made of. Written from the model reference (§3 to §6); shares
nothing with the engine but the files and the rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from tests.engine.drafts import StraightDrafter

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

TILE = 1 << 16
"""Rows that entries are made of at once."""


@dataclass(frozen=True)
class Token:
    """What a token comes to."""

    logits: Tensor
    taps: Tensor
    """The mean over the streams of the target layers' outputs, side by side."""
    inputs: list[Tensor]
    """What every layer's attention is given, without the norm's weight ``[D]``."""
    chosen: dict[int, Tensor]
    """By layer, the entries that an indexer had to choose."""
    gap: float
    """How far the best entry left out is behind the worst taken, at least, in standard
    deviations of the scores. Where it is a rounding error either may be right."""


class DeepModel(StraightDrafter):
    """The backbone (and the drafter) of a folder, and what layers were given."""

    def __init__(self, folder: Path, rows: list[Tensor]) -> None:
        """``rows``: for every layer what its attention was given, without the norm's
        weight, at every position ``[T, D]``."""
        super().__init__(folder)
        self.rows = rows
        self.ratios: list[int] = self.c["compress_ratios"][: len(rows)]

    def token(self, t: int, id_: int) -> Token:
        """The token ``id_`` at position t."""
        c, w = self.c, self.w
        X = w["embed.weight"][id_].repeat(c["hc_mult"], 1)
        inputs, taps, chosen, gap = [], [], {}, math.inf
        for i in range(len(self.rows)):
            name = f"layers.{i}"
            mix = self.mix(X, f"{name}.hc_attn")
            inputs.append(self.rms(mix[0] @ X))
            x = inputs[-1] * w[f"{name}.attn_norm.weight"]
            qr = self.rms(w[f"{name}.attn.wq_a.weight"] @ x)
            qr = qr * w[f"{name}.attn.q_norm.weight"]
            entries = torch.arange((t + 1) // self.ratios[i] if self.ratios[i] else 0)
            if self.ratios[i] == 4 and len(entries) > c["index_topk"]:
                entries, apart = self.selected(i, x, qr, t)
                chosen[i], gap = entries, min(gap, apart)
            X = self.expand(X, mix, self.attention(i, qr, t, entries))
            mix = self.mix(X, f"{name}.hc_ffn")
            x = self.rms(mix[0] @ X) * w[f"{name}.ffn_norm.weight"]
            table = w.get(f"{name}.ffn.gate.tid2eid")
            hashed = None if table is None else table[id_].tolist()
            X = self.expand(X, mix, self.experts(x, f"{name}.ffn", hashed))
            if i in c["dspark_target_layer_ids"]:
                taps.append(X.mean(0))
        scale, base = w["hc_head_scale"], w["hc_head_base"]
        p = w["hc_head_fn"] @ self.rms(X.flatten()) * scale + base
        hidden = (p.sigmoid() + c["hc_eps"]) @ X
        logits = w["head.weight"] @ (self.rms(hidden) * w["norm.weight"])
        return Token(logits, torch.cat(taps), inputs, chosen, gap)

    def selected(self, i: int, x: Tensor, qr: Tensor, t: int) -> tuple[Tensor, float]:
        """§4.7: the entries of the largest score, and by how much they are."""
        c, w, name = self.c, self.w, f"layers.{i}.attn.indexer"
        heads, di, k = c["index_n_heads"], c["index_head_dim"], c["index_topk"]
        iq = (w[f"{name}.wq_b.weight"] @ qr).view(heads, di)
        iq = self.turned(iq, torch.tensor([t]), i)
        gates = w[f"{name}.weights_proj.weight"] @ x / math.sqrt(di * heads)
        keys = self.whole[i][: (t + 1) // 4]
        scores = gates @ (iq @ keys.T).clamp(min=0)
        order = scores.argsort(descending=True, stable=True)
        apart = (scores[order[k - 1]] - scores[order[k]]) / scores.std()
        return order[:k], float(apart)

    def attention(self, i: int, qr: Tensor, t: int, entries: Tensor) -> Tensor:
        """§4.2 to 4.5, over the window and the entries."""
        c, w, name = self.c, self.w, f"layers.{i}.attn"
        heads, d = c["num_attention_heads"], c["head_dim"]
        q = (w[f"{name}.wq_b.weight"] @ qr).view(heads, d)
        q = q / (q.square().mean(1, keepdim=True) + c["rms_norm_eps"]).sqrt()
        q = self.turned(q, torch.tensor([t]), i)
        near = torch.arange(max(0, t - c["sliding_window"] + 1), t + 1)
        x = self.rows[i][near].double() * w[f"layers.{i}.attn_norm.weight"]
        keys = self.normed(x @ w[f"{name}.wkv.weight"].T, f"{name}.kv_norm.weight")
        keys = self.turned(keys, near, i)
        if self.ratios[i] == 4:
            far = self.entries(i, f"{name}.compressor", entries)
            keys = torch.cat((keys, far))
        elif self.ratios[i]:
            keys = torch.cat((keys, self.whole[i][: len(entries)]))
        weights = (q @ keys.T / math.sqrt(d)).exp()
        total = weights.sum(1) + w[f"{name}.attn_sink"].exp()
        o = self.turned(weights @ keys / total[:, None], torch.tensor([-t]), i)
        groups = c["o_groups"]
        wo_a = w[f"{name}.wo_a.weight"].view(groups, c["o_lora_rank"], -1)
        parts = zip(wo_a, o.view(groups, -1), strict=True)
        out: Tensor = w[f"{name}.wo_b.weight"] @ torch.cat([a @ b for a, b in parts])
        return out

    @cached_property
    def whole(self) -> dict[int, Tensor]:
        """By layer what is read of all windows: index keys, or (ratio 128) entries."""
        names = {4: "attn.indexer.compressor", 128: "attn.compressor"}
        found = {}
        for i, ratio in enumerate(self.ratios):
            if ratio:
                windows = torch.arange(len(self.rows[i]) // ratio).split(TILE // ratio)
                name = f"layers.{i}.{names[ratio]}"
                found[i] = torch.cat([self.entries(i, name, w) for w in windows])
        return found

    def entries(self, i: int, name: str, windows: Tensor) -> Tensor:
        """§4.6: entries of ``windows [n]``, ``[n, dh]``."""
        w, ratio = self.w, self.ratios[i]
        ape, dh = w[f"{name}.ape"], len(w[f"{name}.norm.weight"])
        back = ratio if ratio == 4 else 0
        places = windows[:, None] * ratio + torch.arange(-back, ratio)
        x = self.rows[i][places.clamp(min=0)].double()
        x = x * w[f"layers.{i}.attn_norm.weight"]
        kv, z = x @ w[f"{name}.wkv.weight"].T, x @ w[f"{name}.wgate.weight"].T
        if ratio == 4:
            # Series A of the window before, series B of its own.
            kv = torch.cat((kv[:, :4, :dh], kv[:, 4:, dh:]), 1)
            z = torch.cat((z[:, :4, :dh], z[:, 4:, dh:]), 1)
            ape = torch.cat((ape[:, :dh], ape[:, dh:]))
        weights = (z + ape).exp() * (places >= 0)[:, :, None]
        pooled = (weights * kv).sum(1) / weights.sum(1)
        pooled = self.normed(pooled, f"{name}.norm.weight")
        return self.turned(pooled, windows * ratio, i)

    def normed(self, x: Tensor, weight: str) -> Tensor:
        """RMSNorm of rows ``[n, width]``."""
        size = x.square().mean(1, keepdim=True) + self.c["rms_norm_eps"]
        out: Tensor = x / size.sqrt() * self.w[weight]
        return out

    def turned(self, x: Tensor, positions: Tensor, i: int) -> Tensor:
        """§4.1 for rows ``[n, width]`` at ``positions``, in layer i.

        Frequencies and angles are float32, as documented; what follows isn't.
        """
        r = self.c["qk_rope_head_dim"]
        angle = (positions.float()[:, None] * self.frequencies(i)).double()
        a, b = x[:, -r::2], x[:, 1 - r :: 2]
        out = x.clone()
        out[:, -r::2] = a * angle.cos() - b * angle.sin()
        out[:, 1 - r :: 2] = a * angle.sin() + b * angle.cos()
        return out

    def frequencies(self, i: int) -> Tensor:
        """Of layer i, float32 ``[r/2]``."""
        r, compressed = self.c["qk_rope_head_dim"], bool(self.ratios[i])
        theta = self.c["compress_rope_theta" if compressed else "rope_theta"]
        f: Tensor = 1.0 / theta ** (torch.arange(0, r, 2).float() / r)
        if not compressed:
            return f
        yarn = self.c["rope_scaling"]
        pairs = [
            r
            * math.log(yarn["original_max_position_embeddings"] / (2 * math.pi * n))
            / (2 * math.log(theta))
            for n in (yarn["beta_fast"], yarn["beta_slow"])
        ]
        low, high = max(math.floor(pairs[0]), 0), min(math.ceil(pairs[1]), r - 1)
        g = ((torch.arange(r // 2) - low) / (high - low)).clamp(0, 1)
        stretched: Tensor = f / yarn["factor"] * g + f * (1 - g)
        return stretched
