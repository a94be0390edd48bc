"""Give a checkpoint one more layer, and let it keep what it knows.

``python -m training.deepen --at 4 --like 5 --out DIR`` writes nano with a layer before
its fifth, to be trained on with ``training.train --start DIR --nano DIR``.

The new layer is a copy of another whose sublayers write nothing yet (their last maps
are zero) and whose streams pass as they are, as in block expansion (LLaMA Pro, Wu et
al. 2024): the model answers as before, and what the layer copied it can use at once.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from training.export import WEIGHTS, write
from training.train import NANO

_LAYER = re.compile(r"layers\.(\d+)\.(.+)")
_LAST_MAPS = ("wo_b.weight", "w2.weight")
KEPT = 6.0
"""Logit of a stream's staying where it is, over that of going to another (0.7 % of it
does): training has to be able to move it."""


def silent(name: str, tensor: Tensor, streams: int, kept: float) -> Tensor:
    """The tensor ``name`` of a layer that adds nothing and moves nothing.

    The mixing's rows are: what is read of each stream, what is written to each, and
    ``streams`` times ``streams`` for what goes where.
    """
    if name.endswith(_LAST_MAPS):
        return torch.zeros_like(tensor)
    if re.fullmatch(r"hc_\w+_(base|fn)", name):
        tensor[2 * streams :] = 0
        if name.endswith("base"):
            tensor[2 * streams :] = kept * torch.eye(streams).flatten()
    return tensor


def deepened(
    tensors: dict[str, Tensor], at: int, like: int, streams: int, kept: float
) -> dict[str, Tensor]:
    """A checkpoint's tensors, a silent copy of layer ``like`` before layer ``at``."""
    made: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        layer = _LAYER.fullmatch(name)
        if layer is None:
            made[name] = tensor
            continue
        index, rest = int(layer[1]), layer[2]
        made[f"layers.{index + (index >= at)}.{rest}"] = tensor
        if index == like:
            made[f"layers.{at}.{rest}"] = silent(rest, tensor.clone(), streams, kept)
    return made


def deepen(
    model: Path, at: int, like: int, out: Path, kept: float = KEPT
) -> dict[str, object]:
    """Write ``model`` with one more layer to ``out``; its new config.

    Raises:
        ValueError: there is no layer ``like``, or ``at`` is beyond the last, or among
            the first, which choose experts by token.
    """
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    layers, hashed = config["num_hidden_layers"], config["num_hash_layers"]
    if not (hashed <= like < layers and hashed <= at <= layers):
        raise ValueError(f"layers {at} and {like}: not both of {hashed} to {layers}")
    tensors = load_file(model / WEIGHTS)
    ratios = config["compress_ratios"]
    config["num_hidden_layers"] = layers + 1
    config["compress_ratios"] = [*ratios[:at], ratios[like], *ratios[at:]]
    if "dspark_target_layer_ids" in config:
        # What came out before the new layer comes out of it as well.
        taps = config["dspark_target_layer_ids"]
        config["dspark_target_layer_ids"] = [tap + (tap >= at - 1) for tap in taps]
    write(out, deepened(tensors, at, like, config["hc_mult"], kept), config)
    for name in ("tokenizer.json", "generation_config.json"):
        (out / name).write_bytes((model / name).read_bytes())
    return dict(config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=NANO)
    parser.add_argument("--at", type=int, required=True, help="the new layer's place")
    parser.add_argument("--like", type=int, required=True, help="the layer it copies")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    config = deepen(args.model, args.at, args.like, args.out)
    print(f"{args.out}: {config['num_hidden_layers']} layers")


if __name__ == "__main__":
    main()
